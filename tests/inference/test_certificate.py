"""The certificate of globality: it must bound from below, and it must be able to fail."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from theorycheck.errors import SettingError
from theorycheck.inference._certificate import certify_optimal_q, curvature_constant
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel

NAMES = ["figure8", "circle", "absolute_value", "clusters", "spiral_dots"]


@pytest.mark.parametrize("name", NAMES)
def test_optimum_is_certified_to_a_nanonat(name: str) -> None:
    field = MeanField(benchmark(name))
    _, x = field.model.sample(30, 3)
    assert certify_optimal_q(field, x, gap=1e-9).largest_gap < 1.1e-9


@pytest.mark.parametrize("name", ["figure8", "clusters"])
def test_no_random_q_is_below_the_bound(name: str) -> None:
    field = MeanField(benchmark(name))
    _, x = field.model.sample(20, 4)
    bound = certify_optimal_q(field, x, gap=1e-6).lower_bound
    rng = np.random.default_rng(5)
    for _ in range(200):
        mean = rng.normal(size=len(x)) * 1.5
        scale = np.exp(rng.uniform(-4, 1, size=len(x)))
        assert (field.negative_elbo(x, mean, scale) >= bound).all()


def test_a_local_optimum_is_not_certified() -> None:
    """Hand in the second-best minimum: the bound then stays at the true optimum."""
    field = MeanField(benchmark("figure8"))
    x = np.array([[0.05, 0.02]])
    best = field.optimal_q(x)
    value = best.negative_elbo[0] + 0.25
    worse = replace(best, negative_elbo=np.array([value]))
    certificate = certify_optimal_q(field, x, worse, gap=1e-6)
    assert certificate.lower_bound[0] <= best.negative_elbo[0]
    assert certificate.gap[0] >= 0.25


def test_closed_form_minimum_of_a_linear_decoder() -> None:
    slope, variance, x = 1.7, 0.3, 0.9
    decoder = parse_expression(f"{slope}*z").to_decoder()
    certificate = certify_optimal_q(GenerativeModel(decoder, variance), [[x]], gap=1e-9)
    total = slope**2 + variance
    exact = 0.5 * math.log(2 * math.pi * total) + 0.5 * x**2 / total
    assert certificate.lower_bound[0] <= exact
    assert exact - certificate.lower_bound[0] < 2e-9


def test_curvature_constant_dominates_second_derivatives() -> None:
    """Check the inequality that the bound rests on at random q of a box, route by route."""
    constant = curvature_constant()
    rng = np.random.default_rng(0)
    z = np.linspace(-20, 20, 4001)
    wide = np.exp(-0.5 * (z / 1.5) ** 2) / 1.5
    for _ in range(200):
        mean, s = rng.uniform(-0.25, 0.25), rng.uniform(0.75, 1.25)
        t = (z - mean) / s
        normal = np.exp(-0.5 * t**2) / s
        a, c = (t**2 - 1) / s**2, (t**4 - 5 * t**2 + 2) / s**2
        b = (t**3 - 3 * t) / s**2
        matrices = np.stack([np.stack([a, b], -1), np.stack([b, c], -1)], -1)
        least = np.linalg.eigvalsh(matrices)[:, 0]
        # The largest eigenvalue is ~t⁴, and rounding of the least is relative to it.
        assert (-least * normal <= constant * wide + 1e-12 * t**4 * normal).all()


def test_bad_gap() -> None:
    with pytest.raises(SettingError, match="positive"):
        certify_optimal_q(benchmark("circle"), [[1.0, 0.0]], gap=0.0)
