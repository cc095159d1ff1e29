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
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray
from scipy.special import ndtr

from theorycheck.arrays import Array, Booleans, PerDimension, Points
from theorycheck.quadrature._panel_mesh import log_mass
from theorycheck.quadrature._rules import gauss_legendre, legendre_transform, legendre_values
from theorycheck.quadrature.kernels import BOX_RULE, Balls

#: |latent| up to which boxes go; the prior mass beyond is 7e-33.
BOX_REACH = 12.0
#: Boxes at most; at 144 nodes and D = 2 this many take 70 MB.
MAX_BOXES = 16_000
#: σ that f may move on a box. At 3 the rule's error is below 3e-15 of the integrand's maximum
#: (remainder term of the 12-point Gauss rule).
LARGEST_MOVE = 3.0
#: Widest box: φ must be resolved as well.
_WIDEST = 1.5
#: Largest Legendre coefficient of degree 10 and 11 that f may have, in σ; and how much of that a
#: box may lack where its own prior mass makes up for it.
_RESOLUTION = 1e-12
#: The series may miss f by this many times what its last coefficients and rounding account for.
_MISFIT_ALLOWED = 64.0
#: Boxes below this prior mass are left as they are; what they do not resolve is counted.
_NEGLIGIBLE = 1e-19
#: Boxes evaluated at once.
_BATCH = 512
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
    f : ndarray, shape (D, B N)
        Decoder means at the nodes.
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
    """

    lower: Float64[Array, "boxes 2"]
    upper: Float64[Array, "boxes 2"]
    latents: Float64[Array, "nodes 2"]
    log_weight: Float64[Array, " nodes"]
    f: Float64[Array, "D nodes"]
    centre: Float64[Array, "boxes D"]
    radius: Float64[Array, " boxes"]
    defect: Float64[Array, " boxes"]
    log_mass: Float64[Array, " boxes"]
    unresolved: Bool[Booleans, " boxes"]
    sigma: PerDimension
    name: str
    function: Callable[[Float64[Array, "n 2"]], Points] = field(repr=False)

    @property
    def size(self) -> int:
        """Return the number of boxes B."""
        return len(self.lower)

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
        return self.unresolved_mass + 4.0 * float(ndtr(-BOX_REACH))

    @property
    def peak_log_density(self) -> float:
        """Return the log of the largest N(x; f, σ²), nats."""
        return -0.5 * self.sigma.size * math.log(2.0 * math.pi) - float(np.log(self.sigma).sum())

    def edges(self, axis: int) -> Float64[Array, " edges"]:
        """Return all edges of boxes along one latent, ascending: panels that resolve f for all.

        Parameters
        ----------
        axis : int
            0 or 1.
        """
        counts = np.exp(self.log_mass) > _NEGLIGIBLE
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

    Returns
    -------
    LatentBoxes
        A bump of f that is narrower than a box and lies between its nodes may be missed: f is not
        scanned beyond 152 places in a box.
    """
    edges = _first_edges()
    corners = np.array(list(product(edges[:-1], repeat=2)))
    done: list[_Batch] = []
    waiting = _evaluated(function, sigma, corners, corners + (edges[1] - edges[0]))
    while True:
        done.append(_taken(waiting, waiting.settled))
        waiting = _taken(waiting, ~waiting.settled)
        count = len(waiting.lower)
        room = max_boxes - sum(len(one.lower) for one in done) - count
        if not count or room <= 0:
            break
        # The worse half first: that is where a budget that does not last should have gone.
        order = np.argsort(-waiting.log_mass - np.log(_trouble(waiting)))
        chosen = min(max(count // 2, _BATCH), room)
        children = _evaluated(function, sigma, *_halves(_taken(waiting, order[:chosen])))
        waiting = _joined([_taken(waiting, order[chosen:]), children])
    return _assemble(_joined([*done, waiting]), sigma, name, function)


def _first_edges() -> Array:
    count = round(2.0 * BOX_REACH / _WIDEST)
    return np.linspace(-BOX_REACH, BOX_REACH, count + 1)


def _trouble(batch: _Batch) -> Array:
    return np.maximum(batch.defect, batch.radius / LARGEST_MOVE) + 1e-300


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


def _evaluated(
    function: Callable[[Points], Points], sigma: Array, lower: Array, upper: Array
) -> _Batch:
    parts = [
        _evaluated_batch(function, sigma, lower[k : k + _BATCH], upper[k : k + _BATCH])
        for k in range(0, len(lower), _BATCH)
    ]
    return _joined(parts)


def _placed(lower: Array, upper: Array, unit: Array) -> Array:
    """Return places of the unit box [-1, 1]² in every box: (B, n, 2)."""
    half = 0.5 * (upper - lower)
    placed: Array = 0.5 * (lower + upper)[:, None, :] + half[:, None, :] * unit
    return placed


def _evaluated_batch(
    function: Callable[[Points], Points], sigma: Array, lower: Array, upper: Array
) -> _Batch:
    order = BOX_RULE
    nodes, _ = gauss_legendre(order)
    unit = np.array(list(product(nodes, repeat=2)))
    tried = np.concatenate([np.array(list(product((-1.0, 1.0), repeat=2))), _TRIED])
    places = _placed(lower, upper, np.concatenate([unit, tried]))
    both = function(places.reshape(-1, 2)).reshape(len(lower), len(unit) + len(tried), -1)
    f = both[:, : len(unit)]
    grid = (f / sigma).reshape(len(lower), order, order, -1)
    transform = legendre_transform(order)
    series = np.einsum("ka,lb,nabd->nkld", transform, transform, grid, optimize=True)
    tails = np.stack(
        [np.abs(series[:, -2:]).max(axis=(1, 2, 3)), np.abs(series[:, :, -2:]).max(axis=(1, 2, 3))]
    )
    values = [legendre_values(tried[:, axis], order - 1) for axis in (0, 1)]
    seen = np.einsum("pk,pl,nkld->npd", *values, series, optimize=True)
    misfit = np.abs(seen - both[:, len(unit) :] / sigma).max(axis=(1, 2))
    rounding = 64.0 * np.finfo(float).eps * np.abs(grid).max(axis=(1, 2, 3))
    centre = 0.5 * (both.min(axis=1) + both.max(axis=1))
    radius = 1.05 * np.linalg.norm((both - centre[:, None]) / sigma, axis=2).max(axis=1) + 1e-9
    mass = log_mass(lower[:, 0], upper[:, 0]) + log_mass(lower[:, 1], upper[:, 1])
    tail = tails.max(axis=0)
    trusted = misfit <= _MISFIT_ALLOWED * (tail + rounding)
    narrow = 2.0 * radius <= LARGEST_MOVE
    fine = tail <= np.maximum(_RESOLUTION * np.maximum(1.0, 1e-3 * np.exp(-mass)), rounding)
    resolved = trusted & narrow
    moves = np.stack([np.ptp(grid, axis=1 + axis).max(axis=(1, 2)) for axis in (0, 1)])
    by_move = np.where(moves[0] >= moves[1], 0, 1)
    by_tail = np.where(tails[0] >= tails[1], 0, 1)
    return _Batch(
        lower, upper, f, centre, radius, np.maximum(tail, misfit) * (tail > rounding) + rounding,
        mass, resolved, (resolved & fine) | (mass < math.log(_NEGLIGIBLE)),
        np.where(narrow, by_tail, by_move),
    )  # fmt: skip


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
