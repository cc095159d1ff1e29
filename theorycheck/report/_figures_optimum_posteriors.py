"""Draws posteriors of the ground truth and of the predicted optimum, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from theorycheck.report._analysis import ModelAnalysis
from theorycheck.report._figure_style import (
    EXACT,
    GAUSSIAN,
    KL_COLOURS,
    NO_DATA,
    nats,
    new_figure,
    styled,
)
from theorycheck.report._figures_line import kl_ceiling
from theorycheck.report._figures_optimum import coarse, optimum_of, row_height
from theorycheck.report._figures_posterior import posterior_panel
from theorycheck.report._optimum_analysis import OptimumAnalysis
from theorycheck.report._plane import draw_contours, finish_plane

Array = NDArray[np.float64]

#: Modes told apart; more share the last colour.
_MOST_MODES = 4
_MODE_COLOURS = ListedColormap(["#F3E9C6", "#E69F00", "#B5380E", "#3B0F2E"])
_MODE_NORM = BoundaryNorm(np.arange(0.5, _MOST_MODES + 1.0), _MOST_MODES)
#: How x of a scatter are drawn.
_DOTS: Any = {"s": 9, "linewidths": 0}


@styled
def paired_posteriors_figure(analysis: ModelAnalysis) -> Figure:
    """Draw posteriors and their best Gaussians at the selected x, ground truth beside optimum.

    Parameters
    ----------
    analysis : ModelAnalysis
        An analysis with a predicted optimum.

    Returns
    -------
    Figure
    """
    optimum = optimum_of(analysis)
    rows = len(analysis.points)
    figure = new_figure(0.9 + 2.25 * rows)
    for k, pair in enumerate(zip(analysis.points, optimum.points, strict=True)):
        for column, (point, whose) in enumerate(zip(pair, ("truth", "learned"), strict=True)):
            axes = figure.add_subplot(rows, 2, 2 * k + column + 1)
            posterior_panel(axes, point, whose)
            if k == rows - 1:
                axes.set_xlabel("z (prior std. dev.)")
            if column == 0:
                axes.set_ylabel("density (per unit of z)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure


@styled
def paired_maps_figure(analysis: ModelAnalysis) -> Figure:
    """Draw KL(x) and the number of posterior modes of both decoders, on the same scales.

    Parameters
    ----------
    analysis : ModelAnalysis
        An analysis with a predicted optimum.

    Returns
    -------
    Figure
    """
    optimum = optimum_of(analysis)
    pmo = (analysis.decomposition.pmo.value, optimum.predicted.pmo.value)
    titles = [
        f"{whose}: mean KL = {nats(value)} nats"
        for whose, value in zip(("ground truth", "learned"), pmo, strict=True)
    ]
    if analysis.model.data_dim == 1:
        return _line_maps(optimum, titles)
    # The upper row has no labels below.
    figure = new_figure(2.0 * row_height(analysis, 2, 6.0) - 0.55)
    rows = (optimum.pair.kl, optimum.pair.modes)
    norms = (Normalize(0.0, kl_ceiling(analysis)), _MODE_NORM)
    maps = (colormaps[KL_COLOURS], _MODE_COLOURS)
    share = [region.several.value for region in _everywhere(optimum)]
    second = [f"several modes at {100 * value:.0f} % of the data" for value in share]
    first_axes: Axes | None = None
    for row in range(2):
        panels = []
        for column in range(2):
            axes = figure.add_subplot(
                2, 2, 1 + 2 * row + column, sharex=first_axes, sharey=first_axes
            )
            first_axes = first_axes or axes
            shown = _map(axes, analysis, optimum, rows[row][column], maps[row], norms[row])
            axes.set_title((titles if row == 0 else second)[column])
            finish_plane(axes, (analysis.points if column == 0 else optimum.points))
            if row == 0:
                axes.set_xlabel("")
                axes.tick_params(labelbottom=False)
            if column == 1:
                axes.set_ylabel("")
                axes.tick_params(labelleft=False)
            panels.append(axes)
        bar = figure.colorbar(
            shown, ax=panels, shrink=0.85, pad=0.02, extend="max" if row == 0 else "neither"
        )
        if row == 0:
            bar.set_label("KL[q* ‖ p(z|x)] (nats)")
        else:
            bar.set_ticks(
                list(range(1, _MOST_MODES + 1)),
                labels=[*(str(k) for k in range(1, _MOST_MODES)), f"≥ {_MOST_MODES}"],
            )
            bar.set_label("modes of p(z|x)")
    return figure


def _everywhere(optimum: OptimumAnalysis) -> tuple[Any, Any]:
    region = optimum.comparison.at(1.0)
    return region.truth, region.other


def _map(
    axes: Axes,
    analysis: ModelAnalysis,
    optimum: OptimumAnalysis,
    values: NDArray[np.generic],
    colours: Any,
    norm: Any,
) -> ScalarMappable:
    pair = optimum.pair
    if pair.axes is None or coarse(analysis):
        order = np.argsort(values, kind="stable")  # the large ones on top
        return axes.scatter(
            pair.x[order, 0], pair.x[order, 1], c=values[order], cmap=colours, norm=norm, **_DOTS
        )
    axes.set_facecolor(NO_DATA)
    image = axes.pcolormesh(
        *pair.axes, pair.on_grid(values).T, cmap=colours, norm=norm, rasterized=True, zorder=0
    )
    surface = analysis.kl_map
    if surface is not None:
        draw_contours(axes, surface.axes, surface.density, thin=0.6)
    return image


def _line_maps(optimum: OptimumAnalysis, titles: list[str]) -> Figure:
    pair = optimum.pair
    figure = new_figure(4.6)
    upper = figure.add_subplot(2, 1, 1)
    lower = figure.add_subplot(2, 1, 2, sharex=upper)
    order = np.argsort(pair.x[:, 0])
    x = pair.x[order, 0]
    styles = ((EXACT, "-"), (GAUSSIAN, "--"))
    for k, (colour, style) in enumerate(styles):
        upper.plot(x, pair.kl[k][order], style, color=colour, linewidth=2.0, label=titles[k])
        lower.step(x, pair.modes[k][order], style, color=colour, linewidth=2.0, where="mid")
    upper.set_ylim(bottom=0.0)
    upper.set_ylabel("KL[q* ‖ p(z|x)] (nats)")
    upper.tick_params(labelbottom=False)
    lower.set_title("Modes of p(z|x)")
    lower.set_ylabel("modes (no unit)")
    lower.yaxis.set_major_locator(MaxNLocator(integer=True))
    lower.set_ylim(bottom=0.0)
    lower.set_xlabel("x (data units)")
    figure.legend(loc="outside upper left", ncols=2)
    return figure
