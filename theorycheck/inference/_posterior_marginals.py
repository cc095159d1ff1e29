"""The marginals p(z_k|x) of the exact posterior on nodes that all x share, for one or two latents.

For one latent the nodes are those of the panels. For two, the posterior on a box is integrated over
the other latent at the box's own nodes, and what all boxes say of a panel between two of their
edges is added up: on each it is a polynomial of degree 11, as well as the box resolves it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from scipy.sparse import csc_array

from theorycheck.arrays import Array, Booleans, Integers, Points
from theorycheck.inference._boxed_posterior import box_weights
from theorycheck.inference._exact_model import ExactModel
from theorycheck.inference._mean_field import MeanField
from theorycheck.inference._mean_field_boxes import MeanFieldBoxes
from theorycheck.inference._posterior_weights import posterior_weights
from theorycheck.quadrature import (
    ORDER,
    LatentBoxes,
    LatentPanels,
    gauss_legendre,
    latent_boxes,
    legendre_transform,
    legendre_values,
)
from theorycheck.quadrature.kernels import BOX_RULE

#: Prior mass of a box below which no marginal has nodes for it; what posteriors have there is told.
_LIGHT = 1e-15
#: σ that f may move on a box, its last coefficients, in σ, and prior mass of boxes left as they
#: are: the rule's error is then below 1e-9 of the maximum, at half the boxes or less.
_MOVE, _RESOLUTION, _NEGLIGIBLE = 4.5, 1e-8, 1e-13
#: Nats below the most that is known of p(x) from which on a box is left out for an x.
_OUT = 30.0
_LOG_2PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class MarginalAxis:
    """Nodes for integrals over one latent, or over all of them.

    Parameters
    ----------
    weight : ndarray, shape (M,)
        Weights for ∫ dz.
    log_prior : ndarray, shape (M,)
        Log of the prior density at the nodes.
    z : ndarray, shape (M,) or (M, K)
        The nodes.
    order : int
        Nodes a panel, or 0 where the nodes are of boxes.
    """

    weight: Float64[Array, " nodes"]
    log_prior: Float64[Array, " nodes"]
    z: Float64[Array, "nodes ..."]
    order: int

    def entropy(
        self, density: Float64[Array, "m chosen"], chosen: Int64[Integers, " chosen"]
    ) -> tuple[Float64[Array, " m"], Float64[Array, " m"]]:
        """Return −∫ d log d of densities on some nodes, and how far the rule may be off.

        Parameters
        ----------
        density : ndarray, shape (m, M')
            Densities, one a row.
        chosen : ndarray of int, shape (M',)
            Which nodes: whole panels.

        Returns
        -------
        entropy, error : ndarray, shape (m,)
            Nats.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(density > 0.0, -density * np.log(density), 0.0) * self.weight[chosen]
        return terms.sum(axis=1), self._rule_error(terms)

    def cross(
        self, density: Float64[Array, "m chosen"], chosen: Int64[Integers, " chosen"]
    ) -> Float64[Array, " m"]:
        """Return −∫ d log prior of densities on some nodes, nats, shape (m,)."""
        result: Array = -(density @ (self.weight * self.log_prior)[chosen])
        return result

    def _rule_error(self, terms: Array) -> Array:
        """Read off the last Legendre coefficients how far the rule is from the integral."""
        if not self.order:
            return _box_error(terms)
        return _panel_error(terms.reshape(len(terms), -1, self.order))


class MarginalChunk(NamedTuple):
    """Posterior densities of some x on the nodes of each axis that matter to them.

    Parameters
    ----------
    rows : ndarray of int, shape (m,)
        Which of the x asked for.
    chosen : tuple of ndarray of int
        For each axis which nodes.
    density : tuple of ndarray, shapes (m, M')
        For each axis the densities there.
    left_out : ndarray, shape (m,)
        Posterior mass that has no node.
    """

    rows: Int64[Integers, " m"]
    chosen: tuple[Int64[Integers, " _"], ...]
    density: tuple[Float64[Array, "m _"], ...]
    left_out: Float64[Array, " m"]


class MarginalsOnPanels:
    """p(z|x) of one latent on the panels' nodes.

    Parameters
    ----------
    panels : LatentPanels
    """

    def __init__(self, panels: LatentPanels) -> None:
        self._panels = panels
        prior = -0.5 * panels.z**2 - 0.5 * _LOG_2PI
        self.axes = (MarginalAxis(panels.rule_weight, prior, panels.z, ORDER),)

    def of(self, x: Points) -> Iterator[MarginalChunk]:
        """Yield the posterior densities of x (n, D), some at a time."""
        every = np.arange(self._panels.z.size)
        for chunk in posterior_weights(self._panels, x):
            rows = np.arange(chunk.rows.start, chunk.rows.stop)
            density = chunk.weight / self._panels.rule_weight
            yield MarginalChunk(rows, (every,), (density,), np.zeros(len(rows)))


class MarginalsOnBoxes:
    """p(z₁|x), p(z₂|x) and p(z|x) of two latents, on nodes that all x share.

    Parameters
    ----------
    boxes : LatentBoxes
        f on boxes.
    edges : ndarray, shape (m,)
        Places at which panels of either latent end, besides the boxes' own.
    joint : bool
        Give p(z|x) too, beside its marginals.
    """

    def __init__(
        self,
        boxes: LatentBoxes,
        edges: Float64[Array, " m"] | None = None,
        *,
        joint: bool = True,
    ) -> None:
        self._boxes = boxes
        self._kept = boxes.log_mass > math.log(_LIGHT)
        more = np.empty(0) if edges is None else edges
        found = [_axis_of(boxes, self._kept, axis, more) for axis in (0, 1)]
        self._maps = tuple(one for _, one in found)
        #: One for each latent, then one for both together where it is asked for.
        self.axes = tuple(axis for axis, _ in found)
        if joint:
            squares = (boxes.latents**2).sum(axis=1)
            weight = np.exp(boxes.log_weight + 0.5 * squares + _LOG_2PI)
            both = MarginalAxis(weight, -0.5 * squares - _LOG_2PI, boxes.latents, 0)
            self.axes = (*self.axes, both)

    def of(self, x: Points) -> Iterator[MarginalChunk]:
        """Yield the posterior densities of x (n, D), some at a time."""
        # Neighbours share the boxes that can matter to them.
        order = np.lexsort(np.floor(x / (4.0 * self._boxes.sigma)).T)
        for part in box_weights(self._boxes, np.ascontiguousarray(x[order]), _OUT):
            near = part.boxes
            kept = self._kept[near]
            mass = part.weight.reshape(len(part.weight), near.size, BOX_RULE, BOX_RULE)[:, kept]
            inside = mass.sum(axis=(1, 2, 3))
            mass = mass / inside[:, None, None, None]
            columns = (near[kept][:, None] * BOX_RULE + np.arange(BOX_RULE)).ravel()
            chosen, density = [], []
            for axis in (0, 1):
                lines = mass.sum(axis=3 - axis).reshape(len(mass), -1)
                rows, values = self._on_axis(axis, columns, lines)
                chosen.append(rows)
                density.append(values)
            if len(self.axes) > 2:
                each = np.arange(BOX_RULE**2)
                nodes = (near[kept][:, None] * BOX_RULE**2 + each).ravel()
                chosen.append(nodes)
                density.append(mass.reshape(len(mass), -1) / self.axes[2].weight[nodes])
            yield MarginalChunk(order[part.rows], tuple(chosen), tuple(density), 1.0 - inside)

    def _on_axis(self, axis: int, columns: Integers, lines: Array) -> tuple[Integers, Array]:
        """Carry masses at the boxes' own nodes over to densities at the nodes of the panels."""
        part = self._maps[axis][:, columns]
        used = np.unique(part.indices // BOX_RULE)
        rows = (used[:, None] * BOX_RULE + np.arange(BOX_RULE)).ravel()
        density = np.asarray((part.tocsr()[rows] @ lines.T).T)
        # Rounding leaves a little below zero where the posterior is nothing.
        return rows, np.maximum(density, 0.0)


def _axis_of(
    boxes: LatentBoxes, kept: Booleans, axis: int, more: Array
) -> tuple[MarginalAxis, csc_array]:
    """Return panels between all edges along a latent, and what carries boxes' values to them."""
    lower, upper = boxes.lower[kept, axis], boxes.upper[kept, axis]
    ends = np.concatenate([lower, upper])
    inner = more[(more > ends.min()) & (more < ends.max())]
    edges = np.unique(np.concatenate([ends, inner]))
    t, w = gauss_legendre(BOX_RULE)
    left, half = edges[:-1], 0.5 * np.diff(edges)
    z = (left + half)[:, None] + half[:, None] * t
    first, last = np.searchsorted(edges, lower), np.searchsorted(edges, upper)
    count = last - first
    box = np.repeat(np.arange(lower.size), count)
    panel = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[box]
    width = 0.5 * (upper - lower)
    inside = (z[panel] - (lower + width)[box][:, None]) / width[box][:, None]
    # A polynomial through the box's nodes, at the panel's; masses there are density times weight.
    transform = legendre_transform(BOX_RULE)
    values = legendre_values(inside.ravel(), BOX_RULE - 1) @ transform
    values = values.reshape(-1, BOX_RULE, BOX_RULE) / (w * width[box][:, None])[:, None, :]
    rows = np.broadcast_to(
        (panel[:, None] * BOX_RULE + np.arange(BOX_RULE))[:, :, None], values.shape
    )
    owner = np.flatnonzero(kept)[box]
    columns = np.broadcast_to(
        (owner[:, None] * BOX_RULE + np.arange(BOX_RULE))[:, None, :], values.shape
    )
    shape = (z.size, boxes.size * BOX_RULE)
    carried = csc_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=shape)
    weight = (half[:, None] * w).ravel()
    flat = z.ravel()
    return MarginalAxis(weight, -0.5 * flat**2 - 0.5 * _LOG_2PI, flat, BOX_RULE), carried


def _tails(terms: Array, order: int) -> tuple[Array, Array]:
    """Return the sizes of the last Legendre coefficients on the last axis, and of middle ones."""
    rows = (2.0 * np.arange(order)[:, None] + 1.0) * legendre_values(
        gauss_legendre(order)[0], order - 1
    ).T
    high = np.abs(terms @ rows[-2:].T).max(axis=-1)
    middle = np.abs(terms @ rows[order // 2 - 1 : order // 2 + 1].T).max(axis=-1)
    return high, middle + 1e-300


def _panel_error(terms: Array) -> Array:
    """Bound what the rule misses on all panels (m, panels, nodes), as panels do for p(x)."""
    high, middle = _tails(terms, terms.shape[2])
    result: Array = (4.0 * high * np.minimum((high / middle) ** 2, 1.0)).sum(axis=1)
    return result


def _box_error(terms: Array) -> Array:
    grid = terms.reshape(len(terms), -1, BOX_RULE, BOX_RULE)
    error: Array = _panel_error(grid.sum(axis=3)) + _panel_error(grid.sum(axis=2))
    return error


def posterior_marginals(
    model: ExactModel, edges: Float64[Array, " m"] | None = None, *, joint: bool = True
) -> MarginalsOnPanels | MarginalsOnBoxes | None:
    """Return what knows the posterior's marginals of a model, where something does.

    Parameters
    ----------
    model : ExactModel
        A model of one latent or two on panels or boxes.
    edges : ndarray, shape (m,), optional
        Places at which panels end, besides their own; for two latents.
    joint : bool
        Of two latents, give p(z|x) too beside its marginals.

    Returns
    -------
    MarginalsOnPanels, MarginalsOnBoxes or None
        None where posteriors of this kind of model are not on nodes.
    """
    if isinstance(model, MeanField):
        return MarginalsOnPanels(model.panels)
    if isinstance(model, MeanFieldBoxes) and model.model.latent_dim == 2:
        boxes = latent_boxes(
            model.model.decoder,
            model.model.sigma,
            name=model.model.name,
            max_boxes=model.boxes.size,
            largest_move=_MOVE,
            resolution=_RESOLUTION,
            negligible=_NEGLIGIBLE,
            held=model.boxes.held,
        )
        return MarginalsOnBoxes(boxes, edges, joint=joint)
    return None
