"""log p(x) of a model of several latents, from boxes, with an error radius for every x."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.errors import ModelError, SettingError
from theorycheck.inference._boxed_products import density_by_products
from theorycheck.inference._marginal import LogDensity, as_points
from theorycheck.quadrature import (
    BEYOND_OF_OUTERMOST,
    LatentBoxes,
    TrapezoidGrid,
    beyond,
    grid_of_nodes,
)
from theorycheck.quadrature.kernels import box_density_batch

#: Data dimensions up to which x and f are compared one by one; beyond, by matrix products.
BY_PAIRS = 6
#: Latents of less weight than this, in nats below 1, lay no nodes of a grid.
_LIGHT = 50.0
#: How far in nats below its peak p(x) is looked at.
_DEPTH = 46.0


def log_density_on_boxes(boxes: LatentBoxes, x: ArrayLike) -> LogDensity:
    """Compute log p(x) = log ∫ N(z; 0, I) N(x; f(z), σ²) dz by quadrature.

    Parameters
    ----------
    boxes : LatentBoxes
        f on boxes of its latents.
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
    if by_products(boxes):
        sums = density_by_products(boxes, points)
        return known_to(sums.value, sums.relative_error, sums.mean_f)
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
    return known_to(value, relative + _missing_share(boxes, value), mean_f)


def by_products(boxes: LatentBoxes) -> bool:
    """Tell whether sums over the nodes of boxes are taken as matrix products.

    Parameters
    ----------
    boxes : LatentBoxes
        f on boxes.

    Returns
    -------
    bool
    """
    return boxes.sigma.size > BY_PAIRS or boxes.latent_dim > 2 or not boxes.held


def known_to(value: PerPoint, relative: PerPoint, mean_f: Points) -> LogDensity:
    """Say what log p(x) is known to, where the relative error of p(x) is known.

    Parameters
    ----------
    value, relative : ndarray, shape (n,)
        log p(x), nats, and the relative error of p(x).
    mean_f : ndarray, shape (n, D)
        E[f(z) | x].

    Returns
    -------
    LogDensity
    """
    error = np.where(relative < 0.5, -np.log1p(-np.minimum(relative, 0.5)), np.inf)
    return LogDensity(value, error, relative, mean_f)


def _missing_share(boxes: LatentBoxes, value: Array) -> Array:
    """Bound the share of p(x) that prior mass without nodes could add."""
    if boxes.flat_beyond:
        # What is beyond adds to p(x) as the outermost boxes do, a small share of that.
        unresolved = boxes.unresolved_mass
        known = _share(boxes, beyond(boxes.latent_dim), value)
        return _share(boxes, unresolved, value) + np.minimum(known, BEYOND_OF_OUTERMOST)
    return _share(boxes, boxes.missing_mass, value)


def _share(boxes: LatentBoxes, mass: float, value: Array) -> Array:
    if not mass > 0.0:
        return np.zeros_like(value)
    exponent = np.log(mass) + boxes.peak_log_density - value
    share: Array = np.exp(np.minimum(exponent, 700.0))
    return share


def grid_on_boxes(boxes: LatentBoxes, step: float, shift: float = 0.0) -> TrapezoidGrid:
    """Lay a trapezoid rule over p(x) of a model of several latents, D <= 2.

    Parameters
    ----------
    boxes : LatentBoxes
        f on boxes of its latents.
    step : float
        Grid step in σ.
    shift : float
        Where in the step the grid lies, in [0, 1).

    Returns
    -------
    TrapezoidGrid

    Raises
    ------
    ModelError
        If D > 2.
    SettingError
        If p(x) is so wide against σ that the grid has too many nodes.
    """
    dim = boxes.sigma.size
    if dim > 2:
        raise ModelError(f"a tensor grid needs D <= 2, not {dim}")
    spacing = step * boxes.sigma
    counts = boxes.log_weight > -_LIGHT
    weight = np.exp(boxes.log_weight[counts])
    found = grid_of_nodes(boxes.f[:, counts], weight, spacing, boxes.sigma, shift)
    if found is None:
        raise SettingError(
            f"{boxes.name}: a grid of step {step:.3g} σ over p(x) needs too many nodes"
        )
    kept = found.density > math.exp(-_DEPTH) * found.density.max()
    tail = float(np.exp(boxes.log_weight[~counts]).sum()) + boxes.missing_mass
    return TrapezoidGrid(
        x=found.x[kept],
        log_density=np.log(found.density[kept]) + boxes.peak_log_density,
        volume=float(spacing.prod()),
        coarse=found.coarse[kept],
        missing_mass=tail + 1e-17,
    )
