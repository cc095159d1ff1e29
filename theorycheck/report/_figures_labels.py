"""Draws the classes' decoders side by side, true and learned, and what γ trades."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theorycheck.inference import CONDITIONAL, Family
from theorycheck.models import LabelledModel
from theorycheck.objectives import LabelledValue
from theorycheck.optimum import CollapseOnset
from theorycheck.report._figure_style import SERIES, new_figure, number, plain, styled

#: Latents that a curve is drawn at: at equal steps of their probability.
_QUANTILES = np.linspace(0.002, 0.998, 800)
#: Draws of every class behind the curves.
_DRAWS = 1500
#: Latents marked along a curve: deciles, so that one sees how fast it is run through.
_DECILES = np.linspace(0.1, 0.9, 9)


@styled
def labels_figure(
    truth: LabelledValue,
    optima: Sequence[LabelledValue],
    onsets: Sequence[CollapseOnset] = (),
) -> Figure:
    """Draw f_y of the ground truth and of each family's optimum, and the trade along γ.

    Parameters
    ----------
    truth : LabelledValue
        The ground truth's value.
    optima : sequence of LabelledValue
        Optima of one or both families, at one γ or several.

    onsets : sequence of CollapseOnset
        Where collapse sets in, drawn as bands over γ where there are several.

    Returns
    -------
    Figure
        Curves of the first γ; below them, where there are several, KL of p(x) and of p(x|y) and
        the share of information given up against γ.
    """
    first = optima[0].objective.gamma if optima else truth.objective.gamma
    shown = [truth, *(one for one in optima if one.objective.gamma == first)]
    several = len({one.objective.gamma for one in optima}) > 1
    figure = new_figure(5.6 if several else 3.0)
    # Else the outermost numbers at the axes are cut.
    figure.set_layout_engine("constrained", w_pad=0.1)
    rows = figure.subfigures(2 if several else 1, 1, squeeze=False)[:, 0]
    axes = rows[0].subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    for one, panel in zip(shown, axes, strict=True):
        _curves(panel, one, truth.data)
        kept = 100.0 * (1.0 - one.collapse.value)
        share = "under 0.1" if kept < 0.1 else f"{kept:.3g}"
        panel.set_title(
            "ground truth\n"
            if one is truth
            else f"optimum, {_short(one)}\nkeeps {share} % of I(x; y)"
        )
    axes[0].set_ylabel("$x_2$" if truth.data.data_dim > 1 else "$f_y(z)$")
    if truth.data.count <= len(SERIES):
        axes[0].legend(loc="best")
    title = (
        f"{plain(truth.data.name)}: $f_y$ of each class, at γ = {number(first)}, "
        f"{100.0 * truth.objective.labelled_share:.3g} % labelled; dots at the deciles of z"
    )
    rows[0].suptitle(title, x=0.01, ha="left")
    if several:
        _trade(rows[1].subplots(1, 3), optima, onsets)
        rows[1].suptitle("what γ, the weight of the labelled bound, trades", x=0.01, ha="left")
    return figure


def _short(value: LabelledValue) -> str:
    return "q(y|x) q(z|x, y)" if value.objective.family == CONDITIONAL else "q(y|x) q(z|x)"


def _curves(axes: Axes, value: LabelledValue, data: LabelledModel) -> None:
    from scipy.special import ndtri

    z, marks = ndtri(_QUANTILES), ndtri(_DECILES)
    _, _, x = data.sample_labelled(_DRAWS, 0)
    plane = data.data_dim > 1
    if plane:
        axes.plot(x[:, 0], x[:, 1], ".", color="#D9D9D9", ms=2.0, zorder=0, rasterized=True)
    # The later classes thinner, so that one curve under another is seen.
    for y, model in enumerate(value.model.classes):
        colour = SERIES[y % len(SERIES)]
        width = 4.5 - 2.6 * y / max(value.model.count - 1, 1)
        f, at = model.decoder(z), model.decoder(marks)
        line = (f[:, 0], f[:, 1]) if plane else (z, f[:, 0])
        points = (at[:, 0], at[:, 1]) if plane else (marks, at[:, 0])
        axes.plot(*line, color=colour, lw=width, alpha=0.85, label=f"y = {y}", zorder=2 + y)
        axes.plot(*points, "o", color=colour, mec="white", ms=5.5, mew=0.8, zorder=10 + y)
    axes.set_xlabel("$x_1$" if plane else "$z$")
    if plane:
        axes.set_aspect("equal", adjustable="box")


def _trade(
    axes: Sequence[Axes], optima: Sequence[LabelledValue], onsets: Sequence[CollapseOnset]
) -> None:
    families: dict[Family, list[LabelledValue]] = {}
    for one in optima:
        families.setdefault(one.objective.family, []).append(one)
    texts = (
        "KL[p(x) ‖ $p_f(x)$], nats",
        "KL[p(x, y) ‖ $p_f(x, y)$], nats",
        "I(x; y), % of the data's",
    )
    for k, (colour, group) in enumerate(zip(SERIES, families.values(), strict=False)):
        group = sorted(group, key=lambda one: one.objective.gamma)
        gamma = [one.objective.gamma for one in group]
        rows = (
            [one.mleo_x.value for one in group],
            [one.mleo_xy.value for one in group],
            [100.0 * (1.0 - one.collapse.value) for one in group],
        )
        for panel, row in zip(axes, rows, strict=True):
            style = "o-" if k == 0 else "s--"
            panel.plot(gamma, row, style, color=colour, label=_short(group[0]))
        for onset in onsets:
            low, high = onset.gamma(group[0].objective.labelled_share)
            if onset.family == group[0].objective.family and 0.0 < low < high < math.inf:
                for panel in axes:
                    panel.axvspan(low, high, color=colour, alpha=0.2, lw=0.0)
    for panel, text in zip(axes, texts, strict=True):
        panel.set_title(text)
        panel.set_xlabel("γ")
        panel.set_xscale("symlog", linthresh=_least(optima))
        panel.set_ylim(0.0, 1.08 * panel.get_ylim()[1])
    axes[0].legend(loc="best")


def _least(optima: Sequence[LabelledValue]) -> float:
    positive = [one.objective.gamma for one in optima if one.objective.gamma > 0.0]
    return min(positive, default=1.0)
