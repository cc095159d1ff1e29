"""Gibbs' inequality: a Kullback–Leibler divergence is never negative."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Linearity, Slope
from proofs.derivation import Claim, Derivation, Hypothesis

z = sp.Symbol("z", real=True)
t, q_value, p_value = sp.symbols("t q p", positive=True)
q = sp.Function("q", positive=True)
p = sp.Function("p", positive=True)


def _total(density: sp.Expr) -> sp.Expr:
    return sp.Integral(density, (z, -sp.oo, sp.oo))


_TANGENT = Claim(
    "The logarithm lies below its tangent at 1: both are 0 there, and the slope of the gap, "
    "1 − 1/t, has the sign of t − 1.",
    t - 1,
    "≥",
    sp.log(t),
    Slope(t, sp.Integer(1), (t - 1) ** 2 / t),
)
_POINTWISE = Claim(
    "At each z, multiply the tangent at t = p/q by q: the gap below is q (t − 1 − log t), which "
    "step 1 makes ≥ 0.",
    q_value * sp.log(q_value / p_value) - (q_value - p_value),
    "=",
    (q_value * (t - 1 - sp.log(t))).subs(t, p_value / q_value),
    Algebra(),
)
_INTEGRAL = Claim(
    "Integrate. What was subtracted integrates to zero, so that the divergence is the integral of "
    "the gaps, each of them ≥ 0.",
    _total(q(z) * sp.log(q(z) / p(z)) - (q(z) - p(z))),
    "=",
    _total(q(z) * sp.log(q(z))) - _total(q(z) * sp.log(p(z))),
    Linearity(given=((_total(q(z)), sp.Integer(1)), (_total(p(z)), sp.Integer(1)))),
)
_ONLY_ZERO = Claim(
    "A gap is zero only at t = 1: t − 1 is linear and −log t strictly convex.",
    sp.Derivative(-sp.log(t), (t, 2)),
    "=",
    1 / t**2,
    Algebra(),
)

DERIVATION = Derivation(
    name="gibbs",
    title="KL[q ‖ p] ≥ 0, and = 0 only where q = p",
    paper="used throughout section 2",
    hypotheses=(
        Hypothesis("q is a positive density.", ((_total(q(z)), sp.Integer(1)),)),
        Hypothesis("∫ q |log q| dz and ∫ q |log p| dz are finite."),
        Hypothesis("p is a positive density.", ((_total(p(z)), sp.Integer(1)),)),
    ),
    statement="KL[q ‖ p] = ∫ q log(q/p) dz ≥ 0, with equality only if q = p almost everywhere.",
    steps=(_TANGENT, _POINTWISE, _INTEGRAL, _ONLY_ZERO),
    conclusion="MLEO and PMO, which are averages of such divergences, are both ≥ 0; a sum over a "
    "discrete variable in place of the integral changes no step.",
)
