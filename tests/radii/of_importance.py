"""Radii of L_S: its nodes in z, its integral over t, and what is made of both."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.polynomial import legendre

from tests.problems import PROBLEMS
from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.inference import _iwae_bound as iwae
from theorycheck.quadrature.kernels import _iwae as importance
from theorycheck.quadrature.kernels import _iwae_bound as importance_bound
from theorycheck.quadrature.kernels import _iwae_joint as joint
from theorycheck.quadrature.kernels import _iwae_nodes as importance_nodes
from theorycheck.quadrature.kernels import _iwae_steps as importance_steps
from theorycheck.quadrature.kernels._layouts import NodeBuffers, Rule

EPS = float(np.finfo(float).eps)


def _bound_results(function: Callable[..., Any]) -> float:
    """L_S between the ELBO and log E w, each known to the ELBO's error; its own error if less."""
    # value, error, ELBO, its error, log E w.
    results = np.array([
        [-1.0, 0.1, -2.0, 0.01, -0.5], [-1.0, 50.0, -2.0, 0.01, -0.5],
        [-1.9, 50.0, -2.0, 0.01, -0.5], [-9.0, 0.3, -2.0, 0.01, -0.5],
    ])  # fmt: skip

    many, one = function(results, 5), function(results, 1)
    return max(
        off(many.error, [0.1, 1.01, 1.41, 0.3]), off(one.error, [0.01] * 4),
        off(many.value, [-1.0, -1.0, -1.9, -2.01]),
    )  # fmt: skip


_LOG_W, _DOUBT, _MASS = np.array([0.0, 1.5]), np.array([0.003, 0.0002]), np.array([0.7, 0.3])
_LOG_MEAN = math.log(0.7 + 0.3 * math.exp(1.5))
_BY_Q = float(_MASS @ _DOUBT)
_BY_POSTERIOR = float((_MASS * np.exp(_LOG_W - _LOG_MEAN)) @ _DOUBT)


def _rows(shift: float = 0.0) -> Any:
    """Two nodes; log w of the first is shifted."""
    rows = np.zeros((4, 2))
    rows[importance_nodes.MASS], rows[importance_nodes.DOUBT] = _MASS, _DOUBT
    rows[importance_nodes.LOG_W] = _LOG_W + np.array([shift, 0.0])
    return rows


def _written(function: Callable[..., Any]) -> float:
    """The radius of L_S from two nodes whose weights and doubts are given."""
    result = np.empty(5)
    function(_rows(), 2, 0.4, 0.06, 30, _LOG_MEAN, float(_MASS @ _LOG_W) + 0.007, result)
    return off(result[[1, 3]], [0.06 + _BY_Q + _BY_POSTERIOR, 0.007 + _BY_Q])


def _rounding_of_bound(function: Callable[..., Any]) -> float:
    """Sixteen units of rounding for each nat of log t, where nothing else is off."""
    result = np.empty(5)
    function(np.array([[0.0], [1.0], [0.0], [0.0]]), 1, 0.5, 0.0, 30, 2.5, 0.0, result)
    return off(result[[1, 3]], [16.0 * EPS * (4.0 + 2.0 + 30.0 / 3.0), 16.0 * EPS])


def _told(function: Callable[..., Any], arguments: Any, **parts: Any) -> float:
    """What a batch tells of its rules: change from coarse to fine, and what is left out."""
    told: list[Any] = []

    def integral(_m: Any, _w: Any, _c: int, _s: float, rule: Any, *_: Any) -> Any:
        if rule == importance.CHECK:
            return 0.45, _LOG_MEAN, 1.0, 5
        return 0.4, _LOG_MEAN, 0.0007, 30

    def write(nodes: Any, count: int, *others: Any) -> None:
        told.extend([nodes.copy(), count, *others[:-1]])

    rewired(
        function, log_mean_weight=integral, integral_buffers=lambda _: None, write_bound=write,
        **parts,
    )(*arguments, np.empty((1, 5)))  # fmt: skip
    nodes, count, bound, rules, steps, log_mean, coarse_mean = told
    assert (count, steps) == (2, 30)
    wanted = [0.4, 0.05 + 0.0007, _LOG_MEAN, float(_MASS @ _LOG_W) + 0.7 * 0.01]
    return max(
        off([bound, rules, log_mean, coarse_mean], wanted),
        off(nodes[importance_nodes.DOUBT, :2], _DOUBT),
    )


def _filled(tolerance: float, rows: Any) -> int:
    """The coarser nodes have another mean of log w."""
    rows[:, :2] = _rows(0.01 if tolerance == importance.CHECK.accuracy else 0.0)
    return 2


def _bound_batch(function: Callable[..., Any]) -> float:
    return _told(
        function, (np.zeros((1, 1)), np.zeros(1), np.zeros(1), 5.0, None, None, np.zeros(1), 0.0),
        importance_nodes=lambda *given: _filled(given[-2], given[-1].nodes),
        node_buffers=lambda *_: NodeBuffers(np.empty((4, 8)), None, None),
    )  # fmt: skip


def _joint_batch(function: Callable[..., Any]) -> float:
    return _told(
        function,
        (np.zeros((1, 1)), np.zeros((1, 1, 3)), None, 5.0, None, None, np.zeros(1), 0.0),
        joint_nodes=lambda *given: _filled(given[-3], given[-1]),
        node_buffers=lambda *_: None,
    )  # fmt: skip


def _joint_nodes(function: Callable[..., Any]) -> float:
    """Two classes of two nodes each: every node keeps its doubt."""
    nodes = np.empty((4, 4))
    count = rewired(
        function, importance_nodes=lambda *given: _filled(given[-2], given[-1].nodes),
        panels_of=lambda *_: None,
    )(
        np.zeros(1), np.array([[math.log(0.25), 0.0, 0.0], [math.log(0.75), 0.0, 0.0]]),
        np.log([0.5, 0.5]), None, SimpleNamespace(panel=np.array([0, 1, 2])), np.zeros(2), 0.0,
        5.0, importance.RESULT.accuracy, NodeBuffers(np.empty((4, 8)), None, None), nodes,
    )  # fmt: skip
    assert count == 4
    mass = np.concatenate([0.25 * _MASS, 0.75 * _MASS])
    return max(
        off(nodes[importance_nodes.DOUBT], np.tile(_DOUBT, 2)),
        off(nodes[importance_nodes.MASS], mass),
    )


def _integral(function: Callable[..., Any]) -> float:
    """What the rule in t leaves out at its ends, and what its step of log 2/phases can miss."""
    worst = 0.0
    for rule in (importance.CHECK, Rule(1, 1e-9, 1e-11)):
        found = function(
            np.array([0.7, 0.3]), np.array([0.0, 2.0]), 2, 3.0, rule, -np.inf,
            importance_steps.integral_buffers(2),
        )  # fmt: skip
        gap = found[1] - found[0]
        worst = max(worst, off(found[2], 2.0 * rule.truncation + _trapezoid(gap, rule.phases)))
    return worst


def _trapezoid(gap: float, phases: int) -> float:
    c = math.cos(1.5)
    bound = 2.0 + math.log(1.0 + 1.0 / c) + math.log(1.0 / c) + 0.22 + max(gap, 0.0)
    return 2.0 * bound / math.expm1(2.0 * math.pi * 1.5 * phases / math.log(2.0))


def _trapezoid_error(function: Callable[..., Any]) -> float:
    return off([function(g, p) for g in (-1.0, 0.5, 9.0) for p in (1, 3)],
               [_trapezoid(g, p) for g in (-1.0, 0.5, 9.0) for p in (1, 3)])  # fmt: skip


def _integral_cut_short(function: Callable[..., Any]) -> float:
    """Out of steps the integral is wrong, and what is left of it is bounded."""
    mass, log_w = np.array([0.5, 0.5]), np.array([0.0, -300.0])
    buffers = importance_steps.integral_buffers(2)
    few = buffers._replace(absent=buffers.absent[: 16 * 3 * 4])
    found = function(mass, log_w, 2, 2.0, importance.RESULT, -np.inf, few)
    # L_2 of two draws: both heavy, one, or none.
    exact = 0.75 * 0.0 + 0.25 * -300.0 + 0.5 * math.log(0.5)
    assert abs(found[0] - exact) > 1.0
    return shortfall(abs(found[0] - exact), found[2])


def _doubtful_nodes(function: Callable[..., Any]) -> float:
    """A panel whose series lacks its last degree: log w is off, and by no more than is said."""
    missed = 0.01
    panels = PROBLEMS["linear_wide"].panels
    arrays = PROBLEMS["linear_wide"].mean_field.arrays[0]
    row = int(np.searchsorted(panels.left, 0.5, side="right")) - 1
    left, right = panels.left[row], panels.right[row]
    a, b = (left - 0.3) / 0.8, (right - 0.3) / 0.8
    nodes = np.empty((4, 16))
    function(
        np.array([2.0]), a, b, row, 0.3, 0.8, 1.0 / panels.model.sigma, arrays, missed,
        0.0, np.empty((4, 16)), nodes, 0,
    )  # fmt: skip
    t = nodes[importance_nodes.T]
    z = 0.3 + 0.8 * t
    u = (2.0 * z - left - right) / (right - left)
    # f in σ = 3: 0.5 z − 1, and what the panel misses of it.
    f = (0.5 * z - 1.0) / 3.0 + missed * legendre.legval(u, [0.0] * 15 + [1.0])
    exact = 0.5 * t**2 - 0.5 * z**2 - 0.5 * (2.0 / 3.0 - f) ** 2
    worst = shortfall(np.abs(nodes[importance_nodes.LOG_W] - exact), nodes[importance_nodes.DOUBT])
    # And by hand.
    r = np.abs(2.0 / 3.0 - (0.5 * z - 1.0) / 3.0)
    return max(worst, off(nodes[importance_nodes.DOUBT], missed * (r + missed)) - 1e-9)


def _rounding_of_nodes(function: Callable[..., Any]) -> float:
    """Eight units of rounding for each of the terms that log w is the sum of."""
    panels = PROBLEMS["linear_plane"].panels
    arrays = PROBLEMS["linear_plane"].mean_field.arrays[0]
    row = int(np.searchsorted(panels.left, 0.5, side="right")) - 1
    a, b = (panels.left[row] - 0.3) / 0.8, (panels.right[row] - 0.3) / 0.8
    nodes, x, sigma = np.empty((4, 16)), np.array([2.0, -1.0]), panels.model.sigma
    function(x, a, b, row, 0.3, 0.8, 1.0 / sigma, arrays, 0.0, 0.0, np.empty((5, 16)), nodes, 0)
    t = nodes[importance_nodes.T]
    z = 0.3 + 0.8 * t
    f = np.stack([z + 0.3, -2.0 * z])
    r = np.abs(x[:, None] - f) / sigma[:, None]
    size = np.abs(x[:, None]) + np.abs(f)
    terms = 0.5 * t**2 + 0.5 * z**2 + (0.5 * r**2 + r * size / sigma[:, None]).sum(axis=0)
    return max(off(nodes[importance_nodes.DOUBT], 8.0 * EPS * terms) - 1e-6, 0.0)


def _pieces_not_split(function: Callable[..., Any]) -> float:
    """Where splitting ends, a node is taken to stand an eighth of the piece's variation off."""
    problem = PROBLEMS["linear_narrow"]
    buffers = importance_nodes.node_buffers(problem.panels.size, 1)
    arguments = (
        np.array([0.7]), 0.2, math.log(0.5), 1.0 / problem.model.sigma,
        problem.mean_field.arrays[0], 0.0 * problem.panels.defect, 0.0, 5.0, 1e-14, buffers,
    )  # fmt: skip
    count = rewired(function, _SPLIT_LIMIT=-1)(*arguments)
    nodes = buffers[0][:, :count].reshape(4, -1, 16)
    steps = np.abs(np.diff(nodes[importance_nodes.LOG_W], axis=1)).sum(axis=1)
    variation = steps / legendre.leggauss(16)[0][-1]
    allowed = [
        importance_nodes.allowed_variation(5.0 * m, 1e-14)
        for m in nodes[importance_nodes.MASS].sum(axis=1)
    ]
    cut = variation > np.array(allowed)
    assert cut.any()
    doubt = nodes[importance_nodes.DOUBT][cut]
    return max(off(doubt, np.repeat(0.125 * variation[cut][:, None], 16, 1)) - 1e-6, 0.0)


_BATCH, _WRITE = importance_bound.importance_bound_batch, importance_bound.write_bound
_JOINT = joint.joint_importance_bound_batch


IMPORTANCE: Table = {
    "L_S: radius of 0": (
        _bound_results, iwae.settled_bound, "np.minimum(error, widest)", "0.0 * error",
    ),
    "L_S: never more than its rules say": (
        _bound_results, iwae.settled_bound, "np.minimum(error, widest)", "error",
    ),
    "L_S: up to log E w only": (
        _bound_results, iwae.settled_bound, "np.maximum(upper - inside, inside - lower)",
        "(upper - inside)",
    ),
    "L_S: down to the ELBO only": (
        _bound_results, iwae.settled_bound, "np.maximum(upper - inside, inside - lower)",
        "(inside - lower)",
    ),
    "L_S: ELBO known exactly": (_bound_results, iwae.settled_bound, "elbo - elbo_error", "elbo"),
    "L_S: log E w known exactly": (
        _bound_results, iwae.settled_bound, "evidence + elbo_error", "evidence",
    ),
    "L_1: error of the integral in its place": (
        _bound_results, iwae.settled_bound, "elbo_error.copy()", "error.copy()",
    ),
    "L_S: without the change of the rules": (_bound_batch, _BATCH, "abs(fine - coarse) +", ""),
    "L_S: without what is left out": (_bound_batch, _BATCH, "+ left_out", ""),
    "joint L_S: without the change of the rules": (
        _joint_batch, _JOINT, "abs(fine - coarse) +", "",
    ),
    "joint L_S: without what is left out": (_joint_batch, _JOINT, "+ left_out", ""),
    "joint L_S: nodes without their doubt": (
        _joint_nodes, joint.joint_nodes, "= buffers.nodes[DOUBT, i]", "= 0.0",
    ),
    "L_S: without what the rules say": (_written, _WRITE, "rules + by_q", "by_q"),
    "L_S: without the doubt under q": (
        _written, _WRITE, "+ by_q + by_posterior", "+ by_posterior",
    ),
    "L_S: without the doubt under the posterior": (
        _written, _WRITE, "+ by_posterior\n", "\n",
    ),
    "L_S: posterior without its weights": (
        _written, _WRITE, "* exp_nonpositive(nodes[LOG_W, i] - log_mean)", "",
    ),
    "ELBO: without the change of the rule": (
        _written, _WRITE, "abs(mean - coarse_mean) +", "",
    ),
    "ELBO: without the doubt under q": (_written, _WRITE, "+ by_q + _ROUNDING", "+ _ROUNDING"),
    "L_S: rounding of 4 nats only": (
        _rounding_of_bound, _WRITE, "+ abs(bound - log_mean) + steps / RESULT.phases", "",
    ),
    "L_S: rounding without its steps": (_rounding_of_bound, _WRITE, "+ steps / RESULT.phases", ""),
    "L_S: rounding without its gap": (
        _rounding_of_bound, _WRITE, "+ abs(bound - log_mean) +", "+",
    ),
    "ELBO: without rounding": (_rounding_of_bound, _WRITE, "+ by_q + _ROUNDING", "+ by_q"),
    "integral: without the rule in t": (
        _integral, importance.log_mean_weight, "+ trapezoid_error(-total, phases)", "",
    ),
    "integral: without its ends": (
        _integral, importance.log_mean_weight, "left_out = 2.0 * truncation", "left_out = 0.0",
    ),
    "integral: one end": (
        _integral, importance.log_mean_weight, "left_out = 2.0 * truncation",
        "left_out = truncation",
    ),
    "integral: gap of the other sign": (
        _integral, importance.log_mean_weight, "trapezoid_error(-total", "trapezoid_error(total",
    ),
    "integral: cut short for nothing": (
        _integral_cut_short, importance.log_mean_weight, "left_out += last",
        "left_out += 0.0 * last",
    ),
    "integral: cut short at the power of S": (
        _integral_cut_short, importance.log_mean_weight, "last ** (samples - 1.0)",
        "last ** (samples + 100.0)",
    ),
    "rule in t: without E1": (
        _trapezoid_error, importance.trapezoid_error, "+ math.log1p(1.0 / c)", "",
    ),
    "rule in t: without its strip": (
        _trapezoid_error, importance.trapezoid_error, "- math.log(c)", "",
    ),
    "rule in t: without the gap": (
        _trapezoid_error, importance.trapezoid_error, "+ max(gap, 0.0)", "",
    ),
    "rule in t: one side": (_trapezoid_error, importance.trapezoid_error, "2.0 * bound", "bound"),
    "rule in t: step of one phase": (
        _trapezoid_error, importance.trapezoid_error, "* phases / LOG_2", "/ LOG_2",
    ),
    "nodes: without what the panel misses": (
        _doubtful_nodes, importance_nodes._fill, "+= defect * (work", "+= 0.0 * (work",
    ),
    "nodes: what the panel misses to first order": (
        _doubtful_nodes, importance_nodes._fill, "(work[0, i] + defect)", "work[0, i]",
    ),
    "nodes: what the panel misses at f": (
        _doubtful_nodes, importance_nodes._fill, "(work[0, i] + defect)", "defect",
    ),
    "nodes: without rounding of q and prior": (
        _rounding_of_nodes, importance_nodes._fill,
        "[DOUBT, first + i] = 0.5 * t * t + 0.5 * z * z", "[DOUBT, first + i] = 0.0",
    ),
    "nodes: without rounding of the residual's square": (
        _rounding_of_nodes, importance_nodes._fill, "[DOUBT, first + i] += 0.5 * r * r",
        "[DOUBT, first + i] += 0.0",
    ),
    "nodes: without rounding of x and f": (
        _rounding_of_nodes, importance_nodes._fill, "+= abs(r) * (size", "+= 0.0 * (size",
    ),
    "nodes: rounding of x only": (
        _rounding_of_nodes, importance_nodes._fill, "(size + abs(f[i]))", "size",
    ),
    "nodes: rounding of f only": (
        _rounding_of_nodes, importance_nodes._fill, "(size + abs(f[i]))", "abs(f[i])",
    ),
    "nodes: rounding in data units": (
        _rounding_of_nodes, importance_nodes._fill, "(size + abs(f[i])) * inverse_sigma[d]",
        "(size + abs(f[i]))",
    ),
    "nodes: pieces not split without a doubt": (
        _pieces_not_split, importance_nodes.importance_nodes, "+= variation * _NODE_SHARE",
        "+= 0.0",
    ),
}  # fmt: skip
