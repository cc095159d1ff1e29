"""``theorycheck train-labels``: words, files, search, and the one line for bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

pytest.importorskip("torch")

from tests.efforts import TINY
from theorycheck.cli import main
from theorycheck.results import json_schema

LINES = ["train-labels", "expr:[(2*y - 1)*z + 0.5*y]", "--noise-variance", "0.3"]
SHORT = [
    "--steps", "3", "--restarts", "2", "--from-truth", "0", "--batch", "8", "--hidden", "4",
    "--device", "cpu",
]  # fmt: skip
PLAIN = [*LINES, "--method", "vae", *SHORT, "--search", "none"]


def test_words_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    line = [*PLAIN, "--family", "factorised", "--data-size", "100", "--labelled-share", "0.2"]
    assert main([*line, "-o", str(folder)]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "factorised q(y|x) q(z|x), γ = 1, α = 0, 0.2 of the x labelled, 3 steps" in words
    assert "I(x; y) of the selected network is" in words
    assert "(--search none)" in words
    names = sorted(file.name for file in folder.iterdir())
    assert names == ["class0.pt", "class1.pt", "result.json"]
    written = json.loads((folder / "result.json").read_text())
    assert written["schema"].endswith("train-labels:1")
    assert written["bound"] == "elbo"
    assert written["predicted"] is None
    # The classes are a labelled MODEL, whose J as its own data has no MLEO.
    model = f"{folder / 'class0.pt'}+{folder / 'class1.pt'}"
    assert main(["labels", model, "--search", "none", "--family", "conditional", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["families"][0]["ground_truth"]
    assert found["mleo_x"]["value"] == 0.0
    assert found["information"] == pytest.approx(written["judged"]["information"], abs=1e-6)


def test_beside_the_optimum(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = replace(TINY, coarse_step=0.9, middle_step=0.9, rounds=0)
    monkeypatch.setattr("theorycheck.optimum._effort.LABELS_QUICK", tiny)
    line = [*LINES, "--method", "iwae", "--samples", "2", "--bound", "summed", *SHORT]
    assert main([*line, "--gamma", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(json_schema("train-labels")).validate(found)
    assert (found["method"], found["bound"], found["gamma"]) == ("iwae", "summed", 2.0)
    apart = found["judged"]["excess"]["value"] - found["predicted"]["optimum"]["excess"]["value"]
    assert found["distance"]["excess"]["value"] == pytest.approx(apart)
    assert found["distance"]["near"] == "fails"
    assert found["distance"]["not_below"] == "holds"
    assert found["judged"]["own_excess"] == found["restarts"][found["selected"]]["own_excess"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--family", "both"], "--family: there is no 'both'"),
        (["--gamma", "-1"], "gamma must be finite and not negative"),
        (["--labelled-share", "2"], "labelled share must be in [0, 1]"),
        (["--labelled-share", "1", "--gamma", "0"], "nothing is trained"),
        (["--bound", "summed"], "not one of --method vae"),
        (["--method", "vea"], "did you mean 'vae'"),
        (["--prior", "0.5,0.6"], "must sum to 1"),
        (["--data-size", "1"], "--data-size must be at least 2"),
        (["--data-size", "20", "--labelled-share", "0.05"], "two of each class are needed"),
        (["--search", "long"], "there is no 'long'"),
        (["--hidden", "a"], "--hidden: 'a' is not a list"),
        (["--device", "cud"], "did you mean 'cuda'"),
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
