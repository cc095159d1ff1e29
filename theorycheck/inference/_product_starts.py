"""Where the search for the best product of Gaussians starts: a table of q, and boxes in z.

−ELBO_x is affine in x up to |x|²/2σ², so a table of E_q f and E_q |f|² for some q is one matrix
product for all x. It has wide q, as where a latent is not used. Narrow ones come from the boxes on
which f moves by a few σ: each middle, with the width that a Gaussian posterior would have there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Protocol

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Integers, PerDimension, Points
from theorycheck.inference._descent import lowest_apart
from theorycheck.inference._product_rule import kl_from_prior, product_rule
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import gauss_legendre
from theorycheck.quadrature.kernels import BOX_RULE

#: Scales of the table by K, the mean up to which it goes, and the order of its rule.
_SCALES = {2: (1.0, 0.55, 0.3), 3: (1.0, 0.5)}
_FURTHEST = 3.5
_ORDER = {2: 6, 3: 4}
#: Starts of one x from the table and from the boxes, and nats above the lowest of either up to
#: which one is taken: a middle may be 2 nats above the mode on its box.
_FROM_TABLE, _TABLE_MARGIN = 3, 2.0
_FROM_BOXES, _BOX_MARGIN = 4, 5.0
#: Boxes whose middles are nearer than this share of their width are neighbours.
_NEIGHBOURS = 0.8
#: Candidates that neighbours are given, and nats above the lowest up to which one is taken.
_FROM_GIVEN, _GIVEN_MARGIN = 2, 0.7
#: Numbers held at once.
_AT_ONCE = 4_000_000


class OnBoxes(Protocol):
    """f on boxes of latents, whose middles are starts."""

    @property
    def lower(self) -> Float64[Array, "boxes K"]:
        """Return the lower corners."""

    @property
    def upper(self) -> Float64[Array, "boxes K"]:
        """Return the upper corners."""

    @property
    def sigma(self) -> PerDimension:
        """Return σ."""

    @property
    def function(self) -> Callable[[Float64[Array, "n K"]], Points]:
        """Return f."""


@dataclass(frozen=True, eq=False)
class _Table:
    """Some q with what −ELBO_x is for each: offset − x · slope + ½|x|², x in units of σ."""

    mean: Array
    log_scale: Array
    #: How far apart two of them must be.
    width: Array
    offset: Array
    slope: Array

    def points(self, chosen: Integers) -> Array:
        return np.concatenate([self.mean[chosen], self.log_scale[chosen]], axis=1)


class ProductStarts:
    """Starts of the search, for many x.

    Parameters
    ----------
    model : GenerativeModel
        A model of two or three latents.
    boxes : OnBoxes or None
        f on boxes.
    """

    def __init__(self, model: GenerativeModel, boxes: OnBoxes | None) -> None:
        self.model = model
        self._boxes = boxes

    def of(
        self,
        x: Points,
        given: Float64[Array, "groups candidates width"] | None,
        fresh: bool,
    ) -> tuple[Integers, Float64[Array, "starts width"]]:
        """Return for which x each start is, and where it is.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            In units of σ.
        given : ndarray, shape (G, C, 2K), or None
            Candidates of groups of neighbours.
        fresh : bool
            Look beyond the candidates.

        Returns
        -------
        row : ndarray of int, shape (m,)
        points : ndarray, shape (m, 2K)
            μ, then log s.
        """
        found = []
        if given is not None:
            found.append(self._among(x, given))
        if given is None:
            found.append(_picked(x, self._table, _FROM_TABLE, _TABLE_MARGIN))
        if given is None or fresh:
            found.append(_picked(x, self._middles, _FROM_BOXES, _BOX_MARGIN))
        row, points = (np.concatenate(part) for part in zip(*found, strict=True))
        return row, points

    def _among(self, x: Array, given: Array) -> tuple[Integers, Array]:
        """Pick the best of a group's candidates for each of its x."""
        groups, count, width = given.shape
        each = len(x) // groups
        usable = np.isfinite(given).all(axis=2)
        points = given[usable]
        table = self._tabled(points[:, : width // 2], points[:, width // 2 :])
        value = np.full((groups, each, count), np.inf)
        slope = np.zeros((groups, count, x.shape[1]))
        slope[usable] = table.slope
        offset = np.full((groups, count), np.inf)
        offset[usable] = table.offset
        value = offset[:, None, :] - x.reshape(groups, each, -1) @ slope.transpose(0, 2, 1)
        order = np.argsort(value, axis=2)[:, :, :_FROM_GIVEN]
        lowest = np.take_along_axis(value, order, axis=2)
        taken = lowest <= lowest[:, :, :1] + _GIVEN_MARGIN
        group, member, place = np.nonzero(taken & np.isfinite(lowest))
        return group * each + member, given[group, order[group, member, place]]

    def _tabled(self, mean: Array, log_scale: Array) -> _Table:
        dim = self.model.latent_dim
        rule = product_rule(_ORDER[dim], dim)
        scale = np.exp(log_scale)
        slope = np.empty((len(mean), self.model.data_dim))
        squares = np.empty(len(mean))
        each = max(1, _AT_ONCE // (len(rule.t) * self.model.data_dim))
        for start in range(0, len(mean), each):
            part = slice(start, start + each)
            z = mean[part, None, :] + scale[part, None, :] * rule.t
            f = self.model.decoder(z.reshape(-1, dim)) / self.model.sigma
            f = f.reshape(*z.shape[:2], -1)
            slope[part] = np.einsum("k,nkd->nd", rule.weight, f)
            squares[part] = np.einsum("k,nkd,nkd->n", rule.weight, f, f)
        offset = 0.5 * squares + kl_from_prior(mean, scale)
        return _Table(mean, log_scale, scale, offset, slope)

    @cached_property
    def _table(self) -> _Table:
        dim = self.model.latent_dim
        parts = [(m, s) for s in _SCALES[dim] for m in np.arange(-_FURTHEST, _FURTHEST + 1e-9, s)]
        every = np.array(list(product(parts, repeat=dim)))
        return self._tabled(every[:, :, 0].copy(), np.log(every[:, :, 1]))

    @cached_property
    def _middles(self) -> _Table:
        if self._boxes is None:
            none = np.empty((0, self.model.latent_dim))
            return _Table(none, none, none, np.empty(0), np.empty((0, self.model.data_dim)))
        return middles_of(self._boxes)


def middles_of(boxes: OnBoxes) -> _Table:
    """Return the middle of every box, as a q of the width that a Gaussian posterior has there."""
    mean = 0.5 * (boxes.lower + boxes.upper)
    half = 0.5 * (boxes.upper - boxes.lower)
    size, dim = mean.shape
    inner, _ = gauss_legendre(BOX_RULE)
    inner = inner[BOX_RULE // 2 - 1 : BOX_RULE // 2 + 1]
    z = mean[:, None] + half[:, None] * np.array(list(product(inner, repeat=dim)))
    f = boxes.function(z.reshape(-1, dim)) / boxes.sigma
    f = f.reshape(size, *[2] * dim, -1)
    others = [tuple(1 + k for k in range(dim) if k != axis) for axis in range(dim)]
    slope = f.mean(axis=tuple(range(1, dim + 1)))
    steps = half * (inner[1] - inner[0])
    sides = [f.mean(axis=other) for other in others]
    moves = np.stack([side[:, 1] - side[:, 0] for side in sides], axis=1)
    steepness = (moves**2).sum(axis=2) / steps**2
    log_scale = -0.5 * np.log1p(steepness)
    offset = 0.5 * (slope**2).sum(axis=1) + 0.5 * (mean**2).sum(axis=1) - log_scale.sum(axis=1)
    return _Table(mean, log_scale, 2.0 * _NEIGHBOURS * half, offset, slope)


def _picked(x: Array, table: _Table, count: int, margin: float) -> tuple[Integers, Array]:
    """Pick the lowest entries of a table that are apart, for every x."""
    rows, points = [np.empty(0, dtype=np.int64)], [table.points(np.empty(0, dtype=np.int64))]
    block = max(1, _AT_ONCE // max(table.offset.size, 1))
    for begin in range(0, len(x) if table.offset.size else 0, block):
        values = table.offset - x[begin : begin + block] @ table.slope.T
        chosen = lowest_apart(values, table.mean, table.width, count, margin)
        row, column = np.nonzero(chosen >= 0)
        rows.append(begin + row)
        points.append(table.points(chosen[row, column]))
    return np.concatenate(rows), np.concatenate(points)
