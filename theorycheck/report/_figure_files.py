"""Writes a report's figures as files for a paper: SVG, PDF or PNG, one or two columns wide."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from theorycheck.errors import SettingError, nearest
from theorycheck.files import replace_files
from theorycheck.report._examined import Examined
from theorycheck.report._figures import recipes_of

Kind = Literal["svg", "pdf", "png"]
Columns = Literal[1, 2]
KINDS: tuple[str, ...] = get_args(Kind)

#: Inches: a column and both, of the usual two-column page.
PAPER_WIDTH: Mapping[int, float] = {1: 3.35, 2: 7.0}
#: Dots per inch of PNG files, and of heat maps within the others.
_DPI = 300
#: The same of PNG files for the screen.
_SCREEN_DPI = 160
#: Type is not scaled below this share: 6 points for what has 9 on the screen.
_SMALLEST_TYPE = 0.67
#: Nor the height: type that does not shrink needs room.
_SMALLEST_HEIGHT = 0.6
_SMALLEST_MAP = 0.5
#: Characters in a line of a title at least.
_SHORTEST_LINE = 12

_STYLE: Any = {
    # TrueType in PDF and outlines in SVG: the fonts are in the file, wherever it is opened.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "theorycheck",
    "savefig.facecolor": "white",
}
_METADATA: Mapping[str, Mapping[str, None]] = {
    # No date: the same numbers give the same file.
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}


@dataclass(frozen=True)
class FigureFiles:
    """Says how figures are to be written.

    Parameters
    ----------
    kind : {"svg", "pdf", "png"}
    columns : {1, 2}
        Columns of the page that a figure spans.
    """

    kind: Kind
    columns: Columns = 2

    def render(self, analysis: Examined, directory: Path) -> dict[Path, bytes]:
        """Draw every figure of an analysis.

        Parameters
        ----------
        analysis : ModelAnalysis or SeveralAnalysis
        directory : Path
            Folder for the files.

        Returns
        -------
        dict of Path to bytes
            Contents by file, ``MODEL-FIGURE.KIND`` each.
        """
        stem = re.sub(r"[^\w.+-]+", "_", analysis.model.name).strip("_.")[:60] or "model"
        return {
            directory / f"{stem}-{recipe.name}.{self.kind}": paper_figure(
                recipe.draw(), self.kind, self.columns
            )
            for recipe in recipes_of(analysis)
        }


def figure_files(kind: str | None, columns: int = 2) -> FigureFiles | None:
    """Return how figures are to be written, from what a user asked for; None: not at all.

    Parameters
    ----------
    kind : str or None
    columns : int

    Returns
    -------
    FigureFiles or None

    Raises
    ------
    SettingError
        If there is no such kind, or a page does not have that many columns.
    """
    if kind is None:
        return None
    if kind not in KINDS:
        raise SettingError(f"there is no figure format '{kind}': {nearest(kind, KINDS)}")
    if columns not in PAPER_WIDTH:
        raise SettingError(f"a figure spans 1 or 2 columns, not {columns}")
    return FigureFiles(cast(Kind, kind), cast(Columns, columns))


def write_png_figures(figures: Mapping[str, Figure], directory: Path) -> list[Path]:
    """Write figures for the screen as PNG files, all or none.

    Parameters
    ----------
    figures : mapping of str to Figure
        By the names of their files.
    directory : Path
        Made where it is not there.

    Returns
    -------
    list of Path

    Raises
    ------
    SettingError
        If they cannot be written.
    """
    content = {}
    for name, figure in figures.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_SCREEN_DPI)
        content[directory / name] = buffer.getvalue()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        replace_files(content)
    except OSError as error:
        raise SettingError(f"{directory}: cannot be written: {error.strerror or error}") from error
    return list(content)


def paper_figure(figure: Figure, kind: Kind, columns: Columns = 2) -> bytes:
    """Return a figure at paper size as the content of a file; the figure itself is resized.

    Parameters
    ----------
    figure : Figure
    kind : {"svg", "pdf", "png"}
    columns : {1, 2}

    Returns
    -------
    bytes
    """
    width, height = figure.get_size_inches()
    scale = PAPER_WIDTH[columns] / width
    # A map has the shape of its data, whatever room it is given.
    mapped = any(axes.get_aspect() == 1.0 for axes in figure.axes)
    lowest = _SMALLEST_MAP if mapped else _SMALLEST_HEIGHT
    figure.set_size_inches(PAPER_WIDTH[columns], height * max(scale, lowest))
    _scale_type(figure, max(scale, _SMALLEST_TYPE))
    _wrap_titles(figure)
    stream = io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(stream, format=kind, dpi=_DPI, metadata=dict(_METADATA[kind]))
    return stream.getvalue()


def _scale_type(figure: Figure, factor: float) -> None:
    """Scale all text, that of ticks which are made later too."""
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_fontsize(float(text.get_fontsize()) * factor)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            size = axis.get_tick_params(which="major").get("labelsize")
            labels = axis.get_ticklabels()
            if size is None and labels:
                axis.set_tick_params(labelsize=labels[0].get_fontsize())


def _wrap_titles(figure: Figure) -> None:
    """Break titles that reach beyond the figure, or over the plot at their right."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    edge = figure.bbox.x1
    for text in figure.texts:
        _fit(text, edge)
    plots = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    lefts = [axes.get_window_extent().x0 for axes in plots]
    for axes, left in zip(plots, lefts, strict=True):
        titles = {axes.get_title(place) for place in ("left", "center", "right")} - {""}
        limit = min([edge, *(other for other in lefts if other > left + 1.0)])
        for text in axes.findobj(Text):
            if isinstance(text, Text) and text.get_text() in titles:
                _fit(text, limit)


def _fit(text: Text, limit: float) -> None:
    """Break a text's lines so that it ends before `limit`, in pixels; formulas are set smaller."""
    box = text.get_window_extent()
    share = (limit - box.x0) / max(box.width, 1.0)
    if share >= 1.0 or share <= 0.0:
        return
    if "$" in text.get_text():
        text.set_fontsize(float(text.get_fontsize()) * share)
        return
    lines = text.get_text().splitlines()
    width = max(_SHORTEST_LINE, int(max(map(len, lines)) * share) - 1)
    text.set_text("\n".join(textwrap.fill(line, width) for line in lines))
