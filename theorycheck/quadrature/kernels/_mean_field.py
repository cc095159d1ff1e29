"""The optimal mean-field Gaussian q for many x: starts, Newton refinement, distinct minima.

All values are −ELBO_x(μ, s) without the constant (D/2) log 2π + Σ log σ_d, which the caller adds:
½(s² + μ² − 1) − log s + E_q |x − f|²/2σ².
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange

from theorycheck.quadrature.kernels._gaussian_expectation import (
    cost_moments,
    expectations,
    workspace,
)
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._starts import mode_starts, table_starts

#: Distinct local minima kept for an x.
MINIMA = 8
#: Starts looked at for an x.
_STARTS = 24
#: Chunks of x, so that buffers are allocated per chunk and threads stay balanced.
_CHUNKS = 64
_ITERATIONS = 100
#: Newton decrement (nats, relative to the value) below which one more full step, taken blindly,
#: ends at rounding level: convergence is quadratic, so the next decrement is about its square.
_CONVERGED = 1e-10
#: Nats above the best minimum at which a descent that has nearly arrived is given up.
_ABANDON_MARGIN = 0.6
#: Nats within which two minima count as equally good.
_TIE = 1e-11
#: log s is kept within these bounds.
_LOWEST_LOG_SCALE = -30.0
_HIGHEST_LOG_SCALE = 3.0


@scalar_kernel
def negative_elbo(
    x: Any,
    mean: float,
    log_scale: float,
    inverse_sigma: Any,
    panels: Any,
    groups: Any,
    work: Any,
) -> tuple[float, float, float, float, float, float]:
    """Return −ELBO_x and its scaled derivatives: s∂_μ, ∂_λ, s²∂²_μ, s∂_μ∂_λ, ∂²_λ, λ = log s."""
    s = math.exp(log_scale)
    m0, m1, m2, m3, m4 = cost_moments(x, mean, s, inverse_sigma, panels, groups, work)
    s2 = s * s
    value = 0.5 * (s2 + mean * mean - 1.0) - log_scale + m0
    return (
        value,
        s * mean + m1,
        s2 - 1.0 + m2 - m0,
        s2 + m2 - m0,
        m3 - 3.0 * m1,
        2.0 * s2 + 2.0 * (m2 - m0) + m4 - 6.0 * m2 + 3.0 * m0,
    )


@scalar_kernel
def newton(
    x: Any,
    mean: float,
    log_scale: float,
    inverse_sigma: Any,
    panels: Any,
    groups: Any,
    work: Any,
    minima: Any,
    kept: int,
) -> tuple[float, float, float, float]:
    """Descend to a local minimum of −ELBO_x; return μ, log s, the value and the decrement.

    Gives up, with value inf, once it is on its way into one of the `kept` known minima, or
    into one that cannot compete with the lowest of them.
    """
    value, g1, g2, h11, h12, h22 = negative_elbo(
        x, mean, log_scale, inverse_sigma, panels, groups, work
    )
    decrement = np.inf
    for _ in range(_ITERATIONS):
        # Eigenvalues of the 2x2 Hessian, made positive.
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
        if decrement < _CONVERGED * (1.0 + abs(value)):
            mean += math.exp(log_scale) * step1
            log_scale += step2
            value = negative_elbo(
                x, mean, log_scale, inverse_sigma, panels, groups, work,
            )[0]  # fmt: skip
            return mean, log_scale, value, decrement
        if (
            kept > 0
            and decrement < 0.1
            and value - 2.0 * decrement > minima[0, 2] + _ABANDON_MARGIN
        ):
            return mean, log_scale, np.inf, decrement
        for m in range(kept):
            if (
                value >= minima[m, 2]
                and value < minima[m, 2] + 1e-3
                and abs(minima[m, 0] - mean) < 0.05 * math.exp(minima[m, 1])
                and abs(minima[m, 1] - log_scale) < 0.05
            ):
                return mean, log_scale, np.inf, decrement
        length = max(abs(step1), abs(step2))
        fraction = 1.0 if length <= 1.0 else 1.0 / length
        moved = False
        for _ in range(30):
            new_mean = mean + math.exp(log_scale) * fraction * step1
            new_scale = min(
                max(log_scale + fraction * step2, _LOWEST_LOG_SCALE), _HIGHEST_LOG_SCALE
            )
            trial = negative_elbo(
                x, new_mean, new_scale, inverse_sigma, panels, groups, work,
            )  # fmt: skip
            if trial[0] <= value - 1e-4 * fraction * decrement:
                mean = new_mean
                log_scale = new_scale
                value, g1, g2, h11, h12, h22 = trial
                moved = True
                break
            fraction *= 0.4
        if not moved:
            # No descent beyond rounding is left.
            return mean, log_scale, value, decrement
    return mean, log_scale, value, decrement


@scalar_kernel
def keep_minimum(mean: float, log_scale: float, value: float, minima: Any, kept: int) -> int:
    """Insert a minimum into the ascending list of distinct ones; return their number."""
    for m in range(kept):
        s = math.exp(min(minima[m, 1], log_scale))
        if abs(minima[m, 0] - mean) < 1e-3 * s and abs(minima[m, 1] - log_scale) < 1e-3:
            if value < minima[m, 2]:
                minima[m, 0] = mean
                minima[m, 1] = log_scale
                minima[m, 2] = value
            return kept
    if kept == MINIMA and value >= minima[kept - 1, 2]:
        return kept
    place = min(kept, MINIMA - 1)
    while place > 0 and minima[place - 1, 2] > value:
        for i in range(3):
            minima[place, i] = minima[place - 1, i]
        place -= 1
    minima[place, 0] = mean
    minima[place, 1] = log_scale
    minima[place, 2] = value
    return min(kept + 1, MINIMA)


@scalar_kernel
def settle_ties(minima: Any, kept: int) -> None:
    """Put the minimum of larger μ first where several are the best to rounding."""
    # Mirror images tie to rounding: prefer the larger μ, so that results do not hang on noise.
    first = 0
    for m in range(1, kept):
        if minima[m, 2] < minima[0, 2] + _TIE and minima[m, 0] > minima[first, 0]:
            first = m
    if first > 0:
        for i in range(3):
            minima[0, i], minima[first, i] = minima[first, i], minima[0, i]


@batch_kernel
def optimal_q_batch(
    x: Any,
    inverse_sigma: Any,
    panels: Any,
    groups: Any,
    log_width: Any,
    block_centre: Any,
    block_radius: Any,
    block_log_mass: Any,
    table_mean: Any,
    table_log_scale: Any,
    table_offset: Any,
    table_slope: Any,
    run_floor: Any,
    run_centre: Any,
    run_radius: Any,
    given: Any,
    group: Any,
    use_modes: bool,
    margin: float,
    minima: Any,
    found: Any,
) -> None:
    """Find the global minimum over (μ, log s) for every x (n, D).

    Starts come from the table (empty arrays: none), from the posterior modes if asked, and from
    `given[group[k]]` (G, C, 2), NaN where unused; those more than `margin` nats above the best
    minimum found are given up. `minima` (n, MINIMA, 3) receives μ, log s and the value of the
    distinct minima, lowest first; `found` (n,) their number.
    """
    total = x.shape[0]
    for chunk in prange(_CHUNKS):
        work = workspace(x.shape[1])
        e = np.empty(log_width.shape[0])
        blocks = np.empty(block_centre.shape[0], dtype=np.int64)
        scan = np.empty(table_mean.shape[0])
        starts = np.empty((_STARTS, 3))
        for k in range(chunk, total, _CHUNKS):
            count = 0
            if use_modes:
                count = mode_starts(
                    x[k], inverse_sigma, panels[2], panels[4], log_width,
                    block_centre, block_radius, block_log_mass,
                    e, blocks, starts,
                )  # fmt: skip
            for i in range(count):
                # A mode's mass is no value of −ELBO: evaluate there instead.
                starts[i, 2] = negative_elbo(
                    x[k], starts[i, 0], starts[i, 1], inverse_sigma, panels, groups, work,
                )[0]  # fmt: skip
            if table_mean.shape[0] > 0:
                half_square = 0.0
                for d in range(x.shape[1]):
                    half_square += 0.5 * (x[k, d] * inverse_sigma[d]) ** 2
                for i in range(count):
                    starts[i, 2] -= half_square
                count = table_starts(
                    x[k], table_mean, table_log_scale, table_offset, table_slope,
                    run_floor, run_centre, run_radius, inverse_sigma, scan, starts, count,
                )  # fmt: skip
                for i in range(count):
                    starts[i, 2] += half_square
            for i in range(given.shape[1]):
                mean = given[group[k], i, 0]
                if math.isnan(mean) or count >= _STARTS:
                    continue
                starts[count, 0] = mean
                starts[count, 1] = given[group[k], i, 1]
                starts[count, 2] = negative_elbo(
                    x[k], mean, given[group[k], i, 1], inverse_sigma, panels, groups, work,
                )[0]  # fmt: skip
                count += 1
            _descend(
                x[k], starts, count, margin, inverse_sigma, panels, groups, work, minima[k],
                found, k,
            )  # fmt: skip


@scalar_kernel
def _descend(
    x: Any,
    starts: Any,
    count: int,
    margin: float,
    inverse_sigma: Any,
    panels: Any,
    groups: Any,
    work: Any,
    minima: Any,
    found: Any,
    index: int,
) -> None:
    """Refine starts, lowest first, and keep the distinct minima in ascending order."""
    kept = 0
    for _ in range(count):
        pick = -1
        for i in range(count):
            if starts[i, 2] < np.inf and (pick < 0 or starts[i, 2] < starts[pick, 2]):
                pick = i
        if pick < 0:
            break
        start_mean = starts[pick, 0]
        start_scale = starts[pick, 1]
        start_value = starts[pick, 2]
        starts[pick, 2] = np.inf
        if kept > 0 and start_value > minima[0, 2] + margin:
            continue
        known = False
        for m in range(kept):
            s = math.exp(max(minima[m, 1], start_scale))
            known |= (
                abs(minima[m, 0] - start_mean) < 0.1 * s and abs(minima[m, 1] - start_scale) < 0.1
            )
        if known:
            continue
        mean, scale, value, _unused = newton(
            x, start_mean, start_scale, inverse_sigma, panels, groups, work, minima, kept,
        )  # fmt: skip
        if value == np.inf:
            continue
        kept = keep_minimum(mean, scale, value, minima, kept)
    settle_ties(minima, kept)
    found[index] = kept


@batch_kernel
def negative_elbo_batch(
    x: Any,
    mean: Any,
    log_scale: Any,
    inverse_sigma: Any,
    panels: Any,
    groups: Any,
    values: Any,
) -> None:
    """Fill −ELBO and its five scaled derivatives (n, 6) for pairs of x (n, D) and q."""
    total = mean.shape[0]
    for chunk in prange(_CHUNKS):
        work = workspace(x.shape[1])
        for k in range(chunk, total, _CHUNKS):
            result = negative_elbo(
                x[k], mean[k], log_scale[k], inverse_sigma, panels, groups, work,
            )  # fmt: skip
            for i in range(6):
                values[k, i] = result[i]


@batch_kernel
def expectations_batch(
    x: Any,
    mean: Any,
    log_scale: Any,
    panels: Any,
    groups: Any,
    first: Any,
    squares: Any,
) -> None:
    """Fill E_q f (n, D) and E_q (x_d − f_d)² (n, D) for pairs of x and q."""
    total = mean.shape[0]
    for chunk in prange(_CHUNKS):
        work = workspace(x.shape[1])
        for k in range(chunk, total, _CHUNKS):
            expectations(
                x[k], mean[k], math.exp(log_scale[k]), panels, groups, work,
                first[k], squares[k],
            )  # fmt: skip
