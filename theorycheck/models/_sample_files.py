"""Reads a sample of the data distribution from text, NPY and NPZ files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array
from theorycheck.errors import LoadingError
from theorycheck.models._number_rows import read_rows
from theorycheck.models._text_rows import TEXT_SUFFIXES


def read_sample(path: Path) -> Float64[Array, "*axes"]:
    """Read a sample of x.

    Parameters
    ----------
    path : Path
        A text file (``.csv``, ``.tsv``, ``.txt``, ``.dat``) of one x a row, with or without a
        header row; an ``.npy`` array of shape (n, D); or an ``.npz`` archive with such an array
        ``x``, or with no other array.

    Returns
    -------
    ndarray, shape (n, D)

    Raises
    ------
    LoadingError
        If the file is missing or is not such a sample.
    """
    if not path.is_file():
        raise LoadingError(f"{path}: no such file")
    try:
        if path.suffix.lower() in TEXT_SUFFIXES:
            return read_rows(path)
        if path.suffix.lower() in (".npy", ".npz"):
            return _read_array(path)
    except OSError as error:
        raise LoadingError(f"{path}: cannot be read: {error.strerror or error}") from error
    raise LoadingError(f"{path}: a sample is a .csv, .tsv, .txt, .dat, .npy or .npz file")


def _read_array(path: Path) -> Array:
    try:
        held = np.load(path, allow_pickle=False)
        if isinstance(held, np.lib.npyio.NpzFile):
            with held:
                # The only array of a file is the sample, whatever it is called.
                name = held.files[0] if len(held.files) == 1 else "x"
                if name not in held.files:
                    has = ", ".join(held.files) or "nothing"
                    raise LoadingError(f"{path}: no array x; the file has {has}")
                held = held[name]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LoadingError(f"{path}: not a sample: {reason}") from error
    if held.dtype.kind not in "fiu":
        raise LoadingError(f"{path}: a sample must be real numbers, not dtype {held.dtype}")
    result: Array = held.astype(np.float64)
    return result
