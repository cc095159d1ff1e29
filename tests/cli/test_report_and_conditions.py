"""``report`` and ``conditions`` give one answer on Theorem 1, from one function."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.efforts import make_class_small, make_searches_tiny
from theorycheck import theorems
from theorycheck.cli.conditions import conditions
from theorycheck.cli.report import report
from theorycheck.objectives import _price as price
from theorycheck.report import _html as html
from theorycheck.theorems import ClassSettings

WAVE = ("expr:sin(2*z)", "--noise-variance", "0.1")
#: Of condition (2) and what else depends on the class.
BADGES = {
    "condition (2′)": "condition_2_repaired",
    "condition (2)": "condition_2",
    "all three at one η": "joint",
    "condition (1)": "condition_1",
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_searches_tiny(monkeypatch)
    # A fold and the monotone rearrangement: by default for both verbs, for none of them more.
    make_class_small(monkeypatch)
    # The figures take as long as all the rest, and say nothing here.
    monkeypatch.setattr(html, "figures_of", lambda _: ())


def test_one_answer(run: Run, tmp_path: Path) -> None:
    result = run("conditions", *WAVE, "--seed", "1", "--json")
    assert result.returncode == 0, result.stderr
    printed: dict[str, Any] = json.loads(result.stdout)
    result = run("report", *WAVE, "--seed", "1", "-o", "out")
    assert result.returncode == 0, result.stderr
    (model,) = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))["models"]
    found = model["conditions"]
    assert printed["zero_mleo_class"]["members"]
    del printed["schema"], printed["stationarity"]["displacement"]
    assert found == printed
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    for label, key in BADGES.items():
        row = page.split(f'<th scope="row">{label}</th>')[1].split("</tr>")[0]
        (badge,) = re.findall(r"<span class=\"badge \w+\">. ([^<]*)</span>", row)
        assert badge == f"{printed[key]['verdict']}, {printed[key]['rests_on']}", label
    names = [member["name"] for member in printed["zero_mleo_class"]["members"]]
    assert all(f'<th scope="row">{name}</th>' in page for name in names)


def test_they_ask_with_the_same_settings() -> None:
    def default(verb: object, name: str) -> object:
        return inspect.signature(verb).parameters[name].default  # type: ignore[arg-type]

    for name in ("tolerance", "seed", "search"):
        assert default(conditions, name) == default(report, name), name
    assert default(conditions, "tolerance") == theorems.EXAMINED_TOLERANCE
    assert default(theorems.examine_theorem1, "tolerance") == theorems.EXAMINED_TOLERANCE
    # What --help says of the class.
    usual = {field.name: field.default for field in dataclasses.fields(ClassSettings)}
    for name, words in (
        ("folds", ",".join(map(str, usual["folds"]))),
        ("tears", f"by default {usual['tears']}"),
        ("pieces", f"by default {usual['pieces']}"),
    ):
        annotation = inspect.signature(conditions, eval_str=True).parameters[name].annotation
        assert words in annotation.__metadata__[0].help


def test_a_price_is_told_once_a_model(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ground truth's; the optimum's evaluation takes about as long, and is not told again."""
    # Whatever takes any time is worth saying.
    monkeypatch.setattr(price, "_WORTH_SAYING", 0.0)
    result = run("report", *WAVE, "--tolerance", "1e-2", "-o", "out")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "report.html").is_file()
    told = [line for line in result.stderr.splitlines() if "x to average over" in line]
    assert len(told) == 1
