"""A lower bound of −ELBO_x over all (μ, s): branch and bound on a strip and on boxes.

Strips {μ in I, s <= s̄} are discarded by −log s and by the least cost that q can see; what is left
is cut into boxes. On a box around (μ₀, s₀), −ELBO is bounded below by its tangent at the centre
minus ½K|Δ|². K bounds the negative curvature of E_q c, which for c >= 0 is at most
E_q[c k(t)]/s² with −k(t) the smaller eigenvalue of [[t²−1, t³−3t], [t³−3t, t⁴−5t²+2]], the second
derivatives of the normal density in (μ, s); the prior part is convex.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._gaussian_expectation import cost_moments, workspace
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Balls, IntVector, Matrix, Panels, Runs, Vector
from theorycheck.quadrature.kernels._log_density import distance

#: Half-size of the largest box, relative to its s₀, in both directions.
BOX = 0.25
#: The wider normal, in s₀, that dominates q times k(t) on the whole box.
WIDER = 1.5
#: s at the top of a strip to s at the top of the next: boxes then have s₀ ± BOX s₀.
_RATIO = (1.0 - BOX) / (1.0 + BOX)
#: Mass of q within three s.
_WITHIN_THREE = 0.9973
#: Strips and boxes that wait, at most.
STACK = 4096


@scalar_kernel
def least_prior(low: float, high: float, top: float) -> float:
    """Return the least KL[q ‖ N(0, 1)] over μ in [low, high] and all s <= top."""
    prior = 0.0 if top >= 1.0 else 0.5 * top * top - math.log(top) - 0.5
    if low > 0.0:
        prior += 0.5 * low * low
    elif high < 0.0:
        prior += 0.5 * high * high
    return prior


@scalar_kernel
def least_seen(
    low: float, high: float, top: float, left: Vector, right: Vector, least_cost: Vector
) -> float:
    """Bound E_q c from below over μ in [low, high] and all s <= top, by what is within 3 s."""
    cost = np.inf
    panels = left.shape[0]
    for j in range(panels):
        # f continues beyond the panels by its edge values.
        a = left[j] if j > 0 else -np.inf
        b = right[j] if j < panels - 1 else np.inf
        if b > low - 3.0 * top and a < high + 3.0 * top:
            cost = min(cost, least_cost[j])
    return _WITHIN_THREE * cost


@scalar_kernel
def widest_of_use(incumbent: float) -> float:
    """Return an s so wide that KL alone is above the incumbent for all wider ones."""
    top = 3.0
    while 0.5 * top * top - math.log(top) - 0.5 < incumbent:
        top *= 1.5
    return top


@scalar_kernel
def push_parts(stack: Matrix, size: int, low: float, high: float, bottom: float, top: float) -> int:
    """Put the parts of a strip (bottom 0) or box on the stack; return how high it is then."""
    middle = 0.5 * (low + high)
    count = 4
    if bottom == 0.0:
        count = 2
    across = count == 2 and 0.5 * (high - low) <= BOX * top / (1.0 + BOX)
    for part in range(count):
        row = stack[size]
        row[0], row[1], row[2], row[3] = low, high, bottom, top
        if across:
            # The strip's upper end is cut off as a box.
            row[2 if part == 1 else 3] = _RATIO * top
        else:
            row[1 if part % 2 == 0 else 0] = middle
            if count == 4:
                row[3 if part < 2 else 2] = 0.5 * (bottom + top)
        size += 1
    return size


@scalar_kernel
def _box_bound(
    x: Vector,
    mean: float,
    scale: float,
    half_mean: float,
    half_scale: float,
    curvature: float,
    inverse_sigma: Vector,
    panels: Panels,
    runs: Runs,
    work: Matrix,
) -> float:
    """Bound −ELBO from below on a box around (mean, scale)."""
    m0, m1, m2, _m3, _m4 = cost_moments(x, mean, scale, inverse_sigma, panels, runs, work)
    wide = cost_moments(x, mean, WIDER * scale, inverse_sigma, panels, runs, work)[0]
    value = 0.5 * (scale * scale + mean * mean - 1.0) - math.log(scale) + m0
    slope_mean = mean + m1 / scale
    slope_scale = scale - 1.0 / scale + (m2 - m0) / scale
    bend = curvature * wide / (scale * scale)
    return (
        value
        - abs(slope_mean) * half_mean
        - abs(slope_scale) * half_scale
        - 0.5 * bend * (half_mean * half_mean + half_scale * half_scale)
    )


@scalar_kernel
def _certify(
    x: Vector,
    incumbent: float,
    gap: float,
    budget: int,
    curvature: float,
    inverse_sigma: Vector,
    panels: Panels,
    runs: Runs,
    least_cost: Vector,
    work: Matrix,
    stack: Matrix,
) -> tuple[float, int]:
    """Return the lower bound and the number of boxes evaluated."""
    goal = incumbent - gap
    reach = math.sqrt(max(2.0 * incumbent, 0.0)) + 1e-6
    # Rows: low μ, high μ, low s (0: a strip), high s.
    stack[0, 0] = -reach
    stack[0, 1] = reach
    stack[0, 2] = 0.0
    stack[0, 3] = widest_of_use(incumbent)
    size = 1
    bound = incumbent
    boxes = 0
    while size > 0:
        size -= 1
        low = stack[size, 0]
        high = stack[size, 1]
        bottom = stack[size, 2]
        top = stack[size, 3]
        here = 0.0
        if bottom == 0.0:
            here = least_prior(low, high, top)
            here += least_seen(low, high, top, panels.left, panels.right, least_cost)
        else:
            boxes += 1
            here = _box_bound(
                x, 0.5 * (low + high), 0.5 * (bottom + top), 0.5 * (high - low),
                0.5 * (top - bottom), curvature, inverse_sigma, panels, runs, work,
            )  # fmt: skip
        if here >= goal or boxes >= budget or size + 4 >= stack.shape[0]:
            bound = min(bound, here)
            continue
        size = push_parts(stack, size, low, high, bottom, top)
    return bound, boxes


@batch_kernel
def certify_batch(
    part: int,
    parts: int,
    x: Matrix,
    incumbent: Vector,
    gap: float,
    budget: int,
    curvature: float,
    inverse_sigma: Vector,
    panels: Panels,
    runs: Runs,
    balls: Balls,
    bound: Vector,
    boxes: IntVector,
) -> None:
    """Fill a lower bound of −ELBO_x (without its constant) over all q, for x (n, D)."""
    x, inverse_sigma, panels, runs, balls = borrowed((x, inverse_sigma, panels, runs, balls))
    for k in range(part, x.shape[0], parts):
        work = workspace(x.shape[1])
        stack = np.empty((STACK, 4))
        centre, radius = balls.centre, balls.radius
        least_cost = np.empty(radius.shape[0])
        for j in range(radius.shape[0]):
            near = max(distance(x[k], centre[j], inverse_sigma) - radius[j], 0.0)
            least_cost[j] = 0.5 * near * near
        bound[k], boxes[k] = _certify(
            x[k], incumbent[k], gap, budget, curvature, inverse_sigma, panels, runs,
            least_cost, work, stack,
        )  # fmt: skip
