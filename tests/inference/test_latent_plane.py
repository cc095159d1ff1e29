"""log p(x) over two latents, against closed forms and plain sums that share no code with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from theorycheck.arrays import Array
from theorycheck.errors import DecoderError, SettingError
from theorycheck.inference import plane_log_density
from theorycheck.inference._latent_plane import _first_boxes, _masses

Plane = Callable[[Array], Array]


def honest(value: Array, relative: Array, true: Array, referee: float = 0.0) -> None:
    assert (np.abs(np.expm1(value - true)) <= relative + referee).all()


@pytest.mark.parametrize(("dim", "sigma"), [(1, 0.5), (2, 0.02), (3, 0.1), (19, 0.3)])
def test_linear_gaussian(dim: int, sigma: float) -> None:
    rng = np.random.default_rng(dim)
    w, b = rng.normal(size=(dim, 2)), rng.normal(size=dim)
    scale = sigma * rng.uniform(0.7, 1.4, dim)
    z = rng.normal(size=(40, 2))
    z[:8] *= 3.0  # posteriors in the tails of the prior
    x = z @ w.T + b + rng.normal(size=(40, dim)) * scale
    x[8:12] += 3.0  # far from all that the model says
    value, relative = plane_log_density(lambda z: z @ w.T + b, scale, x)
    true = multivariate_normal(b, w @ w.T + np.diag(scale**2)).logpdf(x)
    honest(value, relative, true)
    assert relative.max() < 1e-3


def test_one_latent_unused_is_a_line() -> None:
    def g(z: Array) -> Array:
        return np.stack([np.cos(2.0 * z), np.abs(z)], axis=-1)

    rng = np.random.default_rng(0)
    sigma = np.array([0.1, 0.2])
    x = g(rng.normal(size=30)) + rng.normal(size=(30, 2)) * sigma
    value, relative = plane_log_density(lambda z: g(z[:, 0]), sigma, x)
    nodes = np.linspace(-12.0, 12.0, 200_001)
    apart = (x[:, None] - g(nodes)) / sigma
    exponent = -0.5 * (apart**2).sum(axis=2) - 0.5 * nodes**2
    constant = np.log(nodes[1] - nodes[0]) - 1.5 * np.log(2.0 * np.pi) - np.log(sigma).sum()
    honest(value, relative, logsumexp(exponent, axis=1) + constant, 1e-8)
    assert relative.max() < 1e-3


def dense(f: Plane, sigma: Array, x: Array, count: int) -> Array:
    """Sum over a grid of latents, as plainly as can be."""
    axis = np.linspace(-9.0, 9.0, count)
    step = axis[1] - axis[0]
    total = np.zeros(len(x))
    for one in axis:
        z = np.stack([np.full(count, one), axis], axis=1)
        apart = (x[:, None] - f(z)) / sigma
        joint = np.exp(-0.5 * (apart**2).sum(axis=2) - 0.5 * (z**2).sum(axis=1))
        total += joint.sum(axis=1)
    constant = 2.0 * np.log(step) - 2.0 * np.log(2.0 * np.pi) - np.log(sigma).sum()
    return np.log(total) + constant


def bent(z: Array) -> Array:
    """Kinks across each other, as relu networks have, and a step."""
    one, two = z.T
    return np.stack([np.maximum(one, 0.5 * two), np.abs(one - two) + np.tanh(8.0 * two)], axis=-1)


def test_kinks_and_steps_against_a_plain_sum() -> None:
    rng = np.random.default_rng(3)
    sigma = np.array([0.25, 0.3])
    x = bent(rng.normal(size=(12, 2))) + rng.normal(size=(12, 2)) * sigma
    value, relative = plane_log_density(bent, sigma, x)
    fine, coarse = dense(bent, sigma, x, 1801), dense(bent, sigma, x, 901)
    honest(value, relative, fine, float(np.abs(fine - coarse).max()))
    assert np.abs(fine - coarse).max() < 1e-3
    assert relative.max() < 1e-3


def test_turning_the_latents_changes_nothing() -> None:
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    x = bent(np.random.default_rng(4).normal(size=(6, 2)))
    sigma = np.array([0.25, 0.3])
    one, off = plane_log_density(bent, sigma, x)
    two, also_off = plane_log_density(lambda z: bent(z @ turn), sigma, x)
    assert (np.abs(one - two) <= off + also_off).all()


def test_a_narrow_peak_between_the_first_nodes_is_found() -> None:
    """A posterior a thousandth of the first boxes wide, at places of no importance."""
    w = 400.0 * np.array([[1.0, 0.2], [-0.3, 1.0]])
    x = np.random.default_rng(5).normal(size=(5, 2)) @ w.T
    value, relative = plane_log_density(lambda z: z @ w.T, np.ones(2), x)
    honest(value, relative, multivariate_normal(np.zeros(2), w @ w.T + np.eye(2)).logpdf(x))
    assert relative.max() < 1e-3


def test_what_is_left_undone_is_in_the_radius() -> None:
    w = 30.0 * np.eye(2)
    x = np.random.default_rng(6).normal(size=(20, 2)) @ w
    true = multivariate_normal(np.zeros(2), w @ w.T + np.eye(2)).logpdf(x)
    for most in (800, 1500):
        value, relative = plane_log_density(lambda z: z @ w, np.ones(2), x, most_boxes=most)
        honest(value, relative, true)
        assert relative.max() > 1e-3
    loose, off = plane_log_density(lambda z: z @ w, np.ones(2), x, tolerance=1e-2)
    honest(loose, off, true)
    assert off.max() < 1e-1


def test_a_density() -> None:
    sigma = np.array([0.5])
    x = np.linspace(-9.0, 9.0, 361)[:, None]
    value, relative = plane_log_density(
        lambda z: np.sin(z[:, :1]) + 0.5 * z[:, 1:], sigma, x, tolerance=1e-6
    )
    mass = np.exp(value) * (x[1, 0] - x[0, 0])
    assert abs(mass.sum() - 1.0) < float(mass @ relative) + 1e-9


def test_the_first_boxes_have_all_of_the_prior() -> None:
    centre, half = _first_boxes()
    masses = _masses(centre, half)
    assert masses.sum() == pytest.approx(1.0, abs=1e-14)
    # Each box's mass in the tails, too, where a difference of distribution functions is 0.
    far = np.argmax(centre.sum(axis=1))
    assert centre[far].tolist() == [28.5, 28.5]
    np.testing.assert_allclose(masses[far], 2.7536241186061e-89**2, rtol=1e-10)


def test_bad_input() -> None:
    one, x = np.ones(2), np.zeros((1, 2))
    with pytest.raises(SettingError, match="tolerance must be positive"):
        plane_log_density(lambda z: z, one, x, tolerance=0.0)
    with pytest.raises(DecoderError, match=r"returned shape \(\d+, 1\)"):
        plane_log_density(lambda z: z[:, :1], one, x)
    with pytest.raises(DecoderError, match="NaN"):
        plane_log_density(lambda z: np.full_like(z, np.nan), one, x)
