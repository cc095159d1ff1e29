"""The stored reference values, against what is cheap to compute anew."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck import decompose
from theorycheck.dataset import REFERENCED, draw, predicted_optimum, reference, score
from theorycheck.dataset._reference import FOLDER
from theorycheck.errors import LoadingError
from theorycheck.estimate import Verdict
from theorycheck.models._benchmarks import BENCHMARKS, benchmark

#: J of the best decoder that thorough searches have found so far, nats; what is stored may be less.
BEST_KNOWN = {
    "figure8": 0.07354,
    "circle": 0.02353,
    "absolute_value": 0.01114,
    "clusters": 0.08200,
    "spiral_dots": 0.32960,
}


def test_every_benchmark_without_a_label_has_a_card() -> None:
    without = {n for n, b in BENCHMARKS.items() if not b.semi_supervised}
    assert set(REFERENCED) == without
    for name in REFERENCED:
        stored = reference(name)
        assert stored.name == name
        assert stored.noise_variance == BENCHMARKS[name].noise_variance
        assert stored.card["formula"] == BENCHMARKS[name].formula
        assert {"method", "precision", "seed", "versions", "checks", "effort"} <= set(stored.card)


@pytest.mark.parametrize("name", REFERENCED)
def test_checks_passed(name: str) -> None:
    checks = reference(name).card["checks"]
    assert len(checks) >= 9
    for check in checks:
        assert check["passed"], check["name"]
        assert check["measured"] <= check["allowed"]


@pytest.mark.parametrize("name", REFERENCED)
def test_objectives_are_in_order(name: str) -> None:
    stored = reference(name)
    assert stored.ground_truth.mleo.value == 0.0
    for one in (stored.ground_truth, stored.optimum):
        assert one.mleo.upper >= 0.0
        assert one.mleo.lower <= one.excess.upper
        assert one.excess.value == pytest.approx(one.mleo.value + one.pmo.value, abs=1e-15)
    assert stored.optimum.excess.upper < stored.ground_truth.excess.lower
    if name in BEST_KNOWN:
        assert stored.optimum.excess.value < BEST_KNOWN[name] + 1e-4


@pytest.mark.parametrize("name", ["circle", "figure8"])
def test_ground_truth_again(name: str) -> None:
    stored = reference(name)
    again = decompose(benchmark(name), tolerance=1e-4)
    assert abs(again.entropy.value - stored.entropy.value) <= (
        again.entropy.error + stored.entropy.error
    )
    pmo = stored.ground_truth.pmo
    assert abs(again.pmo.value - pmo.value) <= again.pmo.error + pmo.error


def test_optimum_again() -> None:
    result = score(predicted_optimum("circle"), "circle", tolerance=1e-4)
    assert result.above_optimum.contains(0.0)
    assert result.above_optimum.error < 2e-4
    assert result.preferred_to_ground_truth is Verdict.HOLDS


@pytest.mark.parametrize("name", REFERENCED)
def test_decoders_are_small_and_sane(name: str) -> None:
    assert (FOLDER / f"{name}.npz").stat().st_size < 100_000
    model = predicted_optimum(name)
    assert model.data_dim == 2
    assert np.isfinite(model.decoder(np.linspace(-8.0, 8.0, 101))).all()


@pytest.mark.parametrize("name", REFERENCED)
def test_a_sample_agrees(name: str) -> None:
    """The means of a sample are within five standard errors of the stored integrals."""
    stored, sample = reference(name), draw(name, size=2000, seed=7)
    for values, expected in (
        (-sample.log_density, stored.entropy),
        (sample.kl, stored.ground_truth.pmo),
    ):
        standard_error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - expected.value) < 5.0 * standard_error + expected.error


def test_no_such_reference() -> None:
    with pytest.raises(LoadingError, match="did you mean 'circle'"):
        reference("circel")
    with pytest.raises(LoadingError, match="no reference values"):
        reference("discrete_semi_circle:y=1")
