"""Draws the paper's Figure 1: truth, predicted optimum and trained networks, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator

from theorycheck.arrays import Array
from theorycheck.quadrature import LatentPanels
from theorycheck.report._analysis import ModelAnalysis
from theorycheck.report._figure_style import EXACT, GAUSSIAN, nats, new_figure, styled
from theorycheck.report._figures_data import subsample
from theorycheck.report._figures_line import curve_pieces
from theorycheck.report._figures_optimum import coarse
from theorycheck.report._plane import draw_beads, draw_curve, draw_image

#: Decoders in a row at most: more are legible no longer.
_COLUMNS = 5
#: Curves may leave the frame of p(x) by this share of its size; a lost network is cut off.
_BEYOND = 0.25
#: Width of a curve, relative to the large figures'.
_THIN, _THINNEST = 0.45, 0.25
#: Draws of each decoder where D > 2.
_DRAWS = 1500
#: Inches: width of what is not panels, heights of a panel, and of a row's titles.
_MARGIN, _LOWEST, _HIGHEST, _TITLES = 1.3, 1.0, 2.6, 0.65
#: Points: five titles with their units fit a row.
_TYPE = 9.5


@dataclass(frozen=True, eq=False)
class Shown:
    """Holds one decoder of the figure.

    Parameters
    ----------
    label : str
    excess, mleo : float
        J and MLEO, nats.
    panels : LatentPanels
    density : ndarray or None
        p_f(x) on the ground truth's map; None where D > 2.
    """

    label: str
    excess: float
    mleo: float
    panels: LatentPanels
    density: Float64[Array, "*grid"] | None


def shown_decoders(analysis: ModelAnalysis) -> list[Shown]:
    """Return the decoders of the figure: truth, optimum if there is one, networks.

    Parameters
    ----------
    analysis : ModelAnalysis

    Returns
    -------
    list of Shown
    """
    truth = analysis.decomposition
    surface = analysis.kl_map
    density = None if surface is None else surface.density
    shown = [Shown("truth", truth.excess.value, truth.mleo.value, analysis.panels, density)]
    if analysis.optimum is not None:
        found = analysis.optimum.predicted.decomposition
        parts = (found.excess.value, found.mleo.value, analysis.optimum.panels)
        shown.append(Shown("optimum", *parts, analysis.optimum.density))
    for network in analysis.trained:
        result = network.decomposition
        if network.panels is None:
            # Of several latents there is no curve to draw; the table has it.
            continue
        parts = (result.excess.value, result.mleo.value, network.panels)
        shown.append(Shown(network.run.label, *parts, network.density))
    return shown


@styled
def trained_figure(analysis: ModelAnalysis) -> Figure:
    """Draw f(z) and, below it, p_f(x) of the truth, the predicted optimum and each network.

    Parameters
    ----------
    analysis : ModelAnalysis
        An analysis with trained networks.

    Returns
    -------
    Figure
    """
    if not analysis.trained:
        raise ValueError("this analysis has no trained networks")
    shown = shown_decoders(analysis)
    rows = [shown[k : k + _COLUMNS] for k in range(0, len(shown), _COLUMNS)]
    columns = min(len(shown), _COLUMNS)
    frame = _frame(analysis, shown)
    figure = new_figure(1.0)
    height = _panel_height(frame, (figure.get_figwidth() - _MARGIN) / columns)
    figure.set_figheight(2.0 * len(rows) * (height + _TITLES) + 0.5)
    grid = GridSpec(2 * len(rows), columns, figure=figure)
    curves: list[Axes] = []
    densities: list[Axes] = []
    for k, row in enumerate(rows):
        for column, one in enumerate(row):
            upper = figure.add_subplot(grid[2 * k, column])
            lower = figure.add_subplot(grid[2 * k + 1, column])
            upper.set_title(f"{one.label}\nJ = {nats(one.excess)} nats", fontsize=_TYPE)
            below = "p(x)\n" if one is shown[0] else f"p_f(x): MLEO =\n{nats(one.mleo)} nats"
            lower.set_title(below, fontsize=_TYPE)
            bar_z = _draw_curve(upper, analysis, one)
            bar_x = _draw_density(lower, analysis, one, shown)
            for axes in (upper, lower):
                _finish(axes, frame, first=column == 0, analysis=analysis)
            curves.append(upper)
            densities.append(lower)
    # Beside the first row of decoders: one scale holds for all.
    if bar_z is not None:
        # Without a scale of densities both rows give way to this one, and stay aligned.
        beside = curves[:columns] + ([] if bar_x is not None else densities[:columns])
        bar = figure.colorbar(bar_z, ax=beside, shrink=0.9, pad=0.02, aspect=25)
        bar.set_label("z (prior std. dev.)")
    if bar_x is not None:
        bar = figure.colorbar(bar_x, ax=densities[:columns], shrink=0.9, pad=0.02, aspect=25)
        bar.set_label("density (per unit area)")
    if analysis.model.data_dim == 1:
        _label_lines(curves, densities, columns)
    return figure


def _draw_curve(axes: Axes, analysis: ModelAnalysis, one: Shown) -> ScalarMappable | None:
    """Draw f over where the data are; for D = 1 z against x."""
    surface = analysis.kl_map
    if analysis.model.data_dim == 1:
        for panels, colour in ((analysis.panels, "#B8B8B8"), (one.panels, EXACT)):
            for piece in curve_pieces(panels):
                axes.plot(piece[:, 1], piece[:, 0], color=colour, linewidth=1.6)
        return None
    if surface is None:
        x = subsample(analysis)[0]
        axes.plot(x[:, 0], x[:, 1], ".", color="#C8C8C8", markersize=1.5, rasterized=True)
    elif coarse(analysis):
        draw_beads(axes, analysis.panels)
    else:
        peak = float(surface.density.max())
        draw_image(axes, surface.axes, surface.density, "Greys", 0.0, 2.5 * peak)
    return draw_curve(axes, one.panels, thin=_THINNEST if coarse(analysis) else _THIN)


def _draw_density(
    axes: Axes, analysis: ModelAnalysis, one: Shown, shown: list[Shown]
) -> ScalarMappable | None:
    """Draw p_f: a map on one scale for all, the curve of a density, beads, or draws."""
    surface = analysis.kl_map
    if surface is None or one.density is None:
        draws = one.panels.model.sample(_DRAWS, 0)[1]
        axes.plot(draws[:, 0], draws[:, 1], ".", color="#505050", markersize=1.5, rasterized=True)
        return None
    if len(surface.axes) == 1:
        axes.fill_between(surface.axes[0], surface.density, color="#B8B8B8", lw=0)
        if one is not shown[0]:
            axes.plot(surface.axes[0], one.density, color=GAUSSIAN, linewidth=1.6)
        return None
    if coarse(analysis):
        draw_beads(axes, one.panels)
        return None
    top = max(float(other.density.max()) for other in shown if other.density is not None)
    return draw_image(axes, surface.axes, one.density, "Greys", 0.0, top)


def _frame(analysis: ModelAnalysis, shown: list[Shown]) -> tuple[Array, Array]:
    """Return lower and upper corner of what is drawn: the data, and curves not far from them."""
    if analysis.kl_map is None:
        x = subsample(analysis)[0][:, :2]
        low, high = x.min(axis=0), x.max(axis=0)
    else:
        low, high = (np.array([axis[end] for axis in analysis.kl_map.axes]) for end in (0, -1))
    size = high - low
    pieces = [piece[:, 1 : 1 + len(low)] for one in shown for piece in curve_pieces(one.panels)]
    f = np.concatenate(pieces)
    lowest, highest = f.min(axis=0) - 0.03 * size, f.max(axis=0) + 0.03 * size
    return (
        np.clip(lowest, low - _BEYOND * size, low),
        np.clip(highest, high, high + _BEYOND * size),
    )


def _panel_height(frame: tuple[Array, Array], width: float) -> float:
    size = frame[1] - frame[0]
    ratio = float(size[1] / size[0]) if len(size) > 1 else 1.1
    return min(max(ratio * width, _LOWEST), _HIGHEST)


def _finish(
    axes: Axes, frame: tuple[Array, Array], *, first: bool, analysis: ModelAnalysis
) -> None:
    """Set limits, few ticks, and labels where they do not repeat."""
    low, high = frame
    axes.set_xlim(low[0], high[0])
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    if not first:
        axes.tick_params(labelleft=False)
    if analysis.model.data_dim == 1:
        return
    axes.set_ylim(low[1], high[1])
    axes.set_aspect("equal")
    axes.set_xlabel("x₁ (data units)")
    if first:
        axes.set_ylabel("x₂ (data units)")


def _label_lines(curves: list[Axes], densities: list[Axes], columns: int) -> None:
    """Give all panels of D = 1 one scale and the outer ones labels."""
    reach = max(max(abs(end) for end in axes.get_ylim()) for axes in curves)
    top = max(axes.get_ylim()[1] for axes in densities)
    for k, (upper, lower) in enumerate(zip(curves, densities, strict=True)):
        upper.set_ylim(-reach, reach)
        lower.set_ylim(0.0, top)
        for axes in (upper, lower):
            axes.set_xlabel("x (data units)")
        if k % columns == 0:
            upper.set_ylabel("z (prior std. dev.)")
            lower.set_ylabel("density (per unit of x)")
