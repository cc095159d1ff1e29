"""The E-step on cells of two and three latents, held against loops over scipy's normal law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from theorycheck.errors import SettingError
from theorycheck.models._benchmarks import benchmark
from theorycheck.optimum._coordinate_ascent import MONOTONE_TOLERANCE, ascend
from theorycheck.optimum._e_step import EStep
from theorycheck.optimum._nodes import DataNodes, data_nodes
from theorycheck.optimum._plane_e_step import PlaneEStep
from theorycheck.quadrature._plane_cells import (
    PlaneCells,
    adapted_plane_cells,
    cells_at,
    cells_of_used,
    plane_cells,
)

Array = np.ndarray
VARIANCE = np.array([0.3, 0.2])
#: Intervals along each latent, of two and of three.
BOTH = pytest.mark.parametrize("counts", [(8, 9), (5, 4, 6)])


def small_nodes(count: int = 5) -> DataNodes:
    rng = np.random.default_rng(4)
    mass = rng.uniform(0.5, 1.5, size=count)
    x = rng.normal(size=(count, 2))
    return DataNodes(x, mass / mass.sum(), np.zeros(count), VARIANCE, 0.5)


def small_f(cells: PlaneCells) -> Array:
    z = cells.z
    f = np.stack([z[:, 0] + 0.4 * np.sin(2.0 * z[:, 1]), np.cos(z[:, 0] * z[:, 1])], axis=1)
    if cells.latents == 3:
        f += 0.5 * np.stack([z[:, 2] * z[:, 1], np.sin(z[:, 2] + z[:, 0])], axis=1)
    return f


def kappa(cells: PlaneCells, q: Array) -> Array:
    """Masses of the cells under q = (μ, log s), by scipy alone."""
    masses = np.ones(1)
    for k, inner in enumerate(cells.boundaries):
        edges = np.concatenate([[-np.inf], inner, [np.inf]])
        part = np.diff(norm.cdf(edges, q[k], np.exp(q[cells.latents + k])))
        masses = np.outer(masses, part).ravel()
    return masses


def negative_elbo(cells: PlaneCells, f: Array, x: Array, q: Array) -> float:
    mean, log_scale = q[: cells.latents], q[cells.latents :]
    kl = (0.5 * (np.exp(2.0 * log_scale) + mean**2 - 1.0) - log_scale).sum()
    cost = (0.5 * (x - f) ** 2 / VARIANCE).sum(axis=1)
    constant = 0.5 * np.log(2.0 * np.pi * VARIANCE).sum()
    return float(kl + kappa(cells, q) @ cost + constant)


@pytest.mark.parametrize("counts", [(6, 7), (4, 5, 4)])
def test_it_is_what_scipy_finds_from_many_starts(counts: tuple[int, ...]) -> None:
    cells, latents = plane_cells(*counts), len(counts)
    nodes, f = small_nodes(4), small_f(cells)
    found = PlaneEStep(nodes, cells)(f, VARIANCE)
    rng = np.random.default_rng(0)
    for x, minima in zip(nodes.x, found.minima, strict=True):
        value = negative_elbo(cells, f, x, minima[0, :-1])
        assert minima[0, -1] == pytest.approx(value, abs=1e-11)
        parts = rng.normal(size=(10, latents)), rng.uniform(-1.5, 0.0, (10, latents))
        starts = np.concatenate(parts, axis=1)
        best = min(
            minimize(lambda q, x=x: negative_elbo(cells, f, x, q), start).fun for start in starts
        )
        assert minima[0, -1] < best + 1e-7


@BOTH
def test_derivatives_are_those_of_the_value(counts: tuple[int, ...]) -> None:
    cells, latents = plane_cells(*counts), len(counts)
    nodes, f = small_nodes(1), small_f(cells)
    e_step = PlaneEStep(nodes, cells)
    grid = np.ascontiguousarray((f / np.sqrt(VARIANCE)).reshape(*counts, 2).swapaxes(-1, -2))
    x = nodes.x / np.sqrt(VARIANCE)
    at = np.array([[0.3, -0.4, 0.2, -0.6, -1.1, -0.8]])
    at = at[:, [*range(latents), *range(3, 3 + latents)]]
    here, step = e_step.local(x, at, grid), 1e-4
    # By μ_k/s_k and log s_k.
    units = np.diag([*np.exp(at[0, latents:]), *np.ones(latents)])
    for k, direction in enumerate(units):
        up, down = (e_step.local(x, at + sign * step * direction, grid) for sign in (1.0, -1.0))
        assert here.gradient[0, k] == pytest.approx((up.value - down.value)[0] / (2 * step), 1e-5)
        slopes = (up.gradient - down.gradient)[0] / (2.0 * step)
        # Along μ the unit s stays; along log s the unit of the other derivatives grows with it.
        expected = here.hessian[0, k].copy()
        if k >= latents:
            expected[k - latents] += here.gradient[0, k - latents]
        assert slopes == pytest.approx(expected, rel=1e-4, abs=1e-5)


@BOTH
def test_the_table_is_what_loops_over_its_entries_give(counts: tuple[int, ...]) -> None:
    cells = plane_cells(*counts)
    nodes, f = small_nodes(), small_f(cells)
    e_step = PlaneEStep(nodes, cells)
    mean, scale, offset, slope = e_step.affine(f / np.sqrt(VARIANCE))
    constant = 0.5 * np.log(2.0 * np.pi * VARIANCE).sum()
    for entry in np.random.default_rng(1).integers(len(mean), size=12):
        q = np.concatenate([mean[entry], np.log(scale[entry])])
        for x in nodes.x:
            scaled = x / np.sqrt(VARIANCE)
            value = offset[entry] - scaled @ slope[entry] + 0.5 * scaled @ scaled + constant
            assert value == pytest.approx(negative_elbo(cells, f, x, q), abs=1e-11)


@BOTH
def test_sums_are_loops_over_x_and_cells(counts: tuple[int, ...]) -> None:
    cells = plane_cells(*counts)
    nodes, f = small_nodes(), small_f(cells)
    found = PlaneEStep(nodes, cells)(f, VARIANCE)
    masses = np.array([kappa(cells, minima[0, :-1]) for minima in found.minima])
    weighted = nodes.mass[:, None] * masses
    assert found.aggregate == pytest.approx(weighted.sum(axis=0), abs=1e-14)
    assert found.target == pytest.approx(
        (weighted.T @ nodes.x) / weighted.sum(axis=0)[:, None], abs=1e-8
    )
    for decoder in (f, found.target):
        residual = sum(
            m * k @ (x - decoder) ** 2 for m, k, x in zip(nodes.mass, masses, nodes.x, strict=True)
        )
        assert found.residual_variance(decoder) == pytest.approx(residual, rel=1e-12)


def test_an_unused_latent_reproduces_one_latent() -> None:
    """f(z₁, z₂) = g(z₁): the same −ELBO at every x, the second latent at its prior."""
    model = benchmark("figure8")
    nodes = data_nodes(model, 1.0, tail=1e-3, most=150)
    plane = plane_cells(60, 5)
    g = plane.axes[0].average(model.decoder)
    one = EStep(nodes, plane.axes[0])(g, model.noise_variance)
    two = PlaneEStep(nodes, plane)(np.repeat(g, 5, axis=0), model.noise_variance)
    assert two.minima[:, 0, 4] == pytest.approx(one.minima[:, 0, 2], abs=1e-8)
    assert np.abs(two.minima[:, 0, [1, 3]]).max() < 1e-6


def test_a_third_unused_latent_reproduces_two() -> None:
    """f(z₁, z₂, z₃) = g(z₁, z₂): the same −ELBO and sums, the third latent at its prior."""
    model = benchmark("figure8")
    nodes = data_nodes(model, 1.0, tail=1e-3, most=60)
    space = plane_cells(20, 6, 4)
    plane = PlaneCells(space.axes[:2])
    g = plane.average(lambda z: model.decoder(z[:, 0] + 0.2 * np.sin(2.0 * z[:, 1])))
    two = PlaneEStep(nodes, plane)(g, model.noise_variance)
    three = PlaneEStep(nodes, space)(np.repeat(g, 4, axis=0), model.noise_variance)
    assert three.minima[:, 0, -1] == pytest.approx(two.minima[:, 0, -1], abs=1e-9)
    assert np.abs(three.minima[:, 0, [2, 5]]).max() < 1e-5
    assert three.aggregate.reshape(-1, 4).sum(axis=1) == pytest.approx(two.aggregate, abs=1e-7)


@pytest.mark.parametrize("fit_noise", ["no", "shared"])
def test_the_ascent_never_goes_down(fit_noise: str) -> None:
    model = benchmark("figure8")
    nodes = data_nodes(model, 1.0, tail=1e-3, most=120)
    cells = plane_cells(12, 10)
    f = cells.average(lambda z: model.decoder(z[:, 0] + 0.3 * z[:, 1] ** 2))
    ended = ascend(
        PlaneEStep(nodes, cells),
        f,
        model.noise_variance,
        most=30,
        fit_noise=fit_noise,  # type: ignore[arg-type]
    )
    falls = np.diff(ended.history)
    assert len(falls) >= 5
    assert falls.max() <= MONOTONE_TOLERANCE
    assert ended.history[-1] < ended.history[0] - 0.01
    # −ELBO is above −log p, and the gap is what it is above by: a bound on what is left to find.
    assert 0.0 < ended.q_gap < 1.0


@BOTH
def test_the_gap_is_that_to_log_p(counts: tuple[int, ...]) -> None:
    """Log p(x) of a decoder on cells is a finite mixture: by loops over its cells."""
    cells = plane_cells(*counts)
    nodes, f = small_nodes(), small_f(cells)
    e_step = PlaneEStep(nodes, cells)
    found = e_step.certified(f, VARIANCE, e_step(f, VARIANCE))
    prior = kappa(cells, np.zeros(2 * cells.latents))
    likelihood = norm.pdf(nodes.x[:, None], f, np.sqrt(VARIANCE)).prod(axis=2)
    evidence = nodes.mass @ np.log(likelihood @ prior)
    assert found.gap == pytest.approx(found.negative_elbo + evidence, abs=1e-12)


def test_cells_are_laid_where_f_moves() -> None:
    """Of cells in all, a latent that f hardly uses gets few, and each interval its share."""
    old = plane_cells(40, 40)
    f = np.stack([np.tanh(6.0 * old.z[:, 0]), 0.01 * old.z[:, 1]], axis=1)
    cells = adapted_plane_cells(900, old, f, np.full(2, 0.01))
    assert cells.count <= 900
    assert cells.shape[0] >= 8 * cells.shape[1]
    edges = cells.axes[0].boundary
    assert np.count_nonzero(np.abs(edges) < 0.3) > 0.3 * edges.size
    assert old.prior_mass.sum() == pytest.approx(1.0, abs=1e-14)
    # Carried over bilinearly an affine f stays what it is.
    plane = old.z @ np.array([[1.0, 2.0], [0.5, -1.0]])
    inner = np.abs(cells.z).max(axis=1) < 2.0
    carried = old.interpolate(plane, cells.z)[inner]
    assert carried == pytest.approx(cells.z[inner] @ np.array([[1.0, 2.0], [0.5, -1.0]]))


def test_cells_of_three_latents_are_shared_out_by_need() -> None:
    """M_k ∝ √C_k, a few at least where f does not move; every cell has its share of the prior."""
    old = plane_cells(12, 12, 12)
    f = np.stack([3.0 * old.z[:, 0] + old.z[:, 1], old.z[:, 1] - 3.0 * old.z[:, 0]], axis=1)
    cells = adapted_plane_cells(2_000, old, f, np.full(2, 0.1))
    assert cells.shape[2] == 4
    assert 0.8 * 2_000 <= cells.count <= 2_000
    # The slopes are 3√2 and √2, and C_k goes with the square.
    assert cells.shape[0] / cells.shape[1] == pytest.approx(3.0, rel=0.1)
    assert cells.prior_mass.sum() == pytest.approx(1.0, abs=1e-14)
    lines = [(z * weight).sum(axis=1) for z, weight in (axis.nodes(3) for axis in cells.axes)]
    averaged = cells.average(lambda z: z).reshape(*cells.shape, 3)
    for k, line in enumerate(lines):
        others = [0 if j != k else slice(None) for j in range(3)]
        assert averaged[(*others, k)] == pytest.approx(line, abs=1e-12)


def test_cells_for_a_decoder_that_is_known_go_where_it_is() -> None:
    assert cells_of_used(1_000, 3, 1).shape == (62, 4, 4)
    assert cells_of_used(1_000, 3, 2).shape == (15, 15, 4)
    assert cells_of_used(1_000, 3, 3).shape == (10, 10, 10)
    cells = cells_at([np.array([-1.0, 0.0, 2.0])], 3)
    assert cells.shape == (3, 4, 4)
    assert cells.boundaries[0].tolist() == [-0.5, 1.0]
    with pytest.raises(SettingError, match="of 3 latents needs at least 8, not 7"):
        plane_cells(7, latents=3)
