"""Theorem 2: the refit of σ² against independent sums and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.errors import SettingError
from theorycheck.estimate import Verdict
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._decomposition import decompose
from theorycheck.theorems._theorem2 import check_theorem2


def test_linear_decoder_is_unbiased() -> None:
    model = GenerativeModel(parse_expression("[z, 2*z]").to_decoder(), [0.1, 0.4])
    check = check_theorem2(model)
    for refit, exact, true in zip(
        check.refit_at_ground_truth, check.exact_posterior, check.true, strict=True
    ):
        assert abs(refit.value - true) <= refit.error
        assert refit.value == pytest.approx(true, rel=1e-7)
        assert exact.value == pytest.approx(true, rel=1e-9)
    assert check.verdict is not Verdict.HOLDS


def test_refit_agrees_with_sampling() -> None:
    """E_p E_q (x_d − f_d)² by Monte Carlo over x and z, with its own error."""
    model = benchmark("figure8")
    check = check_theorem2(model, tolerance=1e-3)
    rng = np.random.default_rng(0)
    _, x = model.sample(200_000, rng)
    optimum = MeanField(model).optimal_q(x)
    z = optimum.mean + optimum.scale * rng.standard_normal(len(x))
    squares = (x - model.decoder(z)) ** 2
    for d, refit in enumerate(check.refit_at_ground_truth):
        noise = 5.0 * squares[:, d].std() / np.sqrt(len(x))
        assert abs(squares[:, d].mean() - refit.value) <= noise + refit.error
    assert check.verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", ["figure8", "absolute_value"])
def test_exact_posterior_is_unbiased(name: str) -> None:
    check = check_theorem2(benchmark(name), tolerance=1e-2)
    for exact, true in zip(check.exact_posterior, check.true, strict=True):
        assert abs(exact.value - true) <= exact.error
        assert exact.error < 1e-6 * true


def test_refit_minimises_the_negative_elbo_over_the_variance() -> None:
    """dJ/dσ² of the model at fixed data vanishes at the fixed point, by the envelope theorem."""
    model = benchmark("circle")
    check = check_theorem2(model, tolerance=1e-3)
    ratio = 1e-3
    up = decompose(model.with_noise_variance(0.01 * (1 + ratio)), model, tolerance=1e-7)
    down = decompose(model.with_noise_variance(0.01 * (1 - ratio)), model, tolerance=1e-7)
    slope = (up.excess.value - down.excess.value) / (2 * ratio)
    # d(−ELBO)/d log σ² = Σ_d ½ (1 − σ̂_d²/σ²).
    expected = sum(0.5 * (1 - e.value / 0.01) for e in check.refit_at_ground_truth)
    assert slope == pytest.approx(expected, abs=5e-4)


def test_decomposition_is_reused() -> None:
    model = benchmark("circle")
    result = decompose(model, tolerance=1e-3)
    check = check_theorem2(model, decomposition=result)
    assert check.refit_at_ground_truth == result.residual_variance


def test_unresolved_and_bad_input() -> None:
    rough = GenerativeModel(parse_expression("sin(1e7*z)").to_decoder(), 1.0)
    check = check_theorem2(rough, tolerance=1e-2)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "not resolved" in check.summary
    with pytest.raises(SettingError, match="positive"):
        check_theorem2(benchmark("circle"), tolerance=0.0)
