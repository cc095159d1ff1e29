"""Derives marginal and posterior of the linear Gaussian model."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Calculus, MatrixAlgebra
from proofs.derivation import Claim, Derivation, Hypothesis

K, D = sp.symbols("K D", integer=True, positive=True)
v = sp.Symbol("v", positive=True)
A = sp.MatrixSymbol("A", D, K)
M = sp.MatrixSymbol("M", K, K)
C = sp.MatrixSymbol("C", D, D)
y = sp.MatrixSymbol("y", D, 1)
z = sp.MatrixSymbol("z", K, 1)

_M_IS = (A.T * A, M - v * sp.Identity(K))
_C_IS = (A * A.T, C - v * sp.Identity(D))
_MEAN = M.I * A.T * y

_PUSH = Claim(
    "Both are A Aᵀ A + v A.",
    A * (A.T * A + v * sp.Identity(K)),
    "=",
    (A * A.T + v * sp.Identity(D)) * A,
    MatrixAlgebra(),
)
_WOODBURY = Claim(
    "C⁻¹ = (I − A M⁻¹ Aᵀ)/v: multiply by C = A Aᵀ + v I, with Aᵀ A = M − v I.",
    (A * A.T + v * sp.Identity(D)) * (sp.Identity(D) - A * M.I * A.T),
    "=",
    v * sp.Identity(D),
    MatrixAlgebra(given=(_M_IS,)),
)
_SQUARE = Claim(
    "Complete the square in z, with y = x − b and m = M⁻¹ Aᵀ y. Times v, the exponent of "
    "prior × likelihood is",
    v * z.T * z + (y - A * z).T * (y - A * z),
    "=",
    (z - _MEAN).T * M * (z - _MEAN) + y.T * (sp.Identity(D) - A * M.I * A.T) * y,
    MatrixAlgebra(given=(_M_IS,), symmetric=(M,)),
)
_a = sp.ImmutableMatrix(3, 2, sp.symbols("a_11 a_12 a_21 a_22 a_31 a_32", real=True))
_DETERMINANT = Claim(
    "The normalising constants agree, v^K det C = v^D det M, here for K = 2, D = 3:",
    v**2 * sp.Determinant(_a * _a.T + v * sp.eye(3)),
    "=",
    v**3 * sp.Determinant(_a.T * _a + v * sp.eye(2)),
    Calculus(),
)

DERIVATION = Derivation(
    name="linear_posterior",
    title="Linear f: p(x) = N(b, AAᵀ + σ²I), posterior N(M⁻¹Aᵀ(x − b), σ²M⁻¹)",
    paper="the model behind section 5.1's claim on disentanglement",
    hypotheses=(
        Hypothesis("x = A z + b + noise, z ~ N(0, I_K), noise N(0, v I_D), v = σ²."),
        Hypothesis("M = AᵀA + v I.", (_M_IS,)),
        Hypothesis("y = x − b; any K and D, except where sizes are named."),
    ),
    statement="With M = AᵀA + σ²I: p(x) = N(b, AAᵀ + σ²I) and p(z|x) = N(M⁻¹Aᵀ(x − b), σ²M⁻¹).",
    steps=(_PUSH, _WOODBURY, _SQUARE, _DETERMINANT),
    conclusion="By step 3 the exponent splits into one of z given x, with precision M/v and mean "
    "M⁻¹Aᵀy, and one of x alone, with precision (I − A M⁻¹ Aᵀ)/v, which step 2 names C⁻¹.",
)
