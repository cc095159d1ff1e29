"""Writes the page of `advise`: an HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from matplotlib.figure import Figure

from theorycheck.advise import Advice, likeness_words
from theorycheck.estimate import Estimate, Verdict
from theorycheck.pages import page_environment
from theorycheck.report._figure_style import encode
from theorycheck.report._figures_advice import (
    bounds_figure,
    dimension_figure,
    fitted_curves_figure,
    noise_figure,
    shape_figure,
)
from theorycheck.report._numbers import shown
from theorycheck.versions import versions

#: Significant decimals of what is estimated from rows.
_PLACES = 3

_FIGURES: tuple[tuple[Callable[[Advice], Figure], Literal["png", "svg"], str], ...] = (
    (
        fitted_curves_figure, "svg",
        "The best decoder for a Gaussian q (dashed where it is the likelihood's) and that of the "
        "exact likelihood, fitted to the same rows at the same bound and σ². Where they part, a "
        "Gaussian q costs something.",
    ),
    (
        shape_figure, "png",
        "Kernel estimate on the two leading components, each in its own standard deviation. A "
        "loop is a hole that is closed at a high density.",
    ),
    (
        dimension_figure, "svg",
        "A curve with noise has the noise's dimension at small scales and 1 at scales beyond it.",
    ),
    (
        bounds_figure, "svg",
        "Where the curve of a rich q falls to the right, it needs a regularised decoder.",
    ),
    (
        noise_figure, "svg",
        "The likelihood's lies between that of training rows, which is too small, and that of test "
        "rows, which is too large.",
    ),
)  # fmt: skip


def advice_page(advice: Advice) -> str:
    """Return the page of advice on a table; every text of a user's is escaped in it.

    Parameters
    ----------
    advice : Advice

    Returns
    -------
    str
    """
    environment = page_environment()
    environment.filters["short"] = _words
    fits, shape = advice.fits, advice.shape
    measures: list[tuple[str, Estimate]] = [
        ("σ² by the exact likelihood", fits.noise_variance("exact_likelihood")),
        ("σ² by the ELBO", fits.noise_variance("elbo")),
        ("held-out log p, exact likelihood (nats a row)", fits.held_out("exact_likelihood")),
        ("held-out log p, ELBO (nats a row)", fits.held_out("elbo")),
        ("their difference, split by split (nats a row)", fits.mleo_gap),
        ("modes", shape.modes),
        ("share of p(z) whose strands meet, along the fitted curve", advice.strands.on_curve),
        ("share of rows whose strands meet, on the neighbour graph", advice.strands.on_graph),
    ]
    words = likeness_words(shape.measures)
    verdicts = shape.like.by_example
    figures = [
        {"address": encode(draw(advice), kind), "caption": caption}
        for draw, kind, caption in _FIGURES
        if draw is not shape_figure or advice.x.shape[1] > 1
    ]
    return environment.get_template("advice.html.j2").render(
        advice=advice,
        measures=measures,
        likenesses=[(name, verdict, words[name]) for name, verdict in verdicts.items()],
        figures=figures,
        verdict_words={
            Verdict.HOLDS: "holds", Verdict.FAILS: "fails", Verdict.INCONCLUSIVE: "cannot be told",
        },
        versions=versions(),
    )  # fmt: skip


def _words(value: Estimate) -> str:
    """Write a number; without spread it is the same in every part, which makes it not exact."""
    return f"{value.value:g} in every part" if value.error == 0.0 else shown(value, _PLACES)
