"""Where collapse sets in: bracketed on a pair of lines, known optima are used, the envelope."""

from __future__ import annotations

import math

import pytest

from tests.optimum.test_labelled_search import CROSS, TINY
from theorycheck.errors import SettingError
from theorycheck.inference import CONDITIONAL, FACTORISED
from theorycheck.objectives import LabelledObjective
from theorycheck.optimum import (
    CollapseOnset,
    Execution,
    find_collapse_onset,
    find_labelled_optimum,
)


@pytest.fixture(scope="module")
def onset() -> CollapseOnset:
    return find_collapse_onset(CROSS, FACTORISED, steps=1, effort=TINY, execution=Execution(jobs=1))


def test_the_bracket(onset: CollapseOnset) -> None:
    assert 0.0 < onset.low < onset.high < math.inf
    for one in onset.optima:
        t = one.objective.gamma
        assert (onset.best(t, 0.5).collapse.value > 0.5) == (t <= onset.low)
    low, high = onset.gamma(0.1)
    assert low == pytest.approx(9.0 * onset.low)
    assert high == pytest.approx(9.0 * onset.high)


def test_the_lower_envelope_is_concave_and_its_parts_move_one_way(onset: CollapseOnset) -> None:
    """J/(1−ℓ) is the least of straight lines A + tB; along t, B falls and A rises."""
    at = [onset.best(one.objective.gamma, 0.5) for one in onset.optima]
    labelled = [one.mleo_xy.value + one.pmo_l.value for one in at]
    unlabelled = [one.mleo_x.value + one.pmo_u.value for one in at]
    slack = max(one.excess.error for one in at)
    assert labelled == sorted(labelled, reverse=True)
    assert unlabelled == sorted(unlabelled)
    for low, high in zip(onset.optima[:-1], onset.optima[1:], strict=True):
        a, b = low.objective.gamma, high.objective.gamma
        middle = onset.best(0.5 * (a + b), 0.5).excess.value
        ends = 0.5 * (onset.best(a, 0.5).excess.value + onset.best(b, 0.5).excess.value)
        assert middle >= ends - 2.0 * slack


def test_share_and_gamma_act_as_one(onset: CollapseOnset) -> None:
    """An optimum at another ℓ of the same t is the same f_y, J in proportion to 1 − ℓ."""
    first = onset.optima[0]
    t = first.objective.gamma
    objective = LabelledObjective(9.0 * t, 0.0, 0.1, FACTORISED)
    found = find_labelled_optimum(CROSS, objective, effort=TINY, execution=Execution(jobs=1))
    ratio = found.excess.value / first.excess.value
    assert ratio == pytest.approx(0.9 / 0.5, rel=1e-4)
    assert found.collapse.value == pytest.approx(first.collapse.value, abs=1e-4)
    again = find_collapse_onset(
        CROSS, FACTORISED, steps=0, effort=TINY, known=[found, *onset.optima],
        execution=Execution(jobs=1),
    )  # fmt: skip
    assert (again.low, again.high) == pytest.approx((onset.low, onset.high))


def test_what_is_refused(onset: CollapseOnset) -> None:
    with pytest.raises(SettingError, match="steps must not be negative"):
        find_collapse_onset(CROSS, CONDITIONAL, steps=-1)
    with pytest.raises(SettingError, match="in \\(0, 1\\)"):
        onset.gamma(1.0)
    value = onset.optima[0].value
    with pytest.raises(SettingError, match="one family of q"):
        value.reweighted(LabelledObjective(1.0, 0.0, 0.1, CONDITIONAL))
