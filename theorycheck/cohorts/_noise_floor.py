"""The smallest noise variance that a table bears, where a decoder's σ² is fitted.

Wherever values occur again and again, a decoder that hits them gains −log σ on each as σ → 0,
without end and without telling more: the likelihood has no maximum, and two models compared by it
are compared by where their training stopped.

For a discrete column with smallest gap Δ between its values the floor is (Δ/2z)², z = 3.09: there,
neighbouring values are told apart in all but one of a thousand draws, Φ(−Δ/2σ) = 1e-3, and a
smaller σ² changes a constant; but it is no more than the column's variance, which a constant f
fits. Of any other column it is (1/100)² of its variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from theorycheck.arrays import PerDimension, Points
from theorycheck.cohorts._cohort import Cohort

#: Share of draws that are nearer to the neighbouring value, at the floor.
_CONFUSED = 1e-3
#: Smallest σ of a continuous column, in its standard deviations.
_FINEST = 0.01
#: Rows for each distinct x, on average, from which all of x counts as discrete.
_ROWS_AN_X = 5
#: Share of rows with one value from which a continuous column is said to have an atom.
_ATOM = 0.1


@dataclass(frozen=True, eq=False)
class NoiseFloor:
    """Where a fitted σ² must stop, in the units of the x that it was asked of, and why.

    Parameters
    ----------
    each : ndarray, shape (D,)
        For a σ² of each column's own.
    shared : float
        For one σ² of all columns.
    reasons : tuple of str
        A sentence for every cause.
    """

    each: PerDimension
    shared: float
    reasons: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Return both floors and the reasons for JSON."""
        return {"each": self.each.tolist(), "shared": self.shared, "reasons": list(self.reasons)}


def noise_floor(cohort: Cohort, x: Points | None = None) -> NoiseFloor:
    """Say where a fitted σ² must stop on a cohort.

    Parameters
    ----------
    cohort : Cohort
        Says what is discrete.
    x : ndarray, shape (n, D), optional
        The same columns in other units, of all rows or some: standardised ones. By default the
        cohort's own.

    Returns
    -------
    NoiseFloor
    """
    points = cohort.x if x is None else x
    each = (_FINEST * points.std(axis=0)) ** 2
    each[each == 0.0] = _FINEST**2  # a constant column is left unscaled by standardising
    reasons = []
    for column in cohort.discrete:
        values = np.unique(points[:, column.column])
        if len(values) > 1:
            gap = float(np.diff(values).min())
            told_apart = (0.5 * gap / float(ndtri(1.0 - _CONFUSED))) ** 2
            variance = float(points[:, column.column].var())
            each[column.column] = min(told_apart, variance)
        reasons.append(f"{column.name} has {len(column.values)} values")
    named = {column.column for column in cohort.discrete}
    for number, name in enumerate(cohort.features):
        value, share = _most_frequent(cohort.x[:, number])
        if number not in named and share >= _ATOM:
            reasons.append(f"{name} is {value:g} in {share:.0%} of the rows")
    atomic = few = cohort.distinct_rows * _ROWS_AN_X <= cohort.size
    if len(cohort.discrete) == cohort.data_dim:
        atomic = True
        reasons.append("every column is discrete")
    if few:
        reasons.append(
            f"only {cohort.distinct_rows:,} distinct x in {cohort.size:,} rows: even with one σ² "
            "for all columns the likelihood has no maximum"
        )
    # One σ² for all: what bounds it from below is the whole x, which is discrete or not.
    shared = float(each.min()) if atomic else _FINEST**2 * float(points.var(axis=0).max())
    return NoiseFloor(each, shared, tuple(reasons))


def _most_frequent(column: PerDimension) -> tuple[float, float]:
    values, counts = np.unique(column, return_counts=True)
    most = int(counts.argmax())
    return float(values[most]), float(counts[most]) / len(column)
