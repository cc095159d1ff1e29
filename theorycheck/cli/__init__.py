"""Runs the command line, and shows a user's mistake in one line with its exit code.

0: done, whatever the verdict. 1: ``verify`` found a claim whose test fails. 2: bad input, with one
line on stderr. 130: interrupted. Anything else is a defect of this package and keeps its
traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from theorycheck.errors import TheorycheckError

__all__ = ["main"]

_BAD_INPUT = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``theorycheck``.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words of the command line; by default those of the process.

    Returns
    -------
    int
        The exit code.
    """
    # A terminal or pipe that cannot show σ or ± should not end the run.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        return _run(arguments)
    except TheorycheckError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        print("theorycheck: interrupted", file=sys.stderr)
        return _INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    import typer

    from theorycheck.cli.app import command

    # BadParameter, UsageError, ClickException, ...: typer names only the first of these itself,
    # and whether they come from click or from typer's own copy of it depends on its version.
    usage_error, click_error = typer.BadParameter.__mro__[1:3]
    try:
        result = command().main(
            args=None if arguments is None else list(arguments),
            prog_name="theorycheck",
            standalone_mode=False,
        )
    except typer.Exit as stop:
        result = stop.exit_code
    except typer.Abort as stop:
        raise KeyboardInterrupt from stop
    except Exception as error:
        if not isinstance(error, click_error):
            raise
        text = str(getattr(error, "format_message")())  # noqa: B009
        context = getattr(error, "ctx", None)
        if isinstance(error, usage_error) and context is not None:
            text = f"{text.rstrip('.')} (see {context.command_path} --help)"
        return _complain(text)
    # On Ctrl-C typer raises Abort, or in recent versions returns an exit code without a word.
    if result == _INTERRUPTED:
        raise KeyboardInterrupt
    return result if isinstance(result, int) else 0


def _complain(text: str) -> int:
    line = " ".join(part.strip() for part in text.splitlines() if part.strip())
    print(f"theorycheck: error: {line}", file=sys.stderr)
    return _BAD_INPUT
