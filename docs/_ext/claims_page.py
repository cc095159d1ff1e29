"""The table of claims as a page, and its short form in the README.

``python docs/_ext/claims_page.py claims.json docs/claims.md`` writes the page; the README beside
``docs`` has the short form between two comments, and that is written anew, too. With ``--update``
only the claims that have evidence in the file are written, and the others stay as they are: for a
run of a few claims, where that of all takes hours.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theorycheck.claims import figure_text
from theorycheck.files import replace_files

_HEAD = """\
# The paper's claims, checked

Yacoby, Pan, Doshi-Velez, "Failure Modes of Variational Autoencoders and Their Effects on
Downstream Tasks" ({ref}`arXiv 2007.07124 <yacoby2020failure>`). Every number carries an error
radius; a verdict needs a margin above it and is otherwise inconclusive. Kinds: = tight, ≥ or ≤
one-sided, ∃ needs a witness, ∀ over a stated class. A claim is verified only if all of its parts
are; a refuted claim stays, with its witness. Not run: it has a check, which this run left out.

Made by `make claims` from what `theorycheck verify` wrote.
"""

#: What stands in the README: the claims that say most, in few words.
_SHORT = {
    "C01": "−ELBO = H + MLEO + PMO (eq. 3)",
    "C03": "Theorem 1's proof carries it for any class of decoders (for an expressive one: open)",
    "C05": "Figure-8: some decoder meets condition (1) where the premise holds",
    "C07": "Figure-8: the best f and VAEs have MLEO > 0 and simpler posteriors where p(x) is high",
    "C08": "Figure-8: IWAE learns p(x) better than LIN, LIN better than VAE",
    "C09": "LIN does not repair it: it shares the VAE's optimum",
    "C10": "Circle: the VAE recovers p(x)",
    "C11": "Absolute-Value: the ELBO selects another f with the same p(x)",
    "C12": "Clusters: (1) and (2) hold at one η; the VAE learns p(x) poorly, IWAE better",
    "C13": "the σ² that minimises −ELBO, in closed form (Theorem 2)",
    "C14": "σ² is biased at the true f unless q is the posterior",
    "C15": "Spiral Dots: the ELBO over-estimates σ² (0.014 and 0.020 against 0.01)",
    "C16": "some objective with a mean-field q estimates σ² without this bias",
    "C17": "the ELBO can prefer an entangled representation with the same p(x)",
    "C18": "with more latents the ELBO is larger, a latent says less, posteriors are simpler",
    "C19": "manifold defences fail with the σ² and K that the ELBO selects",
    "C20": "Discrete Semi-Circle: VAE and LIN with labels collapse, IWAE learns both classes",
    "C21": "Continuous Semi-Circle: a Gaussian q of the label causes collapse even in IWAE",
    "C22": "three public tables: γ trades p(x) for p(x given y); IWAE no better than the VAE",
    "C23": "rows say of themselves whether they are Figure-8-like or Clusters-like",
    "C24": "the four guidelines, as advice computed from a table",
}
#: The line that counts the verdicts.
_TOTAL = re.compile(r"^\d+ [a-z ]+(, \d+ [a-z ]+)*\.$")
_START = "<!-- claims: this table is made by `make claims` -->"
_END = "<!-- end of claims -->"


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


def updated_page(old: str, rows: list[dict[str, Any]]) -> str:
    """Return a page with the claims of `rows` that have evidence in place of what it says of them.

    Parameters
    ----------
    old : str
        What :func:`page` returned for all claims.
    rows : list of dict
        The entry ``claims`` of a run of some.

    Returns
    -------
    str
    """
    new = page(rows)
    head, *sections = re.split(r"\n(?=\(c\d\d\)=\n)", old.rstrip("\n"))
    kept = {section[2:4]: section.rstrip("\n") for section in sections}
    _, *made = re.split(r"\n(?=\(c\d\d\)=\n)", new.rstrip("\n"))
    kept |= {section[2:4]: section.rstrip("\n") for section in made}
    lines = head.rstrip("\n").split("\n")
    for row in rows:
        if row["evidence"]:
            fresh = next(line for line in new.split("\n") if _is_row(line, row["id"]))
            lines = [fresh if _is_row(line, row["id"]) else line for line in lines]
    counts = Counter(re.findall(r"\| \*\*([^*]+)\*\* \|$", "\n".join(lines), re.MULTILINE))
    total = ", ".join(f"{n} {verdict}" for verdict, n in counts.items()) + "."
    lines = [total if _TOTAL.match(line) else line for line in lines]
    return "\n\n".join(["\n".join(lines), *(kept[number] for number in sorted(kept))]) + "\n"


def updated_readme(readme: str, rows: list[dict[str, Any]], page_text: str) -> str:
    """Return a README whose short table has the claims of `rows` anew, and the page's totals."""
    head, _, rest = readme.partition(_START)
    table, _, tail = rest.partition(_END)
    if not tail:
        return readme
    lines = table.strip("\n").split("\n")
    made = short_table(rows).split("\n")
    for row in rows:
        if row["evidence"] and row["id"] in _SHORT:
            fresh = next(line for line in made if _is_row(line, row["id"]))
            lines = [line for line in lines if not _is_row(line, row["id"])]
            known = [(i, re.match(r"\| (C\d\d) ", line)) for i, line in enumerate(lines)]
            before = [i for i, found in known if found and found[1] < row["id"]]
            lines.insert(before[-1] + 1 if before else 2, fresh)
    total = next(line for line in page_text.split("\n") if _TOTAL.match(line))
    last = re.sub(r"\([^()]*\)\.$", f"({total.rstrip('.')}).", lines[-1])
    text = "\n".join([*lines[:-1], last])
    return f"{head}{_START}\n\n{text}\n\n{_END}{tail}"


def _is_row(line: str, number: str) -> bool:
    """Tell whether a line of a table is a claim's."""
    return line.startswith((f"| {number} |", f"| [{number}]("))


def short_table(rows: list[dict[str, Any]]) -> str:
    """Return the README's table: the claims in few words, and their verdicts."""
    counts = Counter(row["verdict"] for row in rows)
    by_id = {row["id"]: row for row in rows}
    lines = ["| | the paper's claim | verdict | its statements, one by one |", "|---|---|---|---|"]
    for n, text in _SHORT.items():
        if n not in by_id or not by_id[n]["evidence"]:
            continue
        each = Counter(entry["verdict"] for entry in by_id[n]["evidence"])
        parts = ", ".join(f"{count} {verdict}" for verdict, count in each.items())
        lines.append(f"| {n} | {text} | **{by_id[n]['verdict']}** | {parts} |")
    total = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    lines += [
        "",
        f"All {len(rows)}, with the evidence: [docs/claims.md](docs/claims.md) ({total}).",
    ]
    return "\n".join(lines)


def with_short_table(readme: str, rows: list[dict[str, Any]]) -> str:
    """Return a README with the table between its two comments written anew."""
    head, _, rest = readme.partition(_START)
    _, _, tail = rest.partition(_END)
    if not tail:
        return readme
    return f"{head}{_START}\n\n{short_table(rows)}\n\n{_END}{tail}"


def _evidence(entry: Mapping[str, Any]) -> list[str]:
    rests = entry["rests_on"]
    lines = [f"**{entry['verdict']}** ({rests}): {_escaped(entry['statement'])}", ""]
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
    """Keep Markdown from taking |x|, q* or x_1 for markup; `code` stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts = [text]
    for character in "\\*<_[]$`":
        parts[::2] = [part.replace(character, f"\\{character}") for part in parts[::2]]
    return "`".join(parts)


def _cell(text: str) -> str:
    return _escaped(text).replace("|", "\\|").replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Write the page."""
    update = arguments[:1] == ["--update"]
    arguments = arguments[1:] if update else arguments
    if len(arguments) != 2:
        print("usage: claims_page.py [--update] CLAIMS.json docs/claims.md", file=sys.stderr)
        return 2
    rows = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))["claims"]
    target = Path(arguments[1])
    written = updated_page(target.read_text(encoding="utf-8"), rows) if update else page(rows)
    files = {target: written.encode()}
    readme = target.resolve().parent.parent / "README.md"
    if readme.is_file():
        text = readme.read_text(encoding="utf-8")
        text = updated_readme(text, rows, written) if update else with_short_table(text, rows)
        files[readme] = text.encode()
    replace_files(files)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
