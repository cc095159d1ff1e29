"""Radii of log p(x) from boxes by matrix products (inference/_boxed_products.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.inference import _boxed_products as products
from theorycheck.quadrature import gauss_legendre, latent_boxes

_EPS = float(np.finfo(float).eps)


@cache
def _coarse() -> Any:
    """A line of 15σ a unit on boxes that are too few for it."""
    return latent_boxes(lambda u: 15.0 * u[:, :1] + u[:, 1:], np.ones(1), max_boxes=256)


def _known_error(function: Callable[..., Any]) -> float:
    """Boxes that are too wide: the rule errs by a known amount."""
    x = np.array([[-3.1], [6.2]])
    value, relative, _, _ = function(_coarse(), x, False)
    true = np.abs(np.expm1(value + 0.5 * x[:, 0] ** 2 / 227.0 + 0.5 * math.log(227.0)))
    assert true.max() > 1e-4
    return shortfall(true, relative)


def _parts(function: Callable[..., Any]) -> float:
    """The error of the sums, what lies beyond, what is left out, and a last rounding."""

    def add(_boxes: Any, sums: Any, *_: Any) -> None:
        sums.reference[:], sums.total[:], sums.error[:] = 0.0, 2.0, 6e-3

    boxes = SimpleNamespace(
        centre=np.zeros((7, 1)),
        sigma=np.ones(1),
        log_mass=np.zeros(7),
        radius=np.zeros(7),
        size=7,
        latent_dim=2,
    )
    _, relative, _, _ = rewired(
        function,
        _means=lambda *_: iter([(0, None)]),
        _add=add,
        _beyond=lambda *_: np.log(np.full(1, 8e-3)),
        _OUT=5.0,
    )(boxes, np.zeros((1, 1)), False)
    return off(relative, 3e-3 + 4e-3 + 7.0 * math.exp(-5.0) + 16.0 * _EPS)


def _one_box(function: Callable[..., Any], *, unresolved: bool = False, **parts: Any) -> Any:
    """Add a box of nodes that all have f = c to the sums of one x, 3σ off."""
    boxes = SimpleNamespace(
        centre=np.zeros((1, 1)), sigma=np.ones(1), radius=np.array([2.0]),
        defect=np.array([1e-3]), latent_dim=2,
        unresolved=np.array([unresolved]), log_mass=np.array([math.log(0.5)]),
    )  # fmt: skip
    sums = products._Sums(1, 1)
    nothing = {"rule_error": lambda weight, _: np.zeros(len(weight))} | parts
    nodes = np.full(144, math.log(1e-4)), np.zeros((144, 1))
    rewired(function, **nothing)(boxes, sums, np.array([[3.0]]), np.array([0]), 0, nodes, False)
    return sums


def _defect(function: Callable[..., Any]) -> float:
    sums = _one_box(function)
    rounding = _EPS * 9.0 * 0.5 * 9.0
    return off(sums.error / sums.total, 1e-3 * (3.0 + 2.0) + rounding)


def _rounding(function: Callable[..., Any]) -> float:
    sums = _one_box(function, _EPS=1e-2)
    return off(sums.error / sums.total, 1e-3 * 5.0 + 1e-2 * 9.0 * 0.5 * 9.0)


def _rule(function: Callable[..., Any]) -> float:
    sums = _one_box(function, rule_error=lambda weight, _: np.full(len(weight), 7.0))
    return off(sums.error - sums.total * 5e-3, 7.0)


def _unresolved(function: Callable[..., Any]) -> float:
    """All of the box's mass may be where f is nearest; the reference is its largest weight."""
    sums = _one_box(function, unresolved=True)
    return off(sums.error - sums.total * 5e-3, 0.5 / 1e-4)


def _rule_error(function: Callable[..., Any]) -> float:
    """Weights whose sums along either latent are 2 P_11 + P_5: coefficients are known."""
    t, w = gauss_legendre(12)
    series = np.zeros(12)
    series[11], series[5] = 2.0, 1.0
    line = np.polynomial.legendre.legval(t, series) * w
    weight = np.outer(line, w).ravel()[None]
    # Of a line: ∫ (2k + 1) P_k, thus 2 c_k, times the other latent's ∫ 1 = 2; the other is flat.
    high, middle = 2.0 * 2.0 * 2.0, 2.0 * 2.0 * 1.0
    return max(off(function(weight), 4.0 * high * min((high / middle) ** 2, 1.0)) - 1e-11, 0.0)


def _fall(function: Callable[..., Any]) -> float:
    """Coefficients that fall by ten are carried on by as much again, in either latent."""
    t, w = gauss_legendre(12)
    series = np.zeros(12)
    series[11], series[5] = 0.1, 1.0
    line = np.polynomial.legendre.legval(t, series) * w
    worst = 0.0
    for grid in (np.outer(line, w), np.outer(w, line)):
        worst = max(worst, off(function(grid.ravel()[None]), 4.0 * 0.4 * 0.1**2))
    for ends in ("ijk", "jik", "jki"):
        cube = np.einsum(f"i,j,k->{ends}", line, w, w)
        worst = max(worst, off(function(cube.ravel()[None], 3), 4.0 * 0.8 * 0.1**2))
    return max(worst - 1e-11, 0.0)


def _beyond(function: Callable[..., Any]) -> float:
    boxes = SimpleNamespace(
        outermost=np.array([0, 1]), centre=np.array([[5.0], [9.0]]), sigma=np.ones(1), latent_dim=2
    )
    means = [(0, (None, np.array([[4.0], [6.0]]))), (1, (None, np.array([[8.0], [10.0]])))]
    found = rewired(function, _means=lambda *_: iter(means))(boxes, np.array([[1.0], [11.0]]))
    mass = math.log(4.0 * 0.5 * math.erfc(12.0 / math.sqrt(2.0)))
    # Of three latents f is anywhere in a ball on each box, and there are six ends.
    boxes.latent_dim, boxes.radius = 3, np.array([1.0, 2.0])
    third = rewired(function, _means=None)(boxes, np.array([[1.0], [14.0]]))
    more = mass + math.log(1.5)
    return max(off(found, [mass - 4.5, mass - 0.5]), off(third, [more - 4.5, more - 4.5]))


def _whole(function: Callable[..., Any]) -> float:
    boxes = SimpleNamespace(sigma=np.ones(1), peak_log_density=0.0, latent_dim=2)
    one = np.ones((1, 1))
    some = lambda *_: (np.zeros(1), np.full(1, 1e-3), one, one)  # noqa: E731
    return off(rewired(function, _of_some=some)(boxes, one).relative_error, 1e-3)


BOXED_PRODUCTS: Table = {
    "sums: the rule is exact": (
        _known_error, products._of_some, "sums.error / sums.total + beyond", "beyond",
    ),
    "sums: known exactly": (_parts, products._of_some, "sums.error / sums.total +", ""),
    "sums: not relative": (
        _parts, products._of_some, "sums.error / sums.total +", "sums.error +",
    ),
    "sums: nothing beyond": (_parts, products._of_some, "+ beyond", ""),
    "sums: nothing left out": (_parts, products._of_some, "+ left_out", ""),
    "box: resolves f": (_defect, products._add, "(missed + rounding)", "rounding"),
    "box: without the ball": (_defect, products._add, "+ boxes.radius[box])", ")"),
    "box: no rounding": (_rounding, products._add, "(missed + rounding)", "missed"),
    "box: the rule is exact": (
        _rule, products._add, "rule_error(weight, boxes.latent_dim) +", "",
    ),
    "box: what it does not resolve": (
        _unresolved, products._add, "if boxes.unresolved[box]:", "if False:",
    ),
    "rule: coefficients that rise": (
        _rule_error, products.rule_error, "np.minimum((high / middle) ** 2, 1.0)",
        "(high / middle) ** 2",
    ),
    "rule: one latent": (
        _fall, products.rule_error, "range(1, latents + 1):", "range(1, 2):",
    ),
    "rule: two latents": (
        _fall, products.rule_error, "range(1, latents + 1):", "range(1, 3):",
    ),
    "rule: a quarter": (_fall, products.rule_error, "4.0 * high", "high"),
    "beyond: the last box": (
        _beyond, products._beyond, "np.maximum(nearest, -0.5 * squared.min(axis=1))",
        "-0.5 * squared.min(axis=1)",
    ),
    "beyond: half of the ends": (
        _beyond, products._beyond, "2.0 * boxes.latent_dim * float", "boxes.latent_dim * float",
    ),
    "beyond: without the ball": (
        _beyond, products._beyond, "- boxes.radius[outer]", "",
    ),
    "all x: known exactly": (
        _whole, products.density_by_products, "relative, mean * boxes.sigma",
        "0.0 * relative, mean * boxes.sigma",
    ),
}  # fmt: skip
