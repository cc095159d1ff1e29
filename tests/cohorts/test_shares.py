"""The interval of Clopper and Pearson, against its definition by binomial tails."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from theorycheck.cohorts import share_of
from theorycheck.errors import SettingError
from theorycheck.estimate import Kind


@pytest.mark.parametrize(("successes", "tries"), [(0, 78), (1, 78), (3, 6), (5, 6), (6, 6)])
def test_the_interval(successes: int, tries: int) -> None:
    """At the farther end the data are just as unlikely as the level says."""
    found = share_of(successes, tries)
    assert found.kind is Kind.STATISTICAL
    assert found.value == successes / tries
    tails = []
    if successes < tries:
        tails.append(binom.cdf(successes, tries, found.upper) if found.upper < 1.0 else 0.0)
    if successes > 0:
        tails.append(binom.sf(successes - 1, tries, found.lower) if found.lower > 0.0 else 0.0)
    assert max(tails) == pytest.approx(0.025, rel=1e-9)


def test_bad_counts() -> None:
    for successes, tries in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(SettingError, match="successes"):
            share_of(successes, tries)
