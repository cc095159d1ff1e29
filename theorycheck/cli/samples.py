"""Reading a sample of the data distribution: CSV, NPY and NPZ files."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import LoadingError

Array = NDArray[np.float64]


def read_sample(path: Path) -> Array:
    """Read a sample of x.

    Parameters
    ----------
    path : Path
        A ``.csv`` file of one x a row, with or without a header row; an ``.npy`` array of shape
        (n, D); or an ``.npz`` archive with such an array ``x``.

    Returns
    -------
    ndarray, shape (n, D)

    Raises
    ------
    LoadingError
        One line, if the file is missing or is not such a sample.
    """
    if not path.is_file():
        raise LoadingError(f"{path}: no such file")
    try:
        match path.suffix.lower():
            case ".csv" | ".txt":
                return _read_rows(path)
            case ".npy" | ".npz":
                return _read_array(path)
    except OSError as error:
        raise LoadingError(f"{path}: cannot be read: {error.strerror or error}") from error
    raise LoadingError(f"{path}: a sample is a .csv, .npy or .npz file")


def _read_rows(path: Path) -> Array:
    rows: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            for number, cells in enumerate(csv.reader(stream), start=1):
                if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
                    continue
                try:
                    row = [float(cell) for cell in cells]
                except ValueError as error:
                    if rows or number > 1:
                        raise LoadingError(f"{path}: line {number}: {error}") from error
                    continue  # the header
                if rows and len(row) != len(rows[0]):
                    raise LoadingError(
                        f"{path}: line {number} has {len(row)} columns, earlier {len(rows[0])}"
                    )
                rows.append(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise LoadingError(f"{path}: not a CSV text file: {error}") from error
    if not rows:
        raise LoadingError(f"{path}: the sample has no rows of numbers")
    return np.array(rows)


def _read_array(path: Path) -> Array:
    try:
        held = np.load(path, allow_pickle=False)
        if isinstance(held, np.lib.npyio.NpzFile):
            with held:
                if "x" not in held.files:
                    has = ", ".join(held.files) or "nothing"
                    raise LoadingError(f"{path}: no array x; the file has {has}")
                held = held["x"]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LoadingError(f"{path}: not a sample: {reason}") from error
    if held.dtype.kind not in "fiu":
        raise LoadingError(f"{path}: a sample must be real numbers, not dtype {held.dtype}")
    result: Array = held.astype(np.float64)
    return result
