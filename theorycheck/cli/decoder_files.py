"""Names the files that ``theorycheck optimum`` writes its result, and its state, to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from theorycheck.models import GenerativeModel
    from theorycheck.optimum import SearchSettings
    from theorycheck.results import ResultCache


def checked_output(path: Path) -> Path:
    """Say before minutes of work, not after, that a result cannot be written.

    Parameters
    ----------
    path : Path
        File to be written; only ``.npz`` is read back, as a result or as a table.

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
        raise SettingError(f"-o {path}: the result is written as an .npz file, name it so")
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


def file_of_bound(bound: float, file: Path, *, several: bool) -> Path:
    """Return where the decoder of one bound on |f′| goes, if there are several."""
    return file.with_stem(f"{file.stem}-steepness-{bound:g}") if several else file


def state_files(
    data: GenerativeModel,
    settings: SearchSettings,
    given: Sequence[GenerativeModel],
    files: Mapping[float, Path | None],
    cache: ResultCache | None,
) -> dict[float, Path]:
    """Return where an interrupted search is kept: beside its result, or else in the cache.

    Parameters
    ----------
    data : GenerativeModel
    settings : SearchSettings
    given : sequence of GenerativeModel
        Decoders that the search starts from.
    files : mapping of float to Path or None
        Files of the results, by Lipschitz bound.
    cache : ResultCache or None

    Returns
    -------
    dict of float to Path
        Files by Lipschitz bound; empty where there is neither.
    """
    from theorycheck.optimum import cache_key

    states: dict[float, Path] = {}
    for bound, path in files.items():
        if path is not None:
            states[bound] = path.with_name(path.name + ".state")
        elif cache is not None:
            try:
                cache.directory.mkdir(parents=True, exist_ok=True)
            except OSError:
                continue  # then there is nothing to go on from
            asked = replace(settings, steepness=bound).resolved(data)
            states[bound] = cache.path("search", cache_key(data, asked, given), ".state")
    return states
