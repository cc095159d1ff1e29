"""Climbs to the modes of p(z|x) by damped Gauss-Newton steps, and says how wide they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension, PerPoint, Points

#: f and σ.
Means = tuple[Callable[[Array], Array], PerDimension]

#: Gauss-Newton steps at most that place a mode, and the finite difference in z.
_STEPS, _DIFFERENCE = 40, 1e-4


def log_joint(
    means: Means, x: Float64[Array, "*n D"], z: Float64[Array, "m K"]
) -> Float64[Array, " m"]:
    """Return log of N(z; 0, I) N(x; f(z), σ²), but for a constant, nats.

    Parameters
    ----------
    means : tuple
        f, of latents (m, K), and σ.
    x : ndarray, shape (D,) or (m, D)
        One point for all latents, or one for each.
    z : ndarray, shape (m, K)

    Returns
    -------
    ndarray, shape (m,)
    """
    function, sigma = means
    apart = (x - function(z)) / sigma
    result: Array = -0.5 * (apart**2).sum(axis=1) - 0.5 * (z**2).sum(axis=1)
    return result


def climbed(
    means: Means, x: Float64[Array, "*n D"], z: Float64[Array, "m K"]
) -> tuple[Float64[Array, "m K"], PerPoint]:
    """Climb to the maxima of the log posterior by damped Gauss-Newton steps.

    Parameters
    ----------
    means, x, z
        As for :func:`log_joint`; z is where the climb begins.

    Returns
    -------
    z : ndarray, shape (m, K)
    value : ndarray, shape (m,)
        The log joint there.
    """
    function, sigma = means
    value = log_joint(means, x, z)
    length = np.ones(len(z))
    for _ in range(_STEPS):
        f = function(z) / sigma
        slope = slopes(means, z)
        gradient = np.einsum("ndk,nd->nk", slope, x / sigma - f) - z
        step = np.linalg.solve(_precision(slope), gradient[:, :, None])[:, :, 0]
        trial = z + length[:, None] * step
        there = log_joint(means, x, trial)
        better = there >= value
        z = np.where(better[:, None], trial, z)
        value = np.where(better, there, value)
        length = np.where(better, np.minimum(2.0 * length, 1.0), 0.5 * length)
        if np.abs(length[:, None] * step).max() < 1e-9:
            break
    return z, value


def widths(means: Means, z: Float64[Array, "m K"]) -> Float64[Array, "m K K"]:
    """Return Cholesky factors of (J'J/σ² + I)⁻¹, the covariance of a Gaussian posterior there."""
    covariance = np.linalg.inv(_precision(slopes(means, z)))
    factor = np.linalg.cholesky(0.5 * (covariance + covariance.transpose(0, 2, 1)))
    return np.asarray(factor, dtype=np.float64)


def slopes(means: Means, z: Float64[Array, "m K"]) -> Float64[Array, "m D K"]:
    """Return the derivatives of f/σ by central differences, shape (m, D, K)."""
    function, sigma = means
    found: list[Points] = []
    for axis in range(z.shape[1]):
        step = np.zeros(z.shape[1])
        step[axis] = _DIFFERENCE
        found.append((function(z + step) - function(z - step)) / (2.0 * _DIFFERENCE * sigma))
    return np.stack(found, axis=2)


def _precision(slope: Array) -> Array:
    result: Array = np.einsum("ndk,ndm->nkm", slope, slope) + np.eye(slope.shape[2])
    return result
