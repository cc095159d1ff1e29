"""What a jump between the last nodes of a box and its faces can hide.

Boxes on either side of such a jump look smooth by themselves, but their polynomials disagree where
the boxes meet. So every face is looked at from both sides, at the Gauss nodes along it.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Integers
from theorycheck.quadrature._rules import gauss_legendre, legendre_transform, legendre_values

#: Points of faces that are evaluated at once.
_CHUNK = 100_000


def hidden_at_faces(
    lower: Float64[Array, "boxes D"],
    upper: Float64[Array, "boxes D"],
    values: Float64[Array, "boxes nodes parts"],
    order: int,
) -> Float64[Array, "boxes parts"]:
    """Bound what jumps between last nodes and faces add to the integral over each box.

    Parameters
    ----------
    lower, upper : ndarray, shape (B, D)
        Boxes of a union that came from equal ones by halving all edges at once.
    values : ndarray, shape (B, N, M)
        Functions at the order^D Gauss nodes of each box.
    order : int
        Nodes of a box in each direction.

    Returns
    -------
    ndarray, shape (B, M)
        Disagreement along the faces, times the room between them and the last nodes.
    """
    count, dim = lower.shape
    coefficients = _coefficients(values, order, dim)
    width = upper - lower
    nodes, weights = gauss_legendre(order)
    # The nodes stop short of a face by this share of the width.
    margin = 0.5 * (1.0 - nodes[-1])
    along = np.array(list(product(nodes, repeat=dim - 1))).reshape(-1, dim - 1)
    share = np.prod(np.array(list(product(0.5 * weights, repeat=dim - 1))), axis=1)
    where = _Locator(lower, width)
    hidden = np.zeros((count, values.shape[2]))
    batch = max(1, _CHUNK // len(along))
    for axis, side in product(range(dim), (-1.0, 1.0)):
        face = np.insert(along, axis, side, axis=1)
        for start in range(0, count, batch):
            part = np.arange(start, min(start + batch, count))
            at = lower[part, None] + 0.5 * width[part, None] * (1.0 + face)
            # Just beyond the face, by less than any box is wide.
            beyond = at.copy()
            beyond[..., axis] += side * 0.25 * where.finest[axis]
            other = where.box_of(beyond.reshape(-1, dim))
            met = other >= 0
            own = np.repeat(part, len(along))
            gap = np.zeros((len(own), values.shape[2]))
            points = at.reshape(-1, dim)
            ours = _value(coefficients, own[met], points[met], lower, width)
            theirs = _value(coefficients, other[met], points[met], lower, width)
            gap[met] = np.abs(ours - theirs)
            mean = np.einsum("q,bqm->bm", share, gap.reshape(len(part), len(along), -1))
            hidden[part] += margin * width[part].prod(axis=1)[:, None] * mean
    return hidden


def _coefficients(values: Array, order: int, dim: int) -> Array:
    """Return the Legendre series of every box and function: (B, order, …, M)."""
    grid = values.reshape((len(values),) + (order,) * dim + (values.shape[2],))
    transform = legendre_transform(order)
    for axis in range(1, dim + 1):
        grid = np.moveaxis(np.tensordot(grid, transform, axes=(axis, 1)), -1, axis)
    return grid


def _value(coefficients: Array, box: Integers, x: Array, lower: Array, width: Array) -> Array:
    """Evaluate the series of one box at each point: (Q, M)."""
    local = np.clip(2.0 * (x - lower[box]) / width[box] - 1.0, -1.0, 1.0)
    series = coefficients[box]
    order = coefficients.shape[1]
    for axis in range(x.shape[1]):
        basis = legendre_values(local[:, axis], order - 1)
        series = np.einsum("qk,qk...->q...", basis, series)
    return series


class _Locator:
    """Which of many boxes a point lies in."""

    def __init__(self, lower: Array, width: Array) -> None:
        self.finest = width.min(axis=0)
        self._origin = lower.min(axis=0)
        level = np.rint(np.log2(width[:, 0] / self.finest[0])).astype(np.int64)
        self._levels: list[tuple[Array, Integers, Integers, Integers]] = []
        for one in np.unique(level):
            boxes = np.flatnonzero(level == one)
            edge = width[boxes[0]]
            cell = np.rint((lower[boxes] - self._origin) / edge).astype(np.int64)
            # Boxes of one size may stand half a box beside those of another, never of their own.
            stride = cell.max(axis=0) + 2
            key = self._key(cell, stride)
            order = np.argsort(key)
            self._levels.append((edge, stride, key[order], boxes[order]))

    @staticmethod
    def _key(cell: Integers, stride: Integers) -> Integers:
        key = cell[:, 0].copy()
        for axis in range(1, cell.shape[1]):
            key = key * stride[axis] + cell[:, axis]
        return key

    def box_of(self, x: Array) -> Integers:
        """Return the box of each point (Q, D), −1 where there is none."""
        found = np.full(len(x), -1, dtype=np.int64)
        for edge, stride, keys, boxes in self._levels:
            cell = np.floor((x - self._origin) / edge + 1e-9).astype(np.int64)
            inside = np.all((cell >= 0) & (cell < stride - 1), axis=1)
            key = self._key(np.where(inside[:, None], cell, 0), stride)
            place = np.minimum(np.searchsorted(keys, key), keys.size - 1)
            hit = inside & (keys[place] == key)
            found[hit] = boxes[place[hit]]
        return found
