"""Cells of the latent line: masses, representatives, averages, and where adapted ones go."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import norm

from theorycheck.errors import SettingError
from theorycheck.models._benchmarks import benchmark
from theorycheck.quadrature._latent_cells import LatentCells, adapted_cells, latent_cells


def test_prior_masses() -> None:
    cells = LatentCells(np.array([-9.0, -2.0, 0.0, 0.1, 6.0, 8.0]))
    edges = np.concatenate([[-np.inf], cells.boundary, [np.inf]])
    exact = [
        norm.sf(a) - norm.sf(b) if a > 0 else norm.cdf(b) - norm.cdf(a)
        for a, b in itertools.pairwise(edges)
    ]
    # Relative: a mass of 1e-16 in the far cell keeps its digits.
    assert np.abs(cells.prior_mass / np.array(exact) - 1.0).max() < 1e-12
    assert cells.prior_mass.sum() == pytest.approx(1.0, abs=1e-15)
    assert cells.count == 7


@pytest.mark.parametrize("count", [2, 3, 64, 1000])
def test_every_cell_has_its_latent(count: int) -> None:
    cells = latent_cells(count)
    edges = np.concatenate([[-np.inf], cells.boundary, [np.inf]])
    assert cells.count == count
    assert (np.diff(cells.boundary) > 0.0).all()
    assert (cells.z > edges[:-1]).all()
    assert (cells.z < edges[1:]).all()
    assert np.allclose(cells.z, -cells.z[::-1])


def test_average_is_the_conditional_mean() -> None:
    cells = latent_cells(12)

    def f(z: np.ndarray) -> np.ndarray:
        return np.stack([np.sin(2.0 * z), z], axis=-1)

    found = cells.average(f)
    edges = np.concatenate([[-np.inf], cells.boundary, [np.inf]])
    for j in range(12):
        for d in range(2):
            mean = quad(
                lambda z, d=d: f(np.array([z]))[0, d] * norm.pdf(z), edges[j], edges[j + 1]
            )[0]
            # The outermost cells are integrated in a variable that is singular at their far end.
            allowed = 3e-2 if j in (0, 11) else 1e-7
            assert found[j, d] == pytest.approx(mean / cells.prior_mass[j], abs=allowed)
    constant = cells.average(lambda z: np.full((z.size, 1), 3.5))
    assert np.allclose(constant, 3.5, rtol=1e-15)


def test_more_cells_come_closer_to_f() -> None:
    """The mean square of f − its average falls like 1/M², as for cells laid by φ^{1/3}."""
    model = benchmark("figure8")
    z = np.linspace(-6.0, 6.0, 20_001)
    weight = norm.pdf(z) * (z[1] - z[0])
    off = []
    for count in (50, 100, 200):
        cells = latent_cells(count)
        step = cells.average(model.decoder)[np.searchsorted(cells.boundary, z)]
        off.append(float(weight @ ((step - model.decoder(z)) ** 2).sum(axis=1)))
    assert off[0] / off[1] == pytest.approx(4.0, rel=0.1)
    assert off[1] / off[2] == pytest.approx(4.0, rel=0.1)


def test_interpolation_hits_the_cells_own_latents() -> None:
    cells = latent_cells(30)
    f = np.random.default_rng(0).normal(size=(30, 3))
    assert np.array_equal(cells.interpolate(f, cells.z), f)
    assert np.array_equal(cells.interpolate(f, np.array([-50.0, 50.0])), f[[0, -1]])


def test_adapted_cells_gather_where_f_is_steep() -> None:
    plain = latent_cells(200)
    f = np.tanh(20.0 * (plain.z - 0.5))[:, None]
    cells = adapted_cells(100, plain, f, np.array([0.01]))
    assert cells.count == 100
    assert (np.diff(cells.boundary) > 0.0).all()
    near = np.abs(cells.boundary - 0.5) < 0.15
    evenly = ndtr(0.65 / np.sqrt(3.0)) - ndtr(0.35 / np.sqrt(3.0))
    assert near.sum() > 50 > 3 * 100 * evenly

    def off(chosen: LatentCells) -> float:
        steps = chosen.average(lambda z: np.tanh(20.0 * (z - 0.5))[:, None])
        z = np.linspace(-3.0, 3.0, 30_001)
        at = steps[np.searchsorted(chosen.boundary, z), 0]
        return float(norm.pdf(z) @ (at - np.tanh(20.0 * (z - 0.5))) ** 2)

    assert off(cells) < 0.1 * off(latent_cells(100))


def test_a_constant_f_asks_for_nothing() -> None:
    plain = latent_cells(20)
    cells = adapted_cells(40, plain, np.ones((20, 2)), np.ones(2))
    assert np.array_equal(cells.boundary, latent_cells(40).boundary)


def test_too_few_cells() -> None:
    with pytest.raises(SettingError, match="at least 2"):
        latent_cells(1)
