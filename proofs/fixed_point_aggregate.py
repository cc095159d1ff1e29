"""Derives two moments of the aggregated posterior of a g that the M-step leaves unchanged."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Calculus, Linearity
from proofs.derivation import Claim, Derivation, Hypothesis

x, z, u, t, mean = sp.symbols("x z u t mu", real=True)
s, sigma = sp.symbols("s sigma", positive=True)
share = sp.Symbol("lambda", real=True)
spread = sp.Symbol("K", positive=True)
gain, first, second = sp.symbols("G V_1 V_2", real=True)
g, cost = sp.Function("g", real=True), sp.Function("c", real=True)
p = sp.Function("p", positive=True)
mu, width = sp.Function("mu", real=True), sp.Function("s", positive=True)
slope, moment = sp.Function("A", real=True), sp.Function("B", real=True)
aggregate = sp.Function("a", positive=True)
moved, steep = sp.Function("delta", real=True), sp.Function("k", real=True)


def _over_x(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (x, -sp.oo, sp.oo))


def _over_z(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


#: The E-step's two conditions at x, with A = E_q c′ and B = E_q (z − μ) c′.
_MEAN = (mu(x), -slope(x))
_WIDTH = (width(x) ** 2, 1 - moment(x))
_MASS = (_over_x(p(x)), sp.Integer(1))
#: The M-step's, for h = g′ and h = z g′; E_q z c′ = B + μA = B − A².
_TRANSLATED = (_over_x(p(x) * slope(x)), -first)
_SCALED = (_over_x(p(x) * (moment(x) - slope(x) ** 2)), -second)
_GAIN = (_over_z(aggregate(z) * moved(z) ** 2), 2 * sigma**2 * gain)
_CROSS = (_over_z(aggregate(z) * moved(z) * steep(z)), sigma**2 * second)
_SQUARE = (_over_z(aggregate(z) * steep(z) ** 2), spread)

_SLOPE = Claim(
    "Let c(z) = (x − g(z))²/2σ² at one x. Its slope is that of g.",
    sp.Derivative((x - g(z)) ** 2 / (2 * sigma**2), z),
    "=",
    -(x - g(z)) * sp.Derivative(g(z), z) / sigma**2,
    Calculus(),
)
_BY_SCALE = Claim(
    "With z = μ + st, t ~ N(0, 1), the slope of E_q c in log s is E_q (z − μ) c′, and that in μ is "
    "E_q c′. The E-step therefore makes μ + A = 0 and s² − 1 + B = 0.",
    s * sp.Derivative(cost(mean + s * t), s),
    "=",
    s * t * sp.Subs(sp.Derivative(cost(u), u), u, mean + s * t),
    Calculus(),
)
_FIRST = Claim(
    "The aggregated posterior a(z) = E_p q(z|x) has the mean E_p μ(x), and that is V_1 = "
    "∫ a (f_new − g) g′ dz/σ², the M-step's displacement along the curve.",
    _over_x(p(x) * mu(x)),
    "=",
    first,
    Linearity(given=(_MEAN, _TRANSLATED)),
)
_SECOND = Claim(
    "Its second moment E_p (μ² + s²) differs from 1 by V_2 = ∫ a (f_new − g) z g′ dz/σ².",
    _over_x(p(x) * (mu(x) ** 2 + width(x) ** 2)) - 1,
    "=",
    second,
    Linearity(given=(_MEAN, _WIDTH, _MASS, _SCALED)),
)
_BOUND = Claim(
    "With k = z g′ and K = ∫ a k² dz, the gain ½∫ a (f_new − g)² dz/σ² of the M-step is at least "
    "σ² V_2²/2K: what is left is a square, with λ = σ² V_2/K.",
    _over_z(aggregate(z) * (moved(z) - sigma**2 * second / spread * steep(z)) ** 2),
    "=",
    2 * sigma**2 * gain - sigma**4 * second**2 / spread,
    Linearity(given=(_GAIN, _CROSS, _SQUARE)),
)
DERIVATION = Derivation(
    name="fixed_point_aggregate",
    title="If no M-step moves g, the aggregated posterior has mean 0 and variance 1",
    paper="Theorem 1, decoders that the M-step leaves where they are",
    hypotheses=(
        Hypothesis(
            "K = 1, and g is differentiable with E_q |z g′|² finite. D = 1 here; for D > 1 "
            "products become inner products."
        ),
        Hypothesis("p is a density.", (_MASS,)),
        Hypothesis("q(z|x) = N(μ, s²) is optimal at every x: μ + A = 0 with A = E_q c′,", (_MEAN,)),
        Hypothesis("and s² − 1 + B = 0 with B = E_q (z − μ) c′.", (_WIDTH,)),
        Hypothesis(
            "f_new(z) = E_p[q(z|x) x]/a(z), so that E_p E_q (x − g) h(z) = "
            "∫ a (f_new − g) h dz for every h: for h = g′,",
            (_TRANSLATED,),
        ),
        Hypothesis("and for h = z g′, where E_q z c′ = B + μA.", (_SCALED,)),
        Hypothesis("G is the gain of the M-step, with δ = f_new − g,", (_GAIN,)),
        Hypothesis("V_2 as above, with k = z g′,", (_CROSS,)),
        Hypothesis("and K = ∫ a k² dz is positive and finite.", (_SQUARE,)),
    ),
    statement="With q optimal at every x, the first two moments of the aggregated posterior "
    "a(z) = E_p q(z|x) differ from the prior's by V_1 = ∫ a (f_new − g)·g′ dz/σ² and V_2 = "
    "∫ a (f_new − g)·z g′ dz/σ². If no M-step moves g, a has mean 0 and variance 1.",
    steps=(_SLOPE, _BY_SCALE, _FIRST, _SECOND, _BOUND),
    conclusion="A decoder whose optimal q add up to a wrong mean or variance is moved, and the "
    "gain is at least σ² V_2²/2K. The converse is not shown: two numbers that fit do not make "
    "f_new = g. Nothing here supposes MLEO = 0.",
)
