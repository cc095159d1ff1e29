"""``theorycheck labels`` with a continuous label: JSON, words, the one line for bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from theorycheck.cli import labels_continuous, main
from theorycheck.evaluation import CollapseComparison, compare_with_collapse
from theorycheck.inference import NAIVE_IWAE
from theorycheck.models import load_continuous_label_model
from theorycheck.objectives import ContinuousObjective

SUM = ["labels", "expr:[z + 0.75*y]", "--labels", "continuous", "--noise-variance", "0.3"]
ROUGH = ["--tolerance", "1e-2", "--search", "none"]


def test_json_and_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    given = [*SUM, *ROUGH, "--gamma", "0,9", "--labelled-share", "0.5", "-o", str(folder), "--json"]
    assert main(given) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["labelled_share"] == 0.5
    keys = ["naive", "naive_conditional", "flexible", "naive_iwae"]
    assert [row["family"] for row in found["families"]] == keys
    naive = found["families"][0]
    assert [row["prefers"] for row in naive["against_gamma"]] == ["collapsed", "ground_truth"]
    even = naive["break_even_gamma"]["value"]
    assert even == pytest.approx(
        naive["ground_truth"]["pmo_u"]["value"] / found["data_information"]["value"], abs=1e-4
    )
    assert 0.0 < even < 9.0
    assert naive["collapsed"]["mleo_xy"]["value"] == pytest.approx(
        found["data_information"]["value"], abs=1e-6
    )
    # Nothing but a q that is independent of z misses anything here.
    assert found["families"][2]["against_gamma"][0]["prefers"] == "inconclusive"
    assert found["no_counterpart"] is None
    assert naive["between"] == []
    assert [row["best_kept"] for row in naive["against_gamma"]] == [0.0, 1.0]
    assert naive["against_gamma"][0]["best"] == naive["against_gamma"][0]["collapsed"]
    assert json.loads((folder / "labels.json").read_text()) == found
    assert (folder / "labels.png").read_bytes()[:4] == b"\x89PNG"


def test_show_prints_what_labels_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [*SUM, *ROUGH, "--family", "flexible", "--gamma", "0,9", "-o", str(tmp_path)]
    assert main(given) == 0
    words = capsys.readouterr().out
    file = tmp_path / labels_continuous.RESULT
    assert main(["show", str(file)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(words)
    assert f"data {SUM[1]}, fingerprint" in " ".join(shown.split())
    assert main(["show", str(file), "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)["result"]
    assert entry == json.loads((tmp_path / "labels.json").read_text())
    read = CollapseComparison.load(file)
    again = CollapseComparison.from_document(read.to_document())
    assert again.best(1)[0] == read.best(1)[0] == 1.0
    assert again.parts[0].figures[0].excess == read.collapsed[0].excess


def test_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SUM, *ROUGH, "--family", "naive", "--gamma", "0,0.1,9"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "naive q(y|x) q(z|x), 0.1 of the x labelled" in words
    assert "the collapsed f at γ = 0, 0.1, 9" in words
    assert "Both are worth the same at γ = " in words


def test_a_label_term(capsys: pytest.CaptureFixture[str]) -> None:
    given = [*SUM, *ROUGH, "--family", "naive_conditional", "--gamma", "0,1"]
    assert main([*given, "--alpha", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["alpha"] == 2.0
    (row,) = found["families"]
    other = row["collapsed"]
    # Between the prior, which is best for U, and p(y|x), which is best for the term.
    assert other["pmo_u"]["value"] > 0.0
    assert other["label_kl"]["value"] > 0.0
    whole = 0.9 * (other["mleo_x"]["value"] + other["pmo_u"]["value"])
    whole += 0.1 * 2.0 * other["label_kl"]["value"]
    assert row["against_gamma"][0]["collapsed"]["value"] == pytest.approx(whole, abs=1e-9)
    assert row["break_even_gamma"]["value"] < 0.0
    assert main([*given, "--alpha", "2"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "α = 2, 0.1 of the x labelled" in words
    assert "The ground truth is preferred for every γ." in words


def test_a_part_of_the_label() -> None:
    data = load_continuous_label_model(SUM[1], noise_variance=0.3)
    objectives = [ContinuousObjective(family=NAIVE_IWAE)]
    found = compare_with_collapse(data, objectives, (0.6,)).comparison
    (row,) = labels_continuous.entry_of(found)["families"]  # type: ignore[misc, attr-defined]
    (part,) = row["between"]
    assert part["kept"] == 0.6
    # Given y, x is N(0.45 y, 1 + 0.36 + 0.3).
    wanted = 0.5 * math.log(1.8625 / (1.8625 - 0.45**2))
    assert part["information"]["value"] == pytest.approx(wanted, abs=1e-5)
    words = labels_continuous.in_words(found, [0])
    assert "keeps of I(x; y): 100 % at γ = 1 (κ = 1)" in words


def test_no_counterpart(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["labels", "expr:[z + sin(3*z)*y]", "--labels", "continuous", "--noise-variance", "1"]
    assert main([*given, *ROUGH, "--family", "naive_iwae"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "No collapsed f with the same p(x) is known to compare with" in words
    assert "│ collapsed" not in words


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([*SUM, "--alpha", "-1"], "alpha must be finite and not negative"),
        ([*SUM, "--alpha", "1", "--labelled-share", "1"], "use alpha = 0"),
        ([*SUM, "--jobs", "2"], "--jobs is for labels y = 0 to C - 1"),
        ([*SUM, "--no-cache"], "--no-cache is for labels y = 0 to C - 1"),
        ([*SUM, "--fit-noise", "shared"], "--fit-noise is for labels y = 0 to C - 1"),
        ([*SUM, "--iwae", "5"], "--iwae is for labels y = 0 to C - 1"),
        ([*SUM, "--classes", "2"], "--classes is for labels y = 0 to C - 1"),
        ([*SUM, "--family", "conditional"], "no 'conditional' where the label is continuous"),
        ([*SUM, "--gamma", "-1"], "gamma must be finite and not negative"),
        ([*SUM, "--labelled-share", "2"], "labelled share must be in [0, 1]"),
        (SUM[:4], "no noise variance"),
        (["labels", "circle", "--labels", "continuous"], "no model with a continuous label"),
        (["labels", "circle", "--labels", "cont"], "there is no 'cont'"),
        (["labels", "continuous_semi_circle", "--labels", "discrete"], "its label is continuous"),
        (
            ["labels", "expr:[z]", "--labels", "continuous", "--noise-variance", "1"],
            "without y the label says nothing",
        ),
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
