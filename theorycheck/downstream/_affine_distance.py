"""The point of an affine image of a box that is nearest to x: K = 1 and K = 2, many at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array

#: Share of the columns' size below which their Gram determinant counts as 0: the minimum lies on an
#: edge of the box then as well.
_SINGULAR = 1e-13


def nearest_in_box(
    apart: Float64[Array, "parts D"],
    slope: Float64[Array, "parts D K"],
    half: Float64[Array, "parts K"],
) -> Float64[Array, "parts K"]:
    """Minimise |apart − slope s| over the box |s_k| <= half_k.

    Parameters
    ----------
    apart : ndarray, shape (m, D)
        x less the value at the middle of the box.
    slope : ndarray, shape (m, D, K)
        Derivatives there; K is 1 or 2.
    half : ndarray, shape (m, K)
        Half-widths.

    Returns
    -------
    ndarray, shape (m, K)
        The exact minimiser: inside, or the best of the edges.
    """
    pull = np.einsum("mdk,md->mk", slope, apart)
    gram = np.einsum("mdk,mdl->mkl", slope, slope)
    if half.shape[1] == 1:
        size = gram[:, :, 0]
        free = np.where(size > 0.0, pull / np.where(size > 0.0, size, 1.0), 0.0)
        return np.clip(free, -half, half)
    best = _inside(pull, gram)
    outside = ~(np.abs(best) <= half).all(axis=1)
    least = np.full(len(half), np.inf)
    for axis in (0, 1):
        other = 1 - axis
        for sign in (-1.0, 1.0):
            step = np.empty_like(half)
            step[:, axis] = sign * half[:, axis]
            size = gram[:, other, other]
            free = pull[:, other] - gram[:, 0, 1] * step[:, axis]
            free = np.where(size > 0.0, free / np.where(size > 0.0, size, 1.0), 0.0)
            step[:, other] = np.clip(free, -half[:, other], half[:, other])
            value = np.einsum("mkl,mk,ml->m", gram, step, step) - 2.0 * (pull * step).sum(axis=1)
            better = outside & (value < least)
            least[better], best[better] = value[better], step[better]
    return best


def _inside(pull: Array, gram: Array) -> Array:
    """Return the free minimiser of a quadratic in two variables; NaN where it is singular."""
    determinant = gram[:, 0, 0] * gram[:, 1, 1] - gram[:, 0, 1] ** 2
    regular = determinant > _SINGULAR * gram[:, 0, 0] * gram[:, 1, 1]
    safe = np.where(regular, determinant, np.nan)
    first = (gram[:, 1, 1] * pull[:, 0] - gram[:, 0, 1] * pull[:, 1]) / safe
    second = (gram[:, 0, 0] * pull[:, 1] - gram[:, 0, 1] * pull[:, 0]) / safe
    return np.stack([first, second], axis=1)
