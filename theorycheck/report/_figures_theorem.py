"""Draws figures over η: the premise of Theorem 1 and its condition (1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from theorycheck.estimate import Estimate, Verdict
from theorycheck.report._examined import Examined
from theorycheck.report._figure_style import (
    EXACT,
    GAUSSIAN,
    HOLDS,
    SERIES,
    UNDECIDED,
    nats,
    new_figure,
    plain,
    styled,
)

Array = NDArray[np.float64]

#: Decades of η shown below the largest KL.
_DECADES = 3.5
#: Factor by which the axis goes on beyond it, so that a crossing at the largest KL shows.
_MARGIN = 1.3
#: Alternatives drawn at most; more would not be told apart.
_MOST_ALTERNATIVES = len(SERIES)


@styled
def eta_figure(analysis: Examined) -> Figure:
    """Draw both sides of the premise of Theorem 1 over all η, and where it holds.

    Parameters
    ----------
    analysis : Examined

    Returns
    -------
    Figure
    """
    premise = analysis.theorem1.premise
    eta = np.array([at.eta for at in premise])
    figure = new_figure(3.7)
    axes = figure.add_subplot()
    _band(axes, eta, [at.high for at in premise], EXACT, "Pr[X_Hi] · D_Hi", "-")
    _band(axes, eta, [at.low for at in premise], GAUSSIAN, "Pr[X_Lo] · D_Lo", "--")
    _shade(axes, eta, [at.verdict for at in premise])
    pmo = analysis.decomposition.pmo
    axes.set_ylim(0.0, max(1.1 * pmo.upper if np.isfinite(pmo.error) else 1.1 * pmo.value, 1e-12))
    axes.set_ylabel("part of the PMO (nats)")
    _finish(axes, eta)
    holding = [at.eta for at in premise if at.verdict is Verdict.HOLDS]
    verdict = analysis.theorem1.premise_verdict
    if verdict is Verdict.HOLDS:
        title = f"Premise of Theorem 1 holds up to η = {nats(max(holding))} nats"
    elif verdict is Verdict.FAILS:
        title = "Premise of Theorem 1 fails at every η"
    else:
        title = "Premise of Theorem 1: inconclusive within the error radius"
    axes.set_title(title)
    handles, _ = axes.get_legend_handles_labels()
    figure.legend(handles=[*handles, *_keys("premise")], loc="outside lower left", ncols=2)
    return figure


@styled
def condition_1_figure(analysis: Examined) -> Figure:
    """Draw the margins of both inequalities of condition (1) over all η, per alternative.

    The theorem has one η for its premise and (1): a dotted line shows how far the former holds.

    Parameters
    ----------
    analysis : Examined
        An analysis with at least one alternative.

    Returns
    -------
    Figure
    """
    alternatives = analysis.theorem1.alternatives[:_MOST_ALTERNATIVES]
    figure = new_figure(5.6)
    upper = figure.add_subplot(2, 1, 1)
    lower = figure.add_subplot(2, 1, 2, sharex=upper)
    for k, alternative in enumerate(alternatives):
        at = alternative.condition_1
        eta = np.array([c.eta for c in at])
        name = plain(alternative.decomposition.model.name)
        style = ("-", "--", "-.", ":")[k % 4]
        _band(upper, eta, [c.first for c in at], SERIES[k], name, style)
        _band(lower, eta, [c.second for c in at], SERIES[k], name, style)
        if len(alternatives) == 1:
            for axes in (upper, lower):
                _shade(axes, eta, [c.verdict for c in at])
    premise = [p.eta for p in analysis.theorem1.premise if p.verdict is Verdict.HOLDS]
    for axes in (upper, lower):
        axes.axhline(0.0, color="black", linewidth=1.0)
        if premise:
            axes.axvline(max(premise), color="black", linewidth=1.0, linestyle=":")
    upper.set_title(r"First inequality: $P_G\,(H_G - L_G) - P\,H - \mathrm{MLEO} > 0$ ?")
    lower.set_title(r"Second inequality: $L_G - L \geq 0$ ?")
    for axes in (upper, lower):
        axes.set_ylabel("margin (nats)")
    upper.tick_params(labelbottom=False)
    _finish(lower, eta)
    handles, _ = upper.get_legend_handles_labels()
    keys = _keys("condition (1)") if len(alternatives) == 1 else []
    figure.legend(handles=[*handles, *keys], loc="outside lower left", ncols=2)
    return figure


def _band(
    axes: Axes, eta: Array, margin: Sequence[Estimate], colour: str, label: str, style: str
) -> None:
    """Draw a line with its error radius; nothing is drawn where the radius is infinite."""
    value = np.array([e.value for e in margin])
    error = np.array([e.error for e in margin])
    value[~np.isfinite(error)] = np.nan
    axes.plot(eta, value, color=colour, linewidth=2.2, linestyle=style, label=label)
    axes.fill_between(eta, value - error, value + error, color=colour, alpha=0.25, linewidth=0)


def _shade(axes: Axes, eta: Array, verdicts: Sequence[Verdict]) -> None:
    """Colour the η for which an inequality holds, and hatch those left undecided."""
    transform = axes.get_xaxis_transform()
    for verdict, style in (
        (Verdict.HOLDS, {"color": HOLDS, "alpha": 0.15, "linewidth": 0.0}),
        (
            Verdict.INCONCLUSIVE,
            {"facecolor": "none", "edgecolor": UNDECIDED, "hatch": "///", "linewidth": 0.0},
        ),
    ):
        chosen = np.array([v is verdict for v in verdicts])
        for low, high in _runs(eta, chosen):
            axes.fill_between(
                [low, high],
                0.0,
                1.0,
                transform=transform,
                zorder=0,
                **style,  # type: ignore[arg-type]
            )


def _runs(eta: Array, chosen: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return the intervals of η around runs of chosen ones, to midway to their neighbours."""
    edges = np.concatenate([eta[:1], np.sqrt(eta[:-1] * eta[1:]), eta[-1:]])
    padded = np.concatenate([[False], chosen, [False]])
    starts = np.flatnonzero(~padded[:-1] & padded[1:])
    stops = np.flatnonzero(padded[:-1] & ~padded[1:])
    return [(float(edges[a]), float(edges[b])) for a, b in zip(starts, stops, strict=True)]


def _keys(what: str) -> list[Patch]:
    return [
        Patch(facecolor=HOLDS, alpha=0.25, label=f"{what} holds"),
        Patch(facecolor="white", edgecolor=UNDECIDED, hatch="///", label=f"{what} inconclusive"),
    ]


def _finish(axes: Axes, eta: Array) -> None:
    axes.set_xscale("log")
    if eta.size > 1:
        last = float(eta[-1])
        axes.set_xlim(max(float(eta[0]), last * 10.0**-_DECADES), last * _MARGIN)
    axes.set_xlabel("η, threshold on KL(x) (nats)")
