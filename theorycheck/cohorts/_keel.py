"""Reads the .dat files of the KEEL repository.

They look like ARFF, with ranges behind the types (``integer[16,49]``) and lines for what is input
and output, on which readers of ARFF fail.
"""

from __future__ import annotations

from pathlib import Path

from theorycheck.cohorts._attributes import (
    AttributeTable,
    declared_attribute,
    numbered_lines,
    table_of_rows,
)


def read_keel(path: Path, *, gaps: bool = False) -> AttributeTable:
    """Read a KEEL file of numeric and nominal attributes.

    Every line that begins with ``@`` is header, wherever it stands, and all others are rows;
    ``@inputs`` and ``@outputs`` are passed over.

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
        One line, if the file is missing, no KEEL file, or has missing values (``?``, ``<null>``).
    """
    relation, attributes, rows = path.stem, [], []
    for number, line in numbered_lines(path):
        word = line.split(maxsplit=1)[0].lower()
        if word == "@relation":
            relation = line.partition(" ")[2].strip() or relation
        elif word == "@attribute":
            attributes.append(declared_attribute(line, f"{path}: line {number}"))
        elif not line.startswith("@"):
            rows.append((number, line))
    return table_of_rows(path, relation, attributes, rows, gaps=gaps)
