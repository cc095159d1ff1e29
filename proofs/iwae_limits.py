"""The IWAE bound for many samples: it tends to log p(x), and how fast."""

from __future__ import annotations

import sympy as sp

from proofs.bracket import Bracket
from proofs.checks import Algebra, Calculus, Series
from proofs.derivation import Claim, Derivation, Hypothesis

t, a, b, r, m, v, e, n = sp.symbols("t a b r m V e S", positive=True)
third = sp.Symbol("c", real=True)

_MEAN = r * a + (1 - r) * b
_VARIANCE = r * (1 - r) * (a - b) ** 2
_PHI = r * sp.exp(-t * a) + (1 - r) * sp.exp(-t * b)
#: log φ to second order in t, with m and V the mean and variance of w.
_CUMULANTS = -m * t + v * t**2 / 2

_EXPANDED = Claim(
    "Near t = 0, log φ(t) = −m t + V t²/2 + …, with m and V the mean and variance of w; for a "
    "weight of two values:",
    sp.log(_PHI),
    "=",
    -_MEAN * t + _VARIANCE * t**2 / 2,
    Series(t, 3),
)
_POINTWISE = Claim(
    "So log φ(t/S)^S tends to −m t, as if every weight were the mean: what else there is carries "
    "1/S.",
    n * (_CUMULANTS + third * t**3).subs(t, t / n),
    "=",
    -m * t + v * t**2 / (2 * n) + third * t**3 / n**2,
    Algebra(),
)
_CORRECTION = Claim(
    "With e = 1/S, the first correction is of order e.",
    sp.exp(_CUMULANTS.subs(t, t * e) / e),
    "=",
    sp.exp(-m * t) * (1 + e * v * t**2 / 2),
    Series(e, 2),
)
_RATE = Claim(
    "It takes from the integral for log m the amount",
    sp.Integral(v * t / (2 * n) * sp.exp(-m * t), (t, 0, sp.oo)),
    "=",
    v / (2 * n * m**2),
    Calculus(),
)
_EXACT_Q = Claim(
    "If q is the posterior, every weight is p(x) = m and the bound is exact for every S.",
    Bracket(sp.exp(-m * t / n)) ** n,
    "=",
    sp.exp(-m * t),
    Algebra(),
)

DERIVATION = Derivation(
    name="iwae_limits",
    title="L_S → log p(x) as S → ∞, from below by Var(w)/(2 S p(x)²)",
    paper="section 2, importance weighted autoencoders",
    hypotheses=(
        Hypothesis("m = E w = p(x), V = Var w finite, third moments finite (c in step 2)."),
        Hypothesis(
            "Limit and ∫ dt may be exchanged (dominated convergence); the expansion in 1/S may be "
            "integrated term by term."
        ),
    ),
    statement="L_S = log p(x) − Var(w)/(2 S p(x)²) + o(1/S).",
    steps=(_EXPANDED, _POINTWISE, _CORRECTION, _RATE, _EXACT_Q),
    conclusion="For S → ∞ every q with finite variance gives log p(x): what keeps IWAE from "
    "learning p(x) at a finite S is the variance of the weights, not a bias of the family.",
)
