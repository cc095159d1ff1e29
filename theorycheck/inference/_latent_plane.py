"""log p(x) of a decoder of two latents: tensor Gauss-Legendre rules on boxes of the plane of z.

Boxes are halved in both directions until f moves by a few σ on each and until its rule agrees with
those of its four parts, wherever the box could matter for one of the x; what a box could be worth
at most is its prior mass times the density at the point of f on it that is nearest to x. So a
posterior is followed wherever it is narrow, and x far from all data into the tails of the prior.

The radius adds up, over boxes, how far the doubled rule is from the single one, and what the boxes
that were not refined could be worth.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtr

from theorycheck.arrays import Array, Booleans, Integers, PerDimension, PerPoint, Points
from theorycheck.errors import DecoderError, SettingError
from theorycheck.quadrature import gauss_legendre

#: A decoder of two latents, (m, 2) to (m, D).
PlaneDecoder = Callable[[Float64[Array, "m 2"]], Float64[Array, "m D"]]

#: Nodes a side of a box. With f linear and moving by `_MOVES` σ from the middle of a box, five are
#: good to 1e-3 of its integral; each halving gains a factor of 500.
_ORDER = 5
_MOVES = 3.0
#: First edges: half a unit where the prior has its mass, then wider, to where it has 1e-299.
_EDGES = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0, 20.0, 37.0])
#: How much further f may go on a box than at its nodes and corners.
_CAUTION = 1.25
#: Boxes whose f is evaluated at once, neighbours that share one matrix product, and boxes at most.
_CHUNK, _NEIGHBOURS = 2048, 16
MOST_BOXES = 200_000
#: Nats below p(x) at which a box is left out for that x, whatever comes of the others.
_OUT_OF_REACH = 45.0
#: Share of the tolerance that one box may be off by: the boxes that matter for one x are some tens.
_SHARE = 0.02
#: Rounding of (x − f)² worked out as x² − 2xf + f², in its units.
_ROUNDING = 16.0 * float(np.finfo(float).eps)
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class _Boxes:
    """Boxes with what each contributes to p(x), as logarithms.

    `bound` is what a box can be worth at most, `resolved` whether f moves little enough on it.
    """

    centre: Array  # (b, 2)
    half: Array  # (b, 2)
    value: Array  # (b, n)
    bound: Array  # (b, n)
    resolved: Booleans  # (b,)

    def only(self, chosen: Booleans) -> _Boxes:
        return _Boxes(
            self.centre[chosen], self.half[chosen], self.value[chosen], self.bound[chosen],
            self.resolved[chosen],
        )  # fmt: skip


def plane_log_density(
    f: PlaneDecoder,
    sigma: PerDimension,
    x: Points,
    *,
    tolerance: float = 1e-4,
    most_boxes: int = MOST_BOXES,
) -> tuple[PerPoint, PerPoint]:
    """Compute log p(x) = log ∫ φ(z) N(x; f(z), σ²) dz over two latents.

    Parameters
    ----------
    f : callable
        z of shape (m, 2) to f(z) of shape (m, D).
    sigma : ndarray, shape (D,)
        σ.
    x : ndarray, shape (n, D)
        Points.
    tolerance : float
        Relative error of p(x) that is aimed at.
    most_boxes : int
        Boxes at most; what is left then is in the radius.

    Returns
    -------
    value : ndarray, shape (n,)
        log p(x), nats.
    relative_error : ndarray, shape (n,)
        Bound on the relative error of p(x).

    Raises
    ------
    SettingError
        If the tolerance is not positive.
    DecoderError
        If f returns the wrong shape, NaN or inf.
    """
    if not tolerance > 0.0:
        raise SettingError(f"the tolerance must be positive, not {tolerance}")
    rule = _BoxRule(f, sigma, x)
    boxes = rule.evaluate(*_first_boxes())
    done = np.full(len(x), -np.inf)
    error = np.full(len(x), -np.inf)
    small = math.log(_SHARE * tolerance)
    count = len(boxes.centre)
    while True:
        p = np.logaddexp(done, _log_sum(boxes.value))
        # What cannot matter for any x is taken as it is, and may be wrong by all it can be worth.
        apart = boxes.bound - p
        idle = apart.max(axis=1) <= small
        done = np.logaddexp(done, _log_sum(boxes.value[idle]))
        error = np.logaddexp(error, _log_sum(boxes.bound[idle]))
        boxes = boxes.only(~idle)
        if not len(boxes.centre):
            break
        if count + 4 * len(boxes.centre) > most_boxes:
            done = np.logaddexp(done, _log_sum(boxes.value))
            error = np.logaddexp(error, _log_sum(boxes.bound))
            break
        count += 4 * len(boxes.centre)
        parts = rule.evaluate(*_quarters(boxes), p)
        doubled = _log_sum(parts.value.reshape(len(boxes.centre), 4, -1), axis=1)
        off = _log_difference(doubled, boxes.value)
        whole = parts.resolved.reshape(-1, 4).all(axis=1)
        good = whole & ((off - p).max(axis=1) <= small)
        done = np.logaddexp(done, _log_sum(doubled[good]))
        error = np.logaddexp(error, _log_sum(off[good]))
        boxes = parts.only(np.repeat(~good, 4))
    with np.errstate(over="ignore"):
        relative = np.exp(np.minimum(error - done, 700.0))
    left_out = count * math.exp(-_OUT_OF_REACH)
    return done, relative + left_out + rule.rounding(done)


class _BoxRule:
    """The tensor rule on boxes, for one f and many x."""

    def __init__(self, f: PlaneDecoder, sigma: Array, x: Array) -> None:
        self.f, self.sigma, self.scaled = f, sigma, x / sigma
        self.squares = (self.scaled**2).sum(axis=1)
        dim = x.shape[1]
        self.constant = -0.5 * dim * math.log(2.0 * math.pi) - float(np.log(sigma).sum())
        nodes, weights = gauss_legendre(_ORDER)
        grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
        corners = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
        self.places = np.concatenate([grid, corners])
        self.log_weights = np.log(np.outer(weights, weights).ravel())
        self.middle = len(grid) // 2

    def evaluate(self, centre: Array, half: Array, p: Array | None = None) -> _Boxes:
        """Return what each box (b, 2) contributes to p at each x, and what it could at most.

        Where log p (n,) is known so far, boxes out of reach of an x are not evaluated for it.
        """
        parts = [
            self._chunk(centre[start : start + _CHUNK], half[start : start + _CHUNK], p)
            for start in range(0, len(centre), _CHUNK)
        ]
        value, bound, resolved = (np.concatenate(one) for one in zip(*parts, strict=True))
        return _Boxes(centre, half, value, bound, resolved)

    def _chunk(self, centre: Array, half: Array, p: Array | None) -> tuple[Array, Array, Booleans]:
        z = centre[:, None] + half[:, None] * self.places
        f = self._scaled_f(z.reshape(-1, 2)).reshape(len(centre), len(self.places), -1)
        inner = f[:, : len(self.log_weights)]
        middle = inner[:, self.middle]
        moves = _CAUTION * np.sqrt(((f - middle[:, None]) ** 2).sum(axis=2).max(axis=1))
        prior = -0.5 * (z[:, : len(self.log_weights)] ** 2).sum(axis=2) - math.log(2.0 * math.pi)
        weight = self.log_weights + prior + np.log(half.prod(axis=1))[:, None] + self.constant
        every = np.arange(len(self.scaled), dtype=np.int64)
        nearest = np.maximum(np.sqrt(self._squared(middle, every)) - moves[:, None], 0.0)
        bound = np.log(_masses(centre, half))[:, None] - 0.5 * nearest**2 + self.constant
        value = np.full(bound.shape, -np.inf)
        for start in range(0, len(centre), _NEIGHBOURS):
            near = slice(start, start + _NEIGHBOURS)
            x = every
            if p is not None:
                x = every[(bound[near] > p - _OUT_OF_REACH).any(axis=0)]
            squares = self._squared(inner[near].reshape(-1, f.shape[2]), x)
            exponent = weight[near, :, None] - 0.5 * squares.reshape(*weight[near].shape, len(x))
            value[near, x] = _log_sum(exponent, axis=1)
        return value, bound, moves <= _MOVES

    def _squared(self, f: Array, chosen: Integers) -> Array:
        """|x − f|²/σ² of every f (k, D) and every chosen x, shape (k, m)."""
        products = f @ self.scaled[chosen].T
        squares = (f**2).sum(axis=1)[:, None] + self.squares[chosen] - 2.0 * products
        result: Array = np.maximum(squares, 0.0)
        return result

    def _scaled_f(self, z: Array) -> Array:
        values = np.asarray(self.f(z), dtype=np.float64)
        expected = (len(z), self.scaled.shape[1])
        if values.shape != expected:
            raise DecoderError(f"f returned shape {values.shape}, expected {expected}")
        if not np.isfinite(values).all():
            raise DecoderError("f returned NaN or inf")
        result: Array = values / self.sigma
        return result

    def rounding(self, log_density: Array) -> Array:
        """Relative rounding of p: that of the squares that its exponents are differences of."""
        exponent = np.abs(log_density - self.constant) + self.squares
        result: Array = _ROUNDING * (1.0 + exponent) * self.scaled.shape[1]
        return result


def _first_boxes() -> tuple[Array, Array]:
    edges = np.concatenate([-_EDGES[:0:-1], _EDGES])
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
    index = np.stack(np.meshgrid(*2 * [np.arange(len(middle))], indexing="ij"), -1).reshape(-1, 2)
    return middle[index], half[index]


def _quarters(boxes: _Boxes) -> tuple[Array, Array]:
    signs = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    half = 0.5 * boxes.half
    centre = boxes.centre[:, None] + half[:, None] * signs
    return centre.reshape(-1, 2), np.repeat(half, 4, axis=0)


def _masses(centre: Array, half: Array) -> Array:
    """Prior mass of boxes, without cancellation in the tails."""
    near = np.abs(centre)
    sides = ndtr(half - near) - ndtr(-half - near)
    result: Array = np.maximum(sides.prod(axis=1), _TINY)
    return result


def _log_sum(values: Array, axis: int = 0) -> Array:
    """Return log Σ exp, of nothing −∞."""
    if values.shape[axis] == 0:
        return np.full(values.shape[1 - axis], -np.inf)
    largest = values.max(axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(values - largest).sum(axis=axis))
    result: Array = total + largest.squeeze(axis)
    return result


def _log_difference(one: Array, other: Array) -> Array:
    """Return log |exp one − exp other|."""
    larger = np.maximum(one, other)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.log(-np.expm1(-np.abs(one - other)))
    result: Array = np.where(np.isfinite(larger), larger + gap, -np.inf)
    return result
