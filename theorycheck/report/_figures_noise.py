"""Draws J*(σ²) as a curve: what was found from above, and what no decoder can go below."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from theorycheck.report._figure_style import (
    EXACT,
    GAUSSIAN,
    HOLDS,
    UNDECIDED,
    nats,
    new_figure,
    number,
    plain,
    styled,
)
from theorycheck.theorems import NoiseCurve

#: Points of the curve of bounds between the σ² that were searched at.
_FINE = 400


@styled
def noise_curve_figure(curve: NoiseCurve) -> Figure:
    """Draw the best J of the searches at each σ², with the bounds that they imply between.

    Parameters
    ----------
    curve : NoiseCurve
        A curve over two σ² at least.

    Returns
    -------
    Figure
    """
    figure = new_figure(4.1)
    axes = figure.add_subplot()
    held = np.array([point.noise_variance for point in curve.points])
    falling = [point.falling.excess.value for point in curve.points]
    rising = [point.rising.excess.value for point in curve.points]
    fine = np.geomspace(held[0], held[-1], _FINE)
    upper = [curve.upper(float(value)).value for value in fine]
    axes.plot(fine, upper, color=EXACT, label="J* is at most this")
    floor = [point.floor for point in curve.points]
    axes.plot(held, floor, color=HOLDS, linestyle="--", label="and at least this")
    dots: Any = {"linestyle": "none", "markersize": 8, "markeredgewidth": 1.5, "zorder": 3}
    axes.plot(
        held, falling, "v", markerfacecolor="white", markeredgecolor=GAUSSIAN,
        label="search handed on from larger σ²", **dots,
    )  # fmt: skip
    axes.plot(
        held, rising, "^", markerfacecolor="white", markeredgecolor=EXACT,
        label="from smaller σ²", **dots,
    )  # fmt: skip
    low = curve.lowest.excess.value
    axes.axhspan(low, low + curve.left_open, color=UNDECIDED, alpha=0.25, linewidth=0.0)
    for true in sorted(set(curve.data.noise_variance.tolist())):
        axes.axvline(true, color="black", linestyle=":", linewidth=1.0)
    axes.set_xscale("log")
    axes.set_xticks(held, [f"{value:g}" for value in held], rotation=45)
    axes.minorticks_off()
    axes.set_ylim(0.0, 1.08 * max(*falling, *rising))
    axes.set_xlabel("σ² held (square of the unit of x); dotted: the true one")
    axes.set_ylabel("J at the optimal q (nats)")
    axes.set_title(
        f"{plain(curve.data.name)}: the lowest J found is {nats(low)} at "
        f"σ² = {number(curve.lowest.noise_variance)};\n"
        f"the searches leave {nats(curve.left_open)} nats open (grey)"
    )
    figure.legend(loc="outside lower left", ncols=2, columnspacing=1.2)
    return figure
