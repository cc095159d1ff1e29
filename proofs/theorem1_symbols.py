"""Defines the symbols of Theorem 1: three decoders, each with its partition at one η.

G is the ground truth, f the decoder that meets condition (1), g a decoder with MLEO = 0. For each,
P = Pr[X_Hi], H = D_Hi, L = D_Lo and M = MLEO.
"""

from __future__ import annotations

import sympy as sp

from proofs.derivation import Expr

P_G, H_G, L_G = sp.symbols("P_G H_G L_G", nonnegative=True)
P_f, H_f, L_f, M_f = sp.symbols("P_f H_f L_f M_f", nonnegative=True)
P_g, H_g, L_g = sp.symbols("P_g H_g L_g", nonnegative=True)
eta = sp.Symbol("eta", positive=True)


def pmo(high: Expr, d_hi: Expr, d_lo: Expr) -> Expr:
    """Return the PMO of a decoder by equation 6."""
    return (1 - high) * d_lo + high * d_hi


#: J = MLEO + PMO of the three decoders.
J_G = pmo(P_G, H_G, L_G)
J_f = M_f + pmo(P_f, H_f, L_f)
J_g = pmo(P_g, H_g, L_g)

#: The two inequalities of condition (1) for f, and for g, whose MLEO is 0.
CONDITION_1 = (sp.Gt(P_G * (H_G - L_G), P_f * H_f + M_f), sp.Ge(L_G, L_f))
CONDITION_1_ZERO = (sp.Gt(P_G * (H_G - L_G), P_g * H_g), sp.Ge(L_G, L_g))
#: What every partition satisfies.
PARTITIONS = tuple(
    relation
    for high, d_hi, d_lo in ((P_G, H_G, L_G), (P_f, H_f, L_f), (P_g, H_g, L_g))
    for relation in (high <= 1, d_lo <= eta, d_hi > eta)
)
