"""``theorycheck labels``: its JSON, its words, its files, and the one line for bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.optimum.test_labelled_search import TINY
from theorycheck.cli import main
from theorycheck.models import load_labelled_model
from theorycheck.objectives import LabelledObjective, labelled_iwae, labelled_value
from theorycheck.optimum import LabelledOptimum

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


def test_iwae(capsys: pytest.CaptureFixture[str]) -> None:
    """Straight lines: the best q of a class is its posterior, and nothing is missed at any S."""
    given = [*LINES, "--family", "conditional", "--iwae", "2,5"]
    assert main([*given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    wanted = labelled_iwae(load_labelled_model(CROSS, noise_variance=0.2), samples=5)
    assert [(row["samples"], row["family"]) for row in found["iwae"]] == [
        (2, "conditional"),
        (5, "conditional"),
    ]
    assert found["iwae"][1] == wanted.to_dict()
    assert wanted.pmo_u_joint.contains(0.0)
    assert main(given) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "S = 2" in words
    assert "averaged inside the sum over y" in words
    assert "averaged over pairs (y, z)" in words


def test_files_and_figure(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert main([*LINES, "--family", "conditional", "-o", str(folder)]) == 0
    assert sorted(file.name for file in folder.iterdir()) == ["labels.json", "labels.png"]
    assert (folder / "labels.png").read_bytes()[:4] == b"\x89PNG"
    assert json.loads((folder / "labels.json").read_text())["schema"].endswith("labels:1")


def test_search_onset_and_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A whole call with searches; the second takes them from the cache, and says so."""
    monkeypatch.setenv("THEORYCHECK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("theorycheck.optimum._effort.LABELS_QUICK", TINY)
    folder = tmp_path / "out"
    line = [
        "labels", CROSS, "--noise-variance", "0.2", "--family", "factorised", "--gamma", "1,9",
        "--onset", "--certify", "2", "--tolerance", "1e-3", "--jobs", "1",
    ]  # fmt: skip
    assert main([*line, "-o", str(folder)]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "Certified: at 2 draws no q of the family raises U of the optimum" in words
    assert "collapse sets in, as γ falls, between" in words
    assert re.search(r"has a (smaller|larger) J than the ground truth", words)
    found = LabelledOptimum.load(folder / "optimum-factorised-gamma9.npz")
    assert main(["show", str(folder / "optimum-factorised-gamma9.npz"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["verb"] == "labels"
    assert shown["result"]["optimum"] == found.value.to_dict()
    assert shown["result"]["gamma"] == 9.0
    assert main([*line, "--json"]) == 0
    captured = capsys.readouterr()
    assert "is that of an earlier search" in captured.err
    entry = json.loads(captured.out)
    row = entry["against_gamma"][1]["families"][0]
    assert row["optimum"]["excess"] == found.excess.to_dict()
    assert row["optimum"]["certificate"]["points"] == 2
    onset = entry["onset"][0]
    assert 0.0 < onset["low"] < onset["high"]
    assert onset["gamma"] == pytest.approx([9.0 * onset["low"], 9.0 * onset["high"]])
    threshold = entry["thresholds"][0]
    truth = row["ground_truth"]
    # J(truth) − J(g, g) = gain − γ loss, from the parts of the ground truth that stand beside it.
    excess = threshold["merged_excess"]["value"]
    gain = 0.9 * (truth["pmo_u"]["value"] - excess)
    loss = 0.1 * (truth["information"]["value"] + excess - truth["pmo_l"]["value"])
    assert threshold["family"] == "factorised"
    assert threshold["threshold"]["value"] == pytest.approx(gain / loss, rel=1e-6)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["labels", "circle"], "there is no labelled model 'circle'"),
        ([*LINES, "--gamma", "-1"], "gamma must be finite and not negative"),
        ([*LINES, "--gamma", "x"], "--gamma: 'x' is not a number"),
        ([*LINES, "--alpha", "-1"], "alpha must be finite and not negative"),
        ([*LINES, "--labelled-share", "2"], "labelled share must be in [0, 1]"),
        ([*LINES, "--labelled-share", "1", "--alpha", "1"], "nothing is unlabelled"),
        ([*LINES, "--family", "both ways"], "there is no 'both ways'"),
        ([*LINES, "--prior", "0.5,0.6"], "must sum to 1"),
        ([*LINES, "--classes", "1"], "two classes or more"),
        ([*LINES, "--onset"], "--search none leaves out"),
        (["labels", CROSS, "--noise-variance", "0.2", "--onset", "--alpha", "1"], "for alpha = 0"),
        (
            ["labels", CROSS, "--noise-variance", "0.2", "--onset", "--labelled-share", "1"],
            "between 0 and 1",
        ),
        ([*LINES, "--fit-noise", "all"], "--fit-noise: there is no 'all'"),
        (["labels", CROSS], "no noise variance"),
        ([*LINES, "--search", "long"], "there is no 'long'"),
        ([*LINES, "--iwae", "0"], "--iwae: the number of samples must be an integer >= 1"),
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
