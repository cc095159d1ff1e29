"""Nodes in data space: mass one, entropies in closed form, honest statistical errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.problems import PROBLEMS
from theorycheck.errors import ModelError, SettingError
from theorycheck.quadrature._data_nodes import (
    DataSample,
    given_sample,
    quasi_monte_carlo,
    trapezoid_grid,
)

ONE_AND_TWO = ["linear_steep", "wave", "ramp", "figure8", "spiral_dots", "linear_plane"]


@pytest.mark.parametrize("name", ONE_AND_TWO)
def test_mass_is_one(name: str) -> None:
    grid = trapezoid_grid(PROBLEMS[name].panels, 1.0 / 3.0)
    mass, change = grid.integrate(np.exp(grid.log_density))
    assert mass == pytest.approx(1.0, abs=1e-13)
    assert change < 1e-13
    assert grid.missing_mass < 1e-15


@pytest.mark.parametrize("name", ["linear_steep", "linear_wide", "linear_plane", "constant"])
def test_gaussian_entropy(name: str) -> None:
    grid = trapezoid_grid(PROBLEMS[name].panels, 1.0 / 3.0)
    entropy, change = grid.integrate(-np.exp(grid.log_density) * grid.log_density)
    assert entropy == pytest.approx(PROBLEMS[name].entropy, abs=1e-12)
    assert abs(entropy - PROBLEMS[name].entropy) <= change + 1e-12


@pytest.mark.parametrize("name", ["ramp", "half_line", "two_gaussians", "absolute_value"])
def test_density_on_the_grid(name: str) -> None:
    problem = PROBLEMS[name]
    grid = trapezoid_grid(problem.panels, 0.5)
    exact = problem.log_density(grid.x)
    assert np.abs(np.exp(grid.log_density) - np.exp(exact)).max() < 1e-12 * np.exp(exact).max()


def test_a_step_too_long_shows_in_the_change() -> None:
    grid = trapezoid_grid(PROBLEMS["ramp"].panels, 1.5)
    mass, change = grid.integrate(np.exp(grid.log_density))
    assert change > 1e-4
    assert abs(mass - 1.0) < change


def test_coarse_nodes_are_every_second() -> None:
    grid = trapezoid_grid(PROBLEMS["figure8"].panels, 0.5)
    spacing = 0.5 * PROBLEMS["figure8"].model.sigma
    index = np.rint(grid.x / spacing).astype(int)
    assert np.abs(grid.x - index * spacing).max() < 1e-12
    assert ((index % 2 == 0).all(axis=1) == grid.coarse).all()
    assert len(np.unique(index, axis=0)) == len(index)


def test_no_tensor_grid_in_three_dimensions() -> None:
    with pytest.raises(ModelError, match="D <= 2"):
        trapezoid_grid(PROBLEMS["helix"].panels, 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_quasi_monte_carlo_is_honest(seed: int) -> None:
    problem = PROBLEMS["linear_space"]
    draws = quasi_monte_carlo(problem.model, size=256, repeats=16, seed=seed)
    slope, offset = np.array(problem.pieces[0].slope), np.array(problem.pieces[0].offset)
    variance = slope**2 + problem.model.noise_variance
    for d in range(3):
        mean, mean_error = draws.average(draws.x[:, :, d])
        assert abs(mean - offset[d]) <= mean_error
        second, second_error = draws.average((draws.x[:, :, d] - offset[d]) ** 2)
        assert abs(second - variance[d]) <= second_error
        assert second_error < 0.1 * variance[d]
    flat = -problem.log_density(draws.x.reshape(-1, 3)).reshape(draws.x.shape[:2])
    entropy, error = draws.average(flat)
    assert abs(entropy - problem.entropy) <= error < 0.05


def test_quasi_monte_carlo_is_reproducible_and_rounds_up() -> None:
    model = PROBLEMS["helix"].model
    a, b, c = (quasi_monte_carlo(model, size=100, repeats=2, seed=s).x for s in (3, 3, 4))
    assert a.shape == (2, 128, 3)
    assert (a == b).all()
    assert (a != c).any()
    assert np.abs(a[0] - a[1]).max() > 0.0


def test_standard_error_of_independent_draws() -> None:
    values = np.random.default_rng(0).normal(size=(1, 400))
    mean, error = DataSample(values[..., None]).average(values)
    assert mean == pytest.approx(values.mean())
    assert error == pytest.approx(5.0 * np.std(values, ddof=1) / math.sqrt(400))
    assert DataSample(np.zeros((1, 1, 1))).average(np.zeros((1, 1)))[1] == math.inf


def test_given_sample() -> None:
    assert given_sample([1.0, 2.0], 1).x.shape == (1, 2, 1)
    assert given_sample(np.zeros((5, 3)), 3).x.shape == (1, 5, 3)
    for bad in (np.zeros((5, 2)), np.zeros((0, 3)), np.zeros(3), [[0.0, 1.0, np.nan]]):
        with pytest.raises(ModelError, match="sample"):
            given_sample(bad, 3)


@pytest.mark.parametrize(("size", "repeats"), [(0, 4), (16, 1)])
def test_bad_settings(size: int, repeats: int) -> None:
    with pytest.raises(SettingError):
        quasi_monte_carlo(PROBLEMS["helix"].model, size=size, repeats=repeats)
