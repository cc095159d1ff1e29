"""Draws, their exact answers and their card."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from theorycheck import log_density, optimal_q
from theorycheck.dataset import draw, write_sample
from theorycheck.dataset._checks import plain_log_density, sample_checks
from theorycheck.dataset._samples import ARRAYS
from theorycheck.errors import LoadingError, SettingError
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._loading import load_model


def test_draws_are_those_of_the_model() -> None:
    sample = draw("figure8", size=50, seed=3)
    z, x = benchmark("figure8").sample(50, 3)
    np.testing.assert_array_equal(sample.z, z)
    np.testing.assert_array_equal(sample.x, x)
    np.testing.assert_array_equal(sample.log_density, log_density(sample.model, x).value)
    np.testing.assert_array_equal(sample.q_mean, optimal_q(sample.model, x).mean)
    np.testing.assert_allclose(sample.kl, sample.log_density + sample.negative_elbo)
    assert (sample.kl > -1e-10).all()


def test_closed_form_of_a_line() -> None:
    """F = (z, 2z), σ² = 0.5: q* is the posterior, N(a·x/(a² + σ²), σ²/(a² + σ²))."""
    sample = draw(load_model("expr:[z, 2*z]", noise_variance=0.5), size=40, seed=1)
    precision = 5.0 + 0.5
    np.testing.assert_allclose(sample.q_mean, sample.x @ [1.0, 2.0] / precision, atol=1e-8)
    np.testing.assert_allclose(sample.q_scale**2, 0.5 / precision, rtol=1e-7)
    np.testing.assert_allclose(sample.kl, 0.0, atol=1e-12)


@pytest.mark.parametrize("name", ["circle", "clusters", "discrete_semi_circle:y=1"])
def test_files(name: str, tmp_path: Path) -> None:
    sample = draw(name, size=30, seed=5)
    arrays, beside = write_sample(sample, tmp_path / "data")
    assert ":" not in arrays.name
    with np.load(arrays) as stored:
        assert set(stored.files) == set(ARRAYS)
        for key in ARRAYS:
            np.testing.assert_array_equal(stored[key], getattr(sample, key))
    card = json.loads(beside.read_text(encoding="utf-8"))
    assert card["seed"] == 5
    assert card["size"] == 30
    assert card["versions"]["theorycheck"]
    assert card["precision"]["log_density_error_max"] < 1e-9
    assert all(check["passed"] for check in card["checks"]), card["checks"]
    assert (card["reference"] is None) == (":" in name)


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    first, _ = write_sample(draw("circle", size=10, seed=2), tmp_path / "a")
    second, _ = write_sample(draw("circle", size=10, seed=2), tmp_path / "b")
    with np.load(first) as a, np.load(second) as b:
        for key in ARRAYS:
            np.testing.assert_array_equal(a[key], b[key])


def test_a_wrong_density_is_noticed() -> None:
    from dataclasses import replace

    sample = draw("circle", size=50, seed=0)
    wrong = replace(sample, log_density=sample.log_density + 1e-6)
    assert not sample_checks(wrong)[0].passed
    assert sample_checks(sample)[0].passed


def test_plain_sum_against_a_line() -> None:
    model = load_model("expr:[z, 2*z]", noise_variance=0.5)
    _, x = model.sample(5, 0)
    covariance = np.outer([1.0, 2.0], [1.0, 2.0]) + 0.5 * np.eye(2)
    exact = -0.5 * np.einsum("ni,ij,nj->n", x, np.linalg.inv(covariance), x)
    exact -= 0.5 * np.log(np.linalg.det(2.0 * np.pi * covariance))
    value, error = plain_log_density(model, x)
    assert error < 1e-8
    assert np.abs(value - exact).max() < error


def test_bad_input() -> None:
    with pytest.raises(SettingError, match="at least 1"):
        draw("circle", size=0)
    with pytest.raises(SettingError, match="seed"):
        draw("circle", seed=-1)
    with pytest.raises(LoadingError, match="did you mean"):
        draw("circel")
