"""Derives p(x), posterior and −ELBO of the step decoder f(z) = a sign(z) in closed form."""

from __future__ import annotations

import sympy as sp

from proofs.bracket import Bracket
from proofs.checks import Algebra, Calculus
from proofs.derivation import Claim, Derivation, Hypothesis

z, x, mu = sp.symbols("z x mu", real=True)
a, sigma, s = sp.symbols("a sigma s", positive=True)

PRIOR = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
_Q = sp.exp(-((z - mu) ** 2) / (2 * s**2)) / (sp.sqrt(2 * sp.pi) * s)


def noise(mean: sp.Expr) -> sp.Expr:
    """Return N(x; mean, σ²)."""
    return sp.exp(-((x - mean) ** 2) / (2 * sigma**2)) / (sp.sqrt(2 * sp.pi) * sigma)


#: p(x), Pr[z > 0 | x], E_q f and −ELBO_x of q = N(μ, s²).
DENSITY = (noise(a) + noise(-a)) / 2
PROBABILITY = 1 / (1 + sp.exp(-2 * a * x / sigma**2))
MEAN_F = a * sp.erf(mu / (sp.sqrt(2) * s))
NEGATIVE_ELBO = (
    (s**2 + mu**2 - 1) / 2
    - sp.log(s)
    + (x**2 - 2 * x * MEAN_F + a**2) / (2 * sigma**2)
    + sp.log(2 * sp.pi * sigma**2) / 2
)

_DENSITY = Claim(
    "f is constant on each half-line, and each has prior mass ½.",
    noise(a) * sp.Integral(PRIOR, (z, 0, sp.oo)) + noise(-a) * sp.Integral(PRIOR, (z, -sp.oo, 0)),
    "=",
    DENSITY,
    Calculus(),
)
_POSTERIOR = Claim(
    "By Bayes' rule the posterior is the prior on each half-line, with the weight for z > 0",
    noise(a) / (noise(a) + noise(-a)),
    "=",
    PROBABILITY,
    Algebra(),
)
_BELOW = Claim(
    "Under q = N(μ, s²) the probability of z < 0 is",
    sp.Integral(_Q, (z, -sp.oo, 0)),
    "=",
    (1 - sp.erf(mu / (sp.sqrt(2) * s))) / 2,
    Calculus(),
)
_ABOVE = Claim(
    "and that of z > 0",
    sp.Integral(_Q, (z, 0, sp.oo)),
    "=",
    (1 + sp.erf(mu / (sp.sqrt(2) * s))) / 2,
    Calculus(),
)
_MEAN = Claim(
    "so that E_q f = a (Pr[z > 0] − Pr[z < 0]); and f² = a² everywhere.",
    a
    * (
        Bracket((1 + sp.erf(mu / (sp.sqrt(2) * s))) / 2)
        - Bracket((1 - sp.erf(mu / (sp.sqrt(2) * s))) / 2)
    ),
    "=",
    MEAN_F,
    Algebra(),
)
_ELBO = Claim(
    "Prior term (gaussian_kl) plus reconstruction term (gaussian_quadratic):",
    (s**2 + mu**2 - 1) / 2
    - sp.log(s)
    - sp.log(noise(0))
    + (a**2 - 2 * x * MEAN_F) / (2 * sigma**2),
    "=",
    NEGATIVE_ELBO,
    Algebra(),
)
_MODE = Claim(
    "The slope of its terms in μ: the prior pulls to 0, the step pushes with q's density there.",
    sp.Derivative(mu**2 / 2 - x * MEAN_F / sigma**2, mu),
    "=",
    mu - x * a * sp.sqrt(2 / sp.pi) * sp.exp(-(mu**2) / (2 * s**2)) / (s * sigma**2),
    Calculus(),
)

DERIVATION = Derivation(
    name="step_decoder",
    title="f = a sign(z): p(x) is two Gaussians, the posterior two half-normals, −ELBO an erf",
    paper="a test problem",
    hypotheses=(Hypothesis("a > 0, σ > 0, one data dimension."),),
    statement="p(x) = ½ N(x; a, σ²) + ½ N(x; −a, σ²); Pr[z > 0 | x] = 1/(1 + e^{−2ax/σ²}); "
    "E_q f = a erf(μ/(s√2)).",
    steps=(_DENSITY, _POSTERIOR, _BELOW, _ABOVE, _MEAN, _ELBO, _MODE),
    conclusion="At x = 0 the posterior is the prior and KL = 0. At large |x| it is a half-normal, "
    "which no Gaussian is: KL tends to a constant > 0.",
)
