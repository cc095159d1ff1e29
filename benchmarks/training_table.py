"""Times the predicted optimum against training, to the same J.

Each loop is given whole budgets of steps, with a learning rate that falls to nothing over the
budget, because that is how one trains. J of what it ends with is computed exactly, and that is not
timed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.timing import Size
from benchmarks.torch_peers import plain_training, pythae_training, torch_threads
from neural import TrainingSettings, train
from theorycheck.models import GenerativeModel, benchmark, from_torch_module
from theorycheck.objectives import decompose
from theorycheck.optimum import QUICK, Execution, SearchSettings, find_optimum

#: Where it is tried.
NAME = "figure8"
#: Error radius of the J of a trained network, nats.
_TOLERANCE = 1e-3


def _excess(decoder: Any, data: GenerativeModel) -> float:
    model = GenerativeModel(from_torch_module(decoder, "trained"), data.noise_variance)
    return decompose(model, data, tolerance=_TOLERANCE).excess.value


def _batched(data: GenerativeModel, steps: int, size: Size) -> tuple[float, list[float]]:
    restarts = size.restarts
    settings = TrainingSettings.of("vae", restarts=restarts, from_truth=0, steps=steps)
    start = time.perf_counter()
    trained = train(data, settings, device="cpu")
    spent = time.perf_counter() - start
    found = [decompose(trained.model(k), data, tolerance=_TOLERANCE) for k in range(restarts)]
    return spent, [d.excess.value for d in found]


def _one_by_one(
    data: GenerativeModel, steps: int, size: Size, kind: str
) -> tuple[float, list[float]]:
    spent, values = 0.0, []
    for seed in range(size.seeds):
        start = time.perf_counter()
        if kind == "plain":
            decoder = plain_training(data, steps=steps, seed=seed)
        else:
            with tempfile.TemporaryDirectory() as folder, _silence():
                decoder = pythae_training(data, steps=steps, folder=folder, seed=seed)
        spent += time.perf_counter() - start
        values.append(_excess(decoder, data))
    return spent, values


@contextlib.contextmanager
def _silence() -> Any:
    """Keep pythae's progress bars and logs out of the table."""
    sink = io.StringIO()
    logging.disable(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stderr(sink),
            contextlib.redirect_stdout(sink),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def training_rows(size: Size, note: Callable[[str], None]) -> list[str]:
    """Time the search and each loop."""
    data = benchmark(NAME)
    truth = decompose(data, tolerance=_TOLERANCE).excess.value
    effort = QUICK if size.starts is None else replace(QUICK, starts=size.starts, rounds=0)
    start = time.perf_counter()
    predicted = find_optimum(
        data, SearchSettings(effort=effort, seed=0), execution=Execution(jobs=2)
    )
    spent = time.perf_counter() - start
    goal = predicted.excess.value
    count = len(predicted.starts)
    rows = [
        f"| theorycheck, search over all f, {count} starts | {spent:.1f} | {goal:.4f} | 0 | — |",
        f"| the ground truth itself | — | {truth:.4f} | {truth - goal:+.4f} | — |",
    ]
    kinds = {"batched": f"neural/, {size.restarts} restarts in one batch",
             "plain": f"plain PyTorch loop, {size.seeds} runs"}  # fmt: skip
    if importlib.util.find_spec("pythae") is not None:
        kinds["pythae"] = f"pythae, {size.seeds} runs"
    for kind, label in kinds.items():
        for steps in size.budgets[kind]:
            note(f"{label}, {steps} steps")
            with torch_threads(1):
                run = _batched if kind == "batched" else _one_by_one
                arguments = (data, steps, size) if kind == "batched" else (data, steps, size, kind)
                spent, values = run(*arguments)  # type: ignore[operator]
            rows.append(
                f"| {label}, {steps:,} steps | {spent:.1f} | {min(values):.4f} | "
                f"{min(values) - goal:+.4f} | {np.median(values):.4f} |"
            )
    if "pythae" not in kinds:
        rows.append("| pythae | not installed here | — | — | — |")
    return rows
