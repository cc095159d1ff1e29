"""Draws J along the rotations of two latents, and what latents say of the factors."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theorycheck.downstream import Disentanglement, Representation
from theorycheck.report._figure_style import (
    EXACT,
    GAUSSIAN,
    KL_COLOURS,
    nats,
    new_figure,
    number,
    plain,
    styled,
)


@styled
def disentanglement_figure(found: Disentanglement) -> Figure:
    """Draw J(a) of f(R_a z), and I(latent; factor) at f and at the angle that the ELBO prefers.

    Parameters
    ----------
    found : Disentanglement

    Returns
    -------
    Figure
    """
    figure = new_figure(5.6)
    grid = figure.add_gridspec(2, 2, height_ratios=(1.25, 1.0))
    _draw_angles(figure.add_subplot(grid[0, :]), found)
    both = (found.given, found.preferred)
    most = max(one.value for each in both for row in each.factors.matrix for one in row)
    for column, (each, words) in enumerate(zip(both, ("f itself", "preferred"), strict=True)):
        _draw_factors(figure.add_subplot(grid[1, column]), each, words, most)
    return figure


def _draw_angles(axes: Axes, found: Disentanglement) -> None:
    # One period, closed: the end is the beginning with the latents swapped.
    degrees = np.append(np.degrees(found.angles), 90.0)
    pmo = [*found.pmo, found.pmo[0]]
    values = np.array([one.value for one in pmo])
    errors = np.array([one.error for one in pmo])
    axes.fill_between(
        degrees, np.maximum(values - errors, 0.0), values + errors, color=EXACT, alpha=0.2,
        linewidth=0.0,
    )  # fmt: skip
    axes.plot(degrees, values, color=EXACT, marker="o", markersize=4)
    axes.plot(0.0, values[0], "s", color="black", markersize=7, label="f itself")
    axes.plot(
        math.degrees(found.angle.value), found.preferred.pmo.value, "*", color=GAUSSIAN,
        markersize=14, label="preferred by the ELBO",
    )  # fmt: skip
    axes.set_xlim(-2.0, 92.0)
    axes.set_xticks(np.arange(0.0, 91.0, 15.0))
    axes.set_ylim(0.0, 1.15 * float((values + errors).max()) + 1e-9)
    axes.set_xlabel("angle a, degrees: $f(R_a z)$ has the p(x) of f")
    axes.set_ylabel("J = PMO (nats)")
    axes.set_title(
        f"{plain(found.model.name)}:\nat {number(math.degrees(found.angle.value))}° J is lower "
        f"by {nats(found.gain.value)} nats"
    )
    axes.legend(loc="best")


def _draw_factors(axes: Axes, one: Representation, words: str, most: float) -> None:
    values = np.array([[each.value for each in row] for row in one.factors.matrix])
    axes.imshow(values, cmap=KL_COLOURS, vmin=0.0, vmax=max(most, 1e-9), aspect="auto")
    for (j, k), value in np.ndenumerate(values):
        light = value > 0.5 * most
        axes.text(
            k, j, number(float(value)), ha="center", va="center",
            color="black" if light else "white",
        )  # fmt: skip
    axes.set_xticks(range(values.shape[1]), [f"factor {k + 1}" for k in range(values.shape[1])])
    axes.set_yticks(range(values.shape[0]), [f"latent {j + 1}" for j in range(values.shape[0])])
    axes.set_title(f"{words}: I (nats), MIG {number(one.factors.mig.value)}")
