"""Draws what the ELBO makes of the curve: true and learned f, p(x) against p_f(x)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from theorycheck.report._analysis import ModelAnalysis
from theorycheck.report._figure_style import (
    EXACT,
    GAUSSIAN,
    headline,
    nats,
    new_figure,
    number,
    styled,
)
from theorycheck.report._figures_data import THIN, subsample
from theorycheck.report._figures_line import curve_pieces
from theorycheck.report._optimum_analysis import OptimumAnalysis
from theorycheck.report._plane import (
    BEAD_AREA,
    BEAD_LENGTH,
    LEAST_BEAD,
    draw_beads,
    draw_curve,
    draw_image,
    finish_plane,
)
from theorycheck.report._representative_points import is_coarse

Array = NDArray[np.float64]

#: Differences of densities: violet where the learned one has too little, orange too much.
DIFFERENCE_COLOURS = "PuOr_r"
#: Share of its peak below which a difference of densities is called none.
_NONE = 1e-6
#: Heights of a row of panels, inches.
_LOWEST, _HIGHEST = 2.3, 4.6


def optimum_of(analysis: ModelAnalysis) -> OptimumAnalysis:
    """Return the optimum of an analysis that has one."""
    if analysis.optimum is None:
        raise ValueError("this analysis has no predicted optimum")
    return analysis.optimum


def coarse(analysis: ModelAnalysis) -> bool:
    """Tell whether σ is too small for a heat map of p(x)."""
    surface = analysis.kl_map
    return surface is not None and is_coarse(surface, analysis.model.sigma)


def row_height(analysis: ModelAnalysis, columns: int, width: float) -> float:
    """Return the height in inches of a row of panels over the data plane of a given width."""
    x = analysis.panels.f[:2, np.abs(analysis.panels.z) < 3.2]
    margin = 7.0 * analysis.model.sigma[: len(x)]
    size = np.ptp(x, axis=1) + margin
    ratio = float(size[1] / size[0]) if len(size) > 1 else 0.8
    return min(max(0.9 + ratio * width / columns, _LOWEST), _HIGHEST)


@styled
def curves_figure(analysis: ModelAnalysis) -> Figure:
    """Draw the true curve and the learned one over the same p(x), coloured by z.

    Parameters
    ----------
    analysis : ModelAnalysis
        An analysis with a predicted optimum.

    Returns
    -------
    Figure
    """
    optimum = optimum_of(analysis)
    j_truth, j_found = analysis.decomposition.excess.value, optimum.predicted.excess.value
    titles = (f"ground truth: J = {nats(j_truth)} nats", f"learned: J = {nats(j_found)} nats")
    if analysis.model.data_dim == 1:
        return _line_curves(analysis, optimum, titles)
    figure = new_figure(row_height(analysis, 2, 6.2))
    left = figure.add_subplot(1, 2, 1)
    right = figure.add_subplot(1, 2, 2, sharex=left, sharey=left)
    rows = ((left, analysis.panels, analysis.points), (right, optimum.panels, optimum.points))
    for (axes, panels, points), title in zip(rows, titles, strict=True):
        surface = analysis.kl_map
        if surface is None:
            x = subsample(analysis)[0]
            axes.plot(x[:, 0], x[:, 1], ".", color="#B8B8B8", markersize=2, rasterized=True)
        elif coarse(analysis):
            # Where the data are stays the same; the learned curve's own mass is another figure.
            draw_beads(axes, analysis.panels)
        else:
            peak = float(surface.density.max())
            draw_image(axes, surface.axes, surface.density, "Greys", 0.0, 1.3 * peak)
        curve = draw_curve(axes, panels, thin=THIN if coarse(analysis) else 0.75)
        axes.set_title(title)
        finish_plane(axes, points)
    right.set_ylabel("")
    right.tick_params(labelleft=False)
    bar = figure.colorbar(curve, ax=[left, right], shrink=0.85, pad=0.02)
    bar.set_label("z along f(z) (prior std. dev.)")
    return figure


def _line_curves(
    analysis: ModelAnalysis, optimum: OptimumAnalysis, titles: tuple[str, str]
) -> Figure:
    figure = new_figure(3.4)
    axes = figure.add_subplot()
    styles = ((analysis.panels, EXACT, "-"), (optimum.panels, GAUSSIAN, "--"))
    for (panels, colour, style), title in zip(styles, titles, strict=True):
        for k, piece in enumerate(curve_pieces(panels)):
            label = "" if k else title
            axes.plot(piece[:, 1], piece[:, 0], style, color=colour, linewidth=2.0, label=label)
    axes.set_xlabel("x (data units)")
    axes.set_ylabel("z (prior std. dev.)")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def densities_figure(analysis: ModelAnalysis) -> Figure:
    """Draw p(x), the learned p_f(x) and their difference.

    Parameters
    ----------
    analysis : ModelAnalysis
        An analysis with a predicted optimum; D <= 2.

    Returns
    -------
    Figure
    """
    optimum = optimum_of(analysis)
    surface, learned = analysis.kl_map, optimum.density
    misplaced = optimum.total_variation
    if surface is None or learned is None or misplaced is None:
        raise ValueError("densities are drawn for one and two data dimensions")
    mleo = nats(optimum.predicted.mleo.value)
    title = (
        f"The price in p(x): MLEO = {mleo} nats; p_f misplaces "
        f"{number(100.0 * misplaced.value)} % of the probability"
    )
    if len(surface.axes) == 1:
        return _line_densities(surface.axes[0], surface.density, learned, title)
    if coarse(analysis):
        return _bead_densities(analysis, optimum, title)
    figure = new_figure(row_height(analysis, 3, 6.4) + 0.75)
    panels = [figure.add_subplot(1, 3, 1)]
    panels += [figure.add_subplot(1, 3, k, sharex=panels[0], sharey=panels[0]) for k in (2, 3)]
    top = float(max(surface.density.max(), learned.max()))
    difference = learned - surface.density
    largest = max(float(np.abs(difference).max()), _NONE * top)
    shades = draw_image(panels[0], surface.axes, surface.density, "Greys", 0.0, top)
    draw_image(panels[1], surface.axes, learned, "Greys", 0.0, top)
    signed = draw_image(panels[2], surface.axes, difference, DIFFERENCE_COLOURS, -largest, largest)
    _label_row(panels, ("true p(x)", "learned p_f(x)", "learned − true"))
    for axes, image, label in (
        (panels[:2], shades, "density (per unit area)"),
        (panels[2:], signed, "difference (per unit area)"),
    ):
        bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.8, pad=0.04, aspect=25)
        bar.set_label(label)
        bar.ax.locator_params(nbins=5)
    headline(figure, title)
    return figure


def _label_row(panels: list[Axes], titles: tuple[str, ...]) -> None:
    for k, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        axes.set_aspect("equal")
        axes.set_title(title)
        axes.set_xlabel("x₁ (data units)")
        if k == 0:
            axes.set_ylabel("x₂ (data units)")
        else:
            axes.tick_params(labelleft=False)


def _line_densities(x: Array, true: Array, learned: Array, title: str) -> Figure:
    figure = new_figure(4.6)
    upper = figure.add_subplot(2, 1, 1)
    lower = figure.add_subplot(2, 1, 2, sharex=upper)
    upper.fill_between(x, true, color="#B8B8B8", lw=0, label="true p(x)")
    upper.plot(x, learned, color=GAUSSIAN, linewidth=2.0, label="learned p_f(x)")
    upper.set_title(title)
    upper.set_ylim(bottom=0.0)
    upper.set_ylabel("density (per unit of x)")
    upper.tick_params(labelbottom=False)
    upper.legend()
    lower.plot(x, learned - true, color=GAUSSIAN, linewidth=2.0)
    lower.axhline(0.0, color="black", linewidth=1.0)
    lower.set_title("learned − true")
    lower.set_xlabel("x (data units)")
    lower.set_ylabel("difference (per unit of x)")
    return figure


def _bead_densities(analysis: ModelAnalysis, optimum: OptimumAnalysis, title: str) -> Figure:
    """Draw the probability of square cells of some σ as discs, where σ is too small for a map."""
    size = BEAD_LENGTH * float(analysis.model.sigma.max())
    cells, masses = [], []
    for panels in (analysis.panels, optimum.panels):
        # With cells of some σ the noise hardly matters: the mass of f in a cell is that of x.
        cells.append(np.round(panels.f.T / size).astype(np.int64))
        masses.append(np.exp(panels.log_weight))
    places, owner = np.unique(np.concatenate(cells), axis=0, return_inverse=True)
    split = len(cells[0])
    count = len(places)
    true = np.bincount(owner.ravel()[:split], weights=masses[0], minlength=count)
    learned = np.bincount(owner.ravel()[split:], weights=masses[1], minlength=count)
    figure = new_figure(row_height(analysis, 3, 6.8) + 0.1)
    panels_ = [figure.add_subplot(1, 3, 1)]
    panels_ += [figure.add_subplot(1, 3, k, sharex=panels_[0], sharey=panels_[0]) for k in (2, 3)]
    x, y = places.T * size
    area = 0.4 * BEAD_AREA
    for axes, mass in zip(panels_, (true, learned, learned - true), strict=True):
        seen = np.abs(mass) > LEAST_BEAD
        colours = "#9A9A9A"
        if mass is not true and mass is not learned:
            colours = [GAUSSIAN if value > 0.0 else EXACT for value in mass[seen]]  # type: ignore[assignment]
        axes.scatter(
            x[seen], y[seen], s=area * np.abs(mass[seen]), c=colours, edgecolors="black", lw=0.7
        )
    _label_row(panels_, ("true p(x)", "learned p_f(x)", "learned − true"))
    headline(figure, title)
    return figure
