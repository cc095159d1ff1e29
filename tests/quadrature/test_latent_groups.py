"""Runs of panels: their projections keep E_q f and E_q f² for every q that is wide enough."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests import brute_force
from tests.problems import PROBLEMS
from theorycheck.quadrature._latent_groups import latent_runs
from theorycheck.quadrature._rules import RUN_ORDER
from theorycheck.quadrature.kernels._layouts import Runs

STEEP = ["spiral_dots", "clusters", "steep_tanh", "linear_plane", "wave"]


def _levels(runs: Runs) -> list[slice]:
    starts = runs.level_start
    return [slice(a, b) for a, b in itertools.pairwise(starts)]


@pytest.mark.parametrize("name", STEEP)
def test_levels_tile_the_panels(name: str) -> None:
    panels = PROBLEMS[name].panels
    size, runs = panels.size, latent_runs(panels)
    for level in _levels(runs):
        size = (size + 1) // 2
        assert level.stop - level.start == size
        left, right = runs.left[level], runs.right[level]
        assert (left[0], right[-1]) == (panels.left[0], panels.right[-1])
        assert (left[1:] == right[:-1]).all()


@pytest.mark.parametrize("name", STEEP)
def test_moments_against_polynomials_are_kept(name: str) -> None:
    """∫ f P and ∫ f² P over a run, by the run and by the panels' own nodes."""
    panels = PROBLEMS[name].panels
    runs = latent_runs(panels)
    rng = np.random.default_rng(4)
    for level in _levels(runs):
        row = int(rng.integers(level.start, level.stop))
        a, b = runs.left[row], runs.right[row]
        inside = (panels.z > a) & (panels.z < b)
        # The panels' 16 nodes are exact to degree 31, and f² has the highest coefficients tiny.
        for degree in (0, 1, 4):
            coefficients = np.eye(degree + 1)[degree]

            def polynomial(
                z: np.ndarray, a: float = a, b: float = b, c: np.ndarray = coefficients
            ) -> np.ndarray:
                return np.polynomial.legendre.legval((2.0 * z - a - b) / (b - a), c)

            for d in range(panels.f.shape[0]):
                f, centre = panels.f[d, inside], runs.centre[row, d]
                weight = panels.rule_weight[inside] * polynomial(panels.z[inside])
                run = runs.weight[row] * polynomial(runs.z[row])
                size = (b - a) * (1.0 + np.abs(f - centre).max()) ** 2
                first, square = run @ runs.first[row, d], run @ runs.square[row, d]
                assert first == pytest.approx(weight @ (f - centre), abs=1e-12 * size)
                assert square == pytest.approx(weight @ (f - centre) ** 2, abs=1e-12 * size)


@pytest.mark.parametrize("scale", [0.6, 1.3, 3.0])
@pytest.mark.parametrize("name", STEEP)
def test_wide_q_over_steep_f(name: str, scale: float) -> None:
    problem = PROBLEMS[name]
    x = problem.model.decoder(np.array([-0.4]))
    for mean in (-1.2, 0.0, 0.37):
        first, squares = problem.mean_field.expectations(x, mean, scale)
        wanted = brute_force.expectations(problem.model, x[0], mean, scale, panels=6000)
        size = 1.0 + wanted[1].max()
        assert first[0] == pytest.approx(wanted[0], abs=2e-12 * size)
        assert squares[0] == pytest.approx(wanted[1], abs=2e-12 * size)


def test_nodes_are_twice_a_panels() -> None:
    runs = latent_runs(PROBLEMS["figure8"].panels)
    assert runs.first.shape[1:] == (2, RUN_ORDER)
    assert runs.weight.sum(axis=1) == pytest.approx(runs.right - runs.left, rel=1e-13)
