"""Tables with declared attributes: what the ARFF and the KEEL format have in common.

Both begin with ``@relation``, one ``@attribute`` line a column, then ``@data`` and one row a line
with commas between the cells. They differ in comments and in the lines beside these.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array
from theorycheck.errors import DataError, nearest

#: What stands for a missing value: ARFF's word, KEEL's, and an empty cell.
_MISSING = frozenset({"?", "<null>", ""})
_DECLARATION = re.compile(
    r"""@attribute\s+('[^']*'|"[^"]*"|[^\s{]+)\s*(.*)""", re.IGNORECASE | re.DOTALL
)
#: A type, and in KEEL's files the range of the values.
_NUMERIC = re.compile(r"(numeric|real|integer)\s*(?:\[([^,\]]+),([^,\]]+)\])?", re.IGNORECASE)
#: Characters of a bad line or cell that are shown.
_SHOWN = 40


@dataclass(frozen=True)
class Attribute:
    """A column of a table, as its header declares it.

    Parameters
    ----------
    name : str
    values : tuple of str
        The values of a nominal attribute, in the order of their declaration; empty for numbers.
    lowest, highest : float
        The declared range of a numeric one.
    """

    name: str
    values: tuple[str, ...] = ()
    lowest: float = -math.inf
    highest: float = math.inf

    @property
    def nominal(self) -> bool:
        """Tell whether the attribute has named values rather than numbers."""
        return bool(self.values)


@dataclass(frozen=True, eq=False)
class AttributeTable:
    """Rows of numbers and of nominal values by their index.

    Parameters
    ----------
    relation : str
        Name of the table.
    attributes : tuple of Attribute
        One a column.
    cells : ndarray, shape (n, columns)
        Numbers; of a nominal attribute the index of its value; NaN where missing cells were
        asked for.
    """

    relation: str
    attributes: tuple[Attribute, ...]
    cells: Float64[Array, "n columns"]

    def index(self, name: str) -> int:
        """Return which column an attribute is.

        Parameters
        ----------
        name : str

        Returns
        -------
        int

        Raises
        ------
        DataError
            If there is no such attribute.
        """
        names = [attribute.name for attribute in self.attributes]
        if name not in names:
            raise DataError(
                f"{self.relation}: there is no attribute '{name}': {nearest(name, names)}"
            )
        return names.index(name)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file that are not empty, with their numbers.

    Parameters
    ----------
    path : Path

    Yields
    ------
    number : int
        From 1.
    line : str
        Without blanks at its ends.

    Raises
    ------
    DataError
        If the file is missing, cannot be read or is no text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line.strip()


def declared_attribute(line: str, where: str) -> Attribute:
    """Read an ``@attribute`` line.

    Parameters
    ----------
    line : str
    where : str
        File and line, for the error.

    Returns
    -------
    Attribute

    Raises
    ------
    DataError
        If the line is none, or declares what is neither numeric nor nominal.
    """
    match = _DECLARATION.fullmatch(line)
    if match is None:
        raise DataError(f"{where}: not an @attribute line: {line[:_SHOWN]}")
    name, kind = match[1].strip("'\""), match[2].strip()
    if kind.startswith("{") and kind.endswith("}"):
        values = tuple(_cells(kind[1:-1]))
        if len(set(values)) != len(values) or not all(values):
            raise DataError(f"{where}: the values of '{name}' must be distinct and not empty")
        return Attribute(name, values)
    numeric = _NUMERIC.fullmatch(kind)
    if numeric is None:
        raise DataError(
            f"{where}: attribute '{name}' is of type '{kind[:_SHOWN]}': numeric, real, integer and "
            "{nominal, values} are read"
        )
    if numeric[2] is None:
        return Attribute(name)
    return Attribute(
        name, lowest=_number(numeric[2], name, where), highest=_number(numeric[3], name, where)
    )


def table_of_rows(
    path: Path,
    relation: str,
    attributes: Iterable[Attribute],
    rows: Iterable[tuple[int, str]],
    *,
    gaps: bool = False,
) -> AttributeTable:
    """Read the rows below ``@data``.

    Parameters
    ----------
    path : Path
        The file, for errors.
    relation : str
    attributes : iterable of Attribute
    rows : iterable of (int, str)
        Line numbers and lines.
    gaps : bool
        Whether missing cells are NaN; refused otherwise.

    Returns
    -------
    AttributeTable

    Raises
    ------
    DataError
        One line that names the line of the file, if a cell is missing, no number, none of the
        declared values or outside the declared range, a row has too many or too few cells, or
        there are no rows or no attributes.
    """
    columns = tuple(attributes)
    if not columns:
        raise DataError(f"{path}: no @attribute line before the data")
    if len({column.name for column in columns}) != len(columns):
        raise DataError(f"{path}: two attributes have the same name")
    found = []
    for number, line in rows:
        cells = _cells(line)
        where = f"{path}: line {number}"
        if len(cells) != len(columns):
            raise DataError(f"{where} has {len(cells)} cells for {len(columns)} attributes")
        found.append([_value(c, a, where, gaps=gaps) for c, a in zip(cells, columns, strict=True)])
    if not found:
        raise DataError(f"{path}: no rows of data")
    return AttributeTable(relation, columns, np.array(found))


def _cells(line: str) -> list[str]:
    quote = '"' if line.count('"') > line.count("'") else "'"
    (cells,) = csv.reader([line], quotechar=quote, skipinitialspace=True)
    return [cell.strip() for cell in cells]


def _value(cell: str, attribute: Attribute, where: str, *, gaps: bool) -> float:
    if cell.lower() in _MISSING:
        if gaps:
            return math.nan
        shown = f" ('{cell}')" if cell else ""
        raise DataError(
            f"{where}: '{attribute.name}' is missing{shown}: only complete rows are read"
        )
    if attribute.nominal:
        if cell not in attribute.values:
            known = ", ".join(attribute.values)
            raise DataError(
                f"{where}: '{cell[:_SHOWN]}' is none of the values of '{attribute.name}': {known}"
            )
        return float(attribute.values.index(cell))
    value = _number(cell, attribute.name, where)
    if not attribute.lowest <= value <= attribute.highest:
        raise DataError(
            f"{where}: '{attribute.name}' is {value:g}, outside of its declared range "
            f"[{attribute.lowest:g}, {attribute.highest:g}]"
        )
    return value


def _number(cell: str, name: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise DataError(f"{where}: '{cell[:_SHOWN]}' for '{name}' is not a number") from None
    if not math.isfinite(value):
        raise DataError(f"{where}: '{name}' is {value}")
    return value
