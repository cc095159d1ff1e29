"""``theorycheck data``: what it prints, and one line for what goes wrong, with nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.small_cohorts import SMALL, small_titanic
from theorycheck.cli import main

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THEORYCHECK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("time.sleep", lambda _: None)
    small_titanic(tmp_path / "files", monkeypatch)


def test_fetch_and_show(capsys: Output) -> None:
    assert main(["data", "fetch", "titanic", "--folder", "files"]) == 0
    told = capsys.readouterr().out
    assert "Taken from files/titanic.dat; the checksum is that" in told
    assert Path("cache/data/titanic.dat").read_bytes() == SMALL
    assert main(["data", "fetch", "titanic"]) == 0
    assert "It was there already" in capsys.readouterr().out
    assert main(["data", "show", "titanic", "--baseline"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for words in (
        "titanic: 120 rows, 3 features",
        "0: died",
        "5 split(s), each: 96 training rows, 10 of them with a label, and 24 test rows.",
        "Class has 3 values",
        "distinct x in 120 rows: even with one σ² for all columns the likelihood has no maximum",
        "hold σ² at",
        "Logistic regression on the labelled rows: balanced accuracy 0.",
    ):
        assert words in told, words


def test_another_cache(capsys: Output) -> None:
    assert main(["data", "fetch", "titanic", "--folder", "files", "--cache", "here"]) == 0
    assert Path("here/titanic.dat").read_bytes() == SMALL
    capsys.readouterr()
    line = ["data", "show", "titanic", "--cache", "here", "--splits", "3", "--seed", "2", "--json"]
    assert main(line) == 0
    entry = json.loads(capsys.readouterr().out)
    assert [split["number"] for split in entry["splits"]] == [0, 1, 2]
    assert entry["baseline"] is None
    assert entry["rows"] == 120


def test_the_group_alone_is_its_help(capsys: Output) -> None:
    assert main(["data"]) == 0
    assert "fetch" in capsys.readouterr().out


BAD = [
    (["fetch", "titanc"], "there is no data set 'titanc': did you mean 'titanic'?"),
    (["fetc", "titanic"], "there is no verb 'fetc': did you mean 'fetch'?"),
    (["fetch"], "Missing argument 'NAME'"),
    (["fetch", "debrecen", "--folder", "files"], "files: has no messidor_features.arff"),
    (["fetch", "titanic", "--folder", "changed"], "changed/titanic.dat: wrong checksum"),
    (["fetch", "titanic"], "cannot be downloaded: no network in tests; --folder DIR takes"),
    (["fetch", "titanic", "--folder", "files", "--cache", "files/titanic.dat"], "cannot be wri"),
    (["show", "titanic"], "not in the cache: run 'theorycheck data fetch titanic'"),
    (["show", "titanic", "--folder", "changed"], "wrong checksum"),
    (["show", "titanic", "--folder", "gone"], "gone: has no titanic.dat"),
    (["show", "titanic", "--folder", "files", "--splits", "0"], "at least one split"),
    (["show", "titanic", "--folder", "files", "--seed", "-1"], "must not be negative"),
    (["show", "titanic", "--folder", "files", "--labelled-share", "0"], "leaves no label"),
    (["show", "titanic", "--folder", "files", "--labelled-share", "2"], "must be in (0, 1]"),
    (["show", "titanic", "--folder", "files", "--splits", "1", "--baseline"], "two splits"),
]


@pytest.mark.parametrize(("words", "says"), BAD, ids=[" ".join(words)[:50] for words, _ in BAD])
def test_one_line(
    words: list[str], says: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: refuse())
    Path("changed").mkdir()
    Path("changed/titanic.dat").write_bytes(SMALL[:-3])
    before = sorted(Path().rglob("*"))
    assert main(["data", *words, "--json"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith("theorycheck: error: ")
    assert says in line
    assert sorted(Path().rglob("*")) == before


def test_a_damaged_cache(capsys: Output) -> None:
    assert main(["data", "fetch", "titanic", "--folder", "files"]) == 0
    Path("cache/data/titanic.dat").write_bytes(SMALL[:100])
    capsys.readouterr()
    assert main(["data", "show", "titanic"]) == 2
    assert "damaged: run 'theorycheck data fetch titanic'" in capsys.readouterr().err
