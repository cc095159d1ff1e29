"""A cohort: a table of people, x, with an outcome, y; and what in it is no density at all.

A Gaussian decoder has a density in x. A column of few values, or rows that occur again and again,
have none, and the likelihood of them grows without bound as σ² → 0: they are named here, and
`_noise_floor.py` says where σ² must stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Labels, Points
from theorycheck.cohorts._fetching import located
from theorycheck.cohorts._sources import Source, source_named
from theorycheck.errors import DataError

#: Rows for each value, on average, from which a column counts as discrete.
_ROWS_A_VALUE = 20


@dataclass(frozen=True)
class DiscreteColumn:
    """A column of few values.

    Parameters
    ----------
    column : int
        Its number.
    name : str
    values : tuple of float
        Its values, ascending.
    """

    column: int
    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Cohort:
    """A sample of (x, y), y the outcome.

    Parameters
    ----------
    name : str
    features : tuple of str
        Names of the D columns of x.
    classes : tuple of str
        Names of the C outcomes.
    x : ndarray, shape (n, D)
    y : ndarray of int, shape (n,)
        From 0 to C − 1.

    Raises
    ------
    DataError
        If names and columns do not fit, x is not finite, a label is none of 0 … C − 1, or a class
        has no rows.
    """

    name: str
    features: tuple[str, ...]
    classes: tuple[str, ...]
    x: Points
    y: Labels

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or self.x.shape != (len(self.y), len(self.features)):
            raise DataError(
                f"{self.name}: x of shape {self.x.shape} for {len(self.y)} labels and "
                f"{len(self.features)} features"
            )
        if not np.isfinite(self.x).all():
            raise DataError(f"{self.name}: x contains NaN or inf")
        known = np.isin(self.y, np.arange(len(self.classes)))
        if not known.all():
            raise DataError(
                f"{self.name}: label {self.y[~known][0]} is none of 0 to {len(self.classes) - 1}"
            )
        for label, count in enumerate(self.class_counts):
            if count == 0:
                raise DataError(f"{self.name}: class {label} ({self.classes[label]}) has no rows")

    @property
    def size(self) -> int:
        """Number of rows n."""
        return len(self.y)

    @property
    def data_dim(self) -> int:
        """Number of features D."""
        return len(self.features)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Rows of each class."""
        return tuple(np.bincount(self.y, minlength=len(self.classes)).tolist())

    @cached_property
    def discrete(self) -> tuple[DiscreteColumn, ...]:
        """The columns whose values occur in 20 rows or more on average."""
        found = []
        for column, name in enumerate(self.features):
            values = np.unique(self.x[:, column])
            if len(values) * _ROWS_A_VALUE <= self.size:
                found.append(DiscreteColumn(column, name, tuple(values.tolist())))
        return tuple(found)

    @cached_property
    def distinct_rows(self) -> int:
        """How many different x there are."""
        return len(np.unique(self.x, axis=0))

    @property
    def duplicate_rows(self) -> int:
        """How many rows have the x of an earlier row."""
        return self.size - self.distinct_rows

    @cached_property
    def largest_accuracy(self) -> float:
        """The accuracy on these rows that no classifier exceeds: equal x cannot be told apart."""
        _, row = np.unique(self.x, axis=0, return_inverse=True)
        counts = np.zeros((self.distinct_rows, len(self.classes)))
        np.add.at(counts, (row.ravel(), self.y), 1.0)
        return float(counts.max(axis=1).sum() / self.size)

    def to_dict(self) -> dict[str, object]:
        """Return sizes, classes and what is discrete for JSON."""
        return {
            "name": self.name,
            "rows": self.size,
            "features": list(self.features),
            "classes": [
                {"label": label, "name": name, "rows": rows}
                for label, (name, rows) in enumerate(
                    zip(self.classes, self.class_counts, strict=True)
                )
            ],
            "distinct_rows": self.distinct_rows,
            "duplicate_rows": self.duplicate_rows,
            "largest_accuracy": self.largest_accuracy,
            "discrete_columns": [
                {"name": column.name, "values": list(column.values)} for column in self.discrete
            ],
        }


def load_cohort(name: str, *, folder: Path | None = None, cache: Path | None = None) -> Cohort:
    """Read a data set that is on this machine.

    Parameters
    ----------
    name : str
        One of `SOURCES`.
    folder : Path, optional
        Folder that has its plain file; by default the cache, into which :func:`fetch` puts it.
    cache : Path, optional
        The cache's folder; by default the user's.

    Returns
    -------
    Cohort
        x in the units of the file.

    Raises
    ------
    SettingError
        If there is no such set.
    DataError
        If the file is not there, or not the published one.
    """
    return cohort_of_file(source_named(name), located(name, folder=folder, cache=cache))


def cohort_of_file(source: Source, path: Path) -> Cohort:
    """Read the plain file of a source, whatever its checksum.

    Parameters
    ----------
    source : Source
    path : Path

    Returns
    -------
    Cohort

    Raises
    ------
    DataError
        One line, if the file is damaged or does not have what the source says.
    """
    table = source.reader(path)
    outcome = table.index(source.outcome)
    others = [column for column in range(len(table.attributes)) if column != outcome]
    names = source.features or tuple(table.attributes[column].name for column in others)
    y = _labels(table.cells[:, outcome], table.attributes[outcome].values)
    if len(names) != len(others):
        raise DataError(f"{path}: {len(others)} features, expected {len(names)}")
    return Cohort(source.name, names, source.classes, table.cells[:, others].copy(), y)


def _labels(column: Float64[Array, " n"], values: tuple[str, ...]) -> Labels:
    """Return 0 … C − 1: a nominal outcome is so already, numbers are counted in their order."""
    if values:
        return column.astype(np.int64)
    _, label = np.unique(column, return_inverse=True)
    return label.ravel().astype(np.int64)
