"""The bound on |f′|: obeyed exactly, and the closest f that obeys it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tests.optimum.conftest import Small
from theorycheck.errors import SettingError
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._generative import GenerativeModel
from theorycheck.optimum import Effort
from theorycheck.optimum._coordinate_ascent import ascend
from theorycheck.optimum._lipschitz import limit_steepness
from theorycheck.optimum._lipschitz_path import excess_against_steepness
from theorycheck.optimum._settings import SearchSettings
from theorycheck.quadrature._latent_cells import latent_cells

Array = np.ndarray


def slope(f: Array, z: Array) -> float:
    return float((np.linalg.norm(np.diff(f, axis=0), axis=1) / np.diff(z)).max())


def loss(f: Array, target: Array, weight: Array) -> float:
    return float((weight * (f - target) ** 2).sum())


def problem(count: int, seed: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    z = latent_cells(count).z
    return rng.normal(size=(count, 2)), rng.uniform(0.1, 2.0, size=(count, 2)), z


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 1.0, 20.0]))
def test_the_bound_is_obeyed(seed: int, bound: float) -> None:
    target, weight, z = problem(30, seed)
    f = limit_steepness(target, weight, z, bound)
    assert slope(f, z) <= bound * (1.0 + 1e-12)


@pytest.mark.parametrize("bound", [0.3, 1.5])
def test_it_is_the_closest(bound: float) -> None:
    target, weight, z = problem(9, 1)
    found = limit_steepness(target, weight, z, bound)
    radius = bound * np.diff(z)
    constraint = {
        "type": "ineq",
        "fun": lambda f: radius**2 - (np.diff(f.reshape(-1, 2), axis=0) ** 2).sum(axis=1),
    }
    best = minimize(
        lambda f: loss(f.reshape(-1, 2), target, weight), found.ravel(), method="SLSQP",
        constraints=[constraint], options={"ftol": 1e-13, "maxiter": 2000},
    )  # fmt: skip
    assert best.success
    assert loss(found, target, weight) == pytest.approx(best.fun, rel=2e-5)


def test_what_obeys_it_is_left_as_it_is() -> None:
    target, weight, z = problem(20, 2)
    assert limit_steepness(target, weight, z, 1.01 * slope(target, z)) is target


def test_a_tighter_bound_costs_more() -> None:
    target, weight, z = problem(40, 3)
    values = [
        loss(limit_steepness(target, weight, z, b), target, weight) for b in (0.1, 0.5, 2.0, 8.0)
    ]
    assert values == sorted(values, reverse=True)


def test_cells_without_data_follow_their_neighbours() -> None:
    target, weight, z = problem(20, 4)
    weight[15:] = 0.0
    f = limit_steepness(target, weight, z, 0.5)
    assert np.isfinite(f).all()
    assert slope(f, z) <= 0.5 * (1.0 + 1e-12)


@pytest.mark.parametrize("bound", [0.0, -1.0, math.nan])
def test_bad_bound(bound: float) -> None:
    target, weight, z = problem(5, 5)
    with pytest.raises(SettingError, match="positive"):
        limit_steepness(target, weight, z, bound)


def test_minus_elbo_falls_as_the_bound_is_loosened(small: Small) -> None:
    """Each ascent starts at the end of the tighter one, which its class contains."""
    e_step = small()
    f, variance = e_step.cells.average(benchmark("figure8").decoder), np.full(2, 0.02)
    values = []
    for bound in (0.5, 1.0, 2.0, 4.0):
        ended = ascend(e_step, f, variance, steepness=bound, most=40)
        assert slope(ended.f, e_step.cells.z) <= bound * (1.0 + 1e-12)
        f = ended.f
        values.append(ended.negative_elbo)
    assert values == sorted(values, reverse=True)


def test_path(cheap: GenerativeModel, tiny_effort: Effort) -> None:
    bounds = (0.5, math.inf)
    least = replace(tiny_effort, starts=2, refined=1, rounds=0, most=10)
    path = excess_against_steepness(cheap, bounds, SearchSettings(effort=least, seed=1))
    assert [result.steepness for result in path] == [0.5, None]
    for result, bound in zip(path, bounds, strict=True):
        assert result.largest_slope <= bound * (1.0 + 1e-9)
        # The decoder whose J is reported is the one whose slope was bounded.
        z = np.linspace(-6.0, 6.0, 100_001)
        f = result.model.decoder(z)
        assert slope(f, z) <= bound * (1.0 + 1e-6)
    j = {bound: result.excess.value for bound, result in zip(bounds, path, strict=True)}
    assert j[math.inf] <= j[0.5]
    # Too flat to cover the data: it pays in MLEO.
    assert path[0].mleo.value > path[1].mleo.value


@pytest.mark.parametrize("bounds", [(), (1.0, 0.0), (math.nan,)])
def test_path_settings(bounds: tuple[float, ...]) -> None:
    with pytest.raises(SettingError, match="positive"):
        excess_against_steepness(benchmark("circle"), bounds)
