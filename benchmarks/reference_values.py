"""The reference values of ``theorycheck.dataset``: ``python -m benchmarks.reference_values``.

For each benchmark: H and J of the ground truth; the best decoder of a search, its J evaluated
exactly on data nodes that the search never saw; and checks by other routes. It writes a card and a
decoder into ``theorycheck/dataset/reference_values``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from theorycheck import benchmark, decompose, find_optimum, load_model, log_density
from theorycheck.dataset import FOLDER, REFERENCED, Check, density_check
from theorycheck.estimate import Estimate
from theorycheck.json_values import jsonable
from theorycheck.models import GenerativeModel, write_table
from theorycheck.objectives import PMO_TOLERANCE, Decomposition
from theorycheck.optimum import QUICK, THOROUGH, Execution, PredictedOptimum, SearchSettings
from theorycheck.versions import versions

EFFORTS = {"quick": QUICK, "thorough": THOROUGH}
#: Draws that PMO and J are compared on, and at which q* is certified.
DRAWS, CERTIFIED = 20_000, 32
#: Nats that the certificate may leave open.
GAP = 1e-8


def make(name: str, effort: str, seed: int, jobs: int | None, folder: Path) -> dict[str, Any]:
    """Compute the values of one benchmark, write card and decoder, return the card."""
    start = time.perf_counter()
    truth = benchmark(name)
    at_truth = decompose(truth, certify=CERTIFIED)
    found = find_optimum(
        truth, SearchSettings(effort=EFFORTS[effort], seed=seed), execution=Execution(jobs=jobs)
    )
    file = folder / f"{name}.npz"
    write_table(file, found.cells.z, found.f, "linear", found.model.noise_variance)
    # What is stored is what is evaluated: the decoder as it is read back.
    stored = load_model(str(file))
    at_optimum = decompose(stored, truth, certify=CERTIFIED)
    checks = [
        *_checks("ground truth", truth, truth, at_truth, seed),
        *_checks("optimum", stored, truth, at_optimum, seed),
        Check(
            "J of the stored decoder against the search's own evaluation",
            abs(at_optimum.excess.value - found.excess.value),
            at_optimum.excess.error + found.excess.error,
        ),
    ]
    card = jsonable(
        {
            "name": name,
            "formula": truth.decoder.formula,
            "noise_variance": float(truth.noise_variance[0]),
            "entropy": at_truth.entropy,
            "ground_truth": at_truth.figures.to_dict(),
            "optimum": {
                **at_optimum.figures.to_dict(),
                "decoder": file.name,
                "search": _search(found),
            },
            "units": "nats",
            "method": {
                "averages": at_truth.method,
                "optimum": "coordinate ascent on function space from many starts, refinement, "
                "basin hopping; J of the decoder found, hence an upper bound on the least J",
            },
            "effort": effort,
            "seed": seed,
            "precision": {"pmo_tolerance": PMO_TOLERANCE},
            "versions": versions(),
            "checks": [check.to_dict() for check in checks],
            "seconds": round(time.perf_counter() - start, 1),
        }
    )
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return dict(card)


def _search(found: PredictedOptimum) -> dict[str, object]:
    return {
        "starts": len(found.starts),
        "found": found.found,
        "hops": len(found.hops),
        "ground_truth_ascent": found.ground_truth_ascent,
        "converged": found.convergence.converged,
        "largest_slope": found.largest_slope,
    }


def _checks(
    what: str, model: GenerativeModel, truth: GenerativeModel, exact: Decomposition, seed: int
) -> list[Check]:
    """Check one decoder by routes that share as little as can be with the boxes of the PMO."""
    _, x = truth.sample(DRAWS, seed + 1)
    sampled = decompose(model, truth, sample=x)
    assert sampled.given is not None
    pmo = sampled.given.population_pmo
    checks = [
        Check(
            f"{what}: PMO against the mean over {DRAWS} draws, five standard errors allowed",
            abs(pmo.value - exact.pmo.value),
            pmo.error + exact.pmo.error,
        ),
        Check(
            f"{what}: MLEO against the mean over {DRAWS} draws, five standard errors allowed",
            abs(sampled.mleo.value - exact.mleo.value),
            sampled.mleo.error + exact.mleo.error,
        ),
    ]
    few = x[:64]
    density = density_check(model, few, log_density(model, few).value)
    checks.append(Check(f"{what}: {density.name}", density.measured, density.allowed))
    if exact.certificate is not None:
        checks.append(
            Check(
                f"{what}: branch and bound over all q at {exact.certificate.points} draws, "
                "largest gap",
                exact.certificate.largest_gap,
                GAP,
            )
        )
    return checks


def main() -> None:
    """Compute what was asked for and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(REFERENCED)}")
    parser.add_argument("--effort", choices=EFFORTS, default="quick")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER)
    chosen = parser.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    for name in chosen.names or REFERENCED:
        card = make(name, chosen.effort, chosen.seed, chosen.jobs, chosen.output)
        failed = [check["name"] for check in card["checks"] if not check["passed"]]
        values = [Estimate(**card[key]["excess"]) for key in ("ground_truth", "optimum")]
        print(f"{name}: J {values[0]} at the ground truth, {values[1]} at the optimum found")
        print(f"  {len(card['checks'])} checks, failed: {failed or 'none'}; {card['seconds']} s")


if __name__ == "__main__":
    main()
