"""Where ``theorycheck optimum`` writes the decoders that it found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck.errors import LoadingError, SettingError

if TYPE_CHECKING:
    from theorycheck.optimum import PredictedOptimum


def checked_output(path: Path) -> Path:
    """Say before minutes of work, not after, that a decoder cannot be written.

    Parameters
    ----------
    path : Path
        Where it is to go; only ``.npz`` is read back as a table.

    Returns
    -------
    Path

    Raises
    ------
    SettingError
        If the name does not end in .npz, or there is no such folder.
    """
    import os

    if path.suffix.lower() != ".npz":
        raise SettingError(f"-o {path}: the decoder is written as an .npz table, name it so")
    try:
        if path.is_dir():
            raise SettingError(f"-o {path}: is a directory")
        if not path.parent.is_dir():
            raise SettingError(f"-o {path}: there is no directory {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise SettingError(f"-o {path}: {path.parent} may not be written")
    except (OSError, ValueError) as error:
        raise SettingError(f"-o {path}: {getattr(error, 'strerror', None) or error}") from error
    return path


def write_decoder(result: PredictedOptimum, path: Path) -> None:
    """Write the decoder found as the table that ``decompose`` reads back."""
    from theorycheck.models import write_table

    try:
        write_table(path, result.cells.z, result.f, "linear", result.model.noise_variance)
    except LoadingError as error:
        raise SettingError(str(error)) from error


def plain_name(name: str) -> str:
    """Return a model's name as part of a file's: an expression has brackets and slashes."""
    return re.sub(r"[^\w.+-]+", "_", name).strip("_.")[:60] or "model"


def file_of_bound(bound: float, file: Path, *, several: bool) -> Path:
    """Return where the decoder of one bound on |f′| goes, if there are several."""
    return file.with_stem(f"{file.stem}-steepness-{bound:g}") if several else file
