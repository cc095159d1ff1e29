"""Brings a published data set onto this machine: with a checksum, whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import io
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from theorycheck.cohorts._sources import Source, source_named
from theorycheck.errors import DataError, SettingError
from theorycheck.files import replace_files
from theorycheck.results import user_cache_folder

#: Opens an address, with a timeout in seconds.
Opener = Callable[[str, float], IO[bytes]]

#: Bytes at most that are taken from an address or out of an archive: the sets have 30 to 120 kB.
_LARGEST = 16 << 20
#: What going wrong on the way is like, and may be otherwise a second later.
_TRANSIENT = (OSError, http.client.HTTPException)
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Fetched:
    """Where a data set is now.

    Parameters
    ----------
    source : Source
    path : Path
        The plain file in the cache.
    origin : str
        The address or file that it was taken from; "cache" where it was there already.
    """

    source: Source
    path: Path
    origin: str

    def to_dict(self) -> dict[str, object]:
        """Return name, file, checksum and origin for JSON."""
        return {
            "name": self.source.name,
            "title": self.source.title,
            "path": str(self.path),
            "sha256": self.source.sha256,
            "origin": self.origin,
        }


def fetch(
    name: str,
    *,
    folder: Path | None = None,
    cache: Path | None = None,
    opener: Opener | None = None,
    attempts: int = 3,
    delay: float = 2.0,
    timeout: float = 30.0,
) -> Fetched:
    """Put a data set into the cache: from its publisher, or from a folder where it is at hand.

    Parameters
    ----------
    name : str
        One of `SOURCES`.
    folder : Path, optional
        Folder that has the plain file; nothing is downloaded then.
    cache : Path, optional
        Folder to keep it in; by default the user's (``THEORYCHECK_CACHE`` names another).
    opener : callable, optional
        Opens an address with a timeout; by default ``urllib.request.urlopen``.
    attempts : int
        Tries of each address.
    delay : float
        Seconds before the second try; twice as many before each further one.
    timeout : float
        Seconds without an answer after which a try is given up.

    Returns
    -------
    Fetched

    Raises
    ------
    SettingError
        If there is no such set, a number is out of range, or the cache cannot be written.
    DataError
        One line, if there is no network, the checksum is wrong, the archive is damaged, or the
        folder has no such file. The cache is as it was before.
    """
    source = source_named(name)
    if attempts < 1 or not (delay >= 0.0 and timeout > 0.0):
        raise SettingError("attempts must be at least 1, delay not negative, timeout positive")
    path = _cached_path(source, cache)
    if folder is not None:
        content, origin = _at_hand(source, folder), str(folder / source.file)
    elif path.is_file() and _digest(path.read_bytes()) == source.sha256:
        return Fetched(source, path, "cache")
    else:
        content, origin = _downloaded(source, opener or _open, attempts, delay, timeout)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_files({path: content})
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror or error}") from error
    return Fetched(source, path, origin)


def located(name: str, *, folder: Path | None = None, cache: Path | None = None) -> Path:
    """Return the plain file of a data set that is on this machine, checked; nothing is downloaded.

    Parameters
    ----------
    name : str
        One of `SOURCES`.
    folder : Path, optional
        Folder that has the plain file; by default the cache.
    cache : Path, optional
        The cache's folder; by default the user's.

    Returns
    -------
    Path

    Raises
    ------
    SettingError
        If there is no such set.
    DataError
        If the file is not there, or not the published one.
    """
    source = source_named(name)
    if folder is not None:
        _at_hand(source, folder)
        return folder / source.file
    path = _cached_path(source, cache)
    if not path.is_file():
        raise DataError(
            f"{name} is not in the cache: run 'theorycheck data fetch {name}', or give --folder, "
            f"a folder with {source.file}"
        )
    if _digest(path.read_bytes()) != source.sha256:
        raise DataError(f"{path}: damaged: run 'theorycheck data fetch {name}' to get it again")
    return path


def _cached_path(source: Source, cache: Path | None) -> Path:
    return (user_cache_folder("data") if cache is None else cache) / source.file


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _at_hand(source: Source, folder: Path) -> bytes:
    path = folder / source.file
    if not path.is_file():
        raise DataError(f"{folder}: has no {source.file}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return _checked(source, content, str(path))


def _checked(source: Source, content: bytes, where: str) -> bytes:
    found = _digest(content)
    if found != source.sha256:
        raise DataError(
            f"{where}: wrong checksum, damaged or not the published {source.file}: SHA-256 "
            f"{found[:16]}… in place of {source.sha256[:16]}…"
        )
    return content


def _downloaded(
    source: Source, opener: Opener, attempts: int, delay: float, timeout: float
) -> tuple[bytes, str]:
    """Try every address; what the last one had to say is what is told."""
    fault = DataError(f"{source.name}: no address")
    for url in source.urls:
        try:
            answer = _answer(url, opener, attempts, delay, timeout)
            return _checked(source, _unpacked(source, answer, url), url), url
        except DataError as error:
            fault = error
    raise DataError(f"{fault}; --folder DIR takes a {source.file} that you have") from fault


def _answer(url: str, opener: Opener, attempts: int, delay: float, timeout: float) -> bytes:
    for attempt in range(attempts):
        if attempt:
            time.sleep(delay * 2.0 ** (attempt - 1))
        try:
            with closing(opener(url, timeout)) as response:
                content = response.read(_LARGEST + 1)
                # A read of at most so many bytes does not say itself that the rest never came.
                if len(content) <= _LARGEST and getattr(response, "length", None):
                    raise http.client.IncompleteRead(content)
        except _TRANSIENT as error:
            reason, final = _reason(error), False
            if isinstance(error, urllib.error.HTTPError):
                error.close()
                final = 400 <= error.code < 500  # it is not there, and will not be
            if final or attempt == attempts - 1:
                raise DataError(f"{url}: cannot be downloaded: {reason}") from error
            continue
        if len(content) > _LARGEST:
            raise DataError(f"{url}: more than {_LARGEST >> 20} MB, not the data set")
        return content
    raise AssertionError("a loop over at least one attempt returns or raises")


def _open(url: str, timeout: float) -> IO[bytes]:
    request = urllib.request.Request(url, headers={"User-Agent": "theorycheck"})
    response: IO[bytes] = urllib.request.urlopen(request, timeout=timeout)
    return response


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return " ".join(str(text).split())


def _unpacked(source: Source, content: bytes, url: str) -> bytes:
    """Return the plain file, out of the archive where the address is of one."""
    if not url.endswith(".zip"):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if Path(entry.filename).name == source.file and entry.file_size <= _LARGEST:
                    return archive.read(entry)
    except _DAMAGED as error:
        raise DataError(f"{url}: the archive is damaged: {error}") from error
    raise DataError(f"{url}: the archive has no {source.file}")
