"""Draws what more latents change: J in its two parts, and what the latents say of x."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theorycheck.downstream import Compression, WithLatents
from theorycheck.report._figure_style import (
    EXACT,
    GAUSSIAN,
    UNDECIDED,
    headline,
    new_figure,
    plain,
    styled,
)


@styled
def compression_figure(found: Compression) -> Figure:
    """Draw J = MLEO + PMO by K beside the informativeness of each latent.

    Parameters
    ----------
    found : Compression

    Returns
    -------
    Figure
    """
    rows = [*found.rows, *found.given]
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2)
    place = np.arange(len(rows))
    mleo = np.array([one.decomposition.mleo.value for one in rows])
    pmo = np.array([one.decomposition.pmo.value for one in rows])
    left.bar(place, mleo, color=GAUSSIAN, width=0.6, label="MLEO")
    left.bar(place, pmo, bottom=mleo, color=EXACT, width=0.6, label="PMO")
    for at, total in zip(place, mleo + pmo, strict=True):
        left.text(at, total, f"{total:.3g}", ha="center", va="bottom")
    left.set_ylabel("J = MLEO + PMO (nats)")
    left.margins(y=0.12)
    left.legend()
    _informativeness(right, rows)
    for axes in (left, right):
        axes.set_xticks(place, [_label(one) for one in rows])
    headline(figure, f"{plain(found.data)}: what the ELBO makes of more latents")
    return figure


def _label(one: WithLatents) -> str:
    return plain(one.name, 22).replace(", ", "\n")


def _informativeness(axes: Axes, rows: list[WithLatents]) -> None:
    """Draw I_q(x; z_k) of each latent as bars, their mean, and that of all together."""
    for place, one in enumerate(rows):
        values = [use.informativeness.value for use in one.information.latents]
        width = 0.6 / len(values)
        centres = place - 0.3 + width * (np.arange(len(values)) + 0.5)
        axes.bar(
            centres, values, width=0.9 * width, color=UNDECIDED, alpha=0.6,
            label=None if place else "I_q(x; z_k) of each",
        )  # fmt: skip
    across = np.arange(len(rows))
    mean = [one.information.mean.value for one in rows]
    joint = [one.information.joint.value for one in rows]
    axes.plot(across, joint, "s", color=EXACT, label="I_q(x; z) of all")
    axes.plot(across, mean, "o", color=GAUSSIAN, label="mean over k")
    axes.set_ylabel("informativeness (nats)")
    axes.set_ylim(0.0, 1.45 * max(joint))
    axes.legend(loc="upper right")
