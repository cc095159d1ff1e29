"""Draws a model of two or three latents: f as a bent grid over p(x), KL(x), posteriors."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theorycheck.arrays import Points
from theorycheck.models import GenerativeModel
from theorycheck.report._figure_style import (
    EXACT,
    GAUSSIAN,
    KL_COLOURS,
    SERIES,
    headline,
    mark_points,
    nats,
    new_figure,
    styled,
)
from theorycheck.report._figures_data import subsample
from theorycheck.report._latent_contours import DrawnGaussian, draw_posterior
from theorycheck.report._plane import draw_image
from theorycheck.report._several_analysis import SeveralAnalysis

#: |z| that the bent grid reaches, where its lines are, and points on a line.
_REACH, _LINES, _POINTS = 2.5, (-2.0, -1.0, 0.0, 1.0, 2.0), 160
#: Colours and line styles along which each latent runs.
_ALONG = ((EXACT, "-"), (GAUSSIAN, "-"), (SERIES[2], "-"))
#: Share of the KL above which colours no longer tell it apart.
_CEILING = 0.98


@styled
def grid_figure(analysis: SeveralAnalysis) -> Figure:
    """Draw p(x) and the image of a grid of latents: of the truth, and of the optimum found.

    Parameters
    ----------
    analysis : SeveralAnalysis
        Of D >= 2.

    Returns
    -------
    Figure
    """
    shown = [("ground truth", analysis.model, analysis.decomposition.excess.value)]
    if analysis.optimum is not None:
        found = analysis.optimum.predicted
        shown.append(("predicted optimum", found.model, found.excess.value))
    figure = new_figure(5.2 if len(shown) == 1 else 4.4)
    row = figure.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    for place, (axes, (label, model, excess)) in enumerate(zip(row, shown, strict=True)):
        _data(axes, analysis, bar=place == len(shown) - 1)
        _bent_grid(axes, model)
        axes.set_title(f"{label}: J = {nats(excess)} nats")
        axes.set_aspect("equal")
        axes.set_xlabel("x₁ (data units)")
        if place == 0:
            axes.set_ylabel("x₂ (data units)")
            _limits(axes, analysis)
            mark_points(axes, analysis.points, _places(analysis))
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3)
    return figure


def _data(axes: Axes, analysis: SeveralAnalysis, *, bar: bool) -> None:
    surface = analysis.density
    if surface is None:
        x = subsample(analysis)[0]
        axes.plot(x[:, 0], x[:, 1], ".", color="#B8B8B8", markersize=2.5, rasterized=True, zorder=0)
        return
    top = surface.density.max()
    image = draw_image(axes, surface.axes, surface.density, "Greys", 0.0, 1.3 * float(top))
    if bar:
        scale = axes.figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
        scale.ax.set_ylim(0.0, top)
        scale.set_label("p(x) (per unit area)")


def _bent_grid(axes: Axes, model: GenerativeModel) -> None:
    """Draw f along each latent, the others held: at some values of two, at 0 of three."""
    latents = model.latent_dim
    along = np.linspace(-_REACH, _REACH, _POINTS)
    for axis in range(latents):
        colour, line = _ALONG[axis]
        for held in _LINES if latents == 2 else (0.0,):
            z = np.full((_POINTS, latents), held)
            z[:, axis] = along
            f = model.decoder(z)
            axes.plot(
                f[:, 0], f[:, 1], color=colour, linestyle=line, alpha=0.9,
                linewidth=2.2 if held == 0.0 else 1.1,
                label=f"f along z{'₁₂₃'[axis]}" if held == 0.0 else None, zorder=3,
            )  # fmt: skip


def _limits(axes: Axes, analysis: SeveralAnalysis) -> None:
    """Show where the data are: a decoder may go far beyond where there is little mass."""
    x = _shown_x(analysis)
    low, high = x[:, :2].min(axis=0), x[:, :2].max(axis=0)
    margin = 0.06 * (high - low)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])


def _shown_x(analysis: SeveralAnalysis) -> Points:
    surface = analysis.density
    if surface is None:
        return subsample(analysis)[0]
    first, second = surface.axes
    return np.array([[first[0], second[0]], [first[-1], second[-1]]])


@styled
def kl_figure(analysis: SeveralAnalysis) -> Figure:
    """Draw KL[q* ‖ p(z|x)] at draws from p(x): against x where D = 1, else over two dimensions.

    Parameters
    ----------
    analysis : SeveralAnalysis

    Returns
    -------
    Figure
    """
    x, kl = subsample(analysis)
    pmo = nats(analysis.decomposition.pmo.value)
    figure = new_figure(3.4 if x.shape[1] == 1 else 4.8)
    axes = figure.add_subplot()
    headline(
        figure,
        f"KL from the best q, a product of Gaussians, to the posterior; its mean, the PMO: {pmo} "
        "nats",
    )
    if x.shape[1] == 1:
        order = np.argsort(x[:, 0])
        axes.plot(x[order, 0], kl[order], color=EXACT)
        axes.set_xlabel("x (data units)")
        axes.set_ylabel("KL[q* ‖ p(z|x)] (nats)")
        return figure
    top = max(float(np.quantile(kl, _CEILING)), 1e-12)
    order = np.argsort(kl)  # the large ones on top
    shown = axes.scatter(
        x[order, 0], x[order, 1], c=kl[order], s=9, cmap=KL_COLOURS, vmin=0.0, vmax=top, lw=0
    )
    bar = figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.02, extend="max")
    bar.set_label("KL[q* ‖ p(z|x)] (nats)")
    axes.set_aspect("equal")
    axes.set_xlabel("x₁ (data units)")
    axes.set_ylabel("x₂ (data units)")
    mark_points(axes, analysis.points, _places(analysis))
    return figure


def _places(analysis: SeveralAnalysis) -> list[list[float]]:
    return [point.posterior.x[:2].tolist() for point in analysis.points]


@styled
def plane_posteriors_figure(analysis: SeveralAnalysis) -> Figure:
    """Draw the exact posterior over two latents and the best q at the selected x.

    Parameters
    ----------
    analysis : SeveralAnalysis
        Of two latents.

    Returns
    -------
    Figure
    """
    count = len(analysis.points)
    columns = 2 if count in (2, 4) else count
    rows = -(-count // columns)
    figure = new_figure(0.5 + 3.5 * rows if columns < 3 else 3.2)
    for place, point in enumerate(analysis.points):
        axes = figure.add_subplot(rows, columns, place + 1)
        best = DrawnGaussian(point.mean, point.scale, GAUSSIAN, "-", "best q, 2 std. dev.")
        draw_posterior(axes, analysis.model, point.posterior, [best])
        axes.set_title(f"{point.letter}: KL = {nats(point.kl.value)} nats")
        axes.set_xlabel("z₁ (prior std. dev.)")
        if place % columns == 0:
            axes.set_ylabel("z₂ (prior std. dev.)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure
