"""Prints what the verbs return: one JSON object, or tables with a line in plain words."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout

from rich.console import Console
from rich.table import Table
from rich.text import Text

from theorycheck.estimate import Estimate, Verdict
from theorycheck.json_values import jsonable
from theorycheck.ruling import Ruling

_COLOURS = {
    Verdict.HOLDS: "bold green",
    Verdict.FAILS: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
}
#: Width where stdout is no terminal: a table must not lose digits in a log file.
_WIDTH = 160


def print_json(result: Mapping[str, object], verb: str) -> None:
    """Print one JSON object on stdout, with the name of its schema before all else.

    Parameters
    ----------
    result : mapping
    verb : str
        Name of the verb; :mod:`theorycheck.results._json_schemas` has its schema.
    """
    from theorycheck.results import schema_id

    result = {"schema": schema_id(verb), **result}
    # Readable where stdout can show σ, and the same object where it cannot.
    escaped = not (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    text = json.dumps(jsonable(result), indent=2, allow_nan=False, ensure_ascii=escaped)
    print(text, flush=True)


@contextmanager
def stdout_kept_for_result() -> Iterator[None]:
    """Send to stderr whatever a user's file, or a process, prints on stdout meanwhile."""
    try:
        sys.stdout.flush()
        number = sys.stdout.fileno()
        kept = os.dup(number)
    except (OSError, ValueError):  # not a real file, for example under a test runner
        with redirect_stdout(sys.stderr):
            yield
        return
    try:
        os.dup2(sys.stderr.fileno(), number)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, number)
        os.close(kept)


def console() -> Console:
    """Return the console of stdout."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)


def say(out: Console, text: str) -> None:
    """Print plain words; brackets in them are no markup."""
    out.print(Text(text))


def ruling_text(ruling: Ruling) -> Text:
    """Return a verdict and the kind that it rests on, in the verdict's colour."""
    return Text(str(ruling), style=_COLOURS[ruling.verdict])


def estimate_text(estimate: Estimate) -> str:
    """Return a number with its radius; an undefined one as a dash."""
    if not math.isfinite(estimate.value):
        return "—"
    return str(estimate)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """Make a table whose cells are never taken for markup.

    Parameters
    ----------
    title : str
    columns : sequence of str
        Headers; the first column is the label.
    rows : iterable of sequence of str or Text

    Returns
    -------
    rich.table.Table
    """
    result = Table(title=Text(title), title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        result.add_column(Text(column), overflow="fold", no_wrap=number > 0 and len(columns) > 2)
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return result
