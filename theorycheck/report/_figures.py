"""Draws all figures of one model, in the order of a report, with their captions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, TypeVar

from matplotlib.figure import Figure

from theorycheck.report import _captions as captions
from theorycheck.report import _captions_several as several_captions
from theorycheck.report._analysis import ModelAnalysis
from theorycheck.report._examined import Examined
from theorycheck.report._figure_style import encode
from theorycheck.report._figures_data import data_figure, kl_map_figure
from theorycheck.report._figures_optimum import curves_figure, densities_figure
from theorycheck.report._figures_optimum_posteriors import (
    paired_maps_figure,
    paired_posteriors_figure,
)
from theorycheck.report._figures_posterior import landscape_figure, posterior_figure
from theorycheck.report._figures_search import starts_figure
from theorycheck.report._figures_several import (
    grid_figure,
    kl_figure,
    plane_posteriors_figure,
)
from theorycheck.report._figures_theorem import condition_1_figure, eta_figure
from theorycheck.report._figures_trained import trained_figure
from theorycheck.report._several_analysis import SeveralAnalysis

__all__ = [
    "Recipe",
    "ReportFigure",
    "condition_1_figure",
    "curves_figure",
    "data_figure",
    "densities_figure",
    "eta_figure",
    "figures_of",
    "kl_map_figure",
    "landscape_figure",
    "paired_maps_figure",
    "paired_posteriors_figure",
    "posterior_figure",
    "recipes_of",
    "starts_figure",
    "trained_figure",
]

_Kind = TypeVar("_Kind", bound=Examined)


class Recipe(NamedTuple):
    """Says how a figure is made.

    Parameters
    ----------
    name : str
        Name of the figure, for its file.
    draw : callable
        Function that draws the figure.
    kind : {"png", "svg"}
        File type in the page: PNG for heat maps, SVG for lines.
    caption : callable
        Function that returns its caption.
    """

    name: str
    draw: Callable[[], Figure]
    kind: Literal["png", "svg"]
    caption: Callable[[], str]


@dataclass(frozen=True)
class ReportFigure:
    """Holds a figure ready to stand in a page.

    Parameters
    ----------
    name : str
        ``"data"``, ``"posteriors"``, ``"maps"`` and so on.
    address : str
        The image itself, as a ``data:`` address.
    caption : str
        Text that says what one sees.
    """

    name: str
    address: str
    caption: str


def figures_of(analysis: Examined) -> tuple[ReportFigure, ...]:
    """Draw and encode every figure that an analysis gives rise to.

    Parameters
    ----------
    analysis : ModelAnalysis or SeveralAnalysis

    Returns
    -------
    tuple of ReportFigure
    """
    return tuple(
        ReportFigure(recipe.name, encode(recipe.draw(), recipe.kind), recipe.caption())
        for recipe in recipes_of(analysis)
    )


def recipes_of(analysis: Examined) -> list[Recipe]:
    """Return how each figure that an analysis gives rise to is made, in the order of a report.

    Parameters
    ----------
    analysis : ModelAnalysis or SeveralAnalysis

    Returns
    -------
    list of Recipe
    """
    recipes: list[Recipe] = []

    def add(
        name: str,
        draw: Callable[[_Kind], Figure],
        kind: Literal["png", "svg"],
        caption: Callable[[_Kind], str],
        of: _Kind,
    ) -> None:
        recipes.append(Recipe(name, partial(draw, of), kind, partial(caption, of)))

    if isinstance(analysis, SeveralAnalysis):
        if analysis.model.data_dim > 1:
            add("data", grid_figure, "png", several_captions.grid_caption, analysis)
        add("kl_map", kl_figure, "png", several_captions.kl_caption, analysis)
        if analysis.points:
            add(
                "posteriors", plane_posteriors_figure, "png",
                several_captions.posteriors_caption, analysis,
            )  # fmt: skip
    if isinstance(analysis, ModelAnalysis):
        add("data", data_figure, "png", captions.data_caption, analysis)
        if any(network.panels is not None for network in analysis.trained):
            add("trained", trained_figure, "png", captions.trained_caption, analysis)
        if analysis.optimum is None:
            add("posteriors", posterior_figure, "svg", captions.posterior_caption, analysis)
            add("kl_map", kl_map_figure, "png", captions.kl_caption, analysis)
        else:
            add("curves", curves_figure, "png", captions.curves_caption, analysis)
            if analysis.optimum.density is not None:
                add("densities", densities_figure, "png", captions.densities_caption, analysis)
            add(
                "posteriors", paired_posteriors_figure, "svg",
                captions.paired_posteriors_caption, analysis,
            )  # fmt: skip
            add("maps", paired_maps_figure, "png", captions.paired_maps_caption, analysis)
    if analysis.optimum is not None:
        add("starts", starts_figure, "svg", captions.starts_caption, analysis)
    add("eta", eta_figure, "svg", lambda _: captions.ETA, analysis)
    if analysis.theorem1.alternatives:
        add("condition_1", condition_1_figure, "svg", lambda _: captions.CONDITION_1, analysis)
    if isinstance(analysis, ModelAnalysis):
        add("landscape", landscape_figure, "png", captions.landscape_caption, analysis)
    return recipes
