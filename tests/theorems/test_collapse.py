"""When one decoder for all classes beats the truth: against the objective of that very model."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, Verdict
from theorycheck.inference import CONDITIONAL, FACTORISED, Family
from theorycheck.models import LabelledModel, load_labelled_model, load_model
from theorycheck.objectives import LabelledObjective, labelled_iwae, labelled_value
from theorycheck.theorems import CollapseThreshold, collapse_threshold

#: Two curves with one image, which they run along at different z.
DATA = load_labelled_model("expr:[2*tanh(z/2 + y - 0.5)]", noise_variance=0.02, prior=[0.4, 0.6])
TOLERANCE = 1e-5
SHARE = 0.2


@pytest.fixture(scope="module", params=[CONDITIONAL, FACTORISED], ids=lambda f: f.key)
def found(request: pytest.FixtureRequest) -> CollapseThreshold:
    family: Family = request.param
    return collapse_threshold(DATA, family=family, labelled_share=SHARE, tolerance=TOLERANCE)


def test_the_line_in_gamma_is_the_difference_of_objectives(found: CollapseThreshold) -> None:
    family = found.ground_truth.objective.family
    merged = LabelledModel([found.merged] * 2, DATA.prior, "merged")
    for gamma in (0.0, 1.5):
        objective = LabelledObjective(gamma, 0.0, SHARE, family)
        collapsed = labelled_value(merged, DATA, objective, tolerance=TOLERANCE)
        truth = replace(found.ground_truth, objective=objective)
        apart = (truth.excess - collapsed.excess) - found.margin(gamma)
        assert apart.contains(0.0)
        assert apart.error < 1e-3
        # p(x) is kept but for tails, and the information on the label lost.
        assert abs(collapsed.mleo_x.value) < 1e-4
        assert collapsed.collapse.contains(1.0)


def test_the_threshold_parts_the_gamma(found: CollapseThreshold) -> None:
    threshold = found.threshold
    assert threshold.error < 1e-3
    for gamma in (0.0, 0.5, 5.0, 50.0):
        wanted = Verdict.HOLDS if gamma < threshold.value else Verdict.FAILS
        assert found.collapsed_is_better(gamma) is wanted
    assert abs(found.margin(threshold.value).value) < 1e-12
    if found.ground_truth.objective.family == FACTORISED:
        assert threshold.lower > 0.5
    else:
        # PMO_U <= PMO_L <= e: at no γ (`theorycheck prove collapse_threshold`).
        assert found.ground_truth.pmo_u.lower <= found.ground_truth.pmo_l.upper
        assert threshold.upper <= 0.0


def test_another_decoder_and_a_known_value(found: CollapseThreshold) -> None:
    """Any g will do: e counts its MLEO, and what is known is not computed again."""
    line = load_model("expr:[z]", noise_variance=0.02)
    other = collapse_threshold(DATA, line, ground_truth=found.ground_truth, tolerance=1e-3)
    assert other.ground_truth is found.ground_truth
    assert other.merged_excess.lower > found.merged_excess.upper
    assert other.threshold.upper < found.threshold.lower
    entry = other.to_dict()
    assert entry["threshold"] == other.threshold.to_dict()
    assert entry["merged"] == line.name


def test_with_more_draws(found: CollapseThreshold) -> None:
    """S = 3: the parts are the IWAE's own, and the collapsed model's U_S is L_S of g."""
    many = collapse_threshold(DATA, found.merged, samples=3, ground_truth=found.ground_truth)
    assert many.samples == 3
    assert many.pmo_u.upper < found.pmo_u.lower
    assert many.merged_excess.upper < found.merged_excess.lower
    merged = LabelledModel([found.merged] * 2, DATA.prior, "merged")
    family = found.ground_truth.objective.family
    collapsed = labelled_iwae(merged, DATA, samples=3, family=family)
    for part in (collapsed.pmo_u_inside, collapsed.pmo_u_joint, collapsed.pmo_l):
        # Averages of log p_f − L_S, and MLEO is next to nothing.
        assert abs(part.value - many.merged_excess.value) < 1e-4 + part.error
    with pytest.raises(SettingError, match="number of samples S"):
        collapse_threshold(DATA, found.merged, samples=0, ground_truth=found.ground_truth)


def test_without_labels_there_is_no_threshold(found: CollapseThreshold) -> None:
    objective = replace(found.ground_truth.objective, labelled_share=0.0)
    bare = replace(found, ground_truth=replace(found.ground_truth, objective=objective))
    assert math.isnan(bare.threshold.value)
    assert bare.to_dict()["threshold"] == Estimate(math.nan, math.inf).to_dict_or_null()
    assert bare.margin(7.0) == bare.gain


def test_what_does_not_fit(found: CollapseThreshold) -> None:
    with pytest.raises(SettingError, match="another model than the data"):
        collapse_threshold(DATA.with_noise_variance(0.5), ground_truth=found.ground_truth)
    objective = replace(found.ground_truth.objective, alpha=1.0)
    with pytest.raises(SettingError, match="alpha must be 0"):
        collapse_threshold(DATA, ground_truth=replace(found.ground_truth, objective=objective))
