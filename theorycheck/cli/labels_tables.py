"""Prints what ``theorycheck labels`` found: ground truth beside optimum, the collapse in words."""

from __future__ import annotations

from collections.abc import Sequence

from theorycheck.cli.render import console, say, table
from theorycheck.models import LabelledModel
from theorycheck.objectives import LabelledValue
from theorycheck.optimum import LabelledOptimum

#: Shares of the information on the label between which it is neither kept nor lost.
KEPT, LOST = 0.1, 0.9
_ROWS = (
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
    data: LabelledModel, found: Sequence[tuple[LabelledValue, LabelledOptimum | None]]
) -> None:
    """Print a table for every γ and family, and what they say.

    Parameters
    ----------
    data : LabelledModel
        The ground truth.
    found : sequence of (LabelledValue, LabelledOptimum or None)
        The ground truth's value and the optimum for every objective.
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
            for name, text in _ROWS
        ]
        title = (
            f"{data.name}: {objective.family.name}, γ = {objective.gamma:g}, "
            f"α = {objective.alpha:g}, {objective.labelled_share:.3g} of the x labelled"
        )
        out.print(table(title, columns, rows))
        if optimum is not None:
            say(out, in_words(optimum))
    if len(found) > 1:
        say(out, "")
        for line in verdicts(found):
            say(out, line)


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
    share = f"I(x; y) at the optimum is {_kept(optimum)} of the data's"
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


def _kept(optimum: LabelledOptimum) -> str:
    return f"{100.0 * (1.0 - optimum.collapse.value):.3g} %"


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
        parts = [f"{_kept(one)} at γ = {one.objective.gamma:g}" for one in optima]
        lines.append(f"{family.name}: I(x; y) of the optimum is {', '.join(parts)} of the data's.")
    return lines
