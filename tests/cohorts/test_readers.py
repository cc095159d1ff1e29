"""ARFF against scipy's reader, KEEL against plain lines, and one line for whatever is damaged."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.io import arff

from tests.small_cohorts import SHARED, needs_files
from theorycheck.cohorts import read_arff, read_keel
from theorycheck.errors import DataError

ARFF = """% A comment
@RELATION 'two words'

@attribute  age   REAL
@attribute 'blood pressure' numeric
@attribute colour {red, 'dark blue', green}
@attribute count integer
@DATA
% another
1.5, 2e1,red,-3
 -2 ,3,'dark blue', 4
0,0,green,0
"""
KEEL = """@relation small
@attribute Age integer[16,49]
@attribute Children real [0.0,16.0]
@attribute Standard-of-living integer[1,4]
@attribute Method {1,2,3}
@inputs Age, Children, Standard-of-living
@outputs Method
@data
24,3,2,1
45, 10.5, 4, 3
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "file.dat"
    path.write_text(text, encoding="utf-8")
    return path


def test_arff_against_scipy(tmp_path: Path) -> None:
    table = read_arff(write(tmp_path, ARFF))
    # scipy keeps the quotes around a cell, and then does not know the value.
    path = write(tmp_path, ARFF.replace(",'dark blue',", ",dark blue,"))
    np.testing.assert_array_equal(read_arff(path).cells, table.cells)
    data, meta = arff.loadarff(path)
    assert table.relation == "two words"
    assert [a.name for a in table.attributes] == list(meta.names())
    for column, attribute in enumerate(table.attributes):
        values = data[attribute.name]
        if attribute.nominal:
            assert attribute.values == meta[attribute.name][1]
            values = [attribute.values.index(value.decode()) for value in values]
        np.testing.assert_array_equal(table.cells[:, column], np.asarray(values, dtype=float))


@needs_files
def test_the_published_arff_against_scipy() -> None:
    table = read_arff(SHARED / "messidor_features.arff")
    data, _ = arff.loadarff(SHARED / "messidor_features.arff")
    assert table.cells.shape == (1151, 20)
    np.testing.assert_array_equal(table.cells, np.array(data.tolist()))


def test_keel(tmp_path: Path) -> None:
    table = read_keel(write(tmp_path, KEEL))
    assert [a.name for a in table.attributes] == ["Age", "Children", "Standard-of-living", "Method"]
    assert (table.attributes[0].lowest, table.attributes[1].highest) == (16.0, 16.0)
    assert table.attributes[3].values == ("1", "2", "3")
    np.testing.assert_array_equal(table.cells, [[24, 3, 2, 0], [45, 10.5, 4, 2]])
    assert table.index("Children") == 1
    with pytest.raises(DataError, match="did you mean 'Method'"):
        table.index("Methods")
    # scipy does not read it, which is why there is a reader of our own.
    with pytest.raises(arff.ParseArffError):
        arff.loadarff(write(tmp_path, KEEL))


BAD_ROWS = [
    ("24,3,2", "line 9 has 3 cells for 4 attributes"),
    ("24,3,2,1,1", "line 9 has 5 cells for 4 attributes"),
    ("24,?,2,1", r"line 9: 'Children' is missing \('\?'\)"),
    ("24,<null>,2,1", "'Children' is missing"),
    ("24,3,2,?", "'Method' is missing"),
    ("24,,2,1", "'Children' is missing: only"),
    ("24,many,2,1", "'many' for 'Children' is not a number"),
    ("24,nan,2,1", "'Children' is nan"),
    ("24,3,2,4", "'4' is none of the values of 'Method': 1, 2, 3"),
    ("50,3,2,1", r"'Age' is 50, outside of its declared range \[16, 49\]"),
]


@pytest.mark.parametrize(("row", "says"), BAD_ROWS, ids=[says[:25] for _, says in BAD_ROWS])
def test_a_bad_row(tmp_path: Path, row: str, says: str) -> None:
    text = KEEL.replace("24,3,2,1", row)
    with pytest.raises(DataError, match=says) as caught:
        read_keel(write(tmp_path, text))
    assert "\n" not in str(caught.value)
    # The same below @data of an ARFF file.
    with pytest.raises(DataError, match=re.sub("line 9", "line 7", says)):
        read_arff(write(tmp_path, re.sub("@(inputs|outputs).*\n", "", text)))


BAD_ARFF = [
    ("@relation a\n@attribute b real\n1\n", "'1' before @data"),
    ("@relation a\n@attribute b real\n", "no @data line"),
    ("@relation a\n@data\n1\n", "no @attribute line"),
    ("@relation a\n@attribute b real\n@data\n", "no rows"),
    ("@attribute b real\n@attribute b real\n@data\n1,2\n", "the same name"),
    ("@attribute b date\n@data\n1\n", "of type 'date'"),
    ("@attribute b {c,c}\n@data\nc\n", "must be distinct"),
    ("@attribute\n@data\nc\n", "not an @attribute line"),
    ("@attribute b real\n@data\n{0 1}\n", "sparse"),
]


@pytest.mark.parametrize(("text", "says"), BAD_ARFF)
def test_a_bad_arff(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_arff(write(tmp_path, text))


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "file.dat").write_bytes(b"\xff\xfe\x00")
    for read in (read_arff, read_keel):
        with pytest.raises(DataError, match="not a text file"):
            read(tmp_path / "file.dat")
        with pytest.raises(DataError, match="gone: cannot be read: No such file"):
            read(tmp_path / "gone")
