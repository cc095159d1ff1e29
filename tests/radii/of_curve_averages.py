"""Radii of the PMO and of residuals along the curve (objectives/_curve_averages.py)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import PLANE, UNRESOLVED, UNRESOLVED_PLANE, density, noise_integral
from tests.radii.table import Table, off, rewired
from theorycheck.objectives._curve_averages import CurveAverages


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
    integral = noise_integral(
        value=np.array([0.2, 1.1, 2.2, 0.0, 0.0, 0.0]), reach=reach, weight=weight, values=values,
        error=np.array([0.01, 2e-3, 3e-3, 0.4, 0.5, 0.6]), x=np.zeros((3, 2)),
    )  # fmt: skip
    found = function(SimpleNamespace(panels=UNRESOLVED_PLANE), integral)
    missing = 2e-4 + UNRESOLVED
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
    integral = noise_integral(
        value=np.zeros(6), error=np.zeros(6), values=np.zeros((2, 6)), reach=np.zeros((2, 3, 2)),
        missing_mass=0.0,
    )  # fmt: skip
    found = function(
        SimpleNamespace(panels=SimpleNamespace(model=PLANE, missing_mass=0.0)), integral
    )
    radii = [found.pmo_error, *found.residual_error, found.missing_mass]
    return off(radii, [1e-13, 0.25e-13, 4e-13, 1e-14])


def _columns(function: Callable[..., Any], optimal_q: Callable[..., Any], p: Any) -> Any:
    """Return what is integrated along the curve: (n, 6), f being off x by one everywhere."""
    seen: list[Any] = []
    at = np.zeros((len(p.value), 2))

    def integrate(integrand: Any, *_: Any, **__: Any) -> Any:
        seen.append(integrand(at))
        return noise_integral()

    field = SimpleNamespace(optimal_q=optimal_q, expectations=lambda *_: (at, at + 1.0))
    rule = SimpleNamespace(
        panels=UNRESOLVED_PLANE, field=field, strips=None, max_nodes=9, progress=None,
        tolerance=1e-6, residual_tolerance=1e-3, _of_strips=lambda found: found,
    )  # fmt: skip
    p.posterior_mean_f = at + np.array([0.5, 8.0])
    rewired(function, integrate_noise=integrate, log_density=lambda *_: p)(rule)
    return seen[0]


def _posterior_column(function: Callable[..., Any]) -> float:
    """The last column: what q* may miss, and what log p is off by; each 100 nats at most."""
    # KL is 1, 1, 7 and, by rounding, −0.001.
    p = density([-1.0, -2.0, 3.0, -1.0], [0.1, 0.3, np.inf, 0.2])

    def optimal_q(*_: Any, evidence: Any = None, **__: Any) -> Any:
        # With log p at hand the search knows what q* cannot gain.
        gap = np.array([0.02, np.inf, 0.0, 0.5]) if evidence is p else np.full(4, 3.0)
        return SimpleNamespace(
            negative_elbo=np.array([2.0, 3.0, 4.0, 0.999]), mean=None, scale=None, gap=gap
        )

    columns = _columns(function, optimal_q, p)
    return max(
        off(columns[:, -1], [0.22, 100.6, 100.0, 0.7002]), off(columns[:3, 0], [1.0, 1.0, 7.0]),
        off(columns[0, 1:5], [4.0, 0.25, 2.0, 2.0]),
    )  # fmt: skip


_STRIPS, _POSTERIOR = CurveAverages._of_strips, CurveAverages.posterior

CURVE_AVERAGES: Table = {
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
        _posterior_column, _POSTERIOR, "np.minimum(best.gap, LARGEST_KL)", "0.0 * kl",
    ),
    "column: log p known exactly": (
        _posterior_column, _POSTERIOR,
        "unsure += np.minimum(p.relative_error * (1.0 + np.abs(kl)), LARGEST_KL)", "",
    ),
    "column: gap of any size": (
        _posterior_column, _POSTERIOR, "np.minimum(best.gap, LARGEST_KL)", "1.0 * best.gap",
    ),
    "column: log p not handed on": (
        _posterior_column, _POSTERIOR, "evidence=p, ", "",
    ),
    "column: error of log p of any size": (
        _posterior_column, _POSTERIOR,
        "np.minimum(p.relative_error * (1.0 + np.abs(kl)), LARGEST_KL)",
        "p.relative_error * (1.0 + np.abs(kl))",
    ),
    "column: log p known exactly as a weight": (
        _posterior_column, _POSTERIOR, "p.relative_error * (1.0 + np.abs(kl))",
        "p.relative_error",
    ),
}  # fmt: skip
