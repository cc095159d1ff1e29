"""Times the optimal q by the engine, by L-BFGS from many starts, and by Adam on each x."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.peers import lbfgs_optimal_q
from benchmarks.timing import Size, seconds
from benchmarks.torch_peers import adam_optimal_q, torch_threads
from theorycheck.inference import MeanField
from theorycheck.models import benchmark

#: Nats above the optimum from which a peer has missed it. Adam's q is noisy to about the second.
_LBFGS_MISS, _ADAM_MISS = 1e-6, 0.01


def optimal_q_row(name: str, size: Size) -> str:
    """Time all three, and count where the peers end above the global optimum."""
    field = MeanField(benchmark(name))
    _, x = field.model.sample(5_000, 0)
    field.optimal_q(x[:10])
    ours = seconds(lambda: field.optimal_q(x), size.rounds) / len(x)
    few = x[: size.points]
    best = field.optimal_q(few).negative_elbo
    start = time.perf_counter()
    found = lbfgs_optimal_q(field.model, few)
    lbfgs = (time.perf_counter() - start) / len(few)
    adam_optimal_q(field.model, few, steps=1)
    start = time.perf_counter()
    with torch_threads(1):
        mean, scale = adam_optimal_q(field.model, few, steps=size.adam_steps)
    adam = (time.perf_counter() - start) / len(few)
    gap = field.negative_elbo(few, mean, scale) - best
    missed = int(np.sum(found > best + _LBFGS_MISS))
    adam_missed = int(np.sum(gap > _ADAM_MISS))
    return (
        f"| {name} | {ours * 1e6:.1f} | {lbfgs * 1e6:,.0f} | {lbfgs / ours:,.0f} | "
        f"{missed} of {len(few)} | {adam * 1e6:,.0f} | {adam / ours:,.0f} | "
        f"{adam_missed} of {len(few)} |"
    )
