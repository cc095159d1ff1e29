"""What is found on a box of latents: how far f moves on it, and whether the tensor rule sees f.

A box is looked at in 2^K + 1 places first where f is dear or boxes are many, and at all nodes of
the rule where it is not far too wide. How f goes on beyond its last Legendre coefficients there is
its defect.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorycheck.arrays import Array, Booleans, Integers, Points
from theorycheck.quadrature._panel_mesh import log_mass
from theorycheck.quadrature._rules import gauss_legendre, legendre_transform, legendre_values
from theorycheck.quadrature.kernels import BOX_RULE

#: The series may miss f by this many times what its last coefficients and rounding account for.
_MISFIT_ALLOWED = 64.0
#: Numbers f(z) held at once, and boxes evaluated at once.
_AT_ONCE, BATCH = 4_000_000, 512
#: Dimensions of x up to which each is looked at; of more, so many random directions.
_ALL_DIMENSIONS = 24
#: Places in a box, beside its corners, at which the series is held against f: the first K columns.
_TRIED = np.array(
    [
        [-0.8413, 0.3107, 0.6367], [0.1571, -0.9093, -0.2718], [0.5403, 0.8776, -0.7321],
        [-0.4161, -0.2794, 0.4494],
    ]
)  # fmt: skip


@dataclass(eq=False)
class Batch:
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
    axis: Integers


_FIELDS = tuple(Batch.__dataclass_fields__)


def taken(batch: Batch, index: NDArray[np.intp] | Booleans) -> Batch:
    """Return some boxes of a batch."""
    return Batch(*(getattr(batch, name)[index] for name in _FIELDS))


def joined(parts: Sequence[Batch]) -> Batch:
    """Return the boxes of several batches as one."""
    return Batch(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))


class Trial(NamedTuple):
    """How boxes are evaluated and judged; see :func:`theorycheck.quadrature.latent_boxes`.

    Parameters
    ----------
    function : callable
        Latents (n, K) to means (n, D).
    sigma : ndarray, shape (D,)
    largest_move : float
        σ that f may move on a box; of three latents along each, and √3 times that in all, as a
        tensor rule is as good as its rules along the latents.
    resolution, negligible : float
        Last coefficients of f, in σ, and prior mass, that do not matter.
    held : bool
        Keep f at the nodes.
    latents : int
        K.
    """

    function: Callable[[Points], Points]
    sigma: Array
    largest_move: float
    resolution: float
    negligible: float
    held: bool
    latents: int

    @property
    def widest(self) -> float:
        """Return the σ that f may move in all."""
        return self.largest_move * (1.0 if self.latents < 3 else math.sqrt(3.0))

    def evaluated(self, lower: Array, upper: Array) -> Batch:
        """Evaluate f on boxes (b, K), and judge them."""
        nodes = len(unit_nodes(self.latents)) + 16
        each = max(1, min(BATCH, _AT_ONCE // (nodes * self.sigma.size)))
        parts = []
        if not self.held:
            # Most boxes of the first rounds are far too wide: few places say so.
            wide = self.glanced(lower, upper)
            left = wide.radius <= self.widest
            if self.latents > 2:
                left &= ~wide.settled
            parts.append(taken(wide, ~left))
            lower, upper = lower[left], upper[left]
        for k in range(0, len(lower), each):
            parts.append(self._tried(lower[k : k + each], upper[k : k + each]))
        return joined(parts)

    def glanced(self, lower: Array, upper: Array) -> Batch:
        """Look at corners and middle of boxes: how far f moves, and in which direction most."""
        count = len(lower)
        f, along = self._glance(lower, upper)
        radius = np.linalg.norm(f - f[:, -1:], axis=2).max(axis=1)
        mass = _log_masses(lower, upper)
        return Batch(
            lower, upper, np.empty((count, 0, self.sigma.size)), f[:, -1] * self.sigma, radius,
            radius, mass, np.zeros(count, dtype=bool), mass < math.log(self.negligible),
            along.argmax(axis=0),
        )  # fmt: skip

    def _glance(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Return f/σ at corners and middle, (b, 2^K + 1, D), and moves along latents, (K, b)."""
        latents, count = self.latents, len(lower)
        unit = np.concatenate([_corners(latents), np.zeros((1, latents))])
        places = placed(lower, upper, unit).reshape(-1, latents)
        f = (self.function(places) / self.sigma).reshape(count, len(unit), -1)
        ends = f[:, :-1].reshape(count, *[2] * latents, -1)
        along = [
            np.linalg.norm(np.diff(ends, axis=1 + axis), axis=-1).reshape(count, -1).max(axis=1)
            for axis in range(latents)
        ]
        return f, np.stack(along)

    def needed(self, lower: Array, upper: Array) -> float:
        """Return how many boxes f would need in place of these, by a look at their corners."""
        counts = _log_masses(lower, upper) > math.log(self.negligible)
        _, along = self._glance(lower[counts], upper[counts])
        return float(np.maximum(along / self.largest_move, 1.0).prod(axis=0).sum())

    def _tried(self, lower: Array, upper: Array) -> Batch:
        order, sigma, latents = BOX_RULE, self.sigma, self.latents
        unit = unit_nodes(latents)
        tried = np.concatenate([_corners(latents), _TRIED[:, :latents]])
        places = placed(lower, upper, np.concatenate([unit, tried]))
        count, nodes = len(lower), len(unit)
        both = self.function(places.reshape(-1, latents)).reshape(count, nodes + len(tried), -1)
        f = both[:, :nodes]
        centre, radius, seen = _judged(both, sigma)
        grid = seen[:, :nodes].reshape(count, *[order] * latents, -1)
        series = _series(grid, latents)
        tails = np.stack([_last(series, axis, latents) for axis in range(latents)])
        values = [legendre_values(tried[:, axis], order - 1) for axis in range(latents)]
        predicted = _summed(values, series, latents)
        misfit = np.abs(predicted - seen[:, nodes:]).max(axis=(1, 2))
        size = np.abs(grid).reshape(count, -1).max(axis=1)
        rounding = 64.0 * np.finfo(float).eps * size
        mass = _log_masses(lower, upper)
        tail = tails.max(axis=0)
        trusted = misfit <= _MISFIT_ALLOWED * (tail + rounding)
        moves = np.stack([np.ptp(grid, axis=1 + axis) for axis in range(latents)])
        narrow = 2.0 * radius <= self.widest
        if latents > 2:
            narrow &= (_lengths(moves) <= self.largest_move).all(axis=0)
        floor = self.resolution * np.maximum(1.0, 1e-3 * np.exp(-mass))
        resolved = trusted & narrow
        fine = tail <= np.maximum(floor, rounding)
        by_move = moves.reshape(latents, count, -1).max(axis=2).argmax(axis=0)
        return Batch(
            lower, upper, f if self.held else f[:, :0], centre, radius,
            np.maximum(tail, misfit) * (tail > rounding) + rounding, mass, resolved,
            (resolved & fine) | (mass < math.log(self.negligible)),
            np.where(narrow, tails.argmax(axis=0), by_move),
        )  # fmt: skip


@cache
def unit_nodes(latents: int) -> Array:
    """Return the nodes of the rule on the box [-1, 1]^K, the last latent fastest."""
    nodes, _ = gauss_legendre(BOX_RULE)
    return np.array(list(product(nodes, repeat=latents)))


@cache
def unit_log_weights(latents: int) -> Array:
    """Return the logs of their weights."""
    _, weights = gauss_legendre(BOX_RULE)
    found: Array = np.log(np.array([math.prod(one) for one in product(weights, repeat=latents)]))
    return found


@cache
def _corners(latents: int) -> Array:
    return np.array(list(product((-1.0, 1.0), repeat=latents)))


def placed(lower: Array, upper: Array, unit: Array) -> Array:
    """Return places of the unit box [-1, 1]^K in every box: (B, n, K)."""
    half = 0.5 * (upper - lower)
    found: Array = 0.5 * (lower + upper)[:, None, :] + half[:, None, :] * unit
    return found


def _log_masses(lower: Array, upper: Array) -> Array:
    total: Array = log_mass(lower[:, 0], upper[:, 0])
    for axis in range(1, lower.shape[1]):
        total = total + log_mass(lower[:, axis], upper[:, axis])
    return total


def _series(grid: Array, latents: int) -> Array:
    """Expand values at the nodes in Legendre polynomials of every latent."""
    old, new = "abc"[:latents], "klm"[:latents]
    each = ",".join(k + a for k, a in zip(new, old, strict=True))
    transform = legendre_transform(BOX_RULE)
    found: Array = np.einsum(
        f"{each},n{old}d->n{new}d", *[transform] * latents, grid, optimize=True
    )
    return found


def _summed(values: Sequence[Array], series: Array, latents: int) -> Array:
    """Sum such series at some places, the same of every box."""
    new = "klm"[:latents]
    each = ",".join("p" + k for k in new)
    found: Array = np.einsum(f"{each},n{new}d->npd", *values, series, optimize=True)
    return found


def _last(series: Array, axis: int, latents: int) -> Array:
    """Return the largest of the two last degrees along a latent."""
    last = np.take(series, [-2, -1], axis=1 + axis)
    found: Array = np.abs(last).max(axis=tuple(range(1, latents + 2)))
    return found


def _lengths(moves: Array) -> Array:
    """Return how far f moves along each latent, (K, B): of projections, as far as they go."""
    dim = moves.shape[-1]
    square = (moves**2).sum(axis=-1) if dim < _ALL_DIMENSIONS else (moves**2).mean(axis=-1)
    found: Array = np.sqrt(square.reshape(*square.shape[:2], -1).max(axis=2))
    return found


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
