"""Derives by Hadamard's inequality the PMO of a linear decoder, and when it is 0."""

from __future__ import annotations

import sympy as sp

from proofs.bracket import Bracket
from proofs.checks import Algebra, Linearity, Slope, Witness
from proofs.derivation import Claim, Derivation, Hypothesis

t, m11, m22, m33 = sp.symbols("t M_11 M_22 M_33", positive=True)
m12, m13, m23 = sp.symbols("M_12 M_13 M_23", real=True)
k = sp.Symbol("k", integer=True, positive=True)
latents = sp.Symbol("K", integer=True, positive=True)
eigenvalue = sp.IndexedBase("lambda", positive=True)


def _over_k(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (k, 1, latents))


#: Scaled by its diagonal a matrix has ones there: its trace, the sum of its eigenvalues, is K.
_TRACE = (_over_k(eigenvalue[k]), latents)
_M = sp.ImmutableMatrix([[m11, m12, m13], [m12, m22, m23], [m13, m23, m33]])
_SCALE = sp.ImmutableMatrix(sp.diag(*(1 / sp.sqrt(m) for m in (m11, m22, m33))))

_TANGENT = Claim(
    "The logarithm lies below its tangent at 1.",
    t - 1,
    "≥",
    sp.log(t),
    Slope(t, sp.Integer(1), (t - 1) ** 2 / t),
)
_SCALED = Claim(
    "Scale M to ones on the diagonal, N = S M S with S = diag(M_ii^{−½}); here for K = 3.",
    sum(Bracket(1 / sp.sqrt(m)) ** 2 * m for m in (m11, m22, m33)),
    "=",
    sp.Integer(3),
    Algebra(),
)
_DETERMINANT = Claim(
    "Its determinant is det M over the product of the diagonal, so that log det N = "
    "log det M − Σ log M_ii.",
    sp.Determinant(_SCALE * _M * _SCALE),
    "=",
    sp.Determinant(_M) / (m11 * m22 * m33),
    Algebra(),
)
_SUM = Claim(
    "Sum step 1 over the eigenvalues λ_k of N, any K: −log det N is a sum of gaps, each ≥ 0, "
    "because Σ (λ_k − 1) = 0.",
    _over_k(eigenvalue[k] - 1 - sp.log(eigenvalue[k])),
    "=",
    -_over_k(sp.log(eigenvalue[k])),
    Linearity(given=(_TRACE,)),
)
_STRICT = Claim(
    "A gap is 0 only at λ = 1. If all are, N = I and M is diagonal: its off-diagonal entries, the "
    "inner products of the columns of A, vanish. For K = 2 what is missing is M_12²:",
    m11 * m22,
    "≥",
    sp.Determinant(sp.ImmutableMatrix([[m11, m12], [m12, m22]])),
    Witness((m12**2,)),
)
DERIVATION = Derivation(
    name="linear_hadamard",
    title="Σ log M_ii ≥ log det M, with equality only for orthogonal columns of A",
    paper="the model behind section 5.1's claim on disentanglement",
    hypotheses=(
        Hypothesis("M = AᵀA + v I is positive definite, so its scaled N has eigenvalues λ_k > 0."),
        Hypothesis("The eigenvalues sum to the trace: Σ λ_k = K (step 2, for any K).", (_TRACE,)),
        Hypothesis("Their logarithms sum to log det N."),
    ),
    statement="½(Σ log M_ii − log det M) ≥ 0, and = 0 exactly when the columns of A are "
    "orthogonal.",
    steps=(_TANGENT, _SCALED, _DETERMINANT, _SUM, _STRICT),
    conclusion="In the linear model a mean-field q is free of cost only where the columns of A are "
    "orthogonal.",
)
