"""Derives p(x) and posterior of the absolute-value decoder f(z) = (|z|, …, |z|), for any D."""

from __future__ import annotations

import sympy as sp

from proofs.bracket import Bracket
from proofs.checks import Algebra, Calculus
from proofs.derivation import Claim, Derivation, Hypothesis

z, y, w, m = sp.symbols("z y w m", real=True)
sigma, c, d = sp.symbols("sigma c D", positive=True)

#: y = Σ x_d and w = Σ x_d² are all of x that matters.
PRECISION = (d + sigma**2) / sigma**2
CENTRE = y / (d + sigma**2)
_REST = (w - y**2 / (d + sigma**2)) / (2 * sigma**2)
_SCALED = sp.sqrt(PRECISION / 2) * CENTRE
_BRANCH = sp.exp(-c * (z - m) ** 2 / 2)
_SHARE = 1 + sp.erf(sp.sqrt(c / 2) * m)
#: p(x) and E[|z| | x].
DENSITY = (
    sp.exp(-_REST)
    * (1 + sp.erf(_SCALED))
    / ((2 * sp.pi * sigma**2) ** (d / 2) * sp.sqrt(PRECISION))
)
POSTERIOR_MEAN_OF_ABS = CENTRE + sp.sqrt(2 / (sp.pi * PRECISION)) * sp.exp(-(_SCALED**2)) / (
    1 + sp.erf(_SCALED)
)
#: E_q |z| for q = N(μ, s²); E_q z² is μ² + s².
mu = sp.Symbol("mu", real=True)
s = sp.Symbol("s", positive=True)
MEAN_OF_ABS = mu * sp.erf(mu / (sp.sqrt(2) * s)) + s * sp.sqrt(2 / sp.pi) * sp.exp(
    -(mu**2) / (2 * s**2)
)
_Q = sp.exp(-((z - mu) ** 2) / (2 * s**2)) / (sp.sqrt(2 * sp.pi) * s)

_SQUARE = Claim(
    "For z > 0, complete the square in the exponent of prior × likelihood, with y = Σ x_d and "
    "w = Σ x_d². For z < 0 the same with −z.",
    z**2 / 2 + (w - 2 * y * z + d * z**2) / (2 * sigma**2),
    "=",
    PRECISION * (z - CENTRE) ** 2 / 2 + _REST,
    Algebra(),
)
_HALF_LINE = Claim(
    "The half-line integral is an erf, with precision c and centre m.",
    sp.Integral(_BRANCH, (z, 0, sp.oo)),
    "=",
    sp.sqrt(sp.pi / (2 * c)) * _SHARE,
    Calculus(),
)
_DENSITY = Claim(
    "Twice that, times the constants of prior and likelihood, is p(x).",
    2
    * Bracket(1 / sp.sqrt(2 * sp.pi))
    * Bracket(sp.exp(-_REST) / (2 * sp.pi * sigma**2) ** (d / 2))
    * Bracket(sp.sqrt(sp.pi / (2 * PRECISION)) * (1 + sp.erf(_SCALED))),
    "=",
    DENSITY,
    Algebra(),
)
_MOMENT = Claim(
    "The posterior of |z| is N(m, 1/c) cut off at 0. Its mean follows from the integral of "
    "(z − m) times the branch, which is elementary.",
    sp.Integral((z - m) * _BRANCH, (z, 0, sp.oo)),
    "=",
    sp.exp(-c * m**2 / 2) / c,
    Calculus(),
)
_MEAN = Claim(
    "Divided by step 2:",
    m + Bracket(sp.exp(-c * m**2 / 2) / c) / Bracket(sp.sqrt(sp.pi / (2 * c)) * _SHARE),
    "=",
    m + sp.sqrt(2 / (sp.pi * c)) * sp.exp(-c * m**2 / 2) / _SHARE,
    Algebra(),
)
_Q_UPPER = Claim(
    "Under q = N(μ, s²) the positive half of E_q |z| is",
    sp.Integral(z * _Q, (z, 0, sp.oo)),
    "=",
    mu * (1 + sp.erf(mu / (sp.sqrt(2) * s))) / 2
    + s * sp.exp(-(mu**2) / (2 * s**2)) / sp.sqrt(2 * sp.pi),
    Calculus(),
)
_Q_BOTH = Claim(
    "The negative half is the same with −μ. Together:",
    mu * (1 + sp.erf(mu / (sp.sqrt(2) * s))) / 2
    - mu * (1 + sp.erf(-mu / (sp.sqrt(2) * s))) / 2
    + 2 * s * sp.exp(-(mu**2) / (2 * s**2)) / sp.sqrt(2 * sp.pi),
    "=",
    MEAN_OF_ABS,
    Algebra(),
)

DERIVATION = Derivation(
    name="absolute_value",
    title="f = (|z|, …, |z|): p(x), the posterior's mean and E_q f in closed form, any D",
    paper="section 4.2, Absolute-Value",
    hypotheses=(
        Hypothesis("f_d(z) = |z| for d = 1, …, D, one σ² for all."),
        Hypothesis("c = (D + σ²)/σ² and m = y/(D + σ²) are the precision and centre of step 1."),
    ),
    statement="p(x) is 2 N(x; 0, 11ᵀ + σ²I) times the probability of z > 0 in the linear model "
    "f = z (1, …, 1); the posterior is an even mixture of two truncated normals.",
    steps=(_SQUARE, _HALF_LINE, _DENSITY, _MOMENT, _MEAN, _Q_UPPER, _Q_BOTH),
    conclusion="Where y/σ is large the two halves are far apart: a Gaussian q keeps one, at the "
    "price of log 2. On the line y = 0 the exponent has no term in |z|: there the posterior is "
    "Gaussian and KL = 0.",
)
