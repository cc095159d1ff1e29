"""The table of −ELBO_x over q that serves the scan of every x.

−ELBO_x(μ, s) is affine in x up to |x|²/2σ² (docs/theory.md): offset − x·slope on each entry.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.quadrature import LatentPanels, ScanTable
from theorycheck.quadrature.kernels import RUN, AffineTable

#: A basin of −ELBO is about s wide in μ and 1 wide in log s, so each is hit several times. Beyond
#: so many entries narrow q are left to the starts at posterior modes.
_TABLE = ScanTable(reach=7.5, widest=2.0, log_step=0.35, mean_step=0.6, largest=60_000)
#: Narrowest s of the table, in Laplace widths.
_NARROWEST = 0.4


def table_entries(
    panels: LatentPanels,
) -> tuple[Float64[Array, " entries"], Float64[Array, " entries"], bool]:
    """Choose (μ, log s): all scales that the local steepness of f can ask for.

    Parameters
    ----------
    panels : LatentPanels
        Panels of the model.

    Returns
    -------
    mean, log_scale : ndarray, shape (T,)
        Latent μ and log s of every entry.
    complete : bool
        Whether they go down to the narrowest q that f can ask for.
    """
    z, width = panels.z, np.exp(panels.log_width)
    inner = np.abs(z) <= _TABLE.reach
    z, width = z[inner], width[inner]
    narrowest = _NARROWEST * float(width.min())
    means: list[Array] = []
    log_scales: list[Array] = []
    entries = 0
    log_scale = math.log(_TABLE.widest)
    while log_scale > math.log(narrowest) - _TABLE.log_step and entries < _TABLE.largest:
        s = math.exp(log_scale)
        steep = z[_NARROWEST * width <= s]
        if _TABLE.size(s) > 20 * _TABLE.largest:
            break
        grid = _TABLE.row(s)
        near = np.searchsorted(steep, grid + 2.0 * s) > np.searchsorted(steep, grid - 2.0 * s)
        means.append(grid[near])
        log_scales.append(np.full(int(near.sum()), log_scale))
        entries += int(near.sum())
        log_scale -= _TABLE.log_step
    complete = log_scale <= math.log(narrowest) - _TABLE.log_step
    return np.concatenate(means), np.concatenate(log_scales), complete


def affine_table(
    mean: Float64[Array, " entries"],
    log_scale: Float64[Array, " entries"],
    first: Float64[Array, "entries D"],
    squares: Float64[Array, "entries D"],
    inverse_sigma: PerDimension,
) -> AffineTable:
    """Make the table from E_q f and E_q f² at its entries.

    Parameters
    ----------
    mean, log_scale : ndarray, shape (T,)
        Latent μ and log s of every entry.
    first, squares : ndarray, shape (T, D)
        E_q f and E_q f².
    inverse_sigma : ndarray, shape (D,)
        1/σ.

    Returns
    -------
    AffineTable
    """
    offset = 0.5 * (np.exp(2.0 * log_scale) + mean**2 - 1.0) - log_scale
    offset += 0.5 * (squares * inverse_sigma**2).sum(axis=1)
    slope = np.ascontiguousarray((first * inverse_sigma**2).T)
    bounds = _run_bounds(offset, first, inverse_sigma)
    return AffineTable(mean, log_scale, offset, slope, *bounds)


def _run_bounds(offset: Array, first: Array, inverse_sigma: Array) -> tuple[Array, Array, Array]:
    """Bound −ELBO_x over runs of table entries, for every x at once."""
    starts = np.arange(0, offset.size, RUN)
    run = np.arange(offset.size) // RUN
    least = offset - 0.5 * ((first * inverse_sigma) ** 2).sum(axis=1)
    centre = np.add.reduceat(first, starts) / np.bincount(run)[:, None]
    off = np.linalg.norm((first - centre[run]) * inverse_sigma, axis=1)
    return (
        np.minimum.reduceat(least, starts),
        np.ascontiguousarray(centre),
        np.maximum.reduceat(off, starts) * (1.0 + 1e-12),
    )
