"""The M-step's gain: against a brute-force M-step, and zero where nothing should move."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.estimate import Verdict
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._table import decoder_from_table
from theorycheck.objectives._decomposition import decompose
from theorycheck.optimum._stationarity import check_stationarity


@pytest.mark.parametrize("text", ["0*z + 1", "1.5*z", "[z, -2*z]"])
def test_optimal_decoders_do_not_move(text: str) -> None:
    """PMO = 0 and MLEO = 0: J = 0 is the least possible, so f is a minimum."""
    result = check_stationarity(GenerativeModel(parse_expression(text).to_decoder(), 0.2))
    assert result.m_step_gain.value < 1e-9
    assert result.verdict is not Verdict.FAILS


def test_gain_is_a_lower_bound_on_what_the_moved_decoder_wins() -> None:
    """Make the moved decoder, as a table, and decompose it: J falls by the gain at least."""
    model = benchmark("circle").with_noise_variance(0.2)
    stationarity = check_stationarity(model)
    assert stationarity.verdict is Verdict.FAILS
    field = MeanField(model)
    axis = np.linspace(-3.6, 3.6, 81)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    optimum = field.optimal_q(x)
    from theorycheck.inference._marginal import log_density

    mass = np.exp(log_density(model, x).value)
    z = np.linspace(-4.5, 4.5, 1801)
    q = np.exp(-0.5 * ((z - optimum.mean[:, None]) / optimum.scale[:, None]) ** 2)
    q *= (mass / optimum.scale)[:, None]
    f_new = (q.T @ x) / q.sum(axis=0)[:, None]
    moved = GenerativeModel(decoder_from_table(z, f_new, kind="cubic", name="moved"), 0.2)
    before = decompose(model, tolerance=1e-4).excess
    after = decompose(moved, model, tolerance=1e-4).excess
    assert before.value - after.value > stationarity.m_step_gain.value - 1e-3
    assert before.value > after.value


def test_three_data_dimensions_by_sampling() -> None:
    model = GenerativeModel(parse_expression("[abs(z), abs(z), 0*z]").to_decoder(), 0.05)
    assert check_stationarity(model).m_step_gain.value > 0.0
