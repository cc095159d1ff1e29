"""Derives the KL divergence between Gaussians."""

from __future__ import annotations

import sympy as sp

from proofs.checks import Algebra, Calculus, Linearity
from proofs.derivation import Claim, Derivation, Hypothesis

z, mu, m = sp.symbols("z mu m", real=True)
s, w = sp.symbols("s w", positive=True)
k = sp.Symbol("k", integer=True, positive=True)
latents = sp.Symbol("K", integer=True, positive=True)
means, scales = sp.IndexedBase("mu"), sp.IndexedBase("s", positive=True)


def _normal(mean: sp.Expr, scale: sp.Expr) -> sp.Expr:
    return sp.exp(-((z - mean) ** 2) / (2 * scale**2)) / (sp.sqrt(2 * sp.pi) * scale)


def _line(integrand: sp.Expr) -> sp.Expr:
    return sp.Integral(integrand, (z, -sp.oo, sp.oo))


def _over_k(term: sp.Expr) -> sp.Expr:
    return sp.Sum(term, (k, 1, latents))


_KL = sp.log(w / s) + (s**2 + (mu - m) ** 2) / (2 * w**2) - sp.Rational(1, 2)
_KL_PRIOR = (s**2 + mu**2 - 1) / 2 - sp.log(s)

_LOG_RATIO = Claim(
    "The log ratio of N(μ, s²) and N(m, w²) is a quadratic in z.",
    sp.log(_normal(mu, s)) - sp.log(_normal(m, w)),
    "=",
    sp.log(w / s) - (z - mu) ** 2 / (2 * s**2) + (z - m) ** 2 / (2 * w**2),
    Algebra(),
)
_NEAR = Claim(
    "Its first square averages to s² under N(μ, s²),",
    _line(_normal(mu, s) * (z - mu) ** 2),
    "=",
    s**2,
    Calculus(),
)
_FAR = Claim(
    "its second to s² plus the squared distance of the means.",
    _line(_normal(mu, s) * (z - m) ** 2),
    "=",
    s**2 + (mu - m) ** 2,
    Calculus(),
)
_WHOLE = Claim(
    "Together, the average of step 1's right side:",
    _line(
        _normal(mu, s) * (sp.log(w / s) - (z - mu) ** 2 / (2 * s**2) + (z - m) ** 2 / (2 * w**2))
    ),
    "=",
    _KL,
    Calculus(),
)
_PRIOR = Claim(
    "Against the prior N(0, 1):",
    _KL.subs({m: 0, w: 1}),
    "=",
    _KL_PRIOR,
    Algebra(),
)
_FACTORS = Claim(
    "With K latents both densities factorise, and the log of a product is a sum.",
    _over_k((scales[k] ** 2 + means[k] ** 2 - 1) / 2 - sp.log(scales[k])),
    "=",
    (_over_k(scales[k] ** 2) + _over_k(means[k] ** 2) - latents) / 2 - _over_k(sp.log(scales[k])),
    Linearity(),
)

DERIVATION = Derivation(
    name="gaussian_kl",
    title="KL[N(μ, s²) ‖ N(m, w²)] in closed form",
    paper="section 2, the prior term of the ELBO",
    hypotheses=(Hypothesis("s > 0 and w > 0."),),
    statement="KL[N(μ, s²) ‖ N(m, w²)] = log(w/s) + (s² + (μ − m)²)/(2w²) − ½; against the prior, "
    "½(s² + μ² − 1) − log s, summed over the latents of a mean-field q.",
    steps=(_LOG_RATIO, _NEAR, _FAR, _WHOLE, _PRIOR, _FACTORS),
    conclusion="The first two terms of −ELBO_x(μ, s) in the engine.",
)
