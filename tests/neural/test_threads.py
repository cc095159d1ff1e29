"""Training keeps to one thread of the CPU, and leaves the process as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from neural._settings import TrainingSettings
from neural._threads import one_thread
from neural._training import train
from theorycheck.models._loading import load_model


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class Counting:
    """A reporter that notes the number of threads at each advance."""

    def __init__(self) -> None:
        self.seen: dict[str, set[int]] = {}

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Any]:
        del total
        yield lambda _: self.seen.setdefault(description, set()).add(torch.get_num_threads())


@pytest.mark.usefixtures("two_threads")
def test_the_number_of_threads_comes_back() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_every_step_is_taken_on_one_thread() -> None:
    # Starts at the ground truth too: the search for its optimal q runs compiled kernels.
    model = load_model("expr:[z, 0.5*z]", noise_variance=0.1)
    given = {"restarts": 2, "from_truth": 1, "steps": 20, "batch": 16, "hidden": (8, 8)}
    progress = Counting()
    train(model, TrainingSettings.of("vae", **given), device="cpu", progress=progress)
    titles = [title.split(" on ")[0] for title in progress.seen]
    assert sorted(titles) == ["fitting the ground truth", "vae"]
    assert all(threads == {1} for threads in progress.seen.values())
