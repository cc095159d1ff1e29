"""What follows from a result is done in a second thread, while the next result is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from theorycheck.progress import Advance

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_with_follower(
    items: Iterable[Item],
    compute: Callable[[Item], Result],
    follow: Callable[[Result], None],
    advance: Advance,
) -> None:
    """Compute each item here, and let one other thread follow, in order.

    A search waits for its processes, and kernels leave Python's lock, so that there is a core for
    figures meanwhile.

    Parameters
    ----------
    items : iterable
    compute : callable
        From an item to its result.
    follow : callable
        Called with each result in the other thread, one at a time, in the items' order.
    advance : callable
        Called with 1 when an item has been followed up.

    Raises
    ------
    BaseException
        Whatever `compute` or `follow` raises, Ctrl-C included. What was followed up, or is under
        way, is finished before; what waits is left out.
    """
    waiting: list[Future[None]] = []

    def followed(result: Result) -> None:
        follow(result)
        advance(1)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="follower") as thread:
        try:
            for item in items:
                result = compute(item)
                # One that failed ends the run as soon as the next result is there.
                for future in waiting:
                    if future.done():
                        future.result()
                waiting.append(thread.submit(followed, result))
            for future in waiting:
                future.result()
        except BaseException:
            for future in waiting:
                future.cancel()
            raise
