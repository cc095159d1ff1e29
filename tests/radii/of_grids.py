"""Radii of the grid and of samples (quadrature/_data_nodes.py)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.estimate import Kind
from theorycheck.models._loading import load_model
from theorycheck.quadrature import _data_nodes as data_nodes
from theorycheck.quadrature import _latent_panels as latent_panels
from theorycheck.quadrature._data_nodes import DataSample, TrapezoidGrid
from theorycheck.quadrature._latent_panels import LatentPanels


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


def _sample_mean(function: Callable[..., Any]) -> float:
    """Five standard errors: over repetitions where there are some, else over draws; of one, inf."""
    values = np.array([[1.0, 2.0, 6.0], [2.0, 2.0, 2.0], [7.0, 0.0, -1.0], [0.5, 0.0, 1.0]])
    means = values.mean(axis=1)
    over_means = 5.0 * math.sqrt(float(((means - means.mean()) ** 2).sum()) / 3.0 / 4.0)
    # 1, 2, 6 have mean 3 and variance (4 + 1 + 9)/2.
    over_draws = 5.0 * math.sqrt(7.0 / 3.0)
    given = (values, values[:1], values[0], values[:1, :1])
    found = [function(v) for v in given]
    radii = off([f.error for f in found], [over_means, over_draws, over_draws, math.inf])
    known = off(function(values[0], each=0.25).error, over_draws + 0.25)
    return max(radii, known) + sum(f.kind is not Kind.STATISTICAL for f in found)


def _never_varied(function: Callable[..., Any]) -> float:
    """Equal draws: the radius of one draw that a count, or the value, could have differed by."""
    ones, zeros, repeated = np.ones(300), np.zeros(300), np.ones((4, 75))
    found = [
        function(ones), function(zeros, one_draw=1.0), function(2.0 * ones),
        function(repeated), function(0.0 * repeated, one_draw=3.0),
    ]  # fmt: skip
    # Of four repetitions of 75 draws one draw changes the mean of one by 1/75.
    return off([f.error for f in found], [5 / 300, 5 / 300, 10 / 300, 5 / 300, 15 / 300])


def _standard_errors(function: Callable[..., Any]) -> float:
    """Five standard errors of a mean of 16, whose variance is 4, or that of one draw of 12."""
    return off([function(4.0, 16), function(4.0, 16, 12.0)], [2.5, 3.75])


def _sample_average(function: Callable[..., Any]) -> float:
    """Average over repetitions of a sample like any other."""
    values = np.array([[1.0, 2.0], [2.0, 5.0]])
    found = function(DataSample(np.zeros((2, 2, 1))), values)
    return off(found, [2.5, 5.0])


def _repetitions(function: Callable[..., Any]) -> float:
    """Scramblings are independent: their means scatter, and five standard errors hold E x = 0."""
    worst = 0.0
    for seed in range(5):
        sample = function(load_model("expr:z", noise_variance=0.25), size=16, repeats=8, seed=seed)
        mean, radius = sample.average(sample.x[..., 0])
        scattered = len(np.unique(np.round(sample.x.mean(axis=1), 12))) == 8
        worst = max(worst, shortfall(abs(mean), radius), float(not scattered))
    return worst


def _drawn(function: Callable[..., Any]) -> float:
    return _repetitions(rewired(data_nodes.quasi_monte_carlo, quasi_draws=function))


def _scramblings(function: Callable[..., Any]) -> float:
    return _drawn(rewired(data_nodes.quasi_draws, sobol_points=function))


GRIDS: Table = {
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
        "float(np.exp(panels.log_weight[~inner]).sum())", "math.erfc(reach / math.sqrt(2.0))",
    ),
    "grid: without what the panels do not resolve": (
        _unresolved_grid, data_nodes.trapezoid_grid, "+ panels.missing_mass", "",
    ),
    "sample: one standard error": (
        _standard_errors, data_nodes.standard_errors, "STANDARD_ERRORS *", "",
    ),
    "sample: deviation of one draw": (
        _standard_errors, data_nodes.standard_errors, "/ count) / count)", "/ count))",
    ),
    "sample: one draw counts like all": (
        _standard_errors, data_nodes.standard_errors, "one_draw**2 / count", "one_draw**2",
    ),
    "sample: one draw cannot differ": (
        _standard_errors, data_nodes.standard_errors, "one_draw**2 / count", "0.0",
    ),
    "sample mean: variance about its own mean": (
        _sample_mean, data_nodes.sample_mean, "ddof=1", "ddof=0",
    ),
    "sample mean: repetitions like draws": (
        _sample_mean, data_nodes.sample_mean, "values.mean(axis=1) if repeated else", "",
    ),
    "sample mean: without radius": (
        _sample_mean, data_nodes.sample_mean, "radius + each", "each",
    ),
    "sample mean: each value known exactly": (
        _sample_mean, data_nodes.sample_mean, "radius + each", "radius",
    ),
    "sample mean: one draw is enough": (_sample_mean, data_nodes.sample_mean, "math.inf", "0.0"),
    "sample mean: not statistical": (
        _sample_mean, data_nodes.sample_mean, "radius + each, Kind.STATISTICAL", "radius + each",
    ),
    "sample mean: equal draws known exactly": (
        _never_varied, data_nodes.sample_mean, "if variance == 0.0:", "if False:",
    ),
    "sample mean: a count that never varied known exactly": (
        _never_varied, data_nodes.sample_mean, "one_draw * count / values.size", "0.0",
    ),
    "sample mean: a draw as much as a repetition": (
        _never_varied, data_nodes.sample_mean, "one_draw * count / values.size", "one_draw",
    ),
    "sample average: without radius": (
        _sample_average, DataSample.average, "found.error", "0.0",
    ),
    "sample: repetitions that are one": (
        _scramblings, data_nodes.sobol_points, "rng=child", "rng=0",
    ),
    "sample: every repetition the first": (
        _repetitions, data_nodes.quasi_monte_carlo, "DataSample(x)",
        "DataSample(x[:1].repeat(len(x), axis=0))",
    ),
    "sample: every draw of the first repetition": (
        _drawn, data_nodes.quasi_draws, "for row, inner in zip(z, points, strict=True)",
        "for row, inner in [(z[0], points[0])] * 8",
    ),
}  # fmt: skip
