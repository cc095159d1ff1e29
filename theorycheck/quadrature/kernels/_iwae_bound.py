"""L_S with its error for many x and q."""

from __future__ import annotations

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._iwae import CHECK, RESULT, log_mean_weight
from theorycheck.quadrature.kernels._iwae_nodes import (
    DOUBT,
    LOG_W,
    MASS,
    importance_nodes,
    node_buffers,
    node_capacity,
)
from theorycheck.quadrature.kernels._iwae_steps import evidence, integral_buffers
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Matrix, Panels, Vector

#: Rounding of the integral, per nat of log t: the sums over the nodes at each step.
_ROUNDING = 16.0 * 2.220446049250313e-16


@scalar_kernel
def write_bound(
    nodes: Matrix, count: int, bound: float, rules: float, steps: int, log_mean: float,
    coarse_mean: float, result: Vector,
) -> None:  # fmt: skip
    """Fill L_S, its error, E_q log w, the error of that, and log E_q w (5,) from a rule's nodes.

    `rules` is what the rules in z and t say of themselves, `coarse_mean` E_q log w by coarser
    nodes.
    """
    # An error of log w enters with the node's expected normalised weight, which lies
    # between its mass under q (S = 1) and under the posterior (S → ∞).
    by_q = 0.0
    by_posterior = 0.0
    for i in range(count):
        by_q += nodes[MASS, i] * nodes[DOUBT, i]
        by_posterior += (
            nodes[MASS, i] * exp_nonpositive(nodes[LOG_W, i] - log_mean) * nodes[DOUBT, i]
        )
    mean = evidence(nodes[MASS], nodes[LOG_W], count)[3]
    result[0] = bound
    result[1] = (
        rules + by_q + by_posterior
        + _ROUNDING * (4.0 + abs(bound - log_mean) + steps / RESULT.phases)
    )  # fmt: skip
    result[2] = mean
    result[3] = abs(mean - coarse_mean) + by_q + _ROUNDING
    result[4] = log_mean


@batch_kernel
def importance_bound_batch(
    part: int,
    parts: int,
    x: Matrix,
    mean: Vector,
    log_scale: Vector,
    samples: float,
    inverse_sigma: Vector,
    panels: Panels,
    defect: Vector,
    peak: float,
    results: Matrix,
) -> None:
    """Fill L_S, its error, E_q log w, the error of that, and log E_q w (n, 5).

    `peak` is the log of the largest N(x; f, σ²).
    """
    x, inverse_sigma, panels, defect = borrowed((x, inverse_sigma, panels, defect))
    total = x.shape[0]
    buffers = node_buffers(defect.shape[0], x.shape[1])
    integral = integral_buffers(node_capacity(defect.shape[0]))
    nodes = buffers.nodes
    for k in range(part, total, parts):
        count = importance_nodes(
            x[k], mean[k], log_scale[k], inverse_sigma, panels, defect, peak, samples,
            CHECK.accuracy, buffers,
        )  # fmt: skip
        coarse = log_mean_weight(
            nodes[MASS], nodes[LOG_W], count, samples, CHECK, -np.inf, integral
        )[0]
        coarse_mean = evidence(nodes[MASS], nodes[LOG_W], count)[3]
        count = importance_nodes(
            x[k], mean[k], log_scale[k], inverse_sigma, panels, defect, peak, samples,
            RESULT.accuracy, buffers,
        )  # fmt: skip
        fine, log_mean, left_out, steps = log_mean_weight(
            nodes[MASS], nodes[LOG_W], count, samples, RESULT, -np.inf, integral
        )
        write_bound(
            nodes, count, fine, abs(fine - coarse) + left_out, steps, log_mean, coarse_mean,
            results[k],
        )  # fmt: skip
