"""Radii of averages along the curve, and of what strips leave (objectives/curve_averages.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import PLANE, density, five_standard_errors, with_missing
from tests.radii.table import Table, off, rewired
from theorycheck.estimate import Estimate, Kind
from theorycheck.objectives.curve_averages import CurveAverages
from theorycheck.quadrature.data_nodes import DataSample, TrapezoidGrid

#: Prior mass that the panels do not resolve, and what of it lies beyond them (next to nothing).
_UNRESOLVED = 3e-5
_DATA = with_missing(PLANE, _UNRESOLVED)


def _integral(**change: Any) -> Any:
    """Return what the rule in (z, ε) returns, of errors that are told apart."""
    given = {
        "value": np.array([2.5, -0.003]), "error": np.array([0.01, 5e-4]), "missing_mass": 2e-4,
        "values": np.array([[-3.0, 0.1], [4.0, 0.2]]), "apart": np.array([False, False]),
        "weight": np.array([0.5, 0.5]), "x": np.zeros((2, 2)), "converged": True,
    }  # fmt: skip
    return SimpleNamespace(**{**given, **change})


def _entropy_of_strips(function: Callable[..., Any]) -> float:
    """The rule's error, log p's own, and mass that is not seen at 40 nats more than is."""
    rule = SimpleNamespace(panels=_DATA, strips=None, max_nodes=9, progress=None)
    found = rewired(function, integrate_noise=lambda *_, **__: _integral())(rule)
    expected = 0.01 + 0.003 + (2e-4 + _UNRESOLVED) * (5.0 + 40.0) + 1e-14 * 5.0
    return off(found.error, expected) + (found.kind is not Kind.ESTIMATED)


def _entropy_of_both(function: Callable[..., Any]) -> float:
    """What is left has a radius of its own, and may be a sample's."""
    rule = SimpleNamespace(
        panels=_DATA, strips=None, max_nodes=9, progress=None,
        _entropy_of=lambda *_: Estimate(0.3, 0.07, Kind.STATISTICAL),
    )  # fmt: skip
    bare = rewired(
        function, integrate_noise=lambda *_, **__: _integral(apart=np.array([True, False])),
        only=lambda *_: None, lengths=lambda _: np.array([1.0, 2.0]),
    )  # fmt: skip
    found = bare(rule)
    expected = 0.01 + 0.003 + (2e-4 + _UNRESOLVED) * 45.0 + 5e-14 + 0.07
    return off(found.error, expected) + (found.kind is not Kind.STATISTICAL)


def _entropy_to_rounding(function: Callable[..., Any]) -> float:
    """Where every part is known exactly rounding is left, in proportion to the largest log p."""
    none = _integral(error=np.zeros(2), value=np.array([2.5, 0.0]), missing_mass=0.0)
    panels = SimpleNamespace(model=PLANE, missing_mass=0.0)
    rule = SimpleNamespace(panels=panels, strips=None, max_nodes=9, progress=None)
    return off(rewired(function, integrate_noise=lambda *_, **__: none)(rule).error, 5e-14)


def _entropy_column(function: Callable[..., Any]) -> float:
    """Beside −log p, the rule integrates to what each log p is known: at most to a nat."""
    seen: list[Any] = []

    def integrate(integrand: Any, *_: Any, **__: Any) -> Any:
        seen.append(integrand(np.zeros((3, 2))))
        return _integral()

    rule = SimpleNamespace(panels=_DATA, strips=None, max_nodes=9, progress=None)
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


def _posterior_of_strips(function: Callable[..., Any]) -> float:
    """Each term of the PMO's radius and of each residual's, of sizes that are told apart."""
    # KL, two residuals, two slopes, and what q* and log p are known to.
    values = np.array([
        [0.3, 1.0, 2.0, 0.5, -0.1, 0.02], [-2e-3, 1.0, 2.0, 0.2, 0.3, 0.05],
        [-7.0, 1.0, 2.0, 0.0, 0.0, 90.0],
    ])  # fmt: skip
    # Where there is no mass KL may be anything.
    weight = np.array([0.6, 0.2, 1e-16])
    reach = np.zeros((3, 3, 2))
    # Directions of (z, ε): each may be the one in which KL rises.
    reach[0], reach[1] = [[0.1, 0.2], [0.0, 0.3], [0.4, 0.0]], [[0.5, 0.0], [0.0, 0.1], [0.1, 0.1]]
    integral = _integral(
        value=np.array([0.2, 1.1, 2.2, 0.0, 0.0, 0.0]), reach=reach, weight=weight, values=values,
        error=np.array([0.01, 2e-3, 3e-3, 0.4, 0.5, 0.6]), x=np.zeros((3, 2)),
    )  # fmt: skip
    found = function(SimpleNamespace(panels=_DATA), integral)
    missing = 2e-4 + _UNRESOLVED
    evaluation = 2e-3 * 0.8 + 1e-13 + 0.6 * 0.02 + 0.2 * 0.05 + 90.0 * 1e-16
    rest = missing * 100.0 + evaluation
    spread = [
        abs(0.05 - 0.02) + 0.03 + 0.2, 0.1 + 0.03 + abs(0.02 + 0.03), 0.0,
    ]  # fmt: skip
    return max(
        off(found.pmo_error, 0.01 + rest),
        off(found.residual_error, [(2e-3 + rest) * 0.25, (3e-3 + rest) * 4.0]),
        off(found.residual, [1.1 * 0.25, 2.2 * 4.0]),
        off(found.missing_mass, missing + 1e-14), max(off(found.spread, spread) - 1e-14, 0.0),
        float(found.sampled),
    )  # fmt: skip


def _posterior_to_rounding(function: Callable[..., Any]) -> float:
    """What is known exactly keeps 1e-13 nats."""
    integral = _integral(
        value=np.zeros(6), error=np.zeros(6), values=np.zeros((2, 6)), reach=np.zeros((2, 3, 2)),
        missing_mass=0.0,
    )  # fmt: skip
    found = function(
        SimpleNamespace(panels=SimpleNamespace(model=PLANE, missing_mass=0.0)), integral
    )
    radii = [found.pmo_error, *found.residual_error, found.missing_mass]
    return off(radii, [1e-13, 0.25e-13, 4e-13, 1e-14])


def _posterior_column(function: Callable[..., Any]) -> float:
    """The last column: what q* may miss, at most KL itself, and what log p is off by."""
    seen: list[Any] = []

    def integrate(integrand: Any, *_: Any, **__: Any) -> Any:
        seen.append(integrand(np.zeros((4, 2))))
        return _integral()

    def optimal_q(*_: Any, certify: bool = True) -> Any:
        return SimpleNamespace(
            negative_elbo=np.array([2.0, 3.0, 4.0, 0.999]), mean=None, scale=None,
            gap=np.array([0.02, np.inf, 0.0, 0.5]) if certify else np.full(4, np.inf),
        )  # fmt: skip

    field = SimpleNamespace(
        optimal_q=optimal_q, expectations=lambda *_: (np.zeros((4, 2)), np.ones((4, 2)))
    )
    rule = SimpleNamespace(
        panels=_DATA, field=field, strips=None, max_nodes=9, progress=None, tolerance=1e-6,
        residual_tolerance=1e-3, _of_strips=lambda found: found,
    )  # fmt: skip
    # KL is 1, 1, 7 and, by rounding, −0.001.
    p = density([-1.0, -2.0, 3.0, -1.0], [0.1, 0.3, np.inf, 0.2])
    p.posterior_mean_f = np.array([[0.5, 8.0]] * 4)
    rewired(function, integrate_noise=integrate, log_density=lambda *_: p)(rule)
    (columns,) = seen
    return max(
        off(columns[:, -1], [0.12, 1.3, 100.0, 0.2]), off(columns[:3, 0], [1.0, 1.0, 7.0]),
        off(columns[0, 1:5], [4.0, 0.25, 2.0, 2.0]),
    )  # fmt: skip


def _straight_line(function: Callable[..., Any]) -> float:
    """Where q* is the posterior to rounding there is no certificate: KL stands for its gap."""
    seen: list[Any] = []

    def integrate(integrand: Any, *_: Any, **__: Any) -> Any:
        seen.append(integrand(np.zeros((2, 2))))
        return _integral()

    best = SimpleNamespace(
        negative_elbo=np.array([2.0**-31, 2.0**-32]), mean=None, scale=None, gap=np.full(2, np.inf)
    )
    field = SimpleNamespace(
        optimal_q=lambda *_, **__: best,
        expectations=lambda *_: (np.zeros((2, 2)), np.ones((2, 2))),
    )
    rule = SimpleNamespace(
        panels=_DATA, field=field, strips=None, max_nodes=9, progress=None, tolerance=1e-6,
        residual_tolerance=1e-3, _of_strips=lambda found: found,
    )  # fmt: skip
    p = density([0.0, 0.0])
    p.posterior_mean_f = np.zeros((2, 2))
    rewired(function, integrate_noise=integrate, log_density=lambda *_: p)(rule)
    return off(seen[0][:, -1], [2.0**-31, 2.0**-32])


_H, _PART = CurveAverages.entropy, CurveAverages._entropy_of
_STRIPS, _POSTERIOR = CurveAverages._of_strips, CurveAverages.posterior

CURVE_AVERAGES: Table = {
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
    "PMO: without the rule's error": (
        _posterior_of_strips, _STRIPS, "float(found.error[0]) +", "",
    ),
    "PMO: without what is not seen": (
        _posterior_of_strips, _STRIPS, "float(found.error[0]) + unseen", "float(found.error[0])",
    ),
    "PMO: without the evaluation": (
        _posterior_of_strips, _STRIPS, "float(found.error[0]) + unseen + evaluation",
        "float(found.error[0]) + unseen",
    ),
    "PMO: without strips that were not looked at": (
        _posterior_of_strips, _STRIPS, "(found.missing_mass + self.panels.missing_mass) *",
        "(self.panels.missing_mass) *",
    ),
    "PMO: without what the panels miss": (
        _posterior_of_strips, _STRIPS, "(found.missing_mass + self.panels.missing_mass) *",
        "(found.missing_mass) *",
    ),
    "PMO: one nat where nothing is seen": (_posterior_of_strips, _STRIPS, ") * LARGEST_KL", ")"),
    "PMO: without what lies below zero": (
        _posterior_of_strips, _STRIPS, "rounding * float(found.weight.sum()) + 1e-13", "1e-13",
    ),
    "PMO: what lies below zero where no mass is": (
        _posterior_of_strips, _STRIPS, "kl[found.weight > 1e-12]", "kl",
    ),
    "PMO: what lies below zero without its mass": (
        _posterior_of_strips, _STRIPS, "rounding * float(found.weight.sum())", "rounding",
    ),
    "PMO: without what q* and log p are known to": (
        _posterior_of_strips, _STRIPS, "evaluation += float", "0.0 * float",
    ),
    "PMO: what q* and log p are known to without their mass": (
        _posterior_of_strips, _STRIPS, "found.weight * found.values[:, -1]", "found.values[:, -1]",
    ),
    "PMO: another column for what is known": (
        _posterior_of_strips, _STRIPS, "found.values[:, -1]", "found.values[:, -2]",
    ),
    "PMO: without rounding": (_posterior_to_rounding, _STRIPS, "+ 1e-13", ""),
    "residual: without the rule's error": (
        _posterior_of_strips, _STRIPS, "(found.error[residual] + unseen", "(unseen",
    ),
    "residual: the PMO's error": (
        _posterior_of_strips, _STRIPS, "found.error[residual]", "found.error[0]",
    ),
    "residual: without what is not seen": (
        _posterior_of_strips, _STRIPS, "found.error[residual] + unseen", "found.error[residual]",
    ),
    "residual: without the evaluation": (
        _posterior_of_strips, _STRIPS, "+ unseen + evaluation) * variance", "+ unseen) * variance",
    ),
    "residual: with the σ² of another dimension": (
        _posterior_of_strips, _STRIPS, "+ unseen + evaluation) * variance",
        "+ unseen + evaluation) * variance[::-1]",
    ),
    "residual: not in data units": (
        _posterior_of_strips, _STRIPS, "+ unseen + evaluation) * variance",
        "+ unseen + evaluation)",
    ),
    "partition: without strips that were not looked at": (
        _posterior_of_strips, _STRIPS, "missing_mass=found.missing_mass + self",
        "missing_mass=self",
    ),
    "partition: without what the panels miss": (
        _posterior_of_strips, _STRIPS, "found.missing_mass + self.panels.missing_mass + 1e-14",
        "found.missing_mass + 1e-14",
    ),
    "partition: without rounding": (_posterior_to_rounding, _STRIPS, "+ 1e-14", ""),
    "partition: spreads that cancel": (
        _posterior_of_strips, _STRIPS, "np.abs(np.einsum", "(np.einsum",
    ),
    "partition: spread of one direction": (
        _posterior_of_strips, _STRIPS, ".sum(axis=1)", ".max(axis=1)",
    ),
    "column: q* known exactly": (
        _posterior_column, _POSTERIOR, "np.minimum(best.gap, np.maximum(kl, 0.0))", "0.0 * kl",
    ),
    "column: log p known exactly": (
        _posterior_column, _POSTERIOR, "unsure += np.minimum(p.relative_error, LARGEST_KL)", "",
    ),
    "column: a KL below zero": (
        _posterior_column, _POSTERIOR, "np.minimum(best.gap, np.maximum(kl, 0.0))", "best.gap",
    ),
    "column: rounding below zero": (
        _posterior_column, _POSTERIOR, "np.maximum(kl, 0.0)", "kl",
    ),
    "column: error of log p of any size": (
        _posterior_column, _POSTERIOR, "np.minimum(p.relative_error, LARGEST_KL)",
        "p.relative_error",
    ),
    "column: no certificate": (
        _posterior_column, _POSTERIOR, "best = field.optimal_q(x)\n", "pass\n",
    ),
    "column: q* of a straight line known exactly": (
        _straight_line, _POSTERIOR, "np.minimum(best.gap, np.maximum(kl, 0.0))",
        "np.where(np.isfinite(best.gap), best.gap, 0.0)",
    ),
}  # fmt: skip
