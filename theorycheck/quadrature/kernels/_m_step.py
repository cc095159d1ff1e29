"""The sums of the M-step: what q(z|x) gathers at each z, over all x."""

from __future__ import annotations

import numpy as np

from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._gaussian_expectation import INVERSE_ROOT_TWO_PI, REACH_OF_Q
from theorycheck.quadrature.kernels._jit import batch_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Matrix, Vector


@batch_kernel
def m_step_batch(
    part: int,
    parts: int,
    mass: Vector,
    x: Matrix,
    mean: Vector,
    scale: Vector,
    z: Vector,
    aggregate: Matrix,
    moment: Cube,
) -> None:
    """Fill, per chunk, Σ_x p(x) q(z|x) (C, n) and Σ_x p(x) q(z|x) x (C, D, n) at ascending z."""
    chunks = aggregate.shape[0]
    total = mean.shape[0]
    for chunk in range(part, chunks, parts):
        for k in range(chunk, total, chunks):
            norm = mass[k] * INVERSE_ROOT_TWO_PI / scale[k]
            inverse = 1.0 / scale[k]
            first = np.searchsorted(z, mean[k] - REACH_OF_Q * scale[k])
            last = np.searchsorted(z, mean[k] + REACH_OF_Q * scale[k])
            for i in range(first, last):
                t = (z[i] - mean[k]) * inverse
                v = norm * exp_nonpositive(-0.5 * t * t)
                aggregate[chunk, i] += v
                for d in range(x.shape[1]):
                    moment[chunk, d, i] += v * x[k, d]
