"""Rows of numbers in a text file, whatever stands between them.

Spreadsheets and programs write tables with commas, semicolons, tabs or blanks between columns, with
decimal points or decimal commas, with quotes, a byte order mark and any line ends. What separates
the columns is decided once, by the first line that is all numbers, and told from a decimal comma.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array
from theorycheck.errors import LoadingError

__all__ = ["TEXT_SUFFIXES", "read_rows"]

#: Endings of file names that are read as text.
TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".dat")

#: What separates columns, in the order in which it is looked for; the last stands for blanks.
_SEPARATORS = (";", "\t", ",", " ")
_NAMES = {";": "semicolons", "\t": "tabs", ",": "commas", " ": "blanks"}
#: A number with a decimal comma.
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
#: What can be a number above a thousand as well as one with three decimals.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_BLANK_CELL = re.compile(r'"[^"]*"|\S+')
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
    lines = list(_lines(_decoded(path)))
    separator = next((s for _, text in lines if (s := _separator(text)) is not None), None)
    if separator is None:
        separator = next((s for s in _SEPARATORS if any(s in text for _, text in lines)), ",")
    numbers = _Numbers(path, separator)
    rows: list[list[float]] = []
    for number, text in lines:
        cells = _cells(text, separator)
        row = [numbers.read(cell, number) for cell in cells]
        if not rows and all(entry is None for entry in row):
            continue  # a header
        if None in row:
            bad = cells[row.index(None)].strip()[:_SHOWN]
            raise LoadingError(
                f"{path}: line {number}: '{bad}' is not a number (columns are taken to be "
                f"separated by {_NAMES[separator]})"
            )
        if rows and len(row) != len(rows[0]):
            raise LoadingError(
                f"{path}: line {number} has {len(row)} columns, earlier {len(rows[0])} "
                f"(separated by {_NAMES[separator]})"
            )
        rows.append([entry for entry in row if entry is not None])
    if not rows:
        raise LoadingError(f"{path}: the table has no rows of numbers")
    numbers.check()
    return np.array(rows, dtype=np.float64)


def _decoded(path: Path) -> str:
    raw = path.read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in raw:
        raise LoadingError(f"{path}: not a text file: it holds zero bytes")
    else:
        encoding = "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise LoadingError(f"{path}: not a text file: {error}") from error
    # Spreadsheets on Windows write headers with umlauts so; the numbers are the same.
    return raw.decode("cp1252", errors="replace")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of every line that is neither empty nor a comment."""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        stripped = line.strip(" ")
        if stripped.strip().strip(",;") and not stripped.lstrip().startswith("#"):
            yield number, stripped


def _cells(line: str, separator: str) -> list[str]:
    """Split a line; quotes around a cell are no part of it."""
    if separator == " ":
        return [cell.strip('"') for cell in _BLANK_CELL.findall(line)]
    try:
        (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True)
    except (csv.Error, ValueError):
        return line.split(separator)
    return cells


def _separator(line: str) -> str | None:
    """Return what separates the numbers of a line, or None if it is not all numbers."""
    for separator in _SEPARATORS:
        if separator not in line and separator != " ":
            continue
        cells = _cells(line, separator)
        commas = separator != ","
        if all(_number(cell, decimal_commas=commas) is not None for cell in cells):
            return separator
    return None


def _number(cell: str, *, decimal_commas: bool) -> float | None:
    text = cell.strip().replace("−", "-")
    if decimal_commas and _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None


@dataclass
class _Numbers:
    """Reads cells, and remembers where each way to write decimals was seen."""

    path: Path
    separator: str
    points: tuple[int, str] | None = None
    commas: tuple[int, str] | None = None
    #: Whether some decimal comma cannot be meant to part thousands.
    plain: bool = field(default=False)

    def read(self, cell: str, line: int) -> float | None:
        """Return the number in a cell, or None."""
        value = _number(cell, decimal_commas=self.separator != ",")
        if value is not None and "." in cell:
            self.points = self.points or (line, cell.strip())
        elif value is not None and "," in cell:
            self.commas = self.commas or (line, cell.strip())
            self.plain |= _THOUSANDS.fullmatch(cell.strip()) is None
        return value

    def check(self) -> None:
        """Refuse a file in which a comma could be a decimal comma or part thousands."""
        if self.commas is None:
            return
        line, cell = self.commas
        if self.points is not None:
            other, point = self.points
            raise LoadingError(
                f"{self.path}: line {line} has '{cell}' and line {other} '{point}': decimal commas "
                "and decimal points in one file; write points throughout"
            )
        if not self.plain and self.separator != ";":
            raise LoadingError(
                f"{self.path}: line {line}: '{cell}' may be {cell.replace(',', '.', 1)} or "
                f"{cell.replace(',', '')}; write decimals with a point, thousands without a comma"
            )
