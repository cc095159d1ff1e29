"""A lower bound of −V over all q(z|x) that serve all classes: branch and bound, as for one class.

V(a) rises with every offer a_y, so a lower bound of each −ELBO_y bounds −V: on a strip the least
cost that q can see. On a box, −ELBO_y is at least its tangent at the centre less ½K_y|Δ|²
(`_certificate.py`); V of affine functions is convex, so that −V of these bounds is least at a
corner of the box.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._certificate import (
    STACK,
    WIDER,
    least_prior,
    least_seen,
    push_parts,
    widest_of_use,
)
from theorycheck.quadrature.kernels._class_costs import panels_of, runs_of
from theorycheck.quadrature.kernels._class_weights import class_weights
from theorycheck.quadrature.kernels._gaussian_expectation import cost_moments, workspace
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import (
    Balls,
    ClassPanels,
    IntVector,
    Matrix,
    Vector,
)
from theorycheck.quadrature.kernels._log_density import distance


@scalar_kernel
def _strip_bound(
    low: float, high: float, top: float, share: Vector, log_prior: Vector, classes: ClassPanels,
    least_cost: Vector, offers: Matrix,
) -> float:  # fmt: skip
    """Bound −V from below over μ in [low, high] and all s <= top."""
    prior = least_prior(low, high, top)
    for y in range(log_prior.shape[0]):
        first, last = classes.panel[y], classes.panel[y + 1]
        seen = least_seen(
            low, high, top, classes.left[first:last], classes.right[first:last],
            least_cost[first:last],
        )  # fmt: skip
        offers[0, y] = log_prior[y] - prior - seen
    return -class_weights(offers[0], share, offers[1], offers[2])


@scalar_kernel
def _box_bound(
    x: Vector, mean: float, scale: float, half_mean: float, half_scale: float, curvature: float,
    share: Vector, log_prior: Vector, inverse_sigma: Vector, classes: ClassPanels, work: Matrix,
    lines: Matrix, offers: Matrix,
) -> float:  # fmt: skip
    """Bound −V from below on a box around (mean, scale)."""
    count = log_prior.shape[0]
    size = half_mean * half_mean + half_scale * half_scale
    for y in range(count):
        panels, runs = panels_of(classes, y, x.shape[0]), runs_of(classes, y)
        m0, m1, m2, _m3, _m4 = cost_moments(x, mean, scale, inverse_sigma, panels, runs, work)
        wide = cost_moments(x, mean, WIDER * scale, inverse_sigma, panels, runs, work)[0]
        value = 0.5 * (scale * scale + mean * mean - 1.0) - math.log(scale) + m0
        lines[y, 0] = log_prior[y] - value + 0.5 * curvature * wide / (scale * scale) * size
        lines[y, 1] = (mean + m1 / scale) * half_mean
        lines[y, 2] = (scale - 1.0 / scale + (m2 - m0) / scale) * half_scale
    bound = np.inf
    for corner in range(4):
        a = 1.0 if corner % 2 == 0 else -1.0
        b = 1.0 if corner < 2 else -1.0
        for y in range(count):
            offers[0, y] = lines[y, 0] - a * lines[y, 1] - b * lines[y, 2]
        bound = min(bound, -class_weights(offers[0], share, offers[1], offers[2]))
    return bound


@scalar_kernel
def _certify(
    x: Vector, incumbent: float, shift: float, gap: float, budget: int, curvature: float,
    share: Vector, log_prior: Vector, inverse_sigma: Vector, classes: ClassPanels,
    least_cost: Vector, work: Matrix, lines: Matrix, offers: Matrix, stack: Matrix,
) -> tuple[float, int]:  # fmt: skip
    """Return the lower bound and the number of boxes evaluated.

    −V is at least KL − `shift`: what lies beyond the first strip is worse by the prior part alone.
    """
    goal = incumbent - gap
    reach = math.sqrt(max(2.0 * (incumbent + shift), 0.0)) + 1e-6
    stack[0, 0], stack[0, 1], stack[0, 2] = -reach, reach, 0.0
    stack[0, 3] = widest_of_use(incumbent + shift)
    size = 1
    bound = incumbent
    boxes = 0
    while size > 0:
        size -= 1
        low, high, bottom, top = stack[size, 0], stack[size, 1], stack[size, 2], stack[size, 3]
        if bottom == 0.0:
            here = _strip_bound(low, high, top, share, log_prior, classes, least_cost, offers)
        else:
            boxes += 1
            here = _box_bound(
                x, 0.5 * (low + high), 0.5 * (bottom + top), 0.5 * (high - low),
                0.5 * (top - bottom), curvature, share, log_prior, inverse_sigma, classes, work,
                lines, offers,
            )  # fmt: skip
        if here >= goal or boxes >= budget or size + 4 >= stack.shape[0]:
            bound = min(bound, here)
            continue
        size = push_parts(stack, size, low, high, bottom, top)
    return bound, boxes


@batch_kernel
def certify_shared_batch(
    part: int, parts: int, x: Matrix, incumbent: Vector, gap: float, budget: int,
    curvature: float, share: Matrix, log_prior: Vector, inverse_sigma: Vector,
    classes: ClassPanels, balls: Balls, bound: Vector, boxes: IntVector,
) -> None:  # fmt: skip
    """Fill a lower bound of −V (without its constant) over all q, for x (n, D)."""
    x, share, log_prior, inverse_sigma = borrowed((x, share, log_prior, inverse_sigma))
    classes, balls = borrowed((classes, balls))
    count = log_prior.shape[0]
    work = workspace(x.shape[1])
    stack = np.empty((STACK, 4))
    lines = np.empty((count, 3))
    offers = np.empty((3, count))
    least_cost = np.empty(balls.radius.shape[0])
    for k in range(part, x.shape[0], parts):
        for j in range(least_cost.shape[0]):
            near = distance(x[k], balls.centre[j], inverse_sigma) - balls.radius[j]
            least_cost[j] = 0.5 * max(near, 0.0) ** 2
        # No offer is above log π_y − KL.
        for y in range(count):
            offers[0, y] = log_prior[y]
        shift = class_weights(offers[0], share[k], offers[1], offers[2])
        bound[k], boxes[k] = _certify(
            x[k], incumbent[k], shift, gap, budget, curvature, share[k], log_prior,
            inverse_sigma, classes, least_cost, work, lines, offers, stack,
        )  # fmt: skip
