"""Prominences of the maxima of a height on a graph: persistence of its superlevel sets.

A maximum is born at its height and ends where its superlevel set meets a higher one's: its
prominence is the fall from it to that saddle (superlevel persistence in dimension 0; on a graph of
neighbours this is ToMATo, Chazal et al., "Persistence-based clustering in Riemannian manifolds",
2013). On a plane the loops of superlevel sets are, by duality, the maxima of minus the height: a
loop closes at the saddle, and is filled at the minimum in it.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64, Int64

from theorycheck.arrays import Array, Integers


def prominences(
    height: Float64[Array, " vertices"], edges: Int64[Integers, "edges 2"]
) -> Float64[Array, " maxima"]:
    """Compute by how much the height falls from each maximum to where it meets a higher one.

    Parameters
    ----------
    height : ndarray, shape (V,)
        A plateau is one maximum.
    edges : ndarray of int, shape (E, 2)
        Pairs of vertices, each once or twice.

    Returns
    -------
    ndarray, shape (maxima,)
        Falling; infinite for the highest maximum of each connected part.
    """
    pairs = persistence_pairs(height, edges)
    return np.sort(pairs[:, 0] - pairs[:, 1])[::-1]


def persistence_pairs(
    height: Float64[Array, " vertices"], edges: Int64[Integers, "edges 2"]
) -> Float64[Array, "maxima 2"]:
    """Pair each maximum with the saddle at which it meets a higher one.

    Parameters
    ----------
    height, edges
        As :func:`prominences` takes them.

    Returns
    -------
    ndarray, shape (maxima, 2)
        Heights of maximum and saddle; -inf for the highest maximum of each connected part.
    """
    # Heights by rank: no two are equal, so that every vertex but a maximum has one way up.
    rank = np.empty(len(height), dtype=np.int64)
    rank[np.argsort(height, kind="stable")] = np.arange(len(height))
    upward = np.arange(len(height))
    low, high = edges[:, 0], edges[:, 1]
    swap = rank[low] > rank[high]
    low, high = np.where(swap, high, low), np.where(swap, low, high)
    order = np.argsort(rank[high], kind="stable")
    # The last assignment stands: the highest neighbour.
    upward[low[order]] = high[order]
    top = upward
    while not np.array_equal(top, top[top]):
        top = top[top]
    return _joined(height, rank, top, low, high)


def _joined(height: Array, rank: Integers, top: Integers, low: Integers, high: Integers) -> Array:
    """Join the basins of the maxima over the edges between them, the highest saddle first."""
    between = top[low] != top[high]
    # The saddle of an edge is its lower end.
    saddle, one, other = low[between], top[low[between]], top[high[between]]
    order = np.argsort(-rank[saddle], kind="stable")
    joined = {int(peak): int(peak) for peak in np.unique(top)}

    def highest(peak: int) -> int:
        while joined[peak] != peak:
            joined[peak] = joined[joined[peak]]
            peak = joined[peak]
        return peak

    found = []
    for place in order:
        first, second = highest(int(one[place])), highest(int(other[place]))
        if first == second:
            continue
        lower, upper = sorted((first, second), key=lambda peak: int(rank[peak]))
        joined[lower] = upper
        # Of no fall: a part of a plateau.
        if height[lower] > height[saddle[place]]:
            found.append((height[lower], height[saddle[place]]))
    tops = [peak for peak in joined if joined[peak] == peak]
    return np.array([*found, *((height[peak], -math.inf) for peak in tops)])
