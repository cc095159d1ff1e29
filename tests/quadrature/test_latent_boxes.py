"""Boxes in two latents: densities against dense grids and closed forms; honest where it is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from theorycheck.errors import ModelError
from theorycheck.inference import grid_on_boxes, log_density_on_boxes
from theorycheck.quadrature import LatentBoxes, latent_boxes

Array = np.ndarray


def smooth(seed: int) -> Callable[[Array], Array]:
    a = np.random.default_rng(seed).normal(size=(2, 5))

    def f(u: Array) -> Array:
        waves = np.sin(u[:, :1] * a[:, 2] + a[:, 3]) * np.cos(u[:, 1:] * a[:, 4])
        return u @ a[:, :2].T + waves

    return f


def dense(f: Callable[[Array], Array], sigma: float, x: Array, step: float) -> Array:
    g = np.arange(-8.5, 8.5 + step, step)
    u = np.stack(np.meshgrid(g, g, indexing="ij"), axis=-1).reshape(-1, 2)
    log_weight = 2.0 * np.log(step) - 0.5 * (u**2).sum(axis=1) - np.log(2.0 * np.pi)
    values = f(u)
    constant = values.shape[1] * np.log(2.0 * np.pi * sigma**2)
    return np.array(
        [
            logsumexp(log_weight - 0.5 * (((one - values) ** 2).sum(axis=1) / sigma**2 + constant))
            for one in x
        ]
    )


@pytest.mark.parametrize("seed", range(3))
def test_against_a_dense_grid(seed: int) -> None:
    f, sigma = smooth(seed), 0.5
    rng = np.random.default_rng(seed)
    x = f(rng.standard_normal((20, 2))) + sigma * rng.standard_normal((20, 2))
    boxes = latent_boxes(f, np.full(2, sigma))
    found = log_density_on_boxes(boxes, x)
    wanted = dense(f, sigma, x, 0.04)
    off = np.abs(found.value - wanted)
    assert off.max() < 1e-10
    assert found.error.max() < 1e-7
    assert (off <= found.error + 1e-12).all()


@pytest.mark.parametrize("far", [0.0, 4.0, 60.0])
def test_a_linear_decoder(far: float) -> None:
    """p(x) in closed form; far out the error radius says that the boxes end."""
    a, sigma = np.array([[1.0, 0.4], [-0.3, 0.8]]), 0.2
    boxes = latent_boxes(lambda u: u @ a.T, np.full(2, sigma))
    x = np.array([[0.3, -0.2], [-1.0, 0.5]]) + far
    found = log_density_on_boxes(boxes, x)
    covariance = a @ a.T + sigma**2 * np.eye(2)
    wanted = multivariate_normal(np.zeros(2), covariance).logpdf(x)
    off = np.abs(found.value - wanted)
    assert (off <= found.error).all()
    if far < 10.0:
        assert off.max() < 1e-11
        mean_f = x @ np.linalg.solve(covariance, a @ a.T)
        assert np.allclose(found.posterior_mean_f, mean_f, atol=1e-9)
    else:
        assert np.isinf(found.error).all()


def test_one_that_cannot_be_resolved_says_so() -> None:
    boxes = latent_boxes(lambda u: 40.0 * np.sin(9.0 * u), np.full(2, 0.05), max_boxes=400)
    assert boxes.size <= 400
    assert boxes.unresolved_mass > 0.5
    x = np.array([[0.0, 0.0]])
    assert np.isinf(log_density_on_boxes(boxes, x).error[0])


def test_a_kink_is_within_the_radius() -> None:
    def f(u: Array) -> Array:
        return np.abs(u[:, :1] - 0.7 * u[:, 1:] + 0.1)

    x = np.array([[0.05], [0.4], [2.0]])
    found = log_density_on_boxes(latent_boxes(f, np.full(1, 0.3)), x)
    # |a| for a ~ N(0.1, 1.49): a folded normal, smoothed.
    t = np.linspace(-12.0, 12.0, 400_001)
    weight = np.exp(-0.5 * ((t - 0.1) ** 2) / 1.49) / np.sqrt(2.0 * np.pi * 1.49) * (t[1] - t[0])
    noise = np.exp(-0.5 * ((x - np.abs(t)) / 0.3) ** 2) / (0.3 * np.sqrt(2.0 * np.pi))
    off = np.abs(found.value - np.log(noise @ weight))
    assert (off <= found.error + 1e-9).all()
    assert found.error.max() < 1e-2


@pytest.fixture(scope="module")
def boxes() -> LatentBoxes:
    return latent_boxes(smooth(0), np.full(2, 1.0))


def test_a_grid_over_the_data(boxes: LatentBoxes) -> None:
    grid = grid_on_boxes(boxes, 0.7)
    assert abs(np.exp(grid.log_density).sum() * grid.volume - 1.0) < 1e-12
    shifted = grid_on_boxes(boxes, 0.7, 0.5)
    assert abs(np.exp(shifted.log_density).sum() * shifted.volume - 1.0) < 1e-12
    assert grid.missing_mass < 1e-12
    with pytest.raises(ModelError, match="needs D <= 2"):
        grid_on_boxes(latent_boxes(lambda u: np.repeat(u, 2, axis=1), np.ones(4)), 0.7)


def test_edges_hold_every_box(boxes: LatentBoxes) -> None:
    for axis in (0, 1):
        edges = boxes.edges(axis)
        assert (np.diff(edges) > 0.0).all()
        assert (edges[0], edges[-1]) == (-12.0, 12.0)
        heavy = boxes.log_mass > -20.0
        assert np.isin(boxes.lower[heavy, axis], edges).all()
