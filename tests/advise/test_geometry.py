"""Dimension over scales, modes and local noise, against closed forms and known samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import gaussian_kde

from theorycheck.advise import (
    gride_dimension,
    kernel_company,
    kernel_log_density,
    local_noise,
    mode_prominences,
)
from theorycheck.errors import SettingError
from theorycheck.models import benchmark

Array = np.ndarray


def draws(name: str, size: int = 1500) -> Array:
    _, x = benchmark(name).sample(size, 0)
    return (x - x.mean(axis=0)) / x.std(axis=0)


@pytest.mark.parametrize("neighbour", [1, 5, 20])
def test_gride_maximises_its_likelihood(neighbour: int) -> None:
    """The density of μ = r_2n/r_n: d (μ^d − 1)^(n−1) / (B(n, n) μ^((2n−1)d + 1))."""
    x = np.random.default_rng(1).normal(size=(200, 3))
    distance = np.sort(np.linalg.norm(x[:, None] - x, axis=2), axis=1)
    ratio = distance[:, 2 * neighbour] / distance[:, neighbour]

    def minus_log_likelihood(d: float) -> float:
        terms = np.log(d) + (neighbour - 1) * np.log(ratio**d - 1.0)
        return -float(np.sum(terms - ((2 * neighbour - 1) * d + 1) * np.log(ratio)))

    best = minimize_scalar(minus_log_likelihood, bounds=(0.5, 20.0), method="bounded").x
    assert gride_dimension(x, neighbour) == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("dimension", [1, 2, 4])
def test_gride_on_a_cube(dimension: int) -> None:
    x = np.random.default_rng(2).uniform(size=(2000, dimension))
    assert gride_dimension(x @ np.eye(dimension, 5), 2) == pytest.approx(dimension, rel=0.1)


def test_gride_sees_the_curve_at_larger_scales() -> None:
    """What skdim.id.GRIDE gives on 2,000 draws of circle: 1.97 at n = 16, 1.11 at n = 256."""
    x = draws("circle", 2000)
    assert gride_dimension(x, 16) == pytest.approx(1.97, abs=0.01)
    assert gride_dimension(x, 256) == pytest.approx(1.11, abs=0.01)


def test_gride_says_when_it_cannot() -> None:
    x = np.repeat(np.random.default_rng(3).normal(size=(10, 2)), 50, axis=0)
    assert math.isnan(gride_dimension(x, 64))
    assert not math.isnan(gride_dimension(x, 1))
    with pytest.raises(SettingError, match="from 1"):
        gride_dimension(x, 0)


def test_kernel_density_against_scipy() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 2))
    x = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True)).T)
    theirs = gaussian_kde(x.T, bw_method=0.5 * 300 ** (-1.0 / 6.0) * math.sqrt(299 / 300))
    assert np.allclose(kernel_log_density(x), theirs.logpdf(x.T), atol=1e-8)


def test_company_by_hand() -> None:
    """Sum of exp(-½ d²/h²) over the others; of thirteen columns there is none."""
    x = np.random.default_rng(8).normal(size=(200, 2))
    width = 0.5 * x.std(axis=0) * 200 ** (-1.0 / 6.0)
    squares = (((x[:, None] - x) / width) ** 2).sum(axis=2)
    others = np.exp(-0.5 * squares).sum(axis=1) - 1.0
    assert kernel_company(x) == pytest.approx(np.median(others), rel=1e-9)
    assert kernel_company(np.random.default_rng(9).normal(size=(150, 13))) < 1e-3


def test_modes_of_blobs() -> None:
    rng = np.random.default_rng(5)
    centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 9.0]])
    x = np.concatenate([centre + rng.normal(size=(300, 2)) for centre in centres])
    found = mode_prominences(x)
    assert (found > 1.5).sum() == 3
    assert (mode_prominences(rng.normal(size=(900, 2))) > 1.5).sum() == 1


def test_modes_of_the_benchmarks() -> None:
    """Three of clusters' four steps and the dots stand out; a line has one mode.

    The margin is thin: of 1,500 draws of clusters two stood out.
    """
    assert (mode_prominences(draws("clusters", 2000)) > 0.65).sum() == 3
    assert (mode_prominences(draws("spiral_dots")) > 1.5).sum() >= 5
    assert (mode_prominences(draws("absolute_value")) > 0.65).sum() == 1


def test_prominence_is_the_fall_to_the_saddle() -> None:
    """On a line, with one row a place: from each maximum down to the higher of its minima."""
    height = np.array([0.0, 3.0, 1.0, 2.0, -1.0, 4.0, 0.0])
    # As many rows at a place as its density says would do it; here the graph is tested alone.
    from theorycheck.advise import _geometry

    x = np.arange(7.0)[:, None]
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(_geometry, "kernel_log_density", lambda _: height)
        patch.setattr(_geometry, "_NEIGHBOURS", 2)
        found = mode_prominences(x)
    # Row 0's second neighbour is row 2 and row 6's row 4: the graph joins 0-2 and 4-6, no more.
    assert found == pytest.approx([math.inf, 4.0, 1.0])


def test_local_noise() -> None:
    rng = np.random.default_rng(6)
    line = np.outer(rng.uniform(-9.0, 9.0, size=2000), [1.0, 1.0, 1.0])
    x = line + 0.3 * rng.normal(size=(2000, 3))
    assert local_noise(x) == pytest.approx(0.09, rel=0.15)
    assert math.isnan(local_noise(x[:, :1]))
