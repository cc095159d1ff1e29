"""Cells of a table as a file holds them, before missing values and the label are dealt with.

Every format ends here: NaN and an empty word stand for a missing value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from theorycheck.advise._table import DataTable
from theorycheck.arrays import Array
from theorycheck.errors import DataError, nearest

#: What stands for a missing value, in lower case.
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "<null>", "none", "inf", "-inf"})
#: Characters of a bad cell that are shown.
SHOWN = 40
#: Columns with gaps that a refusal names.
_NAMED = 3


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a file.

    Parameters
    ----------
    name : str
    numbers : ndarray
        NaN where a value is missing or no number.
    words : tuple of str
        Every cell as it is written, empty where it is missing; what a label is made of.
    bad : tuple of (int, str)
        Rows, from 1, and cells that are neither numbers nor missing.
    """

    name: str
    numbers: Array
    words: tuple[str, ...]
    bad: tuple[tuple[int, str], ...] = ()


def table_of_columns(
    path: Path, columns: Sequence[Column], label: str | None, *, drop_missing: bool
) -> DataTable:
    """Take the label out, deal with missing values, and check what is left.

    Parameters
    ----------
    path : Path
    columns : sequence of Column
        Of one length.
    label : str or None
    drop_missing : bool
        Whether rows with a missing value are left out; refused otherwise.

    Returns
    -------
    DataTable

    Raises
    ------
    DataError
        One line: a column of words, a missing value, no such label, or no such table.
    """
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: two columns are called '{name}'")
    if label is not None and label not in names:
        raise DataError(f"{path}: there is no column '{label}': {nearest(label, names)}")
    kept = [column for column in columns if column.name != label]
    _refuse_words(path, kept)
    rows = len(columns[0].words) if columns else 0
    x = np.empty((rows, len(kept)))
    for place, column in enumerate(kept):
        x[:, place] = column.numbers
    x[~np.isfinite(x)] = np.nan
    labels = next((column.words for column in columns if column.name == label), ())
    gaps = np.isnan(x)
    unlabelled = np.array([not word for word in labels], dtype=bool)
    looked_at = [(column.name, gaps[:, place]) for place, column in enumerate(kept)]
    if label is not None:
        looked_at.append((label, unlabelled))
    incomplete = np.zeros(rows, dtype=bool)
    for _, missing in looked_at:
        incomplete |= missing
    if incomplete.any() and not drop_missing:
        raise DataError(f"{path}: {_where(looked_at, incomplete)}")
    whole = ~incomplete
    return DataTable(
        path.name, tuple(column.name for column in kept), x[whole], label,
        tuple(word for word, keep in zip(labels, whole, strict=False) if keep),
        int(incomplete.sum()),
    )  # fmt: skip


def _refuse_words(path: Path, columns: Sequence[Column]) -> None:
    bad = [(row, column.name, cell) for column in columns for row, cell in column.bad]
    if not bad:
        return
    row, name, cell = min(bad)
    raise DataError(
        f"{path}: {len(bad)} cell(s) are no numbers, the first '{cell[:SHOWN]}' in row {row} of "
        f"'{name}': leave such columns out, or name one with --label"
    )


def _where(looked_at: Sequence[tuple[str, Array]], incomplete: Array) -> str:
    """Say how many values are missing, in which columns, and what can be done."""
    counts = {name: int(missing.sum()) for name, missing in looked_at if missing.any()}
    most = sorted(counts, key=lambda name: -counts[name])
    listed = ", ".join(f"'{name}' {counts[name]}" for name in most[:_NAMED])
    more = f" and {len(most) - _NAMED} more" if len(most) > _NAMED else ""
    first = int(incomplete.argmax())
    where = next(name for name, missing in looked_at if missing[first])
    return (
        f"{sum(counts.values())} missing value(s) in {int(incomplete.sum())} of "
        f"{len(incomplete)} rows ({listed}{more}), the first in row {first + 1} of '{where}': "
        "--drop-missing leaves these rows out"
    )
