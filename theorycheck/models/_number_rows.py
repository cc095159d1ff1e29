"""Rows of numbers in a text file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array
from theorycheck.errors import LoadingError
from theorycheck.models._text_rows import NumberCells, read_text_rows

#: Characters of a bad cell that are shown.
_SHOWN = 40


def read_rows(path: Path) -> Float64[Array, "rows columns"]:
    """Read the rows of numbers of a text file.

    Empty lines, lines that begin with ``#`` and headers (lines before the first row, none of whose
    cells is a number) are passed over.

    Parameters
    ----------
    path : Path
        The file: UTF-8, UTF-16 with a byte order mark, or Windows' 8-bit characters.

    Returns
    -------
    ndarray, shape (n, C)
        n >= 1 rows; NaN and infinite entries are left to the caller.

    Raises
    ------
    LoadingError
        One line that names the line of the file, if a cell is no number, a row is longer or shorter
        than the first, decimal points and commas are mixed, or there are no rows.
    OSError
        If the file cannot be read.
    """
    text = read_text_rows(path)
    numbers = NumberCells(path, text.separator)
    rows: list[list[float]] = []
    for number, cells in zip(text.lines, text.cells, strict=True):
        row = [numbers.read(cell, number) for cell in cells]
        if not rows and all(entry is None for entry in row):
            continue  # a header
        if None in row:
            bad = cells[row.index(None)][:_SHOWN]
            raise LoadingError(
                f"{path}: line {number}: '{bad}' is not a number (columns are taken to be "
                f"separated by {text.separated_by})"
            )
        if rows and len(row) != len(rows[0]):
            raise LoadingError(
                f"{path}: line {number} has {len(row)} columns, earlier {len(rows[0])} "
                f"(separated by {text.separated_by})"
            )
        rows.append([entry for entry in row if entry is not None])
    if not rows:
        raise LoadingError(f"{path}: the table has no rows of numbers")
    numbers.check()
    return np.array(rows, dtype=np.float64)
