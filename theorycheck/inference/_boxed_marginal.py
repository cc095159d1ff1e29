"""log p(x) of a model of two latents, from boxes, with an error radius for every x."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import Array
from theorycheck.inference._marginal import LogDensity, as_points
from theorycheck.quadrature import LatentBoxes
from theorycheck.quadrature.kernels import box_density_batch


def log_density_on_boxes(boxes: LatentBoxes, x: ArrayLike) -> LogDensity:
    """Compute log p(x) = log ∫∫ φ(u) φ(v) N(x; f(u, v), σ²) du dv by quadrature.

    Parameters
    ----------
    boxes : LatentBoxes
        f on boxes of its two latents.
    x : array_like, shape (n, D)
        Data points.

    Returns
    -------
    LogDensity
        The values, with a relative error of about 1e-14 where the boxes resolve f.

    Raises
    ------
    ModelError
        If x has the wrong shape or is not finite.
    """
    points = as_points(x, boxes.sigma.size)
    count = len(points)
    value, relative, mean_f = np.empty(count), np.empty(count), np.empty_like(points)
    # Neighbours share the boxes that can matter to them.
    order = np.lexsort(np.floor(points / (3.0 * boxes.sigma)).T)
    box_density_batch(
        points[order], 1.0 / boxes.sigma, boxes.log_weight, boxes.f, boxes.defect, boxes.balls,
        value, relative, mean_f,
    )  # fmt: skip
    back = np.empty_like(order)
    back[order] = np.arange(count)
    value, relative, mean_f = value[back] + boxes.peak_log_density, relative[back], mean_f[back]
    relative += _missing_share(boxes, value)
    error = np.where(relative < 0.5, -np.log1p(-np.minimum(relative, 0.5)), np.inf)
    return LogDensity(value, error, relative, mean_f)


def _missing_share(boxes: LatentBoxes, value: Array) -> Array:
    """Bound the share of p(x) that prior mass without nodes could add."""
    exponent = np.log(boxes.missing_mass) + boxes.peak_log_density - value
    share: Array = np.exp(np.minimum(exponent, 700.0))
    return share
