"""The README's short table of claims is made of the same run as docs/claims.md."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from theorycheck.claims._ledger import CLAIMS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def claims_page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("claims_page", ROOT / "docs/_ext/claims_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verdicts(text: str) -> dict[str, str]:
    """Return the verdicts of a table by the claims' numbers."""
    rows = re.findall(r"^\| \[?(C\d\d)\b.*\| \*\*([\w ]+)\*\* \|", text, re.MULTILINE)
    return dict(rows)


def test_readme_agrees_with_the_page() -> None:
    """Where this fails, run ``make claims``."""
    readme = verdicts((ROOT / "README.md").read_text(encoding="utf-8"))
    page = verdicts((ROOT / "docs" / "claims.md").read_text(encoding="utf-8"))
    assert set(page) == {claim.number for claim in CLAIMS}
    assert len(readme) >= 10
    assert readme.items() <= page.items()


def test_only_the_table_is_written_anew(claims_page: ModuleType) -> None:
    known = [{"verdict": "verified"}, {"verdict": "inconclusive"}, {"verdict": "verified"}]
    rows = [{"id": c.number, "verdict": "inconclusive", "evidence": known} for c in CLAIMS]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    written = claims_page.with_short_table(readme, rows)
    assert set(verdicts(written).values()) == {"inconclusive"}
    assert written.count("| **inconclusive** | 2 verified, 1 inconclusive |") >= 10
    assert claims_page.with_short_table(written, rows) == written
    for part in (0, -1):
        assert written.split("<!--")[part] == readme.split("<!--")[part]
    assert claims_page.with_short_table("no table", rows) == "no table"


def test_an_update_leaves_the_other_claims_alone(claims_page: ModuleType) -> None:
    old = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    entry = {
        "verdict": "verified", "rests_on": "estimated", "statement": "as new", "measured": {},
        "predicted": "so", "margin": None, "over": "", "witness": "", "untested": "", "notes": "",
    }  # fmt: skip
    rows = [
        {
            **claim._asdict(), "id": claim.number, "claim": claim.text, "verdict": "not run",
            "evidence": [],
        }
        for claim in CLAIMS
    ]  # fmt: skip
    rows[16] |= {"verdict": "inconclusive", "evidence": [entry]}
    new = claims_page.updated_page(old, rows)
    wanted = verdicts(old) | {"C17": "inconclusive"}
    assert verdicts(new) == wanted
    assert "as new" in new
    total = next(line for line in new.split("\n") if claims_page._TOTAL.match(line))
    assert sum(int(number) for number in re.findall(r"\d+", total)) == len(CLAIMS)
    # All but C17's line, its section and the totals is as before.
    apart = set(new.split("\n")) ^ set(old.split("\n"))
    start, end = old.index("(c17)="), old.find("\n(c2")
    own = set(old[start : end if end > start else len(old)].split("\n"))
    assert len(apart - own - set(new[new.index("(c17)=") :].split("\n"))) <= 4
    assert claims_page.updated_page(new, rows) == new
    text = claims_page.updated_readme(readme, rows, new)
    assert verdicts(text)["C17"] == "inconclusive"
    assert verdicts(text).items() <= wanted.items()
    assert claims_page.updated_readme(text, rows, new) == text
