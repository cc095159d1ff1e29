"""The cache: found again by content, replaced whole, and never in the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.efforts import TINY
from tests.problems import PROBLEMS
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives import IwaeBound
from theorycheck.optimum import _known as known
from theorycheck.optimum._global_search import Execution, SearchSettings, find_optimum
from theorycheck.optimum._known import cache_key
from theorycheck.optimum._result import PredictedOptimum
from theorycheck.progress import NO_PROGRESS, Advance
from theorycheck.results import ResultCache
from theorycheck.results import _cache as cache
from theorycheck.results import _engine as engine

SETTINGS = SearchSettings(effort=TINY, seed=2)
WAVE = PROBLEMS["wave"].model


class Heard:
    """A reporter that keeps what it is told, and counts the ascents."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.tasks: list[str] = []

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Advance]:
        self.tasks.append(description)
        with NO_PROGRESS.task(description, total) as advance:
            yield advance

    def say(self, text: str) -> None:
        self.lines.append(text)

    @property
    def searched(self) -> bool:
        return "starts" in self.tasks


@pytest.fixture
def store(tmp_path: Path) -> ResultCache:
    return ResultCache(tmp_path / "cache")


def search(
    store: ResultCache,
    data: GenerativeModel = WAVE,
    settings: SearchSettings = SETTINGS,
    **options: object,
) -> tuple[PredictedOptimum, Heard]:
    heard = Heard()
    execution = Execution(cache=store, progress=heard, **options)  # type: ignore[arg-type]
    return find_optimum(data, settings, execution=execution), heard


def only_file(store: ResultCache) -> Path:
    (path,) = store.directory.iterdir()
    return path


def test_nothing_is_searched_for_twice(store: ResultCache) -> None:
    first, heard = search(store)
    assert heard.searched
    assert heard.lines == []
    again, heard = search(store)
    assert not heard.searched
    assert again.to_dict() == first.to_dict()
    assert again.data is WAVE
    (line,) = heard.lines
    assert "is that of an earlier search" in line
    assert "--no-cache" in line


def test_by_content_not_by_name(store: ResultCache) -> None:
    search(store)
    named = GenerativeModel(replace(WAVE.decoder, name="mine"), WAVE.noise_variance)
    found, heard = search(store, named)
    assert not heard.searched
    assert found.data.name == "mine"
    assert found.model.name == "optimum of mine"
    # The same name with another f is another model.
    other = GenerativeModel(parse_expression("sin(2*z)").to_decoder(name="wave"), 0.01)
    found, heard = search(store, other)
    assert heard.searched
    assert found.data.name == WAVE.name


def test_what_the_key_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SETTINGS.resolved(WAVE)
    keys = {
        cache_key(WAVE, settings, []),
        cache_key(WAVE.with_noise_variance(0.02), settings, []),
        cache_key(WAVE.with_resolution(1e-4), settings, []),
        cache_key(WAVE, replace(settings, seed=3), []),
        cache_key(WAVE, replace(settings, effort=replace(TINY, starts=3)), []),
        cache_key(WAVE, replace(settings, objective=IwaeBound(2)), []),
        cache_key(WAVE, replace(settings, fit_noise="shared"), []),
        cache_key(WAVE, replace(settings, steepness=2.0), []),
        cache_key(WAVE, replace(settings, noise_variance=(0.3,)), []),
        cache_key(WAVE, settings, [PROBLEMS["linear_narrow"].model]),
    }
    assert len(keys) == 10
    assert cache_key(WAVE, settings, []) in keys
    # Other code, or another version of NumPy, is another engine.
    monkeypatch.setattr(known, "engine_digest", lambda: "other code")
    assert cache_key(WAVE, settings, []) not in keys


def test_the_engine_is_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine.engine_digest()
    read = Path.read_bytes

    def changed(room: str) -> Callable[[Path], bytes]:
        return lambda path: read(path) + b"#" * (room in path.parts)

    for room, differs in (("optimum", True), ("quadrature", True), ("cli", False)):
        engine.engine_digest.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", changed(room))
            assert (engine.engine_digest() != before) is differs, room
    engine.engine_digest.cache_clear()
    assert engine.engine_digest() == before


@pytest.mark.parametrize("content", [b"", b"PK", b"something else"])
def test_a_damaged_entry_is_one_line_and_a_new_search(store: ResultCache, content: bytes) -> None:
    first, _ = search(store)
    path = only_file(store)
    whole = path.read_bytes()
    path.write_bytes(content or whole[: len(whole) // 2])
    again, heard = search(store)
    assert heard.searched
    assert again.to_dict() == first.to_dict()
    (line,) = heard.lines
    assert "cannot be used" in line
    assert str(path) in line
    # What was found takes its place.
    _, heard = search(store)
    assert not heard.searched


def test_interrupted_while_it_is_written(
    store: ResultCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C leaves the old entry, whole, and nothing beside it."""
    search(store)
    path = only_file(store)
    old = path.read_bytes()
    found = PredictedOptimum.load(path)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for where, step in ((os, "replace"), (Path, "write_bytes")):
        with monkeypatch.context() as patch:
            patch.setattr(where, step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                store.write(found, cache_key(WAVE, SETTINGS.resolved(WAVE), []))
        assert only_file(store).read_bytes() == old


def test_a_cache_that_cannot_be_written_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found, heard = search(ResultCache(tmp_path / "file" / "cache"))
    assert found.excess.value > 0.0
    (line,) = heard.lines
    assert line.startswith("The cache was left as it was")


def test_the_oldest_go_first(store: ResultCache, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = search(store)
    size = only_file(store).stat().st_size
    only_file(store).unlink()
    monkeypatch.setattr(cache, "_LARGEST", 2 * size + size // 2)
    for number, key in enumerate(("a", "b", "c")):
        store.write(found, key)
        os.utime(store.path("optimum", key), (number + 1.0, number + 1.0))
    assert sorted(path.name for path in store.directory.iterdir()) == [
        "optimum-b.npz", "optimum-c.npz",
    ]  # fmt: skip


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("THEORYCHECK_CACHE", str(tmp_path / "mine"))
    assert ResultCache.of_user().directory == tmp_path / "mine"
    monkeypatch.delenv("THEORYCHECK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert ResultCache.of_user().directory.parts[-2:] == ("theorycheck", "results")


def test_optima_handed_over_are_taken(store: ResultCache) -> None:
    first, _ = search(store)
    other = replace(SETTINGS, seed=9, effort=replace(TINY, starts=3))
    found, heard = search(store, settings=other, known={"best.npz": first})
    assert not heard.searched
    assert found.to_dict() == first.to_dict()
    assert heard.lines == ["best.npz: its optimum is taken, of the ELBO, seed 2."]
    # Not for another objective, bound or fit, and not for another model.
    bounded = replace(SETTINGS, steepness=2.0)
    _, heard = search(store, settings=bounded, known={"best.npz": first})
    assert heard.searched
    assert "steepness is not bounded, not 2.0" in heard.lines[0]
    _, heard = search(store, WAVE.with_noise_variance(0.02), known={"best.npz": first})
    assert heard.searched
