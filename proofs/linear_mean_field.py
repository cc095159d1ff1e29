"""Derives the best mean-field q of the linear Gaussian model, and its KL."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus, Linearity, Slope
from proofs.derivation import Claim, Derivation, Hypothesis

v, m11, m22, s1, s2, u, gap = sp.symbols("v M_11 M_22 s_1 s_2 u Delta", positive=True)
m12, mu1, mu2, z1, z2 = sp.symbols("M_12 mu_1 mu_2 z_1 z_2", real=True)
k = sp.Symbol("k", integer=True, positive=True)
latents = sp.Symbol("K", integer=True, positive=True)
variances = sp.IndexedBase("u", positive=True)
diagonal = sp.IndexedBase("m", positive=True)
log_det = sp.Symbol("Lambda", real=True)
q1, q2 = sp.Function("q_1", positive=True), sp.Function("q_2", positive=True)


def _over(variable: sp.Symbol, integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (variable, -sp.oo, sp.oo))


def _over_k(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (k, 1, latents))


_M = sp.ImmutableMatrix([[m11, m12], [m12, m22]])
_MOMENTS = (
    (_over(z1, q1(z1)), sp.Integer(1)),
    (_over(z1, q1(z1) * z1), mu1),
    (_over(z1, q1(z1) * z1**2), mu1**2 + s1**2),
    (_over(z2, q2(z2)), sp.Integer(1)),
    (_over(z2, q2(z2) * z2), mu2),
    (_over(z2, q2(z2) * z2**2), mu2**2 + s2**2),
)
_DETERMINANT = (m11, (gap + m12**2) / m22)
_QUADRATIC = m11 * z1**2 + 2 * m12 * z1 * z2 + m22 * z2**2
_IN_MEANS = m11 * mu1**2 + 2 * m12 * mu1 * mu2 + m22 * mu2**2
_ONE_COST = m11 * u / (2 * v) - sp.log(u) / 2

_EXPECTED = Claim(
    "Let z be measured from the posterior mean. Under q the quadratic of the posterior averages to "
    "that of the mean of q plus Σ M_ii s_i²: off-diagonal entries of M meet means only.",
    _over(z1, q1(z1) * _over(z2, q2(z2) * _QUADRATIC)),
    "=",
    m11 * s1**2 + m22 * s2**2 + m11 * mu1**2 + 2 * m12 * mu1 * mu2 + m22 * mu2**2,
    Linearity(given=_MOMENTS),
)
_MEAN = Claim(
    "The part in μ has the slope 2 M μ, and M is positive definite: its only minimum is at the "
    "posterior mean, μ = 0.",
    sp.ImmutableMatrix([sp.Derivative(_IN_MEANS, mu1), sp.Derivative(_IN_MEANS, mu2)]),
    "=",
    2 * _M * sp.ImmutableMatrix([mu1, mu2]),
    Algebra(),
)
_ZERO = Claim(
    "Each variance u = s_i² has a cost of its own, with the slope",
    sp.Derivative(_ONE_COST, u),
    "=",
    (u - v / m11) * m11 / (2 * v * u),
    Calculus(),
)
_BEST = Claim(
    "so that the best is u = v/M_ii, and no other u costs less.",
    _ONE_COST,
    "≥",
    sp.Rational(1, 2) - sp.log(v / m11) / 2,
    Slope(u, v / m11, (u - v / m11) ** 2 * m11 / (2 * v * u)),
)
_COST = Claim(
    "KL of N(m, diag u) from N(m, v M⁻¹) is ½(Σ M_ii u_i/v − K − Σ log u_i + K log v − Λ) with "
    "Λ = log det M, any K. At u_i = v/M_ii:",
    (
        _over_k(diagonal[k] * (v / diagonal[k]) / v)
        - latents
        - _over_k(sp.log(v / diagonal[k]))
        + latents * sp.log(v)
        - log_det
    )
    / 2,
    "=",
    (_over_k(sp.log(diagonal[k])) - log_det) / 2,
    Linearity(),
)
_PLANE = Claim(
    "For K = 2 that is",
    (sp.log(m11) + sp.log(m22) - sp.log(gap)) / 2,
    "=",
    sp.log(1 + m12**2 / gap) / 2,
    Algebra(given=(_DETERMINANT,)),
)

DERIVATION = Derivation(
    name="linear_mean_field",
    title="Linear f: the best mean-field q, and KL = ½(Σ log M_ii − log det M) at every x",
    paper="the model behind section 5.1's claim on disentanglement",
    hypotheses=(
        Hypothesis("q = q_1 q_2, with means μ_i and variances s_i².", _MOMENTS),
        Hypothesis("The posterior is N(M⁻¹Aᵀ(x − b), v M⁻¹), M positive definite."),
        Hypothesis("det M = Δ > 0, for the last step.", (_DETERMINANT,)),
    ),
    statement="The best mean-field Gaussian has the posterior mean and variances σ²/M_ii, and "
    "KL = ½(Σ log M_ii − log det M), the same for every x.",
    steps=(_EXPECTED, _MEAN, _ZERO, _BEST, _COST, _PLANE),
    conclusion="PMO = ½(Σ log M_ii − log det M). With one latent it is 0: the posterior is itself "
    "a mean-field Gaussian.",
)
