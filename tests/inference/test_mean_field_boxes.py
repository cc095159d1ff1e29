"""Two latents: closed forms, the engine for one latent, turns of z, and sums over dense grids."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests import brute_plane
from theorycheck.errors import ModelError
from theorycheck.inference import (
    ExactLinearGaussian,
    ExactModel,
    LinearGaussianModel,
    MeanField,
    MeanFieldBoxes,
    exact_model,
    log_density_on_boxes,
    posterior_on_boxes,
)
from theorycheck.inference._boxed_posterior import posterior_squares_on_boxes
from theorycheck.inference._boxed_products import density_by_products
from theorycheck.models import Decoder, GenerativeModel, load_model
from theorycheck.quadrature import latent_boxes

Array = NDArray[np.float64]


def plane(f: brute_plane.Plane, sigma: float, name: str = "f") -> MeanFieldBoxes:
    decoder = Decoder.from_function(f, latent_dim=2, name=name)
    return MeanFieldBoxes(GenerativeModel(decoder, sigma**2))


def linear(data_dim: int, seed: int) -> tuple[MeanFieldBoxes, ExactLinearGaussian]:
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=(data_dim, 2)), rng.normal(size=data_dim)
    variance = 0.3 * rng.uniform(0.5, 1.5, data_dim)
    decoder = Decoder.from_function(lambda z: z @ w.T + b, latent_dim=2, name="line")
    return (
        MeanFieldBoxes(GenerativeModel(decoder, variance)),
        ExactLinearGaussian(LinearGaussianModel(w, variance, b)),
    )


@pytest.mark.parametrize("data_dim", [1, 2, 5])
def test_linear_decoders_in_closed_form(data_dim: int) -> None:
    found, known = linear(data_dim, data_dim)
    x = known.model.sample(60, 0)[1]
    p, wanted = found.log_density(x), known.log_density(x)
    np.testing.assert_allclose(p.value, wanted.value, rtol=1e-12, atol=1e-12)
    assert (np.abs(p.value - wanted.value) <= p.error + wanted.error).all()
    assert p.error.max() < 1e-7
    np.testing.assert_allclose(p.posterior_mean_f, wanted.posterior_mean_f, atol=1e-9)
    np.testing.assert_allclose(found.posterior_squares(x), known.posterior_squares(x), atol=1e-9)
    best, exact = found.best_q(x), known.best_q(x)
    kl = best.negative_elbo + p.value
    np.testing.assert_allclose(kl, known.kl, atol=1e-10)
    assert (np.abs(best.negative_elbo - exact.negative_elbo) <= best.gap + 1e-12).all()
    assert best.gap.max() < 1e-9
    np.testing.assert_allclose(best.mean_f, exact.mean_f, atol=1e-6)
    np.testing.assert_allclose(best.squares, exact.squares, atol=1e-6)


def test_one_latent_unused_is_the_engine_for_one() -> None:
    formula = "sin(2*{0}) + 0.3*{0}", "cos({0})"
    one = load_model(f"expr:[{', '.join(formula)}]".format("z"), noise_variance=0.04)
    two = load_model(f"expr:[{', '.join(formula)}]".format("z1"), noise_variance=0.04, latents=2)
    line, both = MeanField(one), exact_model(two)
    assert isinstance(both, MeanFieldBoxes)
    x = one.sample(60, 1)[1]
    p, wanted = both.log_density(x), line.log_density(x)
    assert (np.abs(p.value - wanted.value) < 1e-11).all()
    optimum, alone = both.optimal_q(x), line.optimal_q(x)
    np.testing.assert_allclose(optimum.negative_elbo, alone.negative_elbo, atol=1e-9)
    assert (np.abs(optimum.negative_elbo - alone.negative_elbo) <= optimum.gap + 1e-11).all()
    clear = ~alone.ambiguous
    np.testing.assert_allclose(optimum.mean[clear, 0], alone.mean[clear], atol=1e-5)
    np.testing.assert_allclose(optimum.mean[:, 1], 0.0, atol=1e-5)
    np.testing.assert_allclose(optimum.scale[:, 1], 1.0, atol=1e-5)


def test_turning_the_latents_keeps_p_and_moves_the_kl() -> None:
    f, sigma = brute_plane.smooth_decoder(3, 2), 0.4
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    one, two = plane(f, sigma), plane(lambda z: f(z @ turn.T), sigma)
    x = one.model.sample(40, 2)[1]
    p, p_turned = one.log_density(x), two.log_density(x)
    np.testing.assert_allclose(p.value, p_turned.value, atol=1e-11)
    assert np.abs(one.kl(x) - two.kl(x)).max() > 0.01


@pytest.mark.parametrize("seed", range(6))
def test_against_plain_sums_and_scipy(seed: int) -> None:
    data_dim, sigma = 1 + seed % 3, (0.5, 0.25)[seed % 2]
    f = brute_plane.smooth_decoder(seed, data_dim)
    found = plane(f, sigma)
    x = found.model.sample(5, seed)[1]
    scale = found.model.sigma
    p = found.log_density(x)
    true = brute_plane.log_density(f, scale, x, 0.04)
    assert (np.abs(p.value - true) <= p.error + 1e-11).all()
    assert p.error.max() < 1e-6
    optimum = found.optimal_q(x)
    points = np.concatenate([optimum.mean, np.log(optimum.scale)], axis=1)
    for one, q, value, gap in zip(x, points, optimum.negative_elbo, optimum.gap, strict=True):
        # The value is that of this q, and scipy finds no better one.
        assert abs(brute_plane.negative_elbo(f, scale, one, q) - value) <= gap + 1e-11
        assert brute_plane.lowest_negative_elbo(f, scale, one, 6, seed) >= value - gap - 1e-9
    assert optimum.gap.max() < 1e-8
    assert (optimum.negative_elbo >= -p.value - p.error).all()


def test_a_kinked_decoder_says_how_far_it_is_off() -> None:
    def f(z: Array) -> Array:
        return np.stack([np.abs(z[:, 0] - 0.3 * z[:, 1]), np.maximum(z[:, 1], 0.2 * z[:, 0])], 1)

    found = plane(f, 0.4)
    x = found.model.sample(6, 0)[1]
    p = found.log_density(x)
    fine, finer = (brute_plane.log_density(f, found.model.sigma, x, h) for h in (0.02, 0.01))
    assert (np.abs(p.value - finer) <= p.error + 2.0 * np.abs(finer - fine).max()).all()
    optimum = found.optimal_q(x)
    points = np.concatenate([optimum.mean, np.log(optimum.scale)], axis=1)
    for one, q, value, gap in zip(x, points, optimum.negative_elbo, optimum.gap, strict=True):
        coarse, fine_one = (
            brute_plane.negative_elbo(f, found.model.sigma, one, q, n) for n in (24, 48)
        )
        assert abs(fine_one - value) <= gap + 2.0 * abs(fine_one - coarse)
    assert optimum.gap.max() < 1e-2


def test_narrow_posteriors_are_followed() -> None:
    """Posteriors a hundredth of the prior's width, at places of no importance."""
    w = np.array([[3.0, 0.6], [-0.9, 3.0]])
    found = plane(lambda z: z @ w.T, 0.03)
    known = ExactLinearGaussian(LinearGaussianModel(w, 0.03**2))
    x = known.model.sample(20, 4)[1]
    p = found.log_density(x)
    np.testing.assert_allclose(p.value, known.log_density(x).value, atol=1e-10)
    np.testing.assert_allclose(found.kl(x), known.kl, atol=1e-10)


def test_hints_lead_to_the_same_optimum() -> None:
    f = brute_plane.smooth_decoder(5, 2)
    found = plane(f, 0.3)
    centres = found.model.sample(6, 3)[1]
    steps = 0.1 * np.random.default_rng(0).normal(size=(6, 8, 2))
    x = (centres[:, None, :] + steps).reshape(-1, 2)
    first = found.best_q(x, groups=6)
    again = found.best_q(x, groups=6, hint=first.hint, fresh=False)
    np.testing.assert_allclose(first.negative_elbo, again.negative_elbo, atol=1e-9)
    wide = found.best_q(x, groups=6, hint=first.hint, negligible=np.full(len(x), 1e-3))
    assert np.abs(wide.negative_elbo - first.negative_elbo).max() < 1e-3


def test_a_posterior_of_two_modes() -> None:
    found = plane(lambda z: np.abs(z), 0.2)
    post = posterior_on_boxes(found.boxes, np.array([1.0, 1.5]))
    assert len(post.modes) == 4
    np.testing.assert_allclose(np.abs(post.modes), [[1.0 / 1.04, 1.5 / 1.04]] * 4, atol=1e-6)
    np.testing.assert_allclose(post.mean, 0.0, atol=1e-8)
    assert float(post.weight @ post.density) == pytest.approx(1.0, abs=1e-6)
    # Four bumps that hardly overlap: four times a Gaussian's entropy, and log 4.
    one = 0.5 * math.log(2.0 * math.pi * math.e * 0.04 / 1.04)
    assert post.entropy.value == pytest.approx(2.0 * one + math.log(4.0), abs=1e-4)
    second = post.expectation(post.z**2)
    np.testing.assert_allclose(second, np.diag(post.covariance), atol=1e-6)


def test_it_is_an_exact_model() -> None:
    found, known = linear(2, 7)
    assert isinstance(found, ExactModel)
    assert found.missing_mass < 1e-15
    assert found.unresolved_mass < 1e-15
    grid = found.grid(0.7)
    assert abs(np.exp(grid.log_density).sum() * grid.volume - 1.0) < 1e-12
    apart = np.exp(grid.log_density) - np.exp(known.log_density(grid.x).value)
    assert np.abs(apart).max() < 1e-15
    assert 0.1 < found.covered / known.covered < 10.0
    draws = found.draws(size=64, repeats=2, seed=0)
    assert draws.x.shape == (2, 64, 2)
    np.testing.assert_allclose(np.cov(draws.x.reshape(-1, 2).T), known.covariance, rtol=0.5)
    with pytest.raises(ModelError, match="needs D <= 2"):
        linear(3, 0)[0].grid(0.7)
    with pytest.raises(ModelError, match="this is for two or three"):
        MeanFieldBoxes(load_model("figure8"))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), sigma=st.floats(0.15, 1.0))
def test_the_elbo_is_a_lower_bound(seed: int, sigma: float) -> None:
    found = plane(brute_plane.smooth_decoder(seed, 1 + seed % 3), sigma)
    x = found.model.sample(8, seed)[1]
    p, best = found.log_density(x), found.optimal_q(x)
    assert (best.negative_elbo + p.value >= -(p.error + best.gap + 1e-12)).all()
    rng = np.random.default_rng(seed)
    mean, scale = rng.normal(size=(8, 2)), np.exp(rng.uniform(-2.0, 0.0, (8, 2)))
    other = found.negative_elbo(x, mean, scale)
    assert (other >= best.negative_elbo - best.gap - 1e-6).all()


@pytest.mark.parametrize("data_dim", [7, 64])
def test_many_dimensions_by_matrix_products(data_dim: int) -> None:
    rng = np.random.default_rng(data_dim)
    w = 0.4 * rng.normal(size=(data_dim, 2)) / math.sqrt(data_dim / 8.0)
    known = ExactLinearGaussian(LinearGaussianModel(w, 0.05))
    found = plane(lambda z: z @ w.T, math.sqrt(0.05))
    x = known.model.sample(100, 0)[1]
    p, wanted = found.log_density(x), known.log_density(x)
    np.testing.assert_allclose(p.value, wanted.value, rtol=1e-12, atol=1e-11)
    assert (np.abs(p.value - wanted.value) <= p.error + wanted.error).all()
    assert p.error.max() < 1e-5
    np.testing.assert_allclose(p.posterior_mean_f, wanted.posterior_mean_f, atol=1e-9)
    np.testing.assert_allclose(found.posterior_squares(x), known.posterior_squares(x), atol=1e-9)
    best = found.best_q(x)
    np.testing.assert_allclose(best.negative_elbo + p.value, known.kl, atol=1e-10)


def test_products_and_pairs_agree_and_f_need_not_be_held() -> None:
    f, sigma = brute_plane.smooth_decoder(8, 6), np.full(6, 0.4)
    x = plane(f, 0.4).model.sample(30, 1)[1]
    held = latent_boxes(f, sigma)
    again = latent_boxes(f, sigma, held=False, largest_move=6.0, resolution=1e-9)
    assert again.f.shape == (6, 0)
    assert again.size < held.size
    pairs = log_density_on_boxes(held, x)
    for boxes in (held, again):
        sums = density_by_products(boxes, x, squares=True)
        off = np.abs(np.expm1(sums.value - pairs.value))
        assert (off <= sums.relative_error + pairs.relative_error).all()
        assert off.max() < 1e-9
        np.testing.assert_allclose(sums.mean_f, pairs.posterior_mean_f, atol=1e-8)
        squares = posterior_squares_on_boxes(held, x)
        np.testing.assert_allclose(sums.squares, squares, atol=1e-8)
        post = posterior_on_boxes(boxes, x[0])
        assert float(post.weight @ post.density) == pytest.approx(1.0, abs=1e-8)


def test_far_from_the_image() -> None:
    """What lies beyond the boxes is held against the x that it could be near to.

    Beyond their reach boxes are halved for the x alone, into the tails of the prior.
    """
    w = np.zeros((8, 2))
    w[0, 0] = w[1, 1] = 1.0
    found = plane(lambda z: z @ w.T, 0.5)
    known = ExactLinearGaussian(LinearGaussianModel(w, 0.25))
    x = np.zeros((3, 8))
    x[:, 0] = 0.0, 12.0, 40.0
    p = found.log_density(x)
    assert (np.abs(p.value - known.log_density(x).value) <= p.error).all()
    assert p.error[0] < 1e-7
    boxes_alone = log_density_on_boxes(found.boxes, x)
    assert np.isinf(boxes_alone.error[2])
    assert p.error[2] < 1e-3


def test_kinks_in_many_dimensions() -> None:
    """A ReLU network: boxes for all x leave a wide radius, boxes for these x a small one."""
    rng = np.random.default_rng(2)
    first, shift, last = rng.normal(size=(2, 6)), rng.normal(size=6), 0.4 * rng.normal(size=(6, 8))
    found = plane(lambda z: np.maximum(z @ first + shift, 0.0) @ last, 0.4)
    x = found.model.sample(6, 0)[1]
    p = found.log_density(x)
    coarse, fine = (
        brute_plane.log_density(
            lambda z: np.maximum(z @ first + shift, 0.0) @ last, found.model.sigma, x, h
        )
        for h in (0.02, 0.01)
    )
    assert (np.abs(p.value - fine) <= p.error + np.abs(fine - coarse)).all()
    assert p.error.max() < 1e-4
