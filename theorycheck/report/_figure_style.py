"""Holds what all figures share: palette, sizes, letters at selected x, encoding for a page.

Figures are made with matplotlib's object-oriented interface; no global state is touched for
longer than a call.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Literal, ParamSpec, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

P = ParamSpec("P")

#: Inches. At 96 CSS pixels an inch this is the width of the page's column, so that a point of
#: type here is a point on the page.
WIDTH = 7.6
DPI = 150

#: Okabe and Ito's colours, told apart with every common colour vision deficiency.
EXACT = "#0072B2"  # what is exact: posteriors, X_Hi
GAUSSIAN = "#D55E00"  # what the Gaussian family makes of it: q, X_Lo
HOLDS = "#009E73"
UNDECIDED = "#8A8A8A"
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
#: Colour maps, perceptually uniform: KL and the latent.
KL_COLOURS = "viridis"
LATENT_COLOURS = "plasma"
NO_DATA = "#ECECEC"

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10.0,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.fontsize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "legend.frameon": False,
    "figure.titlesize": 10.5,
    "svg.hashsalt": "theorycheck",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
}

#: Distance of a letter from its marker, in points.
_OFFSET = 13.0


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a drawing function under the shared style and restore matplotlib's own after it."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return wrapper


def new_figure(height: float) -> Figure:
    """Return an empty figure of the column's width and the given height in inches."""
    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    return figure


def headline(figure: Figure, text: str) -> None:
    """Title a figure whose axes are narrower than the title."""
    figure.suptitle(text, x=0.01, ha="left")


def number(value: float) -> str:
    """Return three digits, with the minus sign of the axes."""
    return f"{value:.3g}".replace("-", "−")


def encode(figure: Figure, kind: Literal["png", "svg"]) -> str:
    """Return a figure as a ``data:`` address, to stand inside a page.

    Parameters
    ----------
    figure : Figure
    kind : {"png", "svg"}
        PNG for heat maps, SVG for lines.

    Returns
    -------
    str
    """
    buffer = io.BytesIO()
    with mpl.rc_context(_STYLE):
        # No date: the same numbers give the same file.
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    if kind == "png":
        buffer = _in_few_colours(buffer)
    media = "image/svg+xml" if kind == "svg" else "image/png"
    return f"data:{media};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _in_few_colours(picture: io.BytesIO) -> io.BytesIO:
    """Rewrite a PNG with a palette of its own: a third of the size, and no difference to see."""
    result = io.BytesIO()
    # The palette that covers all colours evenly: others merge the rare ones, which are the peaks.
    even = Image.Quantize.MAXCOVERAGE
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(256, method=even, dither=Image.Dither.NONE)
        few.save(result, format="png", optimize=True)
    return result


def plain(text: str, longest: int = 40) -> str:
    """Return a user's text for a figure: no markup of matplotlib's is read in it, and it fits."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return short.replace("\\", "/").replace("$", r"\$")


class Lettered(Protocol):
    """A selected x, of any kind of posterior."""

    @property
    def letter(self) -> str:
        """Letter that marks it in figures."""
        ...


def mark_points(axes: Axes, points: Sequence[Lettered], places: Sequence[Sequence[float]]) -> None:
    """Mark the selected x by their letters; call it when the limits of the axes are set.

    Parameters
    ----------
    axes : Axes
    points : sequence of Lettered
        Points with a letter each.
    places : sequence of (float, float)
        Position of each, in data coordinates.
    """
    if not points:
        return
    halo = [patheffects.withStroke(linewidth=3.5, foreground="white")]
    inside = np.atleast_2d(axes.transLimits.transform(places))
    for k, (point, (across, up)) in enumerate(zip(points, places, strict=True)):
        axes.plot(
            across,
            up,
            marker="o",
            markersize=7,
            markerfacecolor="white",
            markeredgecolor="black",
            markeredgewidth=1.6,
            linestyle="none",
            zorder=10,
            clip_on=False,
        )
        axes.annotate(
            point.letter,
            (across, up),
            xytext=_away(inside, k),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=12,
            fontweight="bold",
            path_effects=halo,
            zorder=11,
            annotation_clip=False,
        )


def _away(places: NDArray[np.float64], k: int) -> tuple[float, float]:
    """Return where a letter goes: away from the nearest other point, so that they stay apart."""
    others = np.delete(places, k, axis=0)
    step = np.array([1.0, 1.0])
    if len(others):
        distance = np.linalg.norm(others - places[k], axis=1)
        if distance.min() > 0.0:
            step = places[k] - others[int(np.argmin(distance))]
    # Diagonals keep clear of lines through the marker, which mostly run along the axes.
    sign = np.where(step >= 0.0, 1.0, -1.0)
    return float(_OFFSET * sign[0] * 0.8), float(_OFFSET * sign[1] * 0.8)


def nats(value: float) -> str:
    """Return a number of nats for a title: three digits, rounding noise as 0."""
    return "0" if abs(value) < 1e-9 else number(value)
