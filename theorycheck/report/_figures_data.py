"""Draws figures over the data space: p(x) with the curve f(z), and KL(x)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from theorycheck.arrays import PerPoint, Points
from theorycheck.report._analysis import ModelAnalysis
from theorycheck.report._examined import Examined
from theorycheck.report._figure_style import KL_COLOURS, NO_DATA, headline, nats, new_figure, styled
from theorycheck.report._figures_line import kl_ceiling, line_data_figure, line_kl_figure
from theorycheck.report._plane import (
    draw_beads,
    draw_contours,
    draw_curve,
    draw_image,
    finish_plane,
)
from theorycheck.report._representative_points import ROUNDING_KL, is_coarse

#: Factor on the width of the curve where beads show the data, which a thick one would hide.
THIN = 0.4
#: Points of a scatter at most.
_MOST_POINTS = 4000


@styled
def data_figure(analysis: ModelAnalysis) -> Figure:
    """Draw p(x) with the curve f(z).

    D = 1: p(x) above, z against f(z) below. D = 2: heat map, and the curve coloured by z.
    D > 2: the first two dimensions of a sample.

    Parameters
    ----------
    analysis : ModelAnalysis

    Returns
    -------
    Figure
    """
    surface = analysis.kl_map
    if surface is not None and len(surface.axes) == 1:
        return line_data_figure(analysis, surface)
    coarse = surface is not None and is_coarse(surface, analysis.model.sigma)
    figure = new_figure(5.6)
    axes = figure.add_subplot()
    if surface is None:
        x = subsample(analysis)[0]
        axes.plot(x[:, 0], x[:, 1], ".", color="#A8A8A8", markersize=2.5, rasterized=True, zorder=1)
        dim = analysis.model.data_dim
        headline(figure, f"Draws from p(x) (grey), the curve f(z): first two of {dim} dimensions")
    elif coarse:
        draw_beads(axes, analysis.panels)
        headline(figure, "The curve f(z); beads: where along it the data are (area ∝ probability)")
    else:
        image = draw_image(
            axes, surface.axes, surface.density, "Greys", 0.0, 1.3 * surface.density.max()
        )
        bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
        bar.ax.set_ylim(0.0, surface.density.max())
        bar.set_label("p(x) (per unit area)")
        headline(figure, "Where the data are: p(x), and the curve f(z) they scatter about")
    curve = draw_curve(axes, analysis.panels, thin=THIN if coarse else 1.0)
    latent_bar = figure.colorbar(curve, ax=axes, shrink=0.8, pad=0.03)
    latent_bar.set_label("z along f(z) (prior std. dev.)")
    finish_plane(axes, analysis.points)
    return figure


@styled
def kl_map_figure(analysis: ModelAnalysis) -> Figure:
    """Draw KL[q* ‖ p(z|x)] over the data space, with contours of p(x).

    Parameters
    ----------
    analysis : ModelAnalysis

    Returns
    -------
    Figure
    """
    surface = analysis.kl_map
    pmo = nats(analysis.decomposition.pmo.value)
    title = f"KL from the best Gaussian q to the posterior; its mean, the PMO: {pmo} nats"
    if surface is not None and len(surface.axes) == 1:
        return line_kl_figure(analysis, surface, title)
    top = kl_ceiling(analysis)
    figure = new_figure(5.6)
    axes = figure.add_subplot()
    if surface is None or is_coarse(surface, analysis.model.sigma):
        x, kl = subsample(analysis)
        order = np.argsort(kl)  # the large ones on top
        shown = axes.scatter(
            x[order, 0], x[order, 1], c=kl[order], s=9, cmap=KL_COLOURS, vmin=0, vmax=top, lw=0
        )
        bar = figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.02, extend="max")
    else:
        values = np.maximum(surface.kl, 0.0)
        axes.set_facecolor(NO_DATA)
        shown_map = draw_image(axes, surface.axes, values, KL_COLOURS, 0.0, top)
        bar = figure.colorbar(shown_map, ax=axes, shrink=0.8, pad=0.02, extend="max")
        draw_contours(axes, surface.axes, surface.density)
    bar.set_label("KL[q* ‖ p(z|x)] (nats)")
    if analysis.points[0].kl.value < ROUNDING_KL and top <= ROUNDING_KL:
        title = "KL(x) is 0 to rounding everywhere: a Gaussian q is exact"
    headline(figure, title)
    finish_plane(axes, analysis.points)
    return figure


def subsample(analysis: Examined) -> tuple[Points, PerPoint]:
    """Draw from p(x) among the nodes of the average, and return KL(x) too."""
    averages = analysis.decomposition.averages
    if averages.sampled:
        stride = max(1, len(averages.x) // _MOST_POINTS)
        return averages.x[::stride], np.maximum(averages.kl[::stride], 0.0)
    # One draw in each of equal shares of the probability: always the same, and even.
    share = np.cumsum(averages.mass)
    levels = (np.arange(_MOST_POINTS) + 0.5) / _MOST_POINTS * share[-1]
    chosen = np.searchsorted(share, levels)
    return averages.x[chosen], np.maximum(averages.kl[chosen], 0.0)
