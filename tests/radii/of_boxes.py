"""Radii of adaptive boxes in data space (quadrature/_adaptive_boxes.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.polynomial import legendre

from tests.radii.table import Table, off, shortfall
from theorycheck.quadrature import _adaptive_boxes as adaptive_cells
from theorycheck.quadrature import _box_faces as box_faces

NODES, WEIGHTS = legendre.leggauss(6)


def _integrand(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """Make an integrand of one function of x (B, N, D)."""

    def values(nodes: Any) -> Any:
        return function(nodes.x)[:, :, None], np.zeros((len(nodes.x), 1, 2))

    return values


def _boxes(function: Callable[[Any], Any], lower: Any, upper: Any) -> Any:
    return adaptive_cells._evaluate(
        _integrand(function), np.array(lower, float), np.array(upper, float), None, 0
    )


def _combined(function: Callable[..., Any]) -> float:
    """A fifth of the sum plus three times the root of the squares, function by function."""
    error = np.array([[3.0, 0.1], [4.0, 0.2]])
    expected = [0.2 * 7.0 + 3.0 * 5.0, 0.2 * 0.3 + 3.0 * math.sqrt(0.05)]
    return off(function(error), expected)


def _at_the_end(function: Callable[..., Any]) -> float:
    boxes = _boxes(lambda x: x[:, :, 0] ** 2, [[0.0], [1.0]], [[1.0], [2.0]])
    error = np.array([[3.0], [4.0]])
    found = function(boxes, error, np.array([False]), True)
    return max(off(found.error, 0.2 * 7.0 + 15.0), off(found.box_error, error))


def _blamed(function: Callable[..., Any]) -> float:
    """What splitting changed: half of it is the children's, where they look smooth themselves."""
    parents = _boxes(lambda x: np.abs(x[:, :, 0]), [[-1.0]], [[1.0]])
    children = function(_integrand(lambda x: np.abs(x[:, :, 0])), parents, 1)
    change = abs(float(WEIGHTS @ np.abs(NODES)) - 1.0)
    return off(children.error.sum(), 0.5 * change)


def _rough_children(function: Callable[..., Any]) -> float:
    """An odd function changes nothing when split; its children's series say that it is rough."""

    def wave(x: Any) -> Any:
        return np.sin(9.0 * x[:, :, 0])

    children = function(_integrand(wave), _boxes(wave, [[-1.0]], [[1.0]]), 1)
    worst = 0.0
    for error, low in zip(children.error[:, 0], children.lower[:, 0], strict=True):
        series = legendre.legfit(NODES, np.sin(9.0 * (low + 0.5 + 0.5 * NODES)), 5)
        high, middle = np.abs(series[4:]).max(), np.abs(series[2:4]).max()
        worst = max(worst, off(error, 0.05 * high * min(1.0, 2.0 * high / middle)))
    return worst


def _trouble(function: Callable[..., Any]) -> float:
    """The highest coefficients times the area, damped where those before are twice as large."""
    worst = 0.0
    # (c2, c3, c4, c5) and what is left of the largest of the last two.
    for c, expected in (
        ((0.0, 0.0, 0.0, 0.3), 0.3), ((0.0, 0.0, 0.4, 0.0), 0.4),
        ((0.0, 8.0, 0.0, 0.3), 0.3 * 0.6 / 8.0), ((8.0, 0.0, 0.3, 0.0), 0.3 * 0.6 / 8.0),
    ):  # fmt: skip
        line = legendre.legval(NODES, [1.0, 2.0, *c])
        found = function(line[None, :, None], np.array([[0.35]]), 1)
        worst = max(worst, off(found, [[0.7 * expected]]))
        # In the plane the degree of a product is the larger of the two.
        plane = np.array([a * b for a, b in product(line, legendre.legval(NODES, [0.5, 0.1]))])
        found = function(plane[None, :, None], np.array([[0.35, 2.0]]), 2)
        worst = max(worst, off(found, [[0.7 * 4.0 * 0.5 * expected]]))
    return max(worst - 1e-12, 0.0)


def _first_boxes(function: Callable[..., Any]) -> float:
    """Nothing is known before the first split, however loose the tolerance."""
    found = function(
        _integrand(lambda x: np.abs(x[:, :, 0] - 0.31)), np.array([[0.0]]), np.array([[1.0]]),
        np.array([10.0]),
    )  # fmt: skip
    exact = 0.5 * (0.31**2 + 0.69**2)
    return shortfall(abs(found.value[0] - exact), found.error[0])


def _on_a_line(function: Callable[..., Any]) -> float:
    """D = 1: one box has the whole kink, and reports the change and not half of it."""
    found = function(
        _integrand(lambda x: np.abs(x[:, :, 0])), np.array([[-1.0]]), np.array([[1.0]]),
        np.array([10.0]),
    )  # fmt: skip
    return off(found.box_error.sum(), abs(float(WEIGHTS @ np.abs(NODES)) - 1.0))


def _jump_at_an_edge(function: Callable[..., Any]) -> float:
    """A jump between the last node of a box and its edge: no box of its own looks rough."""
    worst = 0.0
    for place in (0.995, 1.005):
        found = function(
            _integrand(lambda x, p=place: (x[:, :, 0] > p) * 1.0),
            np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]), np.array([0.2]),
        )  # fmt: skip
        worst = max(worst, shortfall(abs(found.value[0] - (2.0 - place)), found.error[0]))
    return worst


def _edges(function: Callable[..., Any]) -> float:
    """Boxes of unequal widths, not in order; the third begins where none ends."""

    def jumps(x: Any) -> Any:
        return np.where(x[:, :, 0] < 1.0, x[:, :, 0], np.where(x[:, :, 0] < 3.4, 5.0, 9.0))

    boxes = _boxes(jumps, [[3.5], [0.0], [1.0]], [[4.0], [1.0], [3.0]])
    margin = 0.5 * (1.0 - NODES[-1])
    # On the left the line has come to 1, on the right the 5 begins.
    expected = np.array([0.0, 4.0 * margin * 1.0, 4.0 * margin * 2.0])
    return max(off(function(boxes)[1:, 0], expected[1:]), float(abs(function(boxes)[0, 0])))


_INTEGRATE = adaptive_cells.integrate_boxes

_SPLIT = adaptive_cells._split


def _cut_by_a_line(function: Callable[..., Any]) -> float:
    """A half plane under a Gaussian that ends just short of the boxes' faces."""
    axis = np.arange(-4.0, 4.0)
    lower = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    worst = 0.0
    for c in (0.99, 0.495, 0.2475, 0.12375):

        def side(x: Any, c: float = c) -> Any:
            return np.exp(-3.0 * (x**2).sum(-1)) * (x[..., 0] > c)

        found = function(
            _integrand(side), lower, lower + 1.0, np.array([0.1]), jumps=np.array([True])
        )
        exact = math.pi / 6.0 * (1.0 - math.erf(math.sqrt(3.0) * c))
        worst = max(worst, shortfall(abs(found.value[0] - exact), found.error[0]))
    return worst


def _faces_and_errors(function: Callable[..., Any]) -> float:
    """Twice each box's own error, and what its faces hide."""
    boxes = _boxes(
        lambda x: (x[:, :, 0] > 0.99) * 1.0, [[0.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [2.0, 1.0]]
    )
    error = np.array([[0.25], [0.5]])
    margin = 0.5 * (1.0 - NODES[-1])
    return off(function(boxes, error, np.array([True])), 2.0 * error + margin)


def _jumps_at_the_end(function: Callable[..., Any]) -> float:
    """Errors of a function that jumps are added up; beside it one with kinks only."""
    boxes = _boxes(lambda x: x[:, :, 0] ** 2, [[0.0], [1.0]], [[1.0], [2.0]])
    error = np.array([[3.0], [4.0]])
    return off(function(boxes, error, np.array([True]), True).error, 7.0)


def _at_faces(function: Callable[..., Any]) -> float:
    """A large box beside two small ones, of constants 1, 4 and 6: how far they are apart."""
    lower = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0]])
    upper = np.array([[2.0, 2.0], [3.0, 1.0], [3.0, 2.0]])
    values = np.repeat(np.array([1.0, 4.0, 6.0]), 36).reshape(3, 36, 1)
    margin = 0.5 * (1.0 - NODES[-1])
    # Half of the large box's right face meets each small one.
    expected = margin * np.array([4.0 * 4.0, 3.0 + 2.0, 5.0 + 2.0])
    return off(function(lower, upper, values, 6)[:, 0], expected)


BOXES: Table = {
    "jumps: errors that cancel": (
        _cut_by_a_line, _INTEGRATE, "_finish(boxes, error, jumping, converged)",
        "_finish(boxes, error, jumping & False, converged)",
    ),
    "jumps: nothing hides at faces": (
        _faces_and_errors, adaptive_cells._in_full, "+ hidden", "",
    ),
    "jumps: others make up for a box": (
        _faces_and_errors, adaptive_cells._in_full, "_ALONE *", "",
    ),
    "jumps: what is hidden instead of what is seen": (
        _faces_and_errors, adaptive_cells._in_full, "_ALONE * error[:, jumping] +", "",
    ),
    "jumps: the last box's error alone": (
        _jumps_at_the_end, adaptive_cells._finish, "error[:, jumping].sum(axis=0)",
        "error[-1, jumping]",
    ),
    "faces: half of the disagreement": (
        _at_faces, box_faces.hidden_at_faces, "np.abs(ours", "0.5 * np.abs(ours",
    ),
    "faces: one side of each axis": (
        _at_faces, box_faces.hidden_at_faces, "range(dim), (-1.0, 1.0)", "range(dim), (1.0,)",
    ),
    "faces: of one axis": (
        _at_faces, box_faces.hidden_at_faces, "product(range(dim),", "product(range(1),",
    ),
    "faces: the room of a unit box": (
        _at_faces, box_faces.hidden_at_faces, "width[part].prod(axis=1)[:, None]", "1.0",
    ),
    "without the sum": (
        _combined, adaptive_cells._radius, "_SUM_SHARE * error.sum(axis=0) +", "",
    ),
    "without the squares": (
        _combined, adaptive_cells._radius, "+ 3.0 * np.sqrt((error**2).sum(axis=0))", "",
    ),
    "a share of one of the squares": (_combined, adaptive_cells._radius, "3.0 *", ""),
    "radius of one function for all": (
        _combined, adaptive_cells._radius, "(error**2).sum(axis=0)", "(error**2).sum()",
    ),
    "the end without the squares": (
        _at_the_end, adaptive_cells._finish, "radius = _radius(error)",
        "radius = _SUM_SHARE * error.sum(axis=0)",
    ),
    "the end without the boxes' errors": (
        _at_the_end, adaptive_cells._finish, "box_error=error", "box_error=0.0 * error",
    ),
    "without what splitting changed": (
        _blamed, _SPLIT, "_CHANGE_SHARE * change * share", "0.0 * change",
    ),
    "a tenth of what splitting changed": (
        _blamed, _SPLIT, "_CHANGE_SHARE * change", "0.1 * change",
    ),
    "without their own roughness": (
        _rough_children, _SPLIT, ", _FLOOR_SHARE * trouble", ", 0.0 * trouble",
    ),
    "roughness of degree 5 only": (
        _trouble, adaptive_cells._trouble, "degree >= BOX_ORDER - 2]", "degree >= BOX_ORDER - 1]",
    ),
    "roughness damped twice": (
        _trouble, adaptive_cells._trouble, "2.0 * high /", "high /",
    ),
    "roughness damped by degree 3 only": (
        _trouble, adaptive_cells._trouble, "degree >= BOX_ORDER - 4", "degree >= BOX_ORDER - 3",
    ),
    "roughness not damped": (
        _trouble, adaptive_cells._trouble, "high * damping *", "high *",
    ),
    "roughness without the area": (
        _trouble, adaptive_cells._trouble, "* area[:, None]", "",
    ),
    "area of the half-widths": (
        _trouble, adaptive_cells._trouble, "(2.0**dim) * half", "half",
    ),
    "first ones without error": (
        _first_boxes, _INTEGRATE, "np.full_like(boxes.error, np.inf)", "0.0 * boxes.error",
    ),
    "boxes on a line: half of the kink": (_on_a_line, _INTEGRATE, "_ALONE * error", "error"),
    "boxes on a line: nothing hides at edges": (
        _jump_at_an_edge, _INTEGRATE, "np.maximum(_ALONE * error, _hidden_at_edges(boxes))",
        "_ALONE * error",
    ),
    "edges: hidden on the left only": (
        _edges, adaptive_cells._hidden_at_edges, "hidden[1:] = gap * width[1:]", "pass",
    ),
    "edges: hidden on the right only": (
        _edges, adaptive_cells._hidden_at_edges, "np.maximum(hidden[:-1], gap * width[:-1])",
        "hidden[:-1]",
    ),
    "edges: half of what hides": (
        _edges, adaptive_cells._hidden_at_edges, "margin = 0.5 *", "margin = 0.25 *",
    ),
    "edges: width of the other box": (
        _edges, adaptive_cells._hidden_at_edges, "gap * width[1:]", "gap * width[:-1]",
    ),
    "edges: boxes that do not meet": (
        _edges, adaptive_cells._hidden_at_edges, "* margin * meet", "* margin",
    ),
    "edges: boxes in the order they came": (
        _edges, adaptive_cells._hidden_at_edges, "result[order] = hidden", "result[:] = hidden",
    ),
}  # fmt: skip
