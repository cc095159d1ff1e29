"""Writes and reads the file of a result, an ``.npz`` with a JSON head; nothing in it is run."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import LoadingError, SettingError
from theorycheck.files import replace_files

#: The array that holds the text of the head.
HEAD = "head"
#: What reading a file that is damaged, or no archive, may raise.
_DAMAGE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    # What zipfile says of a flag or version that damage has set: encrypted, not supported.
    RuntimeError,
    MemoryError,
)


def write_archive(path: Path, head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a result file, whole or not at all.

    Parameters
    ----------
    path : Path
        Replaced in one step if it exists.
    head : mapping
        Plain values, no NaN or infinity among them.
    arrays : mapping of str to ndarray
        Arrays by name; arrays of objects are refused.

    Raises
    ------
    SettingError
        If the file cannot be written.
    """
    text = json.dumps(head, allow_nan=False, ensure_ascii=False)
    stream = io.BytesIO()
    content: dict[str, Any] = {HEAD: np.array(text), **arrays}
    np.savez(stream, allow_pickle=False, **content)
    try:
        replace_files({path: stream.getvalue()})
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror or error}") from error


def read_archive(path: Path) -> tuple[str, dict[str, NDArray[Any]]]:
    """Read the head's text and the arrays of a result file.

    Parameters
    ----------
    path : Path
        File that :func:`write_archive` wrote.

    Returns
    -------
    head : str
    arrays : dict of str to ndarray

    Raises
    ------
    LoadingError
        If there is no such file or it is damaged or no result file.
    """
    if not path.is_file():
        raise LoadingError(f"{path}: no such file")
    try:
        # np.load would leave a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            if HEAD not in archive.files:
                raise LoadingError(f"{path}: not a result file of theorycheck")
            arrays = {name: archive[name] for name in archive.files}
    except OSError as error:
        raise LoadingError(f"{path}: cannot be read: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise LoadingError(f"{path}: damaged, or not a result file of theorycheck") from error
    return str(arrays.pop(HEAD).item()), arrays
