"""``optimum`` and ``noise``: the numbers of the Python interface, files, interruption, mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import ROOT, Run
from tests.efforts import make_searches_tiny
from theorycheck import find_optimum, iwae_objective, load_model
from theorycheck.cli.render import jsonable
from theorycheck.cli.search_options import chosen_effort, chosen_jobs
from theorycheck.errors import SettingError
from theorycheck.objectives import IwaeBound
from theorycheck.optimum import _effort as efforts
from theorycheck.optimum._settings import SearchSettings

WAVE = ("expr:sin(3*z)", "--noise-variance", "0.01")
LEAST = ("--starts", "2", "--hops", "0")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_searches_tiny(monkeypatch)


def printed(run: Run, *arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    parsed = json.loads(result.stdout)
    assert isinstance(parsed, dict)
    return parsed


@pytest.mark.usefixtures("small")
def test_optimum(run: Run, tmp_path: Path) -> None:
    found = printed(run, "optimum", *WAVE, *LEAST, "--seed", "5", "-o", "best.npz")
    assert {"excess", "mleo", "pmo", "starts", "decoder", "ground_truth"} <= set(found)
    data = load_model(WAVE[0], noise_variance=0.01)
    expected = find_optimum(data, SearchSettings(effort=chosen_effort("quick", 2, 0), seed=5))
    for key, value in jsonable(expected.to_dict()).items():
        assert found[key] == value, key
    assert found["excess"]["value"] < found["ground_truth"]["excess"]["value"]
    # The result is a MODEL too, its decoder, read back to the same numbers. The state is gone.
    assert found["decoder"] == "best.npz"
    assert [path.name for path in tmp_path.iterdir()] == ["best.npz"]
    # What a start ended at on coarse nodes is not J, and has another name.
    assert "excess" not in found["starts"][0]
    assert found["starts"][0]["node_excess"] > 0.0
    again = printed(
        run, "decompose", found["decoder"], "--data", WAVE[0], "--data-noise-variance", "0.01",
        "--tolerance", "1e-3",
    )  # fmt: skip
    for key in ("excess", "mleo", "pmo", "noise_variance"):
        assert again[key] == found[key]


@pytest.mark.usefixtures("small")
def test_nothing_is_written_unasked(run: Run, tmp_path: Path, own_cache: Path) -> None:
    found = printed(run, "optimum", *WAVE, *LEAST)
    assert found["decoder"] is None
    assert list(tmp_path.iterdir()) == []
    # The state of a search that is over is gone from the cache, its result is there.
    assert [path.suffix for path in own_cache.iterdir()] == [".npz"]
    shown = run("optimum", *WAVE, *LEAST, "--no-cache")
    assert "Nothing was written" in " ".join(shown.stdout.split())


def test_resume_needs_somewhere_to_go_on_from(run: Run) -> None:
    result = run("optimum", *WAVE, *LEAST, "--no-cache", "--resume")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "theorycheck: error: --resume needs a file to go on from: -o FILE, or the cache"
    ]


@pytest.mark.usefixtures("small")
def test_optimum_in_words(run: Run) -> None:
    result = run("optimum", *WAVE, *LEAST, "--start-from", "expr:z", "-o", "best.npz")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for words in (
        "optimum found", "±", "upper bound", "ascent from the ground truth alone", "of 2 starts",
        "best.npz", "│ z ",
    ):  # fmt: skip
        assert words in result.stdout


@pytest.mark.usefixtures("small")
def test_steepness(run: Run, tmp_path: Path) -> None:
    bounds = ("--steepness", "1", "--steepness", "inf")
    found = printed(run, "optimum", *WAVE, *LEAST, *bounds, "-o", "w.npz")
    tight, free = found["against_steepness"]
    assert (tight["steepness"], free["steepness"]) == (1.0, None)
    assert free["excess"]["value"] < tight["excess"]["value"]
    assert tight["largest_slope"] <= 1.0 + 1e-9
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "w-steepness-1.npz", "w-steepness-inf.npz",
    ]  # fmt: skip
    assert Path(tight["decoder"]).name == "w-steepness-1.npz"


IWAE = ("--objective", "iwae", "--samples", "3")


@pytest.mark.usefixtures("small")
def test_the_iwae_objective(run: Run) -> None:
    found = printed(run, "optimum", *WAVE, *LEAST, *IWAE, "-o", "i.npz")
    data = load_model(WAVE[0], noise_variance=0.01)
    effort = chosen_effort("quick", 2, 0, objective=IwaeBound(3))
    expected = find_optimum(data, SearchSettings(IwaeBound(3), effort=effort))
    for key, value in jsonable(expected.to_dict()).items():
        assert found[key] == value, key
    assert (found["objective"], found["samples"]) == ("iwae", 3)
    # J_S lies between MLEO and the J of the ELBO, at the optimum and at the truth.
    assert found["mleo"]["value"] < found["excess"]["value"] < found["elbo_excess"]["value"]
    truth = found["ground_truth"]
    assert found["excess"] == found["iwae"]["excess"]
    assert 0.0 < truth["iwae"]["excess"]["value"] < truth["excess"]["value"]
    assert truth["iwae"] == jsonable(iwae_objective(data, samples=3).to_dict())
    # What is written is read back to the same J_S.
    again = printed(
        run, "decompose", "i.npz", "--data", WAVE[0], "--data-noise-variance", "0.01",
        "--tolerance", "1e-3", "--iwae", "3",
    )  # fmt: skip
    assert again["iwae"][0]["excess"] == found["excess"]


@pytest.mark.usefixtures("small")
def test_the_iwae_objective_in_words(run: Run) -> None:
    result = run("optimum", *WAVE, *LEAST, *IWAE, "--steepness", "2", "-o", "i.npz")
    assert (result.returncode, result.stderr) == (0, "")
    for words in (
        "Optimum of the IWAE bound, S = 3,", "J_S = −E L_S − H, S = 3",
        "J = MLEO + PMO of the ELBO", "lowest J_S", "J_S at the optimum found",
        "--iwae 3 judges it",
    ):  # fmt: skip
        assert words in result.stdout


@pytest.mark.usefixtures("small")
def test_one_sample_is_the_elbo(run: Run) -> None:
    arguments = ("optimum", *WAVE, *LEAST, "-o", "a.npz")
    one = printed(run, *arguments, "--objective", "iwae", "--samples", "1")
    assert one["objective"] == "elbo"
    assert one["excess"] == printed(run, *arguments, "--no-cache")["excess"]


def interrupted(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Start a search and press Ctrl-C once its state file is there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "theorycheck", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        # Test processes in the background ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        limit = time.monotonic() + 200.0
        while not (folder / "c.npz.state").exists() and time.monotonic() < limit:
            time.sleep(0.1)
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=100)
    finally:
        process.kill()
    return process.returncode, out, errors


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_interrupted_and_resumed(run: Run, tmp_path: Path) -> None:
    # Enough starts that they cannot be over when the state is first written, after two seconds.
    arguments = ("optimum", *WAVE, "--starts", "200", "--hops", "0", "-o", "c.npz", "--json")
    code, out, errors = interrupted(tmp_path, *arguments)
    assert (code, out) == (130, "")
    lines = errors.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("interrupted; so far J ≈ 0.")
    assert lines[0].endswith("of 200 starts; go on with --resume")
    assert not (tmp_path / "c.npz").exists()
    state = tmp_path / "c.npz.state"
    before = state.read_bytes()
    # Another search, or damage: one line, and the file stays as it is.
    other = run("optimum", *WAVE, *LEAST, "-o", "c.npz", "--resume")
    assert other.returncode == 2
    assert "another search (effort" in other.stderr
    assert len(other.stderr.splitlines()) == 1
    assert state.read_bytes() == before
    state.write_bytes(before[: len(before) // 2])
    damaged = run(*arguments, "--resume")
    assert (damaged.returncode, damaged.stdout) == (2, "")
    assert "c.npz.state: damaged" in damaged.stderr
    assert state.read_bytes() == before[: len(before) // 2]


@pytest.mark.usefixtures("small")
def test_resume_without_a_state_begins(run: Run, tmp_path: Path) -> None:
    found = printed(run, "optimum", *WAVE, *LEAST, "-o", "a.npz", "--resume")
    assert len(found["starts"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_noise(run: Run) -> None:
    found = printed(run, "noise", *WAVE, "--tolerance", "1e-3", "--fit", "each")
    assert len(found["refit_at_optimum"]) == len(found["joint_optimum"]) == 1
    # σ² is confounded with f where D = K: the joint optimum has less of it.
    assert found["joint_optimum"][0]["value"] < found["refit_at_optimum"][0]["value"]
    assert found["joint"]["excess"]["value"] < found["optimum"]["excess"]["value"]
    assert found["joint"]["fit_noise"] == "each"
    assert found["optimum"]["fit_noise"] == "no"


@pytest.mark.usefixtures("small")
def test_noise_curve(run: Run, tmp_path: Path) -> None:
    arguments = ("noise", *WAVE, "--tolerance", "1e-3", "--search", "none")
    figure = ("--held-noise", "0.2,0.4", "--figure", "curve.svg")
    found = printed(run, *arguments, *figure, "-o", "noise.npz")
    points = found["curve"]["points"]
    assert [point["noise_variance"] for point in points] == [0.2, 0.4]
    assert {"excess", "refit", "left_open", "floor", "falling", "rising"} <= set(points[0])
    assert found["curve"]["lowest"] in (0.2, 0.4)
    assert (tmp_path / "curve.svg").read_bytes().startswith(b"<?xml")
    assert found["joint_optimum"] is None
    # The curve is in the file, and is shown.
    kept = printed(run, "show", "noise.npz")
    assert kept["result"]["curve"] == found["curve"]
    assert "The lowest J found is" in run("show", "noise.npz").stdout
    shown = run(*arguments, "--held-noise", "0.3")
    assert shown.returncode == 0, shown.stderr
    assert "The lowest J found is" in shown.stdout
    assert "upper bound" in " ".join(shown.stdout.split())


def test_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THEORYCHECK_JOBS", raising=False)
    assert chosen_jobs() == -1
    assert chosen_jobs(3) == 3
    monkeypatch.setenv("THEORYCHECK_JOBS", "2")
    assert chosen_jobs() == 2
    assert chosen_jobs(1) == 1
    for wrong in ("0", "two", ""):
        monkeypatch.setenv("THEORYCHECK_JOBS", wrong)
        with pytest.raises(SettingError, match="THEORYCHECK_JOBS"):
            chosen_jobs()


def test_effort() -> None:
    assert chosen_effort("thorough").starts == 96
    assert chosen_effort("quick", objective=IwaeBound(5)) == efforts.IWAE_QUICK
    assert chosen_effort("thorough", objective=IwaeBound(5)) == efforts.IWAE_THOROUGH
    effort = chosen_effort("quick", 7, 10)
    assert effort.starts == 7
    assert effort.rounds * effort.hops >= 10
    assert chosen_effort("quick", None, 0).rounds == 0
    assert chosen_effort("quick", None, 1).hops == 1


MISTAKES = [
    (["optimum"], "Missing argument 'MODEL'"),
    (["optimum", "circl"], "did you mean 'circle'"),
    (["optimum", "circle", "--effort", "quik"], "did you mean 'quick'"),
    (["optimum", "circle", "--starts", "0"], "--starts must be at least 1"),
    (["optimum", "circle", "--hops", "-1"], "--hops must not be negative"),
    (["optimum", "circle", "--seed", "-1"], "--seed must not be negative"),
    (["optimum", "circle", "--jobs", "0"], "--jobs must not be 0"),
    (["optimum", "circle", "--steepness", "0"], "--steepness must be positive"),
    (["optimum", "circle", "--steepness", "1,1"], "a bound is given twice"),
    (["optimum", "circle", "--steepness", "flat"], "'flat' is not a number"),
    (["optimum", "circle", "--steepness", "nan"], "--steepness must be positive"),
    (["optimum", "circle", "--fit-noise", "yes"], "known: no, shared, each"),
    (["optimum", "circle", "--objective", "iwea"], "did you mean 'iwae'"),
    (["optimum", "circle", "--objective", "iwae", "--samples", "0"], "must be at least 1, not 0"),
    (["optimum", "circle", "--samples", "-3"], "--samples must be at least 1, not -3"),
    (["optimum", "circle", "--samples", "5"], "is for --objective iwae; the ELBO has S = 1"),
    (["optimum", "circle", "--objective", "iwae", "--samples", "many"], "--samples"),
    (
        ["optimum", "circle", "--objective", "iwae", "--steepness", "1,2"],
        "under one --steepness at a time",
    ),
    (["optimum", "circle", "--start-from", "expr:z"], "data dimensions"),
    (["optimum", "circle", "--start-from", "gone.csv"], "gone.csv: no such file"),
    (["optimum", "circle", "-o", "best.csv"], "name it so"),
    (["optimum", "circle", "-o", "gone/best.npz"], "no directory gone"),
    (["noise", "circle", "--search", "all"], "known: quick, thorough, none"),
    (["noise", "circle", "--fit", "no"], "known: shared, each"),
    (["noise", "circle", "--seed", "-2"], "--seed must not be negative"),
    (["noise", "circle", "--held-noise", "0.1,-1"], "every σ² must be positive"),
    (["noise", "circle", "--held-noise", "0.1,0.1"], "a σ² is given twice"),
    (["noise", "circle", "--held-noise", "much"], "'much' is not a number"),
    (["noise", "circle", "--figure", "a.svg"], "give --held-noise"),
    (["noise", "circle", "--held-noise", "1,2", "--figure", "a.gif"], "no format 'gif'"),
    (["noise", "circle", "--held-noise", "1,2", "--figure", "gone/a.svg"], "no directory gone"),
]


@pytest.mark.parametrize(("arguments", "says"), MISTAKES, ids=lambda v: str(v)[:50])
def test_mistakes(run: Run, tmp_path: Path, arguments: list[str], says: str) -> None:
    result = run(*arguments, "--json")
    lines = result.stderr.splitlines()
    assert (result.returncode, result.stdout, len(lines)) == (2, "", 1), result.stderr
    assert lines[0].startswith("theorycheck: error: ")
    assert says in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_state_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    state = tmp_path / "c.npz.state"
    np.savez(tmp_path / "c.npz", z=np.arange(3.0), f=np.arange(3.0))
    state.write_bytes((tmp_path / "c.npz").read_bytes())
    before = state.read_bytes()
    result = run("optimum", *WAVE, *LEAST, "-o", "c.npz", "--resume")
    assert result.returncode == 2
    assert "damaged, or not the state of a search" in result.stderr
    assert state.read_bytes() == before
