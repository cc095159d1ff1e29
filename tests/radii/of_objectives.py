"""Radii of averages over p(x): total variation, the IWAE objective, posteriors where p is high."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired
from theorycheck.models.loading import load_model
from theorycheck.objectives import importance, simplicity
from theorycheck.objectives.total_variation import total_variation
from theorycheck.quadrature.data_nodes import DataSample, TrapezoidGrid
from theorycheck.quadrature.latent_panels import latent_panels

LINE = load_model("expr:z", noise_variance=0.25)
PLANE = load_model("expr:[z, 0*z]", noise_variance=[0.25, 4.0])


def _density(value: Any, relative: Any = 0.0, error: Any = 0.0) -> Any:
    value = np.asarray(value, float)
    full = [np.broadcast_to(np.asarray(v, float), value.shape) for v in (relative, error)]
    return SimpleNamespace(value=value, relative_error=full[0], error=full[1])


def _with_missing(model: Any, mass: float) -> Any:
    panels = latent_panels(model)
    given = {**vars(panels), "unresolved_mass": mass}
    return type(panels)(**given)


def _misplaced(function: Callable[..., Any]) -> float:
    """½ ∫ |p_f − p|, and its radius from six nodes of made-up densities."""
    p = np.array([0.1, 0.4, 0.3, 0.2, 0.25, 0.35])
    learned = np.array([0.3, 0.1, 0.2, 0.25, 0.1, 0.05])
    relative = np.array([0.01, 0.02, 0.03, 2.0, 0.05, 0.06])
    coarse = np.array([True, False] * 3)
    volume = 0.5
    grid = TrapezoidGrid(np.zeros((6, 1)), np.log(p), volume, coarse, 0.0007)
    data, model = _with_missing(LINE, 0.003), _with_missing(LINE, 0.005)
    found = rewired(
        function, trapezoid_grid=lambda *_: grid,
        log_density=lambda *_: _density(np.log(learned), relative),
    )(model, data)  # fmt: skip
    gap = 0.5 * np.abs(learned - p)
    change = volume * abs(gap.sum() - 2.0 * gap[coarse].sum())
    seen_change = volume * abs(learned.sum() - 2.0 * learned[coarse].sum())
    # A density that is off by more than all of itself is off by that.
    rounding = volume * float(learned @ np.minimum(relative, 1.0))
    expected = 2.0 * change + seen_change + 0.0007 + 0.003 + 0.005 + rounding
    # Half of it stands on the grid, the other half of what p_f has beyond it.
    value = volume * gap.sum() + 0.5 * (1.0 - volume * learned.sum())
    return max(off(found.error, expected + 1e-14), off(found.value, value))


def _half_far_away(function: Callable[..., Any]) -> float:
    """Half of p_f coincides with p, the other half lies 40σ off: one half is misplaced."""
    data = load_model("expr:0*z", noise_variance=0.25)
    model = load_model("expr:20*step(z)", noise_variance=0.25)
    found = function(model, data)
    return max(abs(found.value - 0.5) - found.error, 0.0) + (found.error > 1e-6)


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
    field, data = SimpleNamespace(panels=object()), _with_missing(PLANE, 3e-6)
    kept = np.flatnonzero(mass > 0.0)
    densities = {id(data): _density(p[kept], errors[0, kept])}
    densities[id(field.panels)] = _density(p_f[kept], errors[1, kept])
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
    densities = {id(data): _density(p, errors[0]), id(field.panels): _density(p_f, errors[1])}
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

    from theorycheck.progress import NO_PROGRESS

    x = np.arange(300.0)[:, None]
    found = rewired(function, iwae_bound=bound)(
        SimpleNamespace(optimal_q=lambda _: SimpleNamespace(mean=0.0, scale=1.0)),
        x, 5, "elbo", NO_PROGRESS,
    )  # fmt: skip
    return off(found.error, error)


def _mean_of_draws(function: Callable[..., Any]) -> float:
    """Five standard errors; where a count never varied, those of one draw that did."""
    values = np.array([0.3, -1.0, 2.0, 0.7])
    plain = 5.0 * math.sqrt(float(((values - 0.5) ** 2).sum()) / 3.0 / 4.0) + 1e-12
    constant = 5.0 * math.sqrt(1.0 / 4.0 / 4.0) + 1e-12
    found = [function(values), function(np.ones(4), 1.0), function(np.ones(1))]
    return off([f.error for f in found], [plain, constant, math.inf])


def _region_of_draws(function: Callable[..., Any]) -> float:
    """Counts of modes that never vary, and a region that all draws lie in, keep a radius."""
    kl = [np.array([0.3, 0.1, 0.4, 0.2]), np.array([0.1, 0.2, 0.1, 0.3])]
    modes = [np.ones(4), np.ones(4)]
    found = function(0.5, np.ones(4, bool), kl, modes)
    one_draw = 5.0 * math.sqrt(1.0 / 4.0 / 4.0) + 1e-12
    counted = [
        found.mass, found.truth.modes, found.truth.several, found.other.modes, found.modes_saved
    ]  # fmt: skip
    paired = kl[0] - kl[1]
    spread = 5.0 * float(paired.std(ddof=1)) / 2.0 + 1e-12
    return off([*(e.error for e in counted), found.kl_saved.error], [one_draw] * 5 + [spread])


OBJECTIVES: Table = {
    "TV: mass outside the grid counted twice": (
        _half_far_away, total_variation, "0.5 * outside", "outside",
    ),
    "TV: mass outside the grid not counted": (
        _half_far_away, total_variation, "+ 0.5 * outside", "",
    ),
    "TV: without the change of the rule": (_misplaced, total_variation, "_CAUTION * change +", ""),
    "TV: without caution at kinks": (_misplaced, total_variation, "_CAUTION * change", "change"),
    "TV: without the change of the mass seen": (
        _misplaced, total_variation, "+ seen_change", "",
    ),
    "TV: without what is not seen": (_misplaced, total_variation, "+ unseen", ""),
    "TV: without what the grid misses": (
        _misplaced, total_variation, "grid.missing_mass + panels[0]", "panels[0]",
    ),
    "TV: without what p_f's panels miss": (
        _misplaced, total_variation, "+ panels[0].missing_mass", "",
    ),
    "TV: without what p's panels miss": (
        _misplaced, total_variation, "+ panels[1].missing_mass", "",
    ),
    "TV: without the error of p_f": (_misplaced, total_variation, "+ rounding", ""),
    "TV: error of p_f not bounded by itself": (
        _misplaced, total_variation, "np.minimum(p_f.relative_error, 1.0)", "p_f.relative_error",
    ),
    "TV: error of p_f without the cell's volume": (
        _misplaced, total_variation, "grid.volume * float(np.sum(learned", "float(np.sum(learned",
    ),
    "IWAE: without the mass left out": (
        _iwae_parts, importance._on_grid, "_IGNORED_MASS + grid.", "grid.",
    ),
    "IWAE: without what the grid misses": (
        _iwae_parts, importance._on_grid, "+ grid.missing_mass", "",
    ),
    "IWAE: without what the panels miss": (
        _iwae_parts, importance._on_grid, "+ data.missing_mass", "",
    ),
    "IWAE: one nat where nothing is seen": (_iwae_parts, importance._on_grid, ") * _LARGEST_GAP", ")"),
    "IWAE: without the error of p": (
        _iwae_parts, importance._on_grid, "p.relative_error + p_f", "p_f",
    ),
    "IWAE: without the error of p_f": (
        _iwae_parts, importance._on_grid, "+ p_f.relative_error", "",
    ),
    "IWAE: without the error of L_S": (_iwae_parts, importance._on_grid, "+ bound.error", ""),
    "IWAE: without what is not seen": (_iwae_parts, importance._on_grid, "= unseen +", "="),
    "IWAE: without the change of the rule": (
        _iwae_parts, importance._on_grid, "float(np.abs(shifted - value).max()) +", "",
    ),
    "IWAE: one of the shifted rules only": (
        _iwae_parts, importance._on_grid, "np.abs(shifted - value).max()",
        "np.abs(shifted - value)[0]",
    ),
    "IWAE: shifted rules as of D = 1": (
        _iwae_parts, importance._on_grid, "2 ** parity.shape[1] * np.bin", "2 * np.bin",
    ),
    "IWAE: without the errors at the nodes": (
        _iwae_parts, importance._on_grid, "+ evaluation)", ")",
    ),
    "IWAE, sample: without the errors at the nodes": (
        _iwae_of_a_sample, importance._on_sample, "error + evaluation", "error",
    ),
    "IWAE, sample: without its standard error": (
        _iwae_of_a_sample, importance._on_sample, "error + evaluation", "evaluation",
    ),
    "IWAE, sample: without the error of L_S": (
        _iwae_of_a_sample, importance._on_sample, "+ bound.error", "",
    ),
    "IWAE, sample: without the error of p": (
        _iwae_of_a_sample, importance._on_sample, "p.relative_error + p_f", "p_f",
    ),
    "IWAE, sample: without the error of p_f": (
        _iwae_of_a_sample, importance._on_sample, "+ p_f.relative_error", "",
    ),
    "IWAE: errors lost between batches": (
        _all_errors, importance._bounds, "[part.error for part in parts]",
        "[0.0 * part.error for part in parts]",
    ),
    "draws: one standard error": (_mean_of_draws, simplicity._average, "STANDARD_ERRORS *", ""),
    "draws: a variance that does not fall with their number": (
        _mean_of_draws, simplicity._average, "variance / count", "variance",
    ),
    "draws: variance of the sample about its own mean": (
        _mean_of_draws, simplicity._average, "ddof=1", "ddof=0",
    ),
    "draws: counts that never vary": (
        _mean_of_draws, simplicity._average, "unit**2 / count", "0.0",
    ),
    "draws: one draw is enough": (_mean_of_draws, simplicity._average, "math.inf", "0.0"),
    "region: mass known exactly": (
        _region_of_draws, simplicity._region, "_average(inside.astype(float), 1.0)",
        "_average(inside.astype(float))",
    ),
    "region: modes known exactly": (
        _region_of_draws, simplicity._region, "_average(count, 1.0)", "_average(count)",
    ),
    "region: share of several modes known exactly": (
        _region_of_draws, simplicity._region, ".astype(np.float64), 1.0)", ".astype(np.float64))",
    ),
    "region: modes saved known exactly": (
        _region_of_draws, simplicity._region, "modes[0] - modes[1], 1.0", "modes[0] - modes[1]",
    ),
}  # fmt: skip
