"""A VAE on a table of x: gaps in closed form, draws, use of latents, σ² by exact likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal, norm

from theorycheck.errors import ModelError, SettingError
from theorycheck.evaluation import (
    SampleJudged,
    fit_noise_to_sample,
    importance_draws,
    judge_on_sample,
    negative_elbo_at,
)
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.objectives import latent_use

LOADINGS = {1: np.array([[1.0], [0.6], [-0.4]]), 2: np.array([[1.0, 0.5], [0.2, -0.7], [0.3, 0.4]])}
VARIANCE = 0.3


def linear(latents: int, variance: float = VARIANCE) -> GenerativeModel:
    loadings = LOADINGS[latents]

    def f(z: np.ndarray) -> np.ndarray:
        return z.reshape(len(z), latents) @ loadings.T

    return GenerativeModel(Decoder.from_function(f, latent_dim=latents, name="linear"), variance)


def table(latents: int, size: int = 40) -> np.ndarray:
    return linear(latents).sample(size, 3)[1]


def precision(latents: int) -> np.ndarray:
    return np.eye(latents) + LOADINGS[latents].T @ LOADINGS[latents] / VARIANCE


def best_q(latents: int) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The optimal q of a linear decoder: the posterior's mean, the precision's diagonal."""
    m = precision(latents)

    def encode(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = x @ LOADINGS[latents] @ np.linalg.inv(m) / VARIANCE
        return mean, np.tile(1.0 / np.sqrt(np.diag(m)), (len(x), 1))

    return encode


@pytest.mark.parametrize("latents", [1, 2])
def test_gaps_of_a_linear_decoder(latents: int, tmp_path: Path) -> None:
    x, m = table(latents), precision(latents)
    shift = np.array([0.3, -0.2])[:latents]

    def shifted(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, scale = best_q(latents)(points)
        return (mean + shift)[:, 0] if latents == 1 else mean + shift, (
            scale[:, 0] if latents == 1 else scale
        )

    found = judge_on_sample(linear(latents), x, shifted, draws=(10,), most_points=5)
    covariance = LOADINGS[latents] @ LOADINGS[latents].T + VARIANCE * np.eye(3)
    log_p = multivariate_normal(np.zeros(3), covariance).logpdf(x)
    assert (np.abs(found.log_density - log_p) <= found.density_error + 1e-12).all()
    gap = 0.5 * (np.log(np.diag(m)).sum() - np.linalg.slogdet(m)[1])
    assert found.approximation_gaps == pytest.approx(np.full(len(x), gap), abs=1e-9)
    approximation = found.mean_approximation_gap
    assert abs(approximation.value - gap) <= approximation.error + 1e-12
    # −ELBO is quadratic in μ, with the precision as its Hessian.
    lost = 0.5 * shift @ m @ shift
    amortisation = found.mean_amortisation_gap
    assert amortisation is not None
    assert abs(amortisation.value - lost) <= amortisation.error + 1e-12
    assert amortisation.value == pytest.approx(lost, abs=1e-9)
    assert found.mean_elbo.value == pytest.approx(log_p.mean() - gap - lost, abs=1e-9)
    assert found.total_gaps == pytest.approx(np.full(len(x), gap + lost), abs=1e-9)
    path = tmp_path / "judged.npz"
    found.save(path)
    again = SampleJudged.load(path)
    assert again.to_dict() == found.to_dict()
    assert np.array_equal(again.best_mean, found.best_mean)


def test_without_an_encoder_the_best_q_stands_for_it() -> None:
    found = judge_on_sample(linear(2), table(2), draws=(), most_points=1)
    assert found.mean_amortisation_gap is None
    assert found.mean_elbo.value == pytest.approx(-found.best_negative_elbo.mean())
    assert [one.active for one in found.use] == [True, True]
    assert found.draws == ()


def test_worst_rows_come_first() -> None:
    def encode(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, scale = best_q(2)(points)
        mean[7] += 2.0
        mean[3] += 1.0
        return mean, scale

    found = judge_on_sample(linear(2), table(2), encode, draws=())
    assert found.worst(2) == [7, 3]


@pytest.mark.parametrize("latents", [1, 2])
def test_given_q_in_closed_form(latents: int) -> None:
    x, rng = table(latents, 8), np.random.default_rng(0)
    mean, scale = rng.normal(size=(8, latents)), rng.uniform(0.1, 2.0, (8, latents))
    value, radius = negative_elbo_at(linear(latents), x, mean, scale)
    square = ((x - mean @ LOADINGS[latents].T) ** 2).sum(axis=1)
    square = square + scale**2 @ (LOADINGS[latents] ** 2).sum(axis=0)
    kl = (0.5 * (mean**2 + scale**2 - 1.0) - np.log(scale)).sum(axis=1)
    wanted = kl + 0.5 * square / VARIANCE + 1.5 * math.log(2.0 * math.pi * VARIANCE)
    assert (np.abs(value - wanted) <= radius + 1e-12).all()
    assert radius.max() < 1e-10


def test_a_rule_that_does_not_resolve_f_says_so() -> None:
    wave = GenerativeModel(Decoder.from_function(lambda z: np.sin(9.0 * z)[:, None]), 0.1)
    x, mean, scale = (
        np.zeros((3, 1)),
        np.array([[0.0], [0.4], [1.0]]),
        np.array([[0.05], [1.0], [2.0]]),
    )
    value, radius = negative_elbo_at(wave, x, mean, scale)
    # E sin² = ½ (1 − cos(18 μ) e^{−162 s²}).
    square = 0.5 * (1.0 - np.cos(18.0 * mean) * np.exp(-162.0 * scale**2))[:, 0]
    kl = (0.5 * (mean**2 + scale**2 - 1.0) - np.log(scale))[:, 0]
    wanted = kl + 5.0 * square + 0.5 * math.log(2.0 * math.pi * 0.1)
    assert (np.abs(value - wanted) <= radius).all()
    assert radius[0] < 1e-9 < 1e-2 < radius[2]


def test_draws_from_the_posterior_itself_are_exact() -> None:
    model, x = linear(1), table(1, 30)
    mean, scale = best_q(1)(x)
    log_p = multivariate_normal(
        np.zeros(3), LOADINGS[1] @ LOADINGS[1].T + VARIANCE * np.eye(3)
    ).logpdf(x)
    found = importance_draws(model, x, log_p, mean, scale, 3, most=12)
    assert found.error == pytest.approx(np.zeros(12), abs=1e-10)
    assert found.share_off == 0.0
    assert len(set(found.rows)) == 12


def test_single_draws_are_unbiased_for_p() -> None:
    model, x = linear(2), np.repeat(table(2, 1), 4_000, axis=0)
    mean, scale = best_q(2)(x)
    covariance = LOADINGS[2] @ LOADINGS[2].T + VARIANCE * np.eye(3)
    log_p = multivariate_normal(np.zeros(3), covariance).logpdf(x)
    one = importance_draws(model, x, log_p, mean, 1.3 * scale, 1, most=4_000)
    ratio = np.exp(one.error)
    assert abs(ratio.mean() - 1.0) < 5.0 * ratio.std() / math.sqrt(4_000)
    # By Jensen the logarithm is below, by less the more draws there are.
    many = importance_draws(model, x[:500], log_p[:500], mean[:500], 1.3 * scale[:500], 50)
    assert one.error.mean() < many.error.mean() < 0.01


def test_use_of_latents_against_adaptive_quadrature() -> None:
    mean = np.array([[-1.0, 0.3], [0.2, 0.3], [1.5, 0.3]])
    scale = np.array([[0.3, 1.1], [0.05, 1.1], [0.8, 1.1]])
    first, second = latent_use(mean, scale)

    def q(z: float) -> float:
        return float(np.mean(norm.pdf(z, mean[:, 0], scale[:, 0])))

    points = sorted({*mean[:, 0], *(mean - 2 * scale)[:, 0], *(mean + 2 * scale)[:, 0]})
    entropy = quad(
        lambda z: -q(z) * math.log(q(z)), -7.0, 9.0, points=points, limit=400, epsabs=1e-11
    )[0]
    own = float(np.mean(norm.entropy(0.0, scale[:, 0])))
    kl = float(np.mean(0.5 * (mean**2 + scale**2 - 1.0) - np.log(scale), axis=0)[0])
    assert abs(first.informativeness.value - (entropy - own)) <= first.informativeness.error + 1e-9
    assert abs(first.aggregate_kl.value - (kl - entropy + own)) <= first.aggregate_kl.error + 1e-9
    assert first.active
    assert not second.active
    assert second.informativeness.value == pytest.approx(0.0, abs=1e-9)
    assert second.aggregate_kl.value == pytest.approx(second.rate.value, abs=1e-9)


def test_informativeness_of_a_table_is_log_n_at_most() -> None:
    mean = 20.0 * np.arange(7.0)[:, None]
    (apart,) = latent_use(mean, np.ones((7, 1)))
    assert apart.informativeness.value == pytest.approx(math.log(7.0), abs=1e-9)


@pytest.mark.parametrize("latents", [1, 2])
def test_noise_fitted_by_exact_likelihood(latents: int) -> None:
    x = table(latents, 60)
    fitted = fit_noise_to_sample(linear(latents, 1.7), x)
    outer = LOADINGS[latents] @ LOADINGS[latents].T

    def negative(log_variance: float) -> float:
        covariance = outer + math.exp(log_variance) * np.eye(3)
        return -float(multivariate_normal(np.zeros(3), covariance).logpdf(x).mean())

    wanted = math.exp(minimize_scalar(negative, bounds=(-4.0, 3.0), method="bounded").x)
    assert fitted.converged
    assert fitted.model.noise_variance == pytest.approx(np.full(3, wanted), rel=2e-3)
    judged = judge_on_sample(linear(latents, 1.7), x, fit_noise=True, draws=())
    assert judged.noise is not None
    assert judged.model.noise_variance == pytest.approx(fitted.model.noise_variance)


@pytest.mark.parametrize(
    ("encoder", "says"),
    [
        (
            lambda x: (np.zeros(len(x)), np.ones(len(x))),
            r"shapes \(40, 1\) and \(40, 1\), expected \(40, 2\)",
        ),
        (lambda x: (np.full((len(x), 2), np.nan), np.ones((len(x), 2))), "NaN, inf or a scale of"),
        (lambda x: (np.zeros((len(x), 2)), np.zeros((len(x), 2))), "NaN, inf or a scale of"),
    ],
)
def test_encoders_that_are_none(encoder: Any, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        judge_on_sample(linear(2), table(2), encoder, draws=())


def test_tables_that_do_not_serve() -> None:
    with pytest.raises(SettingError, match="two points or more"):
        judge_on_sample(linear(2), table(2)[:1])
    with pytest.raises(SettingError, match="must be positive"):
        judge_on_sample(linear(2), table(2), draws=(0,))
    with pytest.raises(ModelError):
        judge_on_sample(linear(2), np.zeros((4, 5)))
