"""Radii of projections, maps of decisions and σ² with f held (downstream/)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.downstream._attack import WorstCase
from theorycheck.downstream._decision_map import decision_map
from theorycheck.downstream._descent_projection import DescentRecipe, descend_to_image
from theorycheck.downstream._held_noise import held_noise_variance
from theorycheck.downstream._image_pieces import ImagePieces
from theorycheck.downstream._projection import DecoderImage
from theorycheck.estimate import Estimate
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._loading import load_model

CIRCLE = benchmark("circle")
#: Inside and outside of the circle, in its middle and on it.
_X = np.array([[0.3, 0.1], [0.05, -0.02], [1.4, 0.6], [-0.2, 0.9], [0.0, 0.0], [0.6, 0.8]])
_EXACT = np.abs(np.linalg.norm(_X, axis=1) - 1.0) / 0.1


class _Bent(DecoderImage):
    """An image of which one method is another function."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        super().__init__(CIRCLE)
        setattr(self, name, lambda *arguments: function(self, *arguments))


def _circle(name: str) -> Callable[[Callable[..., Any]], float]:
    """The true distances lie within the radius, at a tolerance that leaves much to it."""

    def check(function: Callable[..., Any]) -> float:
        worst = 0.0
        for tolerance in (1e-9, 1e-2, 1.0):
            found = DecoderImage.project(_Bent(name, function), _X, tolerance=tolerance)
            worst = max(worst, shortfall(found.distance - _EXACT, found.error))
        return worst

    return check


def _rounded(function: Callable[..., Any]) -> float:
    """On the curve itself the distance is rounding, and no smaller than its radius."""
    image = DecoderImage(CIRCLE)
    z = np.linspace(-2.0, 2.0, 50)
    _, _, distance, error = function(image, CIRCLE.decoder(z), 1e-9)
    return max(shortfall(np.full(50, 1e-15), error), shortfall(distance, error))


def _remainder(function: Callable[..., Any]) -> float:
    pieces = SimpleNamespace(
        second=np.array([[[2.0, 3.0], [3.0, 5.0]]]), defect=np.array([0.25]),
    )  # fmt: skip
    found = function(pieces, np.array([0]), np.array([[0.5, 0.1]]))
    expected = 0.5 * (2.0 * 0.25 + 2.0 * 3.0 * 0.05 + 5.0 * 0.01) + 0.25
    return off(found, expected)


def _descent(function: Callable[..., Any]) -> float:
    """One step from one start ends anywhere; nothing may be claimed of it."""
    found = function(CIRCLE, _X, DescentRecipe(restarts=1, iterations=1, rate=0.01))
    return shortfall(found.distance - _EXACT, found.error)


def _withstood(function: Callable[..., Any]) -> float:
    """Of x that are as far off as ε to within the width nothing is sure."""
    found = WorstCase(np.zeros(4, dtype=np.int64), np.array([1.0, 1.05, 1.11, 2.0]), 0.1)
    surely, perhaps = function(found, np.array([0, 0, 0, 1]), 1.0)
    return float(surely.tolist() != [False, False, True, False]) + float(
        perhaps.tolist() != [False, True, True, False]
    )


def _width(function: Callable[..., Any]) -> float:
    """The diagonal of the last cells: a line across the corner of one is that far at most."""
    x = np.random.default_rng(0).uniform(-1.0, 1.0, (400, 2))
    x = x[x.sum(axis=1) < -0.3]

    def above(points: Any) -> Any:
        return (points.sum(axis=1) > 0.0123).astype(np.int64)

    found = function(above, x, scale=np.ones(2), reach=2.0, step=0.5, levels=3)
    exact = (0.0123 - x.sum(axis=1)) / np.sqrt(2.0)
    # By hand: cells of 1/16.
    return max(
        shortfall(found.distance(x, 1) - exact, np.full(len(x), found.width)),
        off(found.width, np.sqrt(2.0) / 16.0),
    )


def _held(function: Callable[..., Any]) -> float:
    """σ² where f is held, from a fit to draws and one exact step of known sizes."""
    line = load_model("expr:[z, z]", noise_variance=0.5)
    residual = (Estimate(0.42, 0.003), Estimate(0.38, 0.001))
    found = rewired(
        function, _on_draws=lambda *_: (0.39, 0.75),
        decompose=lambda *_, **__: SimpleNamespace(residual_variance=residual),
    )(line)  # fmt: skip
    step = (0.40 - 0.39) / 0.25
    expected = 2.0 * (0.25 * step + 0.002 / 0.25)
    return max(off(found.value, 0.39 + step), off(found.error, expected))


DEFENCES: Table = {
    "projection: what dropped parts leave open": (
        _circle("_projected"), DecoderImage._projected,
        "np.minimum.at(floor, parts.row[~open_], lower[~open_])", "pass",
    ),
    "projection: without rounding": (
        _rounded, DecoderImage._projected, "np.maximum(distance - floor, 0.0) + rounding",
        "np.maximum(distance - floor, 0.0)",
    ),
    "projection: without the enclosure's remainder": (
        _circle("_bounded"), DecoderImage._bounded,
        "affine - self.pieces.remainder(parts.piece, parts.half)", "affine",
    ),
    "enclosure: a fifth of it": (
        _remainder, ImagePieces.remainder, "0.5 * np.einsum", "0.1 * np.einsum",
    ),
    "enclosure: without what the series misses": (
        _remainder, ImagePieces.remainder, "+ self.defect[piece]", "",
    ),
    "descent claims nothing": (
        _descent, descend_to_image, "np.full(count, np.inf)", "np.zeros(count)",
    ),
    "attack: without the map's width": (
        _withstood, WorstCase.withstood, "self.distance - self.width > epsilon",
        "self.distance > epsilon",
    ),
    "map: the side of a cell, not its diagonal": (
        _width, decision_map, "math.sqrt(2.0) * unit", "unit",
    ),
    "held σ²: without the step's part": (
        _held, held_noise_variance, "0.25 * abs(step) + ", "",
    ),
    "held σ²: without the average's error": (
        _held, held_noise_variance, "+ error / (1.0 - rate)", "",
    ),
    "held σ²: as if the fit took one step": (
        _held, held_noise_variance, "error / (1.0 - rate)", "error",
    ),
    "held σ²: without caution": (_held, held_noise_variance, "_SAFETY * (", "("),
}  # fmt: skip
