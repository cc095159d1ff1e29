"""``train`` and ``judge`` as a user runs them, and the one line for each way to get them wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural import prediction  # noqa: E402
from neural.judging import judge  # noqa: E402
from neural.prediction import Comparison  # noqa: E402
from tests.efforts import IWAE_TINY, TINY  # noqa: E402
from theorycheck.cli import main  # noqa: E402
from theorycheck.cli.prediction_tables import in_words  # noqa: E402
from theorycheck.models.loading import load_model  # noqa: E402
from theorycheck.objectives.decomposition import decompose  # noqa: E402
from theorycheck.optimum import global_search  # noqa: E402
from theorycheck.optimum.global_search import find_optimum  # noqa: E402

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
TRUTH = load_model(LINE[0], noise_variance=0.25)
#: Cells fine enough that the line between them is the line.
FINE = replace(TINY, fine_cells=400, most=30)

NETWORK = """
import torch
torch.manual_seed(0)
decoder = torch.nn.Linear(1, 2)
encoder = torch.nn.Linear(2, 2)
number = 3
NOISE_VARIANCE = 0.25
"""


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    """Let a quick search be a tiny one; what it finds is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(global_search, "QUICK", TINY)
        patch.setattr(global_search, "IWAE_QUICK", IWAE_TINY)
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
    assert sorted(contents(folder)) == ["checkpoint.pt", "metrics.jsonl", "result.json"]
    result = json.loads((folder / "result.json").read_text())
    assert result["method"] == "vae"
    assert [restart["init"] for restart in result["restarts"]] == ["random", "random"]
    for restart in result["restarts"]:
        parts = {name: restart[name] for name in ("excess", "mleo", "pmo")}
        assert all(set(part) == {"value", "error"} for part in parts.values())
        total = parts["mleo"]["value"] + parts["pmo"]["value"]
        assert parts["excess"]["value"] == pytest.approx(total, abs=1e-12)
    objectives = [restart["objective"] for restart in result["restarts"]]
    assert result["selected"] == int(np.argmin(objectives))


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
        "multi-modal", "seed 0",
    ):  # fmt: skip
        assert text in output
    # Finished already: judged again, not trained again.
    before = (tmp_path / "metrics.jsonl").read_bytes()
    again = ["train", *LINE, *arguments, *QUICK, "--learn-noise", "-o", str(tmp_path), "--resume"]
    assert main([*again, *ALONE]) == 0
    assert "was not searched for (--search none)" in capsys.readouterr().out
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_judging_on_the_objective_that_was_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--method", "iwae", "--samples", "2", *QUICK, *ALONE, "-o", str(tmp_path)]
    assert main(["train", *LINE, *arguments]) == 0
    capsys.readouterr()
    data = ["--data", LINE[0], "--data-noise-variance", "0.25", "--json"]
    file = str(tmp_path / "checkpoint.pt")
    assert main(["judge", file, *data]) == 0
    judged = json.loads(capsys.readouterr().out)
    assert judged["compared_on"] == "J_2"
    # J_S is below the J of the ELBO, and the gap is between J_S and J_S.
    assert judged["mleo"]["value"] < judged["iwae"]["excess"]["value"] < judged["excess"]["value"]
    away = judged["iwae"]["excess"]["value"] - judged["predicted"]["excess"]["value"]
    assert judged["gap"]["value"] == pytest.approx(away, abs=1e-12)
    assert main(["judge", file, *data, "--samples", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["compared_on"] == "J"


@pytest.mark.parametrize(
    ("factor", "says"),
    [
        (0.98, "Within 0.02 nats: J is"),
        (0.5, "NOT within 0.02 nats: J is"),
    ],
)
def test_verdicts(factor: float, says: str) -> None:
    model = load_model(f"expr:{3.0 * factor}*z", noise_variance=0.25)
    found = find_optimum(TRUTH, effort=FINE)
    comparison = Comparison(judge(model, TRUTH, details=False), {"unrestricted": found})
    first, last = in_words(comparison, where="harder")
    assert first.startswith(says)
    assert first.endswith("above that of the predicted optimum.")
    assert "An optimum found is an upper bound" in last


def test_a_better_optimum_among_flatter_f_is_taken_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = find_optimum(TRUTH, effort=TINY, steepness=2.0)
    poor = decompose(load_model("expr:0.1*z", noise_variance=0.25), TRUTH, tolerance=1e-3)
    short = replace(find_optimum(TRUTH, effort=TINY), decomposition=poor)
    results = iter((short, good))
    monkeypatch.setattr(prediction, "find_optimum", lambda *_a, **_b: next(results))
    network = load_model("expr:2*z", noise_variance=0.25)
    optima = prediction.predicted_optima(network, TRUTH)
    assert list(optima) == ["unrestricted", "own steepness"]
    assert optima["own steepness"] is good
    assert optima["unrestricted"].excess == good.excess
    assert optima["unrestricted"].steepness is None


def test_a_network_below_the_optimum_is_said_to_be() -> None:
    # Cells miss the line by little; the network is a line.
    found = find_optimum(TRUTH, effort=FINE)
    comparison = Comparison(judge(TRUTH, TRUTH, details=False), {"unrestricted": found})
    first = in_words(comparison, where="harder")[0]
    assert first.startswith("Within 0.02 nats: J is")
    assert first.endswith("the search fell short of the optimum by at least that.")
    # The optimum among far too flat f, passed off as that of all.
    wrong = find_optimum(TRUTH, effort=TINY, steepness=0.5)
    comparison = Comparison(judge(TRUTH, TRUTH, details=False), {"unrestricted": wrong})
    first = in_words(comparison, where="--search thorough")[0]
    assert "nats BELOW that of the predicted optimum" in first
    assert first.endswith("then not the optimum. Search on: --search thorough.")


def test_a_network_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text(NETWORK)
    data = ["--data", "circle", *ALONE, "--json"]
    assert main(["judge", f"{file}:decoder", *data]) == 0
    assert json.loads(capsys.readouterr().out)["amortisation_gap"] is None
    assert main(["judge", f"{file}:decoder", "--encoder", f"{file}:encoder", *data]) == 0
    assert json.loads(capsys.readouterr().out)["amortisation_gap"]["value"] > 0.0
    for encoder, says in [("encodr", "did you mean 'encoder'"), ("number", "no torch module")]:
        assert main(["judge", f"{file}:decoder", "--encoder", f"{file}:{encoder}", *data]) == 2
        assert says in capsys.readouterr().err
    assert main(["judge", f"{file}:decoder", "--encoder", "encoder", *data]) == 2
    assert "not of the form file.py:name" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--search", "all"], "--search: there is no 'all'"),
        (["--samples", "0"], "--samples must be at least 1, not 0"),
        (["--jobs", "0"], "--jobs must not be 0"),
        (["--seed", "-1"], "--seed must not be negative"),
        (["--tolerance", "0"], "--tolerance must be positive"),
        ([], "c.pt: no such file"),
    ],
)
def test_bad_input_of_judge(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["judge", "c.pt", "--data", "circle", *arguments]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert printed.out == ""


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
