"""Prints the tables and sentences of ``theorycheck train`` and ``judge``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from theorycheck.cli.prediction_tables import columns, figures, prediction_rows
from theorycheck.cli.prediction_tables import in_words as compared_in_words
from theorycheck.cli.render import console, say, table
from theorycheck.estimate import Estimate
from theorycheck.objectives import HIGH

if TYPE_CHECKING:
    from neural import RunResult
    from theorycheck.evaluation import Comparison


#: What is said of networks of several latents.
_BEYOND_SEARCH = (
    "No predicted optimum beside it: it is searched for over f of one latent, and f of several may "
    "be below it. J >= 0 for all of them."
)


def show(result: RunResult, model: str) -> None:
    """Print all restarts, the predicted optimum and the gap as one table, and what it says.

    Parameters
    ----------
    result : RunResult
    model : str
        The ground truth as the user named it.
    """
    comparison = result.comparison
    trained, settings = result.trained, result.trained.settings
    rows = []
    for number, (init, judged) in enumerate(zip(settings.inits, result.restarts, strict=True)):
        objective = f"{trained.objective[number]:.4f} ± {trained.objective_error[number]:.4f}"
        chosen = number == trained.selected
        # J_S takes as long as all the rest: it is evaluated for the selected restart only.
        beside = comparison.evaluation.beside
        cells = figures(judged.excess, judged.mleo, judged.pmo, beside)
        if not chosen:
            cells[: len(beside)] = ["–"] * len(beside)
        start = init.replace("_", " ") + ", selected" * chosen
        rows.append([str(number), start, objective, *cells])
    for name, *cells in prediction_rows(comparison):
        rows.append(["", name, "", *cells])
    label = settings.method + (f", S = {settings.samples}" if settings.samples > 1 else "")
    label += f", K = {settings.latents}" if settings.latents > 1 else ""
    out = console()
    title = f"{label} on {trained.trainer.model.name}, {settings.steps} steps"
    trained_on = "−L_S" if settings.method == "iwae" else "−ELBO"
    heads = ("", "start", f"{trained_on} (own encoder)", *columns(comparison))
    out.print(table(title, heads, rows))
    # Further words on the optimum come first: that is what was asked.
    for line in compared_in_words(comparison, where=_harder(model)):
        say(out, line)
    if settings.latents > 1:
        say(out, _BEYOND_SEARCH)
    elif not comparison.predicted:
        say(out, "The predicted optimum was not searched for (--search none).")
    for line in in_words(result.selected.to_dict(), iwae=settings.method == "iwae"):
        say(out, line)
    say(
        out,
        f"Trained in {trained.seconds:.0f} s on {trained.trainer.device}, seed {settings.seed}.",
    )


def in_words(judged: dict[str, Any], *, iwae: bool = False) -> list[str]:
    """Say what was found out about one trained model; iwae: it was trained on L_S."""

    def text(value: dict[str, float | str | None]) -> str:
        return str(Estimate.from_dict(value))

    steepest = judged["steepness"]
    slope = "" if steepest is None else f"; steepest at |f′| = {steepest:.3g}"
    lines = [f"Log-likelihood {text(judged['log_likelihood'])} nats{slope}."]
    if judged["amortisation_gap"] is not None:
        lines.append(
            f"Its own encoder loses {text(judged['amortisation_gap'])} nats against the optimal q"
            + (" by the ELBO, which it was not trained for." if iwae else ".")
        )
    if judged["posteriors"] is not None:
        region = next(r for r in judged["posteriors"]["regions"] if r["share"] == HIGH)
        true, learned = region["truth"], region["other"]
        lines.append(
            f"On the {HIGH:.0%} of the data with the highest p(x): E KL[q* ‖ posterior] is "
            f"{text(learned['kl'])} nats, for the truth {text(true['kl'])}; the share of "
            f"posteriors with several modes is {text(learned['several'])}, for the truth "
            f"{text(true['several'])}."
        )
    if judged["two_sample"] is not None:
        test = judged["two_sample"]
        lines.append(
            f"Energy distance of {test['size']} draws to as many of the data "
            f"{test['energy_distance']:.2g}, p = {test['p_value']:.3g} (permutations)."
        )
    return lines


def show_judged(comparison: Comparison, data: str) -> None:
    """Print one trained network's figures, the predicted optimum and the gap.

    Parameters
    ----------
    comparison : Comparison
    data : str
        The ground truth as the user named it.
    """
    judged: dict[str, Any] = comparison.judged.to_dict()
    meanings = {
        "excess": "J = MLEO + PMO",
        "mleo": "MLEO = KL[p ‖ p_f]",
        "pmo": "PMO = E KL[q* ‖ p_f(z|x)]",
        "negative_elbo": "−ELBO with the network's encoder",
        "amortisation_gap": "of which amortisation gap (encoder)",
    }
    rows = [
        (text, str(Estimate.from_dict(judged[name])))
        for name, text in meanings.items()
        if judged[name] is not None
    ]
    variance = judged["noise_variance"]
    words = ", ".join(f"{value:g}" for value in variance if math.isfinite(value))
    out = console()
    title = f"{judged['model']}, σ² = {words}, on the data of {judged['data']}"
    out.print(table(title, ("", "nats"), rows))
    if comparison.predicted:
        own, beside = comparison.judged, comparison.evaluation.beside
        first = ["the network", *figures(own.excess, own.mleo, own.pmo, beside)]
        rows_ = [first, *prediction_rows(comparison)]
        out.print(table("Beside the predicted optimum, nats", ("", *columns(comparison)), rows_))
    for line in compared_in_words(comparison, where=_harder(data)):
        say(out, line)
    if judged["steepness"] is None:
        say(out, _BEYOND_SEARCH)
    for line in in_words(judged, iwae=not comparison.objective.decomposed):
        say(out, line)


def _harder(model: str) -> str:
    return f"--search thorough, or theorycheck optimum {model} --start-from FILE.pt"
