"""Adaptive boxes in several latents: where f is evaluated, once, for every integral over them.

What panels are for one latent: a box is accepted when f moves by at most LARGEST_MOVE σ on it, the
last Legendre coefficients of f are at rounding level in every direction, and f agrees with the
series at places that the rule does not use. Then the tensor rule integrates N(x; f, σ²) to rounding
for every x. Else it is cut in two, across the direction in which f is worse. What a box does not
resolve is its defect, and what the budget leaves unresolved is kept as prior mass: every radius
downstream includes both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.special import ndtr

from theorycheck.arrays import Array, Booleans, Integers, PerDimension, Points
from theorycheck.quadrature._box_trials import (
    BATCH,
    Batch,
    Trial,
    joined,
    placed,
    taken,
    unit_log_weights,
    unit_nodes,
)
from theorycheck.quadrature.kernels import Balls

#: |latent| up to which boxes go; the prior mass beyond is 7e-33.
BOX_REACH = 12.0
#: What the mass beyond is at most of the mass of the outermost boxes, along either latent.
BEYOND_OF_OUTERMOST = 1e-7
#: Boxes at most; at 144 nodes and D = 2 this many take 70 MB.
MAX_BOXES = 16_000
#: σ that f may move on a box. At 3 the rule's error is below 3e-15 of the integrand's maximum
#: (remainder term of the 12-point Gauss rule).
LARGEST_MOVE = 3.0
#: Widest box: φ must be resolved as well.
_WIDEST = 1.5
#: Largest Legendre coefficient of degree 10 and 11 that f may have, in σ; and how much of that a
#: box may lack where its own prior mass makes up for it.
RESOLUTION = 1e-12
#: Boxes below this prior mass are left as they are; what they do not resolve is counted.
NEGLIGIBLE = 1e-19
#: Numbers f(z) asked for at once, where they are held in the end.
_AT_ONCE = 4_000_000
#: Boxes that f would need, in times of the budget, from which on nothing is refined.
_HOPELESS = 2.0


@dataclass(frozen=True, eq=False)
class LatentBoxes:
    """f on boxes of tensor Gauss-Legendre nodes that resolve it against σ.

    Build with :func:`latent_boxes`. B boxes in K latents, N = 12^K nodes each, D data dimensions.

    Parameters
    ----------
    lower, upper : ndarray, shape (B, K)
        Corners of the boxes.
    f : ndarray, shape (D, B N), or (D, 0)
        Decoder means at the nodes; empty where they are not held: see :meth:`values`.
    centre, radius : ndarray, shapes (B, D) and (B,)
        A ball around f on the box; radius in σ.
    defect : ndarray, shape (B,)
        What the box fails to resolve of f, in σ.
    log_mass : ndarray, shape (B,)
        Log prior mass of the box.
    unresolved : ndarray of bool, shape (B,)
        Boxes on which f moves more than the rule can take, or is not what the rule sees.
    sigma : ndarray, shape (D,)
        σ.
    name : str
        What the model is called.
    function : callable
        f itself, latents (n, K) to means (n, D).
    flat_beyond : bool
        Beyond the boxes f is what it is on the outermost of them, which it is constant across.
    """

    lower: Float64[Array, "boxes K"]
    upper: Float64[Array, "boxes K"]
    f: Float64[Array, "D held"]
    centre: Float64[Array, "boxes D"]
    radius: Float64[Array, " boxes"]
    defect: Float64[Array, " boxes"]
    log_mass: Float64[Array, " boxes"]
    unresolved: Bool[Booleans, " boxes"]
    sigma: PerDimension
    name: str
    function: Callable[[Float64[Array, "n K"]], Points] = field(repr=False)
    flat_beyond: bool = False

    @property
    def latent_dim(self) -> int:
        """Return the number of latents K."""
        return int(self.lower.shape[1])

    @property
    def each(self) -> int:
        """Return the number of nodes of a box, N."""
        return len(unit_nodes(self.latent_dim))

    @cached_property
    def latents(self) -> Float64[Array, "nodes K"]:
        """Return all nodes, box after box, the last latent fastest; shape (B N, K)."""
        every = placed(self.lower, self.upper, unit_nodes(self.latent_dim))
        return every.reshape(-1, self.latent_dim)

    @cached_property
    def log_weight(self) -> Float64[Array, " nodes"]:
        """Return the log of weight times prior density at each node, shape (B N,)."""
        return self.log_weights(np.arange(self.size)).ravel()

    def places(self, chosen: Int64[Integers, " chosen"]) -> Float64[Array, "chosen N K"]:
        """Return the nodes of some boxes, shape (m, N, K).

        Parameters
        ----------
        chosen : ndarray of int, shape (m,)
            Numbers of the boxes.
        """
        return placed(self.lower[chosen], self.upper[chosen], unit_nodes(self.latent_dim))

    def log_weights(self, chosen: Int64[Integers, " chosen"]) -> Float64[Array, "chosen N"]:
        """Return the log of weight times prior density at the nodes of some boxes, shape (m, N).

        Parameters
        ----------
        chosen : ndarray of int, shape (m,)
            Numbers of the boxes.
        """
        dim = self.latent_dim
        width = self.upper[chosen] - self.lower[chosen]
        volume = np.log(0.5**dim * width.prod(axis=1))
        square = 0.5 * (self.places(chosen) ** 2).sum(axis=2)
        result: Array = volume[:, None] + unit_log_weights(dim) - square
        result -= 0.5 * dim * math.log(2.0 * math.pi)
        return result

    @property
    def size(self) -> int:
        """Return the number of boxes B."""
        return len(self.lower)

    @property
    def held(self) -> bool:
        """Tell whether f at the nodes is held."""
        return bool(self.f.shape[1])

    def values(self, chosen: Int64[Integers, " chosen"]) -> Float64[Array, "chosen N D"]:
        """Return f at the nodes of some boxes, evaluated anew where it is not held.

        Parameters
        ----------
        chosen : ndarray of int, shape (m,)
            Numbers of the boxes.

        Returns
        -------
        ndarray, shape (m, N, D)
        """
        dim = self.sigma.size
        if self.held:
            held = self.f.reshape(dim, self.size, -1)[:, chosen]
            return np.ascontiguousarray(held.transpose(1, 2, 0))
        z = self.places(chosen).reshape(-1, self.latent_dim)
        return self.function(z).reshape(len(chosen), -1, dim)

    def with_values_if(self, most: int) -> LatentBoxes:
        """Return the same boxes with f held at all nodes, if they are not more than so many.

        Parameters
        ----------
        most : int
            Boxes at most.

        Returns
        -------
        LatentBoxes
        """
        if self.held or self.size > most:
            return self
        dim = self.sigma.size
        f = np.empty((dim, self.size * self.each))
        together = max(1, _AT_ONCE // (self.each * dim))
        for start in range(0, self.size, together):
            chosen = np.arange(start, min(start + together, self.size))
            nodes = slice(start * self.each, (start + len(chosen)) * self.each)
            f[:, nodes] = self.values(chosen).reshape(-1, dim).T
        return replace(self, f=f)

    @property
    def balls(self) -> Balls:
        """Return balls that hold f on each box."""
        return Balls(self.centre, self.radius, self.log_mass)

    @cached_property
    def unresolved_mass(self) -> float:
        """Return the prior mass of the boxes that do not resolve f."""
        return float(np.exp(self.log_mass[self.unresolved]).sum())

    @property
    def missing_mass(self) -> float:
        """Return the prior mass that is unresolved or beyond the reach."""
        return self.unresolved_mass + beyond(self.latent_dim)

    @property
    def peak_log_density(self) -> float:
        """Return the log of the largest N(x; f, σ²), nats."""
        return -0.5 * self.sigma.size * math.log(2.0 * math.pi) - float(np.log(self.sigma).sum())

    @property
    def outermost(self) -> Int64[Integers, " outermost"]:
        """Return the numbers of the boxes at the end of the boxes' reach."""
        ends = (self.lower <= -BOX_REACH) | (self.upper >= BOX_REACH)
        return np.flatnonzero(ends.any(axis=1)).astype(np.int64)

    def edges(self, axis: int) -> Float64[Array, " edges"]:
        """Return all edges of boxes along one latent, ascending: panels that resolve f for all.

        Parameters
        ----------
        axis : int
            Which latent, from 0.
        """
        counts = np.exp(self.log_mass) > NEGLIGIBLE
        ends = np.concatenate([self.lower[counts, axis], self.upper[counts, axis]])
        return np.unique(np.concatenate([ends, _first_edges()]))


def beyond(latents: int) -> float:
    """Return the prior mass beyond the boxes' reach.

    Parameters
    ----------
    latents : int
        K.

    Returns
    -------
    float
    """
    return 2.0 * latents * float(ndtr(-BOX_REACH))


def latent_boxes(
    function: Callable[[Float64[Array, "n K"]], Points],
    sigma: PerDimension,
    *,
    latents: int = 2,
    name: str = "f",
    max_boxes: int = MAX_BOXES,
    largest_move: float = LARGEST_MOVE,
    resolution: float = RESOLUTION,
    negligible: float = NEGLIGIBLE,
    held: bool = True,
    kinks: tuple[Float64[Array, " _"], ...] | None = None,
) -> LatentBoxes:
    """Refine boxes in K latents until they resolve f against σ.

    Parameters
    ----------
    function : callable
        Maps latents (n, K) to means (n, D).
    sigma : ndarray, shape (D,)
        σ.
    latents : int
        K, 2 or 3.
    name : str
        What the model is called, for errors.
    max_boxes : int
        Budget. When it is spent, the boxes that mattered most have been refined first. Of three
        latents, boxes stay as they are where a look at their corners says that f would need more
        than twice as many.
    largest_move : float
        σ that f may move on a box; of three latents along each, and √3 times that in all.
    resolution : float
        Largest of its last Legendre coefficients that f may have on a box, in σ.
    negligible : float
        Prior mass below which a box is left as it is.
    held : bool
        Keep f at the nodes; else they are evaluated when they are asked for.
    kinks : tuple of ndarray, optional
        Where along each latent f, a table, has kinks: no box has one inside, and f is constant
        beyond the outermost.

    Returns
    -------
    LatentBoxes
        A bump of f that is narrower than a box and lies between its nodes may be missed: f is not
        scanned beyond its nodes, its corners and four more places in a box.
    """
    edges = [np.unique(np.concatenate([_first_edges(), *one])) for one in _inside(kinks, latents)]
    lower, upper = (
        np.array(list(product(*ends)))
        for ends in zip(*((e[:-1], e[1:]) for e in edges), strict=True)
    )
    done: list[Batch] = []
    trial = Trial(function, sigma, largest_move, resolution, negligible, held, latents)
    if latents > 2 and trial.needed(lower, upper) > _HOPELESS * max_boxes:
        return _assemble(trial.glanced(lower, upper), sigma, name, function)
    waiting = trial.evaluated(lower, upper)
    while True:
        done.append(taken(waiting, waiting.settled))
        waiting = taken(waiting, ~waiting.settled)
        count = len(waiting.lower)
        room = max_boxes - sum(len(one.lower) for one in done) - count
        if not count or room <= 0:
            break
        # The worse half first: that is where a budget that does not last should have gone.
        order = np.argsort(-waiting.log_mass - np.log(_trouble(waiting, largest_move)))
        chosen = min(max(count // 2, BATCH), room)
        children = trial.evaluated(*_halves(taken(waiting, order[:chosen])))
        waiting = joined([taken(waiting, order[chosen:]), children])
    boxes = _assemble(joined([*done, waiting]), sigma, name, function)
    if kinks is None:
        return boxes
    within = all(np.abs(axis).max() <= BOX_REACH - _WIDEST for axis in kinks)
    return replace(boxes, flat_beyond=within)


def _inside(kinks: tuple[Array, ...] | None, latents: int) -> list[list[Array]]:
    """Return, for each latent, the kinks that lie within the boxes' reach, if there are any."""
    if kinks is None:
        return [[]] * latents
    return [[axis[np.abs(axis) < BOX_REACH]] for axis in kinks]


def _first_edges() -> Array:
    count = round(2.0 * BOX_REACH / _WIDEST)
    return np.linspace(-BOX_REACH, BOX_REACH, count + 1)


def _trouble(batch: Batch, largest_move: float) -> Array:
    return np.maximum(batch.defect, batch.radius / largest_move) + 1e-300


def _halves(batch: Batch) -> tuple[Array, Array]:
    """Cut every box in two across the direction in which f is worse."""
    rows = np.arange(len(batch.lower))
    middle = 0.5 * (batch.lower + batch.upper)
    below, above = batch.upper.copy(), batch.lower.copy()
    below[rows, batch.axis] = middle[rows, batch.axis]
    above[rows, batch.axis] = middle[rows, batch.axis]
    return np.concatenate([batch.lower, above]), np.concatenate([below, batch.upper])


def _assemble(
    batch: Batch, sigma: Array, name: str, function: Callable[[Points], Points]
) -> LatentBoxes:
    return LatentBoxes(
        lower=batch.lower,
        upper=batch.upper,
        f=np.ascontiguousarray(batch.f.reshape(-1, sigma.size).T),
        centre=batch.centre,
        radius=batch.radius,
        defect=batch.defect,
        log_mass=batch.log_mass,
        unresolved=~batch.resolved,
        sigma=sigma,
        name=name,
        function=function,
    )
