"""Tables as people have them: read, or refused in one clear line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theorycheck.advise import DataTable, _reading, read_table, standardised
from theorycheck.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))


def written(path: Path, rows: list[list[object]], delimiter: str = ",") -> Path:
    path.write_text("\n".join(delimiter.join(str(c) for c in row) for row in rows) + "\n")
    return path


def rows_with(*more: list[object]) -> list[list[object]]:
    return [["a", "b", "kind"], *([u, v, "yes" if u > 0 else "no"] for u, v in X), *more]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter(tmp_path: Path, delimiter: str) -> None:
    path = written(tmp_path / "t.csv", rows_with(), delimiter)
    table = read_table(path, label="kind")
    assert table.columns == ("a", "b")
    assert np.array_equal(table.x, X)
    assert table.labels == tuple("yes" if u > 0 else "no" for u, _ in X)


def test_without_names(tmp_path: Path) -> None:
    table = read_table(written(tmp_path / "t.csv", [list(row) for row in X]))
    assert table.columns == ("x1", "x2")
    assert table.x.shape == (60, 2)


@pytest.mark.parametrize(
    ("row", "label", "words"),
    [
        (
            [1.0, "much", "no"],
            "kind",
            "1 cell(s) are no numbers, the first 'much' in row 61 of 'b'",
        ),
        ([1.0, "", "no"], "kind", "1 missing value(s), the first in row 61 of 'b'"),
        ([1.0, "NA", "no"], "kind", "1 missing value(s)"),
        ([1.0, 2.0, ""], "kind", "label 'kind' is missing in row 61"),
        ([1.0, 2.0, "maybe"], "kind", "'maybe' in 1 row(s)"),
        ([1.0, 2.0], "kind", "row 61 has 2 cell(s), the header 3"),
        ([1.0, 2.0, "no"], "kinds", "did you mean 'kind'?"),
        ([1.0, 2.0, "no"], None, "61 cell(s) are no numbers, the first 'yes' in row 1"),
    ],
)
def test_bad_cells(tmp_path: Path, row: list[object], label: str | None, words: str) -> None:
    path = written(tmp_path / "t.csv", rows_with(row))
    with pytest.raises(DataError) as caught:
        read_table(path, label=label)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "no.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match="not a text file"):
        read_table(tmp_path / "b.csv")
    (tmp_path / "e.csv").write_text("")
    with pytest.raises(DataError, match="not a table"):
        read_table(tmp_path / "e.csv")
    with pytest.raises(DataError, match="two columns are called 'a'"):
        read_table(written(tmp_path / "d.csv", [["a", "a"], *map(list, X)]))
    path = written(tmp_path / "t.csv", [list(row) for row in X])
    monkeypatch.setattr(_reading, "LARGEST_FILE", 10)
    with pytest.raises(DataError, match="GB"):
        read_table(path)


def test_bad_tables() -> None:
    for x, words in (
        (X[:49], "49 rows"),
        (np.ones((60, 2)), "all 60 rows are equal"),
        (RNG.normal(size=(60, 70)), "60 rows of 70"),
        (np.empty((60, 0)), "no column"),
        (np.full((60, 1), np.nan), "60 cell"),
    ):
        names = tuple(f"x{place}" for place in range(x.shape[1]))
        with pytest.raises(DataError, match=words):
            DataTable("t", names, x)
    with pytest.raises(DataError, match="one value, 'yes'"):
        DataTable("t", ("a", "b"), X, "kind", ("yes",) * 60)


def test_what_is_in_a_table() -> None:
    """A constant, a discrete, a column with an outlier, and a repeated row."""
    columns = [X[:, 0], np.full(60, 3.0), np.repeat([0.0, 1.0], 30), 10.0 + 5.0 * X[:, 1]]
    raw = np.stack(columns, axis=1)
    raw[7, 3] = 4000.0
    raw[1] = raw[0]
    described, x, cohort = standardised(DataTable("t", ("a", "b", "c", "d"), raw))
    assert described.columns == ("a", "c", "d")
    assert described.constant == ("b",)
    assert described.discrete == ("c",)
    assert described.duplicate_rows == 1
    assert described.outliers == (8,)
    assert np.allclose(x.mean(axis=0), 0.0)
    assert np.allclose(x.std(axis=0), 1.0)
    assert cohort.data_dim == 3
    assert any("c has 2 values" in reason for reason in described.floor.reasons)
    told = " ".join(described.lines())
    for word in ("standardised", "constant: b", "density: c", "repeat", "row 8"):
        assert word in told
