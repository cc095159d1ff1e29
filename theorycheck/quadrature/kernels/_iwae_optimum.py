"""The q of largest L_S for many x: Newton's method from given starts.

Values are −L_S, to be minimised like −ELBO, to which they are equal at S = 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange

from theorycheck.quadrature.kernels._iwae import log_mean_weight
from theorycheck.quadrature.kernels._iwae_nodes import (
    LOG_W,
    MASS,
    importance_nodes,
    node_buffers,
    node_capacity,
)
from theorycheck.quadrature.kernels._iwae_slopes import derivatives
from theorycheck.quadrature.kernels._iwae_steps import integral_buffers
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel

#: Distinct local optima kept for an x.
OPTIMA = 4
_CHUNKS = 64
#: Rules (steps an octave of t, truncation, accuracy in z): where starts are compared, where they
#: are refined, and where the best are refined once more. One step an octave leaves 1e-6 of
#: log p − L_S, smoothly in q, and so moves an optimum little.
_ROUGH = (1, 1e-6, 1e-4)
_SEARCH = (1, 1e-12, 1e-10)
_POLISH = (2, 1e-13, 1e-10)
_ITERATIONS = 60
#: Newton decrement (nats) at which the search ends, at the level of that accuracy.
_CONVERGED = 1e-10
#: Least curvature assumed: L_S is as flat as log p − L_S is small.
_LEAST_CURVATURE = 1e-8
#: log s is kept within these bounds.
_LOWEST_LOG_SCALE = -30.0
_HIGHEST_LOG_SCALE = 3.0
#: Nats above the best optimum found from which a start is not refined any more.
_START_MARGIN = 1.0
#: Nats above the best optimum at which an ascent that has nearly arrived is given up.
_ABANDON_MARGIN = 0.3
#: Distance, in s and in log s, within which a start is not refined any more and within which two
#: optima are one: where L_S is flat they are only found to 0.01.
_SAME_BASIN = 0.2
_SAME_OPTIMUM = 0.03
#: Nats above the best optimum within which an optimum is refined once more, with more steps.
_POLISHED = 1e-5
#: Nats within which two optima count as equally good.
_TIE = 1e-9


@scalar_kernel
def _rough_value(
    x: Any, start: Any, samples: float, model: Any, floor: float, buffers: Any, integral: Any
) -> float:
    """Return −L_S at a start, or any number above −floor if it is above."""
    inverse_sigma, panels, defect, peak = model
    count = importance_nodes(
        x, start[0], start[1], inverse_sigma, panels, defect, peak, samples, _ROUGH[2], buffers
    )
    value: float = log_mean_weight(
        buffers[0][MASS], buffers[0][LOG_W], count, samples, _ROUGH, floor, integral
    )[0]
    return -value


@scalar_kernel
def _fine_derivatives(
    x: Any, mean: float, log_scale: float, samples: float, model: Any, rule: Any,
    buffers: Any, integral: Any,
) -> tuple[float, float, float, float, float, float]:  # fmt: skip
    """Return −L_S and its scaled derivatives at one q."""
    inverse_sigma, panels, defect, peak = model
    count = importance_nodes(
        x, mean, log_scale, inverse_sigma, panels, defect, peak, samples, rule[2], buffers
    )
    result: tuple[float, float, float, float, float, float] = derivatives(
        buffers[0], count, samples, rule, integral
    )
    return result


@scalar_kernel
def _known(mean: float, log_scale: float, optima: Any, kept: int, margin: float) -> bool:
    """Tell whether one of the `kept` optima lies within the margin, in units of s."""
    for m in range(kept):
        s = math.exp(min(optima[m, 1], log_scale))
        if abs(optima[m, 0] - mean) < margin * s and abs(optima[m, 1] - log_scale) < margin:
            return True
    return False


@scalar_kernel
def ascend(
    x: Any, mean: float, log_scale: float, samples: float, model: Any, rule: Any,
    optima: Any, kept: int, buffers: Any, integral: Any,
) -> tuple[float, float, float]:  # fmt: skip
    """Climb to a local maximum of L_S by damped Newton steps; return μ, log s and −L_S there.

    Gives up, with value inf, once it is on its way into one of the `kept` known optima, or has
    nearly arrived where it cannot compete with the best of them.
    """
    value, g1, g2, h11, h12, h22 = _fine_derivatives(
        x, mean, log_scale, samples, model, rule, buffers, integral
    )
    for _ in range(_ITERATIONS):
        # Eigenvalues of the 2x2 Hessian, made positive.
        centre = 0.5 * (h11 + h22)
        gap = math.sqrt(0.25 * (h11 - h22) ** 2 + h12 * h12)
        big = max(abs(centre + gap), _LEAST_CURVATURE)
        small = max(abs(centre - gap), _LEAST_CURVATURE)
        angle = 0.5 * math.atan2(2.0 * h12, h11 - h22)
        c = math.cos(angle)
        n = math.sin(angle)
        a = -(c * g1 + n * g2) / big
        b = -(-n * g1 + c * g2) / small
        step1 = c * a - n * b
        step2 = n * a + c * b
        decrement = -(g1 * step1 + g2 * step2)
        if decrement < _CONVERGED:
            break
        if kept > 0 and decrement < 0.1:
            hopeless = value - 2.0 * decrement > optima[0, 2] + _ABANDON_MARGIN
            if hopeless or _known(mean, log_scale, optima, kept, _SAME_BASIN):
                return mean, log_scale, np.inf
        length = max(abs(step1), abs(step2))
        fraction = 1.0 if length <= 1.0 else 1.0 / length
        moved = False
        for _ in range(12):
            new_mean = mean + math.exp(log_scale) * fraction * step1
            new_scale = min(
                max(log_scale + fraction * step2, _LOWEST_LOG_SCALE), _HIGHEST_LOG_SCALE
            )
            trial = _fine_derivatives(
                x, new_mean, new_scale, samples, model, rule, buffers, integral
            )
            if trial[0] <= value - 1e-4 * fraction * decrement:
                mean = new_mean
                log_scale = new_scale
                value, g1, g2, h11, h12, h22 = trial
                moved = True
                break
            fraction *= 0.4
        if not moved:
            # What is left is below the accuracy of the rules.
            break
    return mean, log_scale, value


@scalar_kernel
def _keep(mean: float, log_scale: float, value: float, optima: Any, kept: int) -> int:
    """Insert an optimum into the ascending list of distinct ones; return their number."""
    if _known(mean, log_scale, optima, kept, _SAME_OPTIMUM):
        return kept
    if kept == OPTIMA and value >= optima[kept - 1, 2]:
        return kept
    place = min(kept, OPTIMA - 1)
    while place > 0 and optima[place - 1, 2] > value:
        for i in range(3):
            optima[place, i] = optima[place - 1, i]
        place -= 1
    optima[place, 0] = mean
    optima[place, 1] = log_scale
    optima[place, 2] = value
    return min(kept + 1, OPTIMA)


@scalar_kernel
def _put_best_first(optima: Any, kept: int) -> None:
    """Swap the best optimum to the front; of mirror images, which tie, the one of larger μ."""
    first = 0
    for m in range(1, kept):
        if optima[m, 2] < optima[first, 2] - _TIE or (
            optima[m, 2] < optima[first, 2] + _TIE and optima[m, 0] > optima[first, 0]
        ):
            first = m
    for i in range(3):
        swapped = optima[0, i]
        optima[0, i] = optima[first, i]
        optima[first, i] = swapped


@batch_kernel
def optimal_importance_q_batch(
    x: Any,
    starts: Any,
    samples: float,
    inverse_sigma: Any,
    panels: Any,
    defect: Any,
    peak: float,
    descents: int,
    optima: Any,
) -> None:
    """Fill μ, log s and −L_S of the distinct optima (n, OPTIMA, 3), best first, NaN beyond.

    `starts` (n, C, 2) are (μ, log s), NaN where unused; the best `descents` of them are refined.
    `peak` is the log of the largest N(x; f, σ²).
    """
    total = x.shape[0]
    for chunk in prange(_CHUNKS):
        if chunk >= total:
            continue
        # As one tuple it cannot enter the parallel loop.
        model = (inverse_sigma, panels, defect, peak)
        buffers = node_buffers(defect.shape[0], x.shape[1])
        integral = integral_buffers(node_capacity(defect.shape[0]))
        values = np.empty(starts.shape[1])
        for k in range(chunk, total, _CHUNKS):
            lowest = np.inf
            for i in range(starts.shape[1]):
                values[i] = np.inf
                if not math.isnan(starts[k, i, 0]):
                    values[i] = _rough_value(
                        x[k], starts[k, i], samples, model, -lowest - _START_MARGIN,
                        buffers, integral,
                    )  # fmt: skip
                    lowest = min(lowest, values[i])
            optima[k, :, :] = np.nan
            kept = 0
            refined = 0
            while refined < descents:
                pick = 0
                for i in range(starts.shape[1]):
                    if values[i] < values[pick]:
                        pick = i
                if values[pick] == np.inf or (
                    kept > 0 and values[pick] > optima[k, 0, 2] + _START_MARGIN
                ):
                    break
                values[pick] = np.inf
                if _known(starts[k, pick, 0], starts[k, pick, 1], optima[k], kept, _SAME_BASIN):
                    continue
                refined += 1
                mean, log_scale, value = ascend(
                    x[k], starts[k, pick, 0], starts[k, pick, 1], samples, model, _SEARCH,
                    optima[k], kept, buffers, integral,
                )  # fmt: skip
                if value == np.inf:
                    continue
                kept = _keep(mean, log_scale, value, optima[k], kept)
            for m in range(kept):
                # What one step an octave leaves.
                if optima[k, m, 2] < optima[k, 0, 2] + _POLISHED:
                    optima[k, m, 0], optima[k, m, 1], optima[k, m, 2] = ascend(
                        x[k], optima[k, m, 0], optima[k, m, 1], samples, model, _POLISH,
                        optima[k], 0, buffers, integral,
                    )  # fmt: skip
            _put_best_first(optima[k], kept)
