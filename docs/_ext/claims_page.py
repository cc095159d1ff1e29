"""The table of claims as a page: ``python docs/_ext/claims_page.py claims.json docs/claims.md``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theorycheck.files import replace_files
from theorycheck.report.claims_table import figure_text

_HEAD = """\
# The paper's claims, checked

Yacoby, Pan, Doshi-Velez, "Failure Modes of Variational Autoencoders and Their Effects on
Downstream Tasks" ({ref}`arXiv 2007.07124 <yacoby2020failure>`). Every number carries an error
radius; a verdict needs a margin above it and is otherwise inconclusive. Kinds: = tight, ≥ or ≤
one-sided, ∃ needs a witness, ∀ over a stated class. A claim is verified only if all of its parts
are; a refuted claim stays, with its witness. Not run: it has a check, which this run left out.

Made by `make claims` from what `theorycheck verify` wrote.
"""


def page(rows: list[dict[str, Any]]) -> str:
    """Return the page: the table of verdicts, then the evidence claim by claim.

    Parameters
    ----------
    rows : list of dict
        The entry ``claims`` of ``claims.json``.

    Returns
    -------
    str
    """
    counts = Counter(row["verdict"] for row in rows)
    lines = [_HEAD, ", ".join(f"{n} {verdict}" for verdict, n in counts.items()) + ".", ""]
    lines += ["| id | where | claim | kind | verdict |", "|---|---|---|---|---|"]
    for row in rows:
        number = f"[{row['id']}](#{row['id'].lower()})" if row["evidence"] else row["id"]
        cells = (number, row["where"], _cell(row["claim"]), row["kind"], f"**{row['verdict']}**")
        lines.append(f"| {' | '.join(cells)} |")
    for row in rows:
        if row["evidence"]:
            lines += ["", f"({row['id'].lower()})=", f"## {row['id']}: {row['verdict']}", ""]
            lines += [_escaped(row["claim"]) + f" ({row['where']})."]
            for entry in row["evidence"]:
                lines += ["", *_evidence(entry)]
    return "\n".join(lines) + "\n"


def _evidence(entry: Mapping[str, Any]) -> list[str]:
    lines = [f"**{entry['verdict']}**: {_escaped(entry['statement'])}", ""]
    lines += ["| measured | |", "|---|---|"]
    shown = {**entry["measured"], "*predicted*": entry["predicted"], "*margin*": entry["margin"]}
    if entry["margin"] is None:
        del shown["*margin*"]
    for name, value in shown.items():
        label = name if name.startswith("*") else _cell(name)
        lines.append(f"| {label} | {_cell(figure_text(value))} |")
    for title, key in (
        ("Over", "over"),
        ("Witness", "witness"),
        ("Not tested here", "untested"),
        ("Note", "notes"),
    ):
        if entry[key]:
            lines += ["", f"{title}: {_escaped(figure_text(entry[key]))}"]
    return lines


def _escaped(text: str) -> str:
    """Keep Markdown from taking |x|, q* or x_1 for markup."""
    for character in "\\*<_[]$`":
        text = text.replace(character, f"\\{character}")
    return text


def _cell(text: str) -> str:
    return _escaped(text).replace("|", "\\|").replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Write the page."""
    if len(arguments) != 2:
        print("usage: claims_page.py CLAIMS.json PAGE.md", file=sys.stderr)
        return 2
    rows = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))["claims"]
    replace_files({Path(arguments[1]): page(rows).encode()})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
