"""What is in a table before anything is fitted: scales, discrete columns, repeated and far rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theorycheck.advise._table import DataTable
from theorycheck.arrays import Labels, Points
from theorycheck.cohorts import Cohort, NoiseFloor, noise_floor

#: Distance from the median, in normal standard deviations by the median deviation, of an outlier.
_FAR = 8.0
_MAD = 1.4826


@dataclass(frozen=True, eq=False)
class TableDescription:
    """What a table is like.

    Parameters
    ----------
    rows : int
    dropped_rows : int
        Rows of the file left out for missing values, beside these.
    columns : tuple of str
        Those that vary: they alone are looked at, each standardised.
    constant : tuple of str
        Columns of one value, left out.
    discrete : tuple of str
        Columns of few values, which have no density.
    duplicate_rows : int
        Rows with the x of an earlier one.
    outliers : tuple of int
        Rows, from 1, with a cell farther than 8 robust standard deviations from the median.
    floor : NoiseFloor
        Where a fitted σ² must stop, in standardised units.
    """

    rows: int
    dropped_rows: int
    columns: tuple[str, ...]
    constant: tuple[str, ...]
    discrete: tuple[str, ...]
    duplicate_rows: int
    outliers: tuple[int, ...]
    floor: NoiseFloor

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {
            "rows": self.rows,
            "dropped_rows": self.dropped_rows,
            "columns": list(self.columns),
            "standardised": True,
            "constant_columns": list(self.constant),
            "discrete_columns": list(self.discrete),
            "duplicate_rows": self.duplicate_rows,
            "outlier_rows": list(self.outliers),
            "noise_floor": self.floor.shared,
            "noise_floor_reasons": list(self.floor.reasons),
        }

    def lines(self) -> list[str]:
        """Return what a user should know, a sentence each."""
        found = [
            f"{self.rows:,} rows of {len(self.columns)} column(s), each standardised (mean 0, "
            "standard deviation 1): σ² and bounds are in these units."
        ]
        if self.dropped_rows:
            found.append(f"{self.dropped_rows:,} row(s) with missing values are left out.")
        if self.constant:
            found.append(f"Left out, for they are constant: {', '.join(self.constant)}.")
        if self.discrete:
            found.append(f"Discrete, so that they have no density: {', '.join(self.discrete)}.")
        if self.duplicate_rows:
            found.append(f"{self.duplicate_rows:,} row(s) repeat another.")
        if self.outliers:
            found.append(
                f"{len(self.outliers):,} row(s) have an outlier, the first is row "
                f"{self.outliers[0]}."
            )
        return found


def standardised(table: DataTable) -> tuple[TableDescription, Points, Cohort]:
    """Describe a table; return its varying columns standardised, and as a cohort.

    Parameters
    ----------
    table : DataTable

    Returns
    -------
    description : TableDescription
    x : ndarray, shape (n, D)
        Mean 0 and standard deviation 1 in each column.
    cohort : Cohort
        The same rows with their labels, in the units of the file.
    """
    varying = table.x.std(axis=0) > 0.0
    raw = np.ascontiguousarray(table.x[:, varying])
    names = tuple(name for name, keep in zip(table.columns, varying, strict=True) if keep)
    y: Labels = np.zeros(len(raw), dtype=np.int64)
    classes: tuple[str, ...] = ("all rows",)
    if table.label is not None:
        values, place = np.unique(np.array(table.labels), return_inverse=True)
        classes, y = tuple(values.tolist()), place.ravel().astype(np.int64)
    cohort = Cohort(table.name, names, classes, raw, y)
    x = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    deviation = np.abs(raw - np.median(raw, axis=0))
    spread = _MAD * np.median(deviation, axis=0)
    # A column that is mostly one value has no robust spread: none of its cells counts as far.
    far = (deviation > _FAR * np.where(spread > 0.0, spread, np.inf)).any(axis=1)
    description = TableDescription(
        rows=len(raw),
        dropped_rows=table.dropped_rows,
        columns=names,
        constant=tuple(n for n, keep in zip(table.columns, varying, strict=True) if not keep),
        discrete=tuple(column.name for column in cohort.discrete),
        duplicate_rows=cohort.duplicate_rows,
        outliers=tuple((np.nonzero(far)[0] + 1).tolist()),
        floor=noise_floor(cohort, x),
    )
    return description, x, cohort
