"""Reads a table of numbers with named columns, one of which may be a label."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from theorycheck.arrays import Array, Points
from theorycheck.errors import DataError, nearest

#: Largest file that is read, in bytes.
LARGEST_FILE = 500_000_000
#: Fewest complete rows of which anything is said.
FEWEST_ROWS = 50
_DELIMITERS = (",", ";", "\t", "|")
#: What stands for a missing value, in lower case.
_MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "inf", "-inf"})
_SHOWN = 40


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

    Raises
    ------
    DataError
        If there is no column, there are fewer than 50 rows or no more rows than columns, or a
        label has one value, or a value of one row.
    """

    name: str
    columns: tuple[str, ...]
    x: Points
    label: str | None = None
    labels: tuple[str, ...] = ()

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
            raise DataError(
                f"{self.name}: {rows} rows of {data_dim} column(s): at least {FEWEST_ROWS}, and "
                "more than columns, are needed to say anything"
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
        if counts.min() < 5:
            rare = values[counts.argmin()]
            raise DataError(
                f"{self.name}: the label '{self.label}' is '{rare}' in {counts.min()} row(s); five "
                "of each value are needed"
            )


def read_table(path: Path, *, label: str | None = None) -> DataTable:
    """Read a text file with a row of names and columns of numbers.

    Parameters
    ----------
    path : Path
        Columns are separated by commas, semicolons, tabs or bars.
    label : str, optional
        The column that is a label, of words or numbers.

    Returns
    -------
    DataTable

    Raises
    ------
    DataError
        One line, if the file is missing, too large or no such table.
    """
    lines = _lines(path)
    delimiter = max(_DELIMITERS, key=lines[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    names, rows = _header(path, rows)
    for number, row in enumerate(rows):
        if len(row) != len(names):
            raise DataError(
                f"{path}: row {number + 1} has {len(row)} cell(s), the header {len(names)} "
                f"(separated by {delimiter!r})"
            )
    if label is not None and label not in names:
        raise DataError(f"{path}: there is no column '{label}': {nearest(label, names)}")
    kept = [place for place, name in enumerate(names) if name != label]
    x = _numbers(path, [names[place] for place in kept], [[row[p] for p in kept] for row in rows])
    labels: tuple[str, ...] = ()
    if label is not None:
        labels = tuple(row[names.index(label)] for row in rows)
        if "" in labels:
            raise DataError(f"{path}: the label '{label}' is missing in row {labels.index('') + 1}")
    return DataTable(path.name, tuple(names[place] for place in kept), x, label, labels)


def _lines(path: Path) -> list[str]:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise DataError(
                f"{path}: {size / 1e9:.1f} GB; files up to {LARGEST_FILE / 1e9:.1f} GB are read: "
                "give a random part of the rows"
            )
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or "\0" in text:
        raise DataError(f"{path}: not a table: {len(lines)} line(s) of text")
    return lines


def _header(path: Path, rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Return the columns' names and the rows below; x1, x2, … where the first row has numbers."""
    first = rows[0]
    if all(_number(cell) is not None or cell.lower() in _MISSING for cell in first):
        return [f"x{place}" for place in range(1, len(first) + 1)], rows
    names = [cell or f"column {place}" for place, cell in enumerate(first, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: two columns are called '{name}'")
    return names, rows[1:]


def _numbers(path: Path, names: list[str], rows: list[list[str]]) -> Array:
    x = np.empty((len(rows), len(names)))
    missing: list[str] = []
    words: list[str] = []
    for number, row in enumerate(rows, start=1):
        for place, cell in enumerate(row):
            value = _number(cell)
            if value is not None:
                x[number - 1, place] = value
            elif cell.lower() in _MISSING:
                missing.append(f"row {number} of '{names[place]}'")
            else:
                words.append(f"'{cell[:_SHOWN]}' in row {number} of '{names[place]}'")
    if words:
        raise DataError(
            f"{path}: {len(words)} cell(s) are no numbers, the first {words[0]}: leave such "
            "columns out, or name one with --label"
        )
    if missing:
        raise DataError(
            f"{path}: {len(missing)} missing value(s), the first in {missing[0]}: only complete "
            "tables are read"
        )
    return x


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
