"""``theorycheck train-labels`` with a continuous label: words, files, and the one line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

pytest.importorskip("torch")

from neural import LabelSettings, judge_continuous_run, judge_label_run, train_labelled
from theorycheck.cli import main
from theorycheck.errors import SettingError
from theorycheck.inference import FLEXIBLE
from theorycheck.models import load_continuous_label_model
from theorycheck.objectives import ContinuousObjective
from theorycheck.results import json_schema

LINES = [
    "train-labels", "expr:[z + 0.75*y]", "--labels", "continuous", "--noise-variance", "0.3",
]  # fmt: skip
SHORT = [
    "--steps", "3", "--restarts", "2", "--from-truth", "0", "--batch", "8", "--hidden", "4",
    "--device", "cpu",
]  # fmt: skip
PLAIN = [*LINES, "--method", "vae", *SHORT, "--search", "none"]


def test_words_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    given = ["--family", "flexible", "--data-size", "60", "--labelled-share", "0.2"]
    assert main([*PLAIN, *given, "-o", str(folder)]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "flexible q(y|x) q(z|x, y), γ = 1, α = 0, 0.2 of the x labelled, 3 steps" in words
    assert "I(x; y) of the selected network is" in words
    assert "(--search none)" in words
    assert sorted(file.name for file in folder.iterdir()) == ["decoder.py", "result.json"]
    written = json.loads((folder / "result.json").read_text())
    assert written["schema"].endswith("train-labels_continuous:1")
    assert written["beside"] is None
    # The file is a MODEL, whose J as its own data has no MLEO.
    model = f"{folder / 'decoder.py'}:decoder"
    line = ["labels", model, "--labels", "continuous", "--family", "naive_iwae", "--search", "none"]
    assert main([*line, "--tolerance", "1e-2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    value = written["judged"]["information"]["value"]
    assert found["data_information"]["value"] == pytest.approx(value, abs=1e-5)
    assert found["noise_variance"] == [pytest.approx(0.3)]


def test_beside_other_f(capsys: pytest.CaptureFixture[str]) -> None:
    line = [*LINES, "--method", "iwae", "--samples", "2", "--bound", "pairs", *SHORT]
    assert main([*line, "--gamma", "2", "--alpha", "0.5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(json_schema("train-labels_continuous")).validate(found)
    assert (found["method"], found["bound"], found["gamma"]) == ("iwae", "pairs", 2.0)
    assert found["family"] == "naive_conditional"
    # Of a line with Gaussian labels the ground truth misses nothing: a network cannot be below.
    assert found["beside"]["best_kept"] == 1.0
    assert found["judged"]["excess"]["value"] > found["beside"]["ground_truth"]["value"]


@pytest.mark.parametrize("activation", ["gelu", "silu", "tanh", "softplus"])
def test_the_file_is_the_decoder(activation: str, tmp_path: Path) -> None:
    data = load_continuous_label_model(LINES[1], noise_variance=0.3)
    settings = LabelSettings.of(
        "vae", ContinuousObjective(family=FLEXIBLE), steps=2, restarts=2, from_truth=0, batch=8,
        hidden=(4, 3), activation=activation,
    )  # fmt: skip
    trained = train_labelled(data, settings, device="cpu")
    result = judge_continuous_run(trained)
    (tmp_path / "f.py").write_text(result.decoder_source())
    read = load_continuous_label_model(f"{tmp_path / 'f.py'}:decoder")
    y, z = np.random.default_rng(0).standard_normal((2, 50))
    own = trained.continuous_model(trained.selected)
    assert read.decoder(y, z) == pytest.approx(own.decoder(y, z), abs=1e-12)
    with pytest.raises(SettingError, match="use judge_continuous_run"):
        judge_label_run(trained)
    with pytest.raises(SettingError, match="no f_y a class"):
        trained.model(0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--family", "conditional"], "no 'conditional' where the label is continuous"),
        (["--family", "naive_iwae"], "naive_iwae is the limit of infinitely many draws"),
        (["--gamma", "-1"], "gamma must be finite and not negative"),
        (["--labelled-share", "1", "--gamma", "0"], "nothing is trained"),
        (["--bound", "pairs"], "not one of --method vae"),
        (["--bound", "summed"], "there is no bound 'summed'"),
        (["--prior", "0.5,0.5"], "--prior is for labels y = 0 to C - 1"),
        (["--jobs", "2"], "--jobs is for labels y = 0 to C - 1"),
        (["--data-size", "1"], "--data-size must be at least 2"),
        (["--data-size", "8"], "1 of 8 observations are with a label; two are needed"),
        (["--search", "long"], "there is no 'long'"),
    ],
)
def test_bad_input_is_one_line(
    given: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert main([*PLAIN, "-o", str(folder), *given]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.out == ""
    assert not folder.exists()
