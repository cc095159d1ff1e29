"""Derives decoders with the p(x) of |z|: the monotone one, and V-shaped ones between."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus
from proofs.derivation import Claim, Derivation, Hypothesis

z, x = sp.symbols("z x", real=True)
u, share = sp.symbols("u w", positive=True)

_PRIOR = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)


def cumulative(t: sp.Expr, *, evaluate: bool = True) -> sp.Expr:
    """Return Φ(t), written out and left so where it is not to be evaluated."""
    return (1 + sp.erf(t / sp.sqrt(2), evaluate=evaluate)) / 2


def quantile(probability: sp.Expr, *, evaluate: bool = True) -> sp.Expr:
    """Return Φ⁻¹(probability)."""
    return sp.sqrt(2) * sp.erfinv(2 * probability - 1, evaluate=evaluate)


#: g(z) = Φ⁻¹((1 + Φ(z))/2).
MONOTONE = quantile((1 + cumulative(z)) / 2)
#: Where g_w exceeds u: below the first point, above the second.
_LEFT = quantile(2 * share * cumulative(-u), evaluate=False)
_RIGHT = -quantile(2 * (1 - share) * cumulative(-u), evaluate=False)
#: The z at which g takes the value u.
_AT_U = quantile(2 * cumulative(u) - 1, evaluate=False)

_HALF_NORMAL = Claim(
    "The law of |z|: Pr[|z| ≤ u] is the prior mass of (−u, u).",
    sp.Integral(_PRIOR, (z, -u, u)),
    "=",
    2 * cumulative(u) - 1,
    Calculus(),
)
_TAKES_U = Claim(
    "g is increasing, and g(z) = u at z = Φ⁻¹(2Φ(u) − 1): there (1 + Φ(z))/2, whose Φ⁻¹ is g(z), "
    "is Φ(u):",
    (1 + cumulative(_AT_U, evaluate=False)) / 2,
    "=",
    cumulative(u),
    Algebra(),
)
_MONOTONE = Claim(
    "so Pr[g ≤ u] is the prior mass below that z, which is the law of |z|.",
    cumulative(_AT_U, evaluate=False),
    "=",
    2 * cumulative(u) - 1,
    Algebra(),
)
_V_SHAPE = Claim(
    "The V-shaped g_w(z) = −Φ⁻¹(Φ(z)/2w) left of z = Φ⁻¹(w), −Φ⁻¹(Φ(−z)/2(1 − w)) right of it: it "
    "exceeds u where Φ(z) < 2w Φ(−u) and where Φ(−z) < 2(1 − w) Φ(−u). The two have the mass",
    cumulative(_LEFT, evaluate=False) + cumulative(-_RIGHT, evaluate=False),
    "=",
    2 * cumulative(-u),
    Algebra(),
)
_BACK = Claim(
    "For w = ½ the left branch is −z: g_w is |z|. For w → 0 it disappears: g_w tends to g.",
    -quantile(cumulative(z), evaluate=False),
    "=",
    -z,
    Algebra(),
)

DERIVATION = Derivation(
    name="rearrangement",
    title="Φ⁻¹((1 + Φ(z))/2) has the law of |z|, and so have V-shapes with branches of mass w, 1−w",
    paper="section 4.2, Absolute-Value; condition (2) of Theorem 1",
    hypotheses=(
        Hypothesis("z ~ N(0, 1), 0 < w < 1, u > 0."),
        Hypothesis("Φ⁻¹, written with erfinv, is the inverse of Φ, written with erf."),
        Hypothesis(
            "Equal laws of f(z) and equal σ² give equal p(x): p(x) = ∫ N(x; u, σ²) dLaw(u)."
        ),
    ),
    statement="g(z) = Φ⁻¹((1 + Φ(z))/2) and every g_w have the law of |z|. As decoders "
    "(g, …, g) of the data of (|z|, …, |z|) they have MLEO = 0.",
    steps=(_HALF_NORMAL, _TAKES_U, _MONOTONE, _V_SHAPE, _BACK),
    conclusion="Decoders with MLEO = 0 are many, with very different posteriors. Claim C03 uses "
    "g_w with w = 1/20, claim C11 the monotone g.",
)
