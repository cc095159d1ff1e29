"""How steep a decoder is: the largest |f′(z)| where the prior has its mass.

One function for every decoder that is compared: a network, an optimum on cells, a tear with
bridges. It takes secants of f, on intervals that are refined where they are steepest. No secant is
steeper than f itself, whatever its kinks, so that a decoder of bounded steepness is never said to
exceed its bound.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.arrays import Array
from theorycheck.models import GenerativeModel
from theorycheck.quadrature._latent_panels import LatentPanels, latent_panels

#: |z| up to which slopes count: 6e-5 of the prior's mass is beyond, where hardly anything trains a
#: network. One trained on absolute_value reaches |f′| = 1.3 within, and 18 between 4 and 4.9.
SLOPE_REACH = 4.0
#: Intervals as steep as this share of the steepest are refined, so many at most and into so many
#: parts a round. Secants of a smooth f gain a factor of 64 a round and begin a few per cent short.
_STEEP, _MOST, _PARTS = 0.8, 400, 8
#: Rounds at most, and the relative gain of a round at which to stop.
_ROUNDS, _GAIN = 8, 1e-9
#: Rounding of a difference of two values of f, relative to them.
_ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
#: Change of f from one float to the next, relative to σ, from which f jumps there.
_JUMP = 1e-6


def largest_slope(model: GenerativeModel | LatentPanels) -> float:
    """Return the largest |f′(z)| for |z| <= 4, in data units per prior standard deviation.

    Parameters
    ----------
    model : GenerativeModel or LatentPanels
        σ² only sets the scale on which f is resolved.

    Returns
    -------
    float
        Never above the true one but for f's own rounding, and short of it by about 1e-7 of it;
        inf where f jumps. Stretches of f that are narrower than its panels verify are not seen.

    Raises
    ------
    DecoderError
        If f misbehaves at a latent.
    """
    panels = model if isinstance(model, LatentPanels) else latent_panels(model)
    if _jumps(panels):
        return math.inf
    f = panels.model.decoder
    every = np.concatenate([panels.z, panels.left, panels.right, [-SLOPE_REACH, SLOPE_REACH]])
    z = np.unique(every[np.abs(every) <= SLOPE_REACH])
    values = f(z)
    left, right, low, high = z[:-1], z[1:], values[:-1], values[1:]
    largest = 0.0
    for _ in range(_ROUNDS):
        secant = _secants(left, right, low, high)
        reached = max(largest, float(secant.max()))
        if reached <= largest * (1.0 + _GAIN):
            return reached
        largest = reached
        steepest = np.argsort(-secant)[:_MOST]
        chosen = steepest[secant[steepest] >= _STEEP * largest]
        share = np.linspace(0.0, 1.0, _PARTS + 1)
        points = left[chosen, None] + (right - left)[chosen, None] * share
        points[:, -1] = right[chosen]
        values = f(points.ravel()).reshape(*points.shape, -1)
        dim = values.shape[-1]
        left, right = points[:, :-1].ravel(), points[:, 1:].ravel()
        low, high = values[:, :-1].reshape(-1, dim), values[:, 1:].reshape(-1, dim)
    return largest


def _secants(left: Array, right: Array, low: Array, high: Array) -> Array:
    """Slopes |f(b) − f(a)|/(b − a), less what rounding of f may have made of them."""
    size = np.maximum(np.abs(low), np.abs(high)).max(axis=1)
    rise = np.linalg.norm(high - low, axis=1) - _ROUNDING * size
    width = right - left
    return np.where(width > 0.0, np.maximum(rise, 0.0) / np.where(width > 0.0, width, 1.0), 0.0)


def _jumps(panels: LatentPanels) -> bool:
    """Tell whether f jumps at a known breakpoint within reach."""
    points = np.array([b for b in panels.breakpoints if abs(b) <= SLOPE_REACH])
    if not points.size:
        return False
    f = panels.model.decoder
    change = (f(points) - f(np.nextafter(points, -np.inf))) / panels.model.sigma
    return bool(np.linalg.norm(change, axis=1).max() > _JUMP)
