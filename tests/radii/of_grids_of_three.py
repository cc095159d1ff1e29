"""Radii of a table on a grid of three latents: two rules on each piece, and q cut off."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.stats import norm

from tests.radii.table import Table, getter, off, shortfall
from theorycheck.inference import _multilinear_q as multilinear
from theorycheck.models import checked_grid_table
from theorycheck.quadrature import FINE, TablePieces, table_pieces
from theorycheck.quadrature.kernels import _piece_density as kernel

_AXES = ([-1.0, 1.0], [-0.5, 0.5], [-2.0, -1.0, 0.0, 1.0, 2.0])
#: f uses the third latent alone, in steps of more σ than the rules like.
_LINE = np.array([-3.0, -1.5, 1.0, 1.2, 4.0])


def _pieces(sigma: float) -> TablePieces:
    table = checked_grid_table(_AXES, np.broadcast_to(_LINE, (2, 2, 5)), kind="linear", name="line")
    # For a larger σ than the one asked for pieces are too wide.
    found = table_pieces(table, np.array([2.0]))
    return TablePieces(found.lower, found.upper, found.corners, found.function, np.array([sigma]))


def _of_lanes(function: Callable[..., Any], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log ∫ φ exp(−½ |x − f|²) and its relative error."""
    pieces = _pieces(1.0)
    value, error = np.empty(x.size), np.empty(x.size)
    log_weight, f = pieces.nodes
    function(
        x[None], np.ones(1), log_weight, f, pieces.balls, FINE, pieces.each, value, error,
        np.empty((2, x.size)),
    )  # fmt: skip
    return value, error


def _exact(x: np.ndarray) -> np.ndarray:
    node, weight = leggauss(40)
    edges = np.array([-9.0, -5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0, 9.0])
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    z = (middle[:, None] + half[:, None] * node).ravel()
    w = (half[:, None] * weight).ravel() * norm.pdf(z)
    f = np.interp(z, _AXES[2], _LINE)
    return np.array(np.log(np.exp(-0.5 * (x[:, None] - f) ** 2) @ w))


def _known_error(function: Callable[..., Any]) -> float:
    x = np.linspace(-6.0, 7.0, 27)
    value, error = _of_lanes(function, x)
    true = np.abs(np.expm1(value - _exact(x)))
    assert true.max() > 1e-6
    return shortfall(true, error)


def _rounding(function: Callable[..., Any]) -> float:
    """Where the rules agree to the last digit, f being constant, rounding is what is left."""
    flat = checked_grid_table(_AXES, np.full((2, 2, 5), 0.25), kind="linear", name="flat")
    pieces = table_pieces(flat, np.ones(1))
    log_weight, f = pieces.nodes
    value, error = np.empty(2), np.empty(2)
    function(
        np.array([[1.25, 3.25]]), np.ones(1), log_weight, f, pieces.balls, FINE, pieces.each,
        value, error, np.empty((2, 2)),
    )  # fmt: skip
    exponent = np.array([0.5, 4.5])
    size = np.array([1.25, 3.25])
    least = np.finfo(float).eps * (16.0 + 2.0 * exponent + (2.0 + np.sqrt(2.0 * exponent)) * size)
    return shortfall(0.999 * least, error)


def _beyond(function: Callable[..., Any]) -> float:
    """Three halves of the square of the distance in both tails of each latent, and a way on."""
    table = SimpleNamespace(values=np.array([[[[-1.0], [3.0]]]]))
    search = SimpleNamespace(
        _table=table,
        model=SimpleNamespace(sigma=np.array([2.0])),
        _knots=(0, 1, 2),
        _steepest=np.array([1.0, 2.0, 3.0]),
    )
    found = function(search, np.array([[4.0]]), np.array([[0.5, 1.0, 1.0]]))
    tail = norm.sf(6.0)
    square = (1.0 + 36.0) * tail - 6.0 * norm.pdf(6.0)
    # x is 3.5 σ from the middle, 0.5, and f at most 1 from there.
    furthest = 3.5 + 1.0
    steep = 2.0 * square * (0.25 + 4.0 + 9.0)
    return off(found, 6.0 * tail * 1.5 * furthest**2 + steep)


def _steepest(function: Callable[..., Any]) -> float:
    values = np.zeros((2, 2, 3, 1))
    values[1, :, :, 0] += 3.0
    values[:, :, 2, 0] += 4.0
    search = SimpleNamespace(
        _table=SimpleNamespace(values=values),
        model=SimpleNamespace(sigma=np.array([0.5])),
        _knots=(np.array([0.0, 2.0]), np.array([0.0, 1.0]), np.array([0.0, 1.0, 1.25])),
    )
    return off(function(search) + 1.0, [4.0, 1.0, 33.0])


_LANES, _BEYOND = kernel._of_lanes, multilinear.MultilinearQSearch._left_out
_STEEPEST = getter(multilinear.MultilinearQSearch, "_steepest")

GRIDS_OF_THREE: Table = {
    "pieces: the rule is exact": (
        _known_error, _LANES, "error[k] / total[k] +", "",
    ),
    "pieces: better than the root says": (
        _known_error, _LANES, "_ROOTS * math.sqrt(apart / (sums[0, k] + 1e-300))", "1e-3",
    ),
    "pieces: no rounding": (_rounding, _LANES, "+ _EPS * rounding", ""),
    "beyond: no tail": (_beyond, _BEYOND, "1.5 * mass * furthest**2 + steep", "steep"),
    "beyond: one side": (_beyond, _BEYOND, "2.0 * len(self._knots)", "len(self._knots)"),
    "beyond: f is near": (
        _beyond, _BEYOND, "furthest += np.linalg.norm(values - centre, axis=1).max()", "",
    ),
    "beyond: f goes on as it ends": (
        _beyond, _BEYOND, "1.5 * mass * furthest**2 + steep", "1.5 * mass * furthest**2",
    ),
    "beyond: every q has scale 1": (
        _beyond, _BEYOND, "(scale * self._steepest) ** 2", "(0 * scale + self._steepest) ** 2",
    ),
    "steepest: steps of one": (_steepest, _STEEPEST, "(moves / steps).max()", "moves.max()"),
}  # fmt: skip
