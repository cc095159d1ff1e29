"""Theorem 1's premise and condition (1): identities, implications, verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Verdict
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.optimum import Effort, find_optimum
from theorycheck.optimum._settings import Execution, SearchSettings
from theorycheck.rearrangements._zero_mleo_class import survey_zero_mleo
from theorycheck.theorems._condition2 import check_condition_2, check_repaired
from theorycheck.theorems._theorem1 import Theorem1Check, check_theorem1

MONOTONE = "[-Phi_inv(Phi(-z)/2), -Phi_inv(Phi(-z)/2)]"


def model(text: str, variance: float, name: str = "f") -> GenerativeModel:
    return GenerativeModel(parse_expression(text).to_decoder(name), variance)


@pytest.fixture(scope="module")
def absolute_value() -> Theorem1Check:
    alternatives = [model(MONOTONE, 0.01, "monotone"), model("[4*z, -4*z]", 0.01, "wrong")]
    return check_theorem1(benchmark("absolute_value"), alternatives, tolerance=1e-5)


def test_premise_and_witness(absolute_value: Theorem1Check) -> None:
    assert absolute_value.premise_verdict is Verdict.HOLDS
    for at in absolute_value.premise:
        # Both sides add up to the PMO (eq. 6).
        pmo = absolute_value.ground_truth.pmo
        assert at.low.value + at.high.value == pytest.approx(pmo.value, abs=1e-12)


def test_condition_1_holds_for_the_monotone_rearrangement(absolute_value: Theorem1Check) -> None:
    monotone = absolute_value.alternatives[0]
    assert monotone.verdict is Verdict.HOLDS
    assert monotone.prefers is Verdict.HOLDS
    assert monotone.decomposition.mleo.contains(0.0)
    assert monotone.decomposition.mleo.error < 1e-9
    assert absolute_value.condition_1 is Verdict.HOLDS
    # It has MLEO = 0 and satisfies (1): a counterexample to condition (2).
    assert absolute_value.condition_2 is Verdict.FAILS
    assert absolute_value.witness is not None
    assert absolute_value.witness["alternative"] == "monotone"


def test_condition_1_fails_for_a_worse_decoder(absolute_value: Theorem1Check) -> None:
    wrong = absolute_value.alternatives[1]
    assert wrong.gain.value < 0.0
    assert wrong.verdict is Verdict.FAILS
    assert wrong.prefers is Verdict.FAILS


def test_the_difference_identity(absolute_value: Theorem1Check) -> None:
    """J_G − J_f = [P_G(H_G − L_G) − P H − M] + (L_G − L) + P L, docs/theory.md."""
    monotone = absolute_value.alternatives[0]
    for at in monotone.condition_1[::20]:
        f = monotone.decomposition.kl_distribution.partition(at.eta)
        if not (np.isfinite(at.first.error) and np.isfinite(at.second.error)):
            continue
        total = at.first.value + at.second.value + f.pr_hi.value * f.d_lo.value
        # D_Lo is clipped to [0, η], so at tiny η the identity holds to the radii only.
        radius = at.first.error + at.second.error + monotone.gain.error
        assert abs(total - monotone.gain.value) <= radius


def test_implication_of_condition_1(absolute_value: Theorem1Check) -> None:
    for alternative in absolute_value.alternatives:
        if any(at.verdict is Verdict.HOLDS for at in alternative.condition_1):
            assert alternative.gain.lower > 0.0


def test_gaussian_posteriors_satisfy_nothing() -> None:
    check = check_theorem1(model("2*z", 0.3, "line"))
    assert check.premise_verdict is not Verdict.HOLDS
    assert check.stationarity.verdict is not Verdict.FAILS
    assert check.ground_truth_is_minimum is Verdict.INCONCLUSIVE


def test_unresolved_decoder_is_inconclusive() -> None:
    check = check_theorem1(model("sin(1e7*z)", 1.0, "noise"), tolerance=1e-2)
    assert check.premise_verdict is Verdict.INCONCLUSIVE
    assert check.stationarity.verdict is Verdict.INCONCLUSIVE
    assert check.ground_truth_is_minimum is Verdict.INCONCLUSIVE


def test_json_keys(absolute_value: Theorem1Check) -> None:
    keys = {
        "premise",
        "condition_1",
        "condition_2",
        "condition_2_repaired",
        "stationarity",
        "verdict",
        "class_searched",
        "witness",
    }
    assert keys <= absolute_value.to_dict().keys()
    assert "monotone" in absolute_value.summary


#: A search of a second, where finding the optimum is not the point.
TINY = Effort(
    starts=4, coarse_cells=48, middle_cells=64, fine_cells=96, coarse_step=1.2, middle_step=1.0,
    fine_step=0.9, refined=1, rounds=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def user_decoder() -> Theorem1Check:
    """A user's expression: a ground truth with a mirror image of every mode."""
    data = model("abs(z) + z/10", 0.05, "user")
    optimum = find_optimum(data, SearchSettings(effort=TINY), execution=Execution(jobs=1))
    members = survey_zero_mleo(data, folds=(2,), tears=0, tolerance=1e-3)
    return check_theorem1(data, optimum=optimum, zero_mleo=members, tolerance=1e-3)


def test_optimum_is_the_witness_of_condition_1(user_decoder: Theorem1Check) -> None:
    assert [a.name for a in user_decoder.alternatives] == ["optimum of user"]
    assert user_decoder.condition_1 is Verdict.HOLDS
    assert user_decoder.witness is not None
    assert user_decoder.witness["alternative"] == "optimum of user"


def test_literal_condition_2_fails_with_its_witness(user_decoder: Theorem1Check) -> None:
    assert user_decoder.condition_2 is Verdict.FAILS
    witness = user_decoder.condition_2_check.witness
    assert witness is not None
    assert witness.decomposition.mleo.contains(0.0)
    at = next(c for c in witness.condition_1 if c.eta == witness.witness_eta)
    assert at.first.lower > 0.0
    assert at.second.lower >= 0.0
    assert "Condition (2) as it stands fails" in user_decoder.summary


def test_repaired_condition_2_holds_over_the_class(user_decoder: Theorem1Check) -> None:
    repaired = user_decoder.repaired
    assert user_decoder.zero_mleo is not None
    assert repaired.verdict is Verdict.HOLDS
    assert repaired.margin.lower > 0.0
    # Every member lies above the J of the witness.
    for member in user_decoder.zero_mleo.members:
        assert member.pmo.upper > repaired.excess.lower
    assert "holds over the class" in repaired.summary
    assert user_decoder.zero_mleo.description in user_decoder.class_searched


def test_class_that_stays_below_the_truth_leaves_condition_2(user_decoder: Theorem1Check) -> None:
    """Without the monotone rearrangement no member satisfies (1): HOLDS, over that class."""
    worse = [c for c in user_decoder.condition_2_check.checks if c.verdict is Verdict.FAILS]
    assert worse
    assert check_condition_2(worse, "some", surveyed=True).verdict is Verdict.HOLDS
    assert check_condition_2(worse, "some", surveyed=False).verdict is Verdict.INCONCLUSIVE


def test_gap_of_the_theorem_is_seen() -> None:
    """A line has J = 0, the least there is: (2′) fails, and says so."""
    check = check_theorem1(model("2*z", 0.3, "line"))
    assert check.condition_2_repaired is Verdict.FAILS
    assert "nothing better was found" in check.repaired.summary


def test_m_step_alone_witnesses_the_repaired_condition(absolute_value: Theorem1Check) -> None:
    """The monotone rearrangement is moved by an M-step, so it is no minimum either."""
    repaired = absolute_value.repaired
    assert repaired.smallest.model.name == "monotone"
    assert repaired.stationarity.verdict is Verdict.FAILS
    assert repaired.lowest == "one M-step from monotone"
    assert repaired.margin.lower > 0.0
    # Two decoders are no class that says something.
    assert repaired.verdict is Verdict.INCONCLUSIVE
    members = [repaired.smallest, absolute_value.ground_truth]
    again = check_repaired(members, [], "two", repaired.stationarity, surveyed=True)
    assert again.verdict is Verdict.HOLDS
    bound = repaired.smallest.pmo - repaired.stationarity.m_step_gain
    assert repaired.excess == bound


def test_optimum_of_other_data_is_refused(user_decoder: Theorem1Check) -> None:
    other = model("abs(z)", 0.05, "other")
    optimum = find_optimum(other, SearchSettings(effort=TINY), execution=Execution(jobs=1))
    with pytest.raises(ModelError, match="the optimum is that of other"):
        check_theorem1(user_decoder.ground_truth.model, optimum=optimum, tolerance=1e-2)


def test_bad_input() -> None:
    with pytest.raises(SettingError, match="eta"):
        check_theorem1(benchmark("circle"), eta=[-1.0])
    with pytest.raises(ModelError, match="data dimensions"):
        check_theorem1(benchmark("circle"), [model("z", 0.1)], tolerance=1e-2)
