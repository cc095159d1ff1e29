"""Is a minimum of −ELBO_x the global one? A walk through the tree of lower bounds, for each x.

Parts whose bound lies above the best minimum found are left; parts that could hold a lower one are
looked at more closely, and where their Taylor expansion promises it Newton's method starts there.
Around a minimum itself no bound can lie above it: there the same remainder proves that −ELBO_x
only rises, on a box as large as the curvature allows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange

from theorycheck.quadrature.kernels._affine_moments import DEGREES, cost_hermite, least_cost
from theorycheck.quadrature.kernels._bound_tree import (
    BOTTOM,
    CHILD,
    FIRST,
    FOURTH,
    HALF_MEAN,
    HALF_TAU,
    HIGH,
    KIND,
    LOW,
    PRIOR,
    RADIUS_NARROW,
    RADIUS_WIDE,
    REFERENCE,
    RHO,
    S_MEAN,
    STRIP,
    TAU,
    TOP,
    WIDE,
    WIDER,
    WITHIN_ONE,
    WITHIN_THREE,
    expand,
    parts,
)
from theorycheck.quadrature.kernels._gaussian_expectation import cost_moments, workspace
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._mean_field import MINIMA, keep_minimum, newton, settle_ties

#: What a walk may end with: all is known, nodes are missing, or the tree is full.
DONE, MISSING, FULL = 0, 1, 2
_CHUNKS = 64
#: Nodes that wait at most, depth first and lowest first.
_STACK, _QUEUE = 1024, 32_768
#: Half-widths, in μ and τ, of the largest box around a minimum, and the number of shares of it
#: that are tried, 0.8^k. The fourth-order remainder is at least −C E_w[c − least c]; the largest
#: ratios on a dense grid are 0.0545 for the box and 0.0275 for its inner half, 5 % are margin.
_BASIN_MEAN, _BASIN_TAU = 0.25, 1.0 / 3.0
_BASIN_FOURTH, _BASIN_FOURTH_HALF = 0.0573, 0.0289
_SHARES = 24
#: Nats above the best within which a minimum gets such a box; the others are bounded away.
_BASIN_MARGIN = 0.1
#: Nats, relative to the value, up to which the bound may come near the minimum.
TOLERANCE = 1e-13
#: Nats above the best at which a promised minimum is tried, and the remainder up to which a
#: promise counts: a tie must be found as well, or the walk would go on to the finest boxes there.
_PROMISE = 1e-3
_TRUSTED = 0.05
#: Remainder, nats, of boxes that are not cut any more.
_FINEST = 1e-14


@scalar_kernel
def _box_minimum(
    g1: float, g2: float, h11: float, h12: float, h22: float, half1: float, half2: float
) -> tuple[float, float, float]:
    """Return the least of g·Δ + ½ΔᵀHΔ over |Δ₁| <= half1, |Δ₂| <= half2, and where it is."""
    determinant = h11 * h22 - h12 * h12
    if h11 > 0.0 and determinant > 0.0:
        a = -(h22 * g1 - h12 * g2) / determinant
        b = -(h11 * g2 - h12 * g1) / determinant
        if abs(a) <= half1 and abs(b) <= half2:
            return 0.5 * (g1 * a + g2 * b), a, b
    best = np.inf
    best_a = 0.0
    best_b = 0.0
    for side in range(2):
        a = half1 if side == 0 else -half1
        slope = g2 + h12 * a
        b = -half2 if slope > 0.0 else half2
        if h22 > 0.0 and abs(slope) < h22 * half2:
            b = -slope / h22
        value = g1 * a + g2 * b + 0.5 * (h11 * a * a + h22 * b * b) + h12 * a * b
        if value < best:
            best, best_a, best_b = value, a, b
        b = half2 if side == 0 else -half2
        slope = g1 + h12 * b
        a = -half1 if slope > 0.0 else half1
        if h11 > 0.0 and abs(slope) < h11 * half1:
            a = -slope / h11
        value = g1 * a + g2 * b + 0.5 * (h11 * a * a + h22 * b * b) + h12 * a * b
        if value < best:
            best, best_a, best_b = value, a, b
    return best, best_a, best_b


@scalar_kernel
def _least_on_edge(c0: float, c1: float, c2: float, c3: float) -> float:
    """Return the least of c₀ + c₁y + c₂y² + c₃y³ over |y| <= 1."""
    least = c0 + c2 - abs(c1 + c3)
    root = c2 * c2 - 3.0 * c3 * c1
    if root > 0.0:
        # The minimum is where c₁ + 2c₂y + 3c₃y² rises through zero.
        below = c2 + math.sqrt(root)
        if abs(c1) < abs(below):
            y = -c1 / below
            least = min(least, c0 + y * (c1 + y * (c2 + y * c3)))
    return least


@scalar_kernel
def _basin(
    x: Any, least: float, inverse_sigma: Any, panels: Any, groups: Any, work: Any, moments: Any,
    minimum: Any, basin: Any,
) -> None:  # fmt: skip
    """Fill the box, in μ and τ, on which −ELBO_x lies nowhere below this minimum."""
    mean, scale = minimum[0], math.exp(minimum[1])
    tau = scale * scale
    m2, m3, m4, m5, m6 = cost_hermite(x, mean, scale, inverse_sigma, panels, groups, work, moments)
    wide = cost_moments(x, mean, WIDER * scale, inverse_sigma, panels, groups, work)[0]
    excess = max(wide - least, 0.0)
    # The quadratic and cubic parts of the expansion, for |a| and |β| in units of the largest box.
    # What −½ log(1 + β) has beyond β³ is positive.
    q11 = 0.5 * (tau + m2) * _BASIN_MEAN**2
    q12 = 0.5 * m3 * _BASIN_MEAN * _BASIN_TAU
    q22 = 0.5 * (0.5 + 0.25 * m4) * _BASIN_TAU**2
    t111 = m3 / 6.0 * _BASIN_MEAN**3
    t112 = m4 / 4.0 * _BASIN_MEAN**2 * _BASIN_TAU
    t122 = m5 / 8.0 * _BASIN_MEAN * _BASIN_TAU**2
    t222 = (m6 / 48.0 - 1.0 / 6.0) * _BASIN_TAU**3
    share = 0.0
    if q11 > 0.0 and 4.0 * q11 * q22 > q12 * q12:
        u = 1.0
        for _ in range(_SHARES):
            fourth = _BASIN_FOURTH if u > 0.5 else _BASIN_FOURTH_HALF
            # Along a ray q + t u − r u² is positive up to u if it is at u. A hundredth of q is
            # left to pay for the slope at the minimum found.
            rest = fourth * excess * u * u
            good = True
            for side in range(2):
                v = u if side == 0 else -u
                good &= _least_on_edge(
                    0.99 * q11 + v * t111 - rest, 0.99 * q12 + v * t112, 0.99 * q22 + v * t122,
                    v * t222,
                ) > 0.0  # fmt: skip
                good &= _least_on_edge(
                    0.99 * q22 + v * t222 - rest, 0.99 * q12 + v * t122, 0.99 * q11 + v * t112,
                    v * t111,
                ) > 0.0  # fmt: skip
            if good:
                share = u
                break
            u *= 0.8
    basin[0] = mean - share * _BASIN_MEAN * scale
    basin[1] = mean + share * _BASIN_MEAN * scale
    basin[2] = tau * (1.0 - share * _BASIN_TAU)
    basin[3] = tau * (1.0 + share * _BASIN_TAU)


@scalar_kernel
def _basins(
    x: Any, least: float, inverse_sigma: Any, panels: Any, groups: Any, work: Any, moments: Any,
    minima: Any, kept: int, basins: Any,
) -> int:  # fmt: skip
    """Fill the boxes around the minima that compete with the best; return their number."""
    count = 0
    for m in range(kept):
        if minima[m, 2] < minima[0, 2] + _BASIN_MARGIN:
            _basin(x, least, inverse_sigma, panels, groups, work, moments, minima[m], basins[count])
            count += 1
    return count


@scalar_kernel
def _walk(
    x: Any, root: int, grow: bool, patient: bool, budget: int, inverse_sigma: Any, panels: Any,
    groups: Any, balls: Any, tree: Any, minima: Any, kept: int, buffers: Any,
) -> tuple[int, int, float, int]:  # fmt: skip
    """Walk for one x: return how it ended, the minima kept, the gap and the nodes visited.

    Depth first, which needs no queue; `patient` goes on with the lowest bound instead, which finds
    a well that is hidden among much that lies between it and the best minimum known.
    """
    centre, radius, block_centre, block_radius, slack = balls
    rows = tree[0]
    work, moments, stack, levels, basins = buffers
    data_dim = x.shape[0]
    stride = DEGREES + 1
    least = least_cost(
        x, inverse_sigma, panels[4], centre, radius, block_centre, block_radius, slack
    )
    count = _basins(x, least, inverse_sigma, panels, groups, work, moments, minima, kept, basins)
    best = minima[0, 2]
    for k in range(1, kept):
        best = min(best, minima[k, 2])
    tolerance = TOLERANCE * (1.0 + abs(best))
    goal = best - tolerance
    lowest = best
    visited = 0
    stack[0] = root
    levels[0, 0] = 0.0
    levels[0, 1] = 0.0
    size = 1
    while size > 0:
        size -= 1
        if patient:
            pick = size
            for k in range(size):
                if levels[k, 1] < levels[pick, 1]:
                    pick = k
            stack[pick], stack[size] = stack[size], stack[pick]
            for k in range(2):
                levels[pick, k], levels[size, k] = levels[size, k], levels[pick, k]
        node = stack[size]
        remainder = levels[size, 0]
        visited += 1
        row = rows[node]
        kind = row[KIND]
        bound = row[PRIOR]
        rest = np.inf
        if kind == STRIP:
            total = 0.0
            for d in range(data_dim):
                r = (x[d] - row[REFERENCE + d]) * inverse_sigma[d]
                total += r * r
            near = max(math.sqrt(total) - row[RADIUS_WIDE], 0.0)
            outer = max(0.5 * near * near, least)
            bound += WITHIN_THREE * outer
            if bound >= goal:
                continue
            total = 0.0
            for d in range(data_dim):
                r = (x[d] - row[REFERENCE + data_dim + d]) * inverse_sigma[d]
                total += r * r
            near = max(math.sqrt(total) - row[RADIUS_NARROW], 0.0)
            bound += WITHIN_ONE * max(0.5 * near * near - outer, 0.0)
            if bound >= goal:
                continue
        elif kind == WIDE:
            place = REFERENCE + data_dim
            wide = row[place + data_dim]
            for d in range(data_dim):
                y = (x[d] - row[REFERENCE + d]) * inverse_sigma[d]
                wide += y * (0.5 * y - row[place + d])
            bound += least + row[RHO] * max(wide - least, 0.0)
            if bound >= goal:
                continue
        else:
            low, high, bottom, top = row[LOW], row[HIGH], row[BOTTOM], row[TOP]
            known = False
            for k in range(count):
                known |= (
                    low >= basins[k, 0]
                    and high <= basins[k, 1]
                    and bottom >= basins[k, 2]
                    and top <= basins[k, 3]
                )
            if known:
                continue
            place = REFERENCE + data_dim + data_dim * stride
            m0 = row[place]
            m1 = row[place + 1]
            m2 = row[place + 2]
            m3 = row[place + 3]
            m4 = row[place + 4]
            m5 = row[place + 5]
            m6 = row[place + 6]
            wide = row[place + 7]
            place = REFERENCE + data_dim
            for d in range(data_dim):
                y = (x[d] - row[REFERENCE + d]) * inverse_sigma[d]
                half = 0.5 * y * y
                m0 += half - y * row[place]
                m1 -= y * row[place + 1]
                m2 -= y * row[place + 2]
                m3 -= y * row[place + 3]
                m4 -= y * row[place + 4]
                m5 -= y * row[place + 5]
                m6 -= y * row[place + 6]
                wide += half - y * row[place + 7]
                place += stride
            if kind == FIRST:
                remainder = row[FOURTH] * max(wide - least, 0.0)
            tau, half_mean, half_tau = row[TAU], row[HALF_MEAN], row[HALF_TAU]
            cubic = half_mean * half_mean * (
                abs(m3) / 6.0 * half_mean + 0.25 * abs(m4) * half_tau
            ) + half_tau * half_tau * (
                0.125 * abs(m5) * half_mean + abs(m6 - 8.0) / 48.0 * half_tau
            )
            rest = remainder + cubic
            g1 = row[S_MEAN] + m1
            g2 = 0.5 * (tau - 1.0 + m2)
            h11 = tau + m2
            h12 = 0.5 * m3
            h22 = 0.5 + 0.25 * m4
            value = bound + m0
            bound = value - rest - abs(g1) * half_mean - abs(g2) * half_tau
            bound += 0.5 * min(h11, 0.0) * half_mean * half_mean
            bound += 0.5 * min(h22, 0.0) * half_tau * half_tau
            if bound - abs(h12) * half_mean * half_tau >= goal:
                continue
            promise, a, b = _box_minimum(g1, g2, h11, h12, h22, half_mean, half_tau)
            promise += value
            bound = promise - rest
            if bound >= goal:
                continue
            inside = abs(a) < half_mean and abs(b) < half_tau
            tied = inside and promise < best + _PROMISE and rest < _TRUSTED
            if tied or promise < best - rest:
                mean = 0.5 * (low + high) + math.sqrt(tau) * a
                tau *= 1.0 + b
                for k in range(count):
                    known |= (
                        basins[k, 0] < mean < basins[k, 1] and basins[k, 2] < tau < basins[k, 3]
                    )
                if not known:
                    mean, log_scale, value, _unused = newton(
                        x, mean, 0.5 * math.log(tau), inverse_sigma, panels, groups, work,
                        minima, kept,
                    )  # fmt: skip
                    if value < np.inf:
                        before = kept
                        kept = keep_minimum(mean, log_scale, value, minima, kept)
                        if kept > before or minima[0, 2] < best:
                            count = _basins(
                                x, least, inverse_sigma, panels, groups, work, moments, minima,
                                kept, basins,
                            )  # fmt: skip
                        best = min(best, minima[0, 2])
                        goal = best - tolerance
                        if bound >= goal:
                            continue
        if visited >= budget or size + 4 >= stack.shape[0] or rest < _FINEST:
            lowest = min(lowest, bound)
            continue
        if row[CHILD] < 0.0:
            if not grow:
                return MISSING, kept, 0.0, visited
            if not expand(node, tree, inverse_sigma, panels, groups, centre, radius, work, moments):
                return FULL, kept, 0.0, visited
        child = int(row[CHILD])
        for k in range(parts(row)):
            stack[size] = child + k
            levels[size, 0] = 0.0625 * remainder
            levels[size, 1] = bound
            size += 1
    settle_ties(minima, kept)
    return DONE, kept, max(best - lowest, 0.0) + tolerance, visited


@scalar_kernel
def _buffers(data_dim: int, nodes: int) -> Any:
    """Allocate what one thread needs, with room for so many nodes that wait."""
    return (
        workspace(data_dim),
        np.empty((DEGREES, data_dim + 1)),
        np.empty(nodes, dtype=np.int64),
        np.empty((nodes, 2)),
        np.empty((MINIMA, 4)),
    )


@batch_kernel
def walk_batch(
    index: Any, x: Any, root: Any, budget: int, inverse_sigma: Any, panels: Any,
    groups: Any, balls: Any, tree: Any, minima: Any, found: Any, gap: Any, state: Any,
) -> None:  # fmt: skip
    """Walk for the x of `index` on the tree as it is: fill `gap` (n,) and `state` (n,).

    `minima` (n, MINIMA, 3) and `found` (n,), as :func:`optimal_q_batch` left them, are corrected.
    """
    total = index.shape[0]
    for chunk in prange(_CHUNKS):
        if chunk >= total:
            continue
        buffers = _buffers(x.shape[1], _STACK)
        for j in range(chunk, total, _CHUNKS):
            k = index[j]
            state[k], found[k], gap[k], _visited = _walk(
                x[k], root[k], False, False, budget, inverse_sigma, panels, groups, balls, tree,
                minima[k], found[k], buffers,
            )  # fmt: skip


@scalar_kernel
def walk_and_grow(
    index: Any, x: Any, root: Any, patient: bool, budget: int, inverse_sigma: Any, panels: Any,
    groups: Any, balls: Any, tree: Any, minima: Any, found: Any, gap: Any, state: Any,
) -> int:  # fmt: skip
    """Do the same, one x after the other, and make the nodes that are missing.

    Return how many of `index` are done: fewer than all where the tree is full.
    """
    buffers = _buffers(x.shape[1], _QUEUE if patient else _STACK)
    for j in range(index.shape[0]):
        k = index[j]
        state[k], found[k], gap[k], _visited = _walk(
            x[k], root[k], True, patient, budget, inverse_sigma, panels, groups, balls, tree,
            minima[k], found[k], buffers,
        )  # fmt: skip
        if state[k] == FULL:
            return j
    return len(index)
