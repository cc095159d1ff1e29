"""Links between the pages lead somewhere, and every formula of theirs is translated."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *(p for p in DOCS.rglob("*.md") if "_build" not in p.parts)])
#: Written at each build, hence not in a fresh checkout.
MADE_BY_BUILD = {DOCS / "bibliography.md", DOCS / "_reference_values.md"}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """Return a page without its code, in which brackets are no links."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```(?!\{).*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]+`", "", text)


def slug(heading: str) -> str:
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -_")
    return kept.strip().replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^\(([\w-]+)\)=", text, re.MULTILINE))
    return targets | {slug(h) for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_internal_links_resolve(page: Path) -> None:
    links = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(page))
    links += re.findall(r"^```\{include\} (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    for link in links:
        if re.match(r"https?:|mailto:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists() or target in MADE_BY_BUILD, f"{link}: there is no {target}"
        if anchor and target.exists():
            assert anchor in anchors(target), f"{link}: no such heading or target"


def test_citations_are_in_the_bibliography() -> None:
    from theorycheck.citation._references import REFERENCES

    keys = {reference.key for reference in REFERENCES}
    assert len(keys) == len(REFERENCES)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"\{ref\}`[^<`]+<([^>]+)>`", text)) <= keys, page


@pytest.fixture(scope="module")
def mathml() -> ModuleType:
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location("mathml", DOCS / "_ext" / "mathml.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def formulas(page: Path) -> list[tuple[str, bool]]:
    text = prose(page)
    blocks = re.findall(r"\$\$\n?(.*?)\n?\$\$", text, re.DOTALL)
    rest = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    return [(b, True) for b in blocks] + [(i, False) for i in re.findall(r"\$([^$\n]+)\$", rest)]


@pytest.mark.parametrize("page", [p for p in PAGES if DOCS in p.parents], ids=name)
def test_formulas_are_translated(page: Path, mathml: ModuleType) -> None:
    for formula, block in formulas(page):
        assert mathml.to_mathml(formula, block).startswith("<math"), formula
        # Not read as TeX does: the two digits become the numerator, what follows the other part.
        assert not re.search(r"frac\s*\d", formula), f"{formula}: braces are needed"


def test_the_bibliography_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written at each build; what is committed must be what the list of references says."""
    pytest.importorskip("sphinx")
    # As sphinx has it: the extensions import each other.
    monkeypatch.syspath_prepend(DOCS / "_ext")
    spec = importlib.util.spec_from_file_location("pages", DOCS / "_ext" / "generated_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "bibliography.md").read_text(encoding="utf-8") == module.bibliography()


def test_the_longest_subscript_of_sympy(mathml: ModuleType) -> None:
    assert "substack" not in mathml.to_mathml(r"\left. v \right|_{\substack{ v=r }}", True)
