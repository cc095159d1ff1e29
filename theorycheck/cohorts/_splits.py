"""Training and test parts of a cohort, with labels for some of the training part.

Everything is stratified by class: the parts, and the labels observed, have the classes' shares to
within one row. Scales are those of the training part alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from theorycheck.arrays import Array, Flags, Integers, Labels, PerDimension, Points
from theorycheck.cohorts._cohort import Cohort
from theorycheck.cohorts._noise_floor import NoiseFloor, noise_floor
from theorycheck.errors import SettingError
from theorycheck.streams import spawned_seed


@dataclass(frozen=True, eq=False)
class Split:
    """One division of a cohort, x standardised.

    Parameters
    ----------
    cohort : Cohort
    number : int
        Which of the splits of its seed it is.
    x, y : ndarray, shape (n, D) and (n,)
        The training part, with all labels, the hidden ones too.
    observed : ndarray of bool, shape (n,)
        Whose label is observed.
    test_x, test_y : ndarray, shape (m, D) and (m,)
        The held-out part.
    mean, scale : ndarray, shape (D,)
        x = (raw − mean)/scale; the scale of a column that is constant in the training part is 1.
    constant : tuple of str
        Names of such columns.
    floor : NoiseFloor
        Where a fitted σ² must stop, in the units of x.
    """

    cohort: Cohort
    number: int
    x: Points
    y: Labels
    observed: Flags
    test_x: Float64[Array, "m D"]
    test_y: Int64[Integers, " m"]
    mean: PerDimension
    scale: PerDimension
    constant: tuple[str, ...]
    floor: NoiseFloor

    @property
    def prior(self) -> Float64[Array, " C"]:
        """Share of each class among the observed labels, shape (C,)."""
        counts = np.bincount(self.y[self.observed], minlength=len(self.cohort.classes))
        result: Array = counts / counts.sum()
        return result

    def to_dict(self) -> dict[str, object]:
        """Return the sizes of the parts and the floor of σ² for JSON."""
        return {
            "number": self.number,
            "training_rows": len(self.y),
            "labelled_rows": int(self.observed.sum()),
            "test_rows": len(self.test_y),
            "constant_columns": list(self.constant),
            "noise_floor": self.floor.to_dict(),
        }


def split_cohort(
    cohort: Cohort,
    *,
    count: int = 5,
    seed: int = 0,
    test_share: float = 0.2,
    labelled_share: float = 0.1,
) -> tuple[Split, ...]:
    """Divide a cohort several times, independently of each other.

    Parameters
    ----------
    cohort : Cohort
    count : int
        Number of splits.
    seed : int
        Not negative; every split has a stream of its own, so that more splits keep the first.
    test_share : float
        Share of rows held out, in (0, 1).
    labelled_share : float
        Share of training rows with a label, in (0, 1]; each class has one at least.

    Returns
    -------
    tuple of Split

    Raises
    ------
    SettingError
        If a number is out of range, or a class is too small to be in every part.
    """
    _check(cohort, count, seed, test_share, labelled_share)
    return tuple(
        _split(cohort, number, spawned_seed(seed, number), test_share, labelled_share)
        for number in range(count)
    )


def observed_share(splits: Sequence[Split]) -> float:
    """Return the share of training rows whose label is observed, on average over splits."""
    return float(np.mean([split.observed.mean() for split in splits]))


def _check(cohort: Cohort, count: int, seed: int, test: float, labelled: float) -> None:
    if count < 1:
        raise SettingError(f"at least one split is needed, not {count}")
    if seed < 0:
        raise SettingError(f"the seed must not be negative, not {seed}")
    if not 0.0 < test < 1.0:
        raise SettingError(f"the share of test rows must be in (0, 1), not {test}")
    if labelled == 0.0:
        raise SettingError("a labelled share of 0 leaves no label to learn the classes from")
    if not 0.0 < labelled <= 1.0:
        raise SettingError(f"the labelled share must be in (0, 1], not {labelled}")
    smallest = min(cohort.class_counts)
    if min(_apportioned([smallest], test)[0], smallest - _apportioned([smallest], test)[0]) < 1:
        raise SettingError(
            f"{cohort.name}: a class of {smallest} row(s) cannot be in the training and the test "
            "part"
        )


def _split(cohort: Cohort, number: int, seed: int, test: float, labelled: float) -> Split:
    rng = np.random.default_rng(seed)
    held_out = _stratified(cohort.y, test, rng)
    y = cohort.y[~held_out]
    observed = _stratified(y, labelled, rng)
    raw = cohort.x[~held_out]
    mean, scale = raw.mean(axis=0), raw.std(axis=0)
    # The mean of equal numbers can be off by rounding, and so their deviation by as much.
    constant = np.ptp(raw, axis=0) == 0.0
    scale[constant] = 1.0
    x = (raw - mean) / scale
    return Split(
        cohort=cohort,
        number=number,
        x=x,
        y=y,
        observed=observed,
        test_x=(cohort.x[held_out] - mean) / scale,
        test_y=cohort.y[held_out],
        mean=mean,
        scale=scale,
        constant=tuple(n for n, c in zip(cohort.features, constant, strict=True) if c),
        floor=noise_floor(cohort, x),
    )


def _stratified(y: Labels, share: float, rng: np.random.Generator) -> Flags:
    """Choose a share of the rows at random, of each class its share of them."""
    chosen = np.zeros(len(y), dtype=np.bool_)
    members = [np.flatnonzero(y == label) for label in np.unique(y)]
    for own, wanted in zip(members, _apportioned([len(m) for m in members], share), strict=True):
        chosen[rng.permutation(own)[:wanted]] = True
    return chosen


def _apportioned(counts: list[int], share: float) -> list[int]:
    """Divide share·n among classes of given counts by largest remainders, one each at least."""
    exact = np.array(counts) * share
    whole = np.floor(exact + 1e-9).astype(int)
    left = round(sum(counts) * share) - int(whole.sum())
    for label in np.argsort(-(exact - whole), kind="stable")[: max(left, 0)]:
        whole[label] += 1
    return [max(int(one), 1) for one in whole]
