"""What the M-step returns is real-analytic, so that a decoder with a kink or jump is moved."""

from __future__ import annotations

import sympy as sp

from proofs.bracket import Bracket
from proofs.checks import Algebra, Witness
from proofs.derivation import Claim, Derivation, Hypothesis

x, y, g, u, v, m = sp.symbols("x y g u v mu", real=True)
s, sigma, b, w = sp.symbols("s sigma b r", positive=True)
slope = sp.Symbol("g'", real=True)

_COST = (x - g) ** 2 / (2 * sigma**2)
_SLOPE = Claim(
    "Let c = (x − g(z))²/2σ² at one x. Its slope is −(x − g) g′/σ², whose square is "
    "2c g′²/σ² ≤ 2c l²/σ² if |g′| ≤ l.",
    ((x - g) * slope / sigma**2) ** 2,
    "=",
    Bracket(2 * slope**2 / sigma**2) * _COST,
    Algebra(),
)
_NARROWEST = Claim(
    "The E-step makes 1 − s² = s E[t c′(μ + st)], t ~ N(0, 1) (fixed_point_aggregate, step 2), and "
    "by Cauchy and Schwarz that is at most s b with b = (l/σ) √(2 E_q c). Hence s ≥ 1/(1 + b): at "
    "that s, 1 still exceeds s² + s b, which grows with s.",
    sp.Integer(1),
    "≥",
    1 / (1 + b) ** 2 + b / (1 + b),
    Witness((b / (1 + b) ** 2,)),
)
_GROWTH = Claim(
    "q is at least as good as the prior: E_q c ≤ E_φ c, an average of (x − g)²/2σ². So b grows no "
    "faster than |x|.",
    2 * x**2 + 2 * g**2,
    "≥",
    (x - g) ** 2,
    Witness(((x + g) ** 2,)),
)
_COMPLEX = Claim(
    "At a complex latent u + iv a Gaussian is larger than at u by e^{v²/2s²}, no more: the real "
    "part of its exponent is",
    sp.re(sp.expand(-((u + sp.I * v - m) ** 2) / (2 * s**2))),
    "=",
    -((u - m) ** 2) / (2 * s**2) + v**2 / (2 * s**2),
    Algebra(),
)
_FACTOR = Claim(
    "and 1/s² ≤ (1 + b)² ≤ 2 + 2b²: the factor is at most e^{v² (1 + b²)}, where b² grows no "
    "faster than x².",
    2 + 2 * b**2,
    "≥",
    (1 + b) ** 2,
    Witness(((1 - b) ** 2,)),
)
_TAIL = Claim(
    "The tails of p(x) outweigh that for small v: x = y + σε with y = g(z), |y| ≤ |g(0)| + l|z|, "
    "and e^{δx²} with 2δσ² = r/(1 + r) has a Gaussian average over ε: a complete square, and "
    "e^{ry²/2σ²}, whose average over z is finite, too, for small r.",
    -((x - y) ** 2) / (2 * sigma**2) + w * x**2 / (2 * sigma**2 * (1 + w)),
    "=",
    -((x - (1 + w) * y) ** 2) / (2 * sigma**2 * (1 + w)) + w * y**2 / (2 * sigma**2),
    Algebra(),
)
DERIVATION = Derivation(
    name="fixed_point_smooth",
    title="What the M-step returns is real-analytic: a g with a kink or a jump is moved",
    paper="Theorem 1, decoders that the M-step leaves where they are",
    hypotheses=(
        Hypothesis(
            "K = 1 and g is Lipschitz: |g′| ≤ l. p(x) is that of g or of another Lipschitz "
            "decoder. D = 1 here; for D > 1 take lengths of vectors."
        ),
        Hypothesis(
            "q(z|x) = N(μ, s²) is an optimal q at every x; where several are, any choice "
            "that can be integrated over x."
        ),
        Hypothesis(
            "Cauchy-Schwarz, and Morera's theorem: an integral over x of functions analytic "
            "in z is analytic where it converges uniformly."
        ),
    ),
    statement="Numerator and denominator of f_new(z) = E_p[q(z|x) x]/E_p[q(z|x)] are analytic in a "
    "strip around the real line, and the denominator is positive on it: f_new is real-analytic. A "
    "Lipschitz g that no M-step moves is real-analytic.",
    steps=(_SLOPE, _NARROWEST, _GROWTH, _COMPLEX, _FACTOR, _TAIL),
    conclusion="Folds, and V-shapes such as (|z|, |z|), are moved, whatever their PMO: so are all "
    "decoders with a kink. For a bounded g without any smoothness KL[q ‖ prior] ≤ max c − min c "
    "gives s ≥ e^{−C(1 + |x|)}, and f_new still has all derivatives: a tear is moved, too. "
    "Where F contains g + th for every smooth h of compact support, none of these is a minimum.",
)
