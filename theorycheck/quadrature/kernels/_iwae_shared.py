"""One q(z|x) for all classes at S draws: the largest log Σ_y π_y exp L_S,y over (μ, log s).

L_S,y is the importance average of class y; with r the softmax, gradient and Hessian follow from the
classes' own as for S = 1 (`_shared_q.py`). Values are minus the bound, to be minimised.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._class_costs import panels_of
from theorycheck.quadrature.kernels._iwae import log_mean_weight
from theorycheck.quadrature.kernels._iwae_nodes import (
    LOG_W,
    MASS,
    importance_nodes,
    node_buffers,
    node_capacity,
)
from theorycheck.quadrature.kernels._iwae_optimum import (
    BASIN,
    CONVERGED,
    ITERATIONS,
    LEAST_CURVATURE,
    POLISH,
    ROUGH,
    SAME,
    SEARCH,
    START_MARGIN,
    TIE,
)
from theorycheck.quadrature.kernels._iwae_slopes import derivatives
from theorycheck.quadrature.kernels._iwae_steps import integral_buffers
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import (
    ClassPanels,
    Cube,
    IntegralBuffers,
    Matrix,
    NodeBuffers,
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
from theorycheck.quadrature.kernels._shared_q import weighed


class _Problem(NamedTuple):
    """What the bound depends on beside x and q, as one argument; rows to be filled: C long."""

    log_prior: Vector
    samples: float
    inverse_sigma: Vector
    classes: ClassPanels
    defect: Vector
    peak: float
    none: Vector
    each: Matrix
    offers: Matrix


@scalar_kernel
def shared_importance(
    x: Vector, mean: float, log_scale: float, problem: _Problem, rule: Rule, sloped: bool,
    buffers: NodeBuffers, integral: IntegralBuffers,
) -> tuple[float, float, float, float, float, float]:  # fmt: skip
    """Return minus the bound and its scaled derivatives, ordered as in `_iwae_slopes.py`.

    Unless `sloped`, the derivatives are 0.
    """
    each, classes = problem.each, problem.classes
    for y in range(each.shape[0]):
        count = importance_nodes(
            x, mean, log_scale, problem.inverse_sigma, panels_of(classes, y, x.shape[0]),
            problem.defect[classes.panel[y] : classes.panel[y + 1]], problem.peak,
            problem.samples, rule.accuracy, buffers,
        )  # fmt: skip
        nodes = buffers.nodes
        if sloped:
            (
                each[y, 0], each[y, 1], each[y, 2], each[y, 3], each[y, 4], each[y, 5],
            ) = derivatives(nodes, count, problem.samples, rule, integral)  # fmt: skip
        else:
            for i in range(6):
                each[y, i] = 0.0
            each[y, 0] = -log_mean_weight(
                nodes[MASS], nodes[LOG_W], count, problem.samples, rule, -np.inf, integral
            )[0]
    return weighed(each, problem.none, problem.log_prior, problem.offers)


@scalar_kernel
def _ascend(
    x: Vector, mean: float, log_scale: float, problem: _Problem, rule: Rule, optima: Matrix,
    kept: int, buffers: NodeBuffers, integral: IntegralBuffers,
) -> tuple[float, float, float]:  # fmt: skip
    """Climb to a local maximum by damped Newton steps; return μ, log s and minus the bound there.

    Gives up, with value inf, once it is on its way into one of the `kept` known optima.
    """
    value, g1, g2, h11, h12, h22 = shared_importance(
        x, mean, log_scale, problem, rule, True, buffers, integral
    )
    for _ in range(ITERATIONS):
        step1, step2, decrement = newton_step(g1, g2, h11, h12, h22, LEAST_CURVATURE)
        if decrement < CONVERGED:
            break
        if kept > 0 and decrement < 0.1 and known(mean, log_scale, optima, kept, BASIN):
            return mean, log_scale, np.inf
        fraction = first_fraction(step1, step2)
        better = False
        for _ in range(12):
            new_mean, new_scale = moved(mean, log_scale, fraction, step1, step2)
            trial = shared_importance(
                x, new_mean, new_scale, problem, rule, True, buffers, integral
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


@batch_kernel
def shared_importance_q_batch(
    part: int,
    parts: int,
    x: Matrix,
    starts: Cube,
    log_prior: Vector,
    samples: float,
    inverse_sigma: Vector,
    classes: ClassPanels,
    defect: Vector,
    peak: float,
    optima: Cube,
) -> None:
    """Fill μ, log s and minus the bound of distinct optima (n, OPTIMA, 3), best first, NaN beyond.

    `starts` (n, S, 2) are (μ, log s), NaN where unused. `defect` is what the panels of all classes
    miss, `peak` the log of the largest N(x; f, σ²).
    """
    x, inverse_sigma, classes, defect = borrowed((x, inverse_sigma, classes, defect))
    starts, optima, log_prior = borrowed((starts, optima, log_prior))
    count = log_prior.shape[0]
    problem = _Problem(
        log_prior, samples, inverse_sigma, classes, defect, peak, np.zeros(count),
        np.empty((count, 6)), np.empty((3, count)),
    )  # fmt: skip
    buffers = node_buffers(defect.shape[0], x.shape[1])
    integral = integral_buffers(node_capacity(defect.shape[0]))
    ranked = np.empty((starts.shape[1], 3))
    for k in range(part, x.shape[0], parts):
        for i in range(starts.shape[1]):
            ranked[i, MEAN], ranked[i, LOG_SCALE] = starts[k, i, 0], starts[k, i, 1]
            ranked[i, VALUE] = np.inf
            if not math.isnan(starts[k, i, 0]):
                ranked[i, VALUE] = shared_importance(
                    x[k], starts[k, i, 0], starts[k, i, 1], problem, ROUGH, False, buffers,
                    integral,
                )[0]  # fmt: skip
        kept = cleared(optima[k])
        while True:
            pick = next_start(ranked, starts.shape[1], optima[k], kept, START_MARGIN, BASIN)
            if pick < 0:
                break
            mean, log_scale, value = _ascend(
                x[k], ranked[pick, MEAN], ranked[pick, LOG_SCALE], problem, SEARCH, optima[k],
                kept, buffers, integral,
            )  # fmt: skip
            if value < np.inf:
                kept = keep(mean, log_scale, value, optima[k], kept, SAME)
        put_best_first(optima[k], kept, TIE)
        # What one step an octave leaves; with no optimum known, an ascent ends where it will.
        optima[k, 0, MEAN], optima[k, 0, LOG_SCALE], optima[k, 0, VALUE] = _ascend(
            x[k], optima[k, 0, MEAN], optima[k, 0, LOG_SCALE], problem, POLISH, optima[k],
            0 * kept, buffers, integral,
        )  # fmt: skip
