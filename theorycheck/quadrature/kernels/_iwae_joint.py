"""L_S over pairs (y, z): S weights p(x, y, z)/(q(y|x) q(z|x, y)) with labels drawn too.

φ(τ) = Σ_y q(y|x) E_{q(z|x, y)} exp(−τ w): the nodes of all classes together, their masses times
q(y|x), are nodes like those of one q, and the integral over t takes any.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._class_costs import panels_of
from theorycheck.quadrature.kernels._iwae import CHECK, RESULT, log_mean_weight
from theorycheck.quadrature.kernels._iwae_bound import write_bound
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
from theorycheck.quadrature.kernels._layouts import (
    ClassPanels,
    Cube,
    Matrix,
    NodeBuffers,
    Vector,
)


@scalar_kernel
def joint_nodes(
    x: Vector, q: Matrix, log_prior: Vector, inverse_sigma: Vector, classes: ClassPanels,
    defect: Vector, peak: float, samples: float, tolerance: float, buffers: NodeBuffers,
    nodes: Matrix,
) -> int:  # fmt: skip
    """Fill the nodes (4, capacity) of all classes for one x; return how many there are.

    `q` (C, 3) has log q(y|x), μ and log s.
    """
    found = 0
    for y in range(q.shape[0]):
        if q[y, 0] == -np.inf:
            continue
        count = importance_nodes(
            x, q[y, 1], q[y, 2], inverse_sigma, panels_of(classes, y, x.shape[0]),
            defect[classes.panel[y] : classes.panel[y + 1]], peak, samples, tolerance, buffers,
        )  # fmt: skip
        share = math.exp(q[y, 0])
        for i in range(count):
            nodes[MASS, found + i] = share * buffers.nodes[MASS, i]
            nodes[LOG_W, found + i] = buffers.nodes[LOG_W, i] + log_prior[y] - q[y, 0]
            nodes[DOUBT, found + i] = buffers.nodes[DOUBT, i]
        found += count
    return found


@batch_kernel
def joint_importance_bound_batch(
    part: int,
    parts: int,
    x: Matrix,
    q: Cube,
    log_prior: Vector,
    samples: float,
    inverse_sigma: Vector,
    classes: ClassPanels,
    defect: Vector,
    peak: float,
    results: Matrix,
) -> None:
    """Fill L_S, its error, E_q log w, the error of that, and log E_q w (n, 5).

    `q` (n, C, 3) has log q(y|x), μ and log s, `defect` what the panels of all classes miss; `peak`
    is the log of the largest N(x; f, σ²).
    """
    x, q, inverse_sigma, classes, defect = borrowed((x, q, inverse_sigma, classes, defect))
    buffers = node_buffers(defect.shape[0], x.shape[1])
    capacity = q.shape[1] * node_capacity(defect.shape[0])
    nodes = np.empty((4, capacity))
    integral = integral_buffers(capacity)
    for k in range(part, x.shape[0], parts):
        count = joint_nodes(
            x[k], q[k], log_prior, inverse_sigma, classes, defect, peak, samples,
            CHECK.accuracy, buffers, nodes,
        )  # fmt: skip
        coarse = log_mean_weight(
            nodes[MASS], nodes[LOG_W], count, samples, CHECK, -np.inf, integral
        )[0]
        coarse_mean = evidence(nodes[MASS], nodes[LOG_W], count)[3]
        count = joint_nodes(
            x[k], q[k], log_prior, inverse_sigma, classes, defect, peak, samples,
            RESULT.accuracy, buffers, nodes,
        )  # fmt: skip
        fine, log_mean, left_out, steps = log_mean_weight(
            nodes[MASS], nodes[LOG_W], count, samples, RESULT, -np.inf, integral
        )
        write_bound(
            nodes, count, fine, abs(fine - coarse) + left_out, steps, log_mean, coarse_mean,
            results[k],
        )  # fmt: skip
