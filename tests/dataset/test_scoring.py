"""Scores of decoders and of inference methods."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from theorycheck import MeanField, decompose, optimal_q
from theorycheck.dataset import reference, score, score_posterior
from theorycheck.errors import DecoderError, LoadingError, ModelError
from theorycheck.estimate import Verdict
from theorycheck.models._benchmarks import benchmark, circle
from theorycheck.models._loading import load_model

Array = NDArray[np.float64]


def test_the_ground_truth_scores_as_stored() -> None:
    result = score(circle, "circle", tolerance=1e-4)
    assert result.mleo.contains(0.0)
    assert result.above_ground_truth.contains(0.0)
    assert result.preferred_to_ground_truth is not Verdict.HOLDS
    assert result.new_best is Verdict.FAILS
    gain = reference("circle").ground_truth.excess - reference("circle").optimum.excess
    assert abs(result.above_optimum.value - gain.value) < 2e-4


def test_it_is_the_decomposition() -> None:
    model = load_model("expr:[z, 0*z]", noise_variance=0.02)
    expected = decompose(model, benchmark("figure8"), tolerance=1e-4)
    result = score(lambda z: np.stack([z, 0.0 * z], axis=-1), "figure8", tolerance=1e-4)
    assert abs(result.excess.value - expected.excess.value) <= (
        result.excess.error + expected.excess.error
    )
    other = score(model.decoder, "figure8", [0.05, 0.02], tolerance=1e-4)
    assert other.decomposition.model.noise_variance.tolist() == [0.05, 0.02]
    assert other.to_dict()["new_best"] == "fails"


def test_a_benchmark_without_reference() -> None:
    result = score(lambda z: np.stack([z, z], axis=-1), "discrete_semi_circle:y=1", tolerance=1e-2)
    assert result.reference is None
    assert result.to_dict()["above_optimum"] == {"value": None, "error": None, "kind": "estimated"}
    assert result.new_best is Verdict.INCONCLUSIVE


def test_bad_decoders() -> None:
    with pytest.raises(ModelError, match="data dimensions"):
        score(lambda z: z[:, None], "circle", 0.1)
    with pytest.raises(DecoderError, match="not finite"):
        score(lambda z: np.stack([z, np.nan * z], axis=-1), "circle")
    with pytest.raises(LoadingError):
        score(circle, "circel")


def test_the_optimal_q_has_no_gap() -> None:
    model = benchmark("figure8")

    def exact(x: Array) -> tuple[Array, Array]:
        best = optimal_q(model, x)
        return best.mean, best.scale

    result = score_posterior(exact, "figure8", size=200, seed=1)
    assert abs(result.mean) < 1e-12
    assert result.share_found == 1.0
    assert result.mean_kl == pytest.approx(float(result.sample.kl.mean()))


def test_the_prior_as_q() -> None:
    """Its gap is what −ELBO says of it, and no gap is below zero."""
    result = score_posterior(
        lambda x: (np.zeros(len(x)), np.ones((len(x), 1))), "circle", size=100, seed=4
    )
    expected = MeanField(benchmark("circle")).negative_elbo(result.sample.x, 0.0, 1.0)
    np.testing.assert_allclose(result.gap, expected - result.sample.negative_elbo)
    assert (result.gap > 0.0).all()
    assert result.largest >= result.mean
    assert result.standard_error == pytest.approx(result.gap.std(ddof=1) / 10.0)
    assert result.to_dict()["seed"] == 4


def test_one_draw_has_no_standard_error() -> None:
    result = score_posterior(lambda _: (np.zeros(1), np.ones(1)), "circle", size=1)
    assert result.to_dict()["standard_error"] is None


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (lambda x: np.zeros(len(x)), "two arrays"),
        (lambda x: (np.zeros(len(x)), -np.ones(len(x))), "log-scale"),
        (lambda x: (np.zeros(3), np.ones(len(x))), "shape"),
        (lambda x: (np.full(len(x), np.nan), np.ones(len(x))), "NaN"),
        (lambda x: (["a"] * len(x), np.ones(len(x))), "no array of numbers"),
    ],
)
def test_bad_methods(answer: object, fault: str) -> None:
    with pytest.raises(ModelError, match=fault):
        score_posterior(answer, "circle", size=8)  # type: ignore[arg-type]


def test_what_the_method_writes_into_x_does_not_count() -> None:
    def spoil(x: Array) -> tuple[Array, Array]:
        x[:] = 0.0
        return np.zeros(len(x)), np.ones(len(x))

    result = score_posterior(spoil, "circle", size=5, seed=0)
    assert (result.sample.x != 0.0).all()
