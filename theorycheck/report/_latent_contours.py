"""Draws an exact posterior over two latents, and Gaussians beside it, in a panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from theorycheck.arrays import Array, PerDimension
from theorycheck.inference import PlanePosterior
from theorycheck.models import GenerativeModel
from theorycheck.report._figure_style import EXACT

#: Posterior mass outside the outermost contour, and the others.
_OUTSIDE = (0.05, 0.5)
#: Cells of a posterior's picture each way.
_CELLS = 120


class DrawnGaussian(NamedTuple):
    """A Gaussian of two latents, and how it is drawn.

    Parameters
    ----------
    mean, scale : ndarray, shape (2,)
    colour, line, label : str
    """

    mean: PerDimension
    scale: PerDimension
    colour: str
    line: str
    label: str


def draw_posterior(
    axes: Axes,
    model: GenerativeModel,
    posterior: PlanePosterior,
    gaussians: Sequence[DrawnGaussian],
) -> None:
    """Fill the regions that hold 50 % and 95 % of p(z|x), and draw Gaussians over them.

    Parameters
    ----------
    axes : Axes
    model : GenerativeModel
        A model of two latents.
    posterior : PlanePosterior
        Its posterior at one x.
    gaussians : sequence of DrawnGaussian
        Ellipses of two standard deviations.
    """
    mass = posterior.weight * posterior.density
    order = np.argsort(posterior.density)
    below = np.cumsum(mass[order])
    levels = [float(posterior.density[order][np.searchsorted(below, part)]) for part in _OUTSIDE]
    held = posterior.density > 0.02 * levels[0]
    corners = [posterior.z[held]]
    for one in gaussians:
        corners += [one.mean[None] + 2.0 * one.scale, one.mean[None] - 2.0 * one.scale]
    places = np.vstack(corners)
    low, high = places.min(axis=0), places.max(axis=0)
    middle, half = 0.5 * (low + high), 0.55 * float((high - low).max())
    edge = np.linspace(-half, half, _CELLS)
    z1, z2 = np.meshgrid(middle[0] + edge, middle[1] + edge)
    density = _density(model, posterior, z1, z2)
    axes.contourf(z1, z2, density, levels=[*levels, density.max() * 1.01 + 1e-300], colors=[
        "#9ecae1", EXACT,
    ], alpha=0.75)  # fmt: skip
    axes.plot([], [], color=EXACT, linewidth=6, alpha=0.75, label="exact posterior, 50 % and 95 %")
    for one in gaussians:
        _ellipse(axes, one)
    axes.set_aspect("equal")
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)


def _density(model: GenerativeModel, posterior: PlanePosterior, z1: Array, z2: Array) -> Array:
    """p(z|x) on a picture's cells."""
    z = np.stack([z1.ravel(), z2.ravel()], axis=1)
    apart = (posterior.x - model.decoder(z)) / model.sigma
    constant = 0.5 * float(np.log(2.0 * np.pi * model.noise_variance).sum())
    log_joint = -0.5 * (apart**2).sum(axis=1) - constant - 0.5 * (z**2).sum(axis=1)
    log_p = posterior.log_density_x.value
    density: Array = np.exp(log_joint - np.log(2.0 * np.pi) - log_p).reshape(z1.shape)
    return density


def _ellipse(axes: Axes, one: DrawnGaussian) -> None:
    shape = Ellipse(
        (float(one.mean[0]), float(one.mean[1])), 4.0 * float(one.scale[0]),
        4.0 * float(one.scale[1]), fill=False, edgecolor=one.colour, linestyle=one.line,
        linewidth=1.8,
    )  # fmt: skip
    axes.add_patch(shape)
    axes.plot([], [], color=one.colour, linestyle=one.line, linewidth=1.8, label=one.label)
