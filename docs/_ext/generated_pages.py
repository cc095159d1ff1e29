"""Pages and parts written anew at each build, and the place of pages that nobody listed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from api_pages import write_api_pages

from theorycheck.citation import REFERENCES, Reference
from theorycheck.dataset import REFERENCED, has_reference, reference

_HEAD = """\
# Bibliography

What this project uses, and for what. `theorycheck cite` prints the BibTeX entries of a run,
`theorycheck cite --all` those of this page.
"""
#: TeX's letters in names and titles.
_LETTERS = {'{\\"o}': "ö", "{\\'e}": "é", "{\\o}": "ø"}
#: Stands in a toctree for the pages that no other line of it names.
_OTHERS = "%others%"
#: Contents for the generated list of proofs, which is a table of links.
_PROOFS = "\n```{toctree}\n:hidden:\n:glob:\n\ntheorem1\n*\n```\n"

#: What napoleon looks for a type in, and a character that no docstring has.
_WITH_TYPE = ("attribute", "data", "property")
_COLON = "\ue000"


def bibliography() -> str:
    """Return the page."""
    return _HEAD + "".join(f"\n{_entry(entry)}" for entry in REFERENCES)


def _entry(entry: Reference) -> str:
    authors = "; ".join(_plain(entry.authors).split(" and ")).replace("; others", " et al.")
    number = re.search(r"arXiv:([\d.]+\d)", entry.where)
    where = entry.where
    if number:
        link = f"[{number[0]}](https://arxiv.org/abs/{number[1]})"
        where = where.replace(number[0], link)
    return (
        f"({entry.key})=\n\n"
        f"{authors} ({entry.year}). *{_plain(entry.title)}.* {where}\n"
        f": {entry.used_for}\n"
    )


def _plain(text: str) -> str:
    for tex, letter in _LETTERS.items():
        text = text.replace(tex, letter)
    return text


def reference_values() -> str:
    """Return the table of stored reference values."""
    head = ("name", "H", "J, ground truth", "J, optimum found", "its MLEO", "search")
    rows = []
    for name in filter(has_reference, REFERENCED):
        stored = reference(name)
        truth, best = stored.ground_truth, stored.optimum
        numbers = (stored.entropy, truth.excess, best.excess, best.mleo)
        search = f"{stored.card['effort']}, seed {stored.card['seed']}"
        rows.append((name, *map(str, numbers), search))
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _write(app: Any) -> None:
    folder = Path(app.srcdir)
    _replace(folder / "bibliography.md", bibliography())
    _replace(folder / "_reference_values.md", reference_values())
    for page, text in write_api_pages(folder).items():
        _replace(page, text)


def _replace(page: Path, text: str) -> None:
    # Untouched where nothing changed, so that Sphinx does not read it again.
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def _list_others(app: Any, name: str, source: list[str]) -> None:
    """Put pages that were added, and listed nowhere, into the contents."""
    if name == "proofs/index":
        source[0] += _PROOFS
    if name != "index":
        return
    listed = {line.strip() for line in source[0].splitlines()} | {"index"}
    others = sorted(page for page in app.env.found_docs if "/" not in page and page not in listed)
    source[0] = source[0].replace(_OTHERS, "\n".join(others))


def _protect(_app: Any, what: str, *arguments: Any) -> None:
    """Keep markup from being read where a docstring has none.

    reStructuredText takes the bars of |f| for a substitution; napoleon takes what stands before a
    colon in the docstring of a property for its type, so colons are hidden until it is done.
    """
    lines: list[str] = arguments[-1]
    for number, line in enumerate(lines):
        # What stands between double backquotes is literal already.
        parts = line.split("``")
        parts[::2] = [part.replace("|", "\\|") for part in parts[::2]]
        whole = "``".join(parts)
        lines[number] = whole.replace(":", _COLON) if what in _WITH_TYPE else whole


def _restore(*arguments: Any) -> None:
    """Show the colons again."""
    lines: list[str] = arguments[-1]
    lines[:] = [line.replace(_COLON, ":") for line in lines]


def setup(app: Any) -> dict[str, bool]:
    """Write the pages before any is read."""
    app.connect("builder-inited", _write)
    app.connect("source-read", _list_others)
    # napoleon has the default priority, 500.
    app.connect("autodoc-process-docstring", _protect, priority=400)
    app.connect("autodoc-process-docstring", _restore, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
