"""Moments of |x − f|²/2σ² under q = N(μ₁, s₁²) N(μ₂, s₂²), f bilinear between the points of a grid.

Between neighbouring points f is a polynomial of degree one in the share u of the way along either
latent, and constant beyond the outermost. With t = (z − μ)/s, u = α + βt, and
t He_a = He_{a+1} + a He_{a−1}, so that E_q[He_a(t) u^p; between two points] is a sum of differences
of He_b φ at the two: closed forms, without a rule in z.
"""

from __future__ import annotations

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._cells import reach_of_q
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Matrix, Vector
from theorycheck.quadrature.kernels._normal_tail import REACH, fill_tail_and_density
from theorycheck.quadrature.kernels._two_latent_moments import MOMENTS

_COUNT = len(MOMENTS)
_ONE = np.array([a for a, _ in MOMENTS])
_TWO = np.array([b for _, b in MOMENTS])


@scalar_kernel
def piece_moments(
    knots: Vector, mean: float, scale: float, edge: Matrix, moment: Cube, reach: float = REACH
) -> tuple[int, int]:
    """Fill E_q[He_a u^p; piece], a = 0 … 4, p = 0, 1, 2; return the first piece seen, how many.

    Piece j lies before knot j; the first and the last reach to infinity, where u is not used. Of
    those seen, so many scales away at most, the outermost take what is beyond them too.
    """
    first, last = reach_of_q(knots, mean, scale, reach)
    t, tail, density = edge[0], edge[1], edge[2]
    for b in range(first, last):
        t[b] = (knots[b] - mean) / scale
    fill_tail_and_density(t, first, last, tail, density)
    low, high, plain = np.zeros(7), np.zeros(7), np.zeros(9)
    low[0] = 1.0
    for j in range(first, last + 1):
        high[:] = 0.0
        if j < last:
            here = t[j]
            high[0] = tail[j]
            high[1] = density[j]
            high[2] = here * density[j]
            for a in range(3, 7):
                high[a] = here * high[a - 1] - (a - 2) * high[a - 2]
        k = j - first
        for a in range(7):
            plain[a] = low[a] - high[a]
            low[a] = high[a]
        outer = j == 0 or j == knots.shape[0]
        width = 1.0 if outer else knots[j] - knots[j - 1]
        alpha = 0.0 if outer else (mean - knots[j - 1]) / width
        beta = scale / width
        for a in range(5):
            once = plain[a + 1]
            twice = plain[a + 2] + (2 * a + 1) * plain[a]
            if a > 0:
                once += a * plain[a - 1]
            if a > 1:
                twice += a * (a - 1) * plain[a - 2]
            moment[0, a, k] = plain[a]
            moment[1, a, k] = alpha * plain[a] + beta * once
            moment[2, a, k] = (
                alpha * alpha * plain[a] + 2.0 * alpha * beta * once + (beta * beta * twice)
            )
    return first, last - first + 1


@scalar_kernel
def summed_powers(powers: Cube, p: int, at: Cube, a: int, count: int) -> float:
    """Return Σ over pieces and r of the coefficient of u^r times E_q[He_a u^r; piece]."""
    total = 0.0
    for j in range(count):
        total += (
            powers[p, 0, j] * at[0, a, j]
            + powers[p, 1, j] * at[1, a, j]
            + powers[p, 2, j] * at[2, a, j]
        )
    return total


@batch_kernel
def bilinear_moments_batch(
    part: int,
    parts: int,
    x: Matrix,
    mean: Matrix,
    scale: Matrix,
    knots: tuple[Vector, ...],
    f: Cube,
    moments: Matrix,
) -> None:
    """Fill the moments (n, 13) of ½|x − f|², x and f in units of σ, f (n₁, D, n₂) at the knots."""
    x, mean, scale, f = borrowed((x, mean, scale, f))
    knots = borrowed(knots)
    rows, data_dim, columns = f.shape
    edge = np.empty((3, max(rows, columns)))
    at_one = np.empty((3, 5, rows + 1))
    at_two = np.empty((3, 5, columns + 1))
    powers = np.empty((3, 3, columns + 1))
    for n in range(part, x.shape[0], parts):
        one, many = piece_moments(knots[0], mean[n, 0], scale[n, 0], edge, at_one)
        two, wide = piece_moments(knots[1], mean[n, 1], scale[n, 1], edge, at_two)
        for m in range(_COUNT):
            moments[n, m] = 0.0
        for i in range(many):
            before, after = max(one + i - 1, 0), min(one + i, rows - 1)
            powers[:, :, :wide] = 0.0
            for d in range(data_dim):
                here = x[n, d]
                for j in range(wide):
                    left, right = max(two + j - 1, 0), min(two + j, columns - 1)
                    a = here - f[before, d, left]
                    b = f[before, d, left] - f[after, d, left]
                    c = f[before, d, left] - f[before, d, right]
                    e = f[before, d, right] - f[after, d, right] - b
                    powers[0, 0, j] += 0.5 * a * a
                    powers[1, 0, j] += a * b
                    powers[2, 0, j] += 0.5 * b * b
                    powers[0, 1, j] += a * c
                    powers[1, 1, j] += a * e + b * c
                    powers[2, 1, j] += b * e
                    powers[0, 2, j] += 0.5 * c * c
                    powers[1, 2, j] += c * e
                    powers[2, 2, j] += 0.5 * e * e
            for b in range(5):
                for p in range(3):
                    total = summed_powers(powers, p, at_two, b, wide)
                    for m in range(_COUNT):
                        if _TWO[m] == b:
                            moments[n, m] += at_one[p, _ONE[m], i] * total


@batch_kernel
def hat_masses_batch(
    part: int, parts: int, mean: Vector, scale: Vector, knots: Vector, masses: Matrix
) -> None:
    """Fill the weights (n, points) of f's values at the knots in E_q f, f linear between them."""
    mean, scale, knots, masses = borrowed((mean, scale, knots, masses))
    count = knots.shape[0]
    edge = np.empty((3, count))
    moment = np.empty((3, 5, count + 1))
    for n in range(part, mean.shape[0], parts):
        for i in range(count):
            masses[n, i] = 0.0
        first, many = piece_moments(knots, mean[n], scale[n], edge, moment)
        for k in range(many):
            j = first + k
            if j == 0 or j == count:
                masses[n, min(j, count - 1)] += moment[0, 0, k]
                continue
            masses[n, j - 1] += moment[0, 0, k] - moment[1, 0, k]
            masses[n, j] += moment[1, 0, k]
