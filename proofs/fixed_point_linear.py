"""Close to an affine decoder the M-step takes every deviation back, each degree at its own rate."""

from __future__ import annotations

import sympy as sp

from proofs.bracket import Bracket
from proofs.checks import Algebra, Series
from proofs.derivation import Claim, Derivation, Hypothesis

z, noise, seen, unseen = sp.symbols("z epsilon X W", positive=True)
c, s = sp.symbols("c s", positive=True)
n = sp.Symbol("n", integer=True, positive=True)

_CIRCLE = (c, sp.sqrt(1 - s**2))
#: Coefficients of X^{n+1}, X^n W, X^{n−1} W² in (sX − cW)(cX + sW)^n.
_A0 = s * c**n
_A1 = c ** (n - 1) * (n * s**2 - c**2)
_A2 = n * c ** (n - 2) * s * ((n - 1) * s**2 / 2 - c**2)
#: What one M-step leaves of the part of degree n: along the line, and across it.
KEPT = (
    (n + 1) * s**2 * c ** (2 * n)
    + c ** (2 * n - 2) * (n * s**2 - c**2) ** 2
    + 2 * n * c ** (2 * n - 4) * s**2 * ((n - 1) * s**2 / 2 - c**2) ** 2
)
KEPT_ACROSS = c ** (2 * n) + n * c ** (2 * n - 2) * s**2 + n * (n - 1) / 2 * c ** (2 * n - 4) * s**4

_ROTATION = Claim(
    "g(z) = bz. With c = b/√(b² + σ²), s = σ/√(b² + σ²), noise ε = (x − bz)/σ and X = cz + sε, x "
    "in units of its standard deviation, W = sz − cε is independent of X: all of z that x does "
    "not tell. In turn z = cX + sW and ε = sX − cW.",
    c * (c * z + s * noise) + s * (s * z - c * noise),
    "=",
    z,
    Algebra(given=(_CIRCLE,)),
)
_EXPANDED = Claim(
    "Deviations h = He_n change log p(z|x) by ε He_n(z)/σ to first order: a homogeneous Hermite "
    "polynomial of degree n + 1, whose coefficients in X, W are those of ε z^n. Up to W²:",
    (s * seen - c * unseen) * (c * seen + s * unseen) ** n,
    "=",
    _A0 * seen ** (n + 1) + _A1 * seen**n * unseen + _A2 * seen ** (n - 1) * unseen**2,
    Series(unseen, 3),
)
_SHARE = Claim(
    "q can follow degrees 0, 1, 2 in W, no more. Their share of the variance n! of ε He_n(z), with "
    "X^i W^j standing for He_i(X) He_j(W) of variance i! j!, is",
    Bracket(_A0) ** 2 * (n + 1) + Bracket(_A1) ** 2 + 2 * Bracket(_A2) ** 2 / n,
    "=",
    KEPT,
    Algebra(),
)
_AFFINE = Claim(
    "Degree 1, another slope, is kept whole: every affine decoder has PMO 0.",
    KEPT.subs(n, 1),
    "=",
    sp.Integer(1),
    Algebra(given=(_CIRCLE,)),
)
_CURVED = Claim(
    "Degree 2, curvature, loses the share 3c²s⁴ in each round.",
    KEPT.subs(n, 2),
    "=",
    1 - 3 * c**2 * s**4,
    Algebra(given=(_CIRCLE,)),
)
_ACROSS = Claim(
    "For D > 1 a deviation across the line has ε_⊥ He_n(z)/σ with ε_⊥ independent of X and W: what "
    "counts is the share of W^0, W, W² in z^n. For n = 2 that is all: to first order the M-step "
    "leaves a parabola across the line as it is.",
    KEPT_ACROSS.subs(n, 2),
    "=",
    sp.Integer(1),
    Algebra(given=(_CIRCLE,)),
)
DERIVATION = Derivation(
    name="fixed_point_linear",
    title="Close to g(z) = bz an M-step keeps a share < 1 of every deviation of degree ≥ 2 (D = 1)",
    paper="Theorem 1, decoders that the M-step leaves where they are",
    hypotheses=(
        Hypothesis("K = 1, b ≠ 0, g(z) = bz + t h(z) on its own p(x), to first order in t."),
        Hypothesis(
            "KL to second order in t is half the variance of the part of the change of "
            "log p(z|x) that is orthogonal, under p(z|x), to polynomials of degree 2."
        ),
        Hypothesis(
            "The M-step moves h by −(σ²/φ) times the gradient of E_p KL at held p(x) "
            "(theorem1_stationarity)."
        ),
        Hypothesis("c² + s² = 1 and c > 0.", (_CIRCLE,)),
    ),
    statement="The part of h of degree n in Hermite polynomials becomes κ_n times itself, κ_n "
    "the right side of step 3: κ_0 = κ_1 = 1, κ_2 = 1 − 3c²s⁴, and κ_n < 1 for n ≥ 2, since the "
    "coefficient of W^{n+1} is −c s^n ≠ 0. Across the line (D > 1) κ_2 = 1 and κ_n < 1 for n ≥ 3.",
    steps=(_ROTATION, _EXPANDED, _SHARE, _AFFINE, _CURVED, _ACROSS),
    conclusion="For D = 1 no decoder close to a non-constant affine one is left where it is, and "
    "the M-step with its own p(x) as data contracts to affine ones. For a small deviation of "
    "degree n the gain is 1 − κ_n of the PMO: 3c²s⁴ for n = 2, so that no share is sure for all σ. "
    "For D > 1 curvature dies by terms of third order only. Far from affine decoders nothing "
    "follows.",
)
