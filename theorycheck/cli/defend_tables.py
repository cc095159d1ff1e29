"""Prints what ``theorycheck defend`` found: a table a defence, and what it says."""

from __future__ import annotations

from theorycheck.cli.render import console, estimate_text, say, table
from theorycheck.downstream import (
    TRUTH,
    UNDEFENDED,
    DefenceOutcome,
    DefenceReport,
)
from theorycheck.estimate import Verdict, positive

_WHAT = {
    "projection": "projection: the nearest f(z) is classified in place of x",
    "reconstruction": "reconstruction: E_q* f(z), q* the best Gaussian, is classified",
    "density": "density: x of low log p(x) are refused",
    "distance": "distance: x far from the image of f, against σ, are refused",
}


def show(report: DefenceReport) -> None:
    """Print the tables and what they say.

    Parameters
    ----------
    report : DefenceReport
    """
    out = console()
    epsilons = report.settings.epsilons
    figures = ["right, not attacked", "refused"]
    figures += [f"right at ε = {epsilon:g} σ" for epsilon in epsilons]
    columns = ["model in it", "σ²", "K", *figures]
    plain = report.outcome(TRUTH, UNDEFENDED)
    title = f"{report.truth.name}: without a defence"
    out.print(table(title, figures, [_numbers(plain)]))
    for name, words in _WHAT.items():
        rows = [
            (one.model, _variance(one), f"{one.latents}", *_numbers(one))
            for one in report.outcomes
            if one.defence == name
        ]
        if rows:
            out.print(table(words, columns, rows))
    for line in in_words(report):
        say(out, line)


def _variance(one: DefenceOutcome) -> str:
    values = {f"{value:.5g}" for value in one.noise_variance}
    return (
        next(iter(values))
        if len(values) == 1
        else ", ".join(f"{value:.5g}" for value in one.noise_variance)
    )


def _numbers(one: DefenceOutcome) -> tuple[str, ...]:
    return (
        _share(one.clean),
        _share(one.false_rejections),
        *(_share(value) for value in one.attacked),
    )


def _share(value: object) -> str:
    # All of them are statistical, which is said once below the tables.
    return str(value).replace(" (statistical)", "")


def in_words(report: DefenceReport) -> list[str]:
    """Say what the figures mean, and for each model where a defence loses most.

    Parameters
    ----------
    report : DefenceReport

    Returns
    -------
    list of str
    """
    chosen = report.settings
    lines = [
        "Right at ε: x is accepted and gets its class, and no x′ within ε of x is accepted with "
        "the other class. The worst x′ is found by distances to a map of all decisions, not by "
        "gradients; radii are statistical, and count the width of the map's cells. Bayes' "
        f"classifier is right for {estimate_text(report.bayes)} of x.",
    ]
    for name in report.models:
        if name == TRUTH:
            continue
        fallen = [
            (fall, one.defence, epsilon)
            for one in report.outcomes
            if one.model == name
            for fall, epsilon in zip(one.fall, chosen.epsilons, strict=True)
        ]
        fall, defence, epsilon = max(fallen, key=lambda entry: entry[0].value)
        if positive(fall) is Verdict.HOLDS:
            lines.append(
                f"{name}: {defence} loses most, {estimate_text(fall)} at ε = {epsilon:g} σ, "
                "against the truth in its place."
            )
        else:
            lines.append(f"{name}: no defence loses more than can be told from nothing.")
    attacked = [one for one in report.outcomes if one.pgd]
    if attacked:
        missed = max(
            (
                (by_gradient.value - exact.value, one)
                for one in attacked
                for by_gradient, exact in zip(one.pgd, one.attacked, strict=True)
            ),
            key=lambda entry: entry[0],
        )
        lines.append(
            f"Projected gradients leave up to {missed[0]:.3f} more x unbroken than the exact "
            f"attack does ({missed[1].defence}, {missed[1].model}; {chosen.pgd} draws)."
        )
    return lines
