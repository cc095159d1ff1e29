"""log p_θ(x) for many x, from latent panels, visiting only panels that can matter.

Array names: `log_weight` (P N,) the log of rule weight times prior density at each node;
`f` (D, P N) decoder means; `balls` what holds f on each panel, and its prior mass; `blocks` the
same for blocks of BLOCK panels; `defect` (P,) what the panel fails to resolve of f, in σ.

The x are worked through LANES at a time, so that the innermost loop runs over x and
vectorises; callers sort them so that neighbours in the array are neighbours in space.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature import HIGH_DEGREES, MIDDLE_DEGREES, ORDER
from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._jit import batch_kernel, inlined_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Balls, IntVector, Matrix, Vector

#: Panels screened together.
BLOCK = 8
#: Points x worked through together: four vectors of eight.
LANES = 32
#: A panel whose whole contribution is below exp(-WINDOW) of the largest is skipped:
#: even 1e4 such panels add less than 1e-16.
WINDOW = 46.0
#: Distance in σ up to which exp(-½ distance²) is far from underflow without a reference.
_FAR = 25.0

_EPS = 2.220446049250313e-16


@scalar_kernel
def distance(x: Vector, centre: Vector, inverse_sigma: Vector) -> float:
    """Return the distance of x from a ball's centre, in σ."""
    total = 0.0
    for d in range(inverse_sigma.shape[0]):
        t = (x[d] - centre[d]) * inverse_sigma[d]
        total += t * t
    return math.sqrt(total)


@scalar_kernel
def nearest_block(x: Vector, inverse_sigma: Vector, block_centre: Matrix) -> int:
    """Return the run of panels whose centre is nearest to x: the key that x are sorted by."""
    best = 0
    shortest = np.inf
    for b in range(block_centre.shape[0]):
        # Squares order as distances do: a root for each of thousands of runs is felt.
        here = 0.0
        for d in range(inverse_sigma.shape[0]):
            t = (x[d] - block_centre[b, d]) * inverse_sigma[d]
            here += t * t
        if here < shortest:
            shortest = here
            best = b
    return best


@batch_kernel
def nearest_block_batch(
    part: int,
    parts: int,
    x: Matrix,
    inverse_sigma: Vector,
    block_centre: Matrix,
    nearest: IntVector,
) -> None:
    """Fill the sorting key of every x (n, D)."""
    x, inverse_sigma, block_centre = borrowed((x, inverse_sigma, block_centre))
    for k in range(part, x.shape[0], parts):
        nearest[k] = nearest_block(x[k], inverse_sigma, block_centre)


@inlined_kernel
def _four(rows: Matrix, row: int, first: int) -> tuple[float, float, float, float]:
    """Return four neighbours of a row."""
    return rows[row, first], rows[row, first + 1], rows[row, first + 2], rows[row, first + 3]


# Longer than 60 lines: its dozen sums per lane stay in cache from the first loop to the last.
@scalar_kernel
def _lanes(
    xs: Matrix,
    inverse_sigma: Vector,
    log_weight: Vector,
    f: Matrix,
    defect: Vector,
    balls: Balls,
    blocks: Balls,
    log_density: Vector,
    relative_error: Vector,
    mean_f: Matrix,
) -> None:
    """Work through the lanes of `xs` (D, LANES); see :func:`log_density_batch`."""
    centre, radius, log_mass = balls.centre, balls.radius, balls.log_mass
    block_centre, block_radius, block_log_mass = blocks.centre, blocks.radius, blocks.log_mass
    data_dim = xs.shape[0]
    lanes = xs.shape[1]
    panels = centre.shape[0]
    # The lanes' own ball.
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
    # Which panels can matter: a lower bound on the largest contribution, then upper bounds.
    floor = -np.inf
    closest = np.inf
    for b in range(block_centre.shape[0]):
        far = distance(middle, block_centre[b], inverse_sigma) + block_radius[b] + spread
        floor = max(floor, block_log_mass[b] - 0.5 * far * far)
    for b in range(block_centre.shape[0]):
        near = distance(middle, block_centre[b], inverse_sigma) - block_radius[b] - spread
        near = max(near, 0.0)
        if block_log_mass[b] - 0.5 * near * near < floor - WINDOW:
            continue
        for j in range(b * BLOCK, min((b + 1) * BLOCK, panels)):
            here = distance(middle, centre[j], inverse_sigma)
            far = here + radius[j] + spread
            floor = max(floor, log_mass[j] - 0.5 * far * far)
            closest = min(closest, here)
    window = np.empty(panels, dtype=np.int64)
    count = 0
    for b in range(block_centre.shape[0]):
        near = distance(middle, block_centre[b], inverse_sigma) - block_radius[b] - spread
        near = max(near, 0.0)
        if block_log_mass[b] - 0.5 * near * near < floor - WINDOW:
            continue
        for j in range(b * BLOCK, min((b + 1) * BLOCK, panels)):
            near = distance(middle, centre[j], inverse_sigma) - radius[j] - spread
            near = max(near, 0.0)
            if log_mass[j] - 0.5 * near * near >= floor - WINDOW:
                window[count] = j
                count += 1

    e = np.empty(lanes)
    reference = np.zeros(lanes)
    if closest + spread > _FAR:
        reference[:] = -np.inf
        for c in range(count):
            for i in range(window[c] * ORDER, (window[c] + 1) * ORDER):
                e[:] = log_weight[i]
                for d in range(data_dim):
                    for k in range(lanes):
                        t = (xs[d, k] - f[d, i]) * inverse_sigma[d]
                        e[k] -= 0.5 * t * t
                for k in range(lanes):
                    reference[k] = max(reference[k], e[k])

    total = np.zeros(lanes)
    error = np.zeros(lanes)
    part = np.empty(lanes)
    high_0 = np.empty(lanes)
    high_1 = np.empty(lanes)
    middle_0 = np.empty(lanes)
    middle_1 = np.empty(lanes)
    e0 = np.empty(lanes)
    e1 = np.empty(lanes)
    e2 = np.empty(lanes)
    e3 = np.empty(lanes)
    mean_f[:, :] = 0.0
    for c in range(count):
        j = window[c]
        part[:] = 0.0
        high_0[:] = 0.0
        high_1[:] = 0.0
        middle_0[:] = 0.0
        middle_1[:] = 0.0
        # Four nodes at a time: the sums are read and written once for all four, which takes as
        # long as an exponential.
        for n in range(0, ORDER, 4):
            i = j * ORDER + n
            w0, w1, w2, w3 = log_weight[i], log_weight[i + 1], log_weight[i + 2], log_weight[i + 3]
            f0, f1, f2, f3 = _four(f, 0, i)
            scale = inverse_sigma[0]
            for k in range(lanes):
                known = reference[k]
                here = xs[0, k]
                t = (here - f0) * scale
                e0[k] = w0 - known - 0.5 * t * t
                t = (here - f1) * scale
                e1[k] = w1 - known - 0.5 * t * t
                t = (here - f2) * scale
                e2[k] = w2 - known - 0.5 * t * t
                t = (here - f3) * scale
                e3[k] = w3 - known - 0.5 * t * t
            for d in range(1, data_dim):
                scale = inverse_sigma[d]
                f0, f1, f2, f3 = _four(f, d, i)
                for k in range(lanes):
                    here = xs[d, k]
                    t = (here - f0) * scale
                    e0[k] -= 0.5 * t * t
                    t = (here - f1) * scale
                    e1[k] -= 0.5 * t * t
                    t = (here - f2) * scale
                    e2[k] -= 0.5 * t * t
                    t = (here - f3) * scale
                    e3[k] -= 0.5 * t * t
            h00, h01, h02, h03 = _four(HIGH_DEGREES, 0, n)
            h10, h11, h12, h13 = _four(HIGH_DEGREES, 1, n)
            m00, m01, m02, m03 = _four(MIDDLE_DEGREES, 0, n)
            m10, m11, m12, m13 = _four(MIDDLE_DEGREES, 1, n)
            for k in range(lanes):
                v0 = exp_nonpositive(e0[k])
                v1 = exp_nonpositive(e1[k])
                v2 = exp_nonpositive(e2[k])
                v3 = exp_nonpositive(e3[k])
                e0[k] = v0
                e1[k] = v1
                e2[k] = v2
                e3[k] = v3
                part[k] += (v0 + v1) + (v2 + v3)
                high_0[k] += (h00 * v0 + h01 * v1) + (h02 * v2 + h03 * v3)
                high_1[k] += (h10 * v0 + h11 * v1) + (h12 * v2 + h13 * v3)
                middle_0[k] += (m00 * v0 + m01 * v1) + (m02 * v2 + m03 * v3)
                middle_1[k] += (m10 * v0 + m11 * v1) + (m12 * v2 + m13 * v3)
            for d in range(data_dim):
                f0, f1, f2, f3 = _four(f, d, i)
                for k in range(lanes):
                    mean_f[d, k] += (e0[k] * f0 + e1[k] * f1) + (e2[k] * f2 + e3[k] * f3)
        # The rule errs from degree 32 on. Coefficients of an analytic integrand fall at least
        # geometrically, so those of degree 7-8 and 14-15 bound that degree; what the panel
        # misses of f enters linearly.
        e[:] = 0.0
        for d in range(data_dim):
            for k in range(lanes):
                t = (xs[d, k] - centre[j, d]) * inverse_sigma[d]
                e[k] += t * t
        for k in range(lanes):
            missed = defect[j] * (math.sqrt(e[k]) + radius[j])
            high = max(abs(high_0[k]), abs(high_1[k]))
            fall = high / (max(abs(middle_0[k]), abs(middle_1[k])) + 1e-300)
            total[k] += part[k]
            error[k] += 4.0 * high * min(fall * fall, 1.0) + part[k] * missed
    for k in range(lanes):
        log_density[k] = reference[k] + math.log(total[k])
        # Rounding: the sum's terms, the exponent itself, and f/σ at the distance of x.
        exponent = abs(log_density[k])
        size = 0.0
        for d in range(data_dim):
            size += abs(xs[d, k]) * inverse_sigma[d]
            mean_f[d, k] /= total[k]
        rounding = 16.0 + 2.0 * exponent + (2.0 + math.sqrt(2.0 * exponent)) * size
        relative_error[k] = error[k] / total[k] + _EPS * rounding


@batch_kernel
def log_density_batch(
    part: int,
    parts: int,
    x: Matrix,
    inverse_sigma: Vector,
    log_weight: Vector,
    f: Matrix,
    defect: Vector,
    balls: Balls,
    blocks: Balls,
    log_density: Vector,
    relative_error: Vector,
    mean_f: Matrix,
) -> None:
    """Fill log ∫ φ exp(-|x-f|²/2σ²) dz, its relative error in p, and E[f | x], for x (n, D)."""
    x, inverse_sigma, log_weight, f = borrowed((x, inverse_sigma, log_weight, f))
    defect, balls, blocks = borrowed((defect, balls, blocks))
    count, data_dim = x.shape
    groups = (count + LANES - 1) // LANES
    for g in range(part, groups, parts):
        xs = np.empty((data_dim, LANES))
        value = np.empty(LANES)
        error = np.empty(LANES)
        mean = np.empty((data_dim, LANES))
        for k in range(LANES):
            # The last group repeats its last x in the lanes that are left over.
            index = min(g * LANES + k, count - 1)
            for d in range(data_dim):
                xs[d, k] = x[index, d]
        _lanes(
            xs, inverse_sigma, log_weight, f, defect, balls, blocks, value, error, mean,
        )  # fmt: skip
        for k in range(min(LANES, count - g * LANES)):
            index = g * LANES + k
            log_density[index] = value[k]
            relative_error[index] = error[k]
            for d in range(data_dim):
                mean_f[index, d] = mean[d, k]
