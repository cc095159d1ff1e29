"""Is a minimum of −ELBO_x the global one? A walk through the tree of lower bounds, for each x.

Parts whose bound lies above the best minimum found are left; parts that could hold a lower one are
looked at more closely, and where their Taylor expansion promises it Newton's method starts there.
Around a minimum itself its basin (`_basins.py`) stands for the bound.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from theorycheck.quadrature.kernels._affine_moments import DEGREES, least_cost
from theorycheck.quadrature.kernels._basins import box_in_basin, fill_basins, point_in_basin
from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._bound_tree import (
    CHILD,
    HALF_MEAN,
    HALF_TAU,
    HIGH,
    KIND,
    LOW,
    STRIP,
    TAU,
    WIDE,
    expand,
    parts,
)
from theorycheck.quadrature.kernels._gaussian_expectation import workspace
from theorycheck.quadrature.kernels._jit import batch_kernel, inlined_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import (
    Balls,
    Cube,
    IntVector,
    Matrix,
    Panels,
    Runs,
    Tree,
    Vector,
)
from theorycheck.quadrature.kernels._mean_field import MINIMA, SAME, TIE, newton
from theorycheck.quadrature.kernels._multistart import VALUE, keep, put_best_first
from theorycheck.quadrature.kernels._node_bounds import fine_bound, strip_bound, wide_bound

#: What a walk may end with: all is known, nodes are missing, or the tree is full.
DONE, MISSING, FULL = 0, 1, 2
#: Nodes that wait at most, depth first and lowest first.
_STACK, _QUEUE = 1024, 32_768
#: Nats, relative to the value, up to which the bound may come near the minimum.
TOLERANCE = 1e-13
#: Nats above the best at which a promised minimum is tried, and the remainder up to which a
#: promise counts: a tie must be found as well, or the walk would go on to the finest boxes there.
_PROMISE = 1e-3
_TRUSTED = 0.05
#: Remainder, nats, of boxes that are not cut any more.
_FINEST = 1e-14


class Rule(NamedTuple):
    """How to walk.

    Parameters
    ----------
    grow : bool
        Make the nodes that are missing.
    patient : bool
        Go on with the lowest bound instead of depth first, which needs no queue: so a well is found
        that is hidden among much that lies between it and the best minimum known.
    budget : int
        Nodes visited for an x at most.
    """

    grow: bool
    patient: bool
    budget: int


class Buffers(NamedTuple):
    """What one thread needs: the nodes that wait, with remainder and bound, and the basins."""

    work: Matrix
    moments: Matrix
    stack: IntVector
    levels: Matrix
    basins: Matrix


# Longer than 60 lines: what it decides at a node hangs on all that the walk has found so far.
@scalar_kernel
def _walk(
    x: Vector, root: int, rule: Rule, inverse_sigma: Vector, panels: Panels, runs: Runs,
    balls: Balls, blocks: Balls, slack: Vector, tree: Tree, minima: Matrix, kept: int,
    buffers: Buffers,
) -> tuple[int, int, float]:  # fmt: skip
    """Walk for one x: return how it ended, the minima kept and the gap."""
    work, moments, stack, levels = buffers.work, buffers.moments, buffers.stack, buffers.levels
    basins, rows = buffers.basins, tree.rows
    least = least_cost(x, inverse_sigma, panels.f, balls, blocks, slack)
    best = minima[0, VALUE]
    for k in range(1, kept):
        best = min(best, minima[k, VALUE])
    tolerance = TOLERANCE * (1.0 + abs(best))
    goal = best - tolerance
    lowest = best
    visited = 0
    count = 0
    stale = True
    stack[0] = root
    levels[0, 0] = 0.0
    levels[0, 1] = 0.0
    size = 1
    while size > 0:
        if stale:
            count = fill_basins(
                x, least, inverse_sigma, panels, runs, work, moments, minima, kept, basins
            )
            stale = False
        size -= 1
        if rule.patient:
            _put_lowest_last(stack, levels, size)
        node = stack[size]
        remainder = levels[size, 0]
        visited += 1
        row = rows[node]
        bound = 0.0
        rest = np.inf
        if row[KIND] == STRIP:
            bound = strip_bound(row, x, inverse_sigma, least, goal)
            if bound >= goal:
                continue
        elif row[KIND] == WIDE:
            bound = wide_bound(row, x, inverse_sigma, least)
            if bound >= goal:
                continue
        else:
            if box_in_basin(row, basins, count):
                continue
            bound, promise, rest, remainder, a, b = fine_bound(
                row, x, inverse_sigma, least, remainder, goal
            )
            if bound >= goal:
                continue
            if promise < best - rest or _tied(row, promise, best, rest, a, b):
                mean = 0.5 * (row[LOW] + row[HIGH]) + math.sqrt(row[TAU]) * a
                tau = row[TAU] * (1.0 + b)
                if not point_in_basin(mean, tau, basins, count):
                    mean, log_scale, value = newton(
                        x, mean, 0.5 * math.log(tau), inverse_sigma, panels, runs, work,
                        minima, kept,
                    )  # fmt: skip
                    if value < np.inf:
                        before = kept
                        kept = keep(mean, log_scale, value, minima, kept, SAME)
                        stale = kept > before or minima[0, VALUE] < best
                        best = min(best, minima[0, VALUE])
                        goal = best - tolerance
                        if bound >= goal:
                            continue
        if visited >= rule.budget or size + 4 >= stack.shape[0] or rest < _FINEST:
            lowest = min(lowest, bound)
            continue
        if row[CHILD] < 0.0:
            if not rule.grow:
                return MISSING, kept, 0.0
            if not expand(node, tree, inverse_sigma, panels, runs, balls, work, moments):
                return FULL, kept, 0.0
        child = int(row[CHILD])
        for k in range(parts(row)):
            stack[size] = child + k
            levels[size, 0] = 0.0625 * remainder
            levels[size, 1] = bound
            size += 1
    put_best_first(minima, kept, TIE)
    return DONE, kept, max(best - lowest, 0.0) + tolerance


@scalar_kernel
def _put_lowest_last(stack: IntVector, levels: Matrix, last: int) -> None:
    """Swap the node of lowest bound, of those that wait, with the last one."""
    pick = last
    for k in range(last):
        if levels[k, 1] < levels[pick, 1]:
            pick = k
    stack[pick], stack[last] = stack[last], stack[pick]
    for k in range(2):
        levels[pick, k], levels[last, k] = levels[last, k], levels[pick, k]


@inlined_kernel
def _tied(row: Vector, promise: float, best: float, rest: float, a: float, b: float) -> bool:
    """Tell whether a fine box promises, inside of it, a minimum that may be as low as the best."""
    inside = abs(a) < row[HALF_MEAN] and abs(b) < row[HALF_TAU]
    return inside and promise < best + _PROMISE and rest < _TRUSTED


@scalar_kernel
def _buffers(data_dim: int, nodes: int) -> Buffers:
    """Allocate what one thread needs, with room for so many nodes that wait."""
    return Buffers(
        workspace(data_dim),
        np.empty((DEGREES, data_dim + 1)),
        np.empty(nodes, dtype=np.int64),
        np.empty((nodes, 2)),
        np.empty((MINIMA, 4)),
    )


@batch_kernel
def walk_batch(
    part: int, parts: int, index: IntVector, x: Matrix, rule: Rule, inverse_sigma: Vector,
    panels: Panels, runs: Runs, balls: Balls, blocks: Balls, slack: Vector, tree: Tree,
    root: IntVector, minima: Cube, found: IntVector, gap: Vector, state: IntVector,
    done: IntVector,
) -> None:  # fmt: skip
    """Walk for the x of `index`, from the node `root` (n,): fill `gap` (n,) and `state` (n,).

    `minima` (n, MINIMA, 3) and `found` (n,), as :func:`optimal_q_batch` left them, are corrected.
    `done` is 1 for the entries of `index` that are done: not all where the tree is full. The tree
    grows on one thread, since no two may make nodes.
    """
    if rule.grow and part > 0:
        return
    x, inverse_sigma, panels, runs = borrowed((x, inverse_sigma, panels, runs))
    balls, blocks, slack, tree, minima = borrowed((balls, blocks, slack, tree, minima))
    buffers = _buffers(x.shape[1], _QUEUE if rule.patient else _STACK)
    for j in range(part, index.shape[0], 1 if rule.grow else parts):
        k = index[j]
        state[k], found[k], gap[k] = _walk(
            x[k], root[k], rule, inverse_sigma, panels, runs, balls, blocks, slack, tree,
            minima[k], found[k], buffers,
        )  # fmt: skip
        if state[k] == FULL:
            return
        done[j] = 1
