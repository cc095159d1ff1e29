"""Draws x by its continuous label, true and collapsed, and J of both against γ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theorycheck.models import ContinuousLabelModel
from theorycheck.objectives import ContinuousValue
from theorycheck.report._figure_style import SERIES, new_figure, plain, styled

#: Draws of each model.
_DRAWS = 3000
#: γ at which J is drawn, beyond those asked for.
_GAMMAS = np.geomspace(0.03, 100.0, 71)


@styled
def continuous_labels_figure(
    truth: Sequence[ContinuousValue], collapsed: Sequence[ContinuousValue]
) -> Figure:
    """Draw x by its label under the ground truth and the collapsed f, and J of both against γ.

    Parameters
    ----------
    truth, collapsed : sequence of ContinuousValue
        For each objective; the second empty where no collapsed f is known.

    Returns
    -------
    Figure
    """
    models = [truth[0].model, *(one.model for one in collapsed[:1])]
    figure = new_figure(4.0)
    widths = [1.0] * len(models) + [1.25]
    axes = figure.subplots(1, len(models) + 1, squeeze=False, width_ratios=widths)[0]
    for model, panel, title in zip(models, axes, ("ground truth", "collapsed f"), strict=False):
        _draws(panel, model)
        panel.set_title(title)
    _against_gamma(axes[-1], truth, collapsed)
    figure.suptitle(
        f"{plain(truth[0].data.name)}: {100.0 * truth[0].objective.labelled_share:.3g} % labelled; "
        "x coloured by its label, from −2 (blue) to 2 (red)",
        x=0.01,
        ha="left",
    )
    return figure


def _draws(axes: Axes, model: ContinuousLabelModel) -> None:
    y, z, x = model.sample_labelled(_DRAWS, 0)
    plane = model.data_dim > 1
    at = (x[:, 0], x[:, 1]) if plane else (z, x[:, 0])
    axes.scatter(*at, c=y, cmap="coolwarm", vmin=-2.0, vmax=2.0, s=3.0, rasterized=True)
    axes.set_xlabel("$x_1$" if plane else "$z$")
    axes.set_ylabel("$x_2$" if plane else "$x$")
    if plane:
        axes.set_aspect("equal", adjustable="box")


def _against_gamma(
    axes: Axes, truth: Sequence[ContinuousValue], collapsed: Sequence[ContinuousValue]
) -> None:
    families = list(dict.fromkeys(one.objective.family for one in truth))
    for colour, family in zip(SERIES, families, strict=False):
        for values, style in ((truth, "-"), (collapsed, "--")):
            own = [one for one in values if one.objective.family == family]
            if own:
                label = family.name if style == "-" else None
                axes.plot(_GAMMAS, _line(own[0]), style, color=colour, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("γ")
    axes.set_ylabel("J, nats")
    axes.set_title("J; dashed: the collapsed f")
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.24), fontsize="small")


def _line(value: ContinuousValue) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return J at every γ, which is linear in it; J below 1e-6 is not drawn."""
    share = value.objective.labelled_share
    free = (1.0 - share) * (value.mleo_x.value + value.pmo_u.value)
    free += share * value.objective.alpha * value.label_kl.value
    labelled = share * (value.mleo_xy.value + value.pmo_l.value)
    return np.maximum(free + labelled * _GAMMAS, 1e-6)
