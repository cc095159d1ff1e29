"""Draws what `advise` found in a table: rows and curves, density, dimension, bounds, σ²."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import ndtri

from theorycheck.advise import (
    CURVE,
    NO_CURVE,
    Advice,
    leading_plane,
    plane_axis,
    plane_log_density,
)
from theorycheck.estimate import Estimate
from theorycheck.report._figure_style import (
    EXACT,
    GAUSSIAN,
    KL_COLOURS,
    UNDECIDED,
    headline,
    new_figure,
    number,
    plain,
    styled,
)

_Array = NDArray[np.float64]

#: Both optima: name in the results, colour, words.
_OPTIMA = (("elbo", GAUSSIAN, "ELBO"), ("exact_likelihood", EXACT, "exact likelihood"))
#: Points of a curve, of the same prior mass each.
_POINTS = 800
#: Rows that are drawn at most.
_MOST_ROWS = 3000
#: The density is shown down to this far below its highest, nats.
_DEEPEST = 4.0


@styled
def fitted_curves_figure(advice: Advice) -> Figure:
    """Draw the rows and the curves of both optima of the first split.

    Parameters
    ----------
    advice : Advice

    Returns
    -------
    Figure
        In the plane of the two leading components; of one column over the latent.
    """
    figure = new_figure(5.0)
    axes = figure.add_subplot()
    pair = advice.fits.splits[0].pair
    z = ndtri((np.arange(_POINTS) + 0.5) / _POINTS)
    curves = [fit.cells.interpolate(fit.f, z) for fit in (pair.elbo, pair.exact_likelihood)]
    x = advice.x[:_MOST_ROWS]
    if x.shape[1] == 1:
        for curve, (_, colour, words) in zip(curves, _OPTIMA, strict=True):
            axes.plot(z, curve[:, 0], color=colour, label=f"f of the {words}")
        axes.set_xlabel("latent z (standard normal)")
        axes.set_ylabel(f"{plain(advice.description.columns[0], 24)} (standard deviations)")
    else:
        centre, basis, labels = _plane(advice)
        shown = (x - centre) @ basis
        axes.plot(*shown.T, ".", color=UNDECIDED, markersize=3, alpha=0.6, label="rows fitted to")
        for curve, (_, colour, words), style in zip(curves, _OPTIMA, ("-", "--"), strict=True):
            axes.plot(*((curve - centre) @ basis).T, style, color=colour, lw=2.2, label=words)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.set_aspect("equal", adjustable="datalim")
    split = advice.fits.splits[0]
    axes.set_title(
        f"{plain(advice.name)}: both optima, |f'| ≤ {number(split.steepness)}, "
        f"σ² = {number(split.noise_variance)}"
    )
    figure.legend(loc="outside lower left", ncols=3)
    return figure


def _plane(advice: Advice) -> tuple[_Array, _Array, tuple[str, str]]:
    """Return centre, two directions and their names: the columns of two, else components."""
    x, names = advice.x, advice.description.columns
    centre = x.mean(axis=0)
    if x.shape[1] == 2:
        labels = tuple(f"{plain(name, 24)} (standard deviations)" for name in names)
        return centre, np.eye(2), (labels[0], labels[1])
    _, scale, directions = np.linalg.svd(x - centre, full_matrices=False)
    share = scale**2 / (scale**2).sum()
    first, second = (
        f"component {place + 1} ({share[place]:.0%} of the variance)" for place in range(2)
    )
    return centre, directions[:2].T, (first, second)


@styled
def shape_figure(advice: Advice) -> Figure:
    """Draw the log density in which loops are looked for.

    Parameters
    ----------
    advice : Advice
        Of two columns or more.

    Returns
    -------
    Figure
    """
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    scores = leading_plane(advice.x)
    height = plane_log_density(scores)
    height -= height.max()
    at = plane_axis(len(scores))
    mesh = axes.pcolormesh(
        at, at, height.T, cmap=KL_COLOURS, vmin=-_DEEPEST, vmax=0.0, rasterized=True
    )
    axes.contour(at, at, height.T, levels=[-3.0, -2.0, -1.0, -0.5], colors="white", linewidths=0.8)
    reach = 1.1 * float(np.abs(scores).max())
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.set_xlabel("component 1 (its standard deviations)")
    axes.set_ylabel("component 2 (its standard deviations)")
    measures = advice.shape.measures
    headline(
        figure,
        f"Log density of the rows fitted to. Of all rows it falls by "
        f"{number(measures.second_mode.value)} nats to the second mode,\nby "
        f"{number(measures.first_loop.value)} and {number(measures.second_loop.value)} nats into "
        "the two deepest holes",
    )
    figure.colorbar(mesh, ax=axes, label="log density below the highest (nats)", shrink=0.85)
    return figure


@styled
def dimension_figure(advice: Advice) -> Figure:
    """Draw Gride's dimension over scales.

    Parameters
    ----------
    advice : Advice

    Returns
    -------
    Figure
    """
    figure = new_figure(3.4)
    axes = figure.add_subplot()
    scales = [float(neighbour) for neighbour, _ in advice.shape.dimension]
    _bars(axes, scales, [value for _, value in advice.shape.dimension], EXACT, "Gride")
    axes.axhspan(CURVE, NO_CURVE, color=UNDECIDED, alpha=0.2, linewidth=0.0, label="undecided")
    axes.set_xscale("log", base=2)
    axes.set_xticks(scales, [f"{scale:g}" for scale in scales])
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("n (scale of the n-th and the 2n-th neighbour)")
    axes.set_ylabel("intrinsic dimension")
    axes.set_title("Dimension over scales: at small ones it is the noise's")
    figure.legend(loc="outside lower left", ncols=2)
    return figure


@styled
def bounds_figure(advice: Advice) -> Figure:
    """Draw held-out log p against the bound on the slope, for both optima.

    Parameters
    ----------
    advice : Advice

    Returns
    -------
    Figure
    """
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    bounds = [one.steepness for one in advice.fits.bounds]
    likely = [one.exact_likelihood.value for one in advice.fits.bounds]
    elbo = [np.nan if one.elbo is None else one.elbo.value for one in advice.fits.bounds]
    axes.plot(bounds, likely, "o-", color=EXACT, label="exact likelihood")
    axes.plot(bounds, elbo, "s--", color=GAUSSIAN, label="ELBO")
    for split in advice.fits.splits:
        axes.axvline(split.steepness, color=UNDECIDED, linestyle=":", linewidth=1.0)
    axes.set_xscale("log")
    axes.set_xticks(bounds, [f"{bound:.2g}" for bound in bounds])
    axes.minorticks_off()
    axes.set_xlabel("bound on |f'| (standard deviations per unit of z); dotted: cross-validated")
    axes.set_ylabel("held-out log p (nats a row)")
    axes.set_title("Regularisation: held-out log p of the first split, σ² fitted")
    figure.legend(loc="outside lower left", ncols=2)
    return figure


@styled
def noise_figure(advice: Advice) -> Figure:
    """Draw the estimates of σ² with their intervals.

    Parameters
    ----------
    advice : Advice

    Returns
    -------
    Figure
    """
    figure = new_figure(2.6)
    axes = figure.add_subplot()
    names = {
        "exact_likelihood": ("exact likelihood", EXACT),
        "elbo": ("ELBO, fitted", GAUSSIAN),
        "local_pca": ("local components", UNDECIDED),
    }
    drawn: list[str] = []
    for name, value in advice.fits.noise_variances().items():
        words, colour = names[name]
        axes.errorbar(value.value, len(drawn), xerr=value.error, fmt="o", color=colour, capsize=4)
        drawn.append(words)
    axes.set_yticks(range(len(drawn)), drawn)
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    axes.set_xlim(left=0.0)
    axes.set_xlabel("σ² (variances of a column); bars: 95 % over splits")
    axes.set_title("Noise variance, three ways")
    return figure


def _bars(axes: Axes, at: list[float], values: list[Estimate], colour: str, label: str) -> None:
    axes.errorbar(
        at, [one.value for one in values], yerr=[one.error for one in values], fmt="o-",
        color=colour, capsize=3, label=label,
    )  # fmt: skip
