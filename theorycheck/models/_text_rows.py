"""Rows of cells in a text file, whatever stands between them.

Spreadsheets and programs write tables with commas, semicolons, tabs, bars or blanks between
columns, with decimal points or decimal commas, with quotes, a byte order mark and any line ends.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from theorycheck.errors import LoadingError

#: Endings of file names that are read as text.
TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".dat")
#: What separates columns, in the order in which it is looked for; the last stands for blanks.
_SEPARATORS = (";", "\t", "|", ",", " ")
_NAMES = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas", " ": "blanks"}
#: A number with a decimal comma.
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
#: What can be a number above a thousand as well as one with three decimals.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_BLANK_CELL = re.compile(r'"[^"]*"|\S+')
#: Lines by which the separator of rows with words in them is chosen.
_LOOKED_AT = 50


@dataclass(frozen=True)
class TextRows:
    """The rows of a text file as cells.

    Parameters
    ----------
    separator : str
        What stands between the cells; a blank for any number of blanks.
    lines : tuple of int
        The line of each row in the file, from 1.
    cells : tuple of tuple of str
        The rows, the header among them.
    """

    separator: str
    lines: tuple[int, ...]
    cells: tuple[tuple[str, ...], ...]

    @property
    def separated_by(self) -> str:
        """Return what separates the cells, in words."""
        return _NAMES[self.separator]


def read_text_rows(path: Path) -> TextRows:
    """Read the rows of a text file as cells, numbers and words alike.

    Empty lines and lines that begin with ``#`` are passed over. The separator is that of the first
    line that is all numbers; where every line has a word or a gap, the one that cuts the lines into
    as many cells each, and most of all into numbers.

    Parameters
    ----------
    path : Path
        The file: UTF-8, UTF-16 with a byte order mark, or Windows' 8-bit characters.

    Returns
    -------
    TextRows

    Raises
    ------
    LoadingError
        One line, if the file is no text or has no rows.
    OSError
        If the file cannot be read.
    """
    found = list(_numbered(_decoded(path)))
    if not found:
        raise LoadingError(f"{path}: the table has no rows")
    lines = [text for _, text in found]
    separator = next((s for s in map(_separator_of_numbers, lines) if s is not None), None)
    separator = separator or _separator_of_words(lines)
    return TextRows(
        separator,
        tuple(number for number, _ in found),
        tuple(tuple(cell.strip() for cell in _cells(text, separator)) for text in lines),
    )


def _separator_of_words(lines: Sequence[str]) -> str:
    """Return the separator that makes the most numbers of lines with words in them."""
    sample = lines[:_LOOKED_AT]
    best, most = ",", -1.0
    for separator in _SEPARATORS:
        rows = [_cells(line, separator) for line in sample]
        count, agreeing = Counter(len(row) for row in rows).most_common(1)[0]
        commas = separator != ","
        numbers = sum(
            _number(cell, decimal_commas=commas) is not None for row in rows for cell in row
        )
        # One cell a line is no table of columns, unless nothing else is found.
        score = (1.0 + numbers) * (agreeing / len(rows)) if count > 1 else 0.0
        if score > most:
            best, most = separator, score
    return best


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


def _numbered(text: str) -> Iterator[tuple[int, str]]:
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


def _separator_of_numbers(line: str) -> str | None:
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
class NumberCells:
    """Reads cells, and remembers where each way to write decimals was seen.

    Parameters
    ----------
    path : Path
        The file, for errors.
    separator : str
        What stands between its cells.
    """

    path: Path
    separator: str
    points: tuple[int, str] | None = field(default=None, init=False)
    commas: tuple[int, str] | None = field(default=None, init=False)
    #: Whether some decimal comma cannot be meant to part thousands.
    plain: bool = field(default=False, init=False)

    def read(self, cell: str, line: int) -> float | None:
        """Return the number in a cell, or None.

        Parameters
        ----------
        cell : str
        line : int
            Of the file.

        Returns
        -------
        float or None
        """
        value = _number(cell, decimal_commas=self.separator != ",")
        if value is not None and "." in cell:
            self.points = self.points or (line, cell.strip())
        elif value is not None and "," in cell:
            self.commas = self.commas or (line, cell.strip())
            self.plain |= _THOUSANDS.fullmatch(cell.strip()) is None
        return value

    def check(self) -> None:
        """Refuse a file in which a comma could be a decimal comma or part thousands.

        Raises
        ------
        LoadingError
            One line.
        """
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
