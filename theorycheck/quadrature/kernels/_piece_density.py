"""log p(x) for many x from pieces of latents that have two rules each; see `_table_pieces.py`.

As in `_box_density.py` pieces that cannot matter are left out, and LANES x are worked through at a
time. The sum is the fine rule's. What the two rules differ by, piece by piece so that nothing
cancels, is about the error of the coarse one. Of exp(au) on [0, 1] the relative errors of rules of
2 and 3 nodes are a⁴/4320 and a⁶/2016000, the second the first times 0.14 of its root.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._box_density import FAR, exponents, near, rounding_of
from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Balls, Matrix, Vector
from theorycheck.quadrature.kernels._log_density import LANES

#: What the fine rule's error is at most, in that root times what the rules differ by.
_ROOTS = 1.0
_EPS = 2.220446049250313e-16


@scalar_kernel
def _add_piece(
    xs: Matrix, inverse_sigma: Vector, log_weight: Vector, f: Matrix, first: int, fine: int,
    each: int, reference: Vector, sums: Matrix,
) -> None:  # fmt: skip
    """Fill the sums of one piece: of either rule, then fine ones of f and of f², by dimension."""
    data_dim = xs.shape[0]
    lanes = reference.shape[0]
    e = np.empty(lanes)
    sums[:, :] = 0.0
    for i in range(each):
        node = first + i
        exponents(xs, inverse_sigma, log_weight[node], f, node, e)
        row = 0 if i < fine else 1
        for k in range(lanes):
            v = exp_nonpositive(e[k] - reference[k])
            e[k] = v
            sums[row, k] += v
        if row == 0:
            for d in range(data_dim):
                mean = f[d, node]
                for k in range(lanes):
                    sums[2 + d, k] += e[k] * mean
                    sums[2 + data_dim + d, k] += e[k] * (xs[d, k] - mean) ** 2


@scalar_kernel
def _of_lanes(
    xs: Matrix, inverse_sigma: Vector, log_weight: Vector, f: Matrix, balls: Balls, fine: int,
    each: int, value: Vector, relative_error: Vector, moments: Matrix,
) -> None:  # fmt: skip
    """Work through the lanes of `xs` (D, LANES); moments are rows of E f, then of E (x − f)²."""
    lanes = value.shape[0]
    data_dim = xs.shape[0]
    window = np.empty(balls.centre.shape[0])
    count = near(xs, inverse_sigma, balls, window)
    reference = np.full(lanes, -np.inf)
    e = np.empty(lanes)
    # One node of each piece will do, unless exp(−½ distance²) is near underflow.
    for step in (fine, 1):
        for c in range(count):
            for i in range(step // 2, fine, step):
                node = int(window[c]) * each + i
                exponents(xs, inverse_sigma, log_weight[node], f, node, e)
                for k in range(lanes):
                    reference[k] = max(reference[k], e[k])
        if reference.min() >= -FAR:
            break
    total, error = np.zeros(lanes), np.zeros(lanes)
    sums = np.empty((2 + 2 * data_dim, lanes))
    moments[:, :] = 0.0
    for c in range(count):
        j = int(window[c])
        _add_piece(xs, inverse_sigma, log_weight, f, j * each, fine, each, reference, sums)
        for k in range(lanes):
            apart = abs(sums[0, k] - sums[1, k])
            total[k] += sums[0, k]
            error[k] += apart * min(_ROOTS * math.sqrt(apart / (sums[0, k] + 1e-300)), 1.0)
            for m in range(2 * data_dim):
                moments[m, k] += sums[2 + m, k]
    for k in range(lanes):
        value[k] = reference[k] + math.log(total[k])
        for m in range(2 * data_dim):
            moments[m, k] /= total[k]
        rounding = rounding_of(xs, inverse_sigma, k, abs(value[k]))
        relative_error[k] = error[k] / total[k] + _EPS * rounding


@batch_kernel
def piece_density_batch(
    part: int,
    parts: int,
    x: Matrix,
    inverse_sigma: Vector,
    log_weight: Vector,
    f: Matrix,
    balls: Balls,
    fine: int,
    value: Vector,
    relative_error: Vector,
    moments: Matrix,
) -> None:
    """Fill log ∫ φ exp(−|x − f|²/2σ²), its relative error in p, and (n, 2D) posterior means."""
    x, inverse_sigma, log_weight, f = borrowed((x, inverse_sigma, log_weight, f))
    balls = borrowed(balls)
    count, data_dim = x.shape
    each = log_weight.shape[0] // balls.centre.shape[0]
    groups = (count + LANES - 1) // LANES
    xs = np.empty((data_dim, LANES))
    here, error = np.empty(LANES), np.empty(LANES)
    found = np.empty((2 * data_dim, LANES))
    for g in range(part, groups, parts):
        for k in range(LANES):
            # The last group repeats its last x in the lanes that are left over.
            index = min(g * LANES + k, count - 1)
            for d in range(data_dim):
                xs[d, k] = x[index, d]
        _of_lanes(xs, inverse_sigma, log_weight, f, balls, fine, each, here, error, found)
        for k in range(min(LANES, count - g * LANES)):
            index = g * LANES + k
            value[index] = here[k]
            relative_error[index] = error[k]
            for m in range(2 * data_dim):
                moments[index, m] = found[m, k]
