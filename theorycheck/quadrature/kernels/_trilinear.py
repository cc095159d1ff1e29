"""Moments of |x − f|²/2σ² under q = Π N(μ_k, s_k²), f trilinear between the points of a grid.

As in `_bilinear.py`: between neighbouring points x − f is a polynomial of degree one in the share u
of the way along each latent, its square one of degree two, and E_q[He_a(t) u^p; between two points]
is known in closed form along each. q is followed NEAR scales from its mean; beyond, the polynomials
of the outermost pieces seen stand for f, which the radius of the value has a bound for.
"""

from __future__ import annotations

import numpy as np

from theorycheck.quadrature.kernels._bilinear import piece_moments, summed_powers
from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Matrix, Stack, Vector
from theorycheck.quadrature.kernels._plane_cells import MOMENTS_OF_THREE
from theorycheck.quadrature.kernels._two_latent_moments import MOMENTS

#: Scales from its mean to which q is followed: pieces seen grow with its cube.
NEAR = 6.0

_COUNT, _COUNT_OF_THREE = len(MOMENTS), len(MOMENTS_OF_THREE)
_TWO = np.array([b for b, _ in MOMENTS])
_THREE = np.array([c for _, c in MOMENTS])
#: Of each moment of three latents its degree in the first, and which of the moments of the others.
_FIRST = np.array([a for a, _, _ in MOMENTS_OF_THREE])
_OTHERS = np.array([MOMENTS.index((b, c)) for _, b, c in MOMENTS_OF_THREE])


@scalar_kernel
def _add_powers(here: float, corner: Matrix, start: int, count: int, powers: Cube) -> None:
    """Add the coefficients of ½(x − f)² in u₁^p u₂^q u₃^r on a row of pieces along z₃.

    Rows of `corner` have f at the points of the row of pieces: before and after along the first
    latent, times the same along the second. Powers are at [3p + q, r, piece].
    """
    last = corner.shape[1] - 1
    for k in range(count):
        left, right = max(start + k - 1, 0), min(start + k, last)
        # x − f = (c0 + c1 u₃) + (d0 + d1 u₃) u₂ + [(e0 + e1 u₃) + (g0 + g1 u₃) u₂] u₁
        c0 = here - corner[0, left]
        c1 = corner[0, left] - corner[0, right]
        d0 = corner[0, left] - corner[1, left]
        d1 = corner[0, right] - corner[1, right] - d0
        e0 = corner[0, left] - corner[2, left]
        e1 = corner[0, right] - corner[2, right] - e0
        g0 = corner[1, left] - corner[3, left] - e0
        g1 = corner[1, right] - corner[3, right] - e0 - e1 - g0
        powers[0, 0, k] += 0.5 * c0 * c0
        powers[0, 1, k] += c0 * c1
        powers[0, 2, k] += 0.5 * c1 * c1
        powers[1, 0, k] += c0 * d0
        powers[1, 1, k] += c0 * d1 + c1 * d0
        powers[1, 2, k] += c1 * d1
        powers[2, 0, k] += 0.5 * d0 * d0
        powers[2, 1, k] += d0 * d1
        powers[2, 2, k] += 0.5 * d1 * d1
        powers[3, 0, k] += c0 * e0
        powers[3, 1, k] += c0 * e1 + c1 * e0
        powers[3, 2, k] += c1 * e1
        powers[4, 0, k] += c0 * g0 + d0 * e0
        powers[4, 1, k] += c0 * g1 + c1 * g0 + d0 * e1 + d1 * e0
        powers[4, 2, k] += c1 * g1 + d1 * e1
        powers[5, 0, k] += d0 * g0
        powers[5, 1, k] += d0 * g1 + d1 * g0
        powers[5, 2, k] += d1 * g1
        powers[6, 0, k] += 0.5 * e0 * e0
        powers[6, 1, k] += e0 * e1
        powers[6, 2, k] += 0.5 * e1 * e1
        powers[7, 0, k] += e0 * g0
        powers[7, 1, k] += e0 * g1 + e1 * g0
        powers[7, 2, k] += e1 * g1
        powers[8, 0, k] += 0.5 * g0 * g0
        powers[8, 1, k] += g0 * g1
        powers[8, 2, k] += 0.5 * g1 * g1


@batch_kernel
def trilinear_moments_batch(
    part: int,
    parts: int,
    x: Matrix,
    mean: Matrix,
    scale: Matrix,
    knots: tuple[Vector, ...],
    f: Stack,
    moments: Matrix,
) -> None:
    """Fill the moments (n, 25) of ½|x − f|², x and f in units of σ, f (n₁, n₂, D, n₃) at knots."""
    x, mean, scale, f = borrowed((x, mean, scale, f))
    knots = borrowed(knots)
    slabs, rows, data_dim, columns = f.shape
    edge = np.empty((3, max(slabs, rows, columns)))
    at_one = np.empty((3, 5, slabs + 1))
    at_two = np.empty((3, 5, rows + 1))
    at_three = np.empty((3, 5, columns + 1))
    powers = np.empty((9, 3, columns + 1))
    corner = np.empty((4, columns))
    along = np.empty((9, 5))
    others = np.empty((3, _COUNT))
    for n in range(part, x.shape[0], parts):
        one, deep = piece_moments(knots[0], mean[n, 0], scale[n, 0], edge, at_one, NEAR)
        two, many = piece_moments(knots[1], mean[n, 1], scale[n, 1], edge, at_two, NEAR)
        three, wide = piece_moments(knots[2], mean[n, 2], scale[n, 2], edge, at_three, NEAR)
        for m in range(_COUNT_OF_THREE):
            moments[n, m] = 0.0
        for i in range(deep):
            before, after = max(one + i - 1, 0), min(one + i, slabs - 1)
            others[:, :] = 0.0
            for j in range(many):
                left, right = max(two + j - 1, 0), min(two + j, rows - 1)
                powers[:, :, :wide] = 0.0
                for d in range(data_dim):
                    corner[0] = f[before, left, d]
                    corner[1] = f[before, right, d]
                    corner[2] = f[after, left, d]
                    corner[3] = f[after, right, d]
                    _add_powers(x[n, d], corner, three, wide, powers)
                for p in range(9):
                    for c in range(5):
                        along[p, c] = summed_powers(powers, p, at_three, c, wide)
                for p in range(3):
                    for m in range(_COUNT):
                        b, c = _TWO[m], _THREE[m]
                        for q in range(3):
                            others[p, m] += at_two[q, b, j] * along[3 * p + q, c]
            for m in range(_COUNT_OF_THREE):
                a, other = _FIRST[m], _OTHERS[m]
                for p in range(3):
                    moments[n, m] += at_one[p, a, i] * others[p, other]
