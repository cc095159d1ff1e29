"""Draws figures at single x: posteriors against their best Gaussian, and the KL landscape."""

from __future__ import annotations

import math

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from theorycheck.objectives import Landscape
from theorycheck.report._analysis import ModelAnalysis
from theorycheck.report._figure_style import (
    EXACT,
    GAUSSIAN,
    KL_COLOURS,
    nats,
    new_figure,
    number,
    styled,
)
from theorycheck.report._representative_points import TellingPoint

Array = NDArray[np.float64]

#: Posterior mass cut off on each side, and widths of q shown around its mean.
_CUT = 1e-3
_Q_REACH = 3.3
#: Nodes that a posterior is drawn through at most.
_MOST_NODES = 400
#: KL above the minimum at which a landscape changes colour, nats.
_LEVELS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
#: Labels on local minima at most.
_LABELS = 4


@styled
def posterior_figure(analysis: ModelAnalysis) -> Figure:
    """Draw p(z|x) and its optimal Gaussian q at the selected x, one panel each.

    Parameters
    ----------
    analysis : ModelAnalysis

    Returns
    -------
    Figure
    """
    points = analysis.points
    columns = min(2, len(points))
    rows = math.ceil(len(points) / columns)
    figure = new_figure(0.7 + 2.7 * rows)
    for k, point in enumerate(points):
        axes = figure.add_subplot(rows, columns, k + 1)
        posterior_panel(axes, point)
        axes.set_xlabel("z (prior std. dev.)")
        if k % columns == 0:
            axes.set_ylabel("density (per unit of z)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure


def posterior_panel(axes: Axes, point: TellingPoint, whose: str = "") -> None:
    """Draw one posterior and its best Gaussian.

    Parameters
    ----------
    axes : Axes
    point : TellingPoint
    whose : str
        Stands in the title instead of why the x was chosen.
    """
    exact = point.posterior
    low, high = _window(point)
    shown = (exact.z >= low) & (exact.z <= high)
    z, density = _thinned(exact.z[shown], exact.density[shown])
    axes.fill_between(z, density, color=EXACT, alpha=0.30, linewidth=0, label="posterior p(z|x)")
    axes.plot(z, density, color=EXACT, linewidth=1.2)
    near = point.mean + point.scale * np.linspace(-6.0, 6.0, 241)
    grid = np.unique(np.concatenate([np.linspace(low, high, 200), near]))
    grid = grid[(grid >= low) & (grid <= high)]
    t = (grid - point.mean) / point.scale
    q = np.exp(-0.5 * t**2) / (point.scale * math.sqrt(2.0 * math.pi))
    axes.plot(grid, q, color=GAUSSIAN, linewidth=2.2, label="best Gaussian q(z|x)")
    axes.set_xlim(low, high)
    axes.set_ylim(0.0, 1.12 * max(float(density.max()), float(q.max())))
    counted = f"{exact.mode_count} modes" if exact.mode_count > 1 else "1 mode"
    measured = f"KL = {nats(point.kl.value)} nats, {counted}"
    if whose:
        axes.set_title(f"{point.letter}, {whose}: {measured}", fontsize=10)
        return
    axes.set_title(
        f"{point.letter}: {_wrapped(point.role)}\n{measured}\nx = {_coordinates(exact.x)}",
        fontsize=10,
    )


def _thinned(z: Array, density: Array) -> tuple[Array, Array]:
    """Leave out nodes that a figure does not show: decoders of many pieces have thousands."""
    if z.size <= _MOST_NODES:
        return z, density
    # The highest node of every bin stays, so that no peak is cut.
    owner = ((z - z[0]) / (z[-1] - z[0]) * (_MOST_NODES - 1)).astype(int)
    highest = np.lexsort((-density, owner))
    kept = highest[np.unique(owner[highest], return_index=True)[1]]
    chosen = np.sort(np.concatenate([kept, [0, z.size - 1]]))
    return z[chosen], density[chosen]


def _wrapped(role: str) -> str:
    """Break a long role, one that names two or more reasons, over lines."""
    return role if len(role) <= 36 else role.replace(", ", ",\n     ")


def _coordinates(x: Array) -> str:
    shown = ", ".join(number(0.0 if abs(v) < 5e-4 else float(v)) for v in x[:3])
    more = ", …" if x.size > 3 else ""
    return f"({shown}{more})" if x.size > 1 else shown


def _window(point: TellingPoint) -> tuple[float, float]:
    """Return the range of z that holds nearly all of the posterior and of q."""
    exact = point.posterior
    cumulative = np.cumsum(exact.weight * exact.density)
    first = int(np.searchsorted(cumulative, _CUT))
    last = min(int(np.searchsorted(cumulative, 1.0 - _CUT)), exact.z.size - 1)
    low = min(float(exact.z[first]), point.mean - _Q_REACH * point.scale)
    high = max(float(exact.z[last]), point.mean + _Q_REACH * point.scale)
    margin = 0.06 * (high - low)
    return low - margin, high + margin


@styled
def landscape_figure(analysis: ModelAnalysis) -> Figure:
    """Draw KL[N(μ, s²) ‖ p(z|x)] over (μ, s) at one x, with its local minima.

    Parameters
    ----------
    analysis : ModelAnalysis

    Returns
    -------
    Figure
    """
    landscape = analysis.landscape
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    above = np.maximum(landscape.kl - landscape.optimal_kl, 0.0)
    norm = BoundaryNorm(_LEVELS, 256, extend="max")
    shown = axes.contourf(
        landscape.mean,
        landscape.scale,
        above,
        levels=_LEVELS,
        cmap=f"{KL_COLOURS}_r",
        norm=norm,
        extend="max",
    )
    axes.set_yscale("log")
    bar = figure.colorbar(shown, ax=axes, pad=0.02, ticks=_LEVELS)
    bar.ax.set_yticklabels([f"{level:g}" for level in _LEVELS])
    bar.set_label("KL above the global minimum (nats)")
    axes.set_xlabel("μ, mean of q (prior std. dev.)")
    axes.set_ylabel("s, width of q (prior std. dev.)")
    count = _mark_minima(axes, landscape)
    minima = "a single minimum" if count == 1 else f"{count} local minima, the best"
    axes.set_title(
        f"The PMO landscape at {analysis.landscape_letter}: {minima} at "
        f"KL = {nats(landscape.optimal_kl)} nats"
    )
    return figure


def _mark_minima(axes: Axes, landscape: Landscape) -> int:
    """Mark the global minimum by a star and the others by circles; return how many there are."""
    minima = landscape.optimum.minima[0]
    minima = minima[np.isfinite(minima[:, 2])]
    halo = [patheffects.withStroke(linewidth=3.0, foreground="white")]
    for k, (mean, log_scale, value) in enumerate(minima):
        scale = math.exp(log_scale)
        best = k == 0
        axes.plot(
            mean,
            scale,
            marker="*" if best else "o",
            markersize=17 if best else 8,
            markerfacecolor=GAUSSIAN if best else "white",
            markeredgecolor="white" if best else "black",
            markeredgewidth=1.2 if best else 1.6,
            linestyle="none",
            zorder=5,
        )
        if k < _LABELS:
            kl = landscape.optimal_kl + value - minima[0, 2]
            axes.annotate(
                f"{nats(kl)} nats",
                (mean, scale),
                xytext=(0, 12 if k % 2 == 0 else -19),
                textcoords="offset points",
                ha="center",
                fontsize=9.5,
                fontweight="bold" if best else "normal",
                path_effects=halo,
                zorder=6,
            )
    return len(minima)
