"""``theorycheck conditions``: the search, the zero-MLEO class, and what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run
from tests.efforts import make_searches_tiny
from theorycheck.json_values import jsonable
from theorycheck.models._loading import load_model
from theorycheck.theorems import ClassSettings, examine_theorem1

MODEL = ("conditions", "expr:abs(z)", "--noise-variance", "0.3", "--tolerance", "1e-3")


def test_the_class_in_json_is_what_the_library_finds(run: Run) -> None:
    arguments = ("--search", "none", "--folds", "2", "--tears", "-1", "--pieces", "1", "--json")
    result = run(*MODEL, *arguments)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    data = load_model("expr:abs(z)", noise_variance=0.3)
    members = ClassSettings(folds=(2,), tears=-1, pieces=1)
    expected = examine_theorem1(data, surveyed=members, tolerance=1e-3).check.to_dict()
    for key in ("verdict", "class_searched", "summary"):
        assert found[key] == expected[key]
    for key in ("condition_2", "condition_2_repaired", "joint"):
        assert found[key]["verdict"] == expected[key]["verdict"]  # type: ignore[index]
    spans = found["joint"]["spans"]
    assert [span["verdict"] for span in spans] == [
        span["verdict"]
        for span in expected["joint"]["spans"]  # type: ignore[index]
    ]
    # Old keys say what they ask, which is less than one η.
    assert "some η" in found["condition_1"]["asks"]
    assert "any η" in found["condition_2"]["asks"]
    assert "one η" in found["joint"]["asks"]
    rows = json.loads(json.dumps(jsonable(expected["zero_mleo_class"])))["members"]
    assert [row["name"] for row in found["zero_mleo_class"]["members"]] == [
        row["name"] for row in rows
    ]


def test_search_tables_and_plain_words(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    make_searches_tiny(monkeypatch)
    result = run(*MODEL, "--folds", "2", "--tears", "0", "--pieces", "1", "--jobs", "1")
    assert result.returncode == 0, result.stderr
    for words in (
        "optimum of abs(z)", "Zero-MLEO class", "monotone rearrangement", "condition (2′)",
        "Looked at:", "premise, (1) and (2) at one η", "holds at η",
    ):  # fmt: skip
        assert words in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--search", "quik"), "did you mean 'quick'"),
        (("--folds", "1"), "2 or more branches"),
        (("--folds", "two"), "is not a number"),
        (("--tears", "-2"), "at least -1"),
        (("--pieces", "-1"), "--pieces must not be negative"),
        (("--seed", "-1"), "must not be negative"),
        (("--jobs", "0"), "must not be 0"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], words: str, run: Run) -> None:
    result = run(*MODEL, *arguments)
    assert result.returncode == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
