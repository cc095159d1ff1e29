"""Radii of L_S of two latents: coarser rules, the grid of log w, the rule in t."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.quadrature.kernels import _plane_iwae as plane

EPS = float(np.finfo(float).eps)
#: Four nodes, one of each parity; log w there.
_MASS, _LOG_W = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.0, -1.0, 2.0, -3.0])
#: L_S by all nodes, even and odd rows, even and odd columns.
_VALUES = np.array([0.2, 0.23, 0.19, 0.25, 0.18])


def _parts(function: Callable[..., Any]) -> float:
    """Each part of both radii has a size of its own."""

    def weights(_x: Any, _p: Any, _t: Any, _f: Any, _c: float, log_w: Any) -> None:
        log_w[:] = _LOG_W

    def bounds(*given: Any) -> None:
        given[-1][:] = _VALUES

    results = np.empty((1, 7))
    rewired(
        function, fill_log_weights=weights, _bounds_of_rules=bounds, raised=lambda *_: 0.007,
        trapezoid_error=lambda gap, _: 0.3 * gap, SPREAD_ERROR=0.001,
    )(
        np.zeros((1, 1)), np.zeros((1, 4)), 5.0, np.zeros((2, 4)), _MASS, np.arange(4),
        np.zeros((1, 4, 1)), 0.0, results,
    )  # fmt: skip
    mean, log_mean = float(_MASS @ _LOG_W), math.log(float(_MASS @ np.exp(_LOG_W)))
    size = 1.0 + abs(mean) + abs(log_mean)
    rules = 0.03 + 0.05
    told = rules + 0.007 + 0.3 * (log_mean - 0.2) + 0.001 * (8.0 + log_mean + 3.0)
    halves = [[0, 1], [2, 3], [0, 2], [1, 3]]
    apart = max(
        abs(float(_MASS[k] @ _LOG_W[k]) / float(_MASS[k].sum()) - mean) for k in map(list, halves)
    )
    return max(
        off(results[0, [0, 2, 4]], [0.2, mean, log_mean]),
        off(results[0, 1], told + 64.0 * EPS * size),
        off(results[0, 3], 2.0 * apart + 64.0 * EPS * size),
    )


def _rounding(function: Callable[..., Any]) -> float:
    """Weights of one size: nothing else is off than sums of such numbers."""

    def weights(_x: Any, _p: Any, _t: Any, _f: Any, _c: float, log_w: Any) -> None:
        log_w[:] = -7.0

    def bounds(*given: Any) -> None:
        given[-1][:] = -7.0

    results = np.empty((1, 7))
    rewired(
        function, fill_log_weights=weights, _bounds_of_rules=bounds, raised=lambda *_: 0.0,
        trapezoid_error=lambda *_: 0.0, SPREAD_ERROR=0.0,
    )(
        np.zeros((1, 1)), np.zeros((1, 4)), 5.0, np.zeros((2, 4)), np.full(4, 0.25), np.arange(4),
        np.zeros((1, 4, 1)), 0.0, results,
    )  # fmt: skip
    return off(results[0, [1, 3]], [64.0 * EPS * 15.0] * 2)


_FEW = np.array([0.6, 0.4]), np.array([0.0, -800.0])


def _raised(function: Callable[..., Any]) -> float:
    """Two draws of two nodes: L_2 rises when the lower one is raised, by no more than is told."""
    mass, log_w = _FEW[0], _FEW[1].copy()
    told = function(mass, log_w, 2, -690.0, 2.0)
    rise = 0.4**2 * 110.0
    return max(shortfall(rise, told), off(told, 0.4 * 110.0 * 2.0 * (0.4 + math.exp(-40.0))))


def _mostly_low(function: Callable[..., Any]) -> float:
    """∂L_S/∂log w is at most the mass, however likely it is that all draws are low."""
    log_w = _FEW[1].copy()
    return off(function(np.array([0.01, 0.99]), log_w, 2, -690.0, 5.0), 0.99 * 110.0)


def _near_the_floor(function: Callable[..., Any]) -> float:
    """A draw some nats above the floor outweighs nothing yet."""
    log_w = np.array([0.0, -660.0, -800.0])
    told = function(np.array([0.5, 0.3, 0.2]), log_w, 3, -690.0, 2.0)
    return off(told, 0.2 * 110.0 * 2.0 * (0.5 + math.exp(-40.0)))


_BATCH = plane.plane_iwae_bound_batch

PLANE_IWAE: Table = {
    "without what rows say": (
        _parts, _BATCH, "result[BY_ROWS] + result[BY_COLUMNS]", "result[BY_COLUMNS]",
    ),
    "without what columns say": (
        _parts, _BATCH, "result[BY_ROWS] + result[BY_COLUMNS]", "result[BY_ROWS]",
    ),
    "even rows only": (
        _parts, _BATCH, "max(abs(value[1] - value[0]), abs(value[2] - value[0]))",
        "abs(value[2] - value[0])",
    ),
    "odd columns only": (
        _parts, _BATCH, "max(abs(value[3] - value[0]), abs(value[4] - value[0]))",
        "abs(value[4] - value[0])",
    ),
    "without what is raised": (_parts, _BATCH, "+ changed", ""),
    "without the rule in t": (
        _parts, _BATCH, "+ trapezoid_error(log_mean - value[0], _RESULT.phases)", "",
    ),
    "without the grid of log w": (
        _parts, _BATCH, "+ SPREAD_ERROR * (8.0 + log_mean - lowest)", "",
    ),
    "grid of log w over 8 nats": (_parts, _BATCH, "(8.0 + log_mean - lowest)", "8.0"),
    "ELBO known exactly": (_parts, _BATCH, "2.0 * by_mean + _ROUNDING", "_ROUNDING"),
    "ELBO of one half": (_parts, _BATCH, "2.0 * by_mean", "by_mean"),
    "without rounding": (
        _rounding, _BATCH, "(8.0 + log_mean - lowest) + _ROUNDING * size",
        "(8.0 + log_mean - lowest)",
    ),
    "ELBO without rounding": (
        _rounding, _BATCH, "2.0 * by_mean + _ROUNDING * size", "2.0 * by_mean",
    ),
    "raised for nothing": (_raised, plane.raised, "return rise * min(share, 1.0)", "return 0.0"),
    "raised: all draws but none": (
        _raised, plane.raised, "low ** (samples - 1.0)", "low ** (samples + 1.0)",
    ),
    "raised: more than the mass": (_mostly_low, plane.raised, "min(share, 1.0)", "share"),
    "raised: the floor outweighs all": (
        _near_the_floor, plane.raised, "floor + _OUTWEIGHED", "floor",
    ),
}  # fmt: skip
