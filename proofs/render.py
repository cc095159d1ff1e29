"""Writes derivations as terminal text, as LaTeX and as the pages of docs/proofs.

``python -m proofs.render docs/proofs`` writes the pages.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from proofs.catalogue import NAMES, load
from proofs.derivation import Derivation, Outcome
from proofs.typeset import formula_latex, formula_text, prose_latex

#: Prose is not read easily in longer lines.
_PROSE_WIDTH = 100
_NOTE = (
    "Made by `python -m proofs.render docs/proofs`; each step is checked when "
    "`theorycheck prove {name}` runs."
)


def terminal_lines(
    derivation: Derivation, outcome: Outcome, width: int
) -> Iterator[tuple[str, str]]:
    """Yield blocks of text of a derivation that was run, each with a style of rich.

    Parameters
    ----------
    derivation : Derivation
    outcome : Outcome
    width : int
        Width of the terminal, in characters.

    Yields
    ------
    tuple of str
        Text and style.
    """
    yield derivation.title, "bold"
    yield f"{derivation.name}: {derivation.paper}", "dim"
    yield "\nHypotheses", "bold"
    for hypothesis in derivation.hypotheses:
        yield _wrapped(hypothesis.text, "  • ", width), ""
    yield "\nStatement", "bold"
    yield _wrapped(derivation.statement, "  ", width), ""
    yield "\nProof", "bold"
    for number, (step, held) in enumerate(zip(derivation.steps, outcome.steps, strict=True), 1):
        yield _wrapped(step.reason, f"  {number}. ", width), ""
        yield textwrap.indent(formula_text(step, width - 8), " " * 7), "cyan"
        mark, style = ("✓", "green") if held else ("✗ not proved:", "bold red")
        yield f"     {mark} {step.method}", style
    yield "\nConclusion", "bold"
    yield _wrapped(derivation.conclusion, "  ", width), ""


def _wrapped(text: str, mark: str, width: int) -> str:
    """Fill lines of at most `width`; the mark is before the first."""
    return textwrap.fill(
        text,
        min(width, _PROSE_WIDTH),
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


def latex(derivation: Derivation) -> str:
    """Return a derivation as a LaTeX fragment (amsmath, amssymb).

    Parameters
    ----------
    derivation : Derivation

    Returns
    -------
    str
    """
    lines = [
        rf"\subsection*{{{prose_latex(derivation.title)}}}",
        rf"\emph{{{prose_latex(derivation.paper)}}}",
        r"\paragraph{Hypotheses}",
        r"\begin{itemize}",
        *(rf"  \item {prose_latex(h.text)}" for h in derivation.hypotheses),
        r"\end{itemize}",
        rf"\paragraph{{Statement}} {prose_latex(derivation.statement)}",
        r"\paragraph{Proof}",
        r"\begin{enumerate}",
    ]
    for step in derivation.steps:
        lines += [rf"  \item {prose_latex(step.reason)}", r"  \[", f"    {formula_latex(step)}"]
        lines += [r"  \]", rf"  (checked: {prose_latex(step.method)})"]
    lines += [r"\end{enumerate}", rf"\paragraph{{Conclusion}} {prose_latex(derivation.conclusion)}"]
    return "\n".join(lines) + "\n"


def page(derivation: Derivation) -> str:
    """Return a derivation as a page of the documentation, Markdown with LaTeX displays.

    Parameters
    ----------
    derivation : Derivation

    Returns
    -------
    str
    """
    lines = [
        f"# {_escaped(derivation.title)}",
        "",
        f"*{_escaped(derivation.paper)}*",
        "",
        "**Hypotheses.**",
        "",
        *(f"- {_escaped(h.text)}" for h in derivation.hypotheses),
        "",
        f"**Statement.** {_escaped(derivation.statement)}",
        "",
        "**Proof.**",
        "",
    ]
    for number, step in enumerate(derivation.steps, 1):
        lines += [f"**{number}.** {_escaped(step.reason)} *(checked: {step.method})*", ""]
        lines += ["$$", formula_latex(step), "$$", ""]
    lines += [f"**Conclusion.** {_escaped(derivation.conclusion)}", ""]
    lines += ["---", "", _NOTE.format(name=derivation.name)]
    return "\n".join(lines) + "\n"


def index() -> str:
    """Return the page that lists all derivations."""
    rows = [
        f"| [{d.name}]({d.name}.md) | {_escaped(d.title)} | {_escaped(d.paper)} |".replace(
            "\\\\", "\\"
        )
        for d in map(load, NAMES)
    ]
    lines = [
        "# Proofs",
        "",
        "Each page is a derivation whose steps sympy, or z3, checks when `theorycheck prove NAME` "
        "runs; `theorycheck prove` runs all.",
        "Begin with [Theorem 1: what it proves, what it does not, and the repair](theorem1.md).",
        "",
        "| name | statement | in the paper |",
        "|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Keep Markdown from taking |x|, q* or x_1 for markup."""
    for character in "*|<_":
        text = text.replace(character, f"\\{character}")
    return text


def pages() -> dict[str, str]:
    """Return all generated pages by file name."""
    return {"index.md": index(), **{f"{name}.md": page(load(name)) for name in NAMES}}


def main(arguments: list[str]) -> int:
    """Write the pages into the folder given."""
    if len(arguments) != 1:
        print("usage: python -m proofs.render FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
