"""Pieces of a table on a grid, with a rule on each: where ∫ N(z; 0, I) N(x; f(z), σ²) dz is taken.

Between neighbouring points f is a polynomial, and beyond the outermost it is constant along that
latent, so that the pieces cover all latents and nothing is missing. A latent that f does not use is
integrated out. Pieces on which f moves far, or that are wide, are halved; on each there are two
rules, of FINE and of COARSE Gauss-Legendre nodes a latent, weighted so that the prior mass of the
piece is exact: what they differ by says how good they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtr

from theorycheck.arrays import Array, Booleans, PerDimension, Points
from theorycheck.models import GridTable, multilinear
from theorycheck.quadrature._rules import gauss_legendre
from theorycheck.quadrature.kernels import Balls

#: Gauss-Legendre nodes along a latent of the two rules on a piece.
FINE, COARSE = 3, 2
#: σ that f may move along a latent of a piece, and its width there.
_MOVE, _WIDE = 0.9, 0.9
#: Prior mass below which a piece is not halved, and pieces at most.
_LIGHT, _MOST = 1e-10, 60_000


@dataclass(frozen=True, eq=False)
class TablePieces:
    """A multilinear f on pieces that have two rules each.

    Build with :func:`table_pieces`. B pieces in the K latents that f uses.

    Parameters
    ----------
    lower, upper : ndarray, shape (B, K)
        Ends of the pieces, infinite at the outermost.
    corners : ndarray, shape (B, 2^K, D)
        f at the corners: the piece has no f beyond their hull.
    function : callable
        f of the latents used, (n, K) to (n, D).
    sigma : ndarray, shape (D,)
        σ.
    """

    lower: Float64[Array, "pieces K"]
    upper: Float64[Array, "pieces K"]
    corners: Float64[Array, "pieces corners D"]
    function: Callable[[Float64[Array, "n K"]], Points]
    sigma: PerDimension

    @property
    def size(self) -> int:
        """Return the number of pieces B."""
        return len(self.lower)

    @property
    def each(self) -> int:
        """Return the number of nodes of a piece, those of both rules."""
        latents = self.lower.shape[1]
        return int(FINE**latents + COARSE**latents)

    @cached_property
    def log_mass(self) -> Float64[Array, " pieces"]:
        """Return the log prior mass of each piece."""
        with np.errstate(divide="ignore"):
            result: Array = np.log(_masses(self.lower, self.upper)).sum(axis=1)
        return result

    @cached_property
    def balls(self) -> Balls:
        """Return balls that hold f on each piece."""
        centre = self.corners.mean(axis=1)
        apart = (self.corners - centre[:, None]) / self.sigma
        radius = np.sqrt((apart**2).sum(axis=2)).max(axis=1)
        return Balls(centre, radius, self.log_mass)

    @cached_property
    def nodes(self) -> tuple[Float64[Array, " nodes"], Float64[Array, "D nodes"]]:
        """Return log weights and f at the nodes, piece after piece, the fine rule's first."""
        logs, means = [], []
        for order in (FINE, COARSE):
            lines = [
                _line(self.lower[:, k], self.upper[:, k], order) for k in range(self.lower.shape[1])
            ]
            places = [z for z, _ in lines]
            weights = reduce(_outer, [weight for _, weight in lines])
            z = np.stack(
                [
                    _spread(one, k, len(places)).reshape(self.size, -1)
                    for k, one in enumerate(places)
                ],
                axis=2,
            )
            with np.errstate(divide="ignore"):
                logs.append(np.log(weights))
            f = self.function(z.reshape(-1, z.shape[2]))
            means.append(f.reshape(self.size, z.shape[1], -1))
        log_weight = np.concatenate(logs, axis=1).ravel()
        f = np.concatenate(means, axis=1).reshape(log_weight.size, -1)
        return log_weight, np.ascontiguousarray(f.T)


def table_pieces(table: GridTable, sigma: PerDimension) -> TablePieces:
    """Cut a table on a grid into pieces on which the two rules are good.

    Parameters
    ----------
    table : GridTable
        f, which must use one latent at least.
    sigma : ndarray, shape (D,)
        σ.

    Returns
    -------
    TablePieces
    """
    used = table.used or (0,)
    unused = tuple(0 if k not in used else slice(None) for k in range(len(table.axes)))
    axes, values = tuple(table.axes[k] for k in used), table.values[unused]

    def function(z: Array) -> Array:
        return multilinear(axes, values, z)

    edges = [np.concatenate([[-np.inf], axis, [np.inf]]) for axis in axes]
    lower, upper = (
        np.array(list(product(*ends)))
        for ends in zip(*((edge[:-1], edge[1:]) for edge in edges), strict=True)
    )
    done: list[tuple[Array, Array, Array]] = []
    count = len(lower)
    while len(lower):
        corners = _corners(lower, upper, function)
        axis, far = _worst(lower, upper, corners, sigma)
        with np.errstate(divide="ignore"):
            far &= np.log(_masses(lower, upper)).sum(axis=1) > math.log(_LIGHT)
        if count + np.count_nonzero(far) > _MOST:
            far[:] = False
        done.append((lower[~far], upper[~far], corners[~far]))
        count += int(np.count_nonzero(far))
        lower, upper = _halves(lower[far], upper[far], axis[far])
    lower, upper, corners = (np.concatenate(column) for column in zip(*done, strict=True))
    return TablePieces(lower, upper, corners, function, sigma)


def _halves(lower: Array, upper: Array, axis: Array) -> tuple[Array, Array]:
    rows = np.arange(len(lower))
    middle = 0.5 * (lower[rows, axis] + upper[rows, axis])
    below, above = upper.copy(), lower.copy()
    below[rows, axis], above[rows, axis] = middle, middle
    return np.concatenate([lower, above]), np.concatenate([below, upper])


def _corners(lower: Array, upper: Array, function: Callable[[Array], Array]) -> Array:
    """Return f at the corners, (B, 2^K, D), the last latent fastest."""
    latents = lower.shape[1]
    ends = np.stack([lower, upper], axis=2)
    # Beyond the outermost points f is what it is there: any z beyond will do.
    ends = np.clip(ends, -1e6, 1e6)
    sides = np.array(list(product((0, 1), repeat=latents)))
    z = np.stack([ends[:, k, sides[:, k]] for k in range(latents)], axis=2)
    return function(z.reshape(-1, latents)).reshape(len(lower), len(sides), -1)


def _worst(lower: Array, upper: Array, corners: Array, sigma: Array) -> tuple[Array, Booleans]:
    """Return along which latent each piece is the worst, and whether it is to be halved."""
    latents = lower.shape[1]
    f = (corners / sigma).reshape(len(lower), *[2] * latents, -1)
    size = np.empty((len(lower), latents))
    for k in range(latents):
        moves = np.linalg.norm(np.diff(f, axis=1 + k), axis=-1)
        size[:, k] = moves.reshape(len(lower), -1).max(axis=1) / _MOVE
    finite = np.isfinite(lower) & np.isfinite(upper)
    size = np.where(finite, np.maximum(size, (upper - lower) / _WIDE), 0.0)
    return size.argmax(axis=1), size.max(axis=1) > 1.0


def _masses(lower: Array, upper: Array) -> Array:
    """Return P(lower < z < upper) of a standard normal z, from the side on which it is small."""
    flip = lower > 0.0
    left, right = np.where(flip, -upper, lower), np.where(flip, -lower, upper)
    result: Array = ndtr(right) - ndtr(left)
    return result


def _line(lower: Array, upper: Array, order: int) -> tuple[Array, Array]:
    """Return nodes and weights times prior along one latent of each piece, (B, order)."""
    t, weight = gauss_legendre(order)
    inner = np.isfinite(lower) & np.isfinite(upper)
    left = np.where(np.isfinite(lower), lower, np.where(np.isfinite(upper), upper, 0.0))
    right = np.where(np.isfinite(upper), upper, left)
    # On an outermost piece f is constant: all nodes are at its end.
    half = np.where(inner, 0.5 * (right - left), 0.0)[:, None]
    z = 0.5 * (left + right)[:, None] + half * t
    shape = weight * np.exp(-0.5 * (z**2 - z[:, :1] ** 2))
    return z, shape / shape.sum(axis=1, keepdims=True) * _masses(lower, upper)[:, None]


def _outer(one: Array, two: Array) -> Array:
    result: Array = (one[:, :, None] * two[:, None, :]).reshape(len(one), -1)
    return result


def _spread(line: Array, axis: int, latents: int) -> Array:
    """Repeat the nodes along one latent over those of the others, (B, order, …, order)."""
    count, order = line.shape
    shape = [count, *(order if k == axis else 1 for k in range(latents))]
    return np.broadcast_to(line.reshape(shape), (count, *[order] * latents))
