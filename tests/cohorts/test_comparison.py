"""Two methods on the same splits: the corrected resampled t-test, and what it corrects."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from theorycheck.cohorts import paired_difference
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, Kind


def estimates(values: list[float], error: float = 0.0) -> list[Estimate]:
    return [Estimate(value, error) for value in values]


def test_against_the_plain_paired_test() -> None:
    one, other = [1.0, 2.5, 2.0, 4.0], [0.5, 2.0, 2.5, 3.0]
    found = paired_difference(estimates(one), estimates(other), test_share=0.2)
    plain = ttest_rel(one, other).confidence_interval(0.95)
    assert found.kind is Kind.STATISTICAL
    assert found.value == pytest.approx(0.5 * (plain.low + plain.high))
    # 1/P + m/n in place of 1/P.
    widened = math.sqrt((0.25 + 0.25) / 0.25)
    assert found.error == pytest.approx(widened * 0.5 * (plain.high - plain.low))
    with_radii = paired_difference(estimates(one, 0.1), estimates(other, 0.2), test_share=0.2)
    assert with_radii.error == pytest.approx(found.error + 0.3)


def test_it_covers_where_splits_share_rows() -> None:
    """Means of 20 % of 200 rows, five splits: the plain interval is off too often, this is not."""
    rng = np.random.default_rng(0)
    covered = plain = 0
    for _ in range(400):
        rows = rng.standard_normal(200)
        held = [rng.permutation(200)[:40] for _ in range(5)]
        values = [float(rows[h].mean()) for h in held]
        found = paired_difference(estimates(values), estimates([0.0] * 5), test_share=0.2)
        covered += abs(found.value) <= found.error
        bare = found.error * math.sqrt(0.2 / 0.45)
        plain += abs(found.value) <= bare
    assert plain / 400 < 0.87
    assert 0.9 < covered / 400 < 0.99


@pytest.mark.parametrize(
    ("one", "other", "share", "says"),
    [
        ([1.0], [1.0], 0.2, "same two splits or more"),
        ([1.0, 2.0], [1.0], 0.2, "not on 2 and 1"),
        ([1.0, 2.0], [1.0, 2.0], 1.0, "must be in"),
    ],
)
def test_one_line(one: list[float], other: list[float], share: float, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        paired_difference(estimates(one), estimates(other), test_share=share)
