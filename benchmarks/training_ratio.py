"""Times ten restarts as one batch against single networks: ``python -m benchmarks.training_ratio``.

Rounds alternate between the loops, so that whatever else the machine does falls on all of them;
ratios are taken within a round, and their median is what counts. One torch thread. Of pythae, where
it is installed, whole epochs are timed, and what two take beyond one: without its set-up.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.test_bench_training import STEPS, batched, plain
from benchmarks.torch_peers import EPOCH, pythae_training, torch_threads
from theorycheck.models import benchmark

RESTARTS = 10


def _time(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def _pythae_step() -> float:
    """Return the seconds of one step of pythae."""

    def run(epochs: int) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            pythae_training(benchmark("figure8"), steps=epochs * EPOCH, folder=folder)

    logging.disable(logging.CRITICAL)
    try:
        one, two = _time(lambda: run(1)), _time(lambda: run(2))
    finally:
        logging.disable(logging.NOTSET)
    return (two - one) / EPOCH


def ratios(rounds: int) -> dict[str, list[float]]:
    """Return milliseconds a step, and ratios, of every round."""
    ours, single = batched("vae"), plain()
    peer = importlib.util.find_spec("pythae") is not None
    found: dict[str, list[float]] = {}
    with torch_threads(1):
        ours()
        single()
        for _ in range(rounds):
            batch, one = _time(ours) / STEPS, _time(single) / STEPS
            row = {
                "ten restarts in one batch, ms a step": 1e3 * batch,
                "one plain network, ms a step": 1e3 * one,
                "ten plain networks one by one / one batch": RESTARTS * one / batch,
            }
            if peer:
                step = _pythae_step()
                row["one network by pythae, ms a step"] = 1e3 * step
                row["ten by pythae one by one / one batch"] = RESTARTS * step / batch
            for name, value in row.items():
                found.setdefault(name, []).append(value)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the median and the range over rounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_ratio")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    for name, values in ratios(options.rounds).items():
        low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
        print(f"{name:45s} {middle:8.2f}   {low:.2f} to {high:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
