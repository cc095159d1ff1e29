"""Networks on the discrete semi-circle against the predicted optimum of their family.

The best of ten restarts by validation, γ = 1, α = 0, one x in ten labelled, fresh draws, seed 0.
Near means within 0.02 nats of the J that the quick search predicts; J of a network, which is that
of some f_y, is never below an optimum by more than the radius. 3,000 steps take a minute or two.
"""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from neural import LabelSettings, judge_label_run, train_labelled
from theorycheck.estimate import Verdict
from theorycheck.inference import CONDITIONAL, FACTORISED, Family
from theorycheck.models import load_labelled_model
from theorycheck.objectives import LabelledObjective
from theorycheck.optimum import find_labelled_optimum


@pytest.mark.slow
@pytest.mark.parametrize(("family", "collapsed"), [(FACTORISED, True), (CONDITIONAL, False)])
def test_best_of_ten_restarts(family: Family, collapsed: bool) -> None:
    data = load_labelled_model("discrete_semi_circle")
    objective = LabelledObjective(1.0, 0.0, 0.1, family)
    settings = LabelSettings.of("vae", objective, steps=3_000, restarts=10)
    trained = train_labelled(data, settings, device="cpu")
    predicted = find_labelled_optimum(data, objective)
    result = judge_label_run(trained, predicted)
    distance = result.distance
    assert distance is not None
    assert distance.near is Verdict.HOLDS
    assert distance.not_below is not Verdict.FAILS
    # Nor is any other restart: J with its own q is at least its J.
    for own in result.own_excess:
        assert own.value + own.error >= predicted.excess.value - predicted.excess.error
    collapse = result.judged.collapse
    assert (collapse.lower > 0.9) if collapsed else (collapse.upper < 0.1)
