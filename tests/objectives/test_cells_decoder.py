"""A decoder with hundreds of steps: every step makes a posterior mode, and q* must not be lost."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.inference._certificate import certify_optimal_q
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._table import decoder_from_table
from theorycheck.objectives._decomposition import decompose
from theorycheck.quadrature._latent_cells import latent_cells

#: PMO of figure8's own curve, nats (docs/benchmarks.md).
SMOOTH = 0.10249966


@pytest.fixture(scope="module")
def steps() -> GenerativeModel:
    """Return figure8 made constant on 200 cells."""
    model = benchmark("figure8")
    cells = latent_cells(200)
    f = cells.average(model.decoder)
    return GenerativeModel(decoder_from_table(cells.boundary, f, kind="cells"), 0.02)


def test_pmo_is_that_of_the_curve(steps: GenerativeModel) -> None:
    """It came out three times too large when the heaviest modes were crowded out."""
    result = decompose(steps, tolerance=1e-3)
    assert result.pmo.value == pytest.approx(SMOOTH, abs=3e-3)


def test_certificate(steps: GenerativeModel) -> None:
    field = MeanField(steps)
    _, x = steps.sample(12, 5)
    assert certify_optimal_q(field, x, gap=1e-9).largest_gap < 2e-9


def test_q_is_as_good_as_the_curves(steps: GenerativeModel) -> None:
    """Point by point: the steps are so small against σ that −ELBO hardly changes."""
    _, x = steps.sample(300, 1)
    curve = MeanField(benchmark("figure8")).optimal_q(x).negative_elbo
    found = MeanField(steps).optimal_q(x).negative_elbo
    assert np.abs(found - curve).max() < 0.1
    assert found.mean() == pytest.approx(curve.mean(), abs=3e-3)
