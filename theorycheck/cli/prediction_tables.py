"""Prints a trained network beside the predicted optimum, for ``train`` and ``judge``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theorycheck.estimate import Estimate, Verdict
from theorycheck.optimum import SAME_OPTIMUM
from theorycheck.report import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from theorycheck.evaluation import Comparison, Distance
    from theorycheck.optimum import PredictedOptimum


#: Decimals in a table: networks differ in the third, and a row must fit a line.
_PLACES = 5


def figures(
    excess: Estimate, mleo: Estimate, pmo: Estimate, beside: Sequence[Estimate]
) -> list[str]:
    """Return the cells of one decoder: J of the objective if that is another, J, MLEO and PMO."""
    return [shown(part, _PLACES) for part in (*beside, excess, mleo, pmo)]


def columns(comparison: Comparison) -> tuple[str, ...]:
    """Return the heads of these cells."""
    own = (comparison.objective.symbol,) * len(comparison.evaluation.beside)
    return (*own, "J", "MLEO", "PMO")


def prediction_rows(comparison: Comparison) -> list[list[str]]:
    """Return two rows an optimum, what it has and how far the network is from it.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    list of list of str
        A label, then J_S (where that is the objective), J, MLEO and PMO.
    """
    rows = []
    for name, own in comparison.predicted.items():
        elbo = own.decomposition.excess
        label = "predicted optimum" + _restriction(own)
        rows.append([label, *figures(elbo, own.mleo, own.pmo, own.evaluation.beside)])
        distance = comparison.distances[name]
        gap = comparison.judged.excess - elbo
        beside = (distance.excess,) * len(own.evaluation.beside)
        rows.append(["gap: network − it", *figures(gap, distance.mleo, distance.pmo, beside)])
    return rows


def _restriction(optimum: PredictedOptimum) -> str:
    return "" if optimum.steepness is None else f", |f′| ≤ {optimum.steepness:.3g}"


def in_words(comparison: Comparison, *, where: str) -> list[str]:
    """Say how near the network came to each predicted optimum.

    Parameters
    ----------
    comparison : Comparison
    where : str
        A command that searches harder, for the case that the network is below the prediction.

    Returns
    -------
    list of str
        A sentence or two for each optimum, and what was compared.
    """
    if not comparison.predicted:
        return []
    objective = comparison.objective
    lines = []
    optima = comparison.predicted
    for name, own in optima.items():
        label = "the predicted optimum"
        if own.steepness is not None:
            label += f" among f no steeper than the network, |f′| ≤ {own.steepness:.3g}"
        lines += _verdict(comparison.distances[name], label, objective.told, where)
    first = next(iter(optima.values()))
    compared = f"Compared: {objective.told}, over all of p(x), at the best q of each decoder"
    if comparison.evaluation.beside:
        compared += "; J = MLEO + PMO is the ELBO's, beside it"
    if first.fit_noise != "no":
        compared += "; σ² was fitted in the search too, since the network's is not that of the data"
    slopes = f"the unrestricted optimum's largest |f′| is {first.largest_slope:.3g}"
    return [*lines, f"{compared}; {slopes}. An optimum found is an upper bound on the true one."]


def _verdict(distance: Distance, label: str, objective: str, where: str) -> list[str]:
    from theorycheck.evaluation import NEAR_OPTIMUM

    gap, within = distance.excess, f"{NEAR_OPTIMUM:g} nats ({distance.near_ruling.rests_on})"
    if distance.not_below is Verdict.FAILS:
        below = f"{objective} is {Estimate(-gap.value, gap.error)} nats"
        if -gap.value < SAME_OPTIMUM:
            return [
                f"Within {within}: {below} below that of {label}; the search fell "
                "short of the optimum by at least that."
            ]
        return [
            f"{below} BELOW that of {label} ({distance.near_ruling.rests_on}): what the search "
            f"found is then not the optimum. Search on: {where}."
        ]
    away = f"{objective} is {gap} nats above that of {label}"
    match distance.near:
        case Verdict.HOLDS:
            return [f"Within {within}: {away}."]
        case Verdict.FAILS:
            return [f"NOT within {within}: {away}."]
        case Verdict.INCONCLUSIVE:
            return [f"Within {within} or not is not decided: {away}."]
