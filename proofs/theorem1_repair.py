"""Theorem 1, repaired: condition (2′) does imply MLEO ≠ 0 at every global minimum."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Witness
from proofs.derivation import Claim, Derivation, Hypothesis

J_f, J_g, pmo_g, pmo_f, m_g, m_f = sp.symbols("J_f J_g PMO_g PMO_f MLEO_g MLEO_f", nonnegative=True)
delta = sp.Symbol("delta", positive=True)
kappa = sp.Symbol("kappa", nonnegative=True)

_SPLIT_F = (J_f, m_f + pmo_f)
_SPLIT_G = (J_g, m_g + pmo_g)
_ZERO = (m_g, sp.Integer(0))
_REPAIR = (pmo_g, m_f + pmo_f + delta)
_NO_BETTER = (m_f, pmo_g + kappa - pmo_f)

_J = Claim(
    "Suppose that a global minimum g has MLEO(g) = 0. Then J(g) is its PMO.",
    J_g,
    "=",
    pmo_g,
    Algebra(given=(_SPLIT_G, _ZERO)),
)
_BETTER = Claim(
    "By (2′) some f ∈ F has a smaller J, by some δ > 0: g is no minimum, a contradiction.",
    J_g,
    ">",
    J_f,
    Witness((delta,), given=(_SPLIT_F, _SPLIT_G, _ZERO, _REPAIR)),
)
_CONVERSE = Claim(
    "The condition is sharp: where it fails, some g with MLEO(g) = 0 has PMO(g) ≤ J(f), by some "
    "κ ≥ 0, for every f ∈ F. That g is a global minimum.",
    J_f,
    "≥",
    J_g,
    Witness((kappa,), given=(_SPLIT_F, _SPLIT_G, _ZERO, _NO_BETTER)),
)

DERIVATION = Derivation(
    name="theorem1_repair",
    title="Under (2′) every global minimum has MLEO ≠ 0",
    paper="Theorem 1, repaired",
    hypotheses=(
        Hypothesis("J = MLEO + PMO (equation 3), for f", (_SPLIT_F,)),
        Hypothesis("and for g.", (_SPLIT_G,)),
        Hypothesis("g ∈ F has MLEO(g) = 0.", (_ZERO,)),
        Hypothesis(
            "(2′): every such g has PMO(g) > J(f) = MLEO(f) + PMO(f) for some f ∈ F, "
            "by some δ > 0.",
            (_REPAIR,),
        ),
        Hypothesis(
            "For the converse only: (2′) fails for g, PMO(g) + κ = J(f) with κ ≥ 0 for every f.",
            (_NO_BETTER,),
        ),
    ),
    statement="If every g ∈ F with MLEO(g) = 0 has PMO(g) > J(f) for some f ∈ F, then every global "
    "minimum of J over F has MLEO ≠ 0; and where a minimum exists, only then.",
    steps=(_J, _BETTER, _CONVERSE),
    conclusion="(2′) needs no threshold η: the partition is a way to read the PMO, not a part of "
    "the condition. Condition (1) gives (2′) for one g, the ground truth (theorem1_difference). "
    "What is left to check is every other decoder with MLEO = 0, the rearrangements of the ground "
    "truth.",
)
