"""−ELBO of a decoder that is constant on cells: no quadrature in z, hence no error from it.

With boundaries a_b between the cells and t_b = (a_b − μ)/s, the expected cost is a sum by parts:
E_q c = c_first + Σ_b (c_{b+1} − c_b) P(Z > t_b), and its derivatives are sums of φ(t_b) t_b^k.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._jit import batch_kernel, inlined_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cells, CellTable, Cube, Matrix, Vector
from theorycheck.quadrature.kernels._multistart import (
    LEAST_CURVATURE,
    LOG_SCALE,
    MEAN,
    SHORTER,
    VALUE,
    arriving,
    cleared,
    enough,
    first_fraction,
    keep,
    moved,
    newton_step,
    next_start,
)
from theorycheck.quadrature.kernels._normal_tail import REACH, fill_tail_and_density
from theorycheck.quadrature.kernels._starts import add_start

#: Local minima of −ELBO_x that are carried from one sweep to the next.
CARRIED = 3
#: Starts looked at for an x, and nats above the best at which a start is given up. Where f jumps
#: by many σ, −ELBO_x falls by nats from a table entry to the minimum beside it.
_STARTS = 16
_START_MARGIN = 3.0
#: Distance (see `_multistart.py`) within which a start or a descent belongs to a minimum already
#: found. The E-step may miss a neighbour that close; the independent evaluation does not.
BASIN = 0.3
_ITERATIONS = 60
#: Newton decrement in nats below which a last full step ends within 1e-11 nats.
_CONVERGED = 1e-7


@inlined_kernel
def reach_of_q(
    boundary: Vector, mean: float, scale: float, reach: float = REACH
) -> tuple[int, int]:
    """Return the range of boundaries that q = N(mean, scale²) sees, so many scales away at most."""
    first = int(np.searchsorted(boundary, mean - reach * scale))
    last = int(np.searchsorted(boundary, mean + reach * scale))
    return first, last


@inlined_kernel
def see_boundaries(boundary: Vector, mean: float, scale: float, work: Matrix) -> tuple[int, int]:
    """Fill rows t, P(Z > t) and φ(t) of `work` where q sees a boundary; return their range."""
    first, last = reach_of_q(boundary, mean, scale)
    t = work[0]
    inverse = 1.0 / scale
    for b in range(first, last):
        t[b] = (boundary[b] - mean) * inverse
    fill_tail_and_density(t, first, last, work[1], work[2])
    return first, last


@inlined_kernel
def seen_negative_elbo(
    x: Vector, mean: float, log_scale: float, seen: tuple[int, int], inverse_sigma: Vector,
    jump: Matrix, middle: Matrix, f: Matrix, work: Matrix,
) -> tuple[float, float, float, float, float, float]:  # fmt: skip
    """Return −ELBO_x and its derivatives for an f on cells whose boundaries were looked at."""
    first, last = seen
    t, tail, density, cost = work[0], work[1], work[2], work[3]
    for b in range(first, last):
        cost[b] = 0.0
    base = 0.0
    for d in range(x.shape[0]):
        r = (x[d] - f[first, d]) * inverse_sigma[d]
        base += 0.5 * r * r
        here = x[d]
        squared = inverse_sigma[d] * inverse_sigma[d]
        for b in range(first, last):
            cost[b] += jump[d, b] * (middle[d, b] - here) * squared
    m0 = 0.0
    p0 = 0.0
    p1 = 0.0
    p2 = 0.0
    p3 = 0.0
    for b in range(first, last):
        m0 += cost[b] * tail[b]
        v = cost[b] * density[b]
        p0 += v
        v *= t[b]
        p1 += v
        v *= t[b]
        p2 += v
        v *= t[b]
        p3 += v
    s = math.exp(log_scale)
    s2 = s * s
    return (
        0.5 * (s2 + mean * mean - 1.0) - log_scale + base + m0,
        s * mean + p0,
        s2 - 1.0 + p1,
        s2 + p1,
        p2 - p0,
        2.0 * s2 + p3 - p1,
    )


@scalar_kernel
def cell_negative_elbo(
    x: Vector, mean: float, log_scale: float, inverse_sigma: Vector, cells: Cells, work: Matrix
) -> tuple[float, float, float, float, float, float]:
    """Return −ELBO_x and its scaled derivatives: s∂_μ, ∂_λ, s²∂²_μ, s∂_μ∂_λ, ∂²_λ, λ = log s.

    Without the constant (D/2) log 2π + Σ log σ_d, as in the kernels for panels.
    """
    seen = see_boundaries(cells.boundary, mean, math.exp(log_scale), work)
    return seen_negative_elbo(
        x, mean, log_scale, seen, inverse_sigma, cells.jump, cells.middle, cells.f, work
    )


@scalar_kernel
def _cell_newton(
    x: Vector,
    mean: float,
    log_scale: float,
    inverse_sigma: Vector,
    cells: Cells,
    work: Matrix,
    minima: Matrix,
    kept: int,
) -> tuple[float, float, float]:
    """Descend to a local minimum; return μ, log s and the value.

    Stops early, wherever it is, once it cannot get below the best of the `kept` minima; in the
    basin of one of them it returns the value inf.
    """
    best = minima[0, VALUE] if kept > 0 else np.inf
    value, g1, g2, h11, h12, h22 = cell_negative_elbo(
        x, mean, log_scale, inverse_sigma, cells, work
    )
    for _ in range(_ITERATIONS):
        step1, step2, decrement = newton_step(g1, g2, h11, h12, h22, LEAST_CURVATURE)
        if decrement < _CONVERGED:
            # One more full step, taken blindly: what is left is of the order decrement^1.5.
            mean += math.exp(log_scale) * step1
            log_scale += step2
            value -= 0.5 * decrement
            break
        if value - 2.0 * decrement > best:
            break
        if arriving(mean, log_scale, value, minima, kept, BASIN, np.inf):
            return mean, log_scale, np.inf
        fraction = first_fraction(step1, step2)
        better = False
        for _ in range(30):
            new_mean, new_scale = moved(mean, log_scale, fraction, step1, step2)
            trial = cell_negative_elbo(x, new_mean, new_scale, inverse_sigma, cells, work)
            if enough(trial[0], value, fraction, decrement):
                mean = new_mean
                log_scale = new_scale
                value, g1, g2, h11, h12, h22 = trial
                better = True
                break
            fraction *= SHORTER
        if not better:
            break
    return mean, log_scale, value


@scalar_kernel
def _table_minima(x: Vector, table: CellTable, scan: Vector, starts: Matrix, count: int) -> int:
    """Append the minima, over μ and s, of the affine table −ELBO_x = offset − x·slope."""
    means, log_scales, narrower, wider = table.mean, table.log_scale, table.narrower, table.wider
    offset, slope = table.offset, table.slope
    size = offset.shape[0]
    for i in range(size):
        scan[i] = offset[i]
    for d in range(x.shape[0]):
        here = x[d]
        for i in range(size):
            scan[i] -= here * slope[d, i]
    lowest = np.inf
    for i in range(size):
        lowest = min(lowest, scan[i])
    for i in range(1, size - 1):
        value = scan[i]
        if (
            value > lowest + _START_MARGIN
            or value > scan[narrower[i]]
            or value > scan[wider[i]]
            or (log_scales[i - 1] == log_scales[i] and scan[i - 1] < value)
            or (log_scales[i + 1] == log_scales[i] and scan[i + 1] <= value)
        ):
            continue
        taken = False
        for k in range(count):
            s = math.exp(min(starts[k, 1], log_scales[i]))
            taken |= (
                starts[k, 2] <= value
                and abs(starts[k, 0] - means[i]) < 0.8 * s
                and abs(starts[k, 1] - log_scales[i]) < 0.8
            )
        if not taken:
            count = add_start(means[i], log_scales[i], value, starts, count)
    return count


@batch_kernel
def cell_e_step_batch(
    part: int,
    parts: int,
    x: Matrix,
    inverse_sigma: Vector,
    cells: Cells,
    table: CellTable,
    previous: Cube,
    minima: Cube,
) -> None:
    """Find the best q(z|x) for every x (n, D), the previous ones (n, CARRIED, 2) among the starts.

    `minima` (n, CARRIED, 3) receives μ, log s and −ELBO_x of the distinct minima found, lowest
    first, NaN beyond.
    """
    x, inverse_sigma, cells, table = borrowed((x, inverse_sigma, cells, table))
    previous, minima = borrowed((previous, minima))
    total = x.shape[0]
    boundaries = cells.boundary.shape[0]
    work = np.empty((4, boundaries))
    scan = np.empty(table.offset.shape[0])
    starts = np.empty((_STARTS, 3))
    for k in range(part, total, parts):
        half_square = 0.0
        for d in range(x.shape[1]):
            half_square += 0.5 * (x[k, d] * inverse_sigma[d]) ** 2
        count = 0
        for i in range(previous.shape[1]):
            mean, log_scale = previous[k, i, 0], previous[k, i, 1]
            if math.isnan(mean):
                continue
            starts[count, MEAN] = mean
            starts[count, LOG_SCALE] = log_scale
            value = cell_negative_elbo(x[k], mean, log_scale, inverse_sigma, cells, work)[0]
            starts[count, VALUE] = value - half_square
            count += 1
        if table.offset.shape[0] > 0:
            count = _table_minima(x[k], table, scan, starts, count)
        for i in range(count):
            starts[i, VALUE] += half_square
        _descend_cells(x[k], starts, count, inverse_sigma, cells, work, minima[k])


@scalar_kernel
def _descend_cells(
    x: Vector,
    starts: Matrix,
    count: int,
    inverse_sigma: Vector,
    cells: Cells,
    work: Matrix,
    minima: Matrix,
) -> None:
    """Refine starts, lowest first, and keep the distinct minima in ascending order."""
    kept = cleared(minima)
    while True:
        pick = next_start(starts, count, minima, kept, _START_MARGIN, BASIN)
        if pick < 0:
            break
        mean, log_scale, value = _cell_newton(
            x, starts[pick, MEAN], starts[pick, LOG_SCALE], inverse_sigma, cells, work, minima, kept
        )
        if kept == 0 or value <= minima[0, VALUE] + _START_MARGIN:
            kept = keep(mean, log_scale, value, minima, kept, 0.0)


@batch_kernel
def cell_m_step_batch(
    part: int,
    parts: int,
    mass: Vector,
    x: Matrix,
    mean: Vector,
    log_scale: Vector,
    boundary: Vector,
    aggregate: Matrix,
    moment: Cube,
    square: Cube,
) -> None:
    """Add up, per chunk, Σ p(x) κ_j (C, M), Σ p(x) κ_j x (C, M, D) and Σ p(x) κ_j x² (C, M, D)."""
    chunks = aggregate.shape[0]
    total = mean.shape[0]
    count = boundary.shape[0]
    for chunk in range(part, chunks, parts):
        t = np.empty(count)
        tail = np.empty(count)
        density = np.empty(count)
        for k in range(chunk, total, chunks):
            s = math.exp(log_scale[k])
            first, last = reach_of_q(boundary, mean[k], s)
            for b in range(first, last):
                t[b] = (boundary[b] - mean[k]) / s
            fill_tail_and_density(t, first, last, tail, density)
            above = 1.0
            for j in range(first, last + 1):
                below = tail[j] if j < last else 0.0
                v = mass[k] * (above - below)
                above = below
                aggregate[chunk, j] += v
                for d in range(x.shape[1]):
                    moment[chunk, j, d] += v * x[k, d]
                    square[chunk, j, d] += v * x[k, d] * x[k, d]


@batch_kernel
def cell_masses_batch(
    part: int, parts: int, mean: Vector, scale: Vector, boundary: Vector, masses: Matrix
) -> None:
    """Fill κ_j = P(z in cell j) under N(mean, scale²), shape (T, M)."""
    count = boundary.shape[0]
    t = np.empty(count)
    tail = np.empty(count)
    density = np.empty(count)
    for k in range(part, mean.shape[0], parts):
        first, last = reach_of_q(boundary, mean[k], scale[k])
        for j in range(count + 1):
            masses[k, j] = 0.0
        for b in range(first, last):
            t[b] = (boundary[b] - mean[k]) / scale[k]
        fill_tail_and_density(t, first, last, tail, density)
        above = 1.0
        for j in range(first, last + 1):
            below = tail[j] if j < last else 0.0
            masses[k, j] = above - below
            above = below
