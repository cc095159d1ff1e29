"""Checks whether the optimal q is global: ``python -m benchmarks.global_q [DECODERS] [X EACH]``.

Random decoders of four kinds, x drawn from p(x) of each: where does :func:`optimal_q` end above
what :func:`certify_optimal_q` cannot exclude, by how much at most, and at what price (processor
time an x: from the model on, and again, with what serves all x built)?
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.random_decoders import KINDS, random_model
from theorycheck.inference import MeanField, certify_optimal_q
from theorycheck.models import GenerativeModel, benchmark

BENCHMARKS = ("figure8", "circle", "absolute_value", "clusters", "spiral_dots")
#: Nats above the certificate's bound from which a minimum counts as missed: the certificate is
#: asked for 1e-9, and subtracts 1e-12 of the value for quadrature.
MISS = 1.1e-9
GAP = 1e-9


@dataclass
class Tally:
    """Misses and processor time, over the decoders of one kind."""

    points: int = 0
    missed: int = 0
    decoders: int = 0
    largest: float = 0.0
    seconds: float = 0.0
    again: float = 0.0

    def row(self, name: str) -> str:
        """Return a row of the table."""
        return (
            f"| {name} | {self.points} | {self.missed} in {self.decoders} | {self.largest:.2g} | "
            f"{1e6 * self.seconds / self.points:.1f} | {1e6 * self.again / self.points:.1f} |"
        )


def look(model: GenerativeModel, x: np.ndarray, tally: Tally, *, certify: bool = True) -> None:
    """Add what happens at these x to a tally."""
    start = time.process_time()
    field = MeanField(model)
    optimum = field.optimal_q(x)
    middle = time.process_time()
    field.optimal_q(x)
    tally.again += time.process_time() - middle
    tally.seconds += middle - start
    tally.points += len(x)
    if certify:
        gap = certify_optimal_q(field, x, optimum, gap=GAP).gap
        missed = int((gap > MISS * (1.0 + np.abs(optimum.negative_elbo))).sum())
        tally.missed += missed
        tally.decoders += missed > 0
        tally.largest = max(tally.largest, float(gap.max()))


def main() -> None:
    """Print the table."""
    count, each = (int(v) for v in [*sys.argv[1:], *("200", "50")[len(sys.argv) - 1 :]])
    warm = MeanField(random_model(4))
    warm.optimal_q(warm.model.sample(3, 0)[1])
    print("| decoders | x | missed | largest gap | µs an x, first | µs an x, again |")
    print("|---|---:|---:|---:|---:|---:|", flush=True)
    for name in BENCHMARKS:
        tally = Tally()
        model = benchmark(name)
        look(model, model.sample(5_000, 0)[1], tally, certify=False)
        print(tally.row(name), flush=True)
    tallies = {kind: Tally() for kind in KINDS}
    for index in range(count):
        model = random_model(index)
        look(model, model.sample(each, index)[1], tallies[KINDS[index % 4]])
    for kind, tally in tallies.items():
        print(tally.row(kind), flush=True)


if __name__ == "__main__":
    main()
