"""Prints the tables and sentences of ``theorycheck optimum``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from theorycheck.cli.render import console, say, table
from theorycheck.models import IN_WORDS
from theorycheck.optimum import SAME_OPTIMUM

if TYPE_CHECKING:
    from pathlib import Path

    from theorycheck.objectives import Decomposition, Evaluation
    from theorycheck.optimum import PredictedOptimum, StartOutcome


def show(
    result: PredictedOptimum,
    path: Path | None,
    truth: Evaluation | None,
) -> None:
    """Print one optimum beside the ground truth, and how it was found.

    Parameters
    ----------
    result : PredictedOptimum
    path : Path or None
        File that it was written to.
    truth : Evaluation or None
        The data's own decoder under the objective that was minimised; None where its f is not
        known.
    """
    out = console()
    objective = result.objective
    # J of the objective has a row of its own where it is not that of the decomposition.
    beside = result.evaluation.beside
    at_truth = ["—"] * len(beside) if truth is None else [str(one) for one in truth.beside]
    rows = [
        (objective.meaning, of_truth, str(found))
        for of_truth, found in zip(at_truth, beside, strict=True)
    ]
    title = objective.name + "," * ("," in objective.name)
    rows += [
        (
            text,
            "—" if truth is None else str(getattr(truth.decomposition, name)),
            str(getattr(result.decomposition, name)),
        )
        for name, text in (
            ("excess", "J = MLEO + PMO" + (" of the ELBO" if rows else "")),
            ("mleo", "MLEO = KL[p ‖ p_f]"),
            ("pmo", "PMO = E KL[q* ‖ p_f(z|x)]"),
        )
    ]
    variances = (_numbers(result.data.noise_variance), _numbers(result.model.noise_variance))
    rows.append(("σ²", *variances))
    columns = ("nats", "ground truth", "optimum found")
    latents = result.latents
    whose = f" over decoders of {IN_WORDS[latents]} latents," if latents > 1 else ""
    heading = f"Optimum of the {title}{whose} on the data of {result.data.name}"
    out.print(table(heading, columns, rows))
    kinds = [
        (kind, f"{len(group)}", f"{group[0].node_excess:.5f}", f"{_middle(group):.5f}",
         f"{group[-1].node_excess:.5f}", f"{near}")
        for kind, group, near in grouped(result)
    ]  # fmt: skip
    name = objective.symbol
    heads = ("start", "number", *(f"{which} {name}" for which in ("lowest", "median", "highest")))
    heads += ("within 1e-3 of the best",)
    out.print(table("Where the starts ended, on the search's coarse data nodes", heads, kinds))
    for line in in_words(result, truth):
        say(out, line)
    more = f" --{objective.key} {objective.samples}" if result.evaluation.beside else ""
    if path is None:
        say(out, "Nothing was written: with -o FILE.npz the result and its decoder are kept.")
        return
    again = f"theorycheck decompose {path} --data MODEL{more}"
    say(out, f"The result is in {path}, a MODEL too: {again} judges its decoder.")


def show_path(
    results: Sequence[PredictedOptimum], paths: Sequence[Path | None], truth: Decomposition
) -> None:
    """Print J and MLEO at the optimum, one row a bound on |f′|."""
    out = console()
    rows = [
        (
            "none" if result.steepness is None else f"{result.steepness:g}",
            str(result.excess),
            str(result.mleo),
            str(result.pmo),
            f"{result.largest_slope:.3g}",
            "—" if path is None else str(path),
        )
        for result, path in zip(results, paths, strict=True)
    ]
    columns = ("bound on |f′|", "J", "MLEO", "PMO", "largest |f′|", "decoder")
    out.print(table(f"Optima on the data of {results[0].data.name}, nats", columns, rows))
    say(out, f"J of the ground truth: {truth.excess}. Each J is an upper bound on its class's.")


def grouped(result: PredictedOptimum) -> list[tuple[str, list[StartOutcome], int]]:
    """Group the starts by kind: kind, its starts from the best, and how many came near the best.

    Parameters
    ----------
    result : PredictedOptimum

    Returns
    -------
    list of (str, list of StartOutcome, int)
        The kind with the lowest J first.
    """
    groups: dict[str, list[StartOutcome]] = {}
    for start in result.starts:
        groups.setdefault(start.kind, []).append(start)
    limit = result.starts[0].node_excess + SAME_OPTIMUM
    return [
        (kind, group, sum(start.node_excess < limit for start in group))
        for kind, group in groups.items()
    ]


def in_words(result: PredictedOptimum, truth: Evaluation | None) -> list[str]:
    """Say what was gained, how surely, and what the figure is."""
    name = result.objective.symbol
    node_excess = result.convergence.node_excess
    lines = [
        f"{_gain(result, truth)} It is an upper bound: another f may do better still.",
        _search_gain(result),
        f"{result.found} of {len(result.starts)} starts ended within 1e-3 nats of the best of them"
        + (f"; {_hops(result)}." if result.hops else "."),
    ]
    state = "stands still" if result.convergence.converged else "was cut off"
    lines.append(
        f"The last ascent {state} after {result.convergence.evaluations} E-steps: one more M-step "
        f"would move f by {result.convergence.displacement:.1e} σ, gradient norm "
        f"{result.convergence.gradient_norm:.1e} nats; largest |f′| {result.largest_slope:.3g}. "
        f"On the search's own data nodes {name} = {node_excess:.6f}; other q could lower it by at "
        f"most {result.convergence.q_gap:.1e} nats."
    )
    if node_excess < 0.0:
        lines.append(
            "That is below 0, which no decoder is: f exploits the gaps between those nodes. Only "
            f"the exact {name} counts."
        )
    if not math.isfinite(result.excess.error):
        lines.append(f"{name} is not resolved: f is too steep for σ.")
    return lines


def _gain(result: PredictedOptimum, truth: Evaluation | None) -> str:
    """Say how far the optimum is below the ground truth, where that one's f is known."""
    name = result.objective.symbol
    if truth is None:
        return (
            f"{name} at the optimum found is {result.excess} nats; the ground truth's f is not in "
            "the file."
        )
    gap = truth.excess - result.excess
    sense = "below" if gap.value >= 0.0 else "above"
    return f"{name} at the optimum found is {abs(gap.value):.5g} nats {sense} the ground truth's."


def _search_gain(result: PredictedOptimum) -> str:
    """Compare like with like: both values are of the search's own cells and nodes."""
    name = result.objective.symbol
    if result.search_gain < SAME_OPTIMUM:
        return f"The ascent from the {result.first} alone ended at the same {name} as the search."
    return (
        f"The ascent from the {result.first} alone ended {result.search_gain:.2g} nats above the "
        f"best of the search ({name} ≈ {result.first_ascent:.5f} and "
        f"{result.best_of_search:.5f} on the search's own cells)."
    )


def _hops(result: PredictedOptimum) -> str:
    refined = [hop.refined for hop in result.hops if hop.refined is not None]
    near = sum(value < result.best_of_search + SAME_OPTIMUM for value in refined)
    return f"{near} of {len(result.hops)} basin hops came that near to the best of all"


def _middle(group: Sequence[StartOutcome]) -> float:
    return group[len(group) // 2].node_excess


def _numbers(values: object) -> str:
    return ", ".join(f"{value:g}" for value in values)  # type: ignore[attr-defined]
