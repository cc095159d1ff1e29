"""Theorem 1, the gap: both conditions hold, and the global minimum has MLEO = 0."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Witness
from proofs.derivation import Claim, Derivation, Hypothesis
from proofs.theorem1_symbols import (
    H_G,
    J_G,
    L_G,
    P_G,
    H_f,
    H_g,
    J_f,
    J_g,
    L_f,
    L_g,
    M_f,
    P_f,
    P_g,
)

#: Exact numbers at η = 1; every part of every partition has positive probability.
EXAMPLE = {
    P_G: sp.Rational(1, 2), H_G: sp.Integer(10), L_G: sp.Rational(1, 10),
    P_f: sp.Rational(1, 10), H_f: sp.Integer(2), L_f: sp.Rational(1, 10), M_f: sp.Integer(1),
    P_g: sp.Rational(1, 10), H_g: sp.Integer(2), L_g: sp.Rational(1, 5),
}  # fmt: skip
_GIVEN = tuple(EXAMPLE.items())


def _margin(reason: str, larger: sp.Expr, smaller: sp.Expr, by: sp.Rational) -> Claim:
    text = f"{reason} The margin is {by}."
    return Claim(text, larger, ">", smaller, Witness((by,), given=_GIVEN))


_MEETS_1 = _margin(
    "f meets the first inequality of condition (1).",
    P_G * (H_G - L_G),
    P_f * H_f + M_f,
    sp.Rational(15, 4),
)
_MEETS_2 = Claim(
    "f meets the second, as an equality.",
    L_G,
    "=",
    L_f,
    Algebra(given=_GIVEN),
)
_F_HAS_ERROR = _margin(
    "f has MLEO ≠ 0, as condition (2) asks of it.", M_f, sp.Integer(0), sp.Integer(1)
)
_G_IS_EXEMPT = _margin(
    "g has MLEO = 0 but misses the second inequality, so condition (2) says nothing about g.",
    L_g,
    L_G,
    sp.Rational(1, 10),
)
_TRUTH_IS_EXEMPT = Claim(
    "Nor about the ground truth itself: put in the place of f it misses the first inequality.",
    P_G * H_G - P_G * (H_G - L_G),
    "=",
    sp.Rational(1, 20),
    Algebra(given=_GIVEN),
)
_BELOW_F = _margin("Yet g is better than f.", J_f, J_g, sp.Rational(91, 100))
_BELOW_TRUTH = _margin(
    "And better than the ground truth: g is the global minimum.", J_G, J_g, sp.Rational(467, 100)
)

DERIVATION = Derivation(
    name="theorem1_gap",
    title="A counterexample: both conditions of Theorem 1 hold, the minimum has MLEO = 0",
    paper="Theorem 1, as stated",
    hypotheses=(
        Hypothesis("P = Pr[X_Hi], H = D_Hi, L = D_Lo, M = MLEO, J = MLEO + PMO, at η = 1."),
        Hypothesis("G, the ground truth: P = 1/2, H = 10, L = 1/10, M = 0.", _GIVEN[:3]),
        Hypothesis("f: P = 1/10, H = 2, L = 1/10, M = 1.", _GIVEN[3:7]),
        Hypothesis("g: P = 1/10, H = 2, L = 1/5, M = 0.", _GIVEN[7:]),
        Hypothesis("The class is F = {G, f, g}."),
    ),
    statement="Conditions (1) and (2) do not imply that the global minimum has MLEO ≠ 0.",
    steps=(
        _MEETS_1,
        _MEETS_2,
        _F_HAS_ERROR,
        _G_IS_EXEMPT,
        _TRUTH_IS_EXEMPT,
        _BELOW_F,
        _BELOW_TRUTH,
    ),
    conclusion="Condition (2) forbids MLEO = 0 only to those f that meet the inequalities of (1). "
    "A decoder with MLEO = 0 and D_Lo above the ground truth's escapes it, and may be the best "
    "of all. Claim C03 has the same with real decoders on the data of absolute_value. F has three "
    "members here; in a class with all small moves a decoder that its M-step moves is no minimum "
    "(theorem1_stationarity), and whether the theorem is true there is open.",
)
