"""log p and the best q where f is a bilinear table: closed forms against dense rules and K = 1."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.stats import norm

from theorycheck.inference import MeanField, MeanFieldBoxes, log_density
from theorycheck.models import (
    GenerativeModel,
    decoder_from_grid_table,
    decoder_from_table,
)
from theorycheck.quadrature._latent_cells import latent_cells

Array = np.ndarray


def a_table(seed: int = 0) -> GenerativeModel:
    rng = np.random.default_rng(seed)
    z1, z2 = np.sort(rng.uniform(-2.5, 2.5, 7)), np.sort(rng.uniform(-2.5, 2.5, 5))
    f = rng.normal(size=(7, 5, 2))
    return GenerativeModel(decoder_from_grid_table([z1, z2], f, name="t"), [0.2, 0.4])


def dense(model: GenerativeModel, mean: Array, scale: Array) -> tuple[Array, Array]:
    """Nodes and weights of E_q: 24 Gauss-Legendre nodes between neighbouring kinks and so on."""
    node, weight = leggauss(24)
    axes = []
    table = model.decoder.table
    for k, kinks in enumerate(table.axes):  # type: ignore[union-attr]
        around = mean[k] + scale[k] * np.linspace(-9.0, 9.0, 37)
        edges = np.unique(np.concatenate([kinks, around]))
        edges = edges[(edges >= around[0]) & (edges <= around[-1])]
        half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
        z = (middle[:, None] + half[:, None] * node).ravel()
        axes.append((z, (half[:, None] * weight).ravel() * norm.pdf(z, mean[k], scale[k])))
    z = np.stack(np.meshgrid(axes[0][0], axes[1][0], indexing="ij"), axis=-1).reshape(-1, 2)
    return z, np.outer(axes[0][1], axes[1][1]).ravel()


@pytest.mark.parametrize(
    ("mean", "scale"), [((0.3, -0.5), (0.8, 0.1)), ((2.7, -3.0), (0.02, 1.1)), ((0, 0), (2, 3))]
)
def test_expectations_are_those_of_a_dense_rule(
    mean: tuple[float, float], scale: tuple[float, float]
) -> None:
    model = a_table()
    mu, s = np.array(mean, float), np.array(scale, float)
    z, weight = dense(model, mu, s)
    f = model.decoder(z)
    x = np.array([[0.4, -1.0]])
    engine = MeanFieldBoxes(model)
    first, squares = engine.search.expectations(x, mu[None], s[None])
    assert first[0] == pytest.approx(weight @ f, abs=1e-12)
    assert squares[0] == pytest.approx(weight @ (x - f) ** 2, rel=1e-12)
    kl = (0.5 * (s**2 + mu**2 - 1.0) - np.log(s)).sum()
    constant = 0.5 * np.log(2.0 * np.pi * model.noise_variance).sum()
    value = kl + constant + (0.5 * squares[0] / model.noise_variance).sum()
    assert engine.negative_elbo(x, mu[None], s[None])[0] == pytest.approx(value, abs=1e-12)


def test_derivatives_are_those_of_the_value() -> None:
    model = a_table(1)
    search = MeanFieldBoxes(model).search
    x, at, step = np.array([[0.5, 1.0]]), np.array([[0.2, -0.7, -0.9, -1.4]]), 1e-4
    here = search.local(x, at, 0)
    for k, direction in enumerate(np.diag([*np.exp(at[0, 2:]), 1.0, 1.0])):
        up, down = (search.local(x, at + sign * step * direction, 0) for sign in (1.0, -1.0))
        assert here.gradient[0, k] == pytest.approx((up.value - down.value)[0] / (2 * step), 1e-5)
        slopes = (up.gradient - down.gradient)[0] / (2.0 * step)
        # Along μ the unit s stays; along log s the unit of the other derivatives grows with it.
        expected = here.hessian[0, k].copy()
        if k >= 2:
            expected[k - 2] += here.gradient[0, k - 2]
        assert slopes == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_an_unused_latent_reproduces_the_engine_of_one() -> None:
    """f(z₁, z₂) = g(z₁), g a table: log p and −ELBO at the best q, within both radii."""
    axis = latent_cells(24)
    g = np.stack([axis.z, np.sin(2.0 * axis.z)], axis=1)
    variance = [0.1, 0.2]
    one = MeanField(GenerativeModel(decoder_from_table(axis.z, g), variance))
    plane = decoder_from_grid_table([axis.z, [-1.0, 1.0]], np.repeat(g[:, None], 2, axis=1))
    two = MeanFieldBoxes(GenerativeModel(plane, variance))
    x = np.random.default_rng(2).normal(scale=1.5, size=(60, 2))
    exact, found = log_density(one.panels, x), two.log_density(x)
    assert (np.abs(found.value - exact.value) <= found.error + exact.error).all()
    assert found.error.max() < 1e-10
    best = two.optimal_q(x)
    assert best.negative_elbo == pytest.approx(one.optimal_q(x).negative_elbo, abs=1e-9)
    assert best.gap.max() < 1e-9


def test_far_x_are_known_where_f_is_flat_beyond() -> None:
    """Prior mass beyond the boxes has the f of the outermost: it cannot be near a far x."""
    axis = latent_cells(24)
    one = MeanField(GenerativeModel(decoder_from_table(axis.z, axis.z), 0.1))
    plane = decoder_from_grid_table([axis.z, [-1.0, 1.0]], np.repeat(axis.z[:, None], 2, axis=1))
    two = MeanFieldBoxes(GenerativeModel(plane, 0.1))
    x = np.array([[9.0], [-11.0]])
    found, exact = two.log_density(x), log_density(one.panels, x)
    assert (np.abs(found.value - exact.value) <= found.error + 1e-12).all()
    assert found.error.max() < 0.05
