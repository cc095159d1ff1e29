"""Downloads against a server of our own and a broken network: whole, right, or one line."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
import urllib.error
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, ClassVar

import pytest

from tests.small_cohorts import SHARED, SMALL, needs_files, small_titanic
from theorycheck.cohorts import SOURCES, fetch, located
from theorycheck.errors import DataError, SettingError


def archive(content: bytes, name: str = "titanic/titanic.dat") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as found:
        found.writestr("readme.txt", "of no use")
        found.writestr(name, content)
    return stream.getvalue()


class Publisher(http.server.BaseHTTPRequestHandler):
    """Serves what the test put there; the first requests may fail."""

    content: ClassVar[dict[str, bytes]] = {}
    failures = 0
    short = False
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        cls = type(self)
        cls.asked.append(self.path)
        if cls.failures:
            cls.failures -= 1
            self.send_error(503)
            return
        if self.path not in cls.content:
            self.send_error(404)
            return
        body = cls.content[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:100] if cls.short else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def publisher() -> Iterator[tuple[str, type[Publisher]]]:
    handler = type("Handler", (Publisher,), {"content": {}, "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def from_server(tmp_path: Path, patch: pytest.MonkeyPatch, url: str, *paths: str) -> Path:
    small_titanic(tmp_path / "files", patch, urls=tuple(url + path for path in paths))
    return tmp_path / "cache"


@pytest.mark.parametrize("path", ["/titanic.zip", "/titanic.dat"])
def test_a_download(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    publisher: tuple[str, type[Publisher]],
    path: str,
) -> None:
    url, server = publisher
    server.content[path] = archive(SMALL) if path.endswith("zip") else SMALL
    server.failures = 2
    cache = from_server(tmp_path, monkeypatch, url, path)
    found = fetch("titanic", cache=cache, delay=0.0)
    assert found.origin == url + path
    assert found.path.read_bytes() == SMALL
    assert server.asked == [path] * 3
    assert [p.name for p in cache.iterdir()] == ["titanic.dat"]
    # A second time nothing is asked for; a damaged file is got again.
    assert fetch("titanic", cache=cache).origin == "cache"
    assert located("titanic", cache=cache) == found.path
    found.path.write_bytes(SMALL[:-1])
    with pytest.raises(DataError, match=r"damaged: run 'theorycheck data fetch titanic'"):
        located("titanic", cache=cache)
    assert fetch("titanic", cache=cache).origin == url + path
    assert found.path.read_bytes() == SMALL


def test_the_second_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, publisher: tuple[str, type[Publisher]]
) -> None:
    url, server = publisher
    server.content["/b.dat"] = SMALL
    cache = from_server(tmp_path, monkeypatch, url, "/a.dat", "/b.dat")
    assert fetch("titanic", cache=cache, delay=0.0).origin == f"{url}/b.dat"
    assert server.asked == ["/a.dat", "/b.dat"]  # what is not there is not asked for again


BAD = [
    ("/titanic.dat", SMALL + b"1\n", "wrong checksum"),
    ("/titanic.zip", archive(SMALL + b"1\n"), "wrong checksum"),
    ("/titanic.zip", archive(SMALL)[:-30], "archive is damaged"),
    ("/titanic.zip", archive(SMALL).replace(archive(SMALL)[140:160], b"x" * 20), "damaged"),
    ("/titanic.zip", archive(SMALL, "other.dat"), "has no titanic.dat"),
    ("/titanic.zip", b"<html>please log in</html>", "archive is damaged"),
    ("/gone.dat", b"", "404|Not Found"),
]


@pytest.mark.parametrize(("path", "content", "says"), BAD)
def test_what_is_served_is_not_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    publisher: tuple[str, type[Publisher]],
    path: str,
    content: bytes,
    says: str,
) -> None:
    url, server = publisher
    if content:
        server.content[path] = content
    cache = from_server(tmp_path, monkeypatch, url, path)
    with pytest.raises(DataError, match=says) as caught:
        fetch("titanic", cache=cache, delay=0.0)
    assert "--folder DIR" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not cache.exists()


def test_an_interrupted_download_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, publisher: tuple[str, type[Publisher]]
) -> None:
    url, server = publisher
    server.content["/titanic.dat"], server.short = SMALL, True
    cache = from_server(tmp_path, monkeypatch, url, "/titanic.dat")
    with pytest.raises(DataError, match=r"IncompleteRead\(100 bytes read\)"):
        fetch("titanic", cache=cache, delay=0.0, attempts=2)
    assert len(server.asked) == 2
    assert not cache.exists()


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    asked: list[tuple[str, float]] = []

    def opener(url: str, timeout: float) -> IO[bytes]:
        asked.append((url, timeout))
        raise urllib.error.URLError(OSError(-2, "Name or service not known"))

    with pytest.raises(DataError, match="Name or service not known; --folder DIR takes a messi"):
        fetch("debrecen", cache=tmp_path / "cache", opener=opener, delay=0.5, timeout=7.0)
    assert [url for url, _ in asked] == [u for u in SOURCES["debrecen"].urls for _ in range(3)]
    assert {timeout for _, timeout in asked} == {7.0}
    assert waited == [0.5, 1.0] * 2
    assert not (tmp_path / "cache").exists()
    with pytest.raises(SettingError, match="attempts"):
        fetch("debrecen", opener=opener, attempts=0)


def test_what_is_too_large(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more than 16 MB"):
        fetch("titanic", cache=tmp_path, opener=lambda *_: io.BytesIO(bytes((16 << 20) + 2)))


def test_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_titanic(tmp_path / "files", monkeypatch)
    cache = tmp_path / "cache"
    with pytest.raises(DataError, match="not in the cache: run 'theorycheck data fetch titanic'"):
        located("titanic", cache=cache)
    assert located("titanic", folder=tmp_path / "files") == tmp_path / "files" / "titanic.dat"
    found = fetch("titanic", folder=tmp_path / "files", cache=cache)
    assert found.path == cache / "titanic.dat"
    assert found.path.read_bytes() == SMALL
    with pytest.raises(DataError, match=r"cache: has no messidor_features\.arff"):
        fetch("debrecen", folder=cache, cache=cache)
    (tmp_path / "files" / "titanic.dat").write_bytes(SMALL.replace(b"0.521", b"0.522", 1))
    with pytest.raises(DataError, match="wrong checksum, damaged or not the published titanic"):
        fetch("titanic", folder=tmp_path / "files", cache=cache)
    assert found.path.read_bytes() == SMALL
    (tmp_path / "file").write_text("")
    (tmp_path / "files" / "titanic.dat").write_bytes(SMALL)
    with pytest.raises(SettingError, match="cannot be written"):
        fetch("titanic", folder=tmp_path / "files", cache=tmp_path / "file" / "cache")


def test_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_titanic(tmp_path / "files", monkeypatch)
    monkeypatch.setenv("THEORYCHECK_CACHE", str(tmp_path / "named"))
    found = fetch("titanic", folder=tmp_path / "files")
    assert found.path == tmp_path / "named" / "data" / "titanic.dat"
    monkeypatch.delenv("THEORYCHECK_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "user")
    assert fetch("titanic", folder=tmp_path / "files").path.parent == tmp_path / "user" / "data"


@needs_files
@pytest.mark.parametrize("name", SOURCES)
def test_the_published_files(name: str) -> None:
    path = located(name, folder=SHARED)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SOURCES[name].sha256
