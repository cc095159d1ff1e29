"""Derives the noise variance of Theorem 2, which minimises −ELBO at fixed f and q."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus, Linearity, Slope
from proofs.derivation import Claim, Derivation, Hypothesis

x, z = sp.symbols("x z", real=True)
v, r = sp.symbols("v r", positive=True)
f = sp.Function("f", real=True)
q = sp.Function("q", positive=True)


def _over_z(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


#: What −ELBO is as a function of one σ_d² = v, up to terms without v.
_OBJECTIVE = sp.log(v) / 2 + r / (2 * v)
_SQUARE = (x - f(z)) ** 2
_NORMALISED = (_over_z(q(z)), sp.Integer(1))

_LIKELIHOOD = Claim(
    "The log density of N(x; f(z), v), term by term.",
    -sp.log(sp.exp(-_SQUARE / (2 * v)) / sp.sqrt(2 * sp.pi * v)),
    "=",
    sp.log(v) / 2 + _SQUARE / (2 * v) + sp.log(2 * sp.pi) / 2,
    Algebra(),
)
_EXPECTED = Claim(
    "Average over q: v enters by ½ log v and by the mean square r over 2v. The average over p(x) "
    "is taken in the same way.",
    _over_z(q(z) * (sp.log(v) / 2 + _SQUARE / (2 * v))),
    "=",
    sp.log(v) / 2 + _over_z(q(z) * _SQUARE) / (2 * v),
    Linearity(given=(_NORMALISED,)),
)
_DERIVATIVE = Claim(
    "With r = E_p E_q (x_d − f_d)² the derivative in v has its only zero at v = r.",
    sp.Derivative(_OBJECTIVE, v),
    "=",
    (v - r) / (2 * v**2),
    Calculus(),
)
_CURVATURE = Claim(
    "The second derivative there is positive: a minimum. (In log v it is ½, whatever r.)",
    sp.Subs(sp.Derivative(_OBJECTIVE, (v, 2)), v, r),
    "=",
    1 / (2 * r**2),
    Calculus(),
)
_GLOBAL = Claim(
    "It is the global one: −ELBO(v) − −ELBO(r) is zero at v = r and grows on either side.",
    sp.log(v) / 2 + r / (2 * v),
    "≥",
    sp.log(r) / 2 + sp.Rational(1, 2),
    Slope(v, r, (v - r) ** 2 / (2 * v**2)),
)

DERIVATION = Derivation(
    name="theorem2_minimum",
    title="argmin over σ_d² of −ELBO is E_p E_q (x_d − f_d(z))²",
    paper="Theorem 2",
    hypotheses=(
        Hypothesis("f and q(z|x) do not depend on v = σ_d²."),
        Hypothesis("q is a density.", (_NORMALISED,)),
        Hypothesis("0 < r = E_p E_q (x_d − f_d)² < ∞."),
    ),
    statement="As a function of σ_d² = v alone, −ELBO = ½ log v + r/(2v) + c. Its unique minimum "
    "is at v = r = E_p E_q (x_d − f_d(z))².",
    steps=(_LIKELIHOOD, _EXPECTED, _DERIVATIVE, _CURVATURE, _GLOBAL),
    conclusion="The formula holds for every q, optimal or not. If one σ² is shared by all D data "
    "dimensions, the sum over d gives the mean of the r_d instead.",
)
