"""Derives the bias of Theorem 2 at the best mean-field q for a linear decoder with K = 2."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Linearity, Witness
from proofs.derivation import Claim, Derivation, Hypothesis

v, m11, m22 = sp.symbols("v M_11 M_22", positive=True)
m12 = sp.Symbol("M_12", real=True)
gap = sp.Symbol("Delta", positive=True)
dim = sp.Symbol("D", positive=True, integer=True)
x, z1, z2, mu1, mu2, a1, a2 = sp.symbols("x z_1 z_2 mu_1 mu_2 a_1 a_2", real=True)
s1, s2 = sp.symbols("s_1 s_2", positive=True)
q1, q2 = sp.Function("q_1", positive=True), sp.Function("q_2", positive=True)

_M = sp.ImmutableMatrix([[m11, m12], [m12, m22]])
_INVERSE = sp.ImmutableMatrix([[m22, -m12], [-m12, m11]]) / (m11 * m22 - m12**2)
_GRAM = _M - v * sp.ImmutableMatrix(sp.eye(2))
_MEAN_FIELD = sp.ImmutableMatrix([[1 / m11, 0], [0, 1 / m22]])
_DETERMINANT = (m11, (gap + m12**2) / m22)


def _over(variable: sp.Symbol, integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (variable, -sp.oo, sp.oo))


_MOMENTS = (
    (_over(z1, q1(z1)), sp.Integer(1)),
    (_over(z1, q1(z1) * z1), mu1),
    (_over(z1, q1(z1) * z1**2), mu1**2 + s1**2),
    (_over(z2, q2(z2)), sp.Integer(1)),
    (_over(z2, q2(z2) * z2), mu2),
    (_over(z2, q2(z2) * z2**2), mu2**2 + s2**2),
)

_VARIANCE = Claim(
    "One data dimension with slopes a_1, a_2: the mean square under q is that of the residual at "
    "the mean, plus what the variances of q add.",
    _over(z1, q1(z1) * _over(z2, q2(z2) * (x - a1 * z1 - a2 * z2) ** 2)),
    "=",
    (x - a1 * mu1 - a2 * mu2) ** 2 + a1**2 * s1**2 + a2**2 * s2**2,
    Linearity(given=_MOMENTS),
)
_INVERTS = Claim(
    "The exact posterior has covariance v M⁻¹ with M = AᵀA + v I;",
    _M * _INVERSE,
    "=",
    sp.ImmutableMatrix(sp.eye(2)),
    Algebra(),
)
_EXACT = Claim(
    "Summed over d, the exact posterior adds tr(AᵀA v M⁻¹) to the residuals at the mean;",
    v * (_GRAM * _INVERSE).trace(),
    "=",
    2 * v - v**2 * _INVERSE.trace(),
    Algebra(),
)
_FACTORISED = Claim(
    "the best mean-field q, with the same mean and variances v/M_ii, adds",
    v * (_GRAM * _MEAN_FIELD).trace(),
    "=",
    2 * v - v**2 * _MEAN_FIELD.trace(),
    Algebra(),
)
_BIAS = Claim(
    "With the exact posterior the fit is σ² in every dimension (theorem2_unbiased). The difference "
    "of steps 3 and 4, divided by D, is the bias of the mean fit:",
    v * ((_GRAM * _MEAN_FIELD).trace() - (_GRAM * _INVERSE).trace()) / dim,
    "=",
    v**2 * m12**2 * (m11 + m22) / (dim * m11 * m22 * (m11 * m22 - m12**2)),
    Algebra(),
)
_SIGN = Claim(
    "M is positive definite, det M = Δ > 0: the bias is ≥ 0, and 0 only for M_12 = 0, that is for "
    "orthogonal columns of A.",
    v**2 * (_INVERSE.trace() - _MEAN_FIELD.trace()),
    "≥",
    sp.Integer(0),
    Witness(
        (v**2 * m12**2 / (gap * m22), v**2 * m12**2 * m22 / (gap * (gap + m12**2))),
        given=(_DETERMINANT,),
    ),
)

DERIVATION = Derivation(
    name="theorem2_bias",
    title="At the true f the mean-field fit of σ² is too large by a closed form (linear f, K = 2)",
    paper="Theorem 2",
    hypotheses=(
        Hypothesis("x = A z + b + noise, z ~ N(0, I_2), noise N(0, v I_D), v = σ²."),
        Hypothesis("q = q_1 q_2, with means μ_i and variances s_i².", _MOMENTS),
        Hypothesis("q has the posterior mean and variances v/M_ii (linear_mean_field)."),
        Hypothesis("det M = Δ > 0.", (_DETERMINANT,)),
    ),
    statement="The mean over d of the refitted σ_d² exceeds σ² by "
    "σ⁴ M_12² (M_11 + M_22) / (D M_11 M_22 det M).",
    steps=(_VARIANCE, _INVERTS, _EXACT, _FACTORISED, _BIAS, _SIGN),
    conclusion="The bias vanishes only where the posterior is factorised. In one data dimension it "
    "can have either sign (`theorycheck noise figure8`): only the mean over d is ≥ 0 here.",
)
