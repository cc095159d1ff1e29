"""Reports the progress of long work to an object of the caller; the core prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

#: Called with the number of steps just done.
Advance = Callable[[int], None]


class Progress(Protocol):
    """Receives the reports of long computations. The command line passes one drawn by rich."""

    def task(self, description: str, total: int | None) -> AbstractContextManager[Advance]:
        """Open a task of `total` steps (None: unknown) and yield its advance function."""
        ...

    def say(self, text: str) -> None:
        """Tell the user one line before something long begins, such as what it will cost."""
        ...


class _Silent:
    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Advance]:  # noqa: ARG002
        yield lambda _steps: None

    def say(self, text: str) -> None:
        pass


class _Wordless:
    def __init__(self, progress: Progress) -> None:
        self.task = progress.task

    def say(self, text: str) -> None:
        pass


def wordless(progress: Progress) -> Progress:
    """Return a reporter of the same tasks that says no lines: what they would say was said.

    Parameters
    ----------
    progress : Progress

    Returns
    -------
    Progress
    """
    return _Wordless(progress)


#: Reports nothing.
NO_PROGRESS: Progress = _Silent()
