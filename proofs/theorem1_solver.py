"""Theorem 1 by a second prover: z3 refutes the literal statement and proves the repaired one."""

from __future__ import annotations

import sympy as sp

from proofs.derivation import Derivation, Hypothesis
from proofs.solver import Entailment, Prenex
from proofs.theorem1_symbols import (
    CONDITION_1,
    CONDITION_1_ZERO,
    J_G,
    P_G,
    PARTITIONS,
    J_f,
    J_g,
    M_f,
    P_f,
    P_g,
)

f, g, h = sp.symbols("f g h")
mleo, pmo = sp.Function("MLEO"), sp.Function("PMO")

#: Condition (2): the decoders with MLEO = 0, G and g, do not meet condition (1).
_CONDITION_2 = sp.Not(sp.And(*CONDITION_1_ZERO))
#: All parts of all partitions have positive probability, so that every D is defined.
_ALL_DEFINED = tuple(r for p in (P_G, P_f, P_g) for r in (p > 0, p < 1))


def _j(decoder: sp.Symbol) -> sp.Expr:
    return mleo(decoder) + pmo(decoder)


_PREFERS = Entailment(
    "Condition (1) does imply that f is better than the ground truth: no numbers contradict it.",
    CONDITION_1,
    J_f < J_G,
    holds_always=True,
)
_GAP = Entailment(
    "Conditions (1) and (2) do not imply that the minimum over {G, f, g} has MLEO ≠ 0: z3 finds "
    "numbers for which g is at least as good as f. All D_Lo and D_Hi are defined in them.",
    (*PARTITIONS, *_ALL_DEFINED, *CONDITION_1, _CONDITION_2, M_f > 0),
    J_f < J_g,
    holds_always=False,
)
_CLOSED = Entailment(
    "With (2′) for g in place of (2) the gap is closed.",
    (*CONDITION_1, sp.Or(J_f < J_g, sp.Lt(J_G, J_g))),
    sp.And(J_f < J_g, J_f < J_G),
    holds_always=True,
)
_EVERY_CLASS = Entailment(
    "For a class F of any size: if every g with MLEO(g) = 0 has PMO(g) > J(f) for some f, then a "
    "decoder h that minimises J over F has MLEO(h) ≠ 0.",
    (Prenex((("∀", g), ("∃", f)), sp.Implies(sp.Eq(mleo(g), 0), pmo(g) > _j(f))),),
    Prenex(
        (("∀", h), ("∃", f)),
        sp.Implies(sp.Eq(mleo(h), 0), _j(f) < _j(h)),
    ),
    holds_always=True,
)

DERIVATION = Derivation(
    name="theorem1_solver",
    title="z3 finds a counterexample to Theorem 1 as stated, and none to the repaired theorem",
    paper="Theorem 1, by a second prover",
    hypotheses=(
        Hypothesis("P = Pr[X_Hi] ≤ 1, 0 ≤ D_Lo = L ≤ η < D_Hi = H, MLEO = M ≥ 0."),
        Hypothesis("MLEO(G) = MLEO(g) = 0; J = MLEO + PMO by equations 3 and 6."),
    ),
    statement="Over all real values of P, H, L and M: (1) ⟹ J(f) < J(G); (1) and (2) do not imply "
    "MLEO ≠ 0 at the minimum; (2′) does, for a class of any size.",
    steps=(_PREFERS, _GAP, _CLOSED, _EVERY_CLASS),
    conclusion="z3 shares no code with sympy, which checks the other derivations of Theorem 1 and "
    "the counterexample that z3 found.",
)
