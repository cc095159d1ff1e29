"""Tables of z and f(z): what they mean between the points, and what is wrong with bad ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from theorycheck.errors import LoadingError
from theorycheck.models._table import decoder_from_table
from theorycheck.models._table_files import read_table, write_table

KNOTS = np.array([-2.0, -0.5, 0.25, 1.0, 3.0])
VALUES = np.stack([np.sin(KNOTS), KNOTS**2], axis=-1)


def test_linear() -> None:
    f = decoder_from_table(KNOTS, VALUES, kind="linear", name="t")
    assert np.array_equal(f(KNOTS), VALUES)
    assert f([-0.125])[0] == pytest.approx(VALUES[1:3].mean(axis=0))
    assert np.array_equal(f([-50.0, 50.0]), VALUES[[0, -1]])
    assert f.breakpoints == tuple(KNOTS)


def test_cubic() -> None:
    f = decoder_from_table(KNOTS, VALUES, kind="cubic", name="t")
    z = np.linspace(-2, 3, 50)
    assert f(z) == pytest.approx(CubicSpline(KNOTS, VALUES)(z), abs=1e-14)
    assert f(z)[:, 1] == pytest.approx(z**2, abs=1e-13)
    assert f([-9.0, 9.0]) == pytest.approx(VALUES[[0, -1]])
    assert f.breakpoints == tuple(KNOTS)


def test_cells() -> None:
    f = decoder_from_table(KNOTS[:2], [1.0, 2.0, 3.0], kind="cells", name="t")
    assert f([-9.0, -2.0, -1.0, -0.5, 9.0])[:, 0].tolist() == [1.0, 2.0, 2.0, 3.0, 3.0]
    assert f.breakpoints == (-2.0, -0.5)
    assert decoder_from_table([], [4.0], kind="cells").data_dim == 1


def test_rows_are_sorted() -> None:
    f = decoder_from_table(KNOTS[::-1], VALUES[::-1], kind="linear", name="t")
    assert np.array_equal(f(KNOTS), VALUES)


@pytest.mark.parametrize(
    ("z", "values", "kind", "says"),
    [
        ([0, 1], [1, 2], "spline", "unknown kind"),
        ([0, 0], [1, 2], "linear", "more than once"),
        ([0], [1], "linear", "at least 2 rows"),
        ([0, 1, 2], [1, 2, 3], "cubic", "at least 4 rows"),
        ([0, np.nan], [1, 2], "linear", "NaN"),
        ([0, 1], [1, np.inf], "linear", "NaN or infinite"),
        ([0, 1, 2], [1, 2], "linear", "need 2 latents"),
        ([0, 1], [1, 2], "cells", "need 1 inner cell edges"),
        ([1, 0], [1, 2, 3], "cells", "must ascend"),
        ([0, 1], [[1], [2, 3]], "linear", "numbers in rows"),
        ([0, 1], ["a", "b"], "linear", "numbers"),
        ([[0], [1]], [1, 2], "linear", "shape"),
    ],
)
def test_bad_tables(z: object, values: object, kind: str, says: str) -> None:
    with pytest.raises(LoadingError, match=says):
        decoder_from_table(z, values, kind=kind, name="t")  # type: ignore[arg-type]


@pytest.mark.parametrize("header", ["", "z,f1,f2\n", "# a comment\n\nz , f , g\n", "\ufeffz,f,g\n"])
def test_csv(tmp_path: Path, header: str) -> None:
    rows = "".join(f"{z!r},{a!r},{b!r}\n" for z, (a, b) in zip(KNOTS, VALUES, strict=True))
    file = tmp_path / "t.csv"
    file.write_text(header + rows.replace("np.float64(", "").replace(")", ""), encoding="utf-8")
    table = read_table(file)
    assert (table.kind, table.noise_variance) == ("linear", None)
    assert np.array_equal(table.z, KNOTS)
    assert np.array_equal(table.values, VALUES)


#: The same table as programs and spreadsheets write it: columns, decimals, line ends, encoding.
WRITTEN = {
    "semicolons": ("z;f;g", ";", ".", "\n", "utf-8"),
    "semicolons and decimal commas": ("z;f;g", ";", ",", "\r\n", "utf-8-sig"),
    "tabs": ("z\tf\tg", "\t", ".", "\n", "utf-8"),
    "tabs and decimal commas": ("z\tf\tg", "\t", ",", "\r\n", "utf-8"),
    "blanks": ("# z f g", "  ", ".", "\n", "utf-8"),
    "blanks and decimal commas": ("z f g", "   ", ",", "\n", "utf-8"),
    "commas and blanks": ("z, f, g", ", ", ".", "\r\n", "utf-8"),
    "old line ends": ("z,f,g", ",", ".", "\r", "utf-8"),
    "quoted headers": ('"z, latent";"f (1)";"g"', ";", ".", "\n", "utf-8"),
    "quoted headers, blanks": ('"the latent z" "f" "g"', " ", ".", "\n", "utf-8"),
    "two header lines": ("z,f,g\nnone,mm,mm", ",", ".", "\n", "utf-8"),
    "Windows": ("Größe z;f;g", ";", ",", "\r\n", "cp1252"),
    "UTF-16": ("z\tf\tg", "\t", ",", "\r\n", "utf-16"),
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("quoted", [False, True])
def test_text_as_people_have_it(tmp_path: Path, name: str, quoted: bool) -> None:
    head, separator, decimal, end, encoding = WRITTEN[name]
    lines = [head]
    # Unsorted, too.
    for row in np.column_stack([KNOTS, VALUES])[::-1].tolist():
        cells = [repr(entry).replace(".", decimal) for entry in row]
        lines.append(separator.join(f'"{cell}"' if quoted else cell for cell in cells))
    file = tmp_path / "t.txt"
    file.write_bytes((end.join(lines) + end + end).encode(encoding))
    table = read_table(file)
    assert table.z.tolist() == KNOTS.tolist()
    assert table.values.tolist() == VALUES.tolist()


def test_a_minus_sign_of_typesetters(tmp_path: Path) -> None:
    file = tmp_path / "t.tsv"
    file.write_text("−1\t2\n1\t−3\n", encoding="utf-8")
    assert read_table(file).values[:, 0].tolist() == [2.0, -3.0]


@pytest.mark.parametrize("rows", ["-inf,1\n0,2\n", "0;2\n-inf;1\n"])
def test_csv_of_cells(tmp_path: Path, rows: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(rows)
    table = read_table(file, kind="cells")
    assert (table.z.tolist(), table.values.tolist()) == ([0.0], [[1.0], [2.0]])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no rows"),
        ("z,f\n", "no rows"),
        ("0\n1\n", "one column"),
        ("0,1\n1,2,3\n", "line 2 has 3 columns"),
        ("z,f\n0,1\n1,x\n", "line 3: 'x' is not a number"),
        ("0,1\n,2\n", "line 2"),
        ("0,1\nnan,2\n", "NaN"),
        ("0,1\n0,2\n", "more than once"),
        ("0;1\n1;x\n", r"line 2: 'x' is not a number \(.* separated by semicolons\)"),
        ("0 1\n1\n", r"line 2 has 1 columns, earlier 2 \(separated by blanks\)"),
        ("0;1,5\n1;2.5\n", "line 1 has '1,5' and line 2 '2.5'"),
        ("1,234\t5,678\n9,876\t1\n", "'1,234' may be 1.234 or 1234"),
        ("1.234,5;2\n0;1\n", "line 1: '1.234,5' is not a number"),
        ("z\0f\n", "zero bytes"),
    ],
)
def test_bad_csv(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(content)
    with pytest.raises(LoadingError, match=says) as caught:
        read_table(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["linear", "cubic", "cells"])
@pytest.mark.parametrize("noise", [None, 0.1, [0.1, 0.2]])
def test_npz_round_trip(tmp_path: Path, kind: str, noise: float | list[float] | None) -> None:
    file = tmp_path / "out"
    z = KNOTS[:-1] if kind == "cells" else KNOTS
    file.write_text("an older file")
    write_table(file, z, VALUES, kind, noise)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    table = read_table(file)
    assert table.kind == kind
    assert np.array_equal(table.z, z)
    assert np.array_equal(table.values, VALUES)
    if noise is None:
        assert table.noise_variance is None
    else:
        assert table.noise_variance is not None
        assert table.noise_variance.tolist() == np.atleast_1d(noise).tolist()


def test_a_bad_table_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "t.npz"
    write_table(file, KNOTS, VALUES, "linear")
    before = file.read_bytes()
    with pytest.raises(LoadingError):
        write_table(file, KNOTS, VALUES[:2], "linear")
    assert file.read_bytes() == before
    with pytest.raises(LoadingError, match="cannot be written"):
        write_table(tmp_path / "none" / "t.npz", KNOTS, VALUES, "linear")


def test_bad_npz(tmp_path: Path) -> None:
    file = tmp_path / "t.npz"
    with pytest.raises(LoadingError, match="no such file"):
        read_table(file)
    file.write_bytes(b"not a zip")
    with pytest.raises(LoadingError, match=r"not an \.npz"):
        read_table(file)
    file.write_bytes(b"")
    with pytest.raises(LoadingError, match=r"not an \.npz"):
        read_table(file)
    np.savez(file, z=KNOTS)
    with pytest.raises(LoadingError, match="no array f; the file has z"):
        read_table(file)
    np.savez(file, z=KNOTS, f=np.array([{}] * 5, dtype=object), allow_pickle=True)
    with pytest.raises(LoadingError, match=r"not an \.npz table"):
        read_table(file)
    with file.open("wb") as stream:
        np.save(stream, KNOTS)
    with pytest.raises(LoadingError, match="a single array"):
        read_table(file)
