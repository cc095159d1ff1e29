"""Nodes in z that resolve exp(−τ w(z)) for every τ, with w = p(x, z)/q(z).

As a function of log τw, exp(−τw) is a front two or three nats wide, and it stands wherever τw is
about 1. So every panel, cut to what q sees, is split until log w varies by a few nats on each
piece of 16 nodes; where q has little mass, less is enough.

`nodes` (4, capacity) has the rows below.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature import NODES, ORDER, WEIGHTS
from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._gaussian_expectation import INVERSE_ROOT_TWO_PI, REACH_OF_Q
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import Matrix, NodeBuffers, Panels, Vector

#: Rows of `nodes`: t = (z − μ)/s; q-mass, that is rule weight times density; log w; and how far
#: log w may be off at the node.
T, MASS, LOG_W, DOUBT = range(4)
#: Widest piece, in s, on which 16 nodes integrate q itself to rounding.
_WIDEST = 3.5
#: Nodes beyond which nothing is split any more; the error radius then shows it.
_SPLIT_LIMIT = 60_000
#: Pieces that may wait to be looked at, and parts that one is split into at most.
_STACK = 256
_PARTS = 8
#: The nodes of a piece stop short of its edges by this factor.
_TO_EDGES = 1.0 / NODES[-1]
#: Share of a piece's variation of log w that one step from node to node takes, at most.
_NODE_SHARE = 0.125
#: Rounding of log w, in units of the terms that it is the sum of.
_ROUNDING = 8.0 * 2.220446049250313e-16


@scalar_kernel
def node_capacity(panels: int) -> int:
    """Return how many nodes can occur: all panels, q's own cuts, and the splits."""
    return ORDER * (panels + 16 + _PARTS) + _SPLIT_LIMIT


@scalar_kernel
def node_buffers(panels: int, data_dim: int) -> NodeBuffers:
    """Allocate what one thread needs."""
    return NodeBuffers(
        np.empty((4, node_capacity(panels))),
        np.empty((_STACK, 2)),
        np.empty((3 + data_dim, ORDER)),
    )


@scalar_kernel
def _fill(
    x: Vector, a: float, b: float, row: int, mean: float, scale: float,
    inverse_sigma: Vector, panels: Panels, defect: float, constant: float,
    work: Matrix, nodes: Matrix, first: int,
) -> tuple[float, float]:  # fmt: skip
    """Write the 16 nodes of [a, b] (in t); return the q-mass and the variation of log w."""
    left, right = panels.left[row], panels.right[row]
    series = panels.series[row]
    half = 0.5 * (b - a)
    middle = 0.5 * (a + b)
    inverse_width = 1.0 / (right - left)
    u, earlier, later = work[0], work[1], work[2]
    for i in range(ORDER):
        t = middle + half * NODES[i]
        z = mean + scale * t
        u[i] = min(max((2.0 * z - left - right) * inverse_width, -1.0), 1.0)
        nodes[T, first + i] = t
        nodes[MASS, first + i] = (
            WEIGHTS[i] * half * INVERSE_ROOT_TWO_PI * exp_nonpositive(-0.5 * t * t)
        )
        nodes[LOG_W, first + i] = constant + 0.5 * t * t - 0.5 * z * z
        nodes[DOUBT, first + i] = 0.5 * t * t + 0.5 * z * z
    for d in range(series.shape[0]):
        f = work[3 + d]
        for i in range(ORDER):
            earlier[i] = 0.0
            later[i] = 0.0
        # Clenshaw's recurrence for Σ c_k P_k(u), all nodes abreast.
        for k in range(ORDER - 1, 0, -1):
            c = series[d, k]
            up = (2.0 * k + 1.0) / (k + 1.0)
            down = (k + 1.0) / (k + 2.0)
            for i in range(ORDER):
                now = c + up * u[i] * later[i] - down * earlier[i]
                earlier[i] = later[i]
                later[i] = now
        c = series[d, 0]
        for i in range(ORDER):
            f[i] = c + u[i] * later[i] - 0.5 * earlier[i]
    for d in range(series.shape[0]):
        f = work[3 + d]
        size = abs(x[d])
        for i in range(ORDER):
            r = (x[d] - f[i]) * inverse_sigma[d]
            nodes[LOG_W, first + i] -= 0.5 * r * r
            nodes[DOUBT, first + i] += 0.5 * r * r
            nodes[DOUBT, first + i] += abs(r) * (size + abs(f[i])) * inverse_sigma[d]
            work[0, i] = abs(r)
        for i in range(ORDER):
            # What the panel misses of f enters log w times the distance of x from f.
            nodes[DOUBT, first + i] += defect * (work[0, i] + defect) / _ROUNDING
    mass = 0.0
    variation = 0.0
    for i in range(ORDER):
        nodes[DOUBT, first + i] *= _ROUNDING
        mass += nodes[MASS, first + i]
    for i in range(ORDER - 1):
        variation += abs(nodes[LOG_W, first + i + 1] - nodes[LOG_W, first + i])
    return mass, variation * _TO_EDGES


# Longer than 60 lines: the walk over panels and the splitting of a piece share the stack.
@scalar_kernel
def importance_nodes(
    x: Vector, mean: float, log_scale: float, inverse_sigma: Vector, panels: Panels,
    defect: Vector, peak: float, samples: float, tolerance: float, buffers: NodeBuffers,
) -> int:  # fmt: skip
    """Fill the nodes of one x and one q; return how many there are.

    Where f moves on panels, log w = log p(x, z) − log q(z) with `peak` the log of the largest
    N(x; f, σ²). `tolerance` is what the rule may be off by on one front of φ(τ)^S.
    """
    nodes, stack, work = buffers.nodes, buffers.stack, buffers.work
    left, right = panels.left, panels.right
    count = left.shape[0]
    scale = math.exp(log_scale)
    constant = log_scale + peak
    low = mean - REACH_OF_Q * scale
    high = mean + REACH_OF_Q * scale
    found = 0
    row = 0
    while row < count and right[row] <= low:
        row += 1
    # −1 is what lies before the panels, `count` what lies behind: f stays at its edge value.
    if low < left[0]:
        row = -1
    while row <= count:
        a = -REACH_OF_Q
        b = REACH_OF_Q
        if row >= 0:
            a = max(a, ((left[row] if row < count else right[count - 1]) - mean) / scale)
        if row < count:
            b = min(b, ((right[row] if row >= 0 else left[0]) - mean) / scale)
        panel = min(max(row, 0), count - 1)
        pieces = max(1, math.ceil((b - a) / _WIDEST)) if b > a else 0
        for p in range(pieces):
            step = (b - a) / pieces
            stack[0, 0] = a + p * step
            stack[0, 1] = a + (p + 1) * step if p + 1 < pieces else b
            waiting = 1
            while waiting > 0:
                waiting -= 1
                here = stack[waiting, 0]
                there = stack[waiting, 1]
                mass, variation = _fill(
                    x, here, there, panel, mean, scale, inverse_sigma, panels, defect[panel],
                    constant, work, nodes, found,
                )  # fmt: skip
                allowed = allowed_variation(mass * samples, tolerance)
                if variation <= allowed:
                    found += ORDER
                    continue
                if (
                    found > _SPLIT_LIMIT
                    or waiting + _PARTS >= stack.shape[0]
                    or there - here < 1e-9 * (1.0 + abs(here))
                ):
                    # A positive rule sees a front where a shift by one node would put it.
                    for i in range(found, found + ORDER):
                        nodes[DOUBT, i] += variation * _NODE_SHARE
                    found += ORDER
                    continue
                parts = int(min(math.ceil(variation / allowed), _PARTS))
                width = (there - here) / parts
                for k in range(parts):
                    stack[waiting + k, 0] = there - (k + 1) * width if k + 1 < parts else here
                    stack[waiting + k, 1] = there - k * width
                waiting += parts
        row += 1
        if row < count and row >= 0 and left[row] >= high:
            break
    return found


@scalar_kernel
def allowed_variation(mass: float, tolerance: float) -> float:
    """Return how far log w may vary on a piece of the given q-mass.

    exp(−exp(y)) is bounded for |Im y| ≤ π/2. Where y runs over V, that strip holds the Bernstein
    ellipse of parameter ρ with sinh(log ρ) = π/V, and the 16-point rule errs by ρ^−32 of the mass.
    """
    excess = math.log(max(min(mass, 1.0) / tolerance, 1.0 + 1e-12)) / (2.0 * ORDER)
    return math.pi / math.sinh(excess)
