"""Local minima of many x in one list, as descents leave them: which are distinct, which lowest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from theorycheck.arrays import Array, Booleans, Integers, PerPoint

#: How near two minima count as one, in scales.
APART = 0.05


class Minima(NamedTuple):
    """Minima of many x: which x each is of, where it is, its value and what that may be off by.

    Parameters
    ----------
    row : ndarray of int, shape (k,)
    points : ndarray, shape (k, 2K)
        Means, then log scales.
    value, error : ndarray, shape (k,)
        Nats.
    """

    row: Int64[Integers, " k"]
    points: Float64[Array, "k width"]
    value: Float64[Array, " k"]
    error: Float64[Array, " k"]

    def only(self, chosen: Int64[Integers, " m"] | Bool[Booleans, " k"]) -> Minima:
        """Return some of them, as arrays of their own."""
        return Minima(self.row[chosen], self.points[chosen], self.value[chosen], self.error[chosen])

    def best(self, count: int, most: int) -> Float64[Array, "{count} {most} columns"]:
        """Return the first minima of each x, NaN beyond: they must be sorted by x and value.

        Parameters
        ----------
        count : int
            Number of x.
        most : int
            Minima of an x.

        Returns
        -------
        ndarray, shape (count, most, 2K + 1)
            Point and value.
        """
        place = np.arange(self.row.size) - np.searchsorted(self.row, self.row)
        kept = place < most
        found = np.full((count, most, self.points.shape[1] + 1), np.nan)
        found[self.row[kept], place[kept], :-1] = self.points[kept]
        found[self.row[kept], place[kept], -1] = self.value[kept]
        return found


def distinct(found: Minima, least: float = APART) -> Minima:
    """Sort by x, then by value, and leave out what is near a lower one of the same x.

    Parameters
    ----------
    found : Minima
    least : float
        How near, in scales of the narrower, and in log scale.

    Returns
    -------
    Minima
    """
    order = np.lexsort((found.value, found.row))
    row, points = found.row[order], found.points[order]
    half = points.shape[1] // 2
    fresh = np.ones(row.size, dtype=bool)
    for lag in range(1, int(np.bincount(row).max(initial=1))):
        one, two = points[:-lag], points[lag:]
        width = np.exp(np.minimum(one[:, half:], two[:, half:]))
        apart = np.abs(one[:, :half] - two[:, :half]) / width
        wider = np.abs(one[:, half:] - two[:, half:])
        near = np.maximum(apart, wider).max(axis=1) < least
        fresh[lag:] &= ~(near & (row[lag:] == row[:-lag]))
    return found.only(order[fresh])


def lowest(row: Int64[Integers, " k"], value: Float64[Array, " k"], count: int) -> PerPoint:
    """Return the lowest value of each x, shape (count,); inf where it has none."""
    found = np.full(count, np.inf)
    np.minimum.at(found, row, value)
    return found
