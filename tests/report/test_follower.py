"""What follows from a result is done while the next is computed, in order, and never twice."""

from __future__ import annotations

import threading

import pytest

from theorycheck.report._follower import run_with_follower

#: Seconds after which a test that waits in vain fails.
LONG = 30.0


def test_the_next_is_computed_meanwhile() -> None:
    begun = {2: threading.Event(), 3: threading.Event()}
    done: list[int] = []
    steps: list[int] = []

    def compute(item: int) -> int:
        if item in begun:
            begun[item].set()
        return 10 * item

    def follow(result: int) -> None:
        # The first is not followed up before the second is under way.
        if result == 10:
            assert begun[2].wait(LONG)
        done.append(result)

    run_with_follower([1, 2, 3], compute, follow, steps.append)
    assert done == [10, 20, 30]
    assert steps == [1, 1, 1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interruption_keeps_what_was_computed_before(error: type[BaseException]) -> None:
    going, done = threading.Event(), []

    def compute(item: int) -> int:
        if item == 2:
            assert going.wait(LONG)
            raise error
        return item

    def follow(result: int) -> None:
        going.set()
        done.append(result)

    with pytest.raises(error):
        run_with_follower([1, 2, 3], compute, follow, lambda _: None)
    assert done == [1]


def test_what_fails_to_follow_ends_the_run() -> None:
    computed, failed = [], threading.Event()

    def compute(item: int) -> int:
        if item == 2:
            assert failed.wait(LONG)
        computed.append(item)
        return item

    def follow(result: int) -> None:
        failed.set()
        raise OSError(28, f"no space for {result}")

    with pytest.raises(OSError, match="no space for 1"):
        run_with_follower(range(1, 100), compute, follow, lambda _: None)
    assert len(computed) < 99
