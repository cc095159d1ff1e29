"""Checks whether the q of largest L_S is global: ``python -m benchmarks.iwae_q [X EACH]``.

The benchmarks' decoders, random ones and shuffled cells, x drawn from p(x) of each: where does
:func:`optimal_iwae_q` end below the best of a dense grid of (μ, s), and by how much? Brute force
takes one to six seconds an x.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.random_decoders import KINDS, random_model, shuffled_model
from theorycheck.inference import MeanField, iwae_bound, optimal_iwae_q
from theorycheck.models import GenerativeModel, benchmark
from theorycheck.quadrature import latent_cells

BENCHMARKS = ("figure8", "circle", "absolute_value", "clusters", "spiral_dots")
SAMPLES = (5, 50)
RANDOM = 16
CELLS, SHUFFLES = 40, 2
#: Nats below the grid's best from which an x counts as missed.
MISS = 1e-7


def best_of_grid(
    field: MeanField, x: NDArray[np.float64], samples: int, narrowest: float = 0.01
) -> NDArray[np.float64]:
    """Return the largest L_S on a grid of (μ, s), for every x."""
    means, scales = [], []
    for s in np.exp(np.arange(np.log(1.8), np.log(narrowest), -0.25)):
        row = np.arange(-4.5, 4.5, 0.4 * max(s, 0.02))
        means.append(row)
        scales.append(np.full(row.size, s))
    mean, scale = np.concatenate(means), np.concatenate(scales)
    found = np.empty(len(x))
    for k, here in enumerate(x):
        same = np.broadcast_to(here, (mean.size, here.size))
        found[k] = iwae_bound(field, same, mean, scale, samples).value.max()
    return found


def _models() -> Iterator[tuple[str, GenerativeModel]]:
    cells = latent_cells(CELLS)
    for name in BENCHMARKS:
        yield name, benchmark(name)
        for seed in range(SHUFFLES):
            yield f"{name}, shuffled {seed}", shuffled_model(name, cells, seed)
    for index in range(RANDOM):
        model = random_model(index)
        yield f"{KINDS[index % 4]} {index}, D = {model.data_dim}", model


def main() -> None:
    """Print the table."""
    each = int([*sys.argv[1:], "10"][0])
    print("| decoder | S | x | missed | by at most, nats | ms an x | brute force |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for seed, (name, model) in enumerate(_models()):
        field = MeanField(model)
        x = model.sample(each, seed)[1]
        optimal_iwae_q(field, x[:1], 2)
        for samples in SAMPLES:
            start = time.process_time()
            found = optimal_iwae_q(field, x, samples).bound.value
            middle = time.process_time()
            best = best_of_grid(field, x, samples)
            spent = 1e3 * (middle - start) / each, 1e3 * (time.process_time() - middle) / each
            below = best - found
            print(
                f"| {name} | {samples} | {each} | {int((below > MISS).sum())} | "
                f"{max(float(below.max()), 0.0):.2g} | {spent[0]:.1f} | {spent[1]:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
