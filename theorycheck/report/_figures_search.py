"""Draws where the starts of the search ended, so that one sees how often the best was found."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from theorycheck.optimum import SAME_OPTIMUM
from theorycheck.report._examined import Examined
from theorycheck.report._figure_style import EXACT, GAUSSIAN, HOLDS, nats, new_figure, styled

#: Room above the largest J shown, as a share of the range.
_HEADROOM = 0.08
#: Room at the right for the names of the two levels, as a share of the width of the dots.
_LABEL_ROOM = 0.3


@styled
def starts_figure(analysis: Examined) -> Figure:
    """Draw the J that every start and every hop ended at, sorted, beside what is reported.

    Parameters
    ----------
    analysis : Examined
        An analysis with a predicted optimum.

    Returns
    -------
    Figure
    """
    optimum = analysis.found_optimum
    predicted = optimum.predicted
    starts = predicted.starts
    figure = new_figure(3.9)
    axes = figure.add_subplot()
    rank = np.arange(1, len(starts) + 1)
    value = np.array([start.node_excess for start in starts])
    from_truth = np.array([start.kind == "ground truth" for start in starts])
    style: Any = {"linestyle": "none", "markersize": 8, "markeredgewidth": 1.5, "zorder": 3}
    axes.plot(
        rank[~from_truth], value[~from_truth], "o", markerfacecolor="white",
        markeredgecolor=GAUSSIAN, label="a start’s end", **style,
    )  # fmt: skip
    axes.plot(
        rank[from_truth], value[from_truth], "D", markerfacecolor=EXACT, markeredgecolor="black",
        label="from the ground truth", **style,
    )  # fmt: skip
    refined = [(k + 1, s.refined) for k, s in enumerate(starts) if s.refined is not None]
    if refined:
        axes.plot(
            *zip(*refined, strict=True), "v", markerfacecolor=GAUSSIAN, markeredgecolor="black",
            label="refined", **style,
        )  # fmt: skip
    if predicted.hops:
        hops = sorted(predicted.hops, key=lambda hop: hop.node_excess)
        places = len(starts) + 1.5 + np.arange(len(hops))
        axes.plot(
            places, [hop.node_excess for hop in hops], "s", markerfacecolor="white",
            markeredgecolor=HOLDS, label="hops from the best", **style,
        )  # fmt: skip
        finer = [(x, h.refined) for x, h in zip(places, hops, strict=True) if h.refined is not None]
        if finer:
            axes.plot(
                *zip(*finer, strict=True), "v", markerfacecolor=GAUSSIAN, markeredgecolor="black",
                **style,
            )  # fmt: skip
            refined += finer
    _levels(figure, optimum.truth.excess.value, predicted.excess.value)
    hopped = [hop.node_excess for hop in predicted.hops]
    every = np.concatenate([value, hopped, [optimum.truth.excess.value]])
    top = float(every.max())
    low = min(float(every.min()), predicted.excess.value, *(r for _, r in refined), 0.0)
    low -= _HEADROOM * (top - low)
    axes.set_ylim(low, top + _HEADROOM * (top - low))
    last = len(starts) + 1.0 + len(predicted.hops)
    axes.set_xlim(0.0, (1.0 + _LABEL_ROOM) * last)
    axes.set_xticks([])
    axes.set_xlabel("starts and hops, each sorted by J (no unit)")
    axes.set_ylabel("J at the end (nats)")
    often = "once" if predicted.found == 1 else f"{predicted.found} times"
    axes.set_title(
        f"{len(starts)} starts: the best end was found {often} (to {SAME_OPTIMUM:g} nats);\n"
        f"{optimum.search_words}"
    )
    figure.legend(loc="outside lower left", ncols=4, columnspacing=1.2, handletextpad=0.2)
    return figure


def _levels(figure: Figure, truth: float, found: float) -> None:
    """Draw both J that were evaluated exactly as lines, named at the right."""
    axes = figure.axes[0]
    # The name of the higher one stands above its line, that of the lower one below.
    sign = 1 if truth >= found else -1
    for level, colour, text, side in (
        (truth, EXACT, f"ground truth: {nats(truth)}", sign),
        (found, GAUSSIAN, f"reported: {nats(found)}", -sign),
    ):
        axes.axhline(level, color=colour, linewidth=1.4, linestyle="--", zorder=1)
        axes.annotate(
            text, (0.995, level), xycoords=("axes fraction", "data"), xytext=(0, 3 * side),
            textcoords="offset points", ha="right",
            va="bottom" if side > 0 else "top", fontsize=9.5, color=colour,
        )  # fmt: skip
