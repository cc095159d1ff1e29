"""The two verbs that write a folder: what they pass on, exit codes, and what is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from theorycheck import claims, report
from theorycheck.cli import main
from theorycheck.optimum import QUICK
from theorycheck.report._analysis import ReportSearch

Capture = pytest.CaptureFixture[str]


@dataclass
class Result:
    """What run_verification returns."""

    exit_code: int
    claims: list[dict[str, object]] = field(default_factory=list)
    json_path: Path | None = None
    html_path: Path | None = None


@pytest.fixture
def verification(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], list[tuple[object, ...]]]:
    """Put a stand-in for the evidence machinery in place; return the calls it gets."""

    def install(outcome: object) -> list[tuple[object, ...]]:
        calls: list[tuple[object, ...]] = []

        def run_verification(
            output_directory: Path | None, *, pytest_args: Sequence[str] = ()
        ) -> object:
            calls.append((output_directory, list(pytest_args)))
            print("pytest talks")
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        # At the face: whoever imports the name from there gets the stand-in.
        monkeypatch.setattr(claims, "run_verification", run_verification)
        return calls

    return install


CLAIM = {"id": "C1", "claim": "[J] >= 0", "verdict": "holds", "measured": float("nan")}


def test_verify(verification: Callable[[object], list[tuple[object, ...]]], capfd: Capture) -> None:
    calls = verification(Result(0, [CLAIM], Path("a.json"), Path("a.html")))
    assert main(["verify", "--json", "-o", "evidence", "-k", "C1"]) == 0
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert found["claims"] == [{**CLAIM, "measured": None}]
    assert (found["exit_code"], found["json"], found["html"]) == (0, "a.json", "a.html")
    assert "pytest talks" in err
    small = ["-k", "C1", "--networks", "small", "--thorough"]
    assert calls == [(Path("evidence"), small)]
    assert not Path("evidence").exists()
    assert main(["verify", "--networks", "none"]) == 0
    assert main(["verify", "-k", "C1", "--networks", "full"]) == 0
    full = ["-k", "C1", "--networks", "full", "--thorough"]
    assert calls[1:] == [(None, []), (None, full)]
    assert main(["verify"]) == 0
    text = capfd.readouterr().out
    assert "[J] >= 0" in text
    assert "1 holds" in text


@pytest.mark.parametrize(
    ("outcome", "code", "says"),
    [
        (Result(1, [{**CLAIM, "verdict": "fails"}]), 1, ""),
        (Result(2), 130, "interrupted"),
        (Result(3), 2, "pytest ended with code 3"),
        (Result(5), 2, "no claim"),
        (PermissionError(13, "Permission denied"), 2, "-o out: cannot be written: Permission"),
    ],
)
def test_exit_codes(
    verification: Callable[[object], list[tuple[object, ...]]],
    capfd: Capture,
    outcome: object,
    code: int,
    says: str,
) -> None:
    verification(outcome)
    assert main(["verify", "-o", "out"]) == code
    assert says in capfd.readouterr().err


def test_report(monkeypatch: pytest.MonkeyPatch, capfd: Capture, tmp_path: Path) -> None:
    seen: dict[str, object] = {}

    def write_report(models: list[object], directory: Path, **options: object) -> Path:
        seen.update(options, models=models)
        return directory / "report.html"

    monkeypatch.setattr(report, "write_report", write_report)
    out = tmp_path / "a" / "b"
    arguments = ["report", "circle", "figure8", "-o", str(out), "--eta", "0.1", "--json"]
    assert main([*arguments, "--alternative", "expr:[z, z]"]) == 0
    assert json.loads(capfd.readouterr().out) == {
        "schema": "urn:theorycheck:json:report:1",
        "report": str(out / "report.html"),
        "models": ["circle", "figure8"],
    }
    assert seen["eta"] == [0.1]
    search = seen["search"]
    assert isinstance(search, ReportSearch)
    assert (search.name, search.seed, search.settings.effort) == ("quick", 0, QUICK)
    alternatives = seen["alternatives"]
    assert isinstance(alternatives, dict)
    # Having no σ² of its own it takes that of the model it is held against.
    taken = {name: f.noise_variance[0] for name, (f,) in alternatives.items()}
    assert taken == {"circle": 0.01, "figure8": 0.02}
    # The folder is the report writer's to make.
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--search", "quik"], "--search: there is no 'quik'"),
        (["--seed", "-1"], "--seed must be >= 0"),
    ],
)
def test_bad_searches(tmp_path: Path, capfd: Capture, options: list[str], says: str) -> None:
    assert main(["report", "circle", "-o", str(tmp_path / "new"), *options]) == 2
    assert says in capfd.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_real_report(tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "new"
    line = ["report", "expr:2*z", "--noise-variance", "0.5", "--tolerance", "1e-3"]
    line += ["--search", "none"]
    assert main([*line, "-o", str(out)]) == 0
    assert capfd.readouterr().out == f"Wrote {out / 'report.html'}\n"
    assert "</html>" in (out / "report.html").read_text(encoding="utf-8")


def test_a_real_run_that_selects_no_claim(capfd: Capture) -> None:
    assert main(["verify", "-k", "there_is_no_such_claim"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "no claim matches --select 'there_is_no_such_claim'" in err.splitlines()[-1]
