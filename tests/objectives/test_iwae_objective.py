"""The IWAE objective averaged over p(x): between MLEO and J, and equal to J at S = 1."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest

from tests.problems import PROBLEMS
from theorycheck.errors import ModelError, SettingError
from theorycheck.inference import MeanFieldBoxes, optimal_plane_iwae_q
from theorycheck.models import load_model
from theorycheck.objectives import _iwae_objective
from theorycheck.objectives._decomposition import decompose
from theorycheck.objectives._iwae_objective import iwae_objective
from theorycheck.progress import Advance


@pytest.mark.parametrize("name", ["figure8", "wave", "half_line"])
def test_one_sample_is_j(name: str) -> None:
    model = PROBLEMS[name].model
    exact = decompose(model, tolerance=1e-5).excess
    found = iwae_objective(model, samples=1)
    assert abs(found.excess.value - exact.value) <= found.excess.error + exact.error
    assert found.excess.error < 0.05 * exact.value
    assert found.gap.value == pytest.approx(found.excess.value, abs=1e-9)


def test_excess_falls_with_the_samples() -> None:
    model = PROBLEMS["wave"].model
    found = [iwae_objective(model, samples=samples) for samples in (1, 2, 5, 20)]
    for more, fewer in pairwise(found):
        assert fewer.excess.value < more.excess.value
        assert fewer.excess.upper > 0.0
    # The q that is best for the ELBO is not best for S > 1.
    cheap = iwae_objective(model, samples=20, q="elbo")
    assert cheap.excess.lower > found[-1].excess.upper


def test_other_data_add_the_mleo() -> None:
    model, data = PROBLEMS["half_line"].model, PROBLEMS["linear_narrow"].model
    data = data.with_noise_variance(0.04)
    exact = decompose(model, data, tolerance=1e-5)
    found = iwae_objective(model, data, samples=5)
    mleo = found.excess.value - found.gap.value
    assert mleo == pytest.approx(exact.mleo.value, abs=2e-5)
    assert exact.mleo.value < found.excess.value < exact.excess.value


def test_linear_decoders_have_no_gap() -> None:
    found = iwae_objective(PROBLEMS["linear_plane"].model, samples=20)
    assert abs(found.gap.value) <= min(found.gap.error, 1e-8)


@pytest.mark.parametrize("samples", [1, 5])
def test_samples_and_more_dimensions_have_a_standard_error(samples: int) -> None:
    model = PROBLEMS["wave"].model
    _, x = model.sample(400, 1)
    exact = iwae_objective(model, samples=samples).gap
    found = iwae_objective(model, model, samples=samples, sample=x)
    # With the model's own draws J_S is the gap, as an estimate of the population's.
    assert abs(found.excess.value - exact.value) <= found.excess.error + exact.error
    helix = iwae_objective(PROBLEMS["helix"].model, samples=samples)
    assert 0.0 < helix.gap.error < 0.05


def test_a_correlated_posterior_in_closed_form() -> None:
    """The posterior of a linear decoder has one shape: L_S at any one x says the gap of all."""
    model = load_model("expr:z1+0.5*z2", noise_variance=0.6)
    _, x = model.sample(1, 4)
    for samples in (1, 5):
        evidence = MeanFieldBoxes(model).log_density(x).value
        gap = float(evidence[0] - optimal_plane_iwae_q(model, x, samples).bound.value[0])
        found = iwae_objective(model, samples=samples)
        assert abs(found.gap.value - gap) <= found.gap.error < 2e-4
        assert found.gap.value == pytest.approx(gap, abs=1e-6)
    given = iwae_objective(model, samples=5, sample=x)
    assert given.gap.value == pytest.approx(gap, abs=1e-8)
    assert given.excess.error == math.inf


def test_an_unused_latent_changes_nothing() -> None:
    line = load_model("expr:sin(2*z)", noise_variance=0.3)
    plane = load_model("expr:sin(2*z1)", noise_variance=0.3, latents=2)
    one, two = iwae_objective(line, samples=5), iwae_objective(plane, line, samples=5)
    assert abs(one.excess.value - two.excess.value) <= one.excess.error + two.excess.error
    assert two.excess.value == pytest.approx(one.excess.value, abs=1e-5)
    cheap = iwae_objective(plane, line, samples=5, q="elbo")
    assert cheap.excess.value > two.excess.value + 1e-3


def test_the_price_is_said_beforehand() -> None:
    class Told:
        said: ClassVar[list[str]] = []

        def task(self, _description: str, _total: int | None) -> AbstractContextManager[Advance]:
            assert self.said, "the work begins before its price is said"
            return nullcontext(lambda _steps: None)

        def say(self, text: str) -> None:
            self.said.append(text)

    clock = iter(np.arange(0.0, 1e6, 100.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_iwae_objective.time, "perf_counter", lambda: next(clock))
        iwae_objective(load_model("expr:z1+z2", noise_variance=2.0), samples=2, progress=Told())
    assert "x to average over: up to some" in Told.said[0]


def test_three_latents_are_refused() -> None:
    with pytest.raises(ModelError, match="latents: 3"):
        iwae_objective(load_model("expr:[z1+z3, z2]", noise_variance=1.0), samples=2)


def test_bad_settings() -> None:
    model = PROBLEMS["wave"].model
    with pytest.raises(SettingError, match="number of samples S"):
        iwae_objective(model, samples=0)
    with pytest.raises(SettingError, match="q must be 'optimal' or 'elbo', not 'best'"):
        iwae_objective(model, samples=2, q="best")
    with pytest.raises(SettingError, match="step must be positive"):
        iwae_objective(model, samples=2, step=0.0)
    with pytest.raises(ModelError, match="data dimensions"):
        iwae_objective(model, PROBLEMS["helix"].model, samples=2)
    with pytest.raises(ModelError, match="NaN"):
        iwae_objective(model, samples=2, sample=np.array([np.nan]))
