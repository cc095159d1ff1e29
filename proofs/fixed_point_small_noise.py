"""For small noise the PMO of a monotone g falls along one path: no M-step leaves it there."""

from __future__ import annotations

import sympy as sp

from proofs.bracket import Bracket
from proofs.checks import Algebra, Calculus, Linearity
from proofs.derivation import Claim, Derivation, Hypothesis

x, z, u, t = sp.symbols("x z u t", real=True)
sigma = sp.Symbol("sigma", positive=True)
skewness = sp.Symbol("kappa", real=True)
first, second = sp.symbols("w' w''", positive=True)
g = sp.Function("g", real=True)
p, v = sp.Function("p", positive=True), sp.Function("v", real=True)

_NORMAL = sp.exp(-(u**2) / 2) / sp.sqrt(2 * sp.pi)
#: g′ and g″ at z = w(x), w the inverse of g, in terms of w.
_SLOPE, _BEND = Bracket(1 / first), Bracket(-second / first**3)


def _over_x(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (x, -sp.oo, sp.oo))


_THIRD = Claim(
    "The third derivative of c = (x − g(z))²/2σ²; at x = g(z) it is 3g′g″/σ², and the second is "
    "g′²/σ². In units of the posterior's width σ/g′ that is a skewness κ = 3σ g″/g′².",
    sp.Derivative((x - g(z)) ** 2 / (2 * sigma**2), (z, 3)),
    "=",
    (3 * sp.Derivative(g(z), z) * sp.Derivative(g(z), (z, 2))
     - (x - g(z)) * sp.Derivative(g(z), (z, 3))) / sigma**2,
    Calculus(),
)  # fmt: skip
_KL = Claim(
    "A term κu³/6 in −log p costs the best Gaussian κ²/12 to leading order: half the variance of "
    "what is orthogonal to degree 2.",
    sp.Integral(_NORMAL * (skewness * (u**3 - 3 * u) / 6) ** 2, (u, -sp.oo, sp.oo)) / 2,
    "=",
    skewness**2 / 12,
    Calculus(),
)
_INVERSE = Claim(
    "In terms of the inverse w of g, g′ = 1/w′ and g″ = −w″/w′³. So the KL at x is κ²/12 = "
    "¾σ² v′² with v = log w′, since",
    3 * sigma * _BEND / _SLOPE**2,
    "=",
    -3 * sigma * second / first,
    Algebra(),
)
_PATH = Claim(
    "Move g so that v becomes (1 − t)v, with p(x) held: the PMO is a parabola in t,",
    sp.Rational(3, 4) * sigma**2 * _over_x(p(x) * ((1 - t) * sp.Derivative(v(x), x)) ** 2),
    "=",
    sp.Rational(3, 4) * sigma**2 * (1 - t) ** 2
    * _over_x(p(x) * sp.Derivative(v(x), x) ** 2),
    Linearity(),
)  # fmt: skip
_DOWN = Claim(
    "whose slope at t = 0 is minus twice its value: zero only where v′ = 0, for affine g.",
    sp.Derivative((1 - t) ** 2, t),
    "=",
    -2 * (1 - t),
    Calculus(),
)
DERIVATION = Derivation(
    name="fixed_point_small_noise",
    title="To leading order in σ no monotone g but an affine one is left where it is (D = 1)",
    paper="Theorem 1, decoders that the M-step leaves where they are",
    hypotheses=(
        Hypothesis("K = D = 1; g is smooth with g′ > 0, and w its inverse."),
        Hypothesis(
            "σ is small against g′²/|g″|: posteriors are narrow, and the leading order of "
            "KL in σ is that of their skewness."
        ),
        Hypothesis("∫ p v′² dx is finite, and g moves along a path with v_t = (1 − t)v."),
    ),
    statement="To leading order PMO = ¾σ² ∫ p(x) v′(x)² dx with v = log w′, and it falls along "
    "v_t = (1 − t)v with p(x) held, at the rate of twice itself.",
    steps=(_THIRD, _KL, _INVERSE, _PATH, _DOWN),
    conclusion="A g that no M-step moves has slope zero in every direction "
    "(theorem1_stationarity); here one direction has a slope, unless PMO = 0. This is an "
    "expansion, not a bound: it says nothing at a given σ, nor of a g that folds.",
)
