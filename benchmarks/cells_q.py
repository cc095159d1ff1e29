"""Are the q of an ascent global? ``python -m benchmarks.cells_q``.

The benchmarks' decoders on cells, as they are and with their pieces shuffled: at how many data
nodes does the E-step end above what :meth:`EStep.certified` finds, by how much, and what does that
cost in E-steps (processor time)?
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.random_decoders import shuffled_on_cells
from theorycheck.models import benchmark
from theorycheck.objectives import objective_of
from theorycheck.optimum import data_nodes, make_e_step
from theorycheck.quadrature import latent_cells

BENCHMARKS = ("figure8", "circle", "absolute_value", "clusters", "spiral_dots")
#: S, cells, node spacing in σ, and data nodes at most: the last level of a quick search.
LEVELS = ((1, 600, 0.45, 4_000), (5, 320, 0.6, 600))
SHUFFLES = 4


def row(name: str, samples: int, cells_count: int, step: float, most: int) -> str:
    """Return a row of the table for one benchmark and one S."""
    model, cells = benchmark(name), latent_cells(cells_count)
    nodes = data_nodes(model, step, most=most)
    e_step = make_e_step(nodes, cells, objective_of(samples))
    looked = missed = 0
    worst = lost = left = 0.0
    spent, extra = [], []
    for shuffle in range(SHUFFLES):
        f = shuffled_on_cells(name, cells, shuffle) if shuffle else cells.average(model.decoder)
        found = e_step(f, model.noise_variance)
        start = time.process_time()
        found = e_step(f, model.noise_variance, found.minima)
        middle = time.process_time()
        best = e_step.certified(f, model.noise_variance, found)
        extra.append(time.process_time() - middle)
        spent.append(middle - start)
        lower = found.minima[:, 0, 2] - best.minima[:, 0, 2]
        looked += lower.size
        missed += int((lower > 1e-7).sum())
        worst = max(worst, float(lower.max()))
        lost = max(lost, found.negative_elbo - best.negative_elbo)
        left = max(left, best.gap)
    return (
        f"| {name} | {samples} | {looked} | {missed} | {worst:.2g} | {lost:.2g} | {left:.2g} | "
        f"{1e3 * float(np.median(spent)):.0f} | {1e3 * float(np.median(extra)):.0f} |"
    )


def main() -> None:
    """Print the table."""
    row("figure8", 1, 40, 1.2, 50)
    row("figure8", 5, 40, 1.2, 50)
    print(
        "| decoder | S | x | missed | by at most, nats | −ELBO lower by | gap left | "
        "E-step, ms | certified, ms |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for samples, cells, step, most in LEVELS:
        for name in BENCHMARKS:
            print(row(name, samples, cells, step, most), flush=True)


if __name__ == "__main__":
    main()
