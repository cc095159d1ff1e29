"""Adaptive boxes in two latents: where f is evaluated, once, for every integral over both.

What panels are for one latent: a box is accepted when f moves by at most LARGEST_MOVE σ on it, the
last Legendre coefficients of f are at rounding level in either direction, and f agrees with the
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
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray
from scipy.special import ndtr

from theorycheck.arrays import Array, Booleans, Integers, PerDimension, Points
from theorycheck.quadrature._panel_mesh import log_mass
from theorycheck.quadrature._rules import gauss_legendre, legendre_transform, legendre_values
from theorycheck.quadrature.kernels import BOX_RULE, Balls

#: |latent| up to which boxes go; the prior mass beyond is 7e-33.
BOX_REACH = 12.0
#: That mass; and what it is at most of the mass of the outermost boxes, along either latent.
BEYOND = 4.0 * float(ndtr(-12.0))
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
#: The series may miss f by this many times what its last coefficients and rounding account for.
_MISFIT_ALLOWED = 64.0
#: Boxes below this prior mass are left as they are; what they do not resolve is counted.
NEGLIGIBLE = 1e-19
#: Numbers f(z) held at once, and boxes evaluated at once.
_AT_ONCE, _BATCH = 4_000_000, 512
#: Dimensions of x up to which each is looked at; of more, so many random directions.
_ALL_DIMENSIONS = 24
#: Places in a box, beside its corners, at which the series is held against f.
_TRIED = np.array([[-0.8413, 0.3107], [0.1571, -0.9093], [0.5403, 0.8776], [-0.4161, -0.2794]])


@dataclass(frozen=True, eq=False)
class LatentBoxes:
    """f on boxes of tensor Gauss-Legendre nodes that resolve it against σ.

    Build with :func:`latent_boxes`. B boxes, N = 144 nodes each, D data dimensions.

    Parameters
    ----------
    lower, upper : ndarray, shape (B, 2)
        Corners of the boxes.
    latents : ndarray, shape (B N, 2)
        Nodes, the second latent fastest.
    log_weight : ndarray, shape (B N,)
        Log of weight times prior density at each node.
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
        f itself, latents (n, 2) to means (n, D).
    flat_beyond : bool
        Beyond the boxes f is what it is on the outermost of them, which it is constant across.
    """

    lower: Float64[Array, "boxes 2"]
    upper: Float64[Array, "boxes 2"]
    latents: Float64[Array, "nodes 2"]
    log_weight: Float64[Array, " nodes"]
    f: Float64[Array, "D held"]
    centre: Float64[Array, "boxes D"]
    radius: Float64[Array, " boxes"]
    defect: Float64[Array, " boxes"]
    log_mass: Float64[Array, " boxes"]
    unresolved: Bool[Booleans, " boxes"]
    sigma: PerDimension
    name: str
    function: Callable[[Float64[Array, "n 2"]], Points] = field(repr=False)
    flat_beyond: bool = False

    @property
    def size(self) -> int:
        """Return the number of boxes B."""
        return len(self.lower)

    @property
    def held(self) -> bool:
        """Tell whether f at the nodes is held."""
        return bool(self.f.shape[1])

    def values(self, chosen: Int64[Integers, " chosen"]) -> Float64[Array, "chosen 144 D"]:
        """Return f at the nodes of some boxes, evaluated anew where it is not held.

        Parameters
        ----------
        chosen : ndarray of int, shape (m,)
            Numbers of the boxes.

        Returns
        -------
        ndarray, shape (m, 144, D)
        """
        dim = self.sigma.size
        if self.held:
            held = self.f.reshape(dim, self.size, -1)[:, chosen]
            return np.ascontiguousarray(held.transpose(1, 2, 0))
        z = self.latents.reshape(self.size, -1, 2)[chosen]
        return self.function(z.reshape(-1, 2)).reshape(len(chosen), -1, dim)

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
        return self.unresolved_mass + BEYOND

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
            0 or 1.
        """
        counts = np.exp(self.log_mass) > NEGLIGIBLE
        ends = np.concatenate([self.lower[counts, axis], self.upper[counts, axis]])
        return np.unique(np.concatenate([ends, _first_edges()]))


@dataclass(eq=False)
class _Batch:
    """Boxes with what was found on them."""

    lower: Array
    upper: Array
    f: Array
    centre: Array
    radius: Array
    defect: Array
    log_mass: Array
    resolved: Booleans
    settled: Booleans
    axis: Array


_FIELDS = tuple(_Batch.__dataclass_fields__)


def latent_boxes(
    function: Callable[[Float64[Array, "n 2"]], Points],
    sigma: PerDimension,
    *,
    name: str = "f",
    max_boxes: int = MAX_BOXES,
    largest_move: float = LARGEST_MOVE,
    resolution: float = RESOLUTION,
    negligible: float = NEGLIGIBLE,
    held: bool = True,
    kinks: tuple[Float64[Array, " kinks1"], Float64[Array, " kinks2"]] | None = None,
) -> LatentBoxes:
    """Refine boxes in two latents until they resolve f against σ.

    Parameters
    ----------
    function : callable
        Maps latents (n, 2) to means (n, D).
    sigma : ndarray, shape (D,)
        σ.
    name : str
        What the model is called, for errors.
    max_boxes : int
        Budget. When it is spent, the boxes that mattered most have been refined first.
    largest_move : float
        σ that f may move on a box.
    resolution : float
        Largest of its last Legendre coefficients that f may have on a box, in σ.
    negligible : float
        Prior mass below which a box is left as it is.
    held : bool
        Keep f at the nodes; else they are evaluated when they are asked for.
    kinks : (ndarray, ndarray), optional
        Where along z₁ and along z₂ f, a table, has kinks: no box has one inside, and f is constant
        beyond the outermost.

    Returns
    -------
    LatentBoxes
        A bump of f that is narrower than a box and lies between its nodes may be missed: f is not
        scanned beyond 152 places in a box.
    """
    edges = [np.unique(np.concatenate([_first_edges(), *one])) for one in _inside(kinks)]
    lower, upper = (
        np.array(list(product(*ends)))
        for ends in zip(*((e[:-1], e[1:]) for e in edges), strict=True)
    )
    done: list[_Batch] = []
    rule = _Rule(function, sigma, largest_move, resolution, negligible, held)
    waiting = _evaluated(rule, lower, upper)
    while True:
        done.append(_taken(waiting, waiting.settled))
        waiting = _taken(waiting, ~waiting.settled)
        count = len(waiting.lower)
        room = max_boxes - sum(len(one.lower) for one in done) - count
        if not count or room <= 0:
            break
        # The worse half first: that is where a budget that does not last should have gone.
        order = np.argsort(-waiting.log_mass - np.log(_trouble(waiting, largest_move)))
        chosen = min(max(count // 2, _BATCH), room)
        children = _evaluated(rule, *_halves(_taken(waiting, order[:chosen])))
        waiting = _joined([_taken(waiting, order[chosen:]), children])
    boxes = _assemble(_joined([*done, waiting]), sigma, name, function)
    if kinks is None:
        return boxes
    within = all(np.abs(axis).max() <= BOX_REACH - _WIDEST for axis in kinks)
    return replace(boxes, flat_beyond=within)


def _inside(kinks: tuple[Array, Array] | None) -> list[list[Array]]:
    """Return, for either latent, the kinks that lie within the boxes' reach, if there are any."""
    if kinks is None:
        return [[], []]
    return [[axis[np.abs(axis) < BOX_REACH]] for axis in kinks]


def _first_edges() -> Array:
    count = round(2.0 * BOX_REACH / _WIDEST)
    return np.linspace(-BOX_REACH, BOX_REACH, count + 1)


def _trouble(batch: _Batch, largest_move: float) -> Array:
    return np.maximum(batch.defect, batch.radius / largest_move) + 1e-300


def _taken(batch: _Batch, index: NDArray[np.intp] | Booleans) -> _Batch:
    return _Batch(*(getattr(batch, name)[index] for name in _FIELDS))


def _joined(parts: list[_Batch]) -> _Batch:
    return _Batch(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))


def _halves(batch: _Batch) -> tuple[Array, Array]:
    """Cut every box in two across the direction in which f is worse."""
    rows = np.arange(len(batch.lower))
    middle = 0.5 * (batch.lower + batch.upper)
    below, above = batch.upper.copy(), batch.lower.copy()
    below[rows, batch.axis] = middle[rows, batch.axis]
    above[rows, batch.axis] = middle[rows, batch.axis]
    return np.concatenate([batch.lower, above]), np.concatenate([below, batch.upper])


class _Rule(NamedTuple):
    """How boxes are evaluated and judged; see :func:`latent_boxes`."""

    function: Callable[[Points], Points]
    sigma: Array
    largest_move: float
    resolution: float
    negligible: float
    held: bool


def _evaluated(rule: _Rule, lower: Array, upper: Array) -> _Batch:
    each = max(1, min(_BATCH, _AT_ONCE // (160 * rule.sigma.size)))
    parts = []
    if not rule.held:
        # f is dear there, and most boxes of the first rounds are far too wide: five places say so.
        wide = _glanced(rule, lower, upper)
        parts.append(wide)
        left = wide.radius <= rule.largest_move
        parts[0] = _taken(wide, ~left)
        lower, upper = lower[left], upper[left]
    for k in range(0, len(lower), each):
        parts.append(_evaluated_batch(rule, lower[k : k + each], upper[k : k + each]))
    return _joined(parts)


def _glanced(rule: _Rule, lower: Array, upper: Array) -> _Batch:
    """Look at the corners and the middle of boxes: how far f moves, and in which direction more."""
    places = _placed(lower, upper, np.array([*product((-1.0, 1.0), repeat=2), (0.0, 0.0)]))
    f = (rule.function(places.reshape(-1, 2)) / rule.sigma).reshape(len(lower), 5, -1)
    radius = np.linalg.norm(f - f[:, 4:], axis=2).max(axis=1)
    moves = [np.linalg.norm(f[:, 2:4] - f[:, :2], axis=2), np.linalg.norm(f[:, 1:4:2] - f[:, :4:2],
        axis=2)]  # fmt: skip
    along = np.stack([move.max(axis=1) for move in moves])
    mass = log_mass(lower[:, 0], upper[:, 0]) + log_mass(lower[:, 1], upper[:, 1])
    nothing = np.empty((len(lower), 0, rule.sigma.size))
    return _Batch(
        lower, upper, nothing, f[:, 4] * rule.sigma, radius, radius, mass,
        np.zeros(len(lower), dtype=bool), mass < math.log(rule.negligible),
        np.where(along[0] >= along[1], 0, 1),
    )  # fmt: skip


def _placed(lower: Array, upper: Array, unit: Array) -> Array:
    """Return places of the unit box [-1, 1]² in every box: (B, n, 2)."""
    half = 0.5 * (upper - lower)
    placed: Array = 0.5 * (lower + upper)[:, None, :] + half[:, None, :] * unit
    return placed


def _evaluated_batch(rule: _Rule, lower: Array, upper: Array) -> _Batch:
    order, sigma = BOX_RULE, rule.sigma
    nodes, _ = gauss_legendre(order)
    unit = np.array(list(product(nodes, repeat=2)))
    tried = np.concatenate([np.array(list(product((-1.0, 1.0), repeat=2))), _TRIED])
    places = _placed(lower, upper, np.concatenate([unit, tried]))
    both = rule.function(places.reshape(-1, 2)).reshape(len(lower), len(unit) + len(tried), -1)
    f = both[:, : len(unit)]
    centre, radius, seen = _judged(both, sigma)
    grid = seen[:, : len(unit)].reshape(len(lower), order, order, -1)
    transform = legendre_transform(order)
    series = np.einsum("ka,lb,nabd->nkld", transform, transform, grid, optimize=True)
    tails = np.stack(
        [np.abs(series[:, -2:]).max(axis=(1, 2, 3)), np.abs(series[:, :, -2:]).max(axis=(1, 2, 3))]
    )
    values = [legendre_values(tried[:, axis], order - 1) for axis in (0, 1)]
    predicted = np.einsum("pk,pl,nkld->npd", *values, series, optimize=True)
    misfit = np.abs(predicted - seen[:, len(unit) :]).max(axis=(1, 2))
    rounding = 64.0 * np.finfo(float).eps * np.abs(grid).max(axis=(1, 2, 3))
    mass = log_mass(lower[:, 0], upper[:, 0]) + log_mass(lower[:, 1], upper[:, 1])
    tail = tails.max(axis=0)
    trusted = misfit <= _MISFIT_ALLOWED * (tail + rounding)
    narrow = 2.0 * radius <= rule.largest_move
    fine = tail <= np.maximum(rule.resolution * np.maximum(1.0, 1e-3 * np.exp(-mass)), rounding)
    resolved = trusted & narrow
    moves = np.stack([np.ptp(grid, axis=1 + axis).max(axis=(1, 2)) for axis in (0, 1)])
    by_move = np.where(moves[0] >= moves[1], 0, 1)
    by_tail = np.where(tails[0] >= tails[1], 0, 1)
    return _Batch(
        lower, upper, f if rule.held else f[:, :0], centre, radius,
        np.maximum(tail, misfit) * (tail > rounding) + rounding, mass, resolved,
        (resolved & fine) | (mass < math.log(rule.negligible)), np.where(narrow, by_tail, by_move),
    )  # fmt: skip


def _judged(both: Array, sigma: Array) -> tuple[Array, Array, Array]:
    """Return a ball around f (B, n, D), and what is judged of it: f/σ, or some projections of it.

    Of a vector of many dimensions the projections on a few random directions are as long, within a
    third or so; to expand all of its dimensions would take as long as all else.
    """
    dim = sigma.size
    if dim <= _ALL_DIMENSIONS:
        centre = 0.5 * (both.min(axis=1) + both.max(axis=1))
        radius = 1.05 * np.linalg.norm((both - centre[:, None]) / sigma, axis=2).max(axis=1) + 1e-9
        return centre, radius, both / sigma
    scaled = both / sigma
    middle = scaled.mean(axis=1)
    scaled -= middle[:, None]
    radius = 1.05 * np.sqrt(np.einsum("bnd,bnd->bn", scaled, scaled).max(axis=1)) + 1e-9
    directions = np.random.default_rng(0).standard_normal((dim, _ALL_DIMENSIONS))
    return middle * sigma, radius, scaled @ directions


def _assemble(
    batch: _Batch, sigma: Array, name: str, function: Callable[[Points], Points]
) -> LatentBoxes:
    nodes, weights = gauss_legendre(BOX_RULE)
    unit = np.array(list(product(nodes, repeat=2)))
    unit_log_weight = np.log(np.array([a * b for a, b in product(weights, repeat=2)]))
    latents = _placed(batch.lower, batch.upper, unit)
    area = np.log(0.25 * (batch.upper - batch.lower).prod(axis=1))
    log_weight = area[:, None] + unit_log_weight - 0.5 * (latents**2).sum(axis=2)
    log_weight -= math.log(2.0 * math.pi)
    return LatentBoxes(
        lower=batch.lower,
        upper=batch.upper,
        latents=latents.reshape(-1, 2),
        log_weight=log_weight.ravel(),
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
