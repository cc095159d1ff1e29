"""Moments of |x − f(y, z)|²/2σ² under a Gaussian in y and in z, on a uniform grid of both.

A trapezoid rule of step s/2 integrates what is as smooth as a Gaussian of scale s to exp(−8π²) of
its size; the grid's step divides every such step, so that one array of f serves all q.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Matrix, Vector

#: Moments of one q: of He_a((y − μ_y)/s_y) He_b((z − μ_z)/s_z), in the order of `MOMENTS`.
MOMENTS = (
    *((0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1), (3, 0), (0, 3), (4, 0), (0, 4)),
    *((2, 1), (1, 2), (2, 2)),
)
_COUNT = len(MOMENTS)
_Y = np.array([a for a, _ in MOMENTS])
_Z = np.array([b for _, b in MOMENTS])
#: Scales that a Gaussian is followed to: its mass beyond is 2e-17.
_WIDE = 8.5


@scalar_kernel
def _nodes(
    mean: float, scale: float, origin: float, step: float, count: int, stride: int, hermite: Matrix
) -> tuple[int, int]:
    """Fill weights times He_0 … He_4 of one latent; return the first node and how many."""
    spacing = step * stride
    first = max(math.ceil((mean - _WIDE * scale - origin) / spacing), 0)
    last = min(math.floor((mean + _WIDE * scale - origin) / spacing), (count - 1) // stride)
    total = 0.0
    number = max(last - first + 1, 0)
    for k in range(number):
        t = (origin + (first + k) * spacing - mean) / scale
        weight = math.exp(-0.5 * t * t)
        total += weight
        square = t * t
        hermite[0, k] = weight
        hermite[1, k] = weight * t
        hermite[2, k] = weight * (square - 1.0)
        hermite[3, k] = weight * t * (square - 3.0)
        hermite[4, k] = weight * (square * (square - 6.0) + 3.0)
    for a in range(5):
        for k in range(number):
            hermite[a, k] /= total
    return first * stride, number


@batch_kernel
def two_latent_moments_batch(
    part: int,
    parts: int,
    x: Matrix,
    mean: Matrix,
    scale: Matrix,
    stride: Matrix,
    f: Cube,
    origin: float,
    step: Vector,
    moments: Matrix,
) -> None:
    """Fill the moments (n, 13) of ½|x − f|², x and f in units of σ, f (Ny, D, Nz)."""
    x, mean, scale, stride, step = borrowed((x, mean, scale, stride, step))
    f = borrowed(f)
    rows, data_dim, columns = f.shape
    at_y = np.empty((5, rows))
    at_z = np.empty((5, columns))
    cost = np.empty(columns)
    along = np.empty(5)
    for n in range(part, x.shape[0], parts):
        skip = int(stride[n, 1])
        y0, ny = _nodes(mean[n, 0], scale[n, 0], origin, step[0], rows, int(stride[n, 0]), at_y)
        z0, nz = _nodes(mean[n, 1], scale[n, 1], origin, step[1], columns, skip, at_z)
        for m in range(_COUNT):
            moments[n, m] = 0.0
        for j in range(ny):
            row = y0 + j * int(stride[n, 0])
            cost[:nz] = 0.0
            for d in range(data_dim):
                here = x[n, d]
                for k in range(nz):
                    apart = here - f[row, d, z0 + k * skip]
                    cost[k] += 0.5 * apart * apart
            for b in range(5):
                total = 0.0
                for k in range(nz):
                    total += at_z[b, k] * cost[k]
                along[b] = total
            for m in range(_COUNT):
                moments[n, m] += at_y[_Y[m], j] * along[_Z[m]]
