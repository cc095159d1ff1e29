"""Radii of the entropy along the curve, and what strips leave (objectives/_curve_averages.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import (
    PLANE,
    UNRESOLVED,
    UNRESOLVED_PLANE,
    density,
    five_standard_errors,
    noise_integral,
)
from tests.radii.table import Table, off, rewired
from theorycheck.estimate import Estimate, Kind
from theorycheck.objectives._curve_averages import CurveAverages
from theorycheck.quadrature._data_nodes import DataSample, TrapezoidGrid


def _entropy_of_strips(function: Callable[..., Any]) -> float:
    """The rule's error, log p's own, and mass that is not seen at 40 nats more than is."""
    rule = SimpleNamespace(panels=UNRESOLVED_PLANE, strips=None, max_nodes=9, progress=None)
    found = rewired(function, integrate_noise=lambda *_, **__: noise_integral())(rule)
    expected = 0.01 + 0.003 + (2e-4 + UNRESOLVED) * (5.0 + 40.0) + 1e-14 * 5.0
    return off(found.error, expected) + (found.kind is not Kind.ESTIMATED)


def _entropy_of_both(function: Callable[..., Any]) -> float:
    """What is left has a radius of its own, and may be a sample's."""
    rule = SimpleNamespace(
        panels=UNRESOLVED_PLANE, strips=None, max_nodes=9, progress=None,
        _entropy_of=lambda *_: Estimate(0.3, 0.07, Kind.STATISTICAL),
    )  # fmt: skip
    bare = rewired(
        function, integrate_noise=lambda *_, **__: noise_integral(apart=np.array([True, False])),
        only=lambda *_: None, lengths=lambda _: np.array([1.0, 2.0]),
    )  # fmt: skip
    found = bare(rule)
    expected = 0.01 + 0.003 + (2e-4 + UNRESOLVED) * 45.0 + 5e-14 + 0.07
    return off(found.error, expected) + (found.kind is not Kind.STATISTICAL)


def _entropy_to_rounding(function: Callable[..., Any]) -> float:
    """Where every part is known exactly rounding is left, in proportion to the largest log p."""
    none = noise_integral(error=np.zeros(2), value=np.array([2.5, 0.0]), missing_mass=0.0)
    panels = SimpleNamespace(model=PLANE, missing_mass=0.0)
    rule = SimpleNamespace(panels=panels, strips=None, max_nodes=9, progress=None)
    return off(rewired(function, integrate_noise=lambda *_, **__: none)(rule).error, 5e-14)


def _entropy_column(function: Callable[..., Any]) -> float:
    """Beside −log p, the rule integrates to what each log p is known: at most to a nat."""
    seen: list[Any] = []

    def integrate(integrand: Any, *_: Any, **__: Any) -> Any:
        seen.append(integrand(np.zeros((3, 2))))
        return noise_integral()

    rule = SimpleNamespace(panels=UNRESOLVED_PLANE, strips=None, max_nodes=9, progress=None)
    p = density([-1.0, -2.0, 3.0], [0.1, 0.02, 70.0])
    rewired(function, integrate_noise=integrate, log_density=lambda *_: p)(rule)
    return max(off(seen[0][:, 0], [1.0, 2.0, -3.0]), off(seen[0][:, 1], [0.1, 0.02, 1.0]))


def _entropy_of_grids(function: Callable[..., Any]) -> float:
    """Of a part on a grid: the rule's change, log p's error, latents given up, and rounding."""
    p = np.array([0.1, 0.4, 0.3, 0.2])
    log_p, relative = np.log([0.3, 0.5, 0.3, 0.02]), np.array([1e-3, 2e-3, 3e-3, 40.0])
    known = np.array([1e-3, 2e-3, 3e-3, 1.0])
    worst = 0.0
    for missing, coarse in ((7e-4, [True, False, True, False]), (0.0, [False, True, False, True])):
        at = np.array(coarse)
        grid = TrapezoidGrid(np.zeros((4, 1)), np.log(p), 0.5, at, missing)
        part = SimpleNamespace(model=SimpleNamespace(data_dim=1))
        rule = SimpleNamespace(panels=None, max_nodes=1e6)
        found = rewired(
            function, trapezoid_grid=lambda *_, g=grid: g,
            log_density=lambda *_: density(log_p, relative),
        )(rule, part, 1.0)  # fmt: skip
        terms = -p * log_p
        change = 0.5 * abs(float(terms.sum() - 2.0 * terms[at].sum()))
        unseen = missing * (1.0 + 40.0 - math.log(0.02))
        expected = change + 0.5 * float(p @ known) + unseen + 1e-13
        worst = max(worst, off(found.error, expected), float(found.kind is not Kind.ESTIMATED))
    return worst


def _entropy_of_grids_to_rounding(function: Callable[..., Any]) -> float:
    """A grid that refinement does not change, of a log p that is known."""
    grid = TrapezoidGrid(np.zeros((2, 1)), np.zeros(2), 0.5, np.array([True, False]), 0.0)
    part = SimpleNamespace(model=SimpleNamespace(data_dim=1))
    found = rewired(
        function, trapezoid_grid=lambda *_: grid, log_density=lambda *_: density([-1.0, -1.0])
    )(SimpleNamespace(panels=None, max_nodes=1e6), part, 1.0)  # fmt: skip
    return off(found.error, 1e-13)


def _entropy_of_draws(function: Callable[..., Any]) -> float:
    """Of a part of mass 0.3: its share of five standard errors, and of log p's error."""
    rng = np.random.default_rng(3)
    log_p, relative = rng.normal(size=32), rng.uniform(0.0, 0.1, size=32)
    relative[5] = 50.0
    draws = DataSample(np.zeros((4, 8, 3)))
    rule = SimpleNamespace(panels=None, max_nodes=1e6, _draws=lambda _: (draws, 0.3))
    part = SimpleNamespace(model=SimpleNamespace(data_dim=3))
    found = rewired(function, log_density=lambda *_: density(log_p, relative))(rule, part, 1.0)
    known = float(np.minimum(relative, 1.0).mean())
    expected = 0.3 * (five_standard_errors(log_p) + known)
    return off(found.error, expected) + (found.kind is not Kind.STATISTICAL)


_H, _PART = CurveAverages.entropy, CurveAverages._entropy_of

CURVE_ENTROPY: Table = {
    "H: without the rule's error": (
        _entropy_of_strips, _H, "found.error[0] + abs(found.value[1])", "abs(found.value[1])",
    ),
    "H: rule's error of another column": (
        _entropy_of_strips, _H, "found.error[0]", "found.error[1]",
    ),
    "H: without log p's error": (
        _entropy_of_strips, _H, "found.error[0] + abs(found.value[1])", "found.error[0]",
    ),
    "H: log p's error by its sign": (
        _entropy_of_strips, _H, "abs(found.value[1])", "found.value[1]",
    ),
    "H: without strips that were not looked at": (
        _entropy_of_strips, _H, "found.missing_mass + panels.missing_mass", "panels.missing_mass",
    ),
    "H: without what the panels miss": (
        _entropy_of_strips, _H, "found.missing_mass + panels.missing_mass", "found.missing_mass",
    ),
    "H: log p where nothing is seen as where it is": (
        _entropy_of_strips, _H, "(largest + 40.0)", "largest",
    ),
    "H: log p of the middle": (
        _entropy_of_strips, _H, "1.0 + float(np.abs(found.values[:, 0]).max(initial=0.0))", "1.0",
    ),
    "H: largest log p by its sign": (
        _entropy_of_strips, _H, "np.abs(found.values[:, 0]).max", "(-found.values[:, 0]).max",
    ),
    "H: without the rest": (_entropy_of_both, _H, "error + rest.error", "error"),
    "H: the rest's radius alone": (_entropy_of_both, _H, "error + rest.error", "rest.error"),
    "H: the rest not statistical": (_entropy_of_both, _H, "kind | rest.kind", "kind"),
    "H: without rounding": (_entropy_to_rounding, _H, "error + 1e-14 * largest", "error"),
    "H: log p known exactly": (
        _entropy_column, _H, "np.minimum(p.relative_error, 1.0)", "0.0 * p.value",
    ),
    "H: log p off by more than a nat": (
        _entropy_column, _H, "np.minimum(p.relative_error, 1.0)", "p.relative_error",
    ),
    "H of a part: without the rule's change": (
        _entropy_of_grids, _PART, "change + off +", "off +",
    ),
    "H of a part: without log p's error": (_entropy_of_grids, _PART, "change + off +", "change +"),
    "H of a part: without latents given up": (_entropy_of_grids, _PART, "+ unseen", ""),
    "H of a part: latents given up at one nat": (
        _entropy_of_grids, _PART, "grid.missing_mass * (41.0 + float(np.abs(p.value).max()))",
        "grid.missing_mass",
    ),
    "H of a part: latents given up as in the middle": (
        _entropy_of_grids, _PART, "(41.0 + float(np.abs(p.value).max()))", "41.0",
    ),
    "H of a part: log p's error without its mass": (
        _entropy_of_grids, _PART, "density * np.minimum(p.", "np.minimum(p.",
    ),
    "H of a part: log p's error without the cell": (
        _entropy_of_grids, _PART, "off = grid.volume *", "off =",
    ),
    "H of a part: log p off by more than a nat": (
        _entropy_of_grids, _PART, "density * np.minimum(p.relative_error, 1.0)",
        "density * p.relative_error",
    ),
    "H of a part: without rounding": (
        _entropy_of_grids_to_rounding, _PART, "+ unseen + 1e-13", "+ unseen",
    ),
    "H of draws: without their standard error": (
        _entropy_of_draws, _PART, "error += float", "error = float",
    ),
    "H of draws: without log p's error": (
        _entropy_of_draws, _PART, "error += float(np.mean(np.minimum(p.relative_error, 1.0)))", "",
    ),
    "H of draws: log p off by more than a nat": (
        _entropy_of_draws, _PART, "np.mean(np.minimum(p.relative_error, 1.0))",
        "np.mean(p.relative_error)",
    ),
    "H of draws: radius of the whole": (_entropy_of_draws, _PART, "mass * error", "error"),
    "H of draws: not statistical": (_entropy_of_draws, _PART, ", Kind.STATISTICAL", ""),
}  # fmt: skip
