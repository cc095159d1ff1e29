"""Tables as people have them: read, or refused in one clear line."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.small_cohorts import SHARED, needs_files
from theorycheck.advise import DataTable, _reading, read_table, standardised
from theorycheck.errors import DataError, TheorycheckError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))


def written(path: Path, rows: list[list[object]], delimiter: str = ",") -> Path:
    path.write_text("\n".join(delimiter.join(str(c) for c in row) for row in rows) + "\n")
    return path


def rows_with(*more: list[object]) -> list[list[object]]:
    return [["a", "b", "kind"], *([u, v, "yes" if u > 0 else "no"] for u, v in X), *more]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
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
        (
            [1.0, "", "no"],
            "kind",
            "1 missing value(s) in 1 of 61 rows ('b' 1), the first in row 61 of 'b': "
            "--drop-missing leaves",
        ),
        (["?", "NA", "no"], "kind", "2 missing value(s) in 1 of 61 rows ('a' 1, 'b' 1)"),
        ([1.0, 2.0, ""], "kind", "('kind' 1), the first in row 61 of 'kind'"),
        ([1.0, 2.0, "maybe"], "kind", "'maybe' in 1 row(s)"),
        (
            [1.0, 2.0],
            "kind",
            "row 61 (line 62) has 2 cell(s), the first line 3 (separated by commas)",
        ),
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
    """One line each; a file is refused by its size before it is opened."""
    rows = [list(row) for row in X]
    (tmp_path / "b.csv").write_bytes(b"\0\x01\x02")
    (tmp_path / "e.csv").write_text("")
    (tmp_path / "o.csv").write_text("a,b\n")
    written(tmp_path / "d.csv", [["a", "a"], *rows])
    written(tmp_path / "w.csv", [["a", "b"], *rows], delimiter="^")
    np.save(tmp_path / "one.npy", X[:, 0])
    (tmp_path / "t.arff").write_text("a,b\n1,2\n")
    for name, words in (
        ("no.csv", "cannot be read: No such file"),
        ("b.csv", "not a text file"),
        ("e.csv", "the table has no rows"),
        ("o.csv", "not a table: one line"),
        ("d.csv", "two columns are called 'a'"),
        ("w.csv", "no columns were found: they are separated by commas, semicolons"),
        ("one.npy", "an array of shape (60,)"),
        ("t.arff", "not an ARFF file"),
    ):
        with pytest.raises(TheorycheckError) as caught:
            read_table(tmp_path / name)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(_reading, "LARGEST_FILE", 10)
    monkeypatch.setattr(_reading, "_columns", None)
    with pytest.raises(DataError, match="give a random part of the rows"):
        read_table(tmp_path / "d.csv")


def test_missing_values_are_left_out_when_asked(tmp_path: Path) -> None:
    more: list[list[object]] = [[1.0, "", "no"], ["?", "NA", "no"], [3.0, 4.0, ""], [5, 6, "yes"]]
    table = read_table(written(tmp_path / "t.csv", rows_with(*more)), label="kind",
                       drop_missing=True)  # fmt: skip
    assert table.dropped_rows == 3
    assert np.array_equal(table.x, np.concatenate([X, [[5.0, 6.0]]]))
    assert len(table.labels) == 61
    described, _, _ = standardised(table)
    assert "3 row(s) with missing values are left out." in described.lines()
    few = written(tmp_path / "f.csv", [["a", "b"], *([u, ""] for u, _ in X)])
    with pytest.raises(DataError, match=r"0 rows \(60 left out\)"):
        read_table(few, drop_missing=True)


def test_decimal_commas_and_quotes(tmp_path: Path) -> None:
    """A European spreadsheet: semicolons, decimal commas, a quoted name, a byte order mark."""
    lines = ['"Höhe; m";b;kind', *(f'{u:.6f};{v:.6f};"a, b"'.replace(".", ",") for u, v in X)]
    lines[1:4] = [line.replace("a, b", "c") for line in lines[1:4]]
    lines += [f"{k},5;{k},25;c" for k in range(4)]
    path = tmp_path / "t.csv"
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    table = read_table(path, label="kind")
    assert table.columns == ("Höhe; m", "b")
    assert np.allclose(table.x[:60], X, atol=1e-6)
    assert table.x[-1].tolist() == [3.5, 3.25]
    assert set(table.labels) == {"a, b", "c"}


def test_arrays(tmp_path: Path) -> None:
    kinds = np.where(X[:, 0] > 0.0, "yes", "no")
    np.savez(tmp_path / "t.npz", x=X, kind=kinds, code=(X[:, 1] > 0.0).astype(int))
    table = read_table(tmp_path / "t.npz", label="kind")
    assert table.columns == ("x1", "x2")
    assert table.labels == tuple(kinds)
    assert set(read_table(tmp_path / "t.npz", label="code").labels) == {"0", "1"}
    np.save(tmp_path / "t.npy", X)
    assert np.array_equal(read_table(tmp_path / "t.npy").x, X)
    with pytest.raises(DataError, match="no column 'kind'"):
        read_table(tmp_path / "t.npy", label="kind")
    with pytest.raises(DataError, match="no column 'kinds'"):
        read_table(tmp_path / "t.npz", label="kinds")
    np.savez(tmp_path / "s.npz", x=X, kind=kinds[:5])
    with pytest.raises(DataError, match=r"shape \(5,\) for 60 rows"):
        read_table(tmp_path / "s.npz", label="kind")
    gap = X.copy()
    gap[3, 1] = np.nan
    np.save(tmp_path / "g.npy", gap)
    with pytest.raises(DataError, match="first in row 4 of 'x2'"):
        read_table(tmp_path / "g.npy")
    assert read_table(tmp_path / "g.npy", drop_missing=True).dropped_rows == 1


ATTRIBUTES = "@relation t\n@attribute a real\n@attribute b real\n@attribute kind {yes,no}\n"


@pytest.mark.parametrize(("name", "more"), [("t.arff", ""), ("t.dat", "@inputs a, b\n")])
def test_declared_attributes(tmp_path: Path, name: str, more: str) -> None:
    rows = [f"{u},{v},{'yes' if u > 0 else 'no'}" for u, v in X]
    path = tmp_path / name
    path.write_text(ATTRIBUTES + more + "@data\n" + "\n".join([*rows, "1,?,no"]) + "\n")
    with pytest.raises(DataError, match="first in row 61 of 'b': --drop-missing"):
        read_table(path, label="kind")
    table = read_table(path, label="kind", drop_missing=True)
    assert np.array_equal(table.x, X)
    assert table.labels == tuple("yes" if u > 0 else "no" for u, _ in X)
    with pytest.raises(DataError, match=r"the first '(yes|no)' in row 1 of 'kind'"):
        read_table(path, drop_missing=True)


@needs_files
@pytest.mark.parametrize(
    ("name", "label", "shape"),
    [
        ("messidor_features.arff", "19", (1151, 19)),
        ("contraceptive.dat", "Contraceptive_method", (1473, 9)),
        ("titanic.dat", "Survived", (2201, 3)),
    ],
)
def test_published_tables(name: str, label: str, shape: tuple[int, int]) -> None:
    table = read_table(SHARED / name, label=label)
    assert table.x.shape == shape
    assert len(table.labels) == shape[0]


def test_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    kinds = np.where(X[:, 0] > 0.0, "yes", "no")
    frame = pandas.DataFrame({"a": X[:, 0], "n": np.arange(60), "kind": kinds})
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", label="kind")
    assert table.columns == ("a", "n")
    assert np.array_equal(table.x, np.stack([X[:, 0], np.arange(60.0)], axis=1))
    frame.loc[7, "a"] = None
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="first in row 8 of 'a'"):
        read_table(tmp_path / "t.parquet", label="kind")
    with pytest.raises(DataError, match=r"the first '(no|yes)' in row 1 of 'kind'"):
        read_table(tmp_path / "t.parquet")
    (tmp_path / "b.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="not a parquet file"):
        read_table(tmp_path / "b.parquet")


def test_parquet_without_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.parquet").write_text("")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(DataError, match="pandas and pyarrow, and pandas is not installed"):
        read_table(tmp_path / "t.parquet")


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
