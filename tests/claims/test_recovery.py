"""The scale of "recovers" and "poorly": its two ends, what lies between, and the radius."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.claims._recovery import (
    POOR,
    RECOVERED,
    SCALE,
    as_well_as,
    in_words,
    poorly,
    recovers,
)
from theorycheck.estimate import Estimate, Verdict

SHARES = st.floats(0.0, 1.0)
RADII = st.floats(0.0, 0.2)


@pytest.mark.parametrize(
    ("value", "error", "verdict", "word"),
    [
        (0.0, 0.0, Verdict.HOLDS, "recovered"),
        (0.0199, 0.00005, Verdict.HOLDS, "recovered"),
        (0.0199, 0.0002, Verdict.INCONCLUSIVE, "neither"),
        (0.02, 0.0, Verdict.INCONCLUSIVE, "neither"),
        (0.035, 0.0, Verdict.INCONCLUSIVE, "neither"),
        (0.05, 0.0, Verdict.INCONCLUSIVE, "neither"),
        (0.0501, 0.0002, Verdict.INCONCLUSIVE, "neither"),
        (0.0501, 0.00005, Verdict.FAILS, "poor"),
        (0.9, math.inf, Verdict.INCONCLUSIVE, "neither"),
    ],
)
def test_the_scale(value: float, error: float, verdict: Verdict, word: str) -> None:
    share = Estimate(value, error)
    assert recovers(share) is verdict
    assert poorly(share) is ~verdict
    assert in_words(share) == word


@given(SHARES, RADII)
def test_a_verdict_holds_for_every_share_within_the_radius(value: float, error: float) -> None:
    share = Estimate(value, error)
    if recovers(share) is Verdict.HOLDS:
        assert value + error < RECOVERED
    elif recovers(share) is Verdict.FAILS:
        assert value - error > POOR
    else:
        # Some share within the radius is not recovered, and some is not poor.
        assert value + error >= RECOVERED
        assert value - error <= POOR


@given(SHARES, SHARES, RADII)
def test_as_well_is_the_scale_of_a_difference(one: float, other: float, error: float) -> None:
    first, second = Estimate(one, error), Estimate(other, error)
    assert as_well_as(first, second) is recovers(Estimate(one - other, 2.0 * error))
    # What recovers p(x) learns it as well as anything.
    if one + 2.0 * error < RECOVERED:
        assert as_well_as(first, Estimate(other, 0.0)) is Verdict.HOLDS


def test_the_words_of_the_notes_are_the_thresholds() -> None:
    assert f"less than {100 * RECOVERED:.0f}%" in SCALE
    assert f"more than {100 * POOR:.0f}%" in SCALE
