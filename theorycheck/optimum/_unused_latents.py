"""Latents that a decoder on cells does not use: found, left out, and put back.

A latent along which f is constant leaves p(x), every posterior of the others and the best q as they
are, so that such a decoder is one of fewer latents, and is evaluated as that.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.quadrature import LatentCells, latent_cells

#: Nats that it may cost to hold f constant along a latent that then counts as unused: less than
#: what values of J are told apart by.
_UNUSED = 1e-4
#: Weight of the prior beside that of the q: cells that no q reaches have some value too.
_PRIOR_SHARE = 1e-9

#: Intervals along each latent, and f on their cells, the last latent fastest.
OnCells = tuple[tuple[LatentCells, ...], Float64[Array, "_ D"]]


def without_unused(
    axes: tuple[LatentCells, ...],
    f: Float64[Array, "cells D"],
    aggregate: Float64[Array, " cells"],
    noise_variance: PerDimension,
) -> OnCells:
    """Hold f constant along every latent where that costs next to nothing, and leave it out.

    At given q the best constant along a latent is the mean under their aggregate, and it costs
    ½ E |f − mean|²/σ²; q may change too, so that the cost in −ELBO is not above that.

    Parameters
    ----------
    axes : tuple of LatentCells
        Intervals along each latent.
    f : ndarray, shape (M, D)
        Decoder means on the cells, the last latent fastest.
    aggregate : ndarray, shape (M,)
        Mass of each cell under all q.
    noise_variance : ndarray, shape (D,)
        σ².

    Returns
    -------
    axes, f
        The same, or of fewer latents; of one at least.
    """
    shape = tuple(axis.count for axis in axes)
    values, mass = f.reshape(*shape, -1), aggregate.reshape(shape)
    for k in reversed(range(len(axes))):
        if len(axes) == 1:
            break
        prior = np.moveaxis(np.ones_like(mass), k, -1) * axes[k].prior_mass
        weight = (mass + _PRIOR_SHARE * np.moveaxis(prior, -1, k))[..., None]
        mean = (weight * values).sum(axis=k) / weight.sum(axis=k)
        apart = (values - np.expand_dims(mean, k)) ** 2 / noise_variance
        if 0.5 * float((mass[..., None] * apart).sum()) <= _UNUSED:
            axes = (*axes[:k], *axes[k + 1 :])
            values, mass = mean, mass.sum(axis=k)
    return axes, values.reshape(-1, f.shape[1])


def with_unused(
    axes: tuple[LatentCells, ...], f: Float64[Array, "cells D"], latents: int
) -> OnCells:
    """Add latents without use, the last ones, of two intervals each.

    Parameters
    ----------
    axes : tuple of LatentCells
        Intervals along each latent that f uses.
    f : ndarray, shape (M, D)
        Decoder means on the cells.
    latents : int
        Number of latents K in the end.

    Returns
    -------
    axes, f
    """
    unused = latent_cells(2)
    while len(axes) < latents:
        axes, f = (*axes, unused), f.repeat(unused.count, axis=0)
    return axes, f
