"""Reads ARFF, the attribute-relation file format of Weka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from theorycheck.cohorts._attributes import (
    AttributeTable,
    declared_attribute,
    numbered_lines,
    table_of_rows,
)
from theorycheck.errors import DataError


def read_arff(path: Path, *, gaps: bool = False) -> AttributeTable:
    """Read an ARFF file of numeric and nominal attributes.

    Lines that begin with ``%`` are comments. Strings, dates, weights and sparse rows are refused.

    Parameters
    ----------
    path : Path
    gaps : bool
        Whether missing cells are NaN; refused otherwise.

    Returns
    -------
    AttributeTable

    Raises
    ------
    DataError
        One line, if the file is missing, no ARFF file, or has missing values (``?``).
    """
    relation, attributes = path.stem, []
    lines = ((n, line) for n, line in numbered_lines(path) if not line.startswith("%"))
    for number, line in lines:
        where, word = f"{path}: line {number}", line.split(maxsplit=1)[0].lower()
        if word == "@relation":
            relation = line.partition(" ")[2].strip().strip("'\"") or relation
        elif word == "@attribute":
            attributes.append(declared_attribute(line, where))
        elif word == "@data":
            return table_of_rows(path, relation, attributes, _dense(lines, path), gaps=gaps)
        else:
            raise DataError(f"{where}: '{word[:40]}' before @data: not an ARFF file")
    raise DataError(f"{path}: no @data line: not an ARFF file")


def _dense(lines: Iterator[tuple[int, str]], path: Path) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        if line.startswith("{"):
            raise DataError(f"{path}: line {number}: sparse rows are not read")
        yield number, line
