"""Keeps results in a folder by all that they depend on, so that nothing is searched for twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from theorycheck.models import GenerativeModel
    from theorycheck.results._saved import Saved

    Result = TypeVar("Result", bound=Saved)

#: The environment variable that names the folder.
VARIABLE = "THEORYCHECK_CACHE"
#: Bytes that the folder may hold; the results that were used longest ago go first. A quick search's
#: result takes 1 to 20 MB.
_LARGEST = 2 << 30


def user_cache_folder(part: str = "") -> Path:
    """Return the folder in which a kind of file is kept for the user.

    Parameters
    ----------
    part : str
        Name of the kind; by default results.

    Returns
    -------
    Path
        The folder that ``THEORYCHECK_CACHE`` names, for other parts than results one of that name
        in it; without the variable one in the user's cache. It need not exist.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser() / part
    import platformdirs

    return platformdirs.user_cache_path("theorycheck", appauthor=False) / (part or "results")


class ResultCache:
    """Keeps results in a folder, each under a key made of all that it depends on.

    Parameters
    ----------
    directory : Path
        Made when the first result is written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def of_user(cls) -> ResultCache:
        """Return the cache in the folder that ``THEORYCHECK_CACHE`` names, or else the user's."""
        return cls(user_cache_folder())

    @staticmethod
    def key(depends_on: Mapping[str, Any]) -> str:
        """Return the key of a result: a digest of all that it depends on, plain values."""
        text = json.dumps(depends_on, sort_keys=True, allow_nan=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def path(self, schema: str, key: str, suffix: str = ".npz") -> Path:
        """Return where a result of a kind and key is kept."""
        return self.directory / f"{schema}-{key}{suffix}"

    def read(
        self, kind: type[Result], key: str, models: Iterable[GenerativeModel] = ()
    ) -> Result | None:
        """Return a result that is there.

        Parameters
        ----------
        kind : type
            Class of the result.
        key : str
            Digest that :meth:`key` returned.
        models : iterable of GenerativeModel
            The same as in :meth:`theorycheck.results.Saved.load`.

        Returns
        -------
        Saved or None
            The result; None where there is none.

        Raises
        ------
        LoadingError
            If what is there is damaged or of another version.
        """
        path = self.path(kind.schema, key)
        if not path.is_file():
            return None
        found = kind.load(path, models)
        with contextlib.suppress(OSError):  # it was used lately all the same
            os.utime(path)
        return found

    def write(self, result: Saved, key: str) -> None:
        """Keep a result, in place of what was there; an interruption leaves the old one.

        Parameters
        ----------
        result : Saved
            Result to keep.
        key : str
            Digest that :meth:`key` returned.

        Raises
        ------
        SettingError
            If it cannot be written.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise SettingError(f"{self.directory}: cannot be made: {reason}") from error
        path = self.path(result.schema, key)
        result.save(path)
        self._shrink(path)

    def _shrink(self, newest: Path) -> None:
        """Remove the results used longest ago until the folder is no larger than it may be."""
        try:
            files = [(path.stat(), path) for path in self.directory.glob("*.npz")]
            total = sum(status.st_size for status, _ in files)
            for status, path in sorted(files, key=lambda entry: entry[0].st_mtime):
                if total <= _LARGEST or path == newest:
                    continue
                path.unlink(missing_ok=True)
                total -= status.st_size
        except OSError:
            return  # another process was faster
