"""E_q of the cost |x − f|²/2σ², of f and of (x − f)², for q = N(μ, s²).

The range |z − μ| ≤ 9.5 s is covered by segments, each with the rule that suits it:
runs of panels up to 4 s wide, by their projections (see quadrature/_latent_groups.py); single
panels, by their own nodes; a panel wider than q, cut to what q sees, with f from its Legendre
series; and beyond the panels f continued by its value at the last edge, so that a q that looks
there is not rewarded.

The rows of `work` are t, w and the cost at the nodes, then f per data dimension.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature import NODES, ORDER, RUN_ORDER, WEIGHTS
from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import Matrix, Panels, Runs, Vector

#: Half-width of the range of t = (z − μ)/s that is integrated; the mass beyond is 2e-21, so that
#: even a cost of 5e7 there (a jump of 1e4 σ) adds less than 1e-13.
REACH_OF_Q = 9.5
#: Widest run, in s: the part of q beyond degree 31 is below 1e-18 of its peak there.
_WIDEST_RUN = 4.0
#: Widest panel, in s, on which 16 nodes integrate q to rounding.
_WIDEST_PANEL = 3.5
INVERSE_ROOT_TWO_PI = 0.3989422804014327


@scalar_kernel
def first_panel_after(right: Vector, value: float) -> int:
    """Return the first index with right[index] > value, by bisection."""
    low = 0
    high = right.shape[0]
    while low < high:
        middle = (low + high) // 2
        if right[middle] > value:
            high = middle
        else:
            low = middle + 1
    return low


@scalar_kernel
def cut_nodes(
    a: float, b: float, panel: int, mean: float, scale: float, panels: Panels, work: Matrix
) -> None:
    """Fill rows t, w, and f per dimension of `work` with 16 nodes on [a, b] ⊂ a panel's line.

    a and b are values of t, not of z: for s far below |μ|, rounding of z would move t.
    """
    left, right = panels.left[panel], panels.right[panel]
    series = panels.series[panel]
    half = 0.5 * (b - a)
    for i in range(ORDER):
        t = 0.5 * (a + b) + half * NODES[i]
        z = mean + scale * t
        work[0, i] = t
        work[1, i] = WEIGHTS[i] * half * INVERSE_ROOT_TWO_PI * math.exp(-0.5 * t * t)
        u = min(max((2.0 * z - left - right) / (right - left), -1.0), 1.0)
        for d in range(series.shape[0]):
            # Clenshaw's recurrence for Σ c_k P_k(u).
            b1 = 0.0
            b2 = 0.0
            for k in range(ORDER - 1, 0, -1):
                b0 = series[d, k] + (2 * k + 1) / (k + 1) * u * b1 - (k + 1) / (k + 2) * b2
                b2 = b1
                b1 = b0
            work[3 + d, i] = series[d, 0] + u * b1 - 0.5 * b2


@scalar_kernel
def first_segment(low: float, panels: Panels) -> int:
    """Return where the walk over the segments begins: a panel, or −1 for what lies before all."""
    return -1 if low < panels.left[0] else first_panel_after(panels.right, low)


@scalar_kernel
def segment(j: int, scale: float, panels: Panels, runs: Runs) -> tuple[int, int, int]:
    """Choose the rule at j: (kind, row, panels covered); kind 0 panel, 1 run, 2 cut."""
    left, right = panels.left, panels.right
    count = left.shape[0]
    if j < 0 or j == count:
        return 2, min(max(j, 0), count - 1), 1
    if right[j] - left[j] > _WIDEST_PANEL * scale:
        return 2, j, 1
    kind = 0
    row = j
    covered = 1
    size = 2
    level_start, run_left, run_right = runs.level_start, runs.left, runs.right
    for level in range(level_start.shape[0] - 1):
        if j % size != 0:
            break
        candidate = level_start[level] + j // size
        if run_right[candidate] - run_left[candidate] > _WIDEST_RUN * scale:
            break
        kind = 1
        row = candidate
        covered = size
        size *= 2
    return kind, row, covered


@scalar_kernel
def next_segment(j: int, covered: int, high: float, panels: Panels) -> int:
    """Return where the walk goes on after j; more than the number of panels P ends it.

    −1 is what lies before the panels, P what lies behind them.
    """
    left, right = panels.left, panels.right
    count: int = left.shape[0]
    if j == count:
        return count + 1
    following = 0 if j < 0 else min(j + covered, count)
    if following == count:
        return count if high > right[count - 1] else count + 1
    return following if left[following] < high else count + 1


@scalar_kernel
def cut_range(j: int, mean: float, scale: float, panels: Panels) -> tuple[float, float, int]:
    """Return the range of t that a cut at j covers, as its start, step and number of pieces."""
    left, right = panels.left, panels.right
    count = left.shape[0]
    low = mean - REACH_OF_Q * scale
    high = mean + REACH_OF_Q * scale
    a = low if j < 0 else (max(right[count - 1], low) if j == count else max(left[j], low))
    b = min(left[0], high) if j < 0 else (high if j == count else min(right[j], high))
    a = max((a - mean) / scale, -REACH_OF_Q)
    b = min((b - mean) / scale, REACH_OF_Q)
    if b <= a:
        return a, 0.0, 0
    pieces = max(1, math.ceil((b - a) / _WIDEST_PANEL))
    return a, (b - a) / pieces, pieces


# Longer than 60 lines: its five sums stay in registers through all three rules.
@scalar_kernel
def cost_moments(
    x: Vector, mean: float, scale: float, inverse_sigma: Vector, panels: Panels, runs: Runs,
    work: Matrix,
) -> tuple[float, float, float, float, float]:  # fmt: skip
    """Return E_q[c t^k], k = 0…4, for the cost c(z) = |x − f(z)|²/2σ² and t = (z − μ)/s."""
    z, rule_weight, f = panels.z, panels.weight, panels.f
    run_z, run_weight, run_centre = runs.z, runs.weight, runs.centre
    run_first, run_square = runs.first, runs.square
    data_dim = x.shape[0]
    count = panels.left.shape[0]
    high = mean + REACH_OF_Q * scale
    inverse = 1.0 / scale
    norm = INVERSE_ROOT_TWO_PI * inverse
    cost = work[2]
    m0 = 0.0
    m1 = 0.0
    m2 = 0.0
    m3 = 0.0
    m4 = 0.0
    j = first_segment(mean - REACH_OF_Q * scale, panels)
    while j <= count:
        kind, row, covered = segment(j, scale, panels, runs)
        if kind == 1:
            for i in range(RUN_ORDER):
                cost[i] = 0.0
            for d in range(data_dim):
                offset = (x[d] - run_centre[row, d]) * inverse_sigma[d]
                constant = 0.5 * offset * offset
                linear = offset * inverse_sigma[d]
                quadratic = 0.5 * inverse_sigma[d] * inverse_sigma[d]
                for i in range(RUN_ORDER):
                    cost[i] += (
                        constant - linear * run_first[row, d, i] + quadratic * run_square[row, d, i]
                    )
            for i in range(RUN_ORDER):
                t = (run_z[row, i] - mean) * inverse
                v = run_weight[row, i] * norm * exp_nonpositive(-0.5 * t * t) * cost[i]
                m0 += v
                v *= t
                m1 += v
                v *= t
                m2 += v
                v *= t
                m3 += v
                v *= t
                m4 += v
        elif kind == 0:
            first = row * ORDER
            for i in range(ORDER):
                cost[i] = 0.0
            for d in range(data_dim):
                for i in range(ORDER):
                    r = (x[d] - f[d, first + i]) * inverse_sigma[d]
                    cost[i] += 0.5 * r * r
            for i in range(ORDER):
                t = (z[first + i] - mean) * inverse
                v = rule_weight[first + i] * norm * exp_nonpositive(-0.5 * t * t) * cost[i]
                m0 += v
                v *= t
                m1 += v
                v *= t
                m2 += v
                v *= t
                m3 += v
                v *= t
                m4 += v
        else:
            a, step, pieces = cut_range(j, mean, scale, panels)
            for p in range(pieces):
                cut_nodes(a + p * step, a + (p + 1) * step, row, mean, scale, panels, work)
                for i in range(ORDER):
                    c = 0.0
                    for d in range(data_dim):
                        r = (x[d] - work[3 + d, i]) * inverse_sigma[d]
                        c += 0.5 * r * r
                    t = work[0, i]
                    v = work[1, i] * c
                    m0 += v
                    v *= t
                    m1 += v
                    v *= t
                    m2 += v
                    v *= t
                    m3 += v
                    v *= t
                    m4 += v
        j = next_segment(j, covered, high, panels)
    return m0, m1, m2, m3, m4


@scalar_kernel
def expectations(
    x: Vector,
    mean: float,
    scale: float,
    panels: Panels,
    runs: Runs,
    work: Matrix,
    first_moment: Vector,
    squares: Vector,
) -> None:
    """Fill E_q f_d and E_q (x_d − f_d)² for every data dimension."""
    z, rule_weight, f = panels.z, panels.weight, panels.f
    run_z, run_weight, run_centre = runs.z, runs.weight, runs.centre
    run_first, run_square = runs.first, runs.square
    data_dim = x.shape[0]
    count = panels.left.shape[0]
    high = mean + REACH_OF_Q * scale
    inverse = 1.0 / scale
    norm = INVERSE_ROOT_TWO_PI * inverse
    for d in range(data_dim):
        first_moment[d] = 0.0
        squares[d] = 0.0
    j = first_segment(mean - REACH_OF_Q * scale, panels)
    while j <= count:
        kind, row, covered = segment(j, scale, panels, runs)
        if kind == 1:
            for i in range(RUN_ORDER):
                t = (run_z[row, i] - mean) * inverse
                work[1, i] = run_weight[row, i] * norm * exp_nonpositive(-0.5 * t * t)
            for d in range(data_dim):
                offset = x[d] - run_centre[row, d]
                for i in range(RUN_ORDER):
                    g = run_first[row, d, i]
                    first_moment[d] += work[1, i] * (run_centre[row, d] + g)
                    squares[d] += work[1, i] * (
                        offset * offset - 2.0 * offset * g + run_square[row, d, i]
                    )
        elif kind == 0:
            for i in range(ORDER):
                t = (z[row * ORDER + i] - mean) * inverse
                work[1, i] = rule_weight[row * ORDER + i] * norm * exp_nonpositive(-0.5 * t * t)
            for d in range(data_dim):
                for i in range(ORDER):
                    g = f[d, row * ORDER + i]
                    first_moment[d] += work[1, i] * g
                    squares[d] += work[1, i] * (x[d] - g) ** 2
        else:
            a, step, pieces = cut_range(j, mean, scale, panels)
            for p in range(pieces):
                cut_nodes(a + p * step, a + (p + 1) * step, row, mean, scale, panels, work)
                for d in range(data_dim):
                    for i in range(ORDER):
                        g = work[3 + d, i]
                        first_moment[d] += work[1, i] * g
                        squares[d] += work[1, i] * (x[d] - g) ** 2
        j = next_segment(j, covered, high, panels)


@scalar_kernel
def workspace(data_dim: int) -> Matrix:
    """Allocate the buffers of one thread: rows t, w, cost, then f per data dimension."""
    return np.empty((3 + data_dim, RUN_ORDER))
