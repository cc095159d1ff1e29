"""The one-dimensional Gauss-Legendre rule on a panel, with its Legendre transform.

Everything on a panel is done with the same 16 nodes: the integral, the Legendre series of
f (to see whether the panel resolves f, and to evaluate f between nodes), and the high
coefficients of an integrand, which say how well the rule integrates it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.polynomial import legendre

from theorycheck.arrays import Array

#: Nodes a panel. With f moving at most 3σ on a panel, 16 nodes integrate
#: exp(-|x - f|²/2σ²) to 1e-17 of its maximum (remainder term of the Gauss rule).
ORDER = 16

#: Nodes of a run of panels; twice a panel's, so that the projection of f² from panels is exact.
RUN_ORDER = 2 * ORDER


def gauss_legendre(order: int) -> tuple[Float64[Array, " {order}"], Float64[Array, " {order}"]]:
    """Return nodes and weights of the Gauss-Legendre rule on [-1, 1].

    Parameters
    ----------
    order : int
        Number of nodes.

    Returns
    -------
    nodes, weights : ndarray, shape (order,)
        Nodes in (-1, 1), ascending, and their weights.
    """
    nodes, weights = legendre.leggauss(order)
    return nodes, weights


def legendre_values(points: Float64[Array, " n"], degree: int) -> Float64[Array, "n {degree}+1"]:
    """Return P_0 … P_degree at the points.

    Parameters
    ----------
    points : ndarray, shape (n,)
        Places in [-1, 1].
    degree : int
        The highest degree.

    Returns
    -------
    ndarray, shape (n, degree + 1)
    """
    values: Array = legendre.legvander(points, degree).astype(np.float64)
    return values


def legendre_transform(order: int) -> Float64[Array, "{order} {order}"]:
    """Return the matrix from values at the Gauss nodes to Legendre coefficients.

    Parameters
    ----------
    order : int
        Number of nodes and of coefficients.

    Returns
    -------
    ndarray, shape (order, order)
        Row k gives c_k = (2k+1)/2 Σ_i w_i P_k(t_i) g(t_i).
    """
    nodes, weights = gauss_legendre(order)
    degrees = np.arange(order)
    return (legendre_values(nodes, order - 1) * weights[:, None]).T * (degrees[:, None] + 0.5)


NODES, WEIGHTS = gauss_legendre(ORDER)
TRANSFORM = legendre_transform(ORDER)
_ROWS = (2.0 * np.arange(ORDER)[:, None] + 1.0) * legendre_values(NODES, ORDER - 1).T
#: Rows (2k+1) P_k(t_i): applied to w_i g(t_i) they give coefficients of the integrand g in the
#: units of the integral over the panel. The two highest degrees, and two in the middle.
HIGH_DEGREES = _ROWS[-2:].copy()
MIDDLE_DEGREES = _ROWS[ORDER // 2 - 1 : ORDER // 2 + 1].copy()
