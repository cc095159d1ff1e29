"""log p(x) for many x from boxes in two latents, visiting only boxes that can matter.

Array names as in :mod:`theorycheck.quadrature.kernels._log_density`, with boxes of BOX_RULE² nodes,
the second latent fastest, in place of panels. The x are worked through LANES at a time.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature import gauss_legendre, legendre_values
from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Balls, Matrix, Vector
from theorycheck.quadrature.kernels._log_density import LANES, distance

#: Nodes of a box in each latent.
BOX_RULE = 12
#: A box whose whole contribution is below exp(-WINDOW) of the largest is skipped: 1,000 such boxes
#: add less than 1e-14.
WINDOW = 40.0
#: Nats below the peak from which a sum over nodes needs their largest exponent itself.
FAR = 300.0

_EPS = 2.220446049250313e-16
_ROWS = (2.0 * np.arange(BOX_RULE)[:, None] + 1.0) * legendre_values(
    gauss_legendre(BOX_RULE)[0], BOX_RULE - 1
).T
#: Rows (2k+1) P_k(t_i) of the two highest degrees, then of two in the middle; see `_rules.py`.
_DEGREES = np.concatenate([_ROWS[-2:], _ROWS[BOX_RULE // 2 - 1 : BOX_RULE // 2 + 1]])


@scalar_kernel
def near(xs: Matrix, inverse_sigma: Vector, balls: Balls, window: Vector) -> int:
    """List the boxes that can matter to any of the lanes; return how many."""
    data_dim, lanes = xs.shape
    middle = np.zeros(data_dim)
    for d in range(data_dim):
        for k in range(lanes):
            middle[d] += xs[d, k]
        middle[d] /= lanes
    spread = 0.0
    for k in range(lanes):
        squared = 0.0
        for d in range(data_dim):
            t = (xs[d, k] - middle[d]) * inverse_sigma[d]
            squared += t * t
        spread = max(spread, math.sqrt(squared))
    boxes = balls.centre.shape[0]
    floor = -np.inf
    for j in range(boxes):
        far = distance(middle, balls.centre[j], inverse_sigma) + balls.radius[j] + spread
        floor = max(floor, balls.log_mass[j] - 0.5 * far * far)
    count = 0
    for j in range(boxes):
        near = distance(middle, balls.centre[j], inverse_sigma) - balls.radius[j] - spread
        near = max(near, 0.0)
        if balls.log_mass[j] - 0.5 * near * near >= floor - WINDOW:
            window[count] = j
            count += 1
    return count


@scalar_kernel
def exponents(
    xs: Matrix, inverse_sigma: Vector, weight: float, f: Matrix, node: int, e: Vector
) -> None:
    """Fill log weight − |x − f|²/2σ² of one node, for every lane."""
    e[:] = weight
    for d in range(xs.shape[0]):
        mean, scale = f[d, node], inverse_sigma[d]
        for k in range(e.shape[0]):
            t = (xs[d, k] - mean) * scale
            e[k] -= 0.5 * t * t


@scalar_kernel
def _raise_reference(
    xs: Matrix,
    inverse_sigma: Vector,
    log_weight: Vector,
    f: Matrix,
    window: Vector,
    first: int,
    step: int,
    reference: Vector,
) -> None:
    """Raise the lanes' references to the largest exponent of the nodes looked at."""
    nodes = BOX_RULE * BOX_RULE
    e = np.empty(reference.shape[0])
    for c in range(window.shape[0]):
        for i in range(first, nodes, step):
            node = int(window[c]) * nodes + i
            exponents(xs, inverse_sigma, log_weight[node], f, node, e)
            for k in range(reference.shape[0]):
                reference[k] = max(reference[k], e[k])


@scalar_kernel
def _add_box(
    xs: Matrix,
    inverse_sigma: Vector,
    log_weight: Vector,
    f: Matrix,
    first: int,
    reference: Vector,
    sums: Matrix,
    mean_f: Matrix,
) -> None:
    """Fill a box's sum (row 0) and its high and middle coefficients in either latent."""
    data_dim, lanes = xs.shape
    e = np.empty(lanes)
    row = np.empty(lanes)
    columns = np.zeros((BOX_RULE, lanes))
    sums[:, :] = 0.0
    for a in range(BOX_RULE):
        row[:] = 0.0
        for b in range(BOX_RULE):
            node = first + a * BOX_RULE + b
            exponents(xs, inverse_sigma, log_weight[node], f, node, e)
            for k in range(lanes):
                v = exp_nonpositive(e[k] - reference[k])
                e[k] = v
                row[k] += v
                columns[b, k] += v
            for d in range(data_dim):
                mean = f[d, node]
                for k in range(lanes):
                    mean_f[d, k] += e[k] * mean
        for m in range(4):
            here = _DEGREES[m, a]
            for k in range(lanes):
                sums[5 + m, k] += here * row[k]
    for b in range(BOX_RULE):
        for k in range(lanes):
            sums[0, k] += columns[b, k]
        for m in range(4):
            here = _DEGREES[m, b]
            for k in range(lanes):
                sums[1 + m, k] += here * columns[b, k]


@scalar_kernel
def _box_error(sums: Matrix, k: int) -> float:
    """Return how far the rule may be off in either latent, as for panels (`_log_density.py`)."""
    error = 0.0
    for start in (1, 5):
        high = max(abs(sums[start, k]), abs(sums[start + 1, k]))
        middle = max(abs(sums[start + 2, k]), abs(sums[start + 3, k])) + 1e-300
        fall = high / middle
        error += 4.0 * high * min(fall * fall, 1.0)
    return error


@scalar_kernel
def rounding_of(xs: Matrix, inverse_sigma: Vector, k: int, exponent: float) -> float:
    """Return the rounding of one lane's sum, in units of the last place; see `_log_density.py`."""
    size = 0.0
    for d in range(xs.shape[0]):
        size += abs(xs[d, k]) * inverse_sigma[d]
    result: float = 16.0 + 2.0 * exponent + (2.0 + math.sqrt(2.0 * exponent)) * size
    return result


@scalar_kernel
def _lanes(
    xs: Matrix,
    inverse_sigma: Vector,
    log_weight: Vector,
    f: Matrix,
    defect: Vector,
    balls: Balls,
    value: Vector,
    relative_error: Vector,
    mean_f: Matrix,
) -> None:
    """Work through the lanes of `xs` (D, LANES)."""
    data_dim, lanes = xs.shape
    nodes = BOX_RULE * BOX_RULE
    window = np.empty(balls.centre.shape[0])
    count = near(xs, inverse_sigma, balls, window)
    reference = np.full(lanes, -np.inf)
    # One node of each box will do, unless exp(-½ distance²) is near underflow.
    _raise_reference(xs, inverse_sigma, log_weight, f, window[:count], nodes // 2, nodes, reference)
    if reference.min() < -FAR:
        _raise_reference(xs, inverse_sigma, log_weight, f, window[:count], 0, 1, reference)
    total = np.zeros(lanes)
    error = np.zeros(lanes)
    sums = np.empty((9, lanes))
    mean_f[:, :] = 0.0
    for c in range(count):
        j = int(window[c])
        _add_box(xs, inverse_sigma, log_weight, f, j * nodes, reference, sums, mean_f)
        for k in range(lanes):
            squared = 0.0
            for d in range(data_dim):
                t = (xs[d, k] - balls.centre[j, d]) * inverse_sigma[d]
                squared += t * t
            total[k] += sums[0, k]
            missed = defect[j] * (math.sqrt(squared) + balls.radius[j])
            error[k] += _box_error(sums, k) + sums[0, k] * missed
    for k in range(lanes):
        value[k] = reference[k] + math.log(total[k])
        for d in range(data_dim):
            mean_f[d, k] /= total[k]
        rounding = rounding_of(xs, inverse_sigma, k, abs(value[k]))
        relative_error[k] = error[k] / total[k] + _EPS * rounding


@batch_kernel
def box_density_batch(
    part: int,
    parts: int,
    x: Matrix,
    inverse_sigma: Vector,
    log_weight: Vector,
    f: Matrix,
    defect: Vector,
    balls: Balls,
    value: Vector,
    relative_error: Vector,
    mean_f: Matrix,
) -> None:
    """Fill log ∫ φφ exp(-|x-f|²/2σ²), its relative error in p, and E[f | x], for x (n, D)."""
    x, inverse_sigma, log_weight, f = borrowed((x, inverse_sigma, log_weight, f))
    defect, balls = borrowed((defect, balls))
    count, data_dim = x.shape
    groups = (count + LANES - 1) // LANES
    for g in range(part, groups, parts):
        xs = np.empty((data_dim, LANES))
        here = np.empty(LANES)
        error = np.empty(LANES)
        mean = np.empty((data_dim, LANES))
        for k in range(LANES):
            # The last group repeats its last x in the lanes that are left over.
            index = min(g * LANES + k, count - 1)
            for d in range(data_dim):
                xs[d, k] = x[index, d]
        _lanes(xs, inverse_sigma, log_weight, f, defect, balls, here, error, mean)
        for k in range(min(LANES, count - g * LANES)):
            index = g * LANES + k
            value[index] = here[k]
            relative_error[index] = error[k]
            for d in range(data_dim):
                mean_f[index, d] = mean[d, k]
