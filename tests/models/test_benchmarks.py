"""The benchmarks: formula against function, and the properties that they are there for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from theorycheck.errors import LoadingError
from theorycheck.models._benchmarks import (
    BENCHMARKS,
    benchmark,
    clusters,
    continuous_semi_circle,
    discrete_semi_circle,
    figure8,
    spiral_dots,
)
from theorycheck.models._expression import parse_expression

Z = np.random.default_rng(3).normal(scale=2.5, size=5000)
PLAIN = [name for name, entry in BENCHMARKS.items() if not entry.semi_supervised]
FIXED = ["discrete_semi_circle:y=0", "discrete_semi_circle:y=1"] + [
    f"continuous_semi_circle:y={y}" for y in (-3, -0.5, 0.3, 9)
]
VARIANCES = {"figure8": 0.02, "clusters": 0.2}


def test_there_are_seven() -> None:
    assert len(BENCHMARKS) == 7
    assert sum(entry.semi_supervised for entry in BENCHMARKS.values()) == 2


@pytest.mark.parametrize("name", PLAIN + FIXED)
def test_formula_is_the_function(name: str) -> None:
    model = benchmark(name)
    assert model.name == name
    assert model.decoder.formula is not None
    expression = parse_expression(model.decoder.formula)
    assert np.abs(expression.evaluate(Z) - model.decoder(Z)).max() <= 1e-13
    declared = model.decoder.breakpoints
    assert declared is not None
    assert expression.breakpoints() == pytest.approx(declared, rel=1e-13, abs=1e-300)
    assert model.noise_variance.tolist() == [VARIANCES.get(name, 0.01)] * 2


@pytest.mark.parametrize("name", PLAIN)
def test_finite_for_every_latent(name: str) -> None:
    extreme = np.array([-1e6, -400.0, -40.0, 0.0, 40.0, 400.0, 1e6])
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(BENCHMARKS[name].function(extreme)).all()


def test_the_jumps_are_where_u_is_even() -> None:
    points = np.array(BENCHMARKS["spiral_dots"].breakpoints)
    u = 4 * np.pi * special.expit(np.pi * points / 2)
    assert u == pytest.approx([2, 4, 6, 8, 10, 12], rel=1e-14)


@pytest.mark.parametrize("function", [clusters, spiral_dots])
def test_saturated_tanh_makes_the_jumps_tiny(function: object) -> None:
    """The jump of t is 4(1 − tanh 10) or half of it: invisible next to σ, but there."""
    assert callable(function)
    for point in BENCHMARKS[function.__name__].breakpoints:
        left, right = function(np.array([point - 1e-12, point + 1e-12]))
        assert 1e-10 < np.abs(right - left).max() < 1e-6


def test_figure8_crosses_itself() -> None:
    middle, left, right = figure8(np.array([0.0, -8.0, 8.0]))
    assert np.abs(middle).max() < 1e-15
    assert np.abs(left).max() < 0.35
    assert left[0] == pytest.approx(right[0] * -1 if left[0] * right[0] < 0 else right[0])


@pytest.mark.parametrize("name", ["circle", *FIXED])
def test_on_the_unit_circle(name: str) -> None:
    assert np.hypot(*benchmark(name).decoder(Z).T) == pytest.approx(np.ones(Z.size), abs=1e-15)


def test_absolute_value_folds() -> None:
    f = benchmark("absolute_value").decoder
    assert np.array_equal(f(Z), f(-Z))


def test_labels_only_change_the_speed() -> None:
    """Both ends of the arc are shared: the image does not depend on y."""
    ends = np.array([-45.0, 45.0])
    for y in (0, 1):
        assert discrete_semi_circle(y, ends) == pytest.approx(
            np.array([[1, 0], [-1, 0]]), abs=1e-15
        )
    # h is 1/2 at the median label.
    quantile = special.ndtr(Z)
    angle = np.pi / 2 * (np.sqrt(quantile) + quantile**3)
    assert continuous_semi_circle(0.0, Z)[:, 0] == pytest.approx(np.cos(angle), abs=1e-14)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("figure9", "did you mean 'figure8'"),
        ("discrete_semi_circle", "write discrete_semi_circle:y=1"),
        ("discrete_semi_circle:y=2", "y in {0, 1}"),
        ("discrete_semi_circle:y=0.5", "y in {0, 1}"),
        ("continuous_semi_circle", "write continuous_semi_circle:y=0.3"),
        ("continuous_semi_circle:y=inf", "a real y"),
        ("continuous_semi_circle:x=1", "a real y"),
        ("circle:y=1", "has no label"),
    ],
)
def test_errors(name: str, says: str) -> None:
    with pytest.raises(LoadingError) as caught:
        benchmark(name)
    assert says in str(caught.value)
