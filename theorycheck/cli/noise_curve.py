"""Runs ``theorycheck noise --held-noise``: the smallest J found at each of several σ²."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.figure_files import checked_figure
from theorycheck.cli.options import parse_numbers
from theorycheck.errors import SettingError

if TYPE_CHECKING:
    from theorycheck.theorems import NoiseCurve

HeldNoise = Annotated[
    list[str] | None,
    typer.Option(
        "--held-noise",
        metavar="V,V",
        help="Search for the smallest J = -ELBO - H at each of these fixed σ²: the curve J*(σ²). "
        "Repeatable, or separated by commas.",
    ),
]
CurveFigure = Annotated[
    Path | None,
    typer.Option(
        "--figure",
        metavar="FILE",
        help="Draw the curve of --held-noise into this file: .svg, .pdf or .png.",
    ),
]


def checked_curve(held: list[str] | None, figure: Path | None) -> list[float]:
    """Return the σ² to hold, none where no curve is asked for.

    Parameters
    ----------
    held : list of str or None
    figure : Path or None

    Returns
    -------
    list of float

    Raises
    ------
    SettingError
        If a σ² is no positive number or stands twice, or the figure's kind is unknown, its folder
        is not there, or it has no curve to draw.
    """
    values = parse_numbers(held, "--held-noise") or []
    if any(not (math.isfinite(value) and value > 0.0) for value in values):
        raise SettingError("--held-noise: every σ² must be positive and finite")
    if len(set(values)) < len(values):
        raise SettingError("--held-noise: a σ² is given twice")
    if figure is not None:
        if len(values) < 2:
            raise SettingError("--figure draws the curve over two σ² at least: give --held-noise")
        checked_figure(figure)
    return values


def show_curve(curve: NoiseCurve) -> None:
    """Print the curve as a table, and in words where it is lowest.

    Parameters
    ----------
    curve : NoiseCurve
    """
    from theorycheck.cli.render import console, estimate_text, say, table

    out = console()
    rows = [
        (
            f"{point.noise_variance:g}",
            estimate_text(point.excess),
            f"{point.left_open:.2g}",
            f"{point.floor:.6g}",
            estimate_text(point.refit),
        )
        for point in curve.points
    ]
    columns = ("fixed σ²", "J found", "searches differ by", "lower bound of J", "σ² fitted there")
    out.print(table(f"J*(σ²) on the data of {curve.data.name}", columns, rows))
    for line in in_words(curve):
        say(out, line)


def in_words(curve: NoiseCurve) -> list[str]:
    """Say where the curve is lowest, and what is left open.

    Parameters
    ----------
    curve : NoiseCurve

    Returns
    -------
    list of str
    """
    others = [f"{v:g}" for v in curve.candidates if v != curve.lowest.noise_variance]
    lines = [
        f"The lowest J found is {curve.lowest.excess} at σ² = {curve.lowest.noise_variance:g}. "
        "Every J is an upper bound on J*(σ²), the smallest J at that σ²: two independent searches "
        f"differ by up to {curve.left_open:.2g} nats, which leaves "
        + (f"σ² = {', '.join(others)} open too." if others else "no other σ² of these open.")
    ]
    if math.isfinite(curve.excluded_from):
        lines.append(
            f"Proved for every decoder: no optimum has a σ² of {curve.excluded_from:g} or more."
        )
    return lines
