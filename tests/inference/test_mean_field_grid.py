"""log p(x) where f is a table on a grid of three latents: dense rules, engines of fewer latents."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.special import logsumexp
from scipy.stats import norm

from theorycheck.errors import ModelError
from theorycheck.inference import MeanField, MeanFieldBoxes, MeanFieldGrid, exact_model
from theorycheck.models import (
    GenerativeModel,
    decoder_from_grid_table,
    decoder_from_table,
    load_model,
)
from theorycheck.quadrature import latent_cells

Array = np.ndarray
VARIANCE = [0.2, 0.4]


def a_table(seed: int = 0, counts: tuple[int, ...] = (4, 3, 3)) -> GenerativeModel:
    rng = np.random.default_rng(seed)
    axes = [np.sort(rng.uniform(-2.5, 2.5, count)) for count in counts]
    f = rng.normal(size=(*counts, 2))
    return GenerativeModel(decoder_from_grid_table(axes, f, name="t"), VARIANCE)


def dense_log_density(model: GenerativeModel, x: Array) -> Array:
    """Gauss-Legendre nodes between neighbouring kinks, by scipy's normal distribution."""
    node, weight = leggauss(12)
    lines = []
    for kinks in model.decoder.table.axes:  # type: ignore[union-attr]
        edges = np.unique(np.concatenate([kinks, np.linspace(-6.0, 6.0, 5)]))
        half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
        z = (middle[:, None] + half[:, None] * node).ravel()
        lines.append((z, (half[:, None] * weight).ravel() * norm.pdf(z)))
    weights = np.einsum("i,j,k->ijk", *(line for _, line in lines)).ravel()
    z = np.stack(np.meshgrid(*(z for z, _ in lines), indexing="ij"), axis=-1).reshape(-1, 3)
    counts = weights > 1e-12
    f, log_weight = model.decoder(z[counts]), np.log(weights[counts])
    found = []
    for one in x:
        squares = (0.5 * (one - f) ** 2) @ (1.0 / model.noise_variance)
        found.append(logsumexp(log_weight - squares))
    return np.array(found) - 0.5 * np.log(2.0 * np.pi * model.noise_variance).sum()


def test_log_density_is_that_of_a_dense_rule_within_its_radius() -> None:
    model = a_table()
    engine = exact_model(model)
    assert isinstance(engine, MeanFieldGrid)
    x = np.random.default_rng(3).normal(scale=1.5, size=(12, 2))
    x = np.concatenate([x, [[6.0, -5.0], [20.0, 20.0]]])
    found, exact = engine.log_density(x), dense_log_density(model, x)
    assert (np.abs(found.value - exact) <= found.error).all()
    assert found.relative_error[:12].max() < 5e-3
    assert found.value[:12] == pytest.approx(exact[:12], abs=3e-4)


def test_posterior_means_are_those_of_a_dense_rule() -> None:
    """E[f | x] is x + σ² ∇ log p(x), E (x − f)² is σ² − 2 ∂ log p/∂(1/σ²): by differences."""
    model = a_table(1, (3, 3, 2))
    engine = MeanFieldGrid(model)
    x, step = np.array([[0.3, 0.4], [-0.8, 1.0]]), 1e-3

    def at_precision(precision: Array) -> Array:
        return dense_log_density(GenerativeModel(model.decoder, 1.0 / precision), x)

    mean, squares = engine.log_density(x).posterior_mean_f, engine.posterior_squares(x)
    precision = 1.0 / model.noise_variance
    for d, unit in enumerate(step * np.eye(2)):
        slope = dense_log_density(model, x + unit) - dense_log_density(model, x - unit)
        assert mean[:, d] == pytest.approx(x[:, d] + VARIANCE[d] * slope / (2 * step), abs=1e-4)
        change = at_precision(precision + unit) - at_precision(precision - unit)
        assert squares[:, d] == pytest.approx(VARIANCE[d] - change / step, abs=1e-3)


def test_an_unused_third_latent_reproduces_the_engine_of_two() -> None:
    """f(z₁, z₂, z₃) = g(z₁, z₂), g a table: log p and −ELBO at the best q, within the radii."""
    axes = [latent_cells(7).z, latent_cells(6).z]
    g = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) @ [[0.8, 0.3], [-0.4, 0.5]]
    g[..., 1] += 0.4 * np.sin(2.0 * g[..., 0])
    two = exact_model(GenerativeModel(decoder_from_grid_table(axes, g), VARIANCE))
    table = decoder_from_grid_table([*axes, [-1.0, 1.0]], np.repeat(g[:, :, None], 2, axis=2))
    three = exact_model(GenerativeModel(table, VARIANCE))
    assert isinstance(two, MeanFieldBoxes)
    assert isinstance(three, MeanFieldGrid)
    x = np.random.default_rng(2).normal(size=(24, 2))
    exact, found = two.log_density(x), three.log_density(x)
    assert (np.abs(found.value - exact.value) <= found.error + exact.error).all()
    assert found.error.max() < 1e-4
    best, known = three.optimal_q(x), two.optimal_q(x)
    assert best.negative_elbo == pytest.approx(known.negative_elbo, abs=1e-7)
    assert (np.abs(best.negative_elbo - known.negative_elbo) <= best.gap + known.gap + 1e-12).all()
    assert best.gap.max() < 1e-5
    assert np.abs(best.mean[:, 2]).max() < 1e-5


def test_linear_between_the_points_of_one_latent_is_the_engine_of_one() -> None:
    axis = latent_cells(12).z
    g = np.stack([axis, np.sin(2.0 * axis)], axis=1)
    one = MeanField(GenerativeModel(decoder_from_table(axis, g), VARIANCE))
    everywhere = np.broadcast_to(g[None, None], (2, 2, *g.shape))
    table = decoder_from_grid_table([[-1.0, 1.0], [0.0, 0.5], axis], everywhere)
    three = MeanFieldGrid(GenerativeModel(table, VARIANCE))
    x = np.random.default_rng(5).normal(scale=1.5, size=(40, 2))
    exact, found = one.log_density(x), three.log_density(x)
    assert (np.abs(found.value - exact.value) <= found.error + exact.error).all()
    assert found.error.max() < 1e-4


def test_another_f_is_refused() -> None:
    with pytest.raises(ModelError, match="not a table on a grid of three latents"):
        MeanFieldGrid(load_model("expr:[z1, z2 + z3]", noise_variance=0.1))
    with pytest.raises(ModelError, match="no grid of step 1"):
        MeanFieldGrid(a_table()).grid(1.0)
