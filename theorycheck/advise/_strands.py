"""Strands that meet: points near each other and far apart along the manifold (section 6).

Figure-8-like is, in the paper's words, a manifold some of whose points are within the noise of each
other and far along it: then a posterior has two modes. Near is a distance below 2σ, far a geodesic
above twice that. Along a curve the geodesic is its length between two latents; among rows it is the
shortest path on their graph of neighbours, which cuts across where strands come as near as rows are
to each other.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from theorycheck.arrays import Array, Points
from theorycheck.errors import SettingError

#: Distance, in σ, below which two points are within the noise of each other.
REACH = 2.0
#: Multiple of it above which they are far along the manifold.
MULTIPLE = 2.0
#: Neighbours of a row in the graph.
_NEIGHBOURS = 16
#: Points of a curve whose distances are taken at once.
_BLOCK = 256


def share_on_curve(curve: Float64[Array, "nodes D"], sigma: float) -> float:
    """Compute the share of a curve's points that have a partner near, and far along the curve.

    Parameters
    ----------
    curve : ndarray, shape (M, D)
        f at M latents of the same prior mass each, in their order.
    sigma : float
        Standard deviation of the noise, units of f.

    Returns
    -------
    float
        In [0, 1]: of the prior's mass.
    """
    near = REACH * _positive(sigma)
    steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    met = np.zeros(len(curve), dtype=bool)
    for first in range(0, len(curve), _BLOCK):
        rows = slice(first, first + _BLOCK)
        apart = np.linalg.norm(curve[rows, None] - curve, axis=2)
        far = np.abs(along[rows, None] - along) > MULTIPLE * near
        met[rows] = ((apart < near) & far).any(axis=1)
    return float(met.mean())


def share_on_graph(x: Points, sigma: float) -> float:
    """Compute the share of rows that have a partner near, and far on the graph of neighbours.

    Parameters
    ----------
    x : ndarray, shape (n, D)
    sigma : float
        Standard deviation of the noise, units of x.

    Returns
    -------
    float
        In [0, 1].
    """
    near = REACH * _positive(sigma)
    count = min(_NEIGHBOURS, len(x) - 1)
    tree = cKDTree(x)
    distance, neighbours = tree.query(x, count + 1)
    here = np.repeat(np.arange(len(x)), count + 1)
    # Rows that are equal are joined by an edge of next to nothing: 0 is no edge.
    weights = np.maximum(distance.ravel(), math.ulp(1.0) * near)
    graph = csr_array((weights, (here, neighbours.ravel())), shape=(len(x), len(x)))
    met = 0
    for row, partners in enumerate(tree.query_ball_point(x, near)):
        others = [other for other in partners if other != row]
        if others:
            path = dijkstra(graph, directed=False, indices=row, limit=MULTIPLE * near)
            met += bool(np.isinf(path[others]).any())
    return met / len(x)


def _positive(sigma: float) -> float:
    if not sigma > 0.0:
        raise SettingError(f"σ must be positive, not {sigma}")
    return sigma
