"""Radii of H, MLEO and their sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import LINE, PLANE, density, five_standard_errors
from tests.radii.table import Table, getter, off, rewired
from theorycheck.estimate import Estimate, Kind
from theorycheck.objectives import _averaging as averaging
from theorycheck.objectives import _decomposition as decomposition
from theorycheck.objectives._averages import PosteriorAverages
from theorycheck.objectives._decomposition import Decomposition
from theorycheck.quadrature._data_nodes import DataSample, TrapezoidGrid


def _entropy_and_mleo(function: Callable[..., Any]) -> float:
    """H and MLEO on a grid of six nodes, from the definition of each term."""
    p = np.array([0.1, 0.4, 0.3, 0.2, 0.25, 0.35])
    modelled = np.array([0.3, 0.1, 0.2, 0.25, 0.1, 0.05])
    coarse, relative = np.array([True, False] * 3), np.array([1, 2, 3, 4, 5, 6]) * 1e-3
    worst = 0.0
    for missing, unresolved, error in ((7e-4, 3e-3, 0.0), (0.0, 0.0, np.inf)):
        grid = TrapezoidGrid(np.zeros((6, 1)), np.log(p), 0.5, coarse, missing)
        data = SimpleNamespace(
            model=LINE, unresolved_mass=unresolved, grid=lambda _, g=grid: g, log_density=None
        )
        errors = np.array([0.0, error, 0.0, 0.0, 0.0, 0.0])
        made = density(np.log(modelled), relative, errors)
        model = SimpleNamespace(log_density=lambda _, made=made: made)
        bare = rewired(function, _grid_error=lambda *_: 5e-4)
        _, entropy, mleo = bare(data, model)
        _, alone, none = bare(data, data)
        largest, far = 1.0 - math.log(0.1), 1.0 - math.log(0.05)
        seen = (missing + unresolved) * (largest + 40.0)

        def change(values: Any) -> float:
            return 0.5 * abs(float(values.sum() - 2.0 * values[coarse].sum()))

        of_entropy = change(p * np.log(p)) + seen + 5e-4 * largest
        of_mleo = change(p * np.log(p / modelled)) + 5e-4 + 0.5 * float(p @ relative)
        of_mleo = np.inf if error else of_mleo + seen * far / largest
        found = [entropy.error, alone.error, mleo.error]
        worst = max(worst, off(found, [of_entropy, of_entropy, of_mleo]), none.error)
    return worst


def _error_of_grid(function: Callable[..., Any]) -> float:
    """Twice the p-weighted difference to the pairwise kernel and its own error."""
    p = np.array([0.1, 0.4, 0.3, 0.2])
    relative = np.array([1e-3, 2e-3, 3e-3, 4e-3])
    value = np.log(p) + np.array([1e-3, -2e-3, 5e-3, 9.0])
    grid = SimpleNamespace(x=np.zeros((4, 1)), log_density=np.log(p))
    referee = SimpleNamespace(log_density=lambda _: density(value, relative))
    found = function(referee, grid)
    difference = np.array([1e-3, 2e-3, 5e-3, 1.0])
    return off(found, 2.0 * float(p @ (difference + relative)))


def _entropy_of_draws(function: Callable[..., Any]) -> float:
    rng = np.random.default_rng(8)
    draws = DataSample(rng.normal(size=(4, 8, 1)))
    values, errors = rng.normal(size=(2, 32)), rng.uniform(0.0, 0.1, size=(2, 32))
    made = [density(v, e) for v, e in zip(values, errors, strict=True)]
    data, model = (SimpleNamespace(log_density=lambda _, one=one: one) for one in made)
    entropy, mleo = function(draws, data, model)
    alone, none = function(draws, data, data)
    known = errors.mean(axis=1)
    expected = [
        five_standard_errors(values[0]) + known.sum(),
        five_standard_errors(values[0] - values[1]) + known.sum(),
        five_standard_errors(values[0]) + known[0],
    ]  # fmt: skip
    kinds = [e.kind is Kind.STATISTICAL for e in (entropy, mleo, alone)]
    return off([entropy.error, mleo.error, alone.error], expected) + none.error + (not all(kinds))


def _parts() -> Any:
    made = [Estimate(1.0, 0.1), Estimate(2.0, 0.02), Estimate(3.0, 0.003)]
    return SimpleNamespace(
        entropy=made[0], mleo=made[1], pmo=made[2], given=None,
        negative_elbo=made[0] + made[1] + made[2],
    )  # fmt: skip


def _excess(function: Callable[..., Any]) -> float:
    return off(function(_parts()).error, 0.023)


def _negative_elbo(function: Callable[..., Any]) -> float:
    return off(function(_parts()).error, 0.123)


def _resolved(function: Callable[..., Any]) -> float:
    """A −ELBO of radius 0.123 says nothing, one of 0.003 does; of draws the PMO's radius counts."""
    vague, sharp = Estimate(1.0, 0.123), Estimate(1.0, 0.003)
    drawn = Estimate(1.0, 0.123, Kind.STATISTICAL)

    def told(elbo: Estimate, pmo: Estimate) -> bool:
        return bool(function(SimpleNamespace(negative_elbo=elbo, pmo=pmo, given=None)))

    right = told(sharp, vague) and told(drawn, sharp)
    return float(not right or told(vague, sharp) or told(drawn, vague))


def _handed_on(function: Callable[..., Any]) -> float:
    """Each average's radius reaches the decomposition with its number."""
    average = PosteriorAverages(
        pmo=0.3, pmo_error=0.01, residual=np.array([0.2, 5.0]),
        residual_error=np.array([0.02, 0.5]), mass=np.ones(1), kl=np.array([0.3]),
        spread=np.zeros(1), x=np.zeros((1, 2)), missing_mass=0.004, sampled=True, converged=True,
    )  # fmt: skip
    made = SimpleNamespace(
        averages=average, entropy=Estimate(1.0, 0.1), mleo=Estimate(0.0, 0.2), method="",
        given=None,
    )  # fmt: skip
    rules = SimpleNamespace(run=lambda *_: made)
    found = rewired(function, Averaging=lambda *_: rules)(PLANE, sample=np.zeros((4, 2)))
    radii = [
        found.entropy.error, found.mleo.error, found.pmo.error,
        *(e.error for e in found.residual_variance), found.kl_distribution.pmo.error,
        found.kl_distribution.missing_mass,
    ]  # fmt: skip
    kinds = [found.pmo.kind, found.residual_variance[1].kind, found.kl_distribution.pmo.kind]
    return off(radii, [0.1, 0.2, 0.01, 0.02, 0.5, 0.01, 0.004]) + sum(
        kind is not Kind.STATISTICAL for kind in kinds
    )


_GRIDS, _DRAWS = averaging._on_grids, averaging._on_sample


DECOMPOSITION: Table = {
    "H: without the change of the rule": (
        _entropy_and_mleo, _GRIDS, "entropy_error = entropy_change +", "entropy_error =",
    ),
    "H: without what is not seen": (
        _entropy_and_mleo, _GRIDS, "entropy_change + unseen", "entropy_change",
    ),
    "H: without the grid's error": (_entropy_and_mleo, _GRIDS, "+ off * largest", ""),
    "H: grid's error of one nat": (_entropy_and_mleo, _GRIDS, "off * largest", "off"),
    "H: without what the panels do not resolve": (
        _entropy_and_mleo, _GRIDS, "grid.missing_mass + data.unresolved_mass",
        "grid.missing_mass",
    ),
    "H: without what the grid misses": (
        _entropy_and_mleo, _GRIDS, "grid.missing_mass + data.unresolved_mass",
        "data.unresolved_mass",
    ),
    "H: log p beyond the grid as on it": (
        _entropy_and_mleo, _GRIDS, "(largest + 40.0)", "largest",
    ),
    "H: log p of the middle": (
        _entropy_and_mleo, _GRIDS, "1.0 + float(np.abs(grid.log_density).max())", "1.0",
    ),
    "MLEO: without the change of the rule": (
        _entropy_and_mleo, _GRIDS, "mleo_error = mleo_change +", "mleo_error =",
    ),
    "MLEO: without the grid's error": (
        _entropy_and_mleo, _GRIDS, "mleo_change + off +", "mleo_change +",
    ),
    "MLEO: without the error of log p_f": (_entropy_and_mleo, _GRIDS, "+ model_off", ""),
    "MLEO: without what is not seen": (_entropy_and_mleo, _GRIDS, "+ unseen * far / largest", ""),
    "MLEO: log p_f beyond the grid as log p": (
        _entropy_and_mleo, _GRIDS, "unseen * far / largest", "unseen",
    ),
    "MLEO: log p_f of the middle": (
        _entropy_and_mleo, _GRIDS, "1.0 + float(np.abs(modelled.value).max())", "1.0",
    ),
    "MLEO: error of log p_f without p": (
        _entropy_and_mleo, _GRIDS, "density * np.minimum(modelled", "np.minimum(modelled",
    ),
    "MLEO: p_f that is not resolved": (
        _entropy_and_mleo, _GRIDS, "mleo_error = math.inf", "pass",
    ),
    "grid: without the pairwise kernel's error": (
        _error_of_grid, averaging._grid_error, "difference + referee.relative_error",
        "difference",
    ),
    "grid: without the difference": (
        _error_of_grid, averaging._grid_error, "difference + referee.relative_error",
        "referee.relative_error",
    ),
    "grid: once": (_error_of_grid, averaging._grid_error, "2.0 * np.sum", "np.sum"),
    "grid: not weighted by p": (
        _error_of_grid, averaging._grid_error, "weight /= weight.sum()",
        "weight = 0.0 * weight + 1.0 / len(weight)",
    ),
    "H of draws: without its standard error": (
        _entropy_of_draws, _DRAWS, "rule.average(-p.value,", "rule.average(0.0 * p.value,",
    ),
    "H of draws: without the error of log p": (
        _entropy_of_draws, _DRAWS, "errors = p.relative_error", "errors = 0.0 * p.relative_error",
    ),
    "MLEO of draws: without the error of log p": (
        _entropy_of_draws, _DRAWS, "errors + p_f.relative_error", "p_f.relative_error",
    ),
    "MLEO of draws: without the error of log p_f": (
        _entropy_of_draws, _DRAWS, "+ p_f.relative_error", "",
    ),
    "MLEO of draws: without its standard error": (
        _entropy_of_draws, _DRAWS, "rule.average(p.value - p_f.value",
        "rule.average(0.0 * p.value",
    ),
    "MLEO of draws: error of H": (
        _entropy_of_draws, _DRAWS, "p.value - p_f.value", "p.value",
    ),
    "J: without MLEO's radius": (
        _excess, getter(Decomposition, "excess"), "self.mleo + self.pmo",
        "self.pmo + Estimate(self.mleo.value, 0.0)",
    ),
    "J: without the PMO's radius": (
        _excess, getter(Decomposition, "excess"), "self.mleo + self.pmo",
        "self.mleo + Estimate(self.pmo.value, 0.0)",
    ),
    "−ELBO: without H's radius": (
        _negative_elbo, getter(Decomposition, "negative_elbo"), "self.entropy +",
        "Estimate(self.entropy.value, 0.0) +",
    ),
    "resolved whatever the radius": (
        _resolved, getter(Decomposition, "resolved"), ".error < UNRESOLVED", " is not None",
    ),
    "resolved by the entropy of draws": (
        _resolved, getter(Decomposition, "resolved"), "self.pmo if sampled else self", "self",
    ),
    "resolved by the PMO of a grid": (
        _resolved, getter(Decomposition, "resolved"), "self.pmo if sampled else", "self.pmo or",
    ),
    "PMO handed on without radius": (
        _handed_on, decomposition.decompose, "averages.pmo_error", "0.0",
    ),
    "residuals handed on without radius": (
        _handed_on, decomposition.decompose, "float(value), float(error)", "float(value), 0.0",
    ),
    "residuals handed on with the first radius": (
        _handed_on, decomposition.decompose, "averages.residual_error, strict",
        "averages.residual_error[::-1], strict",
    ),
}  # fmt: skip
