"""Search the optima that the notebooks look at: ``python -m notebooks.optima [NAME]...``.

Only decoders are stored, as tables that ``load_model`` reads. Every figure that a notebook shows of
them is computed anew, exactly, from the table.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from theorycheck.models import GenerativeModel, benchmark, load_model, write_table
from theorycheck.objectives import objective_of
from theorycheck.optimum import (
    IWAE_QUICK,
    QUICK,
    Execution,
    PredictedOptimum,
    SearchSettings,
    find_optimum,
)

HERE = Path(__file__).parent / "decoders"


def elbo(name: str) -> PredictedOptimum:
    """Search for the optimum of the ELBO."""
    return find_optimum(
        benchmark(name), SearchSettings(effort=QUICK, seed=0), execution=Execution(jobs=2)
    )


def iwae(name: str, samples: int) -> PredictedOptimum:
    """Search for the optimum of the IWAE bound, from the ELBO's optimum too."""
    # Which is stored, and need not be searched for once more.
    effort, held = replace(IWAE_QUICK, elbo=None), stored(f"{name}_elbo")
    data = benchmark(name)
    return find_optimum(
        data,
        SearchSettings(objective_of(samples), effort=effort, seed=0),
        given=[held],
        execution=Execution(jobs=2),
    )


def joint(name: str) -> PredictedOptimum:
    """Search for the best f and σ² together, one σ² for all data dimensions."""
    held = stored(f"{name}_elbo")
    return find_optimum(
        benchmark(name),
        SearchSettings(effort=QUICK, fit_noise="shared", seed=0),
        given=[held],
        execution=Execution(jobs=2),
    )


def stored(name: str) -> GenerativeModel:
    """Return a stored decoder with its σ²."""
    return load_model(str(HERE / f"{name}.npz"))


#: What is searched for, in order: later ones start from earlier ones.
SEARCHES: dict[str, Callable[[], PredictedOptimum]] = {
    "figure8_elbo": lambda: elbo("figure8"),
    "clusters_elbo": lambda: elbo("clusters"),
    "figure8_joint": lambda: joint("figure8"),
    "clusters_joint": lambda: joint("clusters"),
    "figure8_iwae2": lambda: iwae("figure8", 2),
    "figure8_iwae5": lambda: iwae("figure8", 5),
    "figure8_iwae20": lambda: iwae("figure8", 20),
}


def main() -> None:
    """Search for all, or for those named, and store their decoders."""
    for name in sys.argv[1:] or SEARCHES:
        start = time.perf_counter()
        found = SEARCHES[name]()
        z, sigma2 = found.cells.z, found.model.noise_variance
        write_table(HERE / f"{name}.npz", z, found.f, "linear", sigma2)
        seconds = time.perf_counter() - start
        print(f"{name}: J {found.excess}, MLEO {found.mleo}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
