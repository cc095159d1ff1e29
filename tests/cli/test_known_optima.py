"""``--optimum FILE``, the cache and ``--no-cache``: what is known is not searched for again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Run
from tests.efforts import make_class_small, make_searches_tiny
from theorycheck.report import _html as html

WAVE = ("expr:sin(2*z)", "--noise-variance", "0.1")
CLASS = ("--tolerance", "1e-2")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_searches_tiny(monkeypatch)
    make_class_small(monkeypatch)
    # Figures take as long as all the rest, and say nothing here.
    monkeypatch.setattr(html, "figures_of", lambda _: ())


def told(run: Run, *arguments: str) -> tuple[dict[str, Any], list[str]]:
    """Run a verb with --json; return the object and the lines on stderr."""
    result = run(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    parsed = json.loads(result.stdout)
    assert isinstance(parsed, dict)
    return parsed, result.stderr.splitlines()


@pytest.fixture
def written(run: Run, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Write an optimum of the wave that a quick search with seed 0 does not find."""
    found, lines = told(run, "optimum", *WAVE, "--seed", "5", "--no-cache", "-o", "w.npz")
    assert lines == []
    return tmp_path / "w.npz", found


def test_conditions_after_optimum(run: Run, own_cache: Path) -> None:
    found, _ = told(run, "optimum", *WAVE)
    assert len(list(own_cache.iterdir())) == 1
    result, (line,) = told(run, "conditions", *WAVE, *CLASS)
    assert "is that of an earlier search" in line
    assert result["condition_1"]["alternatives"][-1]["pmo"] == found["pmo"]
    # Asked to, it searches, and ends at the same numbers.
    again, lines = told(run, "conditions", *WAVE, *CLASS, "--no-cache")
    assert lines == []
    assert again == result


def test_other_settings_are_searched_for(run: Run, own_cache: Path) -> None:
    told(run, "optimum", *WAVE)
    for other in (("--seed", "1"), ("--starts", "3"), ("--fit-noise", "shared")):
        _, lines = told(run, "optimum", *WAVE, *other)
        assert lines == []
    _, lines = told(run, "optimum", "expr:sin(z)", "--noise-variance", "0.1")
    assert lines == []
    assert len(list(own_cache.iterdir())) == 5


def test_no_cache_keeps_nothing(run: Run, own_cache: Path) -> None:
    told(run, "optimum", *WAVE, "--no-cache")
    assert list(own_cache.iterdir()) == []


def test_a_damaged_entry(run: Run, own_cache: Path) -> None:
    first, _ = told(run, "optimum", *WAVE)
    (entry,) = own_cache.iterdir()
    entry.write_bytes(entry.read_bytes()[:1000])
    again, (line,) = told(run, "optimum", *WAVE)
    assert "cannot be used" in line
    assert again == first
    assert len(told(run, "optimum", *WAVE)[1]) == 1


def test_conditions(run: Run, written: tuple[Path, dict[str, Any]]) -> None:
    path, found = written
    result, (line,) = told(run, "conditions", *WAVE, *CLASS, "--optimum", str(path), "--no-cache")
    assert line == f"{path}: its optimum is taken, of the ELBO, seed 5."
    assert result["condition_1"]["alternatives"][-1]["mleo"] == found["mleo"]


def test_noise_takes_both(run: Run, written: tuple[Path, dict[str, Any]]) -> None:
    path, found = written
    fitted = ("--fit-noise", "shared", "--seed", "5", "--no-cache", "-o", "joint.npz")
    joint, _ = told(run, "optimum", *WAVE, *fitted)
    files = ("--optimum", str(path), "--optimum", "joint.npz", "--no-cache")
    result, lines = told(run, "noise", *WAVE, *files, "--tolerance", "1e-2")
    assert [line.split(":")[0] for line in lines] == [str(path), "joint.npz"]
    assert result["optimum"]["excess"] == found["excess"]
    assert result["joint"]["excess"] == joint["excess"]
    # With one of them, the other is searched for, and that is said.
    _, lines = told(
        run, "noise", *WAVE, "--optimum", "joint.npz", "--no-cache", "--tolerance", "1e-2"
    )
    assert lines[0] == (
        "joint.npz: an optimum of sin(2*z) whose fit_noise is shared, not no: not what is wanted "
        "now, which is searched for."
    )
    assert len(lines) == 2


def test_judge(run: Run, written: tuple[Path, dict[str, Any]]) -> None:
    pytest.importorskip("torch")
    path, found = written
    network = ("expr:0.1*sin(2*z)", "--data", WAVE[0], "--data-noise-variance", "0.1")
    result, lines = told(
        run, "judge", *network, "--tolerance", "1e-2", "--optimum", str(path), "--no-cache"
    )
    assert lines[0].startswith(f"{path}: its optimum is taken")
    assert result["predicted"]["excess"] == found["excess"]


def test_export(run: Run, written: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    path, found = written
    arguments = ("export", *WAVE, "--what", "optimum", "-o", "o.nc", "--no-cache")
    result = run(*arguments, "--optimum", str(path))
    assert result.returncode == 0, result.stderr
    assert "is taken" in result.stderr
    with xarray.open_dataset(tmp_path / "o.nc") as data:
        assert float(data["excess"]) == found["excess"]["value"]
    wrong = run("export", *WAVE, "--what", "kl-map", "-o", "o.nc", "--optimum", str(path))
    assert (wrong.returncode, wrong.stderr) == (
        2, "theorycheck: error: --optimum is for --what optimum\n",
    )  # fmt: skip


def test_report(run: Run, written: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    path, found = written
    arguments = ("report", *WAVE, "-o", "out", "--tolerance", "1e-2", "--no-cache")
    _, (line,) = told(run, *arguments, "--optimum", str(path))
    assert "is taken" in line
    model = json.loads((tmp_path / "out" / "report.json").read_text())["models"][0]
    assert model["optimum"]["excess"] == found["excess"]
    assert model["optimum"]["seed"] == 5


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("model", "an optimum of sin(2*z) (fingerprint "),
        ("cut", "damaged, or not a result file of theorycheck"),
        ("table", "not a result file of theorycheck"),
        ("older", "written by another version (theorycheck "),
    ],
)
def test_files_that_cannot_be_used(
    run: Run, written: tuple[Path, dict[str, Any]], fault: str, says: str
) -> None:
    """One line, a new search, and the file stays as it was."""
    xarray = pytest.importorskip("xarray")
    path, _ = written
    model = WAVE
    if fault == "model":
        model = ("expr:sin(z)", "--noise-variance", "0.1")
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif fault == "table":
        np.savez(path, z=np.arange(3.0), f=np.arange(3.0))
    else:
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in archive.files}
        head = json.loads(str(arrays["head"].item())) | {"layout": "before"}
        np.savez(path, **(arrays | {"head": np.array(json.dumps(head))}))
    before = path.read_bytes()
    arguments = ("export", *model, "--what", "optimum", "--no-cache")
    result = run(*arguments, "-o", "a.nc", "--optimum", str(path))
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert says in line
    assert str(path) in line
    assert line.endswith("It is searched for anew.")
    assert path.read_bytes() == before
    assert run(*arguments, "-o", "b.nc").returncode == 0
    with xarray.open_dataset("a.nc") as one, xarray.open_dataset("b.nc") as other:
        assert one.identical(other)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("conditions", "circle", "--optimum", "gone.npz"), "--optimum gone.npz: no such file"),
        (("noise", "circle", "--optimum", "x", "--search", "none"), "--search none leaves out"),
        (("report", "circle", "-o", "out", "--optimum", "x"), "--optimum x: no such file"),
    ],
)
def test_mistakes(run: Run, arguments: tuple[str, ...], says: str) -> None:
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert says in line
