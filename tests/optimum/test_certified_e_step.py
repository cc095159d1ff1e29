"""Where an ascent rests its q are the global optima: against brute force over (μ, s)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr

from benchmarks.random_decoders import shuffled_on_cells
from tests.optimum.conftest import Small
from theorycheck.models._benchmarks import benchmark
from theorycheck.optimum._coordinate_ascent import ascend
from theorycheck.optimum._e_step import EStep, Responsibilities
from theorycheck.optimum._iwae_e_step import ImportanceEStep
from theorycheck.optimum._nodes import data_nodes
from theorycheck.quadrature._latent_cells import latent_cells

Array = NDArray[np.float64]


def grid_of_q(narrowest: float) -> tuple[Array, Array]:
    means, scales = [], []
    for s in np.exp(np.arange(np.log(narrowest), np.log(2.0), 0.2)):
        row = np.arange(-4.5, 4.5, 0.3 * s)
        means.append(row)
        scales.append(np.full(row.size, s))
    return np.concatenate(means), np.concatenate(scales)


def cell_masses(e_step: EStep, mean: Array, scale: Array) -> Array:
    edges = np.concatenate([[-np.inf], e_step.cells.boundary, [np.inf]])
    return np.diff(ndtr((edges - mean[:, None]) / scale[:, None]), axis=1)


def log_likelihood(e_step: EStep, f: Array, variance: Array) -> Array:
    square = ((e_step.nodes.x[:, None, :] - f) ** 2 / variance).sum(axis=2)
    return np.asarray(-0.5 * (square + np.log(2.0 * np.pi * variance).sum()))


def brute_force(e_step: EStep, f: Array, variance: Array, narrowest: float) -> Array:
    """−ELBO_x at the best q of a dense grid, shape (n,)."""
    means, scales = grid_of_q(narrowest)
    cost = -log_likelihood(e_step, f, variance)
    best = np.full(len(cost), np.inf)
    for part in np.array_split(np.arange(means.size), 1 + means.size // 2_000):
        mean, scale = means[part], scales[part]
        prior = 0.5 * (scale**2 + mean**2 - 1.0) - np.log(scale)
        values = prior + cost @ cell_masses(e_step, mean, scale).T
        best = np.minimum(best, values.min(axis=1))
    return best


@pytest.fixture(scope="module")
def steep() -> EStep:
    """absolute_value's data on cells so fine that their wells are thin."""
    return EStep(data_nodes(benchmark("absolute_value"), 0.9, most=250), latent_cells(400))


def test_misses_of_the_e_step_are_found(steep: EStep) -> None:
    f, variance = (
        shuffled_on_cells("absolute_value", steep.cells, 2),
        benchmark("absolute_value").noise_variance,
    )
    found = steep(f, variance)
    best = steep.certified(f, variance, found)
    lower = found.minima[:, 0, 2] - best.minima[:, 0, 2]
    assert lower.min() > -1e-9
    # Or this test says nothing.
    assert lower.max() > 0.3
    rough = brute_force(steep, f, variance, 0.005)
    assert (best.minima[:, 0, 2] < rough + 1e-9).all()
    # And the better values are those of their q.
    prior = 0.5 * (best.scale**2 + best.mean**2 - 1.0) - np.log(best.scale)
    cost = -log_likelihood(steep, f, variance)
    value = prior + (cost * cell_masses(steep, best.mean, best.scale)).sum(axis=1)
    assert best.minima[:, 0, 2] == pytest.approx(value, abs=1e-9)
    assert best.gap < 1e-11
    assert best.negative_elbo == pytest.approx(steep.nodes.mass @ best.minima[:, 0, 2], abs=1e-13)


def test_the_sums_are_those_of_the_better_q(steep: EStep) -> None:
    f, variance = (
        shuffled_on_cells("absolute_value", steep.cells, 2),
        benchmark("absolute_value").noise_variance,
    )
    best = steep.certified(f, variance, steep(f, variance))
    mass, x = steep.nodes.mass, steep.nodes.x
    kappa = mass[:, None] * cell_masses(steep, best.mean, best.scale)
    assert best.aggregate == pytest.approx(kappa.sum(axis=0), abs=1e-12)
    seen = best.aggregate > 1e-6
    target = (kappa.T @ x)[seen] / kappa.sum(axis=0)[seen, None]
    assert best.target[seen] == pytest.approx(target, abs=1e-8)


def test_what_is_global_is_left_as_it_is(small: Small) -> None:
    e_step = small("figure8")
    f, variance = e_step.cells.average(benchmark("figure8").decoder), np.full(2, 0.02)
    found = e_step(f, variance)
    assert found.gap == np.inf
    best = e_step.certified(f, variance, found)
    assert best.minima is found.minima
    assert best.gap < 1e-11


class Blind(EStep):
    """An E-step that has no table: it sees the minima of the sweep before, and no others."""

    def __call__(
        self, f: Array, noise_variance: Array, previous: Array | None = None
    ) -> Responsibilities:
        if previous is None:
            previous = np.full((len(self.nodes.x), 3, 3), np.nan)
            previous[:, 0] = (0.0, -0.5, 0.0)
        self._table = tuple(entry[:0] for entry in self._table)
        self._prior, self._masses = self._prior[:0], self._masses[:0]
        return super().__call__(f, noise_variance, previous)

    def _lay_table(self, narrowest: float) -> None:
        if not hasattr(self, "_table"):
            super()._lay_table(narrowest)


def test_an_ascent_goes_on_from_better_q() -> None:
    model = benchmark("clusters")
    nodes = data_nodes(model, 1.0, tail=1e-3, most=200)
    e_step = Blind(nodes, latent_cells(40))
    f = shuffled_on_cells("clusters", e_step.cells, 4)
    ended = ascend(e_step, f, model.noise_variance, most=400)
    assert ended.converged
    assert ended.q_gap < 1e-11
    rough = brute_force(e_step, ended.f, ended.noise_variance, 0.02)
    assert (ended.responsibilities.minima[:, 0, 2] < rough + 1e-9).all()
    assert ended.history[-1] == ended.negative_elbo
    # It would have rested long before.
    falls = -np.diff(ended.history)
    assert falls.min() > -1e-8
    resting = [i for i in range(4, len(falls)) if falls[i - 4 : i].sum() < 1e-6]
    assert any(falls[i] > 1e-4 for i in resting)


def test_an_ascent_that_is_cut_off_is_looked_at_as_well(small: Small) -> None:
    e_step = small("figure8")
    f = e_step.cells.average(benchmark("figure8").decoder)
    assert ascend(e_step, f, np.full(2, 0.02), most=1).q_gap < 1e-11


def two_draws(e_step: EStep, f: Array, variance: Array, mean: Array, scale: Array) -> Array:
    """L_2 in closed form, Σ κ_j κ_k log ½(w_j + w_k), for every x and every q: shape (n, Q)."""
    kappa = np.maximum(cell_masses(e_step, mean, scale), 1e-300)
    joint = log_likelihood(e_step, f, variance) + np.log(e_step.cells.prior_mass)
    found = np.empty((len(joint), mean.size))
    for k, row in enumerate(kappa):
        log_w = joint - np.log(row)
        pairs = np.logaddexp(log_w[:, :, None], log_w[:, None, :]) - np.log(2.0)
        found[:, k] = np.einsum("j,k,njk->n", row, row, pairs)
    return found


@pytest.fixture(scope="module")
def of_two() -> ImportanceEStep:
    nodes = data_nodes(benchmark("absolute_value"), 1.0, tail=1e-3, most=40)
    return ImportanceEStep(nodes, latent_cells(24), 2)


def test_iwae_scan_against_brute_force(of_two: ImportanceEStep) -> None:
    variance = benchmark("absolute_value").noise_variance
    mean, scale = grid_of_q(0.04)
    missed = 0
    for seed in (1, 2):
        f = shuffled_on_cells("absolute_value", of_two.cells, seed)
        found = of_two(f, variance)
        best = of_two.certified(f, variance, found)
        rough = two_draws(of_two, f, variance, mean, scale).max(axis=1)
        assert (-best.minima[:, 0, 2] > rough - 1e-5).all()
        missed += int((-found.minima[:, 0, 2] < rough - 1e-3).sum())
    # Or the scan was not needed.
    assert missed > 0


def test_iwae_gap_is_what_the_evidence_leaves(of_two: ImportanceEStep) -> None:
    variance = benchmark("absolute_value").noise_variance
    f = shuffled_on_cells("absolute_value", of_two.cells, 1)
    best = of_two.certified(f, variance, of_two(f, variance))
    joint = log_likelihood(of_two, f, variance) + np.log(of_two.cells.prior_mass)
    evidence = float(of_two.nodes.mass @ logsumexp(joint, axis=1))
    assert best.gap == pytest.approx(evidence + best.negative_elbo, abs=1e-10)
    assert best.gap > 0.0
