"""The exact posterior against closed forms and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from theorycheck.errors import ModelError
from theorycheck.inference._posterior import posterior
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel


def model(text: str, variance: float) -> GenerativeModel:
    return GenerativeModel(parse_expression(text).to_decoder(), variance)


def test_linear_gaussian() -> None:
    slope, variance, x = 2.0, 0.5, 1.3
    exact = posterior(model(f"{slope}*z", variance), [x])
    precision = 1.0 + slope**2 / variance
    mean = slope / variance * x / precision
    assert exact.mean == pytest.approx(mean, abs=1e-13)
    assert exact.variance == pytest.approx(1.0 / precision, rel=1e-12)
    entropy = 0.5 * math.log(2 * math.pi * math.e / precision)
    assert abs(exact.entropy.value - entropy) <= exact.entropy.error
    assert exact.entropy.error < 1e-12
    (mode,) = exact.modes
    assert mode.z == pytest.approx(mean, abs=1e-6)
    assert mode.density == pytest.approx(math.sqrt(precision / (2 * math.pi)), rel=1e-6)
    assert mode.mass == pytest.approx(1.0, abs=1e-12)


def test_sign_decoder_has_two_half_normals() -> None:
    x, variance = 0.1, 1.0
    exact = posterior(model("sign(z)", variance), [x])
    right = norm.pdf(x, 1.0, 1.0) / (norm.pdf(x, 1.0, 1.0) + norm.pdf(x, -1.0, 1.0))
    mass = exact.weight * exact.density
    assert mass[exact.z > 0].sum() == pytest.approx(right, abs=1e-13)
    half_mean = math.sqrt(2 / math.pi)
    assert exact.mean == pytest.approx((2 * right - 1) * half_mean, abs=1e-13)


def test_absolute_value_has_mirror_modes() -> None:
    exact = posterior(benchmark("absolute_value"), [1.0, 1.0])
    first, second = exact.modes
    assert {round(first.z, 6), round(second.z, 6)} == {round(first.z, 6), -round(first.z, 6)}
    assert first.mass == pytest.approx(0.5, abs=1e-10)
    assert second.mass == pytest.approx(0.5, abs=1e-10)
    assert exact.mean == pytest.approx(0.0, abs=1e-13)


def test_all_modes_at_the_crossing_of_figure8() -> None:
    exact = posterior(benchmark("figure8"), [0.0, 0.0])
    z = np.linspace(-6, 6, 200_001)
    f = benchmark("figure8").decoder(z)
    log_joint = -0.5 * z**2 - (f**2).sum(axis=1) / (2 * 0.02)
    inner = log_joint[1:-1]
    peaks = z[1:-1][(inner > log_joint[:-2]) & (inner > log_joint[2:])]
    assert sorted(m.z for m in exact.modes) == pytest.approx(list(peaks), abs=1e-3)
    assert sum(m.mass for m in exact.modes) == pytest.approx(1.0, abs=1e-9)
    assert exact.modes[0].mass > 0.9


def test_expectation_is_the_score() -> None:
    """∇ log p(x) = (E[f|x] − x)/σ², against finite differences."""
    m = model("[z, sin(3*z)]", 0.05)
    x, step = np.array([0.3, 0.2]), 1e-5
    exact = posterior(m, x)
    score = (exact.expectation(m.decoder(exact.z)) - x) / 0.05
    for d in range(2):
        shift = np.zeros(2)
        shift[d] = step
        up, down = posterior(m, x + shift), posterior(m, x - shift)
        slope = (up.log_density_x.value - down.log_density_x.value) / (2 * step)
        assert score[d] == pytest.approx(slope, abs=1e-6)


def test_one_point_only() -> None:
    with pytest.raises(ModelError, match="one x"):
        posterior(benchmark("circle"), [[0.0, 1.0], [1.0, 0.0]])
    with pytest.raises(ModelError, match="shape"):
        posterior(benchmark("circle"), [1.0])
    with pytest.raises(ModelError, match="NaN"):
        posterior(benchmark("circle"), [np.nan, 0.0])
