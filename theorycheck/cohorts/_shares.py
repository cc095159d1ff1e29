"""The share of successes among independent tries, with an interval."""

from __future__ import annotations

from scipy.special import betaincinv

from theorycheck.cohorts._comparison import COVERAGE
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, Kind


def share_of(successes: int, tries: int) -> Estimate:
    """Estimate a probability from independent tries, with the 95 % interval of Clopper and Pearson.

    Parameters
    ----------
    successes : int
    tries : int
        One or more.

    Returns
    -------
    Estimate
        The share of successes; statistical. The radius reaches the farther end of the interval.

    Raises
    ------
    SettingError
        If there are no tries, or not from 0 to as many successes.
    """
    if tries < 1 or not 0 <= successes <= tries:
        raise SettingError(f"{successes} successes of {tries} tries are none of 0 to 1 or more")
    share, tail = successes / tries, 0.5 * (1.0 - COVERAGE)
    missed = tries - successes
    low = float(betaincinv(successes, missed + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, missed, 1.0 - tail)) if missed else 1.0
    return Estimate(share, max(share - low, high - share), Kind.STATISTICAL)
