"""The protocol of exact models, proved by a second one: linear-Gaussian, any K, in closed form.

What goes through `decompose` is held against textbook formulas that share no code with the model.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from theorycheck import GenerativeModel, decompose, iwae_objective, load_model
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Kind
from theorycheck.inference import (
    ExactLinearGaussian,
    ExactModel,
    LinearGaussianModel,
    MeanField,
    exact_model,
)
from theorycheck.objectives import Decomposition


def model(dim: int, latents: int, seed: int = 0) -> ExactLinearGaussian:
    rng = np.random.default_rng([dim, latents, seed])
    return ExactLinearGaussian(
        LinearGaussianModel(
            rng.normal(size=(dim, latents)), rng.uniform(0.1, 1.0, size=dim), rng.normal(size=dim)
        )
    )


def covariance(exact: ExactLinearGaussian) -> np.ndarray:
    w = exact.model.loadings
    return w @ w.T + np.diag(exact.model.noise_variance)


def gaussian_kl(p: ExactLinearGaussian, q: ExactLinearGaussian) -> float:
    """KL[N(b, C) ‖ N(b′, C′)]."""
    one, other = covariance(p), covariance(q)
    apart = p.model.offset - q.model.offset
    inverse = np.linalg.inv(other)
    ratio = math.log(np.linalg.det(other) / np.linalg.det(one))
    trace = float(np.trace(inverse @ one)) + float(apart @ inverse @ apart)
    return 0.5 * (trace - len(apart) + ratio)


def mean_field_kl(exact: ExactLinearGaussian) -> float:
    """KL of the best diagonal Gaussian from N(m, S): by Hadamard's inequality, from S itself."""
    w, variance = exact.model.loadings, exact.model.noise_variance
    posterior = np.linalg.inv(np.eye(w.shape[1]) + w.T @ np.diag(1.0 / variance) @ w)
    precision = np.linalg.inv(posterior)
    return 0.5 * math.log(float(np.prod(np.diag(precision))) * np.linalg.det(posterior))


SHAPES = [(1, 1), (1, 3), (2, 1), (2, 2), (2, 5)]


@pytest.mark.parametrize(("dim", "latents"), SHAPES)
def test_decompose_against_closed_forms(dim: int, latents: int) -> None:
    truth, other = model(dim, latents), model(dim, latents + 1, seed=1)
    entropy = 0.5 * math.log(np.linalg.det(2.0 * math.pi * math.e * covariance(truth)))
    own = decompose(truth)
    assert own.entropy.error < 1e-9
    assert own.entropy.contains(entropy)
    assert own.pmo.error < 1e-6
    assert own.pmo.contains(mean_field_kl(truth))
    assert own.mleo.kind is Kind.EXACT
    assert own.converged
    crossed = decompose(other, truth)
    assert crossed.mleo.error < 1e-9
    assert crossed.mleo.contains(gaussian_kl(truth, other))
    assert crossed.pmo.contains(mean_field_kl(other))
    assert crossed.model is other.model


@pytest.mark.parametrize(("dim", "latents"), SHAPES)
def test_residual_variances_of_theorem_2(dim: int, latents: int) -> None:
    """E_p E_q* (x − f)² = Var(x − W m(x)) + Σ_k W² /(S⁻¹)_kk, by brute-force moments."""
    truth = model(dim, latents)
    w, variance = truth.model.loadings, truth.model.noise_variance
    precision = np.eye(latents) + w.T @ np.diag(1.0 / variance) @ w
    gain = np.linalg.inv(precision) @ w.T @ np.diag(1.0 / variance)
    left = np.eye(dim) - w @ gain
    expected = np.diag(left @ covariance(truth) @ left.T) + w**2 @ (1.0 / np.diag(precision))
    found = decompose(truth, residual_tolerance=1e-6).residual_variance
    for estimate, value in zip(found, expected, strict=True):
        assert estimate.error < 1e-4 * value
        assert estimate.contains(value)


def test_many_dimensions_go_to_draws() -> None:
    truth, other = model(5, 3), model(5, 2, seed=3)
    found = decompose(other, truth)
    assert found.entropy.kind is Kind.STATISTICAL
    assert found.mleo.contains(gaussian_kl(truth, other))
    assert found.mleo.error < 0.05 * gaussian_kl(truth, other)
    assert abs(found.pmo.value - mean_field_kl(other)) < 1e-10


def test_eta_partition_is_all_or_nothing() -> None:
    """KL(x) is the same everywhere."""
    truth = model(2, 3)
    kl = mean_field_kl(truth)
    below, above = decompose(truth, eta=(0.5 * kl, 2.0 * kl)).eta_partition
    assert below.pr_hi.contains(1.0)
    assert below.d_hi.contains(kl)
    assert above.pr_lo.contains(1.0)


def test_log_density_is_honest() -> None:
    exact = model(3, 2)
    _, x = exact.model.sample(200, 5)
    found = exact.log_density(x)
    referee = multivariate_normal(exact.model.offset, covariance(exact)).logpdf(x)
    assert found.error.max() < 1e-10
    assert np.all(np.abs(found.value - referee) <= found.error + 1e-13)
    # ∇ log p(x) = (E[f|x] − x)/σ²
    step = 1e-6
    for d in range(3):
        ahead, behind = x.copy(), x.copy()
        ahead[:, d] += step
        behind[:, d] -= step
        slope = (exact.log_density(ahead).value - exact.log_density(behind).value) / (2.0 * step)
        gradient = (found.posterior_mean_f[:, d] - x[:, d]) / exact.model.noise_variance[d]
        np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-6)


def test_the_two_implementations_agree_where_both_can() -> None:
    """K = 1: the engine's panels against the closed form, each averaged over the other's p(x)."""
    slope, variance = np.array([1.3, -0.4]), np.array([0.2, 0.6])
    closed = ExactLinearGaussian(LinearGaussianModel(slope[:, None], variance))
    engine = load_model("expr:[1.3*z, -0.4*z]", noise_variance=variance)
    _, x = engine.sample(300, 1)
    one, other = closed.best_q(x), MeanField(engine).best_q(x)
    for name in ("negative_elbo", "mean_f", "squares"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-10, atol=1e-11)
    for pair in ((closed, engine), (engine, closed)):
        found = decompose(*pair)
        assert found.mleo.contains(0.0)
        assert found.mleo.error < 1e-9
        assert found.pmo.contains(0.0)


def test_iwae_of_a_decoder_on_data_of_two_latents() -> None:
    """p(x) may come from any exact model: J_1 is J."""
    data = model(1, 2)
    line = load_model("expr:z", noise_variance=0.5)
    found = decompose(line, data, tolerance=1e-4)
    bound = iwae_objective(line, data, samples=1)
    assert abs(bound.excess.value - found.excess.value) <= bound.excess.error + found.excess.error


def test_what_has_no_answer_for_it_is_refused_in_one_line() -> None:
    exact = model(2, 2)
    with pytest.raises(SettingError, match="only the q of one latent can be certified"):
        decompose(exact, certify=3)
    with pytest.raises(SettingError, match="a resolution is for models of one latent"):
        decompose(exact, resolution=1e-3)
    with pytest.raises(ModelError, match="2 data dimensions"):
        decompose(exact, model(1, 2))
    with pytest.raises(ModelError, match="needs D <= 2"):
        model(3, 1).grid(0.5)


@pytest.mark.parametrize(
    ("loadings", "variance", "offset", "words"),
    [
        ([[1.0, math.nan]], 0.1, None, "finite"),
        ([[1.0], [2.0]], [0.1, 0.2, 0.3], None, "shape"),
        ([[1.0], [2.0]], 0.1, [1.0], "offset"),
        ([[1.0]], -0.1, None, "positive"),
        (np.ones((2, 2, 2)), 0.1, None, "expected"),
    ],
)
def test_bad_input(loadings: object, variance: object, offset: object, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        LinearGaussianModel(loadings, variance, offset)  # type: ignore[arg-type]


def test_both_are_exact_models() -> None:
    engine = MeanField(load_model("expr:z", noise_variance=0.5))
    assert isinstance(engine, ExactModel)
    assert isinstance(model(2, 2), ExactModel)
    assert exact_model(engine) is engine
    assert isinstance(exact_model(engine.model), MeanField)


def test_a_result_says_which_model_it_is_of() -> None:
    found: Decomposition = decompose(model(1, 2), tolerance=1e-3)
    assert found.to_dict()["model"] == "linear-Gaussian"
    assert not isinstance(found.model, GenerativeModel)
    assert found.model.latent_dim == 2
