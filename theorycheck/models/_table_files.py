"""Reading and writing tables of z and f(z): text and NPZ files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.errors import LoadingError
from theorycheck.files import replace_files
from theorycheck.models._decoder import Decoder
from theorycheck.models._grid_table import (
    GridTable,
    checked_grid_table,
    decoder_from_grid_table,
)
from theorycheck.models._number_rows import read_rows
from theorycheck.models._table import Table, checked_table, decoder_from_table
from theorycheck.models._text_rows import TEXT_SUFFIXES

#: Names of the axes of a table on a grid, in files.
GRID_AXES = ("z1", "z2", "z3")


def read_table(path: str | Path, *, kind: str | None = None) -> Table | GridTable:
    """Read a table from a text file (``.csv``, ``.tsv``, ``.txt``, ``.dat``) or an ``.npz`` file.

    A text file has z in its first column and the D dimensions of f in the others, in any order of
    rows, with or without a header row, and commas, semicolons, tabs or blanks between columns
    (:mod:`theorycheck.models._text_rows`); for cells z is the left edge of each, ``-inf`` in the
    first. An NPZ file has arrays ``z`` and ``f``, and optionally ``kind`` (a string) and
    ``noise_variance``; of a table on a grid of two latents ``z1``, ``z2`` and ``f`` (n1, n2, D), of
    three ``z3`` too.

    Parameters
    ----------
    path : path-like
        The file.
    kind : {"linear", "cubic", "cells"}, optional
        How f goes on between the points; by default what the file says, else ``"linear"``.

    Returns
    -------
    Table or GridTable

    Raises
    ------
    LoadingError
        One line, if the file is missing or is not such a table.
    """
    file = Path(path)
    if not file.is_file():
        raise LoadingError(f"{path}: no such file")
    try:
        text = file.suffix.lower() in TEXT_SUFFIXES
        return _read_text(file, kind) if text else _read_npz(file, kind)
    except OSError as error:
        raise LoadingError(f"{path}: cannot be read: {error.strerror or error}") from error


def _read_text(file: Path, kind: str | None) -> Table:
    data = read_rows(file)
    if data.shape[1] < 2:
        raise LoadingError(f"{file}: one column only; z and at least one dimension of f are needed")
    kind = kind or "linear"
    if kind == "cells":
        # A row is a cell, whatever the order of the rows.
        data = data[np.argsort(data[:, 0], kind="stable")]
        if data[0, 0] != -np.inf:
            raise LoadingError(
                f"{file}: in a table of cells z is the left edge, -inf in the first row"
            )
    z, values = data[:, 0], data[:, 1:]
    return checked_table(z[1:] if kind == "cells" else z, values, kind=kind, name=str(file))


def _read_npz(file: Path, kind: str | None) -> Table | GridTable:
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise LoadingError(f"{file}: a single array, not an .npz archive with z and f")
        with archive:
            grid = tuple(name for name in GRID_AXES if name in archive.files)
            on_grid = grid in (GRID_AXES[:2], GRID_AXES)
            axes = grid if on_grid else ("z",)
            missing = [key for key in (*axes, "f") if key not in archive.files]
            if missing:
                has = ", ".join(archive.files) or "nothing"
                raise LoadingError(f"{file}: no array {' or '.join(missing)}; the file has {has}")
            stored = str(archive["kind"].item()) if "kind" in archive.files else "linear"
            noise = archive["noise_variance"] if "noise_variance" in archive.files else None
            latents, values = {axis: archive[axis] for axis in axes}, archive["f"]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LoadingError(f"{file}: not an .npz table: {reason}") from error
    kind, name = kind or stored, str(file)
    if on_grid:
        lines = [latents[axis] for axis in axes]
        return checked_grid_table(lines, values, kind=kind, name=name, noise_variance=noise)
    return checked_table(latents["z"], values, kind=kind, name=name, noise_variance=noise)


def write_table(
    path: str | Path,
    z: ArrayLike,
    values: ArrayLike,
    kind: str,
    noise_variance: ArrayLike | None = None,
) -> None:
    """Write an ``.npz`` table that :func:`read_table` reads; the file is never half written.

    Parameters
    ----------
    path : path-like
        The file to write; overwritten if it exists.
    z, values, kind
        The table, as :func:`decoder_from_table` takes it.
    noise_variance : array_like, optional
        σ².

    Raises
    ------
    LoadingError
        If the table is bad or the file cannot be written.
    """
    file = Path(path)
    table = checked_table(z, values, kind=kind, name=str(path), noise_variance=noise_variance)
    stream = io.BytesIO()
    np.savez(stream, **table_arrays(table))
    try:
        replace_files({file: stream.getvalue()})
    except OSError as error:
        raise LoadingError(f"{path}: cannot be written: {error.strerror or error}") from error


def decoder_of_table(table: Table | GridTable, name: str) -> Decoder:
    """Make f_θ from a table that was read, of one latent or of more.

    Parameters
    ----------
    table : Table or GridTable
        The table, checked.
    name : str
        What reports call the decoder.

    Returns
    -------
    Decoder
    """
    if isinstance(table, GridTable):
        return decoder_from_grid_table(table.axes, table.values, kind=table.kind, name=name)
    return decoder_from_table(table.z, table.values, kind=table.kind, name=name)


def table_arrays(table: Table | GridTable) -> dict[str, Any]:
    """Return the arrays that make an ``.npz`` file one that :func:`read_table` reads.

    Parameters
    ----------
    table : Table or GridTable
        The table to be stored.

    Returns
    -------
    dict of str to ndarray
    """
    arrays: dict[str, Any] = {"f": table.values, "kind": np.array(table.kind)}
    if isinstance(table, GridTable):
        arrays |= dict(zip(GRID_AXES, table.axes, strict=False))
    else:
        arrays["z"] = table.z
    if table.noise_variance is not None:
        arrays["noise_variance"] = table.noise_variance
    return arrays
