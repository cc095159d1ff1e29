"""p(x), p(x|y) and p(y|x) of known decoders of one and two latents, and measures made of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from theorycheck.arrays import Array
from theorycheck.cohorts import (
    CohortModel,
    accuracy,
    held_out,
    held_out_spread,
    label_information,
    spread,
    two_sample_test,
)
from theorycheck.errors import DecoderError, ModelError, SettingError
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import ExactLabelled
from theorycheck.models import load_labelled_model

PRIOR = np.array([0.2, 0.5, 0.3])


class Linear:
    """f(y, z) = W_y z + b_y, of which everything is Gaussian."""

    def __init__(self, latents: int, dim: int = 3, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.w = 0.8 * rng.normal(size=(3, dim, latents))
        self.b = rng.normal(size=(3, dim))
        self.variance = rng.uniform(0.1, 0.4, dim)
        self.model = CohortModel(self, self.variance, PRIOR, latents, "linear")

    def __call__(self, label: int, z: Array) -> Array:
        return z @ self.w[label].T + self.b[label]

    def log_given(self, x: Array) -> Array:
        return np.stack(
            [
                multivariate_normal(b, w @ w.T + np.diag(self.variance)).logpdf(x)
                for w, b in zip(self.w, self.b, strict=True)
            ]
        )


@pytest.mark.parametrize("latents", [1, 2])
def test_densities_against_gaussians(latents: int) -> None:
    linear = Linear(latents)
    _, x = linear.model.sample(60, 1)
    found = linear.model.densities(x)
    joint = linear.log_given(x) + np.log(PRIOR)[:, None]
    density = np.log(np.exp(joint).sum(axis=0))
    assert (np.abs(found.log_joint - joint) <= found.joint_error).all()
    assert (np.abs(found.log_density - density) <= found.density_error).all()
    share = np.exp(joint - density)
    assert (np.abs(found.class_posterior - share) <= found.posterior_error).all()
    for error in (found.joint_error, found.density_error, found.posterior_error):
        assert error.max() < (1e-9 if latents == 1 else 1e-3)


def test_one_latent_in_nineteen_dimensions() -> None:
    linear = Linear(1, dim=19, seed=3)
    _, x = linear.model.sample(20, 2)
    found = linear.model.densities(x)
    joint = linear.log_given(x) + np.log(PRIOR)[:, None]
    # scipy's logarithm has a rounding of its own.
    rounding = 1e-13 * np.abs(joint)
    assert (np.abs(found.log_joint - joint) <= found.joint_error + rounding).all()
    assert found.joint_error.max() < 1e-8


def test_a_labelled_model() -> None:
    labelled = load_labelled_model("discrete_semi_circle")
    model = CohortModel.of_labelled(labelled)
    y, x = model.sample(50, 0)
    assert y.shape == (50,)
    found, exact = model.densities(x), ExactLabelled(labelled)
    np.testing.assert_allclose(found.log_joint, exact.log_joint(x)[0], atol=1e-10)
    np.testing.assert_allclose(found.log_density, exact.log_density(x).value, atol=1e-10)
    np.testing.assert_allclose(found.class_posterior, exact.class_posterior(x)[0], atol=1e-10)


@pytest.mark.parametrize("latents", [1, 2])
def test_draws(latents: int) -> None:
    linear = Linear(latents)
    y, x = linear.model.sample(40_000, 5)
    np.testing.assert_allclose(np.bincount(y) / len(y), PRIOR, atol=0.015)
    for label in range(3):
        own = x[y == label]
        np.testing.assert_allclose(own.mean(axis=0), linear.b[label], atol=0.1)
        covariance = linear.w[label] @ linear.w[label].T + np.diag(linear.variance)
        np.testing.assert_allclose(np.cov(own.T), covariance, atol=0.15)


def test_held_out_measures() -> None:
    linear = Linear(2, seed=1)
    y, x = linear.model.sample(120, 2)
    found = held_out(linear.model, x, y, draws=60, seed=3)
    given, joint = linear.log_given(x), linear.log_given(x) + np.log(PRIOR)[:, None]
    rows = np.arange(120)
    assert found.log_density.contains(float(np.log(np.exp(joint).sum(axis=0)).mean()))
    assert found.log_density_given_label.contains(float(given[y, rows].mean()))
    assert max(found.log_density.error, found.log_density_given_label.error) < 1e-3
    best = joint.argmax(axis=0)
    assert found.accuracy.contains(float((best == y).mean()))
    recalls = [float((best[y == label] == label).mean()) for label in range(3)]
    assert found.balanced_accuracy.contains(float(np.mean(recalls)))
    assert found.two_sample.p_value > 1e-3
    # The same again from the same seed, and everything is in the JSON.
    assert held_out(linear.model, x, y, draws=60, seed=3).to_dict() == found.to_dict()
    assert set(found.to_dict()) == {
        "log_density", "log_density_given_label", "accuracy", "balanced_accuracy", "information",
        "two_sample",
    }  # fmt: skip
    summary = held_out_spread([found, found])
    assert set(summary) == set(found.to_dict())
    assert summary["log_density"].deviation == 0.0


def two_lumps(distance: float) -> CohortModel:
    """Two Gaussians of unit variance in one dimension, of two classes."""
    return CohortModel(
        lambda label, z: 0.6 * z + distance * label, np.array([0.64]), np.array([0.4, 0.6])
    )


@pytest.mark.parametrize("distance", [0.0, 2.0, 9.0])
def test_information_against_an_integral(distance: float) -> None:
    def integrand(x: float) -> float:
        p = np.array([0.4, 0.6]) * norm.pdf(x, loc=[0.0, distance])
        given = p / np.array([0.4, 0.6])
        logs = np.log(np.maximum(given, 1e-300)) - np.log(max(float(p.sum()), 1e-300))
        return float((p * logs).sum())

    true = quad(integrand, -10.0, 20.0, points=[0.0, 1.0, distance], limit=200)[0]
    found = label_information(two_lumps(distance), draws=2000, seed=0)
    assert found.kind is Kind.STATISTICAL
    assert found.contains(true)
    assert found.error < 0.04


def test_accuracy_by_hand() -> None:
    p = np.array([[0.6, 0.7, 0.2, 0.51], [0.4, 0.3, 0.8, 0.49]])
    y = np.array([0, 0, 0, 1])
    found = accuracy(p, y)
    assert (found.plain.value, found.plain.error) == (0.5, 0.0)
    assert found.balanced.value == pytest.approx((2.0 / 3.0 + 0.0) / 2.0)
    # Point 3 is open where p(y|x) may be 0.02 off: one in four, and half of the balanced figure.
    found = accuracy(p, y, np.full((2, 4), 0.02))
    assert (found.plain.error, found.balanced.error) == (0.25, 0.5)
    assert accuracy(p, y, np.full((2, 4), 0.009)).plain.error == 0.0
    with pytest.raises(ModelError, match="labels of all 2 classes"):
        accuracy(p, np.zeros(4, dtype=np.int64))


def test_spread() -> None:
    values = [Estimate(1.0, 0.1), Estimate(2.0, 0.3), Estimate(6.0, 0.2)]
    found = spread(values)
    assert (found.mean, found.lowest, found.highest, found.count, found.radius) == (3, 1, 6, 3, 0.3)
    assert found.deviation == pytest.approx(np.sqrt(7.0))
    assert str(found) == "3.000 ± 2.646"
    with pytest.raises(SettingError, match="two splits"):
        spread(values[:1])


def cohort(rng: np.random.Generator, size: int, shift: float = 0.0) -> tuple[Array, Array]:
    y = (rng.random(size) < 0.3).astype(np.int64)
    x = np.round(rng.normal(size=(size, 2)) + y[:, None], 1)  # rows repeat themselves
    x[:, 1] += shift * x[:, 0] ** 2
    return x, y


def test_the_size_of_the_two_sample_test() -> None:
    """Samples of one law, repeated rows and few of them: no more rejections than it says."""
    rng = np.random.default_rng(0)
    levels, p = np.array([0.02, 0.1, 0.3]), []
    for seed in range(150):
        p.append(two_sample_test(*cohort(rng, 30), *cohort(rng, 30), classes=2, seed=seed).p_value)
    rejected = (np.array(p)[:, None] <= levels).mean(axis=0)
    assert (rejected <= levels + 3.0 * np.sqrt(levels * (1.0 - levels) / 150)).all()


def test_the_power_of_the_two_sample_test() -> None:
    rng = np.random.default_rng(1)
    # A curved relation; samples of different size; and labels alone.
    found = two_sample_test(*cohort(rng, 200), *cohort(rng, 300, 1.0), classes=2)
    assert found.p_value < 1e-4
    assert found.rows == 200
    assert found.accuracy.value > 0.6
    x, y = cohort(rng, 200)
    other_x, other_y = cohort(rng, 200)
    assert two_sample_test(x, y, other_x, 1 - other_y, classes=2).p_value < 1e-4
    with pytest.raises(ModelError, match="needs 8 rows"):
        two_sample_test(x[:7], y[:7], other_x, other_y, classes=2)


def test_a_collapsed_decoder_is_seen() -> None:
    """One f for all classes: no information, chance, and a cohort that is told from the real."""
    truth = two_lumps(2.0)
    y, x = truth.sample(300, 0)
    variance = 0.64 + 0.24 * 4.0  # both classes' x together
    lost = CohortModel(
        lambda _, z: 0.6 * z + 1.2, np.array([variance]), np.array([0.4, 0.6]), name="lost"
    )
    found, kept = held_out(lost, x, y, draws=200), held_out(truth, x, y, draws=200)
    assert found.information.value == pytest.approx(0.0, abs=1e-9)
    assert kept.information.lower > 0.1
    assert found.balanced_accuracy.value == 0.5
    assert kept.balanced_accuracy.value > 0.8
    assert found.two_sample.p_value < 1e-3
    assert kept.two_sample.p_value > 1e-3


BAD = [
    ({"latent_dim": 3}, ModelError, "K = 3"),
    ({"noise_variance": np.array([0.1, 0.0, 0.1])}, ModelError, "σ² must be positive"),
    ({"prior": np.array([0.5, 0.2])}, ModelError, "sum to 1"),
    ({"prior": np.array([1.0])}, ModelError, "sum to 1"),
    ({"prior": np.array([1.5, -0.5])}, ModelError, "positive"),
    ({"decoder": lambda _, z: z}, DecoderError, r"f\(0, z\) has shape"),
    ({"decoder": lambda _, z: np.full((len(z), 3), np.nan)}, DecoderError, "NaN"),
    ({"decoder": lambda _, z: z[7]}, DecoderError, "raised IndexError"),
]


@pytest.mark.parametrize(("changed", "kind", "says"), BAD, ids=[says for _, _, says in BAD])
def test_a_bad_model(changed: dict[str, object], kind: type, says: str) -> None:
    linear = Linear(1)
    parts = {"decoder": linear, "noise_variance": linear.variance, "prior": PRIOR, "latent_dim": 1}
    with pytest.raises(kind, match=says):
        CohortModel(**(parts | changed))


def test_bad_rows() -> None:
    model = Linear(1).model
    y = np.array([0, 1, 2] * 3)
    with pytest.raises(ModelError, match="NaN or inf"):
        held_out(model, np.full((9, 3), np.nan), y)
    with pytest.raises(ModelError, match="expected"):
        model.densities(np.zeros((9, 2)))
    with pytest.raises(ModelError, match="labels of all 3 classes"):
        held_out(model, np.zeros((9, 3)), np.zeros(9, dtype=np.int64))
