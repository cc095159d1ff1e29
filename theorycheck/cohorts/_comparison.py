"""Two methods compared split by split, with a spread that does not take splits for independent.

Splits of one table share rows, so that differences between them spread less than differences
between tables would. The corrected resampled t-test (Nadeau and Bengio, "Inference for the
Generalization Error", Machine Learning 52, 2003) widens the variance of the mean over P splits from
s²/P to (1/P + m/n) s², m held-out rows for n training rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, Kind

#: Probability that the interval covers, if its assumptions hold.
COVERAGE = 0.95


def mean_over_splits(values: Sequence[Estimate], *, test_share: float) -> Estimate:
    """Compute the mean of a measure over splits, with a 95 % interval.

    Parameters
    ----------
    values : sequence of Estimate
        The measure on P splits, two at least.
    test_share : float
        Share of the rows that each split holds out, in (0, 1).

    Returns
    -------
    Estimate
        Statistical; the radius has the largest error radius of a split in it.

    Raises
    ------
    SettingError
        If there are fewer than two splits, or the share is out of range.
    """
    if len(values) < 2:
        raise SettingError(f"a mean over splits needs two or more, not {len(values)}")
    if not 0.0 < test_share < 1.0:
        raise SettingError(f"the share of test rows must be in (0, 1), not {test_share}")
    numbers = np.array([one.value for one in values])
    count = len(numbers)
    inflated = 1.0 / count + test_share / (1.0 - test_share)
    deviation = float(numbers.std(ddof=1)) * math.sqrt(inflated)
    quantile = float(t.ppf(0.5 + 0.5 * COVERAGE, count - 1))
    radius = max(one.error for one in values)
    return Estimate(float(numbers.mean()), quantile * deviation + radius, Kind.STATISTICAL)


def paired_difference(
    one: Sequence[Estimate], other: Sequence[Estimate], *, test_share: float
) -> Estimate:
    """Compute the mean of one − other over splits, with a 95 % interval.

    Parameters
    ----------
    one, other : sequence of Estimate
        A measure of two methods on the same P splits, two at least, in the same order.
    test_share : float
        Share of the rows that each split holds out, in (0, 1).

    Returns
    -------
    Estimate
        Statistical; the radius has the largest error radius of a difference in it.

    Raises
    ------
    SettingError
        If there are fewer than two splits or not as many of both, or the share is out of range.
    """
    if len(one) != len(other) or len(one) < 2:
        raise SettingError(
            f"two methods are compared on the same two splits or more, not on {len(one)} and "
            f"{len(other)}"
        )
    differences = [a - b for a, b in zip(one, other, strict=True)]
    return mean_over_splits(differences, test_share=test_share)
