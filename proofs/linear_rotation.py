"""Claim C17 in closed form: the ELBO prefers the entangled one of two models with equal p(x)."""

from __future__ import annotations

import sympy as sp

from proofs.bracket import Bracket
from proofs.checks import Algebra, MatrixAlgebra, Witness
from proofs.derivation import Claim, Derivation, Hypothesis

K, D = sp.symbols("K D", integer=True, positive=True)
A, R = sp.MatrixSymbol("A", D, K), sp.MatrixSymbol("R", K, K)
v, gap = sp.symbols("v Delta", positive=True)
m11, m22 = sp.symbols("M_11 M_22", positive=True)
a1, a2, c1, c2 = sp.symbols("a_1 a_2 c_1 c_2", real=True)
m12 = sp.Symbol("M_12", real=True)
angle = sp.Symbol("alpha", real=True)

_ORTHOGONAL = (R * R.T, sp.Identity(K))
_TURN = sp.ImmutableMatrix([[sp.cos(angle), -sp.sin(angle)], [sp.sin(angle), sp.cos(angle)]])
_M = sp.ImmutableMatrix([[m11, m12], [m12, m22]])
_TURNED = _TURN.T * _M * _TURN
_ENTRY = sp.Rational(101, 100)
_GRAM = sp.ImmutableMatrix([[101, 80], [80, 101]]) / 100


_SAME_DENSITY = Claim(
    "Rotate the latents, f_R(z) = A R z + b. Since z and R z have the same law, so has x: the "
    "covariance of p(x) does not change, for any K and D.",
    (A * R) * (A * R).T,
    "=",
    A * A.T,
    MatrixAlgebra(given=(_ORTHOGONAL,)),
)
_DIAGONALISED = Claim(
    "For K = 2 the rotation by α changes M_12 to",
    _TURNED[0, 1],
    "=",
    m12 * sp.cos(2 * angle) - (m11 - m22) * sp.sin(2 * angle) / 2,
    Algebra(),
)
_DETERMINANT = Claim(
    "which is 0 at tan 2α = 2 M_12/(M_11 − M_22), or at 45° if M_11 = M_22: some rotation makes M "
    "diagonal. None changes det M, since a rotation has determinant 1.",
    sp.Determinant(_TURN),
    "=",
    sp.Integer(1),
    Algebra(),
)
_PRICE = Claim(
    "At that rotation PMO = 0, at the ground truth it is ½ log(M_11 M_22/det M), with "
    "M_11 M_22 above det M = Δ by M_12², which is > 0 for columns that are not orthogonal.",
    m11 * m22 - gap,
    "≥",
    sp.Integer(0),
    Witness((m12**2,), given=((m11, (gap + m12**2) / m22),)),
)
_EQUAL_LENGTHS = Claim(
    "If two columns a and c have the same length, the rotation by 45° is it: the columns become "
    "(a + c)/√2 and (c − a)/√2, with the inner product ½(|c|² − |a|²) = 0. Times 2:",
    (a1 + c1) * (c1 - a1) + (a2 + c2) * (c2 - a2),
    "=",
    c1**2 + c2**2 - (a1**2 + a2**2),
    Algebra(),
)
_EXAMPLE_OFF = Claim(
    "An example: columns (1, 0) and (4/5, 3/5), of length 1, and σ² = 1/100. There M_11 = M_22 = "
    "101/100, M_12 = 4/5;",
    Bracket(_ENTRY) ** 2 - sp.Determinant(_GRAM),
    "=",
    sp.Rational(4, 5) ** 2,
    Algebra(),
)
_EXAMPLE_GAIN = Claim(
    "and the ELBO prefers the latents (z_1 + z_2)/√2 and (z_2 − z_1)/√2, each a mixture of both "
    "factors, by 0.4936 nats:",
    sp.log(Bracket(_ENTRY) ** 2 / sp.Determinant(_GRAM)) / 2,
    "=",
    sp.log(sp.Rational(10201, 3801)) / 2,
    Algebra(),
)

DERIVATION = Derivation(
    name="linear_rotation",
    title="Non-orthogonal columns: the ELBO prefers rotated, entangled latents with the same p(x)",
    paper="section 5.1, disentanglement",
    hypotheses=(
        Hypothesis("R is orthogonal.", (_ORTHOGONAL,)),
        Hypothesis("det M = Δ > 0.", ((m11, (gap + m12**2) / m22),)),
        Hypothesis("PMO = ½(Σ log M_ii − log det M), by linear_mean_field."),
    ),
    statement="Let x = A z + b + noise, where each latent is one factor and the columns of A are "
    "not orthogonal. A rotation f_R(z) = A R z + b that mixes the factors has the same p(x), "
    "MLEO = 0, and PMO = 0 < PMO of the ground truth.",
    steps=(
        _SAME_DENSITY,
        _DIAGONALISED,
        _DETERMINANT,
        _PRICE,
        _EQUAL_LENGTHS,
        _EXAMPLE_OFF,
        _EXAMPLE_GAIN,
    ),
    conclusion="p(x) cannot tell the two apart; the mean-field q can, and it selects the latents "
    "that make the columns orthogonal, not those that generated the data.",
)
