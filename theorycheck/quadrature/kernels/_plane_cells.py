"""Moments of |x − f|²/2σ² under q = N(μ₁, s₁²) N(μ₂, s₂²), f constant on products of intervals.

q's mass of a cell is a product of two normal masses, and so are the derivatives: with
t = (z − μ)/s and He_a Hermite's polynomials, E_q[He_a(t); a cell] is a difference of He_{a−1} φ at
the cell's edges. No quadrature in z, hence no error from it.
"""

from __future__ import annotations

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._cells import reach_of_q
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Matrix, Vector
from theorycheck.quadrature.kernels._normal_tail import fill_tail_and_density
from theorycheck.quadrature.kernels._two_latent_moments import MOMENTS

_COUNT = len(MOMENTS)
_ONE = np.array([a for a, _ in MOMENTS])
_TWO = np.array([b for _, b in MOMENTS])


@scalar_kernel
def _cell_moments(
    boundary: Vector, mean: float, scale: float, edge: Matrix, moment: Matrix
) -> tuple[int, int]:
    """Fill E_q[He_0 … He_4; cell] of one latent; return the first cell that q sees, how many."""
    first, last = reach_of_q(boundary, mean, scale)
    t, tail, density = edge[0], edge[1], edge[2]
    for b in range(first, last):
        t[b] = (boundary[b] - mean) / scale
    fill_tail_and_density(t, first, last, tail, density)
    above, p0, p1, p2, p3 = 1.0, 0.0, 0.0, 0.0, 0.0
    for j in range(first, last + 1):
        below, n0, n1, n2, n3 = 0.0, 0.0, 0.0, 0.0, 0.0
        if j < last:
            here = t[j]
            square = here * here
            below = tail[j]
            n0 = density[j]
            n1 = here * n0
            n2 = (square - 1.0) * n0
            n3 = here * (square - 3.0) * n0
        k = j - first
        moment[0, k] = above - below
        moment[1, k] = p0 - n0
        moment[2, k] = p1 - n1
        moment[3, k] = p2 - n2
        moment[4, k] = p3 - n3
        above, p0, p1, p2, p3 = below, n0, n1, n2, n3
    return first, last - first + 1


@batch_kernel
def plane_cell_moments_batch(
    part: int,
    parts: int,
    x: Matrix,
    mean: Matrix,
    scale: Matrix,
    boundary: tuple[Vector, Vector],
    f: Cube,
    moments: Matrix,
) -> None:
    """Fill the moments (n, 13) of ½|x − f|², x and f in units of σ, f (M₁, D, M₂)."""
    x, mean, scale, f = borrowed((x, mean, scale, f))
    boundary = borrowed(boundary)
    rows, data_dim, columns = f.shape
    edge = np.empty((3, max(rows, columns)))
    at_one = np.empty((5, rows))
    at_two = np.empty((5, columns))
    cost = np.empty(columns)
    along = np.empty(5)
    for n in range(part, x.shape[0], parts):
        one, many = _cell_moments(boundary[0], mean[n, 0], scale[n, 0], edge, at_one)
        two, wide = _cell_moments(boundary[1], mean[n, 1], scale[n, 1], edge, at_two)
        for m in range(_COUNT):
            moments[n, m] = 0.0
        for j in range(many):
            cost[:wide] = 0.0
            for d in range(data_dim):
                here = x[n, d]
                for k in range(wide):
                    apart = here - f[one + j, d, two + k]
                    cost[k] += 0.5 * apart * apart
            for b in range(5):
                total = 0.0
                for k in range(wide):
                    total += at_two[b, k] * cost[k]
                along[b] = total
            for m in range(_COUNT):
                moments[n, m] += at_one[_ONE[m], j] * along[_TWO[m]]
