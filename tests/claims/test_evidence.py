"""Evidence, the table of claims, and the run that fills it."""

from __future__ import annotations

import json
import math
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from theorycheck import files
from theorycheck.claims import _verification_run as verification_run
from theorycheck.claims._evidence import ClaimVerdict, Evidence, Ledger, LeftOpen, claim_verdict
from theorycheck.claims._ledger import CLAIMS
from theorycheck.claims._table import claim_rows, render_html
from theorycheck.claims._verification_run import claim_of, find_verification, run_verification
from theorycheck.errors import LoadingError, MissingExtraError
from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.files import replace_files

NUMBERS = [f"C{number:02d}" for number in range(1, 25)]


def made(claim: str = "C01", **changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "claim": claim,
        "where": "eq. 3",
        "statement": "two sides agree",
        "kind": "tight",
        "measured": {"left": Estimate(1.25, 1e-3), "count": 3.0, "word": "even"},
        "predicted": 1.25,
        "margin": Estimate(0.5, 0.01),
        "verdict": ClaimVerdict.VERIFIED,
        "witness": {"η": 0.25},
        "over": "one decoder",
        "notes": "a note",
    }
    return Evidence(**values | changes)


@pytest.mark.parametrize(
    "evidence",
    [
        made(),
        made(margin=None, witness=None, predicted="zero"),
        made(left_open=LeftOpen.CLASS, untested="the rest", predicted=Estimate(1.0, 0.5)),
        made(margin=Estimate(0.0, math.inf), verdict=ClaimVerdict.INCONCLUSIVE),
    ],
)
def test_round_trip(evidence: Evidence) -> None:
    text = json.dumps(evidence.to_dict(), allow_nan=False)
    assert Evidence.from_dict(json.loads(text)) == evidence


def test_numbers_that_are_not_finite_become_null() -> None:
    entry = made(measured={"ratio": math.inf}).to_dict()
    assert entry["measured"] == {"ratio": None}
    assert math.isnan(Evidence.from_dict(entry).measured["ratio"])  # type: ignore[arg-type]


def test_verdicts() -> None:
    assert [claim_verdict(v).value for v in Verdict] == ["verified", "refuted", "inconclusive"]


def test_the_claims_are_numbered_in_order() -> None:
    assert [claim.number for claim in CLAIMS] == NUMBERS
    assert all(claim.where and claim.text and claim.kind for claim in CLAIMS)


def row(ledger: Ledger, claim: str, with_test: frozenset[str] = frozenset()) -> dict[str, Any]:
    rows = claim_rows(ledger.to_dict(), with_test)
    assert [entry["id"] for entry in rows] == NUMBERS
    return next(entry for entry in rows if entry["id"] == claim)


V, R, INC = ClaimVerdict.VERIFIED, ClaimVerdict.REFUTED, ClaimVerdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("verdicts", "left_open", "overall"),
    [
        ([], LeftOpen.NOTHING, "not yet checked"),
        ([V, V], LeftOpen.NOTHING, "verified"),
        ([V, V], LeftOpen.NETWORKS, "verified in part"),
        ([V, V], LeftOpen.CLASS, "verified in part"),
        ([V, INC], LeftOpen.NOTHING, "inconclusive"),
        ([V, INC, R], LeftOpen.NETWORKS, "refuted"),
    ],
)
def test_a_claim_stands_only_if_all_parts_do(
    verdicts: list[ClaimVerdict], left_open: LeftOpen, overall: str
) -> None:
    ledger = Ledger()
    words = "" if left_open is LeftOpen.NOTHING else "the rest"
    for verdict in verdicts:
        ledger.record(made("C10", verdict=verdict, left_open=left_open, untested=words))
    assert row(ledger, "C10")["verdict"] == overall


def test_what_a_verdict_rests_on() -> None:
    """The kind of the margin; without one the weakest of what was measured."""
    drawn = Estimate(2.0, 0.1, Kind.STATISTICAL)
    exact = Estimate(1.0, 0.0, Kind.EXACT)
    assert made().rests_on is Kind.ESTIMATED
    assert made(margin=drawn).rests_on is Kind.STATISTICAL
    assert made(margin=exact, measured={"drawn": drawn}).rests_on is Kind.EXACT
    assert made(margin=None, measured={"a": exact, "b": drawn, "n": 3}).rests_on is drawn.kind
    assert made(margin=None, measured={"n": 3}).to_dict()["rests_on"] == "exact"


def test_words_alone_leave_nothing_open() -> None:
    """The verdict hangs on data, and data and words must agree."""
    for change in ({"untested": "the rest"}, {"left_open": LeftOpen.CLASS}):
        with pytest.raises(ValueError, match="both its kind and words"):
            made(**change)
    open_part = made(left_open=LeftOpen.NETWORKS, untested="the rest")
    assert open_part.closed() == made()


def test_a_claim_whose_check_fails_is_not_verified() -> None:
    ledger = Ledger()
    ledger.record(made("C10"))
    ledger.fail("C10", "test_one")
    ledger.fail("C10", "test_one")
    assert row(ledger, "C10")["verdict"] == "check failed"
    assert row(ledger, "C10")["failed"] == ["test_one"]


def test_a_check_that_was_not_selected_is_not_missing() -> None:
    assert row(Ledger(), "C02", frozenset({"C02"}))["verdict"] == "not run"
    assert row(Ledger(), "C03", frozenset({"C02"}))["verdict"] == "not yet checked"


def test_ledgers_of_workers_add_up() -> None:
    first, second = Ledger(), Ledger()
    first.record(made("C01"))
    second.record(made("C02"))
    second.fail("C02", "test_two")
    first.add(json.loads(json.dumps(second.to_dict())))
    assert [entry.claim for entry in first.evidence] == ["C01", "C02"]
    assert first.failed == {"C02": ["test_two"]}


class Page(HTMLParser):
    """Collects tags, ids and text; complains about what is left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        found = dict(attrs)
        self.ids += [str(found["id"])] if "id" in found else []
        self.links += [str(found[name]) for name in ("src", "href") if name in found]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_lists_every_claim_and_needs_nothing_else() -> None:
    ledger = Ledger()
    ledger.record(made("C01"))
    page = render_html(claim_rows(ledger.to_dict()))
    parsed = Page(page)
    assert parsed.ids == NUMBERS
    assert parsed.open == []
    assert parsed.links == []
    assert "script" not in parsed.seen
    assert page.count('class="badge not-yet-checked"') == 23 + 1  # the rows and their count
    for text in ("1.2500 ± 1.0e-03", "0.500 ± 1.0e-02", "η: 0.25", "one decoder", "a note"):
        assert text in page


def test_the_page_escapes_what_it_is_given() -> None:
    ledger = Ledger()
    nasty = "<script>alert('&')</script>"
    ledger.record(made(statement=nasty, witness=nasty, measured={nasty: nasty}, notes=nasty))
    ledger.fail("C02", nasty)
    page = render_html(claim_rows(ledger.to_dict()))
    assert "script" not in Page(page).seen
    assert page.count("&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;") == 6


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "claims.json"
    replace_files({path: b"old"})

    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        replace_files({path: b"new"})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


PASSING = """
from theorycheck.estimate import Estimate
from theorycheck.claims import ClaimVerdict, Evidence

def test_agrees(evidence):
    evidence(Evidence("C01", "eq. 3", "agrees", "tight", {"left": Estimate(1.0, 0.1)}, 1.0, None,
                      ClaimVerdict.VERIFIED))
"""
FAILING = PASSING.replace("C01", "C02") + "    assert False\n"
WARNING = "import warnings\n\ndef test_warns():\n    warnings.warn('loud')\n"
BROKEN = "raise RuntimeError('cannot even be imported')\n"


def folder(parent: Path, **checks: str) -> Path:
    """Make a verification/ with the real conftest and the given checks."""
    checks_folder = parent / "a folder" / "verification"
    checks_folder.mkdir(parents=True)
    shutil.copy(find_verification() / "conftest.py", checks_folder)
    for name, text in checks.items():
        (checks_folder / f"test_{name}.py").write_text(text)
    return checks_folder


def test_a_run_that_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.chdir(tmp_path)
    checks = folder(tmp_path, c01_agrees=PASSING)
    result = run_verification(Path("out"), verification_directory=checks)
    assert result.exit_code == 0
    assert result.json_path == tmp_path / "out" / "claims.json"
    assert result.html_path == tmp_path / "out" / "claims.html"
    assert json.loads(result.json_path.read_text(encoding="utf-8"))["claims"] == result.claims
    assert [claim["id"] for claim in result.claims] == NUMBERS
    assert result.claims[0]["verdict"] == "verified"
    assert result.claims[1]["verdict"] == "not yet checked"
    assert Page(result.html_path.read_text(encoding="utf-8")).ids == NUMBERS
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "claims.html",
        "claims.json",
    ]


def test_a_run_that_fails_still_writes_its_table(tmp_path: Path) -> None:
    checks = folder(
        tmp_path, c01_agrees=PASSING, c02_fails=FAILING, c03_warns=WARNING, c04_broken=BROKEN
    )
    arguments = ["--continue-on-collection-errors"]
    result = run_verification(
        tmp_path / "out", pytest_args=arguments, verification_directory=checks
    )
    assert result.exit_code == 1
    verdicts = [claim["verdict"] for claim in result.claims[:5]]
    assert verdicts == ["verified", *["check failed"] * 3, "not yet checked"]
    assert result.claims[1]["failed"] == ["test_agrees"]
    assert result.claims[1]["evidence"][0]["statement"] == "agrees"


def test_a_run_without_output_writes_nothing(tmp_path: Path) -> None:
    checks = folder(tmp_path, c01_agrees=PASSING, c02_fails=FAILING)
    before = sorted(tmp_path.rglob("*.json"))
    result = run_verification(None, pytest_args=["-k", "c01"], verification_directory=checks)
    assert (result.exit_code, result.json_path, result.html_path) == (0, None, None)
    assert [claim["verdict"] for claim in result.claims[:2]] == ["verified", "not run"]
    assert sorted(tmp_path.rglob("*.json")) == before


def test_a_run_that_cannot_start_does_not_pass_an_old_table_for_its_own(tmp_path: Path) -> None:
    checks = folder(tmp_path, c01_agrees=PASSING)
    assert run_verification(tmp_path, verification_directory=checks).exit_code == 0
    result = run_verification(
        tmp_path, pytest_args=["--no-such-option"], verification_directory=checks
    )
    assert result.exit_code == 4
    assert result.json_path is None
    assert result.claims[0]["verdict"] == "not run"


def test_without_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification_run.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'theorycheck\[test\]'"):
        run_verification(None)


def test_the_checks_are_found_in_either_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "theorycheck"
    beside, inside = tmp_path / "verification", package / "verification"
    monkeypatch.setattr(verification_run.theorycheck, "__file__", str(package / "__init__.py"))
    with pytest.raises(LoadingError, match="neither in nor beside"):
        find_verification()
    for place in (beside, inside):
        place.mkdir(parents=True)
        (place / "conftest.py").touch()
        assert find_verification() == place.resolve()


def test_every_check_of_ours_is_for_a_claim() -> None:
    names = [path.name for path in find_verification().glob("test_*.py")]
    assert names
    assert {claim_of(name) for name in names} <= set(NUMBERS)
    assert claim_of("conftest.py") is None
