"""Comparison of posteriors where p(x) is high: known answers, regions, verdicts, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Verdict
from theorycheck.inference._mean_field import MeanField
from theorycheck.models import benchmark, load_model
from theorycheck.objectives._decomposition import decompose
from theorycheck.objectives._posterior_comparison import PosteriorComparison, compare_posteriors

#: -Phi_inv(Phi(-z)/2) is the monotone rearrangement of |z|.
MONOTONE = "expr:[-Phi_inv(Phi(-z)/2), -Phi_inv(Phi(-z)/2)]"


@pytest.fixture(scope="module")
def comparison() -> PosteriorComparison:
    truth = benchmark("absolute_value")
    return compare_posteriors(truth, load_model(MONOTONE, noise_variance=0.01), draws=1500)


def test_the_monotone_decoder_is_simpler_everywhere(comparison: PosteriorComparison) -> None:
    assert comparison.simpler_where_high is Verdict.HOLDS
    assert [region.share for region in comparison.regions] == [0.1, 0.25, 0.5, 1.0]
    for region in comparison.regions:
        assert region.simpler is Verdict.HOLDS
        assert region.other.several.contains(0.0)
        assert region.mass.contains(region.share)
    # Two mirror-image modes away from the fold: KL is log 2 there.
    assert comparison.at(1.0).truth.several.value > 0.7


def test_averages_everywhere_are_the_pmo(comparison: PosteriorComparison) -> None:
    everywhere = comparison.at(1.0)
    truth = decompose(benchmark("absolute_value"), tolerance=1e-3)
    assert abs(everywhere.truth.kl.value - truth.pmo.value) < everywhere.truth.kl.error
    saved = everywhere.truth.kl.value - everywhere.other.kl.value
    assert everywhere.kl_saved.value == pytest.approx(saved, abs=1e-12)


def test_swapped_the_verdict_is_the_opposite() -> None:
    other = load_model(MONOTONE, noise_variance=0.01)
    swapped = compare_posteriors(other, benchmark("absolute_value"), draws=600, shares=(0.5, 1.0))
    assert swapped.simpler_where_high is Verdict.FAILS


def test_a_decoder_against_itself_decides_nothing() -> None:
    field = MeanField(benchmark("circle"))
    itself = compare_posteriors(field, field, draws=400)
    assert itself.simpler_where_high is Verdict.INCONCLUSIVE
    assert itself.at(1.0).kl_saved.value == 0.0


def test_regions_are_those_of_highest_density() -> None:
    # For a line p(x) is Gaussian: the densest 10 % are the innermost ones.
    model = load_model("expr:[z]", noise_variance=0.5)
    found = compare_posteriors(model, model, draws=4000, shares=(0.1,), seed=2)
    assert found.at(0.1).draws == round(4000 * found.at(0.1).mass.value)
    assert found.at(0.1).mass.contains(0.1)
    assert found.at(0.1).truth.kl.value == pytest.approx(0.0, abs=1e-9)


def test_more_dimensions_and_json() -> None:
    model = load_model("expr:[z, z**2, 1]", noise_variance=0.3)
    found = compare_posteriors(model, load_model("expr:[z, 0*z, 1]", noise_variance=0.3), draws=300)
    text = json.loads(json.dumps(found.to_dict()))
    assert text["simpler_where_high"] in set(Verdict)
    assert len(text["regions"]) == 4
    again = compare_posteriors(model, load_model("expr:[z, 0*z, 1]", noise_variance=0.3), draws=300)
    assert again.to_dict() == found.to_dict()


def test_shares_that_count_never_varies_keep_a_radius() -> None:
    model = load_model("expr:[z, 2*z]", noise_variance=0.5)
    found = compare_posteriors(model, model, draws=200, shares=(1.0,))
    assert found.at(1.0).truth.several.value == 0.0
    assert 0.0 < found.at(1.0).truth.several.error < 0.1
    assert found.simpler_where_high is Verdict.INCONCLUSIVE


def test_bad_input() -> None:
    model = load_model("expr:[z, 2*z]", noise_variance=0.5)
    other = load_model("expr:[z]", noise_variance=0.5)
    with pytest.raises(ModelError, match="1 data dimensions"):
        compare_posteriors(model, other)
    for shares in ((), (0.0,), (1.5,)):
        with pytest.raises(SettingError, match="every share"):
            compare_posteriors(model, model, shares=shares)
    with pytest.raises(SettingError, match="at least 100 draws"):
        compare_posteriors(model, model, draws=10)
    found = compare_posteriors(model, model, draws=100)
    with pytest.raises(SettingError, match="not compared"):
        found.at(0.3)
    assert np.isfinite(found.at(1.0).truth.kl.error)
