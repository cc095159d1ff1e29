"""log p(x) from scrambled Sobol points, where boxes in the latents would be too many.

Points are drawn from a mixture of Gaussians at modes of each posterior, of the covariances that f's
slopes give it there, so that p(x) = E_mixture N(z; 0, I) N(x; f(z), σ²)/mixture(z) scatters little.
(The best product of Gaussians, from which the modes are climbed to, is too narrow where latents go
together.) The radius is statistical: five
standard errors over independent scramblings. A mode that no start was near to is seen by the part
of the mixture that is the prior, if at all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtri

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.inference._latent_climb import climbed, widths
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import STANDARD_ERRORS, sobol_points

#: Points of a scrambling, and scramblings.
SIZE, REPEATS = 1024, 16
#: How much wider than a Gaussian posterior the components of the mixture are, and the share of the
#: prior: where the posterior is Gaussian, weights are 1.4³ at most.
_WIDER, _PRIOR_SHARE = 1.4, 0.1
#: Numbers f(z) held at once.
_AT_ONCE = 4_000_000


class SobolDensity(NamedTuple):
    """What averages over Sobol points say of some x.

    Parameters
    ----------
    value : ndarray, shape (n,)
        log p(x), nats.
    relative_error : ndarray, shape (n,)
        Five standard errors of p(x), relative to it.
    mean_f : ndarray, shape (n, D)
        E[f(z) | x].
    squares : ndarray, shape (n, D)
        E[(x_d − f_d(z))² | x].
    """

    value: PerPoint
    relative_error: PerPoint
    mean_f: Points
    squares: Points


def sobol_density(
    model: GenerativeModel,
    x: Points,
    minima: Float64[Array, "n m width"],
    *,
    seed: int = 0,
    size: int = SIZE,
) -> SobolDensity:
    """Estimate log p(x) and posterior means by importance averages over scrambled Sobol points.

    Parameters
    ----------
    model : GenerativeModel
        A model of several latents.
    x : ndarray, shape (n, D)
        Data points.
    minima : ndarray, shape (n, m, 2K + 1)
        μ, log s and −ELBO_x of Gaussians near the modes of each x, the best first; NaN beyond.
        Means are all that is taken.
    seed : int
        Seed of the scramblings.
    size : int
        Points of each; a power of two.

    Returns
    -------
    SobolDensity
    """
    latents = model.latent_dim
    points = sobol_points(1 + latents, size=size, repeats=REPEATS, seed=seed)
    points = points.reshape(-1, 1 + latents)
    t = ndtri(points[:, 1:])
    together = max(1, _AT_ONCE // (len(points) * (model.data_dim + latents)))
    parts = [
        _of_some(model, x[start : start + together], minima[start : start + together], points, t)
        for start in range(0, len(x), together)
    ]
    return SobolDensity(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _of_some(
    model: GenerativeModel, x: Array, minima: Array, points: Array, t: Array
) -> SobolDensity:
    latents, count = model.latent_dim, len(x)
    mean, factor, share = _mixture(model, x, minima)
    # The first coordinate chooses the component.
    edges = np.cumsum(share, axis=1)
    chosen = (points[None, :, :1] > edges[:, None, :-1]).sum(axis=2)
    rows = np.arange(count)[:, None]
    z = mean[rows, chosen] + np.einsum("npij,pj->npi", factor[rows, chosen], t)
    log_mixture = np.full(z.shape[:2], -np.inf)
    for k in range(mean.shape[1]):
        apart = np.linalg.solve(factor[:, k], (z - mean[:, None, k]).transpose(0, 2, 1))
        narrow = np.log(np.diagonal(factor[:, k], axis1=1, axis2=2)).sum(axis=1)
        log_part = -0.5 * (apart**2).sum(axis=1) - narrow[:, None]
        with np.errstate(divide="ignore"):
            log_mixture = np.logaddexp(log_mixture, log_part + np.log(share[:, k])[:, None])
    f = model.decoder(z.reshape(-1, latents)).reshape(count, len(t), -1)
    square = np.square(x[:, None] - f)
    # The constant of the prior is that of the mixture.
    exponent = -0.5 * (square / model.noise_variance).sum(axis=2) - 0.5 * (z**2).sum(axis=2)
    exponent -= log_mixture
    top = exponent.max(axis=1)
    weight = np.exp(exponent - top[:, None])
    each = weight.reshape(count, REPEATS, -1).mean(axis=2)
    average = each.mean(axis=1)
    spread = each.std(axis=1, ddof=1) / math.sqrt(REPEATS)
    constant = 0.5 * float(np.log(2.0 * math.pi * model.noise_variance).sum())
    total = weight.sum(axis=1)[:, None]
    return SobolDensity(
        top + np.log(average) - constant,
        STANDARD_ERRORS * spread / average + 1e-14,
        np.einsum("np,npd->nd", weight, f) / total,
        np.einsum("np,npd->nd", weight, square) / total,
    )


def _mixture(model: GenerativeModel, x: Array, minima: Array) -> tuple[Array, Array, Array]:
    """Return means, Cholesky factors and shares of the components, the prior last.

    Shapes (n, m + 1, K), (n, m + 1, K, K), (n, m + 1). A component has the share that the height
    and width of its mode give it of the posterior's mass, but a tenth of the largest at least.
    """
    latents = model.latent_dim
    usable = np.isfinite(minima).all(axis=2)
    row, _ = np.nonzero(usable)
    means = model.decoder, model.sigma
    place, height = climbed(means, x[row], minima[usable][:, :latents])
    factors = widths(means, place)
    shape = usable.shape
    mean, log_mass = np.zeros((*shape, latents)), np.full(shape, -np.inf)
    factor = np.tile(np.eye(latents), (*shape, 1, 1))
    mean[usable], factor[usable] = place, _WIDER * factors
    log_mass[usable] = height + np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    share = np.maximum(np.exp(log_mass - log_mass.max(axis=1, keepdims=True)), 0.1) * usable
    share *= (1.0 - _PRIOR_SHARE) / share.sum(axis=1, keepdims=True)
    count = len(minima)
    return (
        np.concatenate([mean, np.zeros((count, 1, latents))], axis=1),
        np.concatenate([factor, np.tile(np.eye(latents), (count, 1, 1, 1))], axis=1),
        np.concatenate([share, np.full((count, 1), _PRIOR_SHARE)], axis=1),
    )
