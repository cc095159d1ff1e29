"""Times functions, and sets the sizes for the tables of ``benchmarks.table``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Size:
    """How much is timed.

    Parameters
    ----------
    names : tuple of str
        Benchmarks compared.
    points : int
        x at which dear methods are tried.
    rounds : int
        Number of repetitions; the least time counts.
    chains, temperatures : int
        Size of annealed importance sampling.
    adam_steps : int
        Adam steps of the fit of q to one x.
    budgets : dict of str to tuple of int
        Training steps tried, by loop.
    restarts : int
        Number of restarts in the batched loop.
    seeds : int
        Runs of the loops that train one network at a time.
    starts : int or None
        Starts of the search for the optimum; None takes those of the quick search.
    """

    names: tuple[str, ...]
    points: int
    rounds: int
    chains: int
    temperatures: int
    adam_steps: int
    budgets: dict[str, tuple[int, ...]]
    restarts: int
    seeds: int
    starts: int | None


FULL = Size(
    names=("figure8", "circle", "absolute_value", "clusters", "spiral_dots"),
    points=20,
    rounds=3,
    chains=16,
    temperatures=500,
    adam_steps=1000,
    budgets={"batched": (2000, 8000), "plain": (2000, 8000), "pythae": (2000, 8000)},
    restarts=10,
    seeds=3,
    starts=None,
)
#: To see that everything runs; the numbers mean nothing.
SMALL = Size(
    names=("circle",),
    points=6,
    rounds=1,
    chains=2,
    temperatures=20,
    adam_steps=20,
    budgets={"batched": (20,), "plain": (20,), "pythae": (100,)},
    restarts=2,
    seeds=1,
    starts=2,
)


def seconds(job: Callable[[], object], rounds: int = 3) -> float:
    """Return the least time of a few rounds."""
    best = np.inf
    for _ in range(rounds):
        start = time.perf_counter()
        job()
        best = min(best, time.perf_counter() - start)
    return best
