"""Prints what ``theorycheck labels`` found: ground truth beside optimum, the collapse in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from theorycheck.cli.render import console, say, table
from theorycheck.estimate import Estimate
from theorycheck.models import LabelledModel
from theorycheck.objectives import CertifiedPoints, LabelledValue
from theorycheck.optimum import CollapseOnset, LabelledOptimum
from theorycheck.theorems import CollapseThreshold

#: Shares of the information on the label between which it is neither kept nor lost.
KEPT, LOST = 0.1, 0.9
ROWS = (
    ("excess", "J"),
    ("mleo_x", "MLEO_x = KL[p(x) ‖ p_f(x)]"),
    ("mleo_xy", "MLEO_xy = KL[p(x, y) ‖ p_f(x, y)]"),
    ("pmo_u", "PMO_U, x without a label"),
    ("pmo_l", "PMO_L, x with a label"),
    ("label_kl", "E KL[p(y|x) ‖ q(y|x)]"),
    ("information", "I(x; y)"),
    ("total_variation", "total variation of the classes"),
)


def show(
    data: LabelledModel,
    found: Sequence[tuple[LabelledValue, LabelledOptimum | None]],
    onsets: Sequence[CollapseOnset] = (),
    thresholds: Sequence[CollapseThreshold] = (),
) -> None:
    """Print a table for every γ and family, and what they say.

    Parameters
    ----------
    data : LabelledModel
        The ground truth.
    found : sequence of (LabelledValue, LabelledOptimum or None)
        The ground truth's value and the optimum for every objective.
    onsets : sequence of CollapseOnset
        Where collapse sets in, of the families where that was looked for.
    thresholds : sequence of CollapseThreshold
        Where one decoder for all classes is better than the ground truth, of the same.
    """
    out = console()
    for truth, optimum in found:
        objective = truth.objective
        columns = ("nats", "ground truth", *(() if optimum is None else ("optimum found",)))
        rows = [
            (
                text,
                str(getattr(truth, name)),
                *(() if optimum is None else (str(getattr(optimum.value, name)),)),
            )
            for name, text in ROWS
        ]
        title = f"{data.name}: {objective.described()}"
        out.print(table(title, columns, rows))
        values = {"ground truth": truth}
        if optimum is not None:
            values["optimum"] = optimum.value
        for where, value in values.items():
            if value.certificate is not None:
                say(out, _certified(where, value.certificate))
        if optimum is not None:
            say(out, in_words(optimum))
    if len(found) > 1:
        say(out, "")
        for line in verdicts(found):
            say(out, line)
    share = found[0][0].objective.labelled_share
    for onset in onsets:
        say(out, onset_in_words(onset, share))
    for threshold in thresholds:
        say(out, threshold_in_words(threshold))


def in_words(optimum: LabelledOptimum) -> str:
    """Say what the optimum does to the classes.

    Parameters
    ----------
    optimum : LabelledOptimum
        What the search found.

    Returns
    -------
    str
        One sentence or two.
    """
    gap = optimum.ground_truth.excess - optimum.excess
    collapse = optimum.collapse
    share = f"I(x; y) at the optimum is {amount_kept(optimum.collapse)} of the data's"
    if collapse.lower > LOST:
        what = f"Functional collapse: {share}, and p_f(x|y) hardly depends on y."
    elif collapse.upper < KEPT:
        what = f"No functional collapse: {share}."
    else:
        what = f"In between: {share}."
    return (
        f"J at the optimum found is {gap.value:.4g} nats below the ground truth's (an upper bound: "
        f"other f_y may do better still; best start: {optimum.start}). {what}"
    )


def _certified(where: str, certificate: CertifiedPoints) -> str:
    return (
        f"Certified: at {certificate.points} draws no q of the family raises U of the {where} by "
        f"more than {certificate.largest_gap:.1e} nats."
    )


def onset_in_words(onset: CollapseOnset, labelled_share: float) -> str:
    """Say where collapse sets in, along γ for one labelled share.

    Parameters
    ----------
    onset : CollapseOnset
    labelled_share : float
        ℓ in (0, 1).

    Returns
    -------
    str
    """
    low, high = onset.gamma(labelled_share)
    rule = f"(t = ℓγ/(1−ℓ) decides for every ℓ: {onset.low:.3g} to {onset.high:.3g})"
    if low == 0.0:
        return f"{onset.family.name}: no collapse was found down to γ = {high:.3g}."
    if math.isinf(high):
        return f"{onset.family.name}: collapse at every γ tried, up to {low:.3g}."
    return (
        f"{onset.family.name}: collapse sets in, as γ falls, between {high:.3g} and {low:.3g} at "
        f"ℓ = {labelled_share:g} {rule}."
    )


def threshold_in_words(threshold: CollapseThreshold) -> str:
    """Say for which γ one decoder for all classes beats the ground truth.

    Parameters
    ----------
    threshold : CollapseThreshold

    Returns
    -------
    str
    """
    family = threshold.ground_truth.objective.family.name
    gamma, gain = threshold.threshold, threshold.gain
    merged = "one decoder for all classes, with the data's p(x),"
    if gamma.lower > 0.0:
        return (
            f"{family}: {merged} has a smaller J than the ground truth for every γ below {gamma}."
        )
    if gain.upper <= 0.0 and threshold.loss.lower >= 0.0:
        return f"{family}: {merged} has a larger J than the ground truth at every γ."
    return f"{family}: whether {merged} beats the ground truth at some γ is inconclusive."


def amount_kept(collapse: Estimate) -> str:
    """Say how much of the information on the label is kept, as a percentage."""
    return f"{100.0 * (1.0 - collapse.value):.3g} %"


def verdicts(found: Sequence[tuple[LabelledValue, LabelledOptimum | None]]) -> list[str]:
    """Say for which γ each family collapses.

    Parameters
    ----------
    found : sequence of (LabelledValue, LabelledOptimum or None)
        As for :func:`show`.

    Returns
    -------
    list of str
        A line for each family that was searched.
    """
    lines = []
    families = dict.fromkeys(truth.objective.family for truth, _ in found)
    for family in families:
        optima = [o for t, o in found if t.objective.family == family and o is not None]
        if not optima:
            continue
        parts = [f"{amount_kept(one.collapse)} at γ = {one.objective.gamma:g}" for one in optima]
        lines.append(f"{family.name}: I(x; y) of the optimum is {', '.join(parts)} of the data's.")
    return lines
