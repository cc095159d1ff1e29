"""L_S with its error for many x and q."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

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
from theorycheck.quadrature.kernels._jit import batch_kernel

#: Chunks of x, so that buffers are allocated per chunk and threads stay balanced.
_CHUNKS = 64
#: Rounding of the integral, per nat of log t: the sums over the nodes at each step.
_ROUNDING = 16.0 * 2.220446049250313e-16


@batch_kernel
def importance_bound_batch(
    x: Any,
    mean: Any,
    log_scale: Any,
    samples: float,
    inverse_sigma: Any,
    panels: Any,
    defect: Any,
    peak: float,
    results: Any,
) -> None:
    """Fill L_S, its error, E_q log w, the error of that, and log E_q w (n, 5).

    `peak` is the log of the largest N(x; f, σ²).
    """
    total = x.shape[0]
    for chunk in prange(_CHUNKS):
        if chunk >= total:
            continue
        buffers = node_buffers(defect.shape[0], x.shape[1])
        integral = integral_buffers(node_capacity(defect.shape[0]))
        nodes = buffers[0]
        for k in range(chunk, total, _CHUNKS):
            count = importance_nodes(
                x[k], mean[k], log_scale[k], inverse_sigma, panels, defect, peak, samples,
                CHECK[2], buffers,
            )  # fmt: skip
            coarse = log_mean_weight(
                nodes[MASS], nodes[LOG_W], count, samples, CHECK, -np.inf, integral
            )[0]
            coarse_mean = evidence(nodes[MASS], nodes[LOG_W], count)[3]
            count = importance_nodes(
                x[k], mean[k], log_scale[k], inverse_sigma, panels, defect, peak, samples,
                RESULT[2], buffers,
            )  # fmt: skip
            fine, log_mean, left_out, steps = log_mean_weight(
                nodes[MASS], nodes[LOG_W], count, samples, RESULT, -np.inf, integral
            )
            fine_mean = evidence(nodes[MASS], nodes[LOG_W], count)[3]
            # An error of log w enters with the node's expected normalised weight, which lies
            # between its mass under q (S = 1) and under the posterior (S → ∞).
            by_q = 0.0
            by_posterior = 0.0
            for i in range(count):
                by_q += nodes[MASS, i] * nodes[DOUBT, i]
                by_posterior += (
                    nodes[MASS, i] * exp_nonpositive(nodes[LOG_W, i] - log_mean) * nodes[DOUBT, i]
                )
            results[k, 0] = fine
            results[k, 1] = (
                abs(fine - coarse) + left_out + by_q + by_posterior
                + _ROUNDING * (4.0 + abs(fine - log_mean) + steps / RESULT[0])
            )  # fmt: skip
            results[k, 2] = fine_mean
            results[k, 3] = abs(fine_mean - coarse_mean) + by_q + _ROUNDING
            results[k, 4] = log_mean
