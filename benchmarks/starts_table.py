"""Counts which starts end near the best value found: ``python -m benchmarks.starts_table``.

Prints the Markdown that ``docs/optimum.md`` shows. Every start is ascended on the coarse level of
the quick search, all on the same data nodes, so that their values can be compared.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from theorycheck.models import benchmark
from theorycheck.optimum import (
    QUICK,
    EStep,
    Start,
    ascend_from,
    data_nodes,
    random_curve,
    random_start,
    torn,
)
from theorycheck.quadrature import latent_cells

NAMES = ("figure8", "circle", "absolute_value", "clusters")
#: Nats above the best of all starts within which one counts as having found it.
NEAR = 2e-3
Draw = Callable[[np.random.Generator, EStep, np.ndarray], Start]


def annealed(rng: np.random.Generator, e_step: EStep, truth: np.ndarray) -> Start:
    """Draw starts as the search does, until one is an annealed curve."""
    while True:
        start = random_start(rng, e_step, truth)
        if start.kind == "annealed curve":
            return start


def cold(rng: np.random.Generator, e_step: EStep, truth: np.ndarray) -> Start:  # noqa: ARG001
    """Draw the same random curves without the annealing."""
    return Start("curve", random_curve(rng, e_step, int(rng.integers(1, 7)), 1.0))


def tear(rng: np.random.Generator, e_step: EStep, truth: np.ndarray) -> Start:
    """Tear the ground truth; every second one is warmed."""
    return torn(rng, e_step, truth, "tear")


KINDS: dict[str, Draw] = {
    "annealed random curve": annealed,
    "the same curve, not annealed": cold,
    "tear of the ground truth": tear,
}


def rows(name: str, count: int) -> list[str]:
    """Ascend from `count` starts of each kind on one benchmark."""
    model = benchmark(name)
    nodes = data_nodes(model, QUICK.coarse_step, tail=1e-4, most=QUICK.most_nodes)
    e_step = EStep(nodes, latent_cells(QUICK.coarse_cells))
    truth = e_step.cells.average(model.decoder)
    alone = ascend_from(e_step, Start("truth", truth), model.noise_variance)[2] - nodes.entropy
    values: dict[str, np.ndarray] = {}
    spent: dict[str, float] = {}
    for kind, draw in KINDS.items():
        begin = time.process_time()
        found = []
        for k in range(count):
            start = draw(np.random.default_rng((7, k)), e_step, truth)
            found.append(ascend_from(e_step, start, model.noise_variance)[2] - nodes.entropy)
        values[kind], spent[kind] = np.array(found), (time.process_time() - begin) / count
    best = min(alone, *(float(v.min()) for v in values.values()))
    return [
        f"| {name} | {kind} | {int((v < best + NEAR).sum())} of {count} | {v.min():.4f} | "
        f"{np.median(v):.4f} | {alone:.4f} | {1e3 * spent[kind]:.0f} |"
        for kind, v in values.items()
    ]


def main() -> None:
    """Print the table; the number of starts of each kind is the first argument."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print("| benchmark | start | within 2e-3 of the best | lowest J | median J | "
          "J from the ground truth | ms a start |")  # fmt: skip
    print("|---|---|---:|---:|---:|---:|---:|")
    for name in NAMES:
        print("\n".join(rows(name, count)), flush=True)


if __name__ == "__main__":
    main()
