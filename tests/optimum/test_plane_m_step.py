"""One M-step on two latents: closed form for linear decoders, and none where nothing moves."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.errors import ModelError
from theorycheck.estimate import Verdict
from theorycheck.inference import ExactLinearGaussian, LinearGaussianModel
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.optimum import _stationarity, check_stationarity

VARIANCE = 0.6


def line(w: np.ndarray, variance: float = VARIANCE) -> GenerativeModel:
    return GenerativeModel(Decoder.from_function(lambda z: z @ w.T, latent_dim=2), variance)


@pytest.mark.parametrize("w", [[[1.0, 0.8], [0.0, 0.6]], [[1.0, 0.7]]])
def test_the_gain_of_a_linear_decoder(w: list[list[float]]) -> None:
    loadings = np.array(w)
    found = check_stationarity(line(loadings))
    known = ExactLinearGaussian(LinearGaussianModel(loadings, VARIANCE)).own_m_step_gain
    assert abs(found.m_step_gain.value - known.value) <= found.m_step_gain.error + known.error
    assert found.m_step_gain.value == pytest.approx(known.value, abs=1e-7)
    assert found.verdict is Verdict.FAILS


def test_orthogonal_columns_stay() -> None:
    found = check_stationarity(line(np.array([[1.0, 0.0], [0.0, 0.5]])))
    assert found.m_step_gain.value < 1e-12
    assert found.verdict is Verdict.HOLDS


def test_draws_in_three_dimensions() -> None:
    w = np.array([[1.0, 0.8], [0.0, 0.6], [0.2, 0.2]])
    found = check_stationarity(line(w))
    known = ExactLinearGaussian(LinearGaussianModel(w, VARIANCE)).own_m_step_gain
    assert abs(found.m_step_gain.value - known.value) <= found.m_step_gain.error


def test_three_latents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stationarity, "_SIZE", {True: 8})
    w = 0.4 * np.array([[1.0, 0.8, 0.0], [0.0, 0.6, 0.5], [0.2, 0.2, 1.0]])
    decoder = Decoder.from_function(lambda z: z @ w.T, latent_dim=3)
    found = check_stationarity(GenerativeModel(decoder, VARIANCE))
    known = ExactLinearGaussian(LinearGaussianModel(w, VARIANCE)).own_m_step_gain
    assert abs(found.m_step_gain.value - known.value) <= found.m_step_gain.error
    assert found.m_step_gain.error < 30.0 * known.value


def test_too_narrow_for_the_grid() -> None:
    with pytest.raises(ModelError, match=r"too narrow for the grid.* nodes a side, .* MB"):
        check_stationarity(line(np.array([[3.0, 0.0]]), 1e-3))
