"""``train`` and ``judge`` as a user runs them, and the one line for each way to get them wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.efforts import make_searches_tiny
from theorycheck.cli import main
from theorycheck.evaluation._prediction import Comparison
from theorycheck.json_values import jsonable

ROOT = Path(__file__).resolve().parents[2]
QUICK = [
    "--steps",
    "40",
    "--restarts",
    "2",
    "--from-truth",
    "0",
    "--batch",
    "16",
    "--hidden",
    "8,8",
]
ALONE = ["--search", "none"]
# One data dimension: every average over p(x) is then a matter of milliseconds.
LINE = ["expr:3*z", "--noise-variance", "0.25"]


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        make_searches_tiny(patch)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep what one small run leaves behind."""
    path = tmp_path_factory.mktemp("run")
    assert main(["train", *LINE, "--method", "vae", *QUICK, "-o", str(path), "--json"]) == 0
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(path.iterdir())}


def test_a_run_leaves_its_result(folder: Path) -> None:
    assert sorted(contents(folder)) == [
        "checkpoint.pt", "judged.npz", "metrics.jsonl", "result.json",
    ]  # fmt: skip
    result = json.loads((folder / "result.json").read_text())
    assert result["method"] == "vae"
    assert [restart["init"] for restart in result["restarts"]] == ["random", "random"]
    for restart in result["restarts"]:
        parts = {name: restart[name] for name in ("excess", "mleo", "pmo")}
        assert all(set(part) == {"value", "error", "kind"} for part in parts.values())
        total = parts["mleo"]["value"] + parts["pmo"]["value"]
        assert parts["excess"]["value"] == pytest.approx(total, abs=1e-12)
    objectives = [restart["objective"] for restart in result["restarts"]]
    assert result["selected"] == int(np.argmin(objectives))


def test_what_was_judged_is_read_back(folder: Path) -> None:
    result = json.loads((folder / "result.json").read_text())
    again = Comparison.load(folder / "judged.npz")
    printed = jsonable(again.judged.to_dict() | again.to_dict())
    for key, value in printed.items():
        assert result["judged"].get(key, result.get(key)) == value, key
    assert again.predicted["unrestricted"].data.name == result["model"]


def test_the_run_is_compared_with_the_predicted_optimum(folder: Path) -> None:
    result = json.loads((folder / "result.json").read_text())
    predicted, judged = result["predicted"], result["judged"]
    assert {"excess", "mleo", "pmo"} <= set(predicted)
    assert result["compared_on"] == "J"
    away = judged["excess"]["value"] - predicted["excess"]["value"]
    assert result["gap"]["value"] == pytest.approx(away, abs=1e-12)
    assert result["gap"]["error"] >= predicted["excess"]["error"]
    free = result["predictions"]["unrestricted"]
    assert free["optimum"] == predicted
    assert free["distance"]["excess"] == result["gap"]
    # Forty steps lead nowhere near.
    assert (free["distance"]["near"], free["distance"]["not_below"]) == ("fails", "holds")
    # A network flatter than the line is compared with f as flat as it, which are worse.
    bound = result["predictions"]["own steepness"]["optimum"]
    assert bound["steepness"] == pytest.approx(judged["steepness"])
    assert bound["largest_slope"] <= judged["steepness"] * (1.0 + 1e-9)
    assert bound["excess"]["value"] > predicted["excess"]["value"]


def test_what_was_trained_is_a_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(folder / "checkpoint.pt")
    result = json.loads((folder / "result.json").read_text())
    chosen = result["restarts"][result["selected"]]
    data = ["--data", LINE[0], "--data-noise-variance", "0.25"]
    assert main(["decompose", file, *data, "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert alone["excess"]["value"] == pytest.approx(chosen["excess"]["value"], abs=2e-3)
    assert alone["noise_variance"] == [0.25]
    assert main(["judge", file, *data, *ALONE, "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)
    assert (judged["predicted"], judged["gap"]) == (None, None)
    assert judged["mleo"]["value"] == pytest.approx(alone["mleo"]["value"], abs=1e-9)
    gap = result["judged"]["amortisation_gap"]["value"]
    assert judged["amortisation_gap"]["value"] == pytest.approx(gap, abs=2e-3)
    assert main(["judge", file, *data]) == 0
    output = capsys.readouterr().out
    for text in ("Its own encoder loses", "the network", "predicted optimum", "NOT within 0.02"):
        assert text in output


def test_tables_for_reading(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--method", "iwae", "--samples", "3", "--estimator", "rws", "--data-size", "50"]
    assert main(["train", *LINE, *arguments, *QUICK, "--learn-noise", "-o", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    for text in (
        "iwae, S = 3", "random", "selected", "−L_S", "J_S", "MLEO", "predicted optimum",
        "gap: network − it", "J_S at S = 3 is", "σ² was fitted in the search too",
        "several modes", "seed 0",
    ):  # fmt: skip
        assert text in output
    # Finished already: judged again, not trained again.
    before = (tmp_path / "metrics.jsonl").read_bytes()
    again = ["train", *LINE, *arguments, *QUICK, "--learn-noise", "-o", str(tmp_path), "--resume"]
    assert main([*again, *ALONE]) == 0
    assert "was not searched for (--search none)" in capsys.readouterr().out
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--method", "vea"], "did you mean 'vae'"),
        (["--method", "iwae", "--samples", "0"], "S must be at least 1, not 0"),
        (["--method", "vae", "--samples", "-2"], "S must be at least 1, not -2"),
        (["--method", "iwae", "--estimator", "drag"], "did you mean 'dreg'"),
        (["--method", "lin", "--estimator", "dreg"], "is for --method iwae"),
        (["--method", "vae", "--device", "cuda"], "finds no GPU"),
        (["--method", "vae", "--device", "gpu"], "there is no device 'gpu'"),
        (["--method", "vae", "--data-size", "0"], "--data-size must be at least 2"),
        (["--method", "vae", "--data-size", "9", "--sample", "s.csv"], "give one of them"),
        (["--method", "vae", "--sample", "gone.csv"], "gone.csv: no such file"),
        (["--method", "vae", "--sample", "nan.npy"], "NaN or inf in 1 row"),
        (["--method", "vae", "--sample", "empty.npy"], "the data set is empty"),
        (["--method", "vae", "--hidden", "8,a"], "is not a list of widths"),
        (["--method", "vae", "--hidden", "8,0"], "positive sizes"),
        (["--method", "vae", "--activation", "relu"], "there is no activation 'relu'"),
        (["--method", "vae", "--search", "quik"], "--search: there is no 'quik': did you mean"),
        (["--method", "vae", "--jobs", "0"], "--jobs must not be 0"),
        (["--method", "vae", "--seed", "-1"], "--seed must not be negative"),
        (["--method", "vae", "--restarts", "0"], "restarts must be at least 1"),
        (["--method", "vae", "--steps", "0"], "steps must be at least 1"),
        (["--method", "vae", "--learning-rate", "-1"], "learning_rate must be positive"),
        (["--method", "vae", "--resume"], "--resume needs -o"),
        (["--method", "vae", "-o", "file.txt"], "is not a directory"),
        (["--method", "vae", "-o", "foreign", "--resume"], "not a checkpoint that train wrote"),
        (
            ["--method", "vae", "-o", "broken", "--resume"],
            "broken/checkpoint.pt: not a checkpoint that train wrote: damaged, or it holds more",
        ),
        (["--method", "vae", "-o", "foreign"], "already has a run"),
        ([], "--method"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    np.save("nan.npy", np.array([[0.0, np.nan], [1.0, 1.0]]))
    np.save("empty.npy", np.empty((0, 2)))
    Path("file.txt").write_text("text")
    for name in ("foreign", "broken"):
        Path(name).mkdir()
    torch.save({"weights": torch.zeros(2)}, "foreign/checkpoint.pt")
    Path("broken/checkpoint.pt").write_bytes(b"nothing")
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    quick = [] if "--steps" in arguments else ["--steps", "3"]
    hidden = [] if "--hidden" in arguments else ["--hidden", "4"]
    restarts = [] if "--restarts" in arguments else ["--restarts", "1"]
    assert main(["train", "circle", *arguments, *quick, *hidden, *restarts]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert printed.out == ""
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == files


def test_a_run_that_is_there_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(folder)
    capsys.readouterr()
    for more, says in [
        ([], "already has a run"),
        (["--resume", "--seed", "1"], "that run has seed 0, not 1"),
        (["--resume", "--learn-noise"], "learn_noise False, not True"),
    ]:
        arguments = ["train", *LINE, "--method", "vae", *QUICK, "-o", str(folder), *more]
        assert main(arguments) == 2
        assert says in capsys.readouterr().err
    assert contents(folder) == before


def test_divergence_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", *LINE, "--method", "vae", *QUICK, "--learning-rate", "1e30"]
    assert main([*arguments, "-o", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "is not finite at step" in error
    assert "of restart" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "verb", [["train", "circle", "--method", "vae"], ["judge", "c.pt", "--data", "circle"]]
)
def test_without_torch(tmp_path: Path, verb: list[str]) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('not here')\n")
    done = subprocess.run(
        [sys.executable, "-m", "theorycheck", *verb],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'theorycheck[neural]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_needs_no_torch() -> None:
    code = (
        "import sys\nfrom theorycheck.cli import main\n"
        "assert main(['train', '--help']) == 0\n"
        "assert not any(m == 'torch' or m.startswith('neural') for m in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)
