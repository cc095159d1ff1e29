"""Prints the tables and sentences of ``theorycheck train-labels``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theorycheck.cli.labels_tables import ROWS, amount_kept
from theorycheck.cli.render import console, say, table
from theorycheck.estimate import Verdict

if TYPE_CHECKING:
    from neural import LabelRunResult


def show(result: LabelRunResult) -> None:
    """Print all restarts, the selected one beside the predicted optimum, and what they say.

    Parameters
    ----------
    result : LabelRunResult
    """
    out = console()
    trained, chosen = result.trained, result.trained.chosen
    settings, objective = chosen.training, chosen.objective
    label = settings.method
    if settings.method == "iwae":
        label += f" ({chosen.bound}, S = {settings.samples})"
    title = (
        f"{label} on {trained.trainer.data.name}: {objective.described()}, {settings.steps} steps"
    )
    rows = [
        (
            str(number),
            init.replace("_", " ") + ", selected" * (number == trained.selected),
            f"{trained.objective[number]:.4f} ± {trained.objective_error[number]:.4f}",
            str(result.own_excess[number]),
        )
        for number, init in enumerate(settings.inits)
    ]
    heads = ("", "start", "objective (validation)", "J with its own q")
    out.print(table(title, heads, rows))
    value, predicted = result.judged.value, result.predicted
    columns = ("nats", "selected", *(() if predicted is None else ("optimum found",)))
    figures = [
        (
            text,
            str(getattr(value, name)),
            *(() if predicted is None else (str(getattr(predicted.value, name)),)),
        )
        for name, text in ROWS
    ]
    out.print(table("with the best q of the family", columns, figures))
    for line in in_words(result):
        say(out, line)
    say(
        out,
        f"Trained in {trained.seconds:.0f} s on {trained.trainer.device}, seed {settings.seed}.",
    )


def in_words(result: LabelRunResult) -> list[str]:
    """Say what the selected network learned of the classes, and how far it is from the optimum.

    Parameters
    ----------
    result : LabelRunResult

    Returns
    -------
    list of str
    """
    judged = result.judged
    lines = [f"I(x; y) of the selected network is {amount_kept(judged.collapse)} of the data's."]
    gap = judged.amortisation_gap
    if gap is not None:
        iwae = result.trained.settings.method == "iwae"
        beside = ", by bounds with one draw of z, which it was not trained for" if iwae else ""
        lines.append(f"Its own q lose {gap} nats against the best of the family{beside}.")
    distance = result.distance
    if distance is None:
        lines.append("The predicted optimum was not searched for (--search none).")
        return lines
    near = {Verdict.HOLDS: "near it", Verdict.FAILS: "not near it"}.get(
        distance.near, "near it or not, within the radius"
    )
    lines.append(f"Its J is {distance.excess} nats from that of the optimum found: {near}.")
    if distance.not_below is Verdict.FAILS:
        lines.append("It is below it: the search missed a better f_y; try --search thorough.")
    return lines
