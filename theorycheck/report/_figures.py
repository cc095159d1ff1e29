"""Draws all figures of one model, in the order of a report, with their captions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from matplotlib.figure import Figure

from theorycheck.report import _captions as captions
from theorycheck.report._analysis import ModelAnalysis
from theorycheck.report._figure_style import encode
from theorycheck.report._figures_data import data_figure, kl_map_figure
from theorycheck.report._figures_optimum import curves_figure, densities_figure
from theorycheck.report._figures_optimum_posteriors import (
    paired_maps_figure,
    paired_posteriors_figure,
)
from theorycheck.report._figures_posterior import landscape_figure, posterior_figure
from theorycheck.report._figures_search import starts_figure
from theorycheck.report._figures_theorem import condition_1_figure, eta_figure
from theorycheck.report._figures_trained import trained_figure

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


class Recipe(NamedTuple):
    """Says how a figure is made.

    Parameters
    ----------
    name : str
        Name of the figure, for its file.
    draw : callable
        Function that draws the figure of an analysis.
    kind : {"png", "svg"}
        File type in the page: PNG for heat maps, SVG for lines.
    caption : callable
        Function that returns its caption.
    """

    name: str
    draw: Callable[[ModelAnalysis], Figure]
    kind: Literal["png", "svg"]
    caption: Callable[[ModelAnalysis], str]


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


def figures_of(analysis: ModelAnalysis) -> tuple[ReportFigure, ...]:
    """Draw and encode every figure that an analysis gives rise to.

    Parameters
    ----------
    analysis : ModelAnalysis

    Returns
    -------
    tuple of ReportFigure
    """
    return tuple(
        ReportFigure(
            recipe.name, encode(recipe.draw(analysis), recipe.kind), recipe.caption(analysis)
        )
        for recipe in recipes_of(analysis)
    )


def recipes_of(analysis: ModelAnalysis) -> list[Recipe]:
    """Return how each figure that an analysis gives rise to is made, in the order of a report.

    Parameters
    ----------
    analysis : ModelAnalysis

    Returns
    -------
    list of Recipe
    """
    recipes: list[Recipe] = [Recipe("data", data_figure, "png", captions.data_caption)]
    if analysis.trained:
        recipes.append(Recipe("trained", trained_figure, "png", captions.trained_caption))
    if analysis.optimum is None:
        recipes += [
            Recipe("posteriors", posterior_figure, "svg", captions.posterior_caption),
            Recipe("kl_map", kl_map_figure, "png", captions.kl_caption),
        ]
    else:
        recipes.append(Recipe("curves", curves_figure, "png", captions.curves_caption))
        if analysis.optimum.density is not None:
            recipes.append(Recipe("densities", densities_figure, "png", captions.densities_caption))
        recipes += [
            Recipe(
                "posteriors", paired_posteriors_figure, "svg", captions.paired_posteriors_caption
            ),
            Recipe("maps", paired_maps_figure, "png", captions.paired_maps_caption),
            Recipe("starts", starts_figure, "svg", captions.starts_caption),
        ]
    recipes.append(Recipe("eta", eta_figure, "svg", lambda _: captions.ETA))
    if analysis.theorem1.alternatives:
        recipes.append(
            Recipe("condition_1", condition_1_figure, "svg", lambda _: captions.CONDITION_1)
        )
    recipes.append(Recipe("landscape", landscape_figure, "png", captions.landscape_caption))
    return recipes
