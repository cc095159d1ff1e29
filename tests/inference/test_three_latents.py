"""Three latents: closed forms, the engine for two, turns of z, a plain sum, and Sobol points."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from theorycheck.errors import ModelError
from theorycheck.estimate import Kind
from theorycheck.inference import (
    ExactLinearGaussian,
    LinearGaussianModel,
    MeanFieldBoxes,
    density_kind,
    log_density_on_boxes,
    posterior_on_boxes,
)
from theorycheck.inference import _mean_field_boxes as engine
from theorycheck.inference._sobol_density import sobol_density
from theorycheck.models import Decoder, GenerativeModel, load_model
from theorycheck.objectives import decompose
from theorycheck.quadrature import latent_boxes

Array = NDArray[np.float64]


def space(f: Callable[[Array], Array], sigma: float, latents: int = 3) -> MeanFieldBoxes:
    decoder = Decoder.from_function(f, latent_dim=latents, name="f")
    return MeanFieldBoxes(GenerativeModel(decoder, sigma**2))


@cache
def linear(data_dim: int) -> tuple[MeanFieldBoxes, ExactLinearGaussian, Array]:
    w = 0.3 * np.random.default_rng(data_dim).normal(size=(data_dim, 3))
    w /= math.sqrt(max(data_dim / 8.0, 1.0))
    sigma = 0.5
    return space(lambda z: z @ w.T, sigma), ExactLinearGaussian(LinearGaussianModel(w, 0.25)), w


def bent(z: Array) -> Array:
    """Make f of slopes near one that curve in every latent."""
    one, two, three = z.T
    return np.stack(
        [
            one + 0.4 * np.sin(1.3 * two),
            two + 0.3 * three**2 / (1.0 + three**2),
            np.sin(three) + 0.3 * one,
        ],
        axis=1,
    )


@cache
def curved() -> MeanFieldBoxes:
    return space(bent, 0.7)


def plain_sum(x: Array, sigma: float, step: float = 0.2) -> Array:
    """Sum over a grid of all three latents, a plane at a time."""
    axis = np.arange(-8.0, 8.0 + 1e-9, step)
    total = np.full(len(x), -np.inf)
    for one in axis:
        z = np.stack(np.meshgrid([one], axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        f = bent(z)
        for n, point in enumerate(x):
            e = -0.5 * (((point - f) / sigma) ** 2).sum(axis=1) - 0.5 * (z**2).sum(axis=1)
            total[n] = np.logaddexp(total[n], e.max() + math.log(np.exp(e - e.max()).sum()))
    return total + 3.0 * (math.log(step) - math.log(2.0 * math.pi) - math.log(sigma))


@pytest.mark.parametrize("data_dim", [2, 3, pytest.param(64, marks=pytest.mark.slow)])
def test_linear_decoders_in_closed_form(data_dim: int) -> None:
    found, known, _ = linear(data_dim)
    assert found.by_boxes
    assert density_kind(found) is Kind.ESTIMATED
    x = known.model.sample(8, 0)[1]
    p, wanted = found.log_density(x), known.log_density(x)
    np.testing.assert_allclose(p.value, wanted.value, rtol=1e-12, atol=1e-12)
    assert (np.abs(p.value - wanted.value) <= p.error + wanted.error).all()
    assert p.error.max() < 1e-6
    np.testing.assert_allclose(p.posterior_mean_f, wanted.posterior_mean_f, atol=1e-9)
    np.testing.assert_allclose(found.posterior_squares(x), known.posterior_squares(x), atol=1e-9)
    best = found.best_q(x)
    np.testing.assert_allclose(best.negative_elbo + p.value, known.kl, atol=1e-10)
    assert best.gap.max() < 1e-9


def test_the_pmo_of_a_linear_decoder() -> None:
    """½(Σ log M_kk − log det M) with M = A'A + σ²I, whatever the draws."""
    found, known, w = linear(3)
    result = decompose(found, size=4, repeats=4)
    m = w.T @ w + 0.25 * np.eye(3)
    exact = 0.5 * (np.log(np.diag(m)).sum() - np.linalg.slogdet(m)[1])
    assert known.kl == pytest.approx(exact, abs=1e-14)
    assert abs(result.pmo.value - exact) < 1e-10
    assert abs(result.pmo.value - exact) <= result.pmo.error < 1e-6
    assert result.pmo.kind is Kind.STATISTICAL
    assert result.resolved


def test_the_posterior_of_a_linear_decoder() -> None:
    found, known, w = linear(3)
    x = known.model.sample(1, 5)[1][0]
    post = posterior_on_boxes(found.boxes, x)
    precision = w.T @ w / 0.25 + np.eye(3)
    np.testing.assert_allclose(post.mean, np.linalg.solve(precision, w.T @ x / 0.25), atol=1e-9)
    np.testing.assert_allclose(post.covariance, np.linalg.inv(precision), atol=1e-9)
    np.testing.assert_allclose(post.modes, [post.mean], atol=1e-8)
    entropy = 1.5 * math.log(2.0 * math.pi * math.e) - 0.5 * np.linalg.slogdet(precision)[1]
    assert abs(post.entropy.value - entropy) <= post.entropy.error < 1e-5


def test_a_latent_unused_is_the_engine_for_two() -> None:
    def f(z: Array) -> Array:
        return np.stack([z[:, 0] + 0.3 * np.sin(z[:, 1]), np.cos(z[:, 1]) + 0.5 * z[:, 1]], axis=1)

    two, three = space(f, 0.6, latents=2), space(lambda z: f(z[:, :2]), 0.6)
    x = two.model.sample(8, 1)[1]
    p, wanted = three.log_density(x), two.log_density(x)
    np.testing.assert_allclose(p.value, wanted.value, atol=1e-11)
    np.testing.assert_allclose(three.kl(x), two.kl(x), atol=1e-9)
    best = three.optimal_q(x)
    np.testing.assert_allclose(best.mean[:, 2], 0.0, atol=1e-5)
    np.testing.assert_allclose(best.scale[:, 2], 1.0, atol=1e-5)


def test_a_curved_decoder_against_a_plain_sum_and_turned() -> None:
    found = curved()
    x = found.model.sample(4, 2)[1]
    p = found.log_density(x)
    fine, coarse = plain_sum(x, 0.7), plain_sum(x, 0.7, 0.25)
    assert np.abs(fine - coarse).max() < 1e-10
    assert np.abs(p.value - fine).max() < 1e-11
    assert p.error.max() < 1e-5
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = space(lambda z: bent(z @ turn.T), 0.7)
    np.testing.assert_allclose(turned.log_density(x).value, p.value, atol=1e-11)
    assert np.abs(turned.kl(x) - found.kl(x)).max() > 1e-3


def test_boxes_that_are_too_few_say_so() -> None:
    """A budget that is spent leaves radii that hold the error."""
    w = linear(3)[2]
    few = latent_boxes(lambda z: 2.0 * z @ w.T, np.full(3, 0.25), latents=3, max_boxes=4100,
        held=False, negligible=1e-15, resolution=1e-9)  # fmt: skip
    truth = ExactLinearGaussian(LinearGaussianModel(2.0 * w, 0.0625))
    x = truth.model.sample(6, 0)[1]
    p = log_density_on_boxes(few, x)
    off = np.abs(np.expm1(p.value - truth.log_density(x).value))
    assert off.max() > 1e-9
    assert (off <= p.relative_error).all()


def test_sobol_points_hold_what_they_are_off_by() -> None:
    found = curved()
    x = found.model.sample(24, 3)[1]
    minima = found.optimal_q(x).minima
    exact = found.log_density(x).value
    for seed in range(3):
        sums = sobol_density(found.model, x, minima, seed=seed, size=64)
        off = np.abs(np.expm1(sums.value - exact))
        assert (off <= sums.relative_error).all()
        assert 1e-3 < np.median(sums.relative_error) < 0.5
    fine = sobol_density(found.model, x, minima, size=1024)
    assert np.median(fine.relative_error) < 0.3 * np.median(sums.relative_error)


def test_steep_decoders_are_left_to_sobol_points() -> None:
    w = 20.0 * np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    found = space(lambda z: z @ w.T, 0.1)
    known = ExactLinearGaussian(LinearGaussianModel(w, 0.01))
    assert not found.by_boxes
    assert density_kind(found) is Kind.STATISTICAL
    # A look at the corners of the first boxes was enough.
    assert found.boxes.size == 16**3
    x = known.model.sample(10, 0)[1]
    p, wanted = found.log_density(x), known.log_density(x)
    off = np.abs(p.value - wanted.value)
    assert (off <= p.error).all()
    assert off.max() < 1e-2
    np.testing.assert_allclose(p.posterior_mean_f, wanted.posterior_mean_f, atol=0.05)
    table = decompose(found, sample=x)
    assert table.pmo.kind is Kind.STATISTICAL
    assert abs(table.pmo.value - known.kl) <= table.pmo.error
    assert table.given is not None
    assert table.given.log_density.kind is Kind.STATISTICAL
    assert table.given.negative_elbo.kind is Kind.ESTIMATED


@pytest.mark.slow
def test_kinks_are_in_the_radius(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_BOXES", 5_000)

    def f(z: Array) -> Array:
        return np.stack([np.abs(z[:, 0] - 0.3 * z[:, 1]), z[:, 1], z[:, 2]], axis=1)

    found = space(f, 0.8)
    x = found.model.sample(3, 0)[1]
    p = found.log_density(x)
    # The last latent is alone, and the other two are summed over a fine grid of their own.
    axis = np.arange(-8.0, 8.0, 0.01)
    third = -0.5 * x[:, 2] ** 2 / 1.64 - 0.5 * math.log(2.0 * math.pi * 1.64)
    for n, point in enumerate(x):
        one, two = np.meshgrid(axis, axis, indexing="ij")
        e = -0.5 * ((point[0] - np.abs(one - 0.3 * two)) ** 2 + (point[1] - two) ** 2) / 0.64
        total = np.exp(e - 0.5 * (one**2 + two**2)).sum() * 1e-4 / (2.0 * math.pi) ** 2 / 0.64
        assert abs(math.log(total) + third[n] - p.value[n]) <= p.error[n] + 1e-5
    assert p.error.max() < 0.1


def test_another_number_of_latents() -> None:
    with pytest.raises(ModelError, match="has 1 latent, and this is for two or three"):
        MeanFieldBoxes(load_model("figure8"))
