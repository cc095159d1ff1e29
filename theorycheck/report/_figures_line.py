"""Draws figures over a data space of one dimension; holds what all figures over data share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theorycheck.arrays import Array
from theorycheck.objectives import KlMap
from theorycheck.quadrature import LatentPanels
from theorycheck.report._analysis import ModelAnalysis
from theorycheck.report._figure_style import EXACT, GAUSSIAN, mark_points, new_figure
from theorycheck.report._representative_points import ROUNDING_KL

#: |z| up to which the curve is drawn; 0.1 % of the prior mass lies beyond.
LATENT_REACH = 3.3
#: A step of f between neighbouring nodes of more than this many σ is a jump: panels that resolve
#: f move at most 3 σ over all their sixteen nodes.
_JUMP = 4.0


def curve_pieces(panels: LatentPanels) -> list[Float64[Array, "rows columns"]]:
    """Return the pieces of the curve between jumps: arrays with columns z, f₁, …, f_D."""
    inner = np.abs(panels.z) <= LATENT_REACH
    rows = np.column_stack([panels.z[inner], panels.f[:, inner].T])
    # Panels end at kinks and jumps: the values on both sides complete the pieces there.
    ends = np.array([b for b in panels.breakpoints if abs(b) < LATENT_REACH])
    if ends.size:
        sides = np.concatenate([np.nextafter(ends, -np.inf), np.nextafter(ends, np.inf)])
        rows = np.concatenate([rows, np.column_stack([sides, panels.model.decoder(sides)])])
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
    moves = np.abs(np.diff(rows[:, 1:], axis=0)) / panels.model.sigma
    jumps = np.flatnonzero(moves.max(axis=1) > _JUMP) + 1
    return list(np.split(rows, jumps))


def kl_ceiling(analysis: ModelAnalysis) -> float:
    """Return the KL that 99.9 % of the probability lies below, or that a selected point has."""
    distribution = analysis.decomposition.kl_distribution
    cumulative = np.cumsum(distribution.mass) / distribution.mass.sum()
    index = min(int(np.searchsorted(cumulative, 0.999)), distribution.kl.size - 1)
    return max(float(distribution.kl[index]), *(p.kl.value for p in analysis.points), ROUNDING_KL)


def line_data_figure(analysis: ModelAnalysis, surface: KlMap) -> Figure:
    """Draw p(x), and below it every z that f sends to x, for D = 1."""
    titles = ("Where the data are: p(x)", "Which z lead there: the curve f(z)")
    figure, upper, lower = _two_rows(analysis, titles)
    upper.fill_between(surface.axes[0], surface.density, color="#B8B8B8", lw=0)
    upper.set_ylim(0.0, 1.18 * surface.density.max())
    upper.set_ylabel("p(x) (per unit of x)")
    for piece in curve_pieces(analysis.panels):
        lower.plot(piece[:, 1], piece[:, 0], color=EXACT, linewidth=2.0, solid_capstyle="round")
    lower.set_ylabel("z (prior std. dev.)")
    heights = [np.exp(p.posterior.log_density_x.value) for p in analysis.points]
    mark_points(upper, analysis.points, _places(analysis, heights))
    return figure


def line_kl_figure(analysis: ModelAnalysis, surface: KlMap, title: str) -> Figure:
    """Draw KL(x), and below it p(x), for D = 1."""
    figure, upper, lower = _two_rows(analysis, (title, "Where the data are: p(x)"))
    top = kl_ceiling(analysis)
    upper.plot(surface.axes[0], np.maximum(surface.kl, 0.0), color=GAUSSIAN, linewidth=2.0)
    upper.set_ylim(-0.02 * top, 1.18 * top)
    upper.set_ylabel("KL[q* ‖ p(z|x)] (nats)")
    lower.fill_between(surface.axes[0], surface.density, color="#B8B8B8", lw=0)
    lower.set_ylim(bottom=0.0)
    lower.set_ylabel("p(x) (per unit of x)")
    places = _places(analysis, [max(p.kl.value, 0.0) for p in analysis.points])
    mark_points(upper, analysis.points, places)
    return figure


def _two_rows(analysis: ModelAnalysis, titles: Sequence[str]) -> tuple[Figure, Axes, Axes]:
    figure = new_figure(5.2)
    upper = figure.add_subplot(2, 1, 1)
    lower = figure.add_subplot(2, 1, 2, sharex=upper)
    upper.set_title(titles[0])
    lower.set_title(titles[1])
    lower.set_xlabel("x (data units)")
    upper.tick_params(labelbottom=False)
    for point in analysis.points:
        for axes in (upper, lower):
            axes.axvline(float(point.posterior.x[0]), color="#C8C8C8", linewidth=1.0, zorder=0)
    return figure, upper, lower


def _places(analysis: ModelAnalysis, heights: Sequence[float]) -> list[tuple[float, float]]:
    across = [float(point.posterior.x[0]) for point in analysis.points]
    return list(zip(across, heights, strict=True))
