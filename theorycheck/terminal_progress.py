"""Draws progress bars on stderr, for what takes longer than a second."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from theorycheck.progress import NO_PROGRESS, Advance, Progress

#: Seconds of work before anything is drawn.
DELAY = 1.0


class TerminalProgress:
    """Draws the open tasks on one console; the bars vanish when the last of them is done.

    Parameters
    ----------
    console : rich.console.Console
        Console of stderr.
    delay : float
        Seconds before the bars are drawn.
    """

    def __init__(self, console: Console, delay: float = DELAY) -> None:
        self._console = console
        self._delay = delay
        self._lock = threading.Lock()
        self._open = 0
        self._bars: Bars | None = None
        self._timer: threading.Timer | None = None

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Advance]:
        """Open a task; see :class:`theorycheck.progress.Progress`."""
        bars = self._enter()
        identity = bars.add_task(description, total=total)
        try:
            yield lambda steps: bars.advance(identity, steps)
        finally:
            bars.remove_task(identity)
            self._leave()

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(text, markup=False, highlight=False)

    def _enter(self) -> Bars:
        with self._lock:
            self._open += 1
            if self._bars is None:
                self._bars = Bars(
                    SpinnerColumn(),
                    TextColumn("{task.description}", markup=False),
                    BarColumn(),
                    MofNCompleteColumn(),
                    TimeElapsedColumn(),
                    TimeRemainingColumn(),
                    console=self._console,
                    transient=True,
                    # stdout belongs to the result, whatever is drawn here.
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._timer = threading.Timer(self._delay, self._show, args=(self._bars,))
                self._timer.daemon = True
                self._timer.start()
            return self._bars

    def _show(self, bars: Bars) -> None:
        with self._lock:
            # The last task may have ended while the timer was going off.
            if self._bars is bars:
                bars.start()

    def _leave(self) -> None:
        with self._lock:
            self._open -= 1
            if self._open or self._bars is None:
                return
            if self._timer is not None:
                self._timer.cancel()
            if self._bars.live.is_started:
                self._bars.stop()
            self._bars = self._timer = None


class _Lines:
    """Says on stderr what something long will cost, and draws nothing: for logs."""

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Advance]:
        with NO_PROGRESS.task(description, total) as advance:
            yield advance

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def terminal_progress() -> Progress:
    """Return a reporter that draws on stderr, or one that draws nothing if that is no terminal."""
    if not sys.stderr.isatty():
        return _Lines()
    return TerminalProgress(Console(stderr=True))
