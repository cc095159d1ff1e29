"""Theorem 2: with the exact posterior as q the fit of σ² at the true f is unbiased."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus, Linearity
from proofs.derivation import Claim, Derivation, Hypothesis

x, z, mean = sp.symbols("x z f", real=True)
v = sp.Symbol("v", positive=True)
f = sp.Function("f", real=True)
p, prior = sp.Function("p", positive=True), sp.Function("phi", positive=True)
likelihood, posterior = sp.Function("l", positive=True), sp.Function("r", positive=True)


def _over_x(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (x, -sp.oo, sp.oo))


def _over_z(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


_SQUARE = (x - f(z)) ** 2
_BAYES = (posterior(z, x), prior(z) * likelihood(x, z) / p(x))
_TONELLI = (
    _over_x(_over_z(prior(z) * likelihood(x, z) * _SQUARE)),
    _over_z(prior(z) * _over_x(likelihood(x, z) * _SQUARE)),
)
_normal = sp.exp(-((x - mean) ** 2) / (2 * v)) / sp.sqrt(2 * sp.pi * v)
_MOMENT = (_over_x(likelihood(x, z) * _SQUARE), v)
_PRIOR = (_over_z(prior(z)), sp.Integer(1))

_JOINT = Claim(
    "Bayes' rule: p(x) times the posterior is prior times likelihood.",
    p(x) * posterior(z, x),
    "=",
    prior(z) * likelihood(x, z),
    Algebra(given=(_BAYES,)),
)
_SWAP = Claim(
    "So the average over p(x) of the average over the exact posterior is an average over z first, "
    "then over x given z. The order is exchanged by Tonelli's theorem: nothing is negative.",
    _over_x(p(x) * _over_z(posterior(z, x) * _SQUARE)),
    "=",
    _over_z(prior(z) * _over_x(likelihood(x, z) * _SQUARE)),
    Linearity(given=(_BAYES, _TONELLI)),
)
_VARIANCE = Claim(
    "Given z, x is N(f(z), v): the inner average is its variance, whatever f(z).",
    _over_x(_normal * (x - mean) ** 2),
    "=",
    v,
    Calculus(),
)
_TOTAL = Claim(
    "and the outer average of a constant is that constant.",
    _over_z(prior(z) * _over_x(likelihood(x, z) * _SQUARE)),
    "=",
    v,
    Linearity(given=(_MOMENT, _PRIOR)),
)

DERIVATION = Derivation(
    name="theorem2_unbiased",
    title="At the true f, with q the exact posterior, the fitted σ_d² is the true one",
    paper="Theorem 2",
    hypotheses=(
        Hypothesis("Bayes' rule, with r the posterior, φ the prior, l the likelihood.", (_BAYES,)),
        Hypothesis("x and f(z) have finite second moments."),
        Hypothesis("Tonelli's theorem for a non-negative integrand.", (_TONELLI,)),
        Hypothesis("l is N(f(z), v): its second moment about f(z), as step 3 shows.", (_MOMENT,)),
        Hypothesis("The prior φ is a density.", (_PRIOR,)),
    ),
    statement="E_p E_{p(z|x)} (x_d − f_d(z))² = σ_d².",
    steps=(_JOINT, _SWAP, _VARIANCE, _TOTAL),
    conclusion="Theorem 2's fit is unbiased when q is the posterior. Only q ≠ posterior biases it: "
    "theorem2_bias has a model where the bias is in closed form.",
)
