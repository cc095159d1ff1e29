"""Masses and quantiles of N(0, 1) that keep their digits beside a cut and in the tails."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from theorycheck.arrays import Array
from theorycheck.quadrature import gauss_legendre

#: Interval length up to which a normal mass is integrated rather than taken as a difference.
_SHORT = 0.5
#: The rule for it: on half a unit of z the normal density is a polynomial of degree 23 to rounding.
_NODES, _WEIGHTS = gauss_legendre(12)


def normal_mass(a: Array | float, b: Array | float) -> Array:
    """Return Φ(b) − Φ(a) to nearly full relative precision.

    Parameters
    ----------
    a, b : ndarray of shapes that go together, or float
        a <= b; infinite ends are allowed.

    Returns
    -------
    ndarray
    """
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    # In the tail where both values are small.
    flip = a + b > 0.0
    result: Array = np.where(flip, ndtr(-a) - ndtr(-b), ndtr(b) - ndtr(a))
    bounded = np.isfinite(a) & np.isfinite(b)
    short = np.subtract(b, a, where=bounded, out=np.full(a.shape, np.inf)) < _SHORT
    if short.any():
        half = 0.5 * (b[short] - a[short])
        z = a[short][:, None] + half[:, None] * (1.0 + _NODES)
        result[short] = half * (np.exp(-0.5 * z**2) @ _WEIGHTS) / np.sqrt(2.0 * np.pi)
    return result


def normal_quantile(lower: Array, upper: Array) -> Array:
    """Return z with Φ(z) = lower and 1 − Φ(z) = upper, from the smaller of the two.

    Parameters
    ----------
    lower, upper : ndarray of one shape
        Masses below and above z.

    Returns
    -------
    ndarray
    """
    z = np.where(lower < upper, ndtri(lower), -ndtri(upper))
    return np.asarray(z, dtype=np.float64)
