"""Radii of the IWAE objective (objectives/importance.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import PLANE, density, with_missing
from tests.radii.table import Table, off, rewired
from theorycheck.objectives import _iwae_objective as importance
from theorycheck.progress import NO_PROGRESS
from theorycheck.quadrature._data_nodes import DataSample, TrapezoidGrid


def _iwae_parts(function: Callable[..., Any]) -> float:
    """J_S and the gap to log p_f, on a 4 × 4 grid of made-up values."""
    rng = np.random.default_rng(3)
    index = np.stack(np.meshgrid(np.arange(4), np.arange(4), indexing="ij"), -1).reshape(-1, 2)
    step, sigma = 0.5, PLANE.sigma
    mass = rng.dirichlet(np.ones(16))
    mass[3], mass[5] = 1e-6, 0.0
    volume = 0.125
    x = index * step * sigma
    # Small, so that what is not seen counts beside them.
    p, p_f, bound = 1e-3 * rng.normal(size=(3, 16))
    errors = 1e-4 * rng.uniform(size=(3, 16))
    errors[0, 3] = 1e6
    grid = TrapezoidGrid(
        x, np.log(np.maximum(mass / volume, 1e-300)), volume, np.zeros(16, bool), 2e-6
    )
    field, data = SimpleNamespace(panels=object()), with_missing(PLANE, 3e-6)
    kept = np.flatnonzero(mass > 0.0)
    densities = {id(data): density(p[kept], errors[0, kept])}
    densities[id(field.panels)] = density(p_f[kept], errors[1, kept])
    found = rewired(
        function, trapezoid_grid=lambda *_: grid,
        log_density=lambda panels, _: densities[id(panels)],
        _bounds=lambda *_: SimpleNamespace(value=bound[kept], error=errors[2, kept]),
    )(field, data, 5, "optimal", step, None)  # fmt: skip
    worst = 0.0
    for estimate, values in zip(found, (p - bound, p_f - bound), strict=True):
        total = float(mass @ values)
        rules = [
            4.0 * float((mass * values)[(index % 2 == parity).all(axis=1)].sum())
            for parity in ((0, 0), (0, 1), (1, 0), (1, 1))
        ]
        rule = max(abs(r - total) for r in rules)
        unseen = (1e-7 + 2e-6 + 3e-6) * 100.0
        resolved = float(mass @ np.minimum(errors.sum(axis=0), 100.0))
        worst = max(worst, off(estimate.error, rule + unseen + resolved + 1e-13))
    return worst


def _iwae_of_a_sample(function: Callable[..., Any]) -> float:
    """Five standard errors over the repetitions, and what the values are known to."""
    rng = np.random.default_rng(4)
    draws = DataSample(rng.normal(size=(4, 8, 1)))
    p, p_f, bound = rng.normal(size=(3, 32))
    errors = rng.uniform(0.0, 0.1, size=(3, 32))
    field, data = SimpleNamespace(panels=object()), object()
    densities = {id(data): density(p, errors[0]), id(field.panels): density(p_f, errors[1])}
    found = rewired(
        function, log_density=lambda panels, _: densities[id(panels)],
        _bounds=lambda *_: SimpleNamespace(value=bound, error=errors[2]),
    )(field, data, draws, 5, "optimal", None)  # fmt: skip
    worst = 0.0
    for estimate, values in zip(found, (p - bound, p_f - bound), strict=True):
        means = values.reshape(4, 8).mean(axis=1)
        spread = 5.0 * math.sqrt(float(((means - means.mean()) ** 2).sum()) / 3.0 / 4.0)
        worst = max(worst, off(estimate.error, spread + errors.sum(axis=0).mean()))
    return worst


def _all_errors(function: Callable[..., Any]) -> float:
    """L_S in batches of 256: every x keeps its own error."""
    error = np.random.default_rng(5).uniform(size=300)

    def bound(_field: Any, x: Any, *_: Any) -> Any:
        return SimpleNamespace(value=x[:, 0], error=error[np.rint(x[:, 0]).astype(int)])

    x = np.arange(300.0)[:, None]
    found = rewired(function, iwae_bound=bound)(
        SimpleNamespace(optimal_q=lambda _: SimpleNamespace(mean=0.0, scale=1.0)),
        x, 5, "elbo", NO_PROGRESS,
    )  # fmt: skip
    return off(found.error, error)


IWAE_OBJECTIVE: Table = {
    "without the mass left out": (
        _iwae_parts, importance._on_grid, "_IGNORED_MASS + grid.", "grid.",
    ),
    "without what the grid misses": (
        _iwae_parts, importance._on_grid, "+ grid.missing_mass", "",
    ),
    "without what the panels miss": (
        _iwae_parts, importance._on_grid, "+ data.missing_mass", "",
    ),
    "one nat where nothing is seen": (
        _iwae_parts, importance._on_grid, ") * _LARGEST_GAP", ")",
    ),
    "without the error of p": (
        _iwae_parts, importance._on_grid, "p.relative_error + p_f", "p_f",
    ),
    "without the error of p_f": (
        _iwae_parts, importance._on_grid, "+ p_f.relative_error", "",
    ),
    "without the error of L_S": (_iwae_parts, importance._on_grid, "+ bound.error", ""),
    "without what is not seen": (_iwae_parts, importance._on_grid, "= unseen +", "="),
    "without the change of the rule": (
        _iwae_parts, importance._on_grid, "change + evaluation", "evaluation",
    ),
    "without the errors at the nodes": (
        _iwae_parts, importance._on_grid, "+ evaluation)", ")",
    ),
    "sample: without the errors at the nodes": (
        _iwae_of_a_sample, importance._on_sample, "error + evaluation", "error",
    ),
    "sample: without its standard error": (
        _iwae_of_a_sample, importance._on_sample, "error + evaluation", "evaluation",
    ),
    "sample: without the error of L_S": (
        _iwae_of_a_sample, importance._on_sample, "+ bound.error", "",
    ),
    "sample: without the error of p": (
        _iwae_of_a_sample, importance._on_sample, "p.relative_error + p_f", "p_f",
    ),
    "sample: without the error of p_f": (
        _iwae_of_a_sample, importance._on_sample, "+ p_f.relative_error", "",
    ),
    "errors lost between batches": (
        _all_errors, importance._bounds, "[part.error for part in parts]",
        "[0.0 * part.error for part in parts]",
    ),
}  # fmt: skip
