"""Runs ``theorycheck prove``: the derivations of the package `proofs`, checked and printed."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.options import AsJson
from theorycheck.errors import MissingExtraError, SettingError, nearest

if TYPE_CHECKING:
    from proofs.derivation import Derivation, Outcome

#: Width of the text where stdout is no terminal.
_WIDTH = 100
_FAILED = 1


def prove(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="The derivation to print; by default all are listed."),
    ] = None,
    as_latex: Annotated[
        bool, typer.Option("--latex", help="Print the derivation as LaTeX.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Run the verb; return its exit code."""
    if as_latex and as_json:
        raise SettingError("--latex and --json: only one of them")
    if name is None:
        if as_latex:
            raise SettingError("--latex needs the NAME of a derivation")
        return _list(as_json)
    return _one(_checked(name), as_latex, as_json)


def _checked(name: str) -> str:
    from proofs.catalogue import NAMES

    if name not in NAMES:
        raise SettingError(f"there is no derivation '{name}': {nearest(name, NAMES)}")
    return name


def _run(name: str) -> tuple[Derivation, Outcome | None]:
    """Load and run; no outcome where the second prover is not installed."""
    from proofs.catalogue import NEEDS_SOLVER, load
    from proofs.solver import available

    derivation = load(name)
    if name in NEEDS_SOLVER and not available():
        return derivation, None
    return derivation, derivation.run()


def _list(as_json: bool) -> int:
    from proofs.catalogue import NAMES
    from theorycheck.cli.render import print_json
    from theorycheck.terminal_progress import terminal_progress

    results = []
    with terminal_progress().task("derivations", len(NAMES)) as advance:
        for name in NAMES:
            results.append(_run(name))
            advance(1)
    if as_json:
        rows = [
            {
                "name": derivation.name,
                "title": derivation.title,
                "paper": derivation.paper,
                "steps": len(derivation.steps),
                "proved": None if outcome is None else outcome.proved,
                "seconds": None if outcome is None else outcome.seconds,
            }
            for derivation, outcome in results
        ]
        print_json({"derivations": rows}, "prove")
    else:
        _show_list(results)
    failed = any(outcome is not None and not outcome.proved for _, outcome in results)
    return _FAILED if failed else 0


def _show_list(results: list[tuple[Derivation, Outcome | None]]) -> None:
    from rich.text import Text

    from theorycheck.cli.render import console, say, table

    out = console()
    rows = []
    for derivation, outcome in results:
        if outcome is None:
            state = Text("needs z3-solver", style="bold yellow")
        elif outcome.proved:
            state = Text(f"{len(outcome.steps)} steps ✓", style="green")
        else:
            state = Text(f"{outcome.steps.count(False)} not proved", style="bold red")
        seconds = "—" if outcome is None else f"{outcome.seconds:.1f}"
        rows.append((derivation.name, Text(derivation.title), state, seconds))
    listing = table("Derivations", ("name", "statement", "checked", "seconds"), rows)
    listing.columns[1].no_wrap = False
    out.print(listing)
    say(out, "theorycheck prove NAME prints one step by step.")


def _one(name: str, as_latex: bool, as_json: bool) -> int:
    from proofs.render import latex, terminal_lines
    from theorycheck.cli.render import console, print_json

    derivation, outcome = _run(name)
    if outcome is None:
        raise MissingExtraError("z3", "proofs", f"theorycheck prove {name}")
    if as_json:
        print_json(_as_dict(derivation, outcome), "prove")
    elif as_latex:
        print(latex(derivation), end="")
    else:
        from rich.text import Text

        out = console()
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
        for text, style in terminal_lines(derivation, outcome, width):
            out.print(Text(text, style=style))
    return 0 if outcome.proved else _FAILED


def _as_dict(derivation: Derivation, outcome: Outcome) -> dict[str, object]:
    from proofs.typeset import formula_latex

    return {
        "name": derivation.name,
        "title": derivation.title,
        "paper": derivation.paper,
        "hypotheses": [hypothesis.text for hypothesis in derivation.hypotheses],
        "statement": derivation.statement,
        "steps": [
            {
                "number": number,
                "reason": step.reason,
                "formula": formula_latex(step),
                "method": step.method,
                "proved": held,
            }
            for number, (step, held) in enumerate(
                zip(derivation.steps, outcome.steps, strict=True), start=1
            )
        ],
        "conclusion": derivation.conclusion,
        "proved": outcome.proved,
        "seconds": outcome.seconds,
    }
