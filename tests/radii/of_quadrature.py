"""Radii of the rules: boxes in data space, the grid, samples, panels in z (quadrature/)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from scipy.special import ndtr

from tests.radii.table import Table, getter, off, rewired, shortfall
from theorycheck.models.loading import load_model
from theorycheck.quadrature import adaptive_cells, data_nodes, latent_panels
from theorycheck.quadrature.data_nodes import DataSample, TrapezoidGrid
from theorycheck.quadrature.latent_panels import LatentPanels

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
    found = function(boxes, error, True)
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


def _rule_and_its_half(function: Callable[..., Any]) -> float:
    """The change from the rule of twice the step, whose nodes weigh 2^D times as much."""
    worst = 0.0
    for dim in (1, 2):
        index = np.stack(np.meshgrid(*[np.arange(4)] * dim, indexing="ij"), -1).reshape(-1, dim)
        coarse = (index % 2 == 0).all(axis=1)
        values = np.random.default_rng(dim).normal(size=len(index))
        grid = TrapezoidGrid(index * 1.0, np.zeros(len(index)), 0.3, coarse, 0.0)
        _, change = function(grid, values)
        expected = 0.3 * abs(values.sum() - 2.0**dim * values[coarse].sum())
        worst = max(worst, off(change, expected))
    return worst


@cache
def _panels_of(formula: str) -> LatentPanels:
    return latent_panels.latent_panels(load_model(f"expr:{formula}", noise_variance=0.25))


def _mass_of_a_grid(function: Callable[..., Any]) -> float:
    """Outer latents given up: the mass that the grid then lacks is missing, and said to be."""
    worst = 0.0
    # On the second and third the cut goes through a panel: normal tails are short of it by 6 %.
    for formula, most in (("60*z", 64 * 20), ("exp(1.5*z)", 64 * 8), ("exp(1.5*z)", 64 * 30)):
        panels = _panels_of(formula)
        grid = rewired(function, MAX_GRID_NODES=most, _LATENT_REACH=3.8)(panels, 0.5)
        seen = grid.volume * float(np.exp(grid.log_density).sum())
        assert 1e-9 < 1.0 - seen < 0.5
        worst = max(worst, shortfall((1.0 - seen) * (1.0 - 1e-8), grid.missing_mass))
    return worst


def _unresolved_grid(function: Callable[..., Any]) -> float:
    panels = latent_panels.latent_panels(load_model("expr:z", noise_variance=0.25))
    found = function(dataclasses.replace(panels, unresolved_mass=0.004), 0.5)
    return off(found.missing_mass, 0.004)


def _standard_errors(function: Callable[..., Any]) -> float:
    """Five of them: over repetitions where there are some, else over draws; of one draw none."""
    values = np.array([[1.0, 2.0, 6.0], [2.0, 2.0, 2.0], [7.0, 0.0, -1.0], [0.5, 0.0, 1.0]])
    means = values.mean(axis=1)
    over_means = 5.0 * math.sqrt(float(((means - means.mean()) ** 2).sum()) / 3.0 / 4.0)
    # 1, 2, 6 have mean 3 and variance (4 + 1 + 9)/2.
    over_draws = 5.0 * math.sqrt(7.0 / 3.0)
    sample = DataSample(np.zeros((1, 3, 1)))
    found = [function(sample, v)[1] for v in (values, values[:1], values[:1, :1])]
    return off(found, [over_means, over_draws, math.inf])


def _missing(function: Callable[..., Any]) -> float:
    panels = SimpleNamespace(unresolved_mass=0.01, reach=2.0)
    return off(function(panels), 0.01 + 2.0 * float(ndtr(-2.0)))


def _balls(function: Callable[..., Any]) -> float:
    """A panel's ball holds f to its edges, and a run's ball those of its panels."""
    model = load_model("expr:[z, sin(2*z)]", noise_variance=[0.25, 0.04])
    mesh = latent_panels._refine(model, (), 6.0, 1000)
    panels = function(model, 6.0, (), mesh)
    worst = 0.0
    for j in range(panels.size):
        z = np.linspace(panels.left[j], panels.right[j], 50)
        for centre, radius in (
            (panels.centre[j], panels.radius[j]),
            (panels.block_centre[j // 8], panels.block_radius[j // 8]),
        ):
            distance = np.linalg.norm((model.decoder(z) - centre) / model.sigma, axis=1).max()
            worst = max(worst, shortfall(distance * (1.0 - 1e-12), radius))
    edge = np.linalg.norm(
        (panels.centre - panels.block_centre.repeat(8, 0)[: panels.size]) / model.sigma, axis=1
    )
    return max(
        worst,
        shortfall(
            (edge + panels.radius) * (1 - 1e-12), panels.block_radius.repeat(8)[: panels.size]
        ),
    )


def _defects(function: Callable[..., Any]) -> float:
    """The size of the last two coefficients of f, in σ of each dimension."""
    model = load_model("expr:[z, z]", noise_variance=[0.25, 4.0])
    mesh = latent_panels._refine(model, (), 2.0, 1000)
    series = np.zeros_like(mesh.coefficients)
    series[0, 0, 14], series[1, 0, 15], series[2, 1, 15] = 0.1, -0.3, 0.8
    series[3, :, 15] = -0.2, 0.4
    found = function(model, 2.0, (), dataclasses.replace(mesh, coefficients=series)).defect
    return off(found[:4], [0.2, 0.6, 0.4, 0.4])


def _unresolved(function: Callable[..., Any]) -> float:
    """The prior mass of the panels that do not resolve f, from those that do not."""
    model = load_model("expr:z", noise_variance=0.25)
    mesh = latent_panels._refine(model, (), 6.0, 1000)
    resolved = np.ones(mesh.left.size, dtype=bool)
    resolved[[1, 6]] = False
    panels = function(model, 6.0, (), dataclasses.replace(mesh, resolved=resolved))
    left, right = mesh.left[[1, 6]], mesh.right[[1, 6]]
    return max(off(panels.unresolved_mass, float((ndtr(right) - ndtr(left)).sum())) - 1e-9, 0.0)


def _budget(function: Callable[..., Any]) -> float:
    """A curve of 10,000 σ on 40 panels: hardly any mass is resolved, and none is said to be."""
    model = load_model("expr:1000*z", noise_variance=0.01)
    mesh = function(model, (), 4.0, 40)
    steep = np.abs(mesh.right - mesh.left) * 1e4 > 3.1
    return float((mesh.resolved & steep).sum())


def _repetitions(function: Callable[..., Any]) -> float:
    """Scramblings are independent: their means scatter, and five standard errors hold E x = 0."""
    worst = 0.0
    for seed in range(5):
        sample = function(load_model("expr:z", noise_variance=0.25), size=16, repeats=8, seed=seed)
        mean, radius = sample.average(sample.x[..., 0])
        scattered = len(np.unique(np.round(sample.x.mean(axis=1), 12))) == 8
        worst = max(worst, shortfall(abs(mean), radius), float(not scattered))
    return worst


_INTEGRATE = adaptive_cells.integrate_boxes
_SPLIT = adaptive_cells._split

QUADRATURE: Table = {
    "boxes: without the sum": (
        _combined, adaptive_cells._radius, "_SUM_SHARE * error.sum(axis=0) +", "",
    ),
    "boxes: without the squares": (
        _combined, adaptive_cells._radius, "+ 3.0 * np.sqrt((error**2).sum(axis=0))", "",
    ),
    "boxes: a share of one of the squares": (_combined, adaptive_cells._radius, "3.0 *", ""),
    "boxes: radius of one function for all": (
        _combined, adaptive_cells._radius, "(error**2).sum(axis=0)", "(error**2).sum()",
    ),
    "boxes: the end without the squares": (
        _at_the_end, adaptive_cells._finish, "error=_radius(error)",
        "error=_SUM_SHARE * error.sum(axis=0)",
    ),
    "boxes: the end without the boxes' errors": (
        _at_the_end, adaptive_cells._finish, "box_error=error", "box_error=0.0 * error",
    ),
    "boxes: without what splitting changed": (
        _blamed, _SPLIT, "_CHANGE_SHARE * change * share", "0.0 * change",
    ),
    "boxes: a tenth of what splitting changed": (
        _blamed, _SPLIT, "_CHANGE_SHARE * change", "0.1 * change",
    ),
    "boxes: without their own roughness": (
        _rough_children, _SPLIT, ", _FLOOR_SHARE * trouble", ", 0.0 * trouble",
    ),
    "boxes: roughness of degree 5 only": (
        _trouble, adaptive_cells._trouble, "degree >= BOX_ORDER - 2]", "degree >= BOX_ORDER - 1]",
    ),
    "boxes: roughness damped twice": (
        _trouble, adaptive_cells._trouble, "2.0 * high /", "high /",
    ),
    "boxes: roughness damped by degree 3 only": (
        _trouble, adaptive_cells._trouble, "degree >= BOX_ORDER - 4", "degree >= BOX_ORDER - 3",
    ),
    "boxes: roughness not damped": (
        _trouble, adaptive_cells._trouble, "high * damping *", "high *",
    ),
    "boxes: roughness without the area": (
        _trouble, adaptive_cells._trouble, "* area[:, None]", "",
    ),
    "boxes: area of the half-widths": (
        _trouble, adaptive_cells._trouble, "(2.0**dim) * half", "half",
    ),
    "boxes: first ones without error": (
        _first_boxes, _INTEGRATE, "np.full_like(boxes.error, np.inf)", "0.0 * boxes.error",
    ),
    "boxes on a line: half of the kink": (
        _on_a_line, _INTEGRATE, "_LINE_SHARE * error", "error",
    ),
    "boxes on a line: nothing hides at edges": (
        _jump_at_an_edge, _INTEGRATE, "np.maximum(_LINE_SHARE * error, _hidden_at_edges(boxes))",
        "_LINE_SHARE * error",
    ),
    "edges: hidden on the left only": (
        _edges, adaptive_cells._hidden_at_edges, "hidden[1:] = gap * width[1:]", "pass",
    ),
    "edges: hidden on the right only": (
        _edges, adaptive_cells._hidden_at_edges,
        "np.maximum(hidden[:-1], gap * width[:-1])", "hidden[:-1]",
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
    "grid: change of 0": (
        _rule_and_its_half, TrapezoidGrid.integrate, "abs(fine - coarse)", "0.0",
    ),
    "grid: coarse rule as of D = 1": (
        _rule_and_its_half, TrapezoidGrid.integrate, "2.0**dim *", "2.0 *",
    ),
    "grid: without the latents given up": (
        _mass_of_a_grid, data_nodes.trapezoid_grid, "missing_mass=tail +", "missing_mass=",
    ),
    "grid: normal tails for the nodes given up": (
        _mass_of_a_grid, data_nodes.trapezoid_grid,
        "float(np.exp(panels.log_weight[~inner]).sum())",
        "math.erfc(reach / math.sqrt(2.0))",
    ),
    "grid: without what the panels do not resolve": (
        _unresolved_grid, data_nodes.trapezoid_grid, "+ panels.missing_mass", "",
    ),
    "sample: one standard error": (
        _standard_errors, DataSample.average, "5.0 * float(means.std", "float(means.std",
    ),
    "sample: one standard error of draws": (
        _standard_errors, DataSample.average, "5.0 * float(values.std", "float(values.std",
    ),
    "sample: variance about its own mean": (
        _standard_errors, DataSample.average, "ddof=1", "ddof=0",
    ),
    "sample: over the repetitions' number": (
        _standard_errors, DataSample.average, "math.sqrt(repeats)", "repeats",
    ),
    "sample: over the number of draws": (
        _standard_errors, DataSample.average, "math.sqrt(size)", "size",
    ),
    "sample: one draw is enough": (_standard_errors, DataSample.average, "math.inf", "0.0"),
    "sample: repetitions that are one": (
        _repetitions, data_nodes.quasi_monte_carlo, "rng=child", "rng=0",
    ),
    "panels: without what is unresolved": (
        _missing, getter(LatentPanels, "missing_mass"), "self.unresolved_mass +", "",
    ),
    "panels: without what is beyond": (
        _missing, getter(LatentPanels, "missing_mass"), "2.0 *", "0.0 *",
    ),
    "panels: beyond on one side": (_missing, getter(LatentPanels, "missing_mass"), "2.0 *", ""),
    "panels: ball of the nodes": (
        _balls, latent_panels._assemble, "1.05 * spread", "spread",
    ),
    "panels: ball of the nearest node": (
        _balls, latent_panels._assemble, "axis=1).max(axis=1)", "axis=1).min(axis=1)",
    ),
    "panels: run that holds the centres only": (
        _balls, latent_panels._assemble, "axis=1) + radius", "axis=1)",
    ),
    "panels: ball with the σ of another dimension": (
        _balls, latent_panels._assemble, "/ sigma[:, None], axis=1)", "/ sigma[::-1][:, None], axis=1)",
    ),
    "panels: defect of the last degree only": (
        _defects, latent_panels._assemble, "mesh.coefficients[:, :, -2:]",
        "mesh.coefficients[:, :, -1:]",
    ),
    "panels: defect in data units": (
        _defects, latent_panels._assemble, "-2:] / sigma[:, None]", "-2:]",
    ),
    "panels: defect of the first dimension": (
        _defects, latent_panels._assemble, "mesh.coefficients[:, :, -2:]",
        "mesh.coefficients[:, :1, -2:]",
    ),
    "panels: everything resolved": (
        _unresolved, latent_panels._assemble, "log_mass[~mesh.resolved]", "log_mass[:0]",
    ),
    "panels: resolved where f moves by many σ": (
        lambda function: _budget(rewired(latent_panels._refine, _evaluate=function)),
        latent_panels._evaluate, "(move <= LARGEST_MOVE) &", "",
    ),
}  # fmt: skip
