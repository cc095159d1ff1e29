"""Data nodes: they stand for p(x)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.problems import PROBLEMS
from theorycheck.inference._marginal import log_density
from theorycheck.models._benchmarks import benchmark
from theorycheck.optimum._nodes import data_nodes


@pytest.mark.parametrize("name", ["figure8", "half_line", "helix"])
def test_masses_and_densities(name: str) -> None:
    model = PROBLEMS[name].model
    nodes = data_nodes(model, 0.6, most=300)
    assert nodes.mass.sum() == pytest.approx(1.0, abs=1e-12)
    assert (nodes.mass > 0.0).all()
    assert np.allclose(nodes.log_density, log_density(model, nodes.x).value, rtol=1e-9, atol=1e-9)
    assert np.array_equal(nodes.noise_variance, model.noise_variance)


def test_averages_are_those_of_the_model() -> None:
    """E x and E x² of x = f + noise, and the entropy that decompose finds (docs/benchmarks.md)."""
    model = benchmark("figure8")
    z, weight = np.polynomial.hermite_e.hermegauss(150)
    weight /= weight.sum()
    f = model.decoder(z)
    for step in (0.9, 0.4):
        nodes = data_nodes(model, step, shift=0.25)
        assert np.allclose(nodes.mass @ nodes.x, weight @ f, atol=1e-5)
        assert np.allclose(nodes.mass @ nodes.x**2, weight @ f**2 + 0.02, atol=1e-4)
        assert nodes.entropy == pytest.approx(0.884805299876, abs=2e-4)


def test_a_shift_moves_the_grid() -> None:
    model = PROBLEMS["half_line"].model
    plain, moved = data_nodes(model, 0.5), data_nodes(model, 0.5, shift=0.5)
    offset = (moved.x[:, 0] - plain.x[0, 0]) / (0.5 * model.sigma[0])
    assert np.allclose(offset - np.floor(offset), 0.5, atol=1e-9)


def test_fewer_nodes_keep_the_mass() -> None:
    """Systematic sampling: shares of 1/most, drawn where the mass lies, the same for a seed."""
    model = benchmark("figure8")
    few, again = (data_nodes(model, 0.5, most=100, seed=2) for _ in range(2))
    other = data_nodes(model, 0.5, most=100, seed=5)
    every = data_nodes(model, 0.5)
    assert len(few.x) <= 100 < len(every.x)
    shares = few.mass * 100
    assert np.allclose(shares, np.rint(shares))
    assert np.array_equal(few.x, again.x)
    assert not np.array_equal(few.x, other.x)
    assert np.allclose(few.mass @ few.x, every.mass @ every.x, atol=0.15)


def test_a_tail_is_left_out() -> None:
    model = benchmark("circle")
    assert len(data_nodes(model, 0.8, tail=1e-2).x) < len(data_nodes(model, 0.8, tail=1e-6).x)
