"""The report's section on a labelled model: tables, figure, words, and the JSON beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.optimum.test_labelled_search import CROSS, TINY
from theorycheck.cli import main
from theorycheck.objectives import ELBO
from theorycheck.optimum import Execution, SearchSettings
from theorycheck.report import ReportSearch, analyse_labels, write_report
from theorycheck.theorems import ClassSettings


def test_a_page_of_labels_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theorycheck.optimum._effort.LABELS_QUICK", TINY)
    search = ReportSearch(
        SearchSettings(ELBO, seed=0), "quick", Execution(jobs=1), ClassSettings(seed=0)
    )
    page = write_report([], tmp_path, labelled=[CROSS], search=search, tolerance=1e-2)
    text = page.read_text(encoding="utf-8")
    assert f"{CROSS.name}, with labels" in text
    assert "Of the information on the label" in text
    assert text.count("optimum found</th>") == 2
    assert text.count("data:image/png") == 1
    # Without plain models there is no table of them.
    assert 'aria-label="Summary"' not in text
    entry = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["labelled"][0]
    assert [one["family"] for one in entry["families"]] == ["conditional", "factorised"]
    for one in entry["families"]:
        assert one["optimum"]["excess"]["value"] <= one["ground_truth"]["excess"]["value"]


def test_without_a_search_nothing_is_said_of_what_is_learned() -> None:
    found = analyse_labels(CROSS, tolerance=1e-2)
    assert "No optimum was searched for" in found.headline
    assert all(optimum is None for _, optimum in found.families)


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = [
        "report", "expr:z", "--noise-variance", "0.3", "--search", "none", "--tolerance", "1e-2",
        "--labelled", "expr:[y + z]", "-o", str(tmp_path), "--json",
    ]  # fmt: skip
    assert main(line) == 0
    assert len(json.loads(capsys.readouterr().out)["labelled"]) == 1
    assert main([*line[:-1], "--labelled", "circle"]) == 2
    assert "there is no labelled model 'circle'" in capsys.readouterr().err
