"""Reads a table from the files that people have: text, npz, parquet, ARFF and KEEL."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from theorycheck.advise._cells import MISSING, Column, table_of_columns
from theorycheck.advise._table import DataTable
from theorycheck.arrays import Array
from theorycheck.cohorts import AttributeTable, read_arff, read_keel
from theorycheck.errors import DataError, LoadingError
from theorycheck.models import NumberCells, read_sample, read_text_rows

#: Largest file that is read, in bytes: a table is read whole.
LARGEST_FILE = 500_000_000


def read_table(path: Path, *, label: str | None = None, drop_missing: bool = False) -> DataTable:
    """Read a table of numbers with named columns, and a label.

    Parameters
    ----------
    path : Path
        By its ending: ``.npy`` or ``.npz`` with an array x of rows and columns (and the label an
        array of its own), ``.parquet`` (needs pandas and pyarrow), ``.arff``; a ``.dat`` file that
        begins with ``@`` is KEEL's. All else is text: columns separated by commas, semicolons,
        tabs, bars or blanks, with a row of names or without.
    label : str, optional
        The column that is a label, of words or numbers.
    drop_missing : bool
        Whether rows with missing values are left out; they are refused otherwise.

    Returns
    -------
    DataTable

    Raises
    ------
    DataError, LoadingError
        One line, if the file is missing, too large or no such table.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise DataError(
                f"{path}: {size / 1e9:.1f} GB; files up to {LARGEST_FILE / 1e9:.1f} GB are read: "
                "give a random part of the rows"
            )
        columns = _columns(path, label)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return table_of_columns(path, columns, label, drop_missing=drop_missing)


def _columns(path: Path, label: str | None) -> list[Column]:
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        return _of_arrays(path, label)
    if suffix in (".parquet", ".pq"):
        return _of_parquet(path)
    if suffix == ".arff":
        return _of_attributes(read_arff(path, gaps=True))
    if suffix == ".dat" and _begins_with_attributes(path):
        return _of_attributes(read_keel(path, gaps=True))
    return _of_text(path)


def _begins_with_attributes(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(200).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"@")


def _of_text(path: Path) -> list[Column]:
    text = read_text_rows(path)
    cells = list(zip(text.lines, text.cells, strict=True))
    reader = NumberCells(path, text.separator)
    first = cells[0][1]
    if all(reader.read(cell, 1) is not None or cell.lower() in MISSING for cell in first):
        names = [f"x{place}" for place in range(1, len(first) + 1)]
    else:
        names = [cell or f"column {place}" for place, cell in enumerate(first, start=1)]
        cells = cells[1:]
    if not cells:
        raise LoadingError(f"{path}: not a table: one line of text")
    for row, (line, found) in enumerate(cells, start=1):
        if len(found) != len(names):
            raise DataError(
                f"{path}: row {row} (line {line}) has {len(found)} cell(s), the first line "
                f"{len(names)} (separated by {text.separated_by})"
            )
    reader = NumberCells(path, text.separator)
    columns = []
    for place, name in enumerate(names):
        words, numbers, bad = [], np.full(len(cells), np.nan), []
        for row, (line, found) in enumerate(cells):
            cell = found[place]
            if cell.lower() in MISSING:
                words.append("")
                continue
            words.append(cell)
            value = reader.read(cell, line)
            if value is None:
                bad.append((row + 1, cell))
            else:
                numbers[row] = value
        columns.append(Column(name, numbers, tuple(words), tuple(bad)))
    if len(columns) == 1 and columns[0].bad:
        raise DataError(
            f"{path}: no columns were found: they are separated by commas, semicolons, tabs, bars "
            f"or blanks, and the first line reads '{' '.join(first)[:40]}'"
        )
    reader.check()
    return columns


def _of_attributes(table: AttributeTable) -> list[Column]:
    columns = []
    for place, attribute in enumerate(table.attributes):
        cells = table.cells[:, place]
        if not attribute.nominal:
            columns.append(Column(attribute.name, cells, _words(cells)))
            continue
        words = tuple("" if np.isnan(cell) else attribute.values[int(cell)] for cell in cells)
        columns.append(_of_words(attribute.name, words))
    return columns


def _of_words(name: str, words: tuple[str, ...]) -> Column:
    """Return a column of words: numbers where all are, such as a nominal {0, 1}."""
    numbers: Array = np.full(len(words), np.nan)
    bad = []
    for row, word in enumerate(words):
        try:
            numbers[row] = float(word) if word else np.nan
        except ValueError:
            bad.append((row + 1, word))
    return Column(name, numbers, words, tuple(bad))


def _of_arrays(path: Path, label: str | None) -> list[Column]:
    x = read_sample(path)
    if x.ndim != 2:
        raise DataError(f"{path}: an array of shape {x.shape}, expected rows and columns")
    columns = [
        Column(f"x{place}", x[:, place - 1], _words(x[:, place - 1]))
        for place in range(1, x.shape[1] + 1)
    ]
    if label is None or path.suffix.lower() != ".npz":
        return columns
    with np.load(path, allow_pickle=False) as held:
        if label in held.files:
            values = held[label]
            if values.shape != (len(x),):
                raise DataError(
                    f"{path}: the label '{label}' has shape {values.shape} for {len(x)} rows"
                )
            columns.append(_of_words(label, tuple(str(value) for value in values.tolist())))
    return columns


def _of_parquet(path: Path) -> list[Column]:
    try:
        import pandas
        import pyarrow
    except ImportError as error:
        raise DataError(
            f"{path}: parquet is read with pandas and pyarrow, and {error.name} is not installed: "
            f"pip install pandas pyarrow"
        ) from None
    try:
        frame = pandas.read_parquet(path)
    except pyarrow.lib.ArrowException as error:
        raise DataError(f"{path}: not a parquet file: {str(error).splitlines()[0]}") from error
    columns = []
    for name in frame.columns:
        held = frame[name]
        missing = held.isna().to_numpy()
        cells = zip(held.tolist(), missing, strict=True)
        words = tuple("" if gap else str(value) for value, gap in cells)
        if pandas.api.types.is_numeric_dtype(held):
            numbers = held.to_numpy(dtype=np.float64, na_value=np.nan)
            columns.append(Column(str(name), numbers, words))
        else:
            bad = tuple((row, word) for row, word in enumerate(words, start=1) if word)
            columns.append(Column(str(name), np.full(len(words), np.nan), words, bad))
    return columns


def _words(cells: Array) -> tuple[str, ...]:
    return tuple("" if np.isnan(cell) else f"{cell:.12g}" for cell in cells)
