"""Derives how much one q(z|x) for two classes must miss, whatever its form: collapse as σ → 0."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Linearity, Slope, Witness
from proofs.derivation import Claim, Derivation, Hypothesis

z = sp.Symbol("z", real=True)
q, p_0, p_1 = (sp.Function(name, positive=True) for name in ("q", "p_0", "p_1"))
overlap = sp.Symbol("B", positive=True)
likelier, distance, larger = sp.symbols("m d t", positive=True)
beyond, more, lead, less, short_0, short_1 = sp.symbols("s delta h n a_0 a_1", nonnegative=True)
match_0, match_1 = sp.symbols("v_0 v_1", positive=True)
sigma, slope_0, slope_1 = sp.symbols("sigma D_0 D_1", positive=True)
scale_0, scale_1 = sp.symbols("s_0 s_1", positive=True)
mean_0, mean_1 = sp.symbols("mu_0 mu_1", real=True)
floor, e = sp.symbols("b e", real=True)
above, loss = sp.symbols("delta_u v", nonnegative=True)
information = sp.Symbol("I", nonnegative=True)
gamma, label_share, other_share = sp.symbols("gamma l lbar", positive=True)


_SCALES = ((scale_0, sigma / slope_0), (scale_1, sigma / slope_1))


def _over_z(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


_ONE_Q = (_over_z(q(z)), sp.Integer(1))
_OVERLAP = (_over_z(sp.sqrt(p_0(z) * p_1(z))), overlap)
_MIDDLE = sp.sqrt(p_0(z) * p_1(z)) / overlap
#: v_y = e^{−d_y} ≤ 1, the classes' shortfalls, and v_0 v_1 ≤ B².
_SMALLER = ((match_0, 1 - short_0), (match_1, 1 - short_1))
_PRODUCT = (overlap**2, beyond + match_0 * match_1)
_ODDS = (likelier, less + lead)


def _kl(p: sp.Function) -> sp.Expr:
    return _over_z(q(z) * sp.log(q(z) / p(z)))


_SUM = Claim(
    "Let p_0, p_1 be the posteriors of z given either class and B their overlap (Bhattacharyya's "
    "coefficient). Whatever q is, its divergences from both add up to −2 log B, and twice that "
    "from the density h ∝ √(p_0 p_1).",
    _kl(p_0) + _kl(p_1),
    "=",
    -2 * sp.log(overlap) + 2 * _over_z(q(z) * sp.log(q(z) / _MIDDLE)),
    Linearity(given=(_ONE_Q,)),
)
_DENSITY = Claim(
    "h is a density, so that the last term is ≥ 0 (gibbs): with v_y = e^{−KL[q ‖ p_y]}, "
    "v_0 v_1 ≤ B².",
    _over_z(_MIDDLE),
    "=",
    sp.Integer(1),
    Linearity(given=(_OVERLAP,)),
)
_PAIR = Claim(
    "At the best q(y|x) the gap log p(x) − U is −log(ρ_0 v_0 + ρ_1 v_1) "
    "(semi_supervised_families). Let class 0 be the likelier one, with m = n + h, n that of the "
    "other, h ≥ 0. As v_0, v_1 ≤ 1 and v_0 v_1 ≤ B²,",
    likelier + less * overlap**2,
    "≥",
    likelier * match_0 + less * match_1,
    Witness(
        (less * beyond, lead * short_0, less * short_0 * short_1),
        given=(_PRODUCT, _ODDS, *_SMALLER),
    ),
)
_LOG = Claim(
    "and the logarithm rises: at every x and for every q(z|x), Gaussian or not, "
    "log p(x) − U ≥ −log(m + (1 − m) B²).",
    sp.log(larger + more),
    "≥",
    sp.log(larger),
    Slope(more, sp.Integer(0), more / (larger + more)),
)
_APART = Claim(
    "Where the classes put different z at x, B is next to nothing, and the floor is −log m, what "
    "it costs to leave the less likely class out, less δ/m with δ = (1 − m) B² at most:",
    sp.log(likelier) + more / likelier,
    "≥",
    sp.log(likelier + more),
    Slope(more, sp.Integer(0), more**2 / (likelier * (likelier + more))),
)
_ATTAINED = Claim(
    "More than that is not lost: with q for the likelier class alone, d = KL[q ‖ p_0], "
    "−log(m e^{−d} + δ) ≤ −log m + d whatever the other class adds.",
    sp.log(likelier * sp.exp(-distance) + more),
    "≥",
    sp.log(likelier) - distance,
    Slope(more, sp.Integer(0), more / (likelier * sp.exp(-distance) + more)),
)
_GAUSSIANS = Claim(
    "How fast B vanishes: complete the square in the exponent of √(p_0 p_1) for Gaussian "
    "posteriors N(μ_y, s_y²).",
    (z - mean_0) ** 2 / (4 * scale_0**2) + (z - mean_1) ** 2 / (4 * scale_1**2),
    "=",
    (scale_0**2 + scale_1**2)
    / (4 * scale_0**2 * scale_1**2)
    * (z - (mean_0 * scale_1**2 + mean_1 * scale_0**2) / (scale_0**2 + scale_1**2)) ** 2
    + (mean_0 - mean_1) ** 2 / (4 * (scale_0**2 + scale_1**2)),
    Algebra(),
)
_VANISHES = Claim(
    "The first term integrates, with the densities' factors, to √(2 s_0 s_1/(s_0² + s_1²)) ≤ 1. "
    "With s_y = σ/D_y, D_y the speed of f_y at its z, the second is of order 1/σ²: B vanishes "
    "faster than any power of σ.",
    (mean_0 - mean_1) ** 2 / (4 * (scale_0**2 + scale_1**2)),
    "=",
    (mean_0 - mean_1) ** 2 * slope_0**2 * slope_1**2 / (4 * sigma**2 * (slope_0**2 + slope_1**2)),
    Algebra(given=_SCALES),
)
_FLOOR = Claim(
    "Average over x: PMO_U of the ground truth is b + δ_u, b the average floor. By "
    "collapse_threshold, J(truth) − J(g, …, g) is at least",
    other_share * ((floor + above) - e) - label_share * gamma * (information + e - loss),
    "≥",
    other_share * (floor - e) - label_share * gamma * (information + e),
    Witness((other_share * above, label_share * gamma * loss)),
)

DERIVATION = Derivation(
    name="collapse_floor",
    title="One q(z|x) for two classes misses at least −log(m + (1 − m) B²), whatever its form",
    paper="section 5.2, functional collapse",
    hypotheses=(
        Hypothesis("q(z|x) is any density.", (_ONE_Q,)),
        Hypothesis("B = ∫ √(p(z|x, 0) p(z|x, 1)) dz > 0.", (_OVERLAP,)),
        Hypothesis("v_0 v_1 = B² − s with s ≥ 0 (steps 1 and 2).", (_PRODUCT,)),
        Hypothesis("m ≥ 1/2 is the larger of p(y|x), n = 1 − m the other: m = n + h.", (_ODDS,)),
        Hypothesis("ℓ is the labelled share, lbar = 1 − ℓ; δ_u, v, I ≥ 0."),
        Hypothesis("s_y = σ/D_y: the width of a Gaussian posterior for small σ.", _SCALES),
        Hypothesis(
            "v_0 = 1 − a_0 and v_1 = 1 − a_1 with a_0, a_1 ≥ 0, as divergences are.", _SMALLER
        ),
    ),
    statement="In the factorised family, log p(x) − U(x) ≥ −log(m + (1 − m) B²) at every x, with "
    "m = max_y p(y|x) and B = ∫ √(p(z|x, 0) p(z|x, 1)) dz. With b its average over p(x), one "
    "decoder g for both classes is better than the ground truth at every "
    "γ < (1−ℓ)(b − e)/(ℓ (I + e)), if b > e.",
    steps=(
        _SUM,
        _DENSITY,
        _PAIR,
        _LOG,
        _APART,
        _ATTAINED,
        _GAUSSIANS,
        _VANISHES,
        _FLOOR,
    ),
    conclusion="It is the product form of q that costs, not its Gaussian form. For two regular "
    "curves with the same image that run along it at different z, and each only once, no step here "
    "checks the limits as σ → 0 of the posteriors, but with them Gaussian the rest follows: "
    "u → E[−log max_y p(y|x)] > 0 (steps 5 and 6), while g, which runs along the image once, has "
    "e → 0, and so has PMO_L of the truth. Then for every small enough σ the truth loses to the "
    "collapsed model at all γ below a threshold that tends to "
    "(1−ℓ) E[−log max_y p(y|x)]/(ℓ I(x; y)). The conditional family has no such floor: there u is "
    "at most PMO_L of the truth, which vanishes with σ.",
)
