"""Gaps that the tree of lower bounds leaves (kernels/_branch_and_bound.py, _bound_tree.py).

Rows of the tree are made up, so that the bound of each node is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.inference import _bound_tree as bound_tree
from theorycheck.inference._mean_field import MeanField
from theorycheck.quadrature._rules import ORDER
from theorycheck.quadrature.kernels import _branch_and_bound as kernel
from theorycheck.quadrature.kernels import _node_bounds as node_bounds
from theorycheck.quadrature.kernels._affine_moments import DEGREES
from theorycheck.quadrature.kernels._bound_tree import (
    CHILD,
    FINE,
    FIRST,
    FOURTH,
    HALF_MEAN,
    HALF_TAU,
    KIND,
    PRIOR,
    RADIUS_NARROW,
    RADIUS_WIDE,
    REFERENCE,
    RHO,
    S_MEAN,
    STRIP,
    TAU,
    WIDE,
    parts,
    row_length,
)
from theorycheck.quadrature.kernels._layouts import Tree

#: Least cost anywhere, −ELBO_x of the best minimum, x, and 1/σ.
_LEAST, _BEST = 0.7, 40.0
_X, _INVERSE_SIGMA = np.array([1.0, -2.0]), np.array([2.0, 0.5])
_TOLERANCE = 1e-13 * 41.0


def _gap(
    function: Callable[..., Any], rows: Any, budget: int, room: int = 100, part: str = ""
) -> float:
    """Walk, with no basin known and no minimum found; return the gap, inf for no end.

    The function is the walk or, by its name, a part of it.
    """
    walk, given = (_WALK, {part: function}) if part else (function, {})
    walk = rewired(
        walk, least_cost=lambda *_: _LEAST, fill_basins=lambda *_: 0,
        put_best_first=lambda *_: None, newton=lambda *_: (0.0, 0.0, np.inf), parts=parts.py_func,
        **given,
    )  # fmt: skip
    minima = np.full((8, 3), np.inf)
    minima[0] = (0.0, 0.0, _BEST)
    buffers = kernel.Buffers(None, None, np.zeros(room, int), np.zeros((room, 2)), np.zeros((8, 4)))
    found = walk(
        _X, 0, kernel.Rule(False, False, budget), _INVERSE_SIGMA, SimpleNamespace(f=None), None,
        None, None, None, Tree(rows, None), minima, 1, buffers,
    )  # fmt: skip
    return float(found[2]) if found[0] == kernel.DONE else math.inf


def _rows(count: int, kind: float) -> Any:
    rows = np.zeros((count, row_length(2)))
    rows[:, KIND], rows[:, CHILD], rows[:, PRIOR] = kind, -1.0, 0.1
    return rows


def _strip(wide: float, narrow: float) -> Any:
    """Balls of radius 1 and ½; their centres so far from x, in σ."""
    rows = _rows(1, STRIP)
    direction = np.array([0.6, 0.8]) / _INVERSE_SIGMA
    rows[0, REFERENCE : REFERENCE + 2] = _X + wide * direction
    rows[0, REFERENCE + 2 : REFERENCE + 4] = _X - narrow * direction
    rows[0, RADIUS_WIDE], rows[0, RADIUS_NARROW] = 1.0, 0.5
    return rows


def _of_strip(function: Callable[..., Any]) -> float:
    """Mass within three s costs what is nearest in one ball, that within one s in another."""
    worst = 0.0
    # Near enough to cost the least anywhere; both balls apart; the narrow one not further away.
    for wide, narrow in ((0.5, 0.2), (4.0, 6.0), (6.0, 3.0)):
        outer = max(0.5 * max(wide - 1.0, 0.0) ** 2, _LEAST)
        inner = max(0.5 * max(narrow - 0.5, 0.0) ** 2 - outer, 0.0)
        bound = 0.1 + 0.9973 * outer + 0.6826 * inner
        gap = _gap(function, _strip(wide, narrow), 1, part="strip_bound")
        worst = max(worst, off(gap, _BEST - bound + _TOLERANCE))
    return worst


def _of_wide_box(function: Callable[..., Any]) -> float:
    """The least everywhere, and ρ times what a narrower q' costs beyond that."""
    worst = 0.0
    for cost in (7.0, 0.2):
        rows = _rows(1, WIDE)
        rows[0, RHO] = 0.4
        y = (_X - 0.5) * _INVERSE_SIGMA
        slope = np.array([0.3, -0.2])
        rows[0, REFERENCE : REFERENCE + 2] = 0.5
        rows[0, REFERENCE + 2 : REFERENCE + 4] = slope
        rows[0, REFERENCE + 4] = cost - float(0.5 * y @ y - y @ slope)
        bound = 0.1 + _LEAST + 0.4 * max(cost - _LEAST, 0.0)
        gap = _gap(function, rows, 1, part="wide_bound")
        worst = max(worst, off(gap, _BEST - bound + _TOLERANCE))
    return worst


#: Moments E_q c He_k(t) at the centre of a fine box, the last E_w c; the rest of its row.
_MOMENTS = np.array([3.0, 0.4, 1.5, -0.6, 0.9, 1.1, 2.0, 9.7])
_FINE = {S_MEAN: 0.2, TAU: 1.3, HALF_MEAN: 0.5, HALF_TAU: 0.4, FOURTH: 0.05}


def _fine(count: int, kind: float) -> Any:
    rows = _rows(count, kind)
    for column, value in _FINE.items():
        rows[:, column] = value
    y = (_X - 0.5) * _INVERSE_SIGMA
    slopes = np.random.default_rng(2).normal(size=(2, DEGREES + 1))
    constant = _MOMENTS + y @ slopes
    # E c and E_w c hold ½|y|², too.
    constant[[0, 7]] -= 0.5 * y @ y
    rows[:, REFERENCE : REFERENCE + 2] = 0.5
    rows[:, REFERENCE + 2 :] = np.concatenate([slopes.ravel(), constant])
    return rows


def _taylor(share: float) -> float:
    """The least of the second-order expansion in the box, less third order and remainder."""
    m, a, b = _MOMENTS, _FINE[HALF_MEAN], _FINE[HALF_TAU]
    gradient = np.array([_FINE[S_MEAN] + m[1], 0.5 * (_FINE[TAU] - 1.0 + m[2])])
    hessian = np.array(
        [[_FINE[TAU] + m[2], 0.5 * m[3]], [0.5 * m[3], 0.5 + 0.25 * m[4]]]
    )  # fmt: skip
    # It rises with β all over the box: the least is where β is, and a as that wants it.
    assert gradient[1] - abs(hessian[0, 1]) * a - hessian[1, 1] * b > 0.0
    at = np.array([-(gradient[0] - hessian[0, 1] * b) / hessian[0, 0], -b])
    assert abs(at[0]) < a
    value = float(at @ gradient + 0.5 * at @ hessian @ at)
    third = (
        abs(m[3]) * a**3 / 6.0 + abs(m[4]) * a**2 * b / 4.0 + abs(m[5]) * a * b**2 / 8.0
        + abs(m[6] - 8.0) * b**3 / 48.0
    )  # fmt: skip
    return 0.1 + m[0] + value - third - share * _FINE[FOURTH] * (m[7] - _LEAST)


def _of_fine_box(function: Callable[..., Any], name: str = "fine_bound") -> float:
    """A first fine box; one of its parts, whose fourth order is a sixteenth of it."""
    first = _gap(function, _fine(1, FIRST), 1, part=name)
    rows = _fine(5, FINE)
    rows[0, KIND], rows[0, CHILD] = FIRST, 1.0
    part = _gap(function, rows, 2, part=name)
    expected = [_BEST - _taylor(share) + _TOLERANCE for share in (1.0, 1.0 / 16.0)]
    return off([first, part], expected)


def _of_parts(function: Callable[..., Any]) -> float:
    """The same by the walk, which hands the remainder on."""
    return _of_fine_box(function, "")


def _of_all_left_open(function: Callable[..., Any]) -> float:
    """The lowest bound of whatever the budget leaves open, in either order."""
    worst = 0.0
    for low, high in ((1, 2), (2, 1)):
        rows = np.concatenate([_strip(4.0, 6.0)] * 3)
        rows[0, CHILD], rows[low, PRIOR], rows[high, PRIOR] = 1.0, 5.0, 9.0
        bound = 5.0 + 0.9973 * 4.5 + 0.6826 * (0.5 * 5.5**2 - 4.5)
        worst = max(worst, off(_gap(function, rows, 2), _BEST - bound + _TOLERANCE))
    return worst


def _of_no_room(function: Callable[..., Any]) -> float:
    """Where four parts have no room, the bound of the whole counts."""
    bound = 0.1 + 0.9973 * 4.5 + 0.6826 * (0.5 * 5.5**2 - 4.5)
    return off(_gap(function, _strip(4.0, 6.0), 100, room=4), _BEST - bound + _TOLERANCE)


def _of_nothing_open(function: Callable[..., Any]) -> float:
    """A bound above the best minimum leaves the tolerance to which it was compared."""
    return off(_gap(function, _strip(80.0, 90.0), 1), _TOLERANCE)


def _between_nodes(function: Callable[..., Any]) -> float:
    """How far f goes from its value at the nearest node, wherever on a panel it is steep."""
    t = np.linspace(-1.0, 1.0, 2_001)
    nodes, _ = np.polynomial.legendre.leggauss(ORDER)
    nearest = np.abs(t[:, None] - nodes).argmin(axis=1)
    worst = 0.0
    for steep in (3.0, 12.0):
        # Steepest between the two innermost nodes, or towards an end; of another σ.
        series = np.stack([
            np.polynomial.legendre.legfit(t, np.tanh(steep * (t - at)), ORDER - 1)
            for at in (0.0, 0.19, -0.4, 0.97)
        ])  # fmt: skip
        sigma = np.array([0.5, 2.0])
        coefficients = np.stack([series, series[::-1]], axis=1)
        f, at_node = (
            np.polynomial.legendre.legval(y, np.moveaxis(coefficients, -1, 0)) / sigma[:, None]
            for y in (t, nodes)
        )
        distance = np.linalg.norm(f - at_node[..., nearest], axis=1).max(axis=1)
        panels = SimpleNamespace(coefficients=coefficients, model=SimpleNamespace(sigma=sigma))
        worst = max(worst, shortfall(distance, function(panels)))
    return worst


def _of_a_constant(function: Callable[..., Any]) -> float:
    """An f that goes nowhere is allowed its rounding."""
    panels = SimpleNamespace(
        coefficients=np.eye(1, ORDER)[None], model=SimpleNamespace(sigma=np.ones(1))
    )
    return off(function(panels), 1e-9) if function(panels)[0] < 1e-8 else math.inf


def _settled(function: Callable[..., Any]) -> float:
    """An x gets a root outside of which the prior part alone is worse, or an infinite gap."""
    # Least of ½(μ² + s² − 1 − 2 log s) where |μ| > r or s > r.
    beyond = [0.5 * r * r - 0.5 - math.log(r) for r in (8.0, 64.0, 4096.0)]
    best = np.array([beyond[0] + 0.1, beyond[1] + 0.1, beyond[2] + 0.1, 1.0])
    minima = np.full((4, 8, 3), np.nan)
    minima[:, 0, 2] = best
    roots: dict[int, int] = {}

    def grow(index: Any, _x: Any, walks: Any, **__: Any) -> None:
        for k in index:
            roots[int(k)] = int(walks.root[k])
            walks.gap[k] = 1e-13

    tree = SimpleNamespace(_grow=grow, _walk=lambda *_: None)
    gap = function(tree, np.zeros((4, 1)), minima, np.ones(4, int))
    # The smallest root would do for the last alone; none does for the third.
    return float(roots != {0: 1, 1: 2, 3: 0}) + off(gap, [1e-13, 1e-13, math.inf, 1e-13])


def _floored(function: Callable[..., Any]) -> float:
    """A floor from elsewhere caps the gap, and where it is met there is no search."""
    minima = np.full((3, 8, 3), np.nan)
    minima[:, 0, 2] = [5.0, 5.0, 5.0]
    searched: list[int] = []

    def grow(index: Any, _x: Any, walks: Any, **__: Any) -> None:
        searched.extend(int(k) for k in index)
        walks.gap[index] = 0.25

    tree = SimpleNamespace(_grow=grow, _walk=lambda *_: None)
    floor = np.array([5.0 - 2.0**-36, 4.875, 1.0])
    gap = function(tree, np.zeros((3, 1)), minima, np.ones(3, int), floor)
    return off(gap, [2.0**-36, 0.125, 0.25]) + float(set(searched) != {1, 2})


def _by_evidence(function: Callable[..., Any]) -> float:
    """Only where the bounds left much; log p at the upper end of its radius; never below 0."""
    p = SimpleNamespace(value=np.array([-1.0, -2.0, -3.0]), error=np.array([0.1, 0.2, 0.3]))
    panels = SimpleNamespace(peak_log_density=0.5)
    gap = np.array([1e-12, 5.0, 0.9, 8.0])
    asked: list[Any] = []

    def log_p(_: Any, x: Any) -> Any:
        asked.append(x[:, 0])
        return p

    x = np.arange(4.0)[:, None]
    rewired(function, log_density=log_p)(
        SimpleNamespace(panels=panels), x, np.array([9.0, 2.0, 3.0, 3.0]), gap
    )
    return max(off(asked[0], [1.0, 2.0, 3.0]), off(gap, [1e-12, 0.6, 0.7, 0.0]))


_EVIDENCE = MeanField._bound_by_evidence
_WALK = kernel._walk
_STRIP_BOUND, _WIDE_BOUND = node_bounds.strip_bound, node_bounds.wide_bound
_FINE_BOUND = node_bounds.fine_bound
_SETTLE, _SLACK = bound_tree.BoundTree.settle, bound_tree._slack

BOUND_TREE: Table = {
    "strip: all of q within three s": (_of_strip, _STRIP_BOUND, "WITHIN_THREE * outer", "outer"),
    "strip: all of q within one s": (_of_strip, _STRIP_BOUND, "WITHIN_ONE * max", "max"),
    "strip: without the ball's radius": (_of_strip, _STRIP_BOUND, "- row[RADIUS_WIDE]", ""),
    "strip: without the narrow ball's radius": (
        _of_strip, _STRIP_BOUND, "- row[RADIUS_NARROW]", "",
    ),
    "strip: inner mass counted twice": (
        _of_strip, _STRIP_BOUND, "0.5 * near * near - outer", "0.5 * near * near",
    ),
    "wide box: ρ forgotten": (_of_wide_box, _WIDE_BOUND, "least + row[RHO] *", "least +"),
    "wide box: the least counted twice": (
        _of_wide_box, _WIDE_BOUND, "max(wide - least", "max(wide",
    ),
    "fine box: without the fourth order": (
        _of_fine_box, _FINE_BOUND, "rest = remainder + cubic", "rest = cubic",
    ),
    "fine box: without the third order": (
        _of_fine_box, _FINE_BOUND, "rest = remainder + cubic", "rest = remainder",
    ),
    "fine box: without a³": (_of_fine_box, _FINE_BOUND, "abs(m3) / 6.0 * half_mean", "0.0"),
    "fine box: without a²β": (_of_fine_box, _FINE_BOUND, "+ 0.25 * abs(m4) * half_tau", ""),
    "fine box: without aβ²": (_of_fine_box, _FINE_BOUND, "0.125 * abs(m5) * half_mean +", ""),
    "fine box: without β³": (_of_fine_box, _FINE_BOUND, "+ abs(m6 - 8.0) / 48.0 * half_tau", ""),
    "fine box: β³ without the prior part": (_of_fine_box, _FINE_BOUND, "abs(m6 - 8.0)", "abs(m6)"),
    "fine box: at its centre": (_of_fine_box, _FINE_BOUND, "promise += value", "promise = value"),
    "fine box: a part of a part": (_of_parts, _WALK, "0.0625 * remainder", "0.0625**2"),
    "fine box: the least counted twice": (
        _of_fine_box, _FINE_BOUND, "row[FOURTH] * max(wide - least, 0.0)", "row[FOURTH] * wide",
    ),
    "open: the last one": (_of_all_left_open, _WALK, "min(lowest, bound)", "bound"),
    "open: none": (_of_all_left_open, _WALK, "lowest = min(lowest, bound)", "pass"),
    "open: parts that have no room": (
        _of_no_room, _WALK, "size + 4 >= stack.shape[0] or", "",
    ),
    "slack: at even places only": (
        _between_nodes, _SLACK, "[even, half_way - _ASIDE, half_way + _ASIDE]", "[even]",
    ),
    "slack: from one side": (
        _between_nodes, _SLACK, "[even, half_way - _ASIDE, half_way + _ASIDE]",
        "[0.0 * even, half_way - _ASIDE]",
    ),
    "slack: not in σ": (
        _between_nodes, _SLACK, "panels.coefficients / panels.model.sigma[:, None]",
        "panels.coefficients",
    ),
    "slack: of half of the panel": (
        _between_nodes, _SLACK, "distance.max(axis=1)", "distance.mean(axis=1)",
    ),
    "slack: without rounding": (_of_a_constant, _SLACK, "+ 1e-9", ""),
    "settled: prior part of the mean alone": (
        _settled, _SETTLE, "0.5 * r**2 - math.log(r) - 1.0", "0.5 * r**2",
    ),
    "settled: a floor taken for the minimum": (
        _floored, _SETTLE, "gap = np.minimum(gap, np.maximum(minima[:, 0, 2] - floor, 0.0))",
        "gap = np.minimum(gap, 0.0)",
    ),
    "settled: without the floor": (
        _floored, _SETTLE, "gap = np.minimum(gap, np.maximum(minima[:, 0, 2] - floor, 0.0))",
        "pass",
    ),
    "settled: what no root serves": (
        _settled, _SETTLE, "np.full(len(x), np.inf)", "np.zeros(len(x))",
    ),
    "gap: without its tolerance": (
        _of_nothing_open, _WALK, "max(best - lowest, 0.0) + tolerance", "max(best - lowest, 0.0)",
    ),
    "gap: tolerance that is absolute": (
        _of_nothing_open, _WALK, "TOLERANCE * (1.0 + abs(best))", "TOLERANCE",
    ),
    "gap: nothing but its tolerance": (
        _of_all_left_open, _WALK, "max(best - lowest, 0.0) + tolerance", "tolerance",
    ),
    "by log p: without its radius": (
        _by_evidence, _EVIDENCE, "p.value + p.error", "p.value",
    ),
    "by log p: without the constant": (
        _by_evidence, _EVIDENCE, "- self.panels.peak_log_density", "",
    ),
    "by log p: below zero": (_by_evidence, _EVIDENCE, "np.maximum(kl, 0.0)", "kl"),
    "by log p: the larger gap": (_by_evidence, _EVIDENCE, "np.minimum(gap[wide]",
        "np.maximum(gap[wide]",
    ),
}  # fmt: skip
