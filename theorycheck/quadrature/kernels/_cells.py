"""−ELBO of a decoder that is constant on cells: no quadrature in z, hence no error from it.

With boundaries a_b between the cells and t_b = (a_b − μ)/s, the expected cost is a sum by parts:
E_q c = c_first + Σ_b (c_{b+1} − c_b) P(Z > t_b), and its derivatives are sums of φ(t_b) t_b^k.

`cells` is the tuple (boundary (B,), jump (D, B), middle (D, B), f (M, D)), M = B + 1, with the
difference and the mean of f across each boundary.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange

from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._normal_tail import REACH, fill_tail_and_density
from theorycheck.quadrature.kernels._starts import add_start

#: Local minima of −ELBO_x that are carried from one sweep to the next.
CARRIED = 3
#: Starts looked at for an x, and nats above the best at which a start is given up. Where f jumps
#: by many σ, −ELBO_x falls by nats from a table entry to the minimum beside it.
_STARTS = 16
_START_MARGIN = 3.0
#: Distance, in s and in log s, within which a start belongs to a minimum already found. The
#: E-step may miss a neighbour that close; the independent evaluation does not.
_BASIN = 0.3
#: Chunks of x, so that buffers are allocated per chunk and threads stay balanced.
_CHUNKS = 64
_ITERATIONS = 60
#: Newton decrement in nats below which a last full step ends within 1e-11 nats.
_CONVERGED = 1e-7
_LOWEST_LOG_SCALE = -30.0
_HIGHEST_LOG_SCALE = 3.0


@scalar_kernel
def _reach(boundary: Any, mean: float, scale: float) -> tuple[int, int]:
    """Return the range of boundaries that q = N(mean, scale²) sees."""
    first: Any = np.searchsorted(boundary, mean - REACH * scale)
    last: Any = np.searchsorted(boundary, mean + REACH * scale)
    return first, last


@scalar_kernel
def cell_negative_elbo(
    x: Any, mean: float, log_scale: float, inverse_sigma: Any, cells: Any, work: Any
) -> tuple[float, float, float, float, float, float]:
    """Return −ELBO_x and its scaled derivatives: s∂_μ, ∂_λ, s²∂²_μ, s∂_μ∂_λ, ∂²_λ, λ = log s.

    Without the constant (D/2) log 2π + Σ log σ_d, as in the kernels for panels.
    """
    boundary, jump, middle, f = cells
    s = math.exp(log_scale)
    first, last = _reach(boundary, mean, s)
    t, tail, density, cost = work[0], work[1], work[2], work[3]
    inverse = 1.0 / s
    for b in range(first, last):
        t[b] = (boundary[b] - mean) * inverse
        cost[b] = 0.0
    fill_tail_and_density(t, first, last, tail, density)
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
def _cell_newton(
    x: Any,
    mean: float,
    log_scale: float,
    inverse_sigma: Any,
    cells: Any,
    work: Any,
    minima: Any,
    kept: int,
) -> tuple[float, float, float]:
    """Descend to a local minimum; return μ, log s and the value.

    Stops early, wherever it is, once it cannot get below the best of the `kept` minima; in the
    basin of one of them it returns the value inf.
    """
    best = minima[0, 2] if kept > 0 else np.inf
    value, g1, g2, h11, h12, h22 = cell_negative_elbo(
        x, mean, log_scale, inverse_sigma, cells, work
    )
    for _ in range(_ITERATIONS):
        centre = 0.5 * (h11 + h22)
        gap = math.sqrt(0.25 * (h11 - h22) ** 2 + h12 * h12)
        big = max(abs(centre + gap), 1e-3)
        small = max(abs(centre - gap), 1e-3)
        angle = 0.5 * math.atan2(2.0 * h12, h11 - h22)
        c = math.cos(angle)
        n = math.sin(angle)
        a = -(c * g1 + n * g2) / big
        b = -(-n * g1 + c * g2) / small
        step1 = c * a - n * b
        step2 = n * a + c * b
        decrement = -(g1 * step1 + g2 * step2)
        if decrement < _CONVERGED:
            # One more full step, taken blindly: what is left is of the order decrement^1.5.
            mean += math.exp(log_scale) * step1
            log_scale += step2
            value -= 0.5 * decrement
            break
        if value - 2.0 * decrement > best:
            break
        for m in range(kept):
            if (
                value >= minima[m, 2]
                and abs(minima[m, 0] - mean) < _BASIN * math.exp(minima[m, 1])
                and abs(minima[m, 1] - log_scale) < _BASIN
            ):
                return mean, log_scale, np.inf
        length = max(abs(step1), abs(step2))
        fraction = 1.0 if length <= 1.0 else 1.0 / length
        moved = False
        for _ in range(30):
            new_mean = mean + math.exp(log_scale) * fraction * step1
            new_scale = min(
                max(log_scale + fraction * step2, _LOWEST_LOG_SCALE), _HIGHEST_LOG_SCALE
            )
            trial = cell_negative_elbo(x, new_mean, new_scale, inverse_sigma, cells, work)
            if trial[0] <= value - 1e-4 * fraction * decrement:
                mean = new_mean
                log_scale = new_scale
                value, g1, g2, h11, h12, h22 = trial
                moved = True
                break
            fraction *= 0.4
        if not moved:
            break
    return mean, log_scale, value


@scalar_kernel
def _table_minima(
    x: Any, table: Any, offset: Any, slope: Any, scan: Any, starts: Any, count: int
) -> int:
    """Append the minima, over μ and s, of the affine table −ELBO_x = offset − x·slope.

    `table` is (μ, log s, narrower, wider): for every entry, the nearest one in the next table
    row of narrower and of wider q.
    """
    means, log_scales, narrower, wider = table
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
    x: Any,
    inverse_sigma: Any,
    cells: Any,
    table: Any,
    offset: Any,
    slope: Any,
    previous: Any,
    minima: Any,
) -> None:
    """Find the best q(z|x) for every x (n, D), the previous ones (n, CARRIED, 2) among the starts.

    `minima` (n, CARRIED, 3) receives μ, log s and −ELBO_x of the distinct minima found, lowest
    first, NaN beyond.
    """
    total = x.shape[0]
    boundaries = cells[0].shape[0]
    for chunk in prange(_CHUNKS):
        work = np.empty((4, boundaries))
        scan = np.empty(offset.shape[0])
        starts = np.empty((_STARTS, 3))
        for k in range(chunk, total, _CHUNKS):
            half_square = 0.0
            for d in range(x.shape[1]):
                half_square += 0.5 * (x[k, d] * inverse_sigma[d]) ** 2
            count = 0
            for i in range(previous.shape[1]):
                if math.isnan(previous[k, i, 0]):
                    continue
                starts[count, 0] = previous[k, i, 0]
                starts[count, 1] = previous[k, i, 1]
                value = cell_negative_elbo(
                    x[k], previous[k, i, 0], previous[k, i, 1], inverse_sigma, cells, work
                )[0]
                starts[count, 2] = value - half_square
                count += 1
            if offset.shape[0] > 0:
                count = _table_minima(x[k], table, offset, slope, scan, starts, count)
            _descend_cells(x[k], starts, count, half_square, inverse_sigma, cells, work, minima[k])


@scalar_kernel
def _descend_cells(
    x: Any,
    starts: Any,
    count: int,
    half_square: float,
    inverse_sigma: Any,
    cells: Any,
    work: Any,
    minima: Any,
) -> None:
    """Refine starts, lowest first, and keep the distinct minima in ascending order."""
    kept = 0
    for i in range(minima.shape[0]):
        minima[i, 0] = np.nan
        minima[i, 1] = np.nan
        minima[i, 2] = np.nan
    for _ in range(count):
        pick = -1
        for i in range(count):
            if starts[i, 2] < np.inf and (pick < 0 or starts[i, 2] < starts[pick, 2]):
                pick = i
        if pick < 0:
            break
        mean = starts[pick, 0]
        log_scale = starts[pick, 1]
        value = starts[pick, 2] + half_square
        starts[pick, 2] = np.inf
        if kept > 0 and value > minima[0, 2] + _START_MARGIN:
            continue
        known = False
        for m in range(kept):
            known |= (
                abs(minima[m, 0] - mean) < _BASIN * math.exp(max(minima[m, 1], log_scale))
                and abs(minima[m, 1] - log_scale) < _BASIN
            )
        if known:
            continue
        mean, log_scale, value = _cell_newton(
            x, mean, log_scale, inverse_sigma, cells, work, minima, kept
        )
        if value == np.inf or (kept > 0 and value > minima[0, 2] + _START_MARGIN):
            continue
        if kept == CARRIED and value >= minima[kept - 1, 2]:
            continue
        place = min(kept, CARRIED - 1)
        while place > 0 and minima[place - 1, 2] > value:
            for i in range(3):
                minima[place, i] = minima[place - 1, i]
            place -= 1
        minima[place, 0] = mean
        minima[place, 1] = log_scale
        minima[place, 2] = value
        kept = min(kept + 1, CARRIED)


@batch_kernel
def cell_m_step_batch(
    mass: Any,
    x: Any,
    mean: Any,
    log_scale: Any,
    boundary: Any,
    aggregate: Any,
    moment: Any,
    square: Any,
) -> None:
    """Add up, per chunk, Σ p(x) κ_j (C, M), Σ p(x) κ_j x (C, M, D) and Σ p(x) κ_j x² (C, M, D)."""
    chunks = aggregate.shape[0]
    total = mean.shape[0]
    count = boundary.shape[0]
    for chunk in prange(chunks):
        t = np.empty(count)
        tail = np.empty(count)
        density = np.empty(count)
        for k in range(chunk, total, chunks):
            s = math.exp(log_scale[k])
            first, last = _reach(boundary, mean[k], s)
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
def cell_masses_batch(mean: Any, scale: Any, boundary: Any, masses: Any) -> None:
    """Fill κ_j = P(z in cell j) under N(mean, scale²), shape (T, M)."""
    count = boundary.shape[0]
    for chunk in prange(_CHUNKS):
        t = np.empty(count)
        tail = np.empty(count)
        density = np.empty(count)
        for k in range(chunk, mean.shape[0], _CHUNKS):
            first, last = _reach(boundary, mean[k], scale[k])
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
