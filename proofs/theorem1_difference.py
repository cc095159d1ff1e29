"""Theorem 1, what condition (1) proves: the ground truth is not optimal."""

from __future__ import annotations

import sympy as sp

from proofs.bracket import Bracket
from proofs.checks import Algebra, Witness
from proofs.derivation import Claim, Derivation, Hypothesis
from proofs.theorem1_symbols import H_G, J_G, L_G, P_G, H_f, J_f, L_f, M_f, P_f

#: By how much the two inequalities of condition (1) hold.
delta = sp.Symbol("delta", positive=True)
epsilon = sp.Symbol("epsilon", nonnegative=True)

_FIRST = (H_G, L_G + (P_f * H_f + M_f + delta) / P_G)
_SECOND = (L_G, L_f + epsilon)

_IDENTITY = Claim(
    "Write both J by equation 6 and sort the terms: one bracket for each inequality of condition "
    "(1), and the rest.",
    J_G - J_f,
    "=",
    Bracket(P_G * (H_G - L_G) - P_f * H_f - M_f) + Bracket(L_G - L_f) + P_f * L_f,
    Algebra(),
)
_BRACKET = Claim(
    "Condition (1) says that the bracket of its first inequality is some δ > 0",
    (P_G * (H_G - L_G) - P_f * H_f - M_f),
    "=",
    delta,
    Algebra(given=(_FIRST,)),
)
_GAIN = Claim(
    "and that L_G − L_f is some ε ≥ 0; the rest P_f L_f is a product of non-negative numbers.",
    J_G - J_f,
    ">",
    sp.Integer(0),
    Witness((delta, epsilon, P_f * L_f), given=(_FIRST, _SECOND)),
)

DERIVATION = Derivation(
    name="theorem1_difference",
    title="Condition (1) implies J(f) < J(ground truth): the ground truth is not optimal",
    paper="Theorem 1, condition (1)",
    hypotheses=(
        Hypothesis("P = Pr[X_Hi] in [0, 1], H = D_Hi, L = D_Lo, M = MLEO, all ≥ 0, at one η."),
        Hypothesis(
            "Condition (1), first inequality: P_G (H_G − L_G) > P_f H_f + M_f, by δ > 0.",
            (_FIRST,),
        ),
        Hypothesis("Condition (1), second inequality: L_G ≥ L_f, by ε ≥ 0.", (_SECOND,)),
        Hypothesis("P_G > 0, which the first inequality implies."),
    ),
    statement="If f meets both inequalities of condition (1) at some η, then "
    "J(f) = MLEO(f) + PMO(f) < PMO(G) = J(G).",
    steps=(_IDENTITY, _BRACKET, _GAIN),
    conclusion="The ELBO prefers f to the ground truth G. Nothing here compares f with any third "
    "decoder: that G is not the global minimum does not say that MLEO ≠ 0 at the minimum "
    "(theorem1_gap).",
)
