"""log p and the best q where f is a table on a grid: closed forms, dense rules, fewer latents."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.stats import norm

from theorycheck.inference import MeanField, MeanFieldBoxes, exact_model, log_density
from theorycheck.models import (
    GenerativeModel,
    decoder_from_grid_table,
    decoder_from_table,
)
from theorycheck.quadrature._latent_cells import latent_cells

Array = np.ndarray


def a_table(seed: int = 0, counts: tuple[int, ...] = (7, 5)) -> GenerativeModel:
    rng = np.random.default_rng(seed)
    axes = [np.sort(rng.uniform(-2.5, 2.5, count)) for count in counts]
    f = rng.normal(size=(*counts, 2))
    return GenerativeModel(decoder_from_grid_table(axes, f, name="t"), [0.2, 0.4])


def dense(model: GenerativeModel, mean: Array, scale: Array) -> tuple[Array, Array]:
    """Nodes and weights of E_q: Gauss-Legendre nodes between neighbouring kinks and so on."""
    latents = mean.size
    # Of three latents fewer, for their cube.
    node, weight = leggauss(24 if latents == 2 else 9)
    axes = []
    table = model.decoder.table
    for k, kinks in enumerate(table.axes):  # type: ignore[union-attr]
        around = mean[k] + scale[k] * np.linspace(-9.0, 9.0, 37 if latents == 2 else 10)
        edges = np.unique(np.concatenate([kinks, around]))
        edges = edges[(edges >= around[0]) & (edges <= around[-1])]
        half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
        z = (middle[:, None] + half[:, None] * node).ravel()
        axes.append((z, (half[:, None] * weight).ravel() * norm.pdf(z, mean[k], scale[k])))
    z = np.stack(np.meshgrid(*(z for z, _ in axes), indexing="ij"), axis=-1)
    every = np.ones(1)
    for _, line in axes:
        every = np.outer(every, line).ravel()
    return z.reshape(-1, latents), every


@pytest.mark.parametrize(
    ("mean", "scale"),
    [
        ((0.3, -0.5), (0.8, 0.1)), ((2.7, -3.0), (0.02, 1.1)), ((0, 0), (2, 3)),
        ((0.3, -0.5, 0.1), (0.8, 0.1, 0.5)), ((2.7, -3.0, 1.0), (0.02, 1.1, 0.3)),
    ],
)  # fmt: skip
def test_expectations_are_those_of_a_dense_rule(
    mean: tuple[float, ...], scale: tuple[float, ...]
) -> None:
    model = a_table(counts=(7, 5) if len(mean) == 2 else (5, 4, 3))
    mu, s = np.array(mean, float), np.array(scale, float)
    z, weight = dense(model, mu, s)
    f = model.decoder(z)
    x = np.array([[0.4, -1.0]])
    engine = exact_model(model)
    assert isinstance(engine, MeanFieldBoxes)
    first, squares = engine.search.expectations(x, mu[None], s[None])
    # Of three latents q is followed six scales from its mean.
    off = 1e-12 if mu.size == 2 else 1e-7
    assert first[0] == pytest.approx(weight @ f, abs=max(off, 1e-10))
    assert squares[0] == pytest.approx(weight @ (x - f) ** 2, rel=off)
    kl = (0.5 * (s**2 + mu**2 - 1.0) - np.log(s)).sum()
    constant = 0.5 * np.log(2.0 * np.pi * model.noise_variance).sum()
    value = kl + constant + (0.5 * squares[0] / model.noise_variance).sum()
    assert engine.negative_elbo(x, mu[None], s[None])[0] == pytest.approx(value, abs=off)


@pytest.mark.parametrize("counts", [(7, 5), (5, 4, 3)])
def test_derivatives_are_those_of_the_value(counts: tuple[int, ...]) -> None:
    engine, latents = exact_model(a_table(1, counts)), len(counts)
    assert isinstance(engine, MeanFieldBoxes)
    search = engine.search
    x, step = np.array([[0.5, 1.0]]), 1e-4
    at = np.array([[0.2, -0.7, 0.4, -0.9, -1.4, -0.3]])
    at = at[:, [*range(latents), *range(3, 3 + latents)]]
    here = search.local(x, at, 0)
    for k, direction in enumerate(np.diag([*np.exp(at[0, latents:]), *np.ones(latents)])):
        up, down = (search.local(x, at + sign * step * direction, 0) for sign in (1.0, -1.0))
        assert here.gradient[0, k] == pytest.approx((up.value - down.value)[0] / (2 * step), 1e-5)
        slopes = (up.gradient - down.gradient)[0] / (2.0 * step)
        # Along μ the unit s stays; along log s the unit of the other derivatives grows with it.
        expected = here.hessian[0, k].copy()
        if k >= latents:
            expected[k - latents] += here.gradient[0, k - latents]
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
