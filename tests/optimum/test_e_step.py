"""The E-step on cells: global, as the engine's own search; and the sums that it leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.optimum.conftest import Small
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._table import decoder_from_table
from theorycheck.optimum._e_step import EStep
from theorycheck.quadrature._latent_cells import LatentCells
from theorycheck.rearrangements._interval_exchange import random_exchange

Array = np.ndarray
#: Nats by which two searches for the same minimum may differ: Newton's tolerance of both.
SAME = 1e-9


def on_cells(cells: LatentCells, f: Array, variance: Array) -> MeanField:
    """The same decoder for the engine, which integrates where the E-step sums."""
    decoder = decoder_from_table(cells.boundary, f, kind="cells")
    return MeanField(GenerativeModel(decoder, variance))


def truth(e_step: EStep, name: str) -> Array:
    return e_step.cells.average(benchmark(name).decoder)


@pytest.mark.parametrize("name", ["figure8", "absolute_value", "clusters"])
def test_it_is_global(name: str, small: Small) -> None:
    e_step = small(name, cells=60)
    f, variance = truth(e_step, name), benchmark(name).noise_variance
    found = e_step(f, variance)
    best = on_cells(e_step.cells, f, variance).optimal_q(e_step.nodes.x)
    assert np.abs(found.minima[:, 0, 2] - best.negative_elbo).max() < SAME
    assert found.negative_elbo == pytest.approx(e_step.nodes.mass @ best.negative_elbo, abs=SAME)


def test_it_is_global_on_a_torn_decoder(small: Small) -> None:
    """Jumps, and one that a narrow q alone can see: the table is laid down to it."""
    e_step = small("figure8", cells=80, most=100)
    torn = random_exchange(np.random.default_rng(3), 5, trivial=True)(e_step.cells.z)
    f = e_step.cells.interpolate(truth(e_step, "figure8"), torn)
    for variance in (np.full(2, 0.02), np.full(2, 0.002)):
        first = e_step(f, variance)
        found = e_step(f, variance, first.minima)
        best = on_cells(e_step.cells, f, variance).optimal_q(e_step.nodes.x)
        assert np.abs(found.minima[:, 0, 2] - best.negative_elbo).max() < SAME


def test_the_last_minima_are_among_the_starts(small: Small) -> None:
    """A sweep never loses what the sweep before it had, whatever the table says."""
    e_step = small()
    f, variance = truth(e_step, "figure8"), np.full(2, 0.02)
    first = e_step(f, variance)
    again = e_step(f, variance, first.minima)
    assert (again.minima[:, 0, 2] <= first.minima[:, 0, 2] + 1e-11).all()
    best, second = first.minima[:, 0, 2], first.minima[:, 1, 2]
    assert (best <= np.nan_to_num(second, nan=np.inf)).all()


def test_values_are_those_of_their_q(small: Small) -> None:
    e_step = small()
    f, variance = truth(e_step, "figure8"), np.array([0.02, 0.03])
    found = e_step(f, variance)
    engine = on_cells(e_step.cells, f, variance)
    values = engine.negative_elbo(e_step.nodes.x, found.mean, found.scale)
    # The last Newton step is taken blindly: the value kept is good to its decrement.
    assert np.abs(values - found.minima[:, 0, 2]).max() < 1e-10


def test_sums_of_the_m_step(small: Small) -> None:
    e_step = small()
    f, variance = truth(e_step, "figure8"), np.full(2, 0.02)
    found = e_step(f, variance)
    mass, x = e_step.nodes.mass, e_step.nodes.x
    assert found.aggregate.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.allclose(found.aggregate @ found.target, mass @ x, atol=1e-12)
    assert np.allclose(found.square.sum(axis=0), mass @ x**2, atol=1e-12)


def test_residual_variance_is_the_direct_one(small: Small) -> None:
    """E_p E_q (x_d − f_d)² by the engine's expectations of each q."""
    e_step = small()
    f, variance = truth(e_step, "figure8"), np.full(2, 0.02)
    found = e_step(f, variance)
    for decoder in (f, found.target):
        field = on_cells(e_step.cells, decoder, variance)
        squares = field.expectations(e_step.nodes.x, found.mean, found.scale)[1]
        direct = e_step.nodes.mass @ squares
        assert np.allclose(found.residual_variance(decoder), direct, rtol=1e-10, atol=0.0)


def test_the_m_step_is_the_best_f_for_these_q(small: Small) -> None:
    e_step = small()
    found = e_step(truth(e_step, "figure8"), np.full(2, 0.02))
    best = found.residual_variance(found.target).sum()
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-1):
        other = found.target + size * rng.normal(size=found.target.shape)
        assert found.residual_variance(other).sum() > best


def test_the_table_is_looked_at_every_fourth_time(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looks the minima are followed, which cannot raise −ELBO; a start cools with all."""
    e_step = small()
    model = benchmark("figure8")
    looks = []
    affine = EStep.affine

    def counted(self: EStep, *arguments: Any) -> Any:
        looks.append(self)
        return affine(self, *arguments)

    monkeypatch.setattr(EStep, "affine", counted)
    f, previous, values = truth(e_step, "figure8"), None, []
    for _ in range(9):
        found = e_step(f, model.noise_variance, previous)
        f, previous = found.target, found.minima
        values.append(found.negative_elbo)
    assert len(looks) == 3
    assert np.all(np.diff(values) <= 1e-9)
    for _ in range(3):
        e_step.look_again()
        e_step(f, model.noise_variance, previous)
    assert len(looks) == 6
