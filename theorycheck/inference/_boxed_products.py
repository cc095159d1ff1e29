"""log p(x) from boxes in latents where D or K is large: sums over nodes as matrix products.

|x − f|² = |x − c|² − 2 (x − c)·(f − c) + |f − c|² with c near f on the box, so that little cancels;
what is left of rounding is in the radius. A box is looked at for those x only to which it can
matter; f at its nodes is asked for box by box, and need not be held.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from scipy.special import ndtr

from theorycheck.arrays import Array, Booleans, Integers, PerPoint, Points
from theorycheck.quadrature import BOX_REACH, LatentBoxes, gauss_legendre, legendre_values
from theorycheck.quadrature.kernels import BOX_RULE

#: Nats below what is known of p(x) at which a box is left out for an x.
_OUT = 40.0
#: Numbers f(z) held at once, x worked through together, and pairs of an x and a box.
_AT_ONCE, _TOGETHER, _PAIRS = 4_000_000, 4096, 8_000_000
_EPS = float(np.finfo(float).eps)
_ROWS = (2.0 * np.arange(BOX_RULE)[:, None] + 1.0) * legendre_values(
    gauss_legendre(BOX_RULE)[0], BOX_RULE - 1
).T
#: (2k + 1) P_k at the nodes, of the two highest degrees and of two in the middle.
_HIGH, _MIDDLE = _ROWS[-2:], _ROWS[BOX_RULE // 2 - 1 : BOX_RULE // 2 + 1]


class ProductSums(NamedTuple):
    """What sums over the nodes of boxes say of some x.

    Parameters
    ----------
    value : ndarray, shape (n,)
        log p(x), nats.
    relative_error : ndarray, shape (n,)
        Of p(x): what the rule and rounding leave open.
    mean_f : ndarray, shape (n, D)
        E[f(z) | x].
    squares : ndarray, shape (n, D)
        E[(x_d − f_d(z))² | x]; zero where it was not asked for.
    """

    value: PerPoint
    relative_error: PerPoint
    mean_f: Points
    squares: Points


class _Sums:
    """Sums of weights under a reference for each x, which rises as larger weights come."""

    def __init__(self, count: int, dim: int) -> None:
        self.reference = np.full(count, -np.inf)
        self.total, self.error = np.zeros(count), np.zeros(count)
        self.mean, self.square = np.zeros((count, dim)), np.zeros((count, dim))

    def raised(self, rows: Integers, reference: Array) -> Array:
        """Raise the references of some x, and return the new ones."""
        new: Array = np.maximum(self.reference[rows], reference)
        factor = np.exp(self.reference[rows] - new)
        self.total[rows] *= factor
        self.error[rows] *= factor
        self.mean[rows] *= factor[:, None]
        self.square[rows] *= factor[:, None]
        self.reference[rows] = new
        return new


def density_by_products(boxes: LatentBoxes, x: Points, *, squares: bool = False) -> ProductSums:
    """Compute log p(x) and posterior means by matrix products.

    Parameters
    ----------
    boxes : LatentBoxes
        f on boxes.
    x : ndarray, shape (n, D)
        Data points.
    squares : bool
        Return E[(x_d − f_d)² | x] as well.

    Returns
    -------
    ProductSums
    """
    together = _TOGETHER if boxes.latent_dim < 3 else max(64, _PAIRS // boxes.size)
    parts = [
        _of_some(boxes, x[start : start + together] / boxes.sigma, squares)
        for start in range(0, len(x), together)
    ]
    value, relative, mean, square = (np.concatenate(part) for part in zip(*parts, strict=True))
    return ProductSums(
        value + boxes.peak_log_density, relative, mean * boxes.sigma, square * boxes.sigma**2
    )


def _of_some(boxes: LatentBoxes, x: Array, squares: bool) -> tuple[Array, Array, Array, Array]:
    """The same for x in units of σ, without the peak of the density."""
    distance = _distances(x, boxes.centre / boxes.sigma)
    sums = _Sums(len(x), x.shape[1])
    # The box with the most to say first: what is known of p(x) then leaves most others out.
    first = np.argmax(boxes.log_mass - 0.5 * distance**2, axis=1)
    for box, nodes in _means(boxes, np.unique(first)):
        _add(boxes, sums, x, np.flatnonzero(first == box), box, nodes, squares)
    near = _near(boxes, distance, sums.reference + np.log(sums.total))
    near[np.arange(len(x)), first] = False
    for box, nodes in _means(boxes, np.flatnonzero(near.any(axis=0))):
        _add(boxes, sums, x, np.flatnonzero(near[:, box]), box, nodes, squares)
    mean = sums.mean / sums.total[:, None]
    square = np.zeros_like(mean)
    if squares:
        square = np.maximum(sums.square / sums.total[:, None], 0.0)
    value = sums.reference + np.log(sums.total)
    beyond = np.exp(np.minimum(_beyond(boxes, x) - value, 700.0))
    left_out = boxes.size * math.exp(-_OUT)
    relative = sums.error / sums.total + beyond + left_out + 16.0 * _EPS
    return value, relative, mean, square


def _beyond(boxes: LatentBoxes, x: Array) -> Array:
    """Bound the log of what lies beyond the boxes' reach, if f stays as near to x as at the end."""
    nearest = np.full(len(x), -np.inf)
    ends = math.log(2.0 * boxes.latent_dim * float(ndtr(-BOX_REACH)))
    if boxes.latent_dim > 2:
        # They are many: f is within a ball on each.
        outer = boxes.outermost
        apart = _distances(x, boxes.centre[outer] / boxes.sigma) - boxes.radius[outer]
        found: Array = ends - 0.5 * np.maximum(apart.min(axis=1), 0.0) ** 2
        return found
    for box, (_, f) in _means(boxes, boxes.outermost):
        centre = boxes.centre[box] / boxes.sigma
        apart, around = x - centre, f - centre
        own, other = (apart**2).sum(axis=1), (around**2).sum(axis=1)
        squared = own[:, None] + other - 2.0 * apart @ around.T
        nearest = np.maximum(nearest, -0.5 * squared.min(axis=1))
    result: Array = ends + nearest
    return result


def boxes_near(boxes: LatentBoxes, x: Points, log_sum: PerPoint) -> Bool[Booleans, "n boxes"]:
    """Tell which boxes can matter to which x.

    Parameters
    ----------
    boxes : LatentBoxes
        f on boxes.
    x : ndarray, shape (n, D)
        Data points.
    log_sum : ndarray, shape (n,)
        log p(x) less its largest density, as far as it is known: no more than it is.

    Returns
    -------
    ndarray of bool, shape (n, B)
    """
    return _near(boxes, _distances(x / boxes.sigma, boxes.centre / boxes.sigma), log_sum)


def _near(boxes: LatentBoxes, distance: Array, log_sum: Array) -> Booleans:
    most = boxes.log_mass - 0.5 * np.maximum(distance - boxes.radius, 0.0) ** 2
    result: Booleans = most > log_sum[:, None] - _OUT
    return result


def _distances(x: Array, centre: Array) -> Array:
    """|x − c| of every x (n, D) and every centre (B, D), to some 1e-8: only to leave boxes out."""
    middle = centre.mean(axis=0)
    x, centre = x - middle, centre - middle
    squared = (x**2).sum(axis=1)[:, None] + (centre**2).sum(axis=1) - 2.0 * x @ centre.T
    result: Array = np.sqrt(np.maximum(squared, 0.0))
    return result


def _means(boxes: LatentBoxes, chosen: Integers) -> Iterator[tuple[int, tuple[Array, Array]]]:
    """Yield boxes, with log weights and f/σ at their nodes."""
    each = max(1, _AT_ONCE // (boxes.each * boxes.sigma.size))
    for start in range(0, len(chosen), each):
        part = chosen[start : start + each]
        nodes = zip(boxes.log_weights(part), boxes.values(part) / boxes.sigma, strict=True)
        for box, found in zip(part, nodes, strict=True):
            yield int(box), found


def _add(
    boxes: LatentBoxes,
    sums: _Sums,
    x: Array,
    rows: Integers,
    box: int,
    nodes: tuple[Array, Array],
    squares: bool,
) -> None:
    """Add one box, of whose nodes log weights and f/σ are given, to the sums of some x."""
    log_weight, f = nodes
    centre = boxes.centre[box] / boxes.sigma
    apart, around = x[rows] - centre, f - centre
    own, other = (apart**2).sum(axis=1), (around**2).sum(axis=1)
    density = apart @ around.T - 0.5 * other - 0.5 * own[:, None]
    exponent = density + log_weight
    reference = sums.raised(rows, exponent.max(axis=1))
    weight = np.exp(exponent - reference[:, None])
    total = weight.sum(axis=1)
    distance, radius = np.sqrt(own), math.sqrt(float(other.max()))
    rounding = _EPS * (x.shape[1] + 8) * 0.5 * (distance + radius) ** 2
    missed = boxes.defect[box] * (distance + boxes.radius[box])
    sums.total[rows] += total
    sums.error[rows] += rule_error(weight, boxes.latent_dim) + total * (missed + rounding)
    if boxes.unresolved[box]:
        # The rule says nothing there: all of the box's mass could be where f is nearest.
        sums.error[rows] += np.exp(boxes.log_mass[box] + density.max(axis=1) - reference)
    sums.mean[rows] += weight @ f
    if squares:
        # (x − f)² = (x − c)² − 2 (x − c)(f − c) + (f − c)² in each dimension.
        sums.square[rows] += (
            total[:, None] * apart**2 - 2.0 * apart * (weight @ around) + weight @ around**2
        )


def rule_error(weight: Float64[Array, "n nodes"], latents: int = 2) -> PerPoint:
    """Return how far the tensor rule may be off, from the last Legendre coefficients.

    Parameters
    ----------
    weight : ndarray, shape (n, 12^K)
        Integrand times weight at the nodes of a box, the last latent fastest.
    latents : int
        K.

    Returns
    -------
    ndarray, shape (n,)
    """
    grid = weight.reshape(-1, *[BOX_RULE] * latents)
    error = np.zeros(len(weight))
    for axis in range(1, latents + 1):
        line = grid.sum(axis=tuple(other for other in range(1, latents + 1) if other != axis))
        high = np.abs(line @ _HIGH.T).max(axis=1)
        middle = np.abs(line @ _MIDDLE.T).max(axis=1) + 1e-300
        error += 4.0 * high * np.minimum((high / middle) ** 2, 1.0)
    return error
