"""L_S of two latents from a trapezoid rule in t = (z − μ)/s, with its error and its derivatives.

The rule is a grid of multiples of two steps, cut to a disc: of what is analytic around the plane of
t it errs by exp(−2π a/h), a the width of the strip. The grid contains coarser ones, every second
row or column, and what these say differently is the error that is told.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._iwae import trapezoid_error
from theorycheck.quadrature.kernels._iwae_spread import (
    ABSENT,
    CAPACITY,
    FIRST,
    PLACES,
    RANGE,
    SECOND,
    SHARED,
    SPACING,
    SPREAD_ERROR,
    absent_at,
    law_of,
    place_of,
    summed_from_behind,
)
from theorycheck.quadrature.kernels._iwae_steps import finished, first_step, integrand
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cube, IntVector, Matrix, Rule, Vector

#: Steps an octave, and what is left out at either end of the integral over t, nats: of the result
#: and of the search.
_RESULT, _SEARCH = Rule(2, 1e-15, 0.0), Rule(1, 1e-11, 0.0)
#: Nats by which one weight outweighs others.
_OUTWEIGHED = 40.0
#: Parities of row and column, and rules: all nodes, even and odd rows, even and odd columns.
_PARITIES, _RULES = 4, 5
#: Columns of what :func:`plane_iwae_bound_batch` fills, those of `_iwae_bound.py` first.
(BOUND, ERROR, MEAN, MEAN_ERROR, EVIDENCE, BY_ROWS, BY_COLUMNS) = range(7)
_ROUNDING = 64.0 * 2.220446049250313e-16
#: Channels of the derivatives: 1; t₁, t₂, h₁, h₂ with h = t² − 1; their ten products.
_CHANNELS = 15
_ONE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
_TWO = np.array([0, 1, 2, 3, 1, 2, 3, 2, 3, 3])


@scalar_kernel
def fill_log_weights(
    x: Vector, point: Vector, t: Matrix, f: Matrix, constant: float, log_w: Vector
) -> None:
    """Fill log w at the nodes t (2, N); x and f (N, D) in units of σ, `point` μ and log s."""
    one, two = math.exp(point[2]), math.exp(point[3])
    base = constant + point[2] + point[3]
    for i in range(f.shape[0]):
        a = point[0] + one * t[0, i]
        b = point[1] + two * t[1, i]
        value = t[0, i] * t[0, i] + t[1, i] * t[1, i] - a * a - b * b
        for d in range(x.shape[0]):
            r = x[d] - f[i, d]
            value -= r * r
        log_w[i] = base + 0.5 * value


@scalar_kernel
def raised(mass: Vector, log_w: Vector, count: int, floor: float, samples: float) -> float:
    """Raise log w to a floor; return by how much that can raise L_S.

    ∂L_S/∂log w is at most the mass where w is least. And with any of the S draws some nats above
    the floor the rest hardly count: so all must be below, which is rare.
    """
    rise = 0.0
    low = 0.0
    for i in range(count):
        if log_w[i] < floor + _OUTWEIGHED:
            low += mass[i]
        if log_w[i] < floor:
            rise += mass[i] * (floor - log_w[i])
            log_w[i] = floor
    if rise == 0.0:
        return 0.0
    share: float = samples * low ** (samples - 1.0) + samples * math.exp(-_OUTWEIGHED)
    return rise * min(share, 1.0)


@scalar_kernel
def _origin(log_mean: float, lowest: float) -> float:
    """Return log w at place 0: below the least, and so many spacings below log E_q w."""
    return log_mean - SPACING * (math.ceil((log_mean - lowest) / SPACING) + SHARED // 2)


@scalar_kernel
def _first_offset(
    samples: float, log_second: float, log_mean: float, origin: float, stride: int, least: float
) -> int:
    """Return the offset of the table at the first step of log τ.

    The steps are multiples of the stride from log E_q w on: what the rule in t leaves is then as
    smooth in q as everything else.
    """
    steps = math.floor(first_step(samples, log_second, least) / (stride * SPACING))
    return int(steps) * stride - int((log_mean - origin) / SPACING + 0.5)


@scalar_kernel
def _bounds_of_rules(
    law: Matrix, gone: Matrix, share: Matrix, count: int, samples: float, spread: Vector,
    value: Vector,
) -> None:  # fmt: skip
    """Fill L_S by all five rules; `spread` has log E w, log E w² over its square, least, origin."""
    log_mean, lowest, origin = spread[0], spread[2], spread[3]
    stride = PLACES // _RESULT.phases
    least = _RESULT.truncation
    offset = _first_offset(samples, spread[1], log_mean, origin, stride, least)
    for r in range(_RULES):
        value[r] = 0.0
    part = np.empty(_PARITIES)
    while True:
        log_tau = offset * SPACING - origin + log_mean
        t = samples * math.exp(log_tau)
        for p in range(_PARITIES):
            part[p] = absent_at(law[p], gone[p], count, offset, ABSENT)
        for r in range(_RULES):
            absent = 0.0
            for p in range(_PARITIES):
                absent += share[r, p] * part[p]
            absent = min(max(absent, 0.0), 1.0)
            value[r] += integrand(absent, t, samples)
            if r == 0:
                phi = 1.0 - absent
        offset += stride
        if finished(phi, samples, log_tau, log_mean - lowest, least):
            break
    for r in range(_RULES):
        value[r] = log_mean + SPACING * stride * value[r]


@scalar_kernel
def _spread_by_parity(
    mass: Vector, log_w: Vector, parity: IntVector, count: int, origin: float, places: int,
    law: Matrix, gone: Matrix, share: Vector,
) -> None:  # fmt: skip
    for p in range(_PARITIES):
        for j in range(places):
            law[p, j] = 0.0
    for i in range(count):
        first = place_of(log_w[i], origin, share)
        row = law[parity[i]]
        for k in range(SHARED):
            row[first + k] += mass[i] * share[k]
    for p in range(_PARITIES):
        summed_from_behind(law[p], places, gone[p])


@scalar_kernel
def _shares_of_rules(mass: Vector, parity: IntVector, share: Matrix) -> None:
    """Fill what each parity's sums count in each rule, so that its masses add up to one."""
    total = np.zeros(_PARITIES)
    for i in range(mass.shape[0]):
        total[parity[i]] += mass[i]
    for r in range(_RULES):
        mine = 0.0
        for p in range(_PARITIES):
            inside = r == 0 or (r < 3 and p // 2 == r - 1) or (r > 2 and p % 2 == r - 3)
            share[r, p] = 1.0 if inside else 0.0
            mine += share[r, p] * total[p]
        for p in range(_PARITIES):
            share[r, p] /= mine


@batch_kernel
def plane_iwae_bound_batch(
    part: int,
    parts: int,
    x: Matrix,
    points: Matrix,
    samples: float,
    t: Matrix,
    mass: Vector,
    parity: IntVector,
    f: Cube,
    constant: float,
    results: Matrix,
) -> None:
    """Fill L_S, its error, E_q log w, the error of that, log E_q w, and by which axis (n, 7).

    x (n, D) and f (n, N, D), at the nodes of each q, are in units of σ; `points` (n, 4) are μ and
    log s; t (2, N), `mass` and `parity` (N,), 2·(row odd) + (column odd), are the rule.
    """
    x, points, t, mass, f = borrowed((x, points, t, mass, f))
    count = mass.shape[0]
    log_w, value, spread = np.empty(count), np.empty(_RULES), np.empty(4)
    law, gone = np.empty((_PARITIES, CAPACITY)), np.empty((_PARITIES, CAPACITY + 1))
    weight, share = np.empty((_RULES, _PARITIES)), np.empty(SHARED)
    mean = np.empty(_PARITIES)
    _shares_of_rules(mass, parity, weight)
    for n in range(part, x.shape[0], parts):
        fill_log_weights(x[n], points[n], t, f[n], constant, log_w)
        for p in range(_PARITIES):
            mean[p] = 0.0
        for i in range(count):
            mean[parity[i]] += mass[i] * log_w[i]
        log_mean, log_second, lowest, top, average = law_of(mass, log_w, count)
        changed = raised(mass, log_w, count, top - RANGE, samples)
        lowest = max(lowest, top - RANGE)
        origin = _origin(log_mean, lowest)
        places = int((top - origin) / SPACING) + SHARED
        _spread_by_parity(mass, log_w, parity, count, origin, places, law, gone, share)
        spread[0], spread[1], spread[2], spread[3] = log_mean, log_second, lowest, origin
        _bounds_of_rules(law, gone, weight, places, samples, spread, value)
        result = results[n]
        result[BY_ROWS] = max(abs(value[1] - value[0]), abs(value[2] - value[0]))
        result[BY_COLUMNS] = max(abs(value[3] - value[0]), abs(value[4] - value[0]))
        by_mean = 0.0
        for r in range(1, _RULES):
            other = 0.0
            for p in range(_PARITIES):
                other += weight[r, p] * mean[p]
            by_mean = max(by_mean, abs(other - average))
        size = 1.0 + abs(average) + abs(log_mean)
        result[BOUND] = value[0]
        result[ERROR] = (
            result[BY_ROWS] + result[BY_COLUMNS] + changed
            + trapezoid_error(log_mean - value[0], _RESULT.phases)
            + SPREAD_ERROR * (8.0 + log_mean - lowest) + _ROUNDING * size
        )  # fmt: skip
        result[MEAN] = average
        result[MEAN_ERROR] = 2.0 * by_mean + _ROUNDING * size
        result[EVIDENCE] = log_mean


@scalar_kernel
def _spread_channels(
    mass: Vector, log_w: Vector, t: Matrix, origin: float, places: int, law: Matrix, share: Vector
) -> None:
    """Spread the mass times 1, t₁, t₂, h₁, h₂ and their products."""
    for c in range(_CHANNELS):
        for j in range(places):
            law[c, j] = 0.0
    score, weight = np.empty(4), np.empty(_CHANNELS)
    for i in range(mass.shape[0]):
        first = place_of(log_w[i], origin, share)
        score[0], score[1] = t[0, i], t[1, i]
        score[2], score[3] = t[0, i] * t[0, i] - 1.0, t[1, i] * t[1, i] - 1.0
        weight[0] = mass[i]
        for a in range(4):
            weight[1 + a] = mass[i] * score[a]
        for b in range(10):
            weight[5 + b] = mass[i] * score[_ONE[b]] * score[_TWO[b]]
        for c in range(_CHANNELS):
            for k in range(SHARED):
                law[c, first + k] += weight[c] * share[k]


# Longer than 60 lines: all its sums stay together through every step.
@scalar_kernel
def _derivatives(
    law: Matrix, gone: Matrix, count: int, samples: float, spread: Vector, gradient: Vector,
    hessian: Matrix,
) -> float:  # fmt: skip
    """Return −L_S; fill its derivatives by (μ_k/s_k, log s_k), as in `_iwae_slopes.py`."""
    log_mean, lowest, origin = spread[0], spread[2], spread[3]
    stride = PLACES // _SEARCH.phases
    least = _SEARCH.truncation
    offset = _first_offset(samples, spread[1], log_mean, origin, stride, least)
    step = SPACING * stride
    value = 0.0
    first, second = np.empty(5), np.empty(10)
    gradient[:] = 0.0
    hessian[:, :] = 0.0
    while True:
        log_tau = offset * SPACING - origin + log_mean
        t = samples * math.exp(log_tau)
        absent = absent_at(law[0], gone[0], count, offset, ABSENT)
        absent = min(max(absent, 0.0), 1.0)
        value += integrand(absent, t, samples)
        phi = 1.0 - absent
        if phi > 0.0:
            for a in range(5):
                first[a] = absent_at(law[a], gone[a], count, offset, FIRST)
            for b in range(10):
                second[b] = absent_at(law[5 + b], gone[5 + b], count, offset, SECOND)
            once = samples * phi ** (samples - 1.0)
            twice = once * (samples - 1.0) / phi
            for a in range(4):
                gradient[a] -= once * first[1 + a]
            for b in range(10):
                i, j = _ONE[b], _TWO[b]
                hessian[i, j] += twice * first[1 + i] * first[1 + j] - once * second[b]
            for k in range(2):
                # What log q's own second derivatives add: −1, −2t and −2t².
                hessian[k, k] += once * first[0]
                hessian[k, 2 + k] += once * 2.0 * first[1 + k]
                hessian[2 + k, 2 + k] += once * 2.0 * (first[3 + k] + first[0])
        offset += stride
        if finished(phi, samples, log_tau, log_mean - lowest, least):
            break
    for i in range(4):
        gradient[i] *= step
        for j in range(i, 4):
            hessian[i, j] *= step
            hessian[j, i] = hessian[i, j]
    bound: float = log_mean + step * value
    return -bound


@batch_kernel
def plane_iwae_slopes_batch(
    part: int,
    parts: int,
    x: Matrix,
    points: Matrix,
    samples: float,
    t: Matrix,
    mass: Vector,
    f: Cube,
    constant: float,
    value: Vector,
    gradient: Matrix,
    hessian: Cube,
) -> None:
    """Fill −L_S (n,), its gradient (n, 4) and Hessian (n, 4, 4) by (μ_k/s_k, log s_k).

    The other arguments are those of :func:`plane_iwae_bound_batch`.
    """
    x, points, t, mass, f = borrowed((x, points, t, mass, f))
    count = mass.shape[0]
    log_w, spread, share = np.empty(count), np.empty(4), np.empty(SHARED)
    law, gone = np.empty((_CHANNELS, CAPACITY)), np.empty((_CHANNELS, CAPACITY + 1))
    for n in range(part, x.shape[0], parts):
        fill_log_weights(x[n], points[n], t, f[n], constant, log_w)
        log_mean, log_second, lowest, top, _average = law_of(mass, log_w, count)
        raised(mass, log_w, count, top - RANGE, samples)
        lowest = max(lowest, top - RANGE)
        origin = _origin(log_mean, lowest)
        places = int((top - origin) / SPACING) + SHARED
        _spread_channels(mass, log_w, t, origin, places, law, share)
        for c in range(_CHANNELS):
            summed_from_behind(law[c], places, gone[c])
        spread[0], spread[1], spread[2], spread[3] = log_mean, log_second, lowest, origin
        value[n] = _derivatives(law, gone, places, samples, spread, gradient[n], hessian[n])
