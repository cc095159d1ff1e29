"""``theorycheck labels``: its JSON, its words, its files, and the one line for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from theorycheck.cli import main
from theorycheck.models import load_labelled_model
from theorycheck.objectives import LabelledObjective, labelled_value

CROSS = "expr:[(2*y - 1)*1.5*z + 0.2*y]"
LINES = ["labels", CROSS, "--noise-variance", "0.2", "--search", "none"]


def test_ground_truth_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LINES, "--gamma", "0.5,2", "--labelled-share", "0.25", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gamma"] == 0.5
    assert [row["gamma"] for row in found["against_gamma"]] == [0.5, 2.0]
    assert [row["family"] for row in found["families"]] == ["conditional", "factorised"]
    model = load_labelled_model(CROSS, noise_variance=0.2)
    wanted = labelled_value(model, None, LabelledObjective(2.0, 0.0, 0.25), tolerance=1e-4)
    row = found["against_gamma"][1]["families"][0]
    assert row["ground_truth"] == wanted.to_dict()
    assert row["optimum"] is None
    assert found["data_information"] == wanted.data_information.to_dict()


def test_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LINES, "--family", "factorised"]) == 0
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert "factorised q(y|x) q(z|x), γ = 1, α = 0, 0.1 of the x labelled" in words
    assert "MLEO_xy" in out


def test_files_and_figure(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert main([*LINES, "--family", "conditional", "-o", str(folder)]) == 0
    assert sorted(file.name for file in folder.iterdir()) == ["labels.json", "labels.png"]
    assert (folder / "labels.png").read_bytes()[:4] == b"\x89PNG"
    assert json.loads((folder / "labels.json").read_text())["schema"].endswith("labels:1")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["labels", "circle"], "there is no labelled model 'circle'"),
        (["labels", "continuous_semi_circle"], "its label is continuous"),
        ([*LINES, "--gamma", "-1"], "gamma must be finite and not negative"),
        ([*LINES, "--gamma", "x"], "--gamma: 'x' is not a number"),
        ([*LINES, "--alpha", "-1"], "alpha must be finite and not negative"),
        ([*LINES, "--labelled-share", "2"], "labelled share must be in [0, 1]"),
        ([*LINES, "--labelled-share", "1", "--alpha", "1"], "nothing is unlabelled"),
        ([*LINES, "--family", "both ways"], "there is no 'both ways'"),
        ([*LINES, "--prior", "0.5,0.6"], "must sum to 1"),
        ([*LINES, "--classes", "1"], "two classes or more"),
        (["labels", CROSS], "no noise variance"),
        ([*LINES, "--search", "long"], "there is no 'long'"),
    ],
)
def test_bad_input_is_one_line(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.out == ""
