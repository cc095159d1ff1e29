"""Moments of |x − f|²/2σ² under q = Π N(μ_k, s_k²), f constant on products of 2 or 3 intervals.

q's mass of a cell is a product of normal masses, and so are the derivatives: with t = (z − μ)/s and
He_a Hermite's polynomials, E_q[He_a(t); a cell] is a difference of He_{a−1} φ at the cell's edges.
No quadrature in z, hence no error from it.
"""

from __future__ import annotations

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._cells import reach_of_q
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Matrix, Stack, Vector
from theorycheck.quadrature.kernels._normal_tail import fill_tail_and_density
from theorycheck.quadrature.kernels._two_latent_moments import MOMENTS

#: Moments of three latents: of He_a(t₁) He_b(t₂) He_c(t₃), those in one or two of them alone.
MOMENTS_OF_THREE: tuple[tuple[int, int, int], ...] = (
    *((0, *pair) for pair in MOMENTS),
    *((a, *pair) for a in (1, 2) for pair in ((0, 0), (1, 0), (2, 0), (0, 1), (0, 2))),
    *((3, 0, 0), (4, 0, 0)),
)
_COUNT, _COUNT_OF_THREE = len(MOMENTS), len(MOMENTS_OF_THREE)
_ONE = np.array([a for a, _ in MOMENTS])
_TWO = np.array([b for _, b in MOMENTS])
#: Of each moment of three latents its degree in the first, and which of the moments of the others.
_FIRST = np.array([a for a, _, _ in MOMENTS_OF_THREE])
_OTHERS = np.array([MOMENTS.index((b, c)) for _, b, c in MOMENTS_OF_THREE])


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


@scalar_kernel
def _of_slab(
    x: Vector, f: Cube, at_one: Matrix, at_two: Matrix, seen: tuple[int, int, int, int],
    cost: Vector, along: Vector, moments: Vector,
) -> None:  # fmt: skip
    """Fill the 13 moments of ½|x − f|² over the cells that q sees of two latents, f (M₁, D, M₂)."""
    one, many, two, wide = seen
    for m in range(_COUNT):
        moments[m] = 0.0
    for j in range(many):
        cost[:wide] = 0.0
        for d in range(x.shape[0]):
            here = x[d]
            for k in range(wide):
                apart = here - f[one + j, d, two + k]
                cost[k] += 0.5 * apart * apart
        for b in range(5):
            total = 0.0
            for k in range(wide):
                total += at_two[b, k] * cost[k]
            along[b] = total
        for m in range(_COUNT):
            moments[m] += at_one[_ONE[m], j] * along[_TWO[m]]


@batch_kernel
def plane_cell_moments_batch(
    part: int,
    parts: int,
    x: Matrix,
    mean: Matrix,
    scale: Matrix,
    boundary: tuple[Vector, ...],
    f: Cube,
    moments: Matrix,
) -> None:
    """Fill the moments (n, 13) of ½|x − f|², x and f in units of σ, f (M₁, D, M₂)."""
    x, mean, scale, f, moments = borrowed((x, mean, scale, f, moments))
    boundary = borrowed(boundary)
    rows, _, columns = f.shape
    edge = np.empty((3, max(rows, columns)))
    at_one = np.empty((5, rows))
    at_two = np.empty((5, columns))
    cost = np.empty(columns)
    along = np.empty(5)
    for n in range(part, x.shape[0], parts):
        one, many = _cell_moments(boundary[0], mean[n, 0], scale[n, 0], edge, at_one)
        two, wide = _cell_moments(boundary[1], mean[n, 1], scale[n, 1], edge, at_two)
        _of_slab(x[n], f, at_one, at_two, (one, many, two, wide), cost, along, moments[n])


@batch_kernel
def space_cell_moments_batch(
    part: int,
    parts: int,
    x: Matrix,
    mean: Matrix,
    scale: Matrix,
    boundary: tuple[Vector, ...],
    f: Stack,
    moments: Matrix,
) -> None:
    """Fill the moments (n, 25) of ½|x − f|², x and f in units of σ, f (M₁, M₂, D, M₃)."""
    x, mean, scale, f, moments = borrowed((x, mean, scale, f, moments))
    boundary = borrowed(boundary)
    slabs, rows, _, columns = f.shape
    edge = np.empty((3, max(slabs, rows, columns)))
    at_first = np.empty((5, slabs))
    at_one = np.empty((5, rows))
    at_two = np.empty((5, columns))
    cost = np.empty(columns)
    along = np.empty(5)
    others = np.empty(_COUNT)
    for n in range(part, x.shape[0], parts):
        first, deep = _cell_moments(boundary[0], mean[n, 0], scale[n, 0], edge, at_first)
        one, many = _cell_moments(boundary[1], mean[n, 1], scale[n, 1], edge, at_one)
        two, wide = _cell_moments(boundary[2], mean[n, 2], scale[n, 2], edge, at_two)
        for m in range(_COUNT_OF_THREE):
            moments[n, m] = 0.0
        for i in range(deep):
            seen = one, many, two, wide
            _of_slab(x[n], f[first + i], at_one, at_two, seen, cost, along, others)
            for m in range(_COUNT_OF_THREE):
                moments[n, m] += at_first[_FIRST[m], i] * others[_OTHERS[m]]
