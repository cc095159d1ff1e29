"""Theorem 1's premise and condition (1): identities, implications, verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Verdict
from theorycheck.models.benchmarks import benchmark
from theorycheck.models.expression import parse_expression
from theorycheck.models.generative import GenerativeModel
from theorycheck.theorems.theorem1 import Theorem1Check, check_theorem1

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
    """J_G − J_f = [P_G(H_G − L_G) − P H − M] + (L_G − L) + P L, MATH.md section 4."""
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
    check = check_theorem1(model("sin(1e7*z)", 0.01, "noise"))
    assert check.premise_verdict is Verdict.INCONCLUSIVE
    assert check.stationarity.verdict is Verdict.INCONCLUSIVE
    assert check.ground_truth_is_minimum is Verdict.INCONCLUSIVE


def test_json_keys(absolute_value: Theorem1Check) -> None:
    keys = {
        "premise",
        "condition_1",
        "condition_2",
        "stationarity",
        "verdict",
        "class_searched",
        "witness",
    }
    assert keys <= absolute_value.to_dict().keys()
    assert "monotone" in absolute_value.summary


def test_bad_input() -> None:
    with pytest.raises(SettingError, match="eta"):
        check_theorem1(benchmark("circle"), eta=[-1.0])
    with pytest.raises(ModelError, match="data dimensions"):
        check_theorem1(benchmark("circle"), [model("z", 0.1)], tolerance=1e-2)
