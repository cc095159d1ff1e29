"""Where to start the search for the optimal q: posterior modes, and minima of the affine table."""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature import ORDER
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import (
    AffineTable,
    Balls,
    IntVector,
    Matrix,
    Panels,
    Vector,
)
from theorycheck.quadrature.kernels._log_density import BLOCK, distance, nearest_block

#: Log-mass below the best mode's at which a posterior mode is no start any more.
_MODE_MARGIN = 6.0
#: Nats above the best table value up to which a table minimum is a start.
_TABLE_MARGIN = 1.0
#: Table entries that are screened together.
RUN = 32


# Longer than 60 lines: the blocks within reach and the buffer of their exponents serve both passes.
@scalar_kernel
def mode_starts(
    x: Vector,
    inverse_sigma: Vector,
    panels: Panels,
    log_width: Vector,
    blocks: Balls,
    e: Vector,
    within_reach: IntVector,
    starts: Matrix,
) -> int:
    """Write (μ, log s, −log mass) of the heaviest posterior modes, by Laplace's approximation.

    They take half of the room: the other half is the table's. On a decoder with steps every step
    makes a mode of its own; of those within half a width of each other the heaviest stands.
    """
    z, f = panels.z, panels.f
    block_centre, block_radius, block_log_mass = blocks.centre, blocks.radius, blocks.log_mass
    total = z.shape[0]
    room = starts.shape[0] // 2
    # Of a steep curve there are thousands of blocks: squares decide on nearly all of them.
    nearest = nearest_block(x, inverse_sigma, block_centre)
    far = distance(x, block_centre[nearest], inverse_sigma) + block_radius[nearest]
    floor = block_log_mass[nearest] - 0.5 * far * far
    # No block has a log mass above zero.
    within = math.sqrt(2.0 * (40.0 - floor))
    # Only the blocks within reach are gone through: of a steep curve they are few.
    near_blocks = 0
    best = -np.inf
    for b in range(block_centre.shape[0]):
        squared = 0.0
        for d in range(inverse_sigma.shape[0]):
            t = (x[d] - block_centre[b, d]) * inverse_sigma[d]
            squared += t * t
        if squared > (block_radius[b] + within) ** 2:
            continue
        near = max(math.sqrt(squared) - block_radius[b], 0.0)
        if block_log_mass[b] - 0.5 * near * near < floor - 40.0:
            continue
        first = b * BLOCK * ORDER
        last = min(first + BLOCK * ORDER, total)
        # What lies beyond a gap between blocks is lower than anything here.
        if first > 0 and (near_blocks == 0 or within_reach[near_blocks - 1] != b - 1):
            e[first - 1] = -np.inf
        if last < total:
            e[last] = -np.inf
        within_reach[near_blocks] = b
        near_blocks += 1
        for i in range(first, last):
            e[i] = -0.5 * z[i] * z[i]
        for d in range(f.shape[0]):
            for i in range(first, last):
                r = (x[d] - f[d, i]) * inverse_sigma[d]
                e[i] -= 0.5 * r * r
        for i in range(first, last):
            if e[i] > best - 40.0:
                best = max(best, e[i] + log_width[i])
    count = 0
    for step in range(near_blocks * BLOCK * ORDER):
        i = within_reach[step // (BLOCK * ORDER)] * BLOCK * ORDER + step % (BLOCK * ORDER)
        if i >= total:
            break
        before = e[i - 1] if i > 0 else -np.inf
        after = e[i + 1] if i + 1 < total else -np.inf
        if e[i] < before or e[i] <= after:
            continue
        mass = e[i] + log_width[i]
        if mass < best - _MODE_MARGIN:
            continue
        place = count
        if count > 0 and z[i] - starts[count - 1, 0] < 0.5 * math.exp(log_width[i]):
            if -mass >= starts[count - 1, 2]:
                continue
            place = count - 1
        elif count == room:
            lightest = 0
            for k in range(1, count):
                if starts[k, 2] > starts[lightest, 2]:
                    lightest = k
            if -mass >= starts[lightest, 2]:
                continue
            # Keep the order of z, on which the comparison with the mode before relies.
            for k in range(lightest, count - 1):
                for j in range(3):
                    starts[k, j] = starts[k + 1, j]
            place = count - 1
        starts[place, 0] = z[i]
        starts[place, 1] = log_width[i]
        starts[place, 2] = -mass
        count = max(count, place + 1)
    return count


@scalar_kernel
def add_start(mean: float, log_scale: float, value: float, starts: Matrix, count: int) -> int:
    """Append a start or, where there is no room, put it in the place of the worst."""
    place = count
    if count == starts.shape[0]:
        place = 0
        for k in range(1, count):
            if starts[k, 2] > starts[place, 2]:
                place = k
        if starts[place, 2] <= value:
            return count
    starts[place, 0] = mean
    starts[place, 1] = log_scale
    starts[place, 2] = value
    return max(count, place + 1)


# Longer than 60 lines: the bounds of runs and the values of their entries share one buffer.
@scalar_kernel
def table_starts(
    x: Vector,
    table: AffineTable,
    inverse_sigma: Vector,
    scan: Vector,
    starts: Matrix,
    count: int,
) -> int:
    """Append the minima along μ of the affine table −ELBO_x = offset − x·slope.

    Its entries are looked at RUN at a time, and only where the run's lower bound asks for it:
    −ELBO_x = a + ½|x − E_q f|²/σ², so that the least a (`run_floor`) and a ball around E_q f
    (`run_centre` (R, D), in data units, and `run_radius` (R,), in σ) bound it from below.
    """
    table_mean, table_log_scale = table.mean, table.log_scale
    table_offset, table_slope = table.offset, table.slope
    run_floor, run_centre, run_radius = table.run_floor, table.run_centre, table.run_radius
    size = table_mean.shape[0]
    runs = run_floor.shape[0]
    half_square = 0.0
    for d in range(x.shape[0]):
        half_square += 0.5 * (x[d] * inverse_sigma[d]) ** 2
    # The most promising run first, so that few others are needed.
    best = -1
    lowest = np.inf
    for r in range(runs):
        near = max(distance(x, run_centre[r], inverse_sigma) - run_radius[r], 0.0)
        here = run_floor[r] + 0.5 * near * near - half_square
        scan[r * RUN] = here
        if here < lowest:
            lowest = here
            best = r
    lowest = np.inf
    # Rounding of the bounds, whose terms may be large.
    slack = 1e-9 * (1.0 + half_square)
    for step in range(-1, runs):
        r = best if step < 0 else step
        if step == best:
            continue
        first = r * RUN
        last = min(first + RUN, size)
        if step >= 0 and scan[first] > lowest + _TABLE_MARGIN + slack:
            scan[first] = np.inf
            scan[last - 1] = np.inf
            continue
        for i in range(first, last):
            scan[i] = table_offset[i]
        for d in range(x.shape[0]):
            here = x[d]
            for i in range(first, last):
                scan[i] -= here * table_slope[d, i]
        for i in range(first, last):
            lowest = min(lowest, scan[i])
    for r in range(runs):
        if scan[r * RUN] == np.inf:
            continue
        for i in range(r * RUN, min((r + 1) * RUN, size)):
            if scan[i] > lowest + _TABLE_MARGIN:
                continue
            same_before = i > 0 and table_log_scale[i - 1] == table_log_scale[i]
            same_after = i + 1 < size and table_log_scale[i + 1] == table_log_scale[i]
            if (same_before and scan[i - 1] < scan[i]) or (same_after and scan[i + 1] <= scan[i]):
                continue
            # Of minima that lie close together, at neighbouring s say, keep the lower. Close in
            # units of the smaller s, or a chain of merges walks from one basin into the next.
            taken = False
            for k in range(count):
                s = math.exp(min(starts[k, 1], table_log_scale[i]))
                if (
                    abs(starts[k, 0] - table_mean[i]) < 0.8 * s
                    and abs(starts[k, 1] - table_log_scale[i]) < 0.8
                    and starts[k, 2] < 1e300
                ):
                    if scan[i] < starts[k, 2]:
                        starts[k, 0] = table_mean[i]
                        starts[k, 1] = table_log_scale[i]
                        starts[k, 2] = scan[i]
                    taken = True
                    break
            if not taken:
                count = add_start(table_mean[i], table_log_scale[i], scan[i], starts, count)
    return count
