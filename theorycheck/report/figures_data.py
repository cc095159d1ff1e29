"""Figures over the data space: p(x) with the curve f(z), and KL(x)."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from theorycheck.objectives.landscape import KlMap
from theorycheck.report.analysis import ModelAnalysis
from theorycheck.report.figure_style import (
    KL_COLOURS,
    LATENT_COLOURS,
    NO_DATA,
    headline,
    mark_points,
    nats,
    new_figure,
    styled,
)
from theorycheck.report.figures_line import (
    LATENT_REACH,
    curve_pieces,
    kl_ceiling,
    line_data_figure,
    line_kl_figure,
)
from theorycheck.report.telling_points import ROUNDING_KL, is_coarse

Array = NDArray[np.float64]

#: Shares of the probability that the contours of p(x) enclose.
_ENCLOSED = (0.99, 0.9, 0.5)
#: Line widths at the smallest and largest z, in points.
_CURVE_WIDTHS = (6.0, 2.0)
#: Factor on them where beads show the data, which a thick curve would hide.
_THIN = 0.4
#: Length of the curve that one bead stands for, in σ, and the area of a bead of all probability.
_BEAD_LENGTH = 6.0
_BEAD_AREA = 1600.0
#: Probability below which a stretch gets none.
_LEAST_BEAD = 1e-3
#: Points of a scatter at most.
_MOST_POINTS = 4000
#: The yellow end of the map is cut off: it does not show on white.
_LATENT = LinearSegmentedColormap.from_list(
    "latent", colormaps[LATENT_COLOURS](np.linspace(0.0, 0.88, 256))
)


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
        x = _subsample(analysis)[0]
        axes.plot(x[:, 0], x[:, 1], ".", color="#A8A8A8", markersize=2.5, rasterized=True, zorder=1)
        dim = analysis.model.data_dim
        headline(figure, f"Draws from p(x) (grey), the curve f(z): first two of {dim} dimensions")
    elif coarse:
        _beads(axes, analysis)
        headline(figure, "The curve f(z); beads: where along it the data are (area ∝ probability)")
    else:
        image = _image(axes, surface, surface.density, "Greys", 0.0, 1.3 * surface.density.max())
        bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
        bar.ax.set_ylim(0.0, surface.density.max())
        bar.set_label("p(x) (per unit area)")
        headline(figure, "Where the data are: p(x), and the curve f(z) they scatter about")
    pieces = [piece for piece in curve_pieces(analysis) if len(piece) > 1]
    lines = np.concatenate([np.stack([p[:-1, 1:3], p[1:, 1:3]], axis=1) for p in pieces])
    latents = np.concatenate([0.5 * (p[:-1, 0] + p[1:, 0]) for p in pieces])
    # Thinner as z grows: where the curve retraces itself, both passes show.
    widths = np.interp(latents, [-LATENT_REACH, LATENT_REACH], _CURVE_WIDTHS)
    if coarse:
        widths *= _THIN
    norm = Normalize(-LATENT_REACH, LATENT_REACH)
    # A thin white edge keeps the dark end apart from the dark of p(x).
    edge = LineCollection(list(lines), colors="white", linewidths=list(widths + 1.4), zorder=3)
    axes.add_collection(edge)
    curve = LineCollection(
        list(lines), cmap=_LATENT, norm=norm, linewidths=list(widths), capstyle="round", zorder=4
    )
    curve.set_array(latents)
    axes.add_collection(curve)
    axes.autoscale_view()
    latent_bar = figure.colorbar(curve, ax=axes, shrink=0.8, pad=0.03)
    latent_bar.set_label("z along f(z) (prior std. dev.)")
    _finish_plane(axes, analysis)
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
        x, kl = _subsample(analysis)
        order = np.argsort(kl)  # the large ones on top
        shown = axes.scatter(
            x[order, 0], x[order, 1], c=kl[order], s=9, cmap=KL_COLOURS, vmin=0, vmax=top, lw=0
        )
        bar = figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.02, extend="max")
    else:
        values = np.maximum(surface.kl, 0.0)
        axes.set_facecolor(NO_DATA)
        shown_map = _image(axes, surface, values, KL_COLOURS, 0.0, top)
        bar = figure.colorbar(shown_map, ax=axes, shrink=0.8, pad=0.02, extend="max")
        _density_contours(axes, surface)
    bar.set_label("KL[q* ‖ p(z|x)] (nats)")
    if analysis.points[0].kl.value < ROUNDING_KL and top <= ROUNDING_KL:
        title = "KL(x) is 0 to rounding everywhere: a Gaussian q is exact"
    headline(figure, title)
    _finish_plane(axes, analysis)
    return figure


def _finish_plane(axes: Axes, analysis: ModelAnalysis) -> None:
    axes.set_aspect("equal")
    axes.set_xlabel("x₁ (data units)")
    axes.set_ylabel("x₂ (data units)")
    places = [point.posterior.x[:2].tolist() for point in analysis.points]
    mark_points(axes, analysis.points, places)


def _subsample(analysis: ModelAnalysis) -> tuple[Array, Array]:
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


def _beads(axes: Axes, analysis: ModelAnalysis) -> None:
    """Put a grey disc on every stretch of the curve, of an area in proportion to its prior mass.

    For data that are dots of a few σ on a curve of hundreds: a heat map would show nothing.
    """
    panels = analysis.panels
    moves = np.linalg.norm(np.diff(panels.f, axis=1) / analysis.model.sigma[:, None], axis=0)
    stretch = (np.concatenate([[0.0], np.cumsum(moves)]) / _BEAD_LENGTH).round().astype(int)
    mass = np.exp(panels.log_weight)
    total = np.bincount(stretch, weights=mass)
    order = np.argsort(total)  # the heavy ones on top
    seen = order[total[order] > _LEAST_BEAD]
    x, y = (np.bincount(stretch, weights=mass * f)[seen] / total[seen] for f in panels.f)
    axes.scatter(x, y, s=_BEAD_AREA * total[seen], color="#9A9A9A", edgecolors="black", zorder=2)


def _image(
    axes: Axes, surface: KlMap, values: Array, colours: str, low: float, high: float
) -> QuadMesh:
    first, second = surface.axes
    return axes.pcolormesh(
        first, second, values.T, cmap=colours, vmin=low, vmax=high, rasterized=True, zorder=0
    )


def _density_contours(axes: Axes, surface: KlMap) -> None:
    """Draw the contours of p(x) that enclose given shares of the probability."""
    ordered = np.sort(surface.density.ravel())[::-1]
    share = np.cumsum(ordered) / ordered.sum()
    index = np.minimum(np.searchsorted(share, _ENCLOSED), ordered.size - 1)
    levels = np.unique(ordered[index])
    if levels.size < len(_ENCLOSED):
        return
    # Black under white: visible on both ends of the colour map.
    first, second = surface.axes
    for colour, width in (("black", 2.4), ("white", 1.1)):
        axes.contour(
            first, second, surface.density.T, levels=levels, colors=colour, linewidths=width
        )
