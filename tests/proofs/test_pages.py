"""The pages in docs/proofs and the LaTeX are what the derivations say now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proofs.catalogue import NAMES, load
from proofs.render import index, latex, main, page, pages
from proofs.typeset import formula_latex, formula_text, prose_latex

DOCS = Path(__file__).resolve().parents[2] / "docs" / "proofs"
AGAIN = "run python -m proofs.render docs/proofs"


def test_the_committed_pages_are_up_to_date() -> None:
    wanted = pages()
    for name, text in wanted.items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"{name} is stale: {AGAIN}"
    # The overview is written by hand.
    assert {p.name for p in DOCS.glob("*.md")} == {*wanted, "theorem1.md"}


@pytest.mark.parametrize("name", NAMES)
def test_page_and_latex_show_the_same_formulas(name: str) -> None:
    derivation = load(name)
    for step in derivation.steps:
        formula = formula_latex(step)
        assert formula in page(derivation)
        assert formula in latex(derivation)
        assert formula.count("{") == formula.count("}")
        assert formula.count(r"\left") == formula.count(r"\right")


@pytest.mark.parametrize("name", NAMES)
def test_latex_of_prose_is_plain_ascii(name: str) -> None:
    text = latex(load(name))
    assert text.isascii(), set(re.findall(r"[^\x00-\x7f]", text))
    assert text.count("{") == text.count("}")
    for environment in ("itemize", "enumerate", "aligned"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}")


def test_prose_latex() -> None:
    assert prose_latex("σ² > 0") == r"\ensuremath{\sigma}\ensuremath{^2} > 0"
    assert prose_latex("P_G") == r"P\ensuremath{_{\mathrm{G}}}"
    assert prose_latex("10 % of M_12²") == r"10 \% of M\ensuremath{_{12}}\ensuremath{^2}"
    assert prose_latex("e^{a·b}") == r"e\ensuremath{^{a\cdot b}}"


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("name", NAMES)
def test_formulas_fit_the_terminal(name: str, width: int) -> None:
    for step in load(name).steps:
        assert formula_text(step, width).strip()


def test_links_of_the_overview_and_the_index_lead_somewhere() -> None:
    for text in (index(), (DOCS / "theorem1.md").read_text(encoding="utf-8")):
        for target in re.findall(r"\]\(([\w./]+\.md)\)", text):
            assert (DOCS / target).resolve().is_file(), target


def test_writing_the_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "new")]) == 0
    assert {p.name for p in (tmp_path / "new").iterdir()} == set(pages())
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
