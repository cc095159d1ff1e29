"""A table of numbers with named columns, one of which may be a label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theorycheck.arrays import Points
from theorycheck.errors import DataError

#: Fewest complete rows of which anything is said.
FEWEST_ROWS = 50
#: Fewest rows of a value of the label: fewer cannot be split.
_FEWEST_OF_A_VALUE = 5


@dataclass(frozen=True, eq=False)
class DataTable:
    """Rows of numbers, and a label for each where there is one.

    Parameters
    ----------
    name : str
        What reports call it.
    columns : tuple of str
        Names of the D columns of x.
    x : ndarray, shape (n, D)
        In the units of the file.
    label : str or None
        Name of the label's column.
    labels : tuple of str
        The label of every row; empty without one.
    dropped_rows : int
        Rows of the file left out, for they have missing values.

    Raises
    ------
    DataError
        If there is no column, there are fewer than 50 rows or no more rows than columns, or a
        label has one value, or a value of fewer than five rows.
    """

    name: str
    columns: tuple[str, ...]
    x: Points
    label: str | None = None
    labels: tuple[str, ...] = ()
    dropped_rows: int = 0

    def __post_init__(self) -> None:
        rows, data_dim = self.x.shape
        if data_dim == 0:
            raise DataError(f"{self.name}: no column of numbers beside the label")
        if len(self.columns) != data_dim:
            raise DataError(f"{self.name}: {len(self.columns)} names for {data_dim} columns")
        if not np.isfinite(self.x).all():
            row, column = np.argwhere(~np.isfinite(self.x))[0]
            count = int((~np.isfinite(self.x)).sum())
            raise DataError(
                f"{self.name}: {count} cell(s) are NaN or infinite, the first in row {row + 1} of "
                f"'{self.columns[column]}'"
            )
        if rows < FEWEST_ROWS or rows <= data_dim:
            left_out = f" ({self.dropped_rows} left out)" if self.dropped_rows else ""
            raise DataError(
                f"{self.name}: {rows} rows{left_out} of {data_dim} column(s): at least "
                f"{FEWEST_ROWS}, and more than columns, are needed to say anything"
            )
        if not (self.x.std(axis=0) > 0.0).any():
            raise DataError(f"{self.name}: all {rows} rows are equal")
        self._check_label(rows)

    def _check_label(self, rows: int) -> None:
        if self.label is None:
            return
        if len(self.labels) != rows:
            raise DataError(f"{self.name}: {len(self.labels)} labels for {rows} rows")
        values, counts = np.unique(np.array(self.labels), return_counts=True)
        if len(values) < 2:
            raise DataError(f"{self.name}: the label '{self.label}' has one value, '{values[0]}'")
        if counts.min() < _FEWEST_OF_A_VALUE:
            rare = values[counts.argmin()]
            raise DataError(
                f"{self.name}: the label '{self.label}' is '{rare}' in {counts.min()} row(s); five "
                "of each value are needed"
            )
