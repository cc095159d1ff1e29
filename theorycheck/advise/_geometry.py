"""The shape of a cloud of rows: its dimension over scales, and its modes.

Dimension: Gride (Denti et al., "The generalized ratios intrinsic dimension estimator", Scientific
Reports 12, 2022): from the ratios of the distances to the 2n-th and the n-th neighbour; at small n
every estimator returns the noise's dimension. Modes: prominences of log density on a neighbour
graph (ToMATo, Chazal et al., "Persistence-based clustering in Riemannian manifolds", 2013).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from scipy.optimize import brentq
from scipy.spatial import cKDTree

from theorycheck.advise._prominence import prominences
from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.errors import SettingError

#: Neighbours of the graph on which modes are told apart.
_NEIGHBOURS = 16
#: Share of Silverman's bandwidth: modes are wanted, no smooth picture.
_BANDWIDTH = 0.5
#: Rows of a block of kernels, so that it stays in the processor's cache.
_BLOCK = 128
_LARGEST_DIMENSION = 200.0


def gride_dimension(x: Points, neighbour: int) -> float:
    """Estimate the intrinsic dimension at the scale of the n-th and the 2n-th neighbour.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Rows; those that repeat another are left out.
    neighbour : int
        n, from 1 to half the number of other rows.

    Returns
    -------
    float
        The d at which the likelihood of the ratios is stationary; NaN where too few rows differ.

    Raises
    ------
    SettingError
        If the number is out of range.
    """
    points = np.unique(x, axis=0)
    if neighbour < 1:
        raise SettingError(f"a neighbour is counted from 1, not {neighbour}")
    if 2 * neighbour >= len(points):
        return math.nan
    distance, _ = cKDTree(points).query(points, 2 * neighbour + 1)
    log_ratio = np.log(distance[:, 2 * neighbour] / distance[:, neighbour])
    log_ratio = log_ratio[log_ratio > 0.0]
    if len(log_ratio) == 0:
        return math.nan

    def slope(dimension: float) -> float:
        """Derivative of the log likelihood of d: 1/d, the gaps' and the ratios' parts."""
        # log p(μ|d) = log d + (n−1) log(μ^d − 1) − ((2n−1)d + 1) log μ.
        gaps = (neighbour - 1) * log_ratio / -np.expm1(-dimension * log_ratio)
        return float(np.mean(1.0 / dimension + gaps - (2 * neighbour - 1) * log_ratio))

    if slope(1e-3) <= 0.0 or slope(_LARGEST_DIMENSION) >= 0.0:
        return math.nan
    return float(brentq(slope, 1e-3, _LARGEST_DIMENSION))


def kernel_log_density(x: Points) -> PerPoint:
    """Estimate log p(x) at the rows by a Gaussian kernel in standardised directions, nats.

    Parameters
    ----------
    x : ndarray, shape (n, D)

    Returns
    -------
    ndarray, shape (n,)
    """
    size, data_dim = x.shape
    width = _widths(x)
    scaled = x / width
    # −½|x − y|² as a product of matrices: x·y − ½|x|² − ½|y|².
    half = 0.5 * (scaled**2).sum(axis=1)
    found = np.empty(size)
    for first in range(0, size, _BLOCK):
        rows = slice(first, first + _BLOCK)
        exponent = scaled[rows] @ scaled.T
        exponent -= half[rows, None]
        exponent -= half
        # A row's own kernel is 1: no sum underflows.
        found[rows] = np.log(np.exp(exponent, out=exponent).sum(axis=1))
    constant = math.log(size) + 0.5 * data_dim * math.log(2.0 * math.pi)
    return np.asarray(found - constant - np.log(width).sum(), dtype=np.float64)


def kernel_company(x: Points) -> float:
    """Return how many other rows are within a kernel's reach of a row, in the median.

    Parameters
    ----------
    x : ndarray, shape (n, D)

    Returns
    -------
    float
        The sum of the others' kernels at a row, each 1 at its middle: of many columns next to
        nothing, and then no mode is seen.
    """
    size, data_dim = x.shape
    width = _widths(x)
    constant = math.log(size) + 0.5 * data_dim * math.log(2.0 * math.pi) + np.log(width).sum()
    return float(np.median(np.expm1(np.maximum(kernel_log_density(x) + constant, 0.0))))


def _widths(x: Array) -> Array:
    return np.asarray(_BANDWIDTH * x.std(axis=0) * len(x) ** (-1.0 / (x.shape[1] + 4)))


def mode_prominences(x: Points) -> Float64[Array, " modes"]:
    """Return by how much log density falls between each mode and the next higher one.

    Parameters
    ----------
    x : ndarray, shape (n, D)

    Returns
    -------
    ndarray, shape (modes,)
        Nats, falling. The highest mode counts with infinity, as does one of a part of the graph
        that nothing joins to it.
    """
    count = min(_NEIGHBOURS, len(x) - 1)
    _, neighbours = cKDTree(x).query(x, count + 1)
    here = np.repeat(np.arange(len(x)), count + 1)
    pairs = np.stack([here, neighbours.ravel()], axis=1)
    return prominences(kernel_log_density(x), pairs[pairs[:, 0] != pairs[:, 1]])


def local_noise(x: Points, latents: int = 1) -> float:
    """Estimate σ² by local principal components: what they leave over, averaged.

    Parameters
    ----------
    x : ndarray, shape (n, D)
    latents : int
        Directions along the manifold.

    Returns
    -------
    float
        Squared units of x; NaN where D is no larger than `latents`. The neighbours are chosen by
        distance, which cuts the noise off: it is too small where the noise is as wide as the
        neighbourhood, and too large where the manifold bends within it.
    """
    size, data_dim = x.shape
    if data_dim <= latents:
        return math.nan
    count = min(size - 1, max(4 * data_dim, size // 16))
    _, neighbours = cKDTree(x).query(x, count + 1)
    near = x[neighbours]
    centred = near - near.mean(axis=1, keepdims=True)
    covariance = np.einsum("nkd,nke->nde", centred, centred) / (count + 1)
    left_over = np.linalg.eigvalsh(covariance)[:, : data_dim - latents]
    return float(left_over.mean())
