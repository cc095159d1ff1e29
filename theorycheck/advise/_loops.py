"""Loops of a cloud of rows: holes in its density, in the plane of the two leading components."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from scipy.ndimage import gaussian_filter

from theorycheck.advise._likeness import RIM
from theorycheck.advise._prominence import persistence_pairs
from theorycheck.arrays import Array, Points

#: Share of Silverman's bandwidth: loops are wanted, no smooth picture.
BANDWIDTH = 0.7
#: Rows farther out, in standard deviations, are not looked at.
_FAR = 5.0
#: Cells of the grid in a bandwidth.
_CELLS = 2.0
#: Effective number of rows in a kernel that is added everywhere: below it log density is noise.
_FLOOR = 4.0


def leading_plane(x: Points) -> Float64[Array, "n 2"]:
    """Return the two leading principal components of rows, each with standard deviation 1.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        D is 2 or more.

    Returns
    -------
    ndarray, shape (n, 2)
    """
    centred = x - x.mean(axis=0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    # A second component of none but rounding is a line: it has no loops whatever its scale.
    scale = np.maximum(scale, 1e-12 * max(scale[0], 1e-300))
    scores = left[:, :2] * scale[:2]
    return np.asarray(scores / np.maximum(scores.std(axis=0), 1e-300), dtype=np.float64)


def plane_axis(rows: int) -> Float64[Array, " cells"]:
    """Return the middles of the cells of the grid on which density is estimated, on either axis.

    Parameters
    ----------
    rows : int
        Of the table: the more there are, the finer.

    Returns
    -------
    ndarray, shape (cells,)
        Standard deviations.
    """
    width = BANDWIDTH * rows ** (-1.0 / 6.0)
    half = math.ceil((_FAR + 4.0 * width) * _CELLS / width)
    return np.asarray(np.arange(-half, half + 1) * (width / _CELLS), dtype=np.float64)


def plane_log_density(scores: Float64[Array, "n 2"]) -> Float64[Array, "rows columns"]:
    """Estimate log density on a grid by a Gaussian kernel, above a floor of a few rows.

    Parameters
    ----------
    scores : ndarray, shape (n, 2)
        Of standard deviation 1.

    Returns
    -------
    ndarray, shape (rows, columns)
        Nats, per cell and up to a constant; the grid ends where nothing is left but the floor.
    """
    at = plane_axis(len(scores))
    edges = np.append(at, 2.0 * at[-1] - at[-2]) - 0.5 * (at[1] - at[0])
    count, _, _ = np.histogram2d(scores[:, 0], scores[:, 1], bins=(edges, edges))
    smooth = gaussian_filter(count, _CELLS, mode="constant", truncate=5.0)
    # n p 4 pi h^2 is the number of rows whose spread the estimate p has.
    effective = 4.0 * math.pi * _CELLS**2 * smooth
    return np.asarray(np.log(effective + _FLOOR), dtype=np.float64)


def loop_prominences(x: Points) -> Float64[Array, " loops"]:
    """Compute by how much log density falls from every loop's lowest pass to the hole within.

    Parameters
    ----------
    x : ndarray, shape (n, D)

    Returns
    -------
    ndarray, shape (loops,)
        Nats, falling; none of a single column. A hole whose lowest pass is 1.5 nats or more below
        the highest density is none: strands that come near each other enclose such bays.
    """
    if x.shape[1] < 2:
        return np.zeros(0)
    # Around the grid there is nothing: what reaches its rim is outside, and no hole.
    density = plane_log_density(leading_plane(x))
    depth = -np.pad(density, 1, constant_values=density.min() - 1.0)
    cell = np.arange(depth.size).reshape(depth.shape)
    # Superlevel sets are joined over sides and corners, and so the holes over sides alone.
    sides = [
        np.stack([cell[1:].ravel(), cell[:-1].ravel()], axis=1),
        np.stack([cell[:, 1:].ravel(), cell[:, :-1].ravel()], axis=1),
    ]
    pairs = persistence_pairs(depth.ravel(), np.concatenate(sides))
    closed = density.max() + pairs[:, 1] < RIM
    return np.sort((pairs[:, 0] - pairs[:, 1])[closed & np.isfinite(pairs[:, 1])])[::-1]
