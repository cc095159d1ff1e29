"""The q of largest L_S for many x: Newton's method from given starts.

Values are −L_S, to be minimised like −ELBO, to which they are equal at S = 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
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
from theorycheck.quadrature.kernels._layouts import (
    Cube,
    IntegralBuffers,
    Matrix,
    NodeBuffers,
    Panels,
    Rule,
    Vector,
)
from theorycheck.quadrature.kernels._multistart import (
    LOG_SCALE,
    MEAN,
    SHORTER,
    VALUE,
    cleared,
    enough,
    first_fraction,
    keep,
    known,
    moved,
    newton_step,
    next_start,
    put_best_first,
)

#: Distinct local optima kept for an x.
OPTIMA = 4
#: Where starts are compared, where they are refined, and where the best are refined once more. One
#: step an octave leaves 1e-6 of log p − L_S, smoothly in q, and so moves an optimum little.
ROUGH = Rule(phases=1, truncation=1e-6, accuracy=1e-4)
SEARCH = Rule(phases=1, truncation=1e-12, accuracy=1e-10)
POLISH = Rule(phases=2, truncation=1e-13, accuracy=1e-10)
ITERATIONS = 60
#: Newton decrement (nats) at which the search ends, at the level of that accuracy.
CONVERGED = 1e-10
#: Least curvature assumed: L_S is as flat as log p − L_S is small.
LEAST_CURVATURE = 1e-8
#: Nats above the best optimum found from which a start is not refined any more.
START_MARGIN = 1.0
#: Nats above the best optimum at which an ascent that has nearly arrived is given up.
_ABANDON_MARGIN = 0.3
#: Distance (see `_multistart.py`) within which a start or an ascent belongs to an optimum already
#: found, and within which two optima are one: where L_S is flat they are only found to 0.01.
BASIN = 0.2
SAME = 0.03
#: Nats above the best optimum within which an optimum is refined once more, with more steps.
_POLISHED = 1e-5
#: Nats within which two optima count as equally good.
TIE = 1e-9


class _Model(NamedTuple):
    """What L_S depends on beside x and q, as one argument."""

    inverse_sigma: Vector
    panels: Panels
    defect: Vector
    peak: float


@scalar_kernel
def _rough_value(
    x: Vector, mean: float, log_scale: float, samples: float, model: _Model, floor: float,
    buffers: NodeBuffers, integral: IntegralBuffers,
) -> float:  # fmt: skip
    """Return −L_S at a start, or any number above −floor if it is above."""
    count = importance_nodes(
        x, mean, log_scale, model.inverse_sigma, model.panels, model.defect, model.peak, samples,
        ROUGH.accuracy, buffers,
    )  # fmt: skip
    nodes = buffers.nodes
    return -log_mean_weight(nodes[MASS], nodes[LOG_W], count, samples, ROUGH, floor, integral)[0]


@scalar_kernel
def _fine_derivatives(
    x: Vector, mean: float, log_scale: float, samples: float, model: _Model, rule: Rule,
    buffers: NodeBuffers, integral: IntegralBuffers,
) -> tuple[float, float, float, float, float, float]:  # fmt: skip
    """Return −L_S and its scaled derivatives at one q."""
    count = importance_nodes(
        x, mean, log_scale, model.inverse_sigma, model.panels, model.defect, model.peak, samples,
        rule.accuracy, buffers,
    )  # fmt: skip
    return derivatives(buffers.nodes, count, samples, rule, integral)


@scalar_kernel
def ascend(
    x: Vector, mean: float, log_scale: float, samples: float, model: _Model, rule: Rule,
    optima: Matrix, kept: int, buffers: NodeBuffers, integral: IntegralBuffers,
) -> tuple[float, float, float]:  # fmt: skip
    """Climb to a local maximum of L_S by damped Newton steps; return μ, log s and −L_S there.

    Gives up, with value inf, once it is on its way into one of the `kept` known optima, or has
    nearly arrived where it cannot compete with the best of them.
    """
    value, g1, g2, h11, h12, h22 = _fine_derivatives(
        x, mean, log_scale, samples, model, rule, buffers, integral
    )
    for _ in range(ITERATIONS):
        step1, step2, decrement = newton_step(g1, g2, h11, h12, h22, LEAST_CURVATURE)
        if decrement < CONVERGED:
            break
        if kept > 0 and decrement < 0.1:
            hopeless = value - 2.0 * decrement > optima[0, VALUE] + _ABANDON_MARGIN
            if hopeless or known(mean, log_scale, optima, kept, BASIN):
                return mean, log_scale, np.inf
        fraction = first_fraction(step1, step2)
        better = False
        for _ in range(12):
            new_mean, new_scale = moved(mean, log_scale, fraction, step1, step2)
            trial = _fine_derivatives(
                x, new_mean, new_scale, samples, model, rule, buffers, integral
            )
            if enough(trial[0], value, fraction, decrement):
                mean = new_mean
                log_scale = new_scale
                value, g1, g2, h11, h12, h22 = trial
                better = True
                break
            fraction *= SHORTER
        if not better:
            # What is left is below the accuracy of the rules.
            break
    return mean, log_scale, value


@scalar_kernel
def _polish(
    x: Vector, samples: float, model: _Model, optima: Matrix, kept: int, buffers: NodeBuffers,
    integral: IntegralBuffers,
) -> None:  # fmt: skip
    """Refine the best optima once more: what one step an octave leaves."""
    # With no optimum known, an ascent ends where it will.
    none = 0 * kept
    for m in range(kept):
        if optima[m, VALUE] < optima[0, VALUE] + _POLISHED:
            optima[m, MEAN], optima[m, LOG_SCALE], optima[m, VALUE] = ascend(
                x, optima[m, MEAN], optima[m, LOG_SCALE], samples, model, POLISH, optima, none,
                buffers, integral,
            )  # fmt: skip


@batch_kernel
def optimal_importance_q_batch(
    part: int,
    parts: int,
    x: Matrix,
    starts: Cube,
    samples: float,
    inverse_sigma: Vector,
    panels: Panels,
    defect: Vector,
    peak: float,
    descents: int,
    optima: Cube,
) -> None:
    """Fill μ, log s and −L_S of the distinct optima (n, OPTIMA, 3), best first, NaN beyond.

    `starts` (n, C, 2) are (μ, log s), NaN where unused; the best `descents` of them are refined.
    `peak` is the log of the largest N(x; f, σ²).
    """
    x, inverse_sigma, panels, defect = borrowed((x, inverse_sigma, panels, defect))
    starts, optima = borrowed((starts, optima))
    total = x.shape[0]
    model = _Model(inverse_sigma, panels, defect, peak)
    buffers = node_buffers(defect.shape[0], x.shape[1])
    integral = integral_buffers(node_capacity(defect.shape[0]))
    ranked = np.empty((starts.shape[1], 3))
    for k in range(part, total, parts):
        lowest = np.inf
        for i in range(starts.shape[1]):
            ranked[i, MEAN], ranked[i, LOG_SCALE] = starts[k, i, 0], starts[k, i, 1]
            ranked[i, VALUE] = np.inf
            if not math.isnan(starts[k, i, 0]):
                ranked[i, VALUE] = _rough_value(
                    x[k], ranked[i, MEAN], ranked[i, LOG_SCALE], samples, model,
                    -lowest - START_MARGIN, buffers, integral,
                )  # fmt: skip
                lowest = min(lowest, ranked[i, VALUE])
        kept = cleared(optima[k])
        refined = 0
        while refined < descents:
            pick = next_start(ranked, starts.shape[1], optima[k], kept, START_MARGIN, BASIN)
            if pick < 0:
                break
            refined += 1
            mean, log_scale, value = ascend(
                x[k], ranked[pick, MEAN], ranked[pick, LOG_SCALE], samples, model, SEARCH,
                optima[k], kept, buffers, integral,
            )  # fmt: skip
            if value < np.inf:
                kept = keep(mean, log_scale, value, optima[k], kept, SAME)
        _polish(x[k], samples, model, optima[k], kept, buffers, integral)
        put_best_first(optima[k], kept, TIE)
