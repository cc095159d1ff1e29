"""``theorycheck prove``: the list, one derivation in each form, and what goes wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from proofs import catalogue, solver
from proofs.derivation import Derivation
from tests.results.test_json_schemas import complaints
from theorycheck.cli import main

Capture = pytest.CaptureFixture[str]
QUICK = ("gibbs", "theorem1_gap", "theorem1_solver")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the list be of three derivations only."""
    monkeypatch.setattr(catalogue, "NAMES", QUICK)


@pytest.mark.usefixtures("few")
def test_the_list(capsys: Capture) -> None:
    assert main(["prove"]) == 0
    out = capsys.readouterr().out
    for name in QUICK:
        assert name in out
    assert "not proved" not in out
    assert main(["prove", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["derivations"]
    assert [row["name"] for row in rows] == list(QUICK)
    assert all(row["proved"] is True and row["steps"] > 2 for row in rows)


def test_the_whole_list_is_proved(capsys: Capture) -> None:
    assert main(["prove", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in printed["derivations"]} == set(catalogue.NAMES)
    assert complaints("prove", printed) == []


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_one_in_the_terminal(name: str, capsys: Capture) -> None:
    assert main(["prove", name]) == 0
    out = capsys.readouterr().out
    derivation = catalogue.load(name)
    for heading in ("Hypotheses", "Statement", "Proof", "Conclusion"):
        assert heading in out
    assert out.count("✓") == len(derivation.steps)
    assert "✗" not in out


def test_one_as_json(capsys: Capture) -> None:
    assert main(["prove", "theorem1_repair", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["proved"] is True
    assert [step["number"] for step in result["steps"]] == [1, 2, 3]
    assert all(step["proved"] and step["formula"] and step["reason"] for step in result["steps"])
    assert result["hypotheses"]


def test_one_as_latex(capsys: Capture) -> None:
    assert main(["prove", "theorem2_minimum", "--latex"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(r"\subsection*{")
    assert out.rstrip().count(r"\item") >= 8


@pytest.mark.parametrize("form", [[], ["--json"], ["--latex"]])
def test_a_step_that_is_not_proved(
    form: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(catalogue, "load", _broken_load)
    assert main(["prove", "theorem2_minimum", *form]) == 1
    out = capsys.readouterr().out
    if not form:
        assert "✗ not proved" in out
        assert out.count("✓") == 4
    if form == ["--json"]:
        assert json.loads(out)["proved"] is False


_LOAD = catalogue.load


def _broken_load(name: str) -> Derivation:
    derivation = _LOAD(name)
    _, mutant = next(derivation.steps[0].mutants())
    return replace(derivation, steps=(mutant, *derivation.steps[1:]))


@pytest.mark.usefixtures("few")
def test_a_list_with_a_step_that_is_not_proved(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(catalogue, "load", _broken_load)
    monkeypatch.setattr(catalogue, "NAMES", ("theorem1_gap",))
    assert main(["prove"]) == 1
    assert "1 not proved" in capsys.readouterr().out


@pytest.mark.usefixtures("few")
def test_without_the_second_prover(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(solver, "available", lambda: False)
    assert main(["prove"]) == 0
    assert "needs z3-solver" in capsys.readouterr().out
    assert main(["prove", "theorem1_gap"]) == 0
    capsys.readouterr()
    assert main(["prove", "theorem1_solver"]) == 2
    assert "pip install 'theorycheck[proofs]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["theorem1_rapair"], "did you mean 'theorem1_repair'"),
        (["xyz"], "known: gibbs, decomposition"),
        (["gibbs", "--latex", "--json"], "only one of them"),
        (["--latex"], "needs the NAME"),
        (["gibbs", "gibbs"], "unexpected extra argument"),
    ],
)
def test_bad_input(arguments: list[str], says: str, capsys: Capture) -> None:
    assert main(["prove", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert says in captured.err


def test_the_wheel_has_the_proofs() -> None:
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert 'packages = ["theorycheck", "proofs", "neural"]' in text
