"""Maps T of the latent that preserve N(0, 1): reflection, folds, interval exchanges with flips.

All of them are piecewise affine in Φ(z), T = Φ⁻¹ ∘ (piecewise affine) ∘ Φ, and f∘T has the image
law of f (MATH.md section 5). Masses are measured from the nearer end of a piece, so that T keeps
its digits beside a cut and in both tails: f∘T is then as smooth as f between its breakpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from theorycheck.errors import SettingError
from theorycheck.quadrature.rules import gauss_legendre

Array = NDArray[np.float64]

#: Interval length up to which a normal mass is integrated rather than taken as a difference.
_SHORT = 0.5
#: The rule for it: on half a unit of z the normal density is a polynomial of degree 23 to rounding.
_NODES, _WEIGHTS = gauss_legendre(12)


def normal_mass(a: Array | float, b: Array | float) -> Array:
    """Return Φ(b) − Φ(a) to nearly full relative precision.

    Parameters
    ----------
    a, b : ndarray of shapes that go together, or float
        a <= b; infinite ends are allowed.

    Returns
    -------
    ndarray
    """
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    # In the tail where both values are small.
    flip = a + b > 0.0
    result: Array = np.where(flip, ndtr(-a) - ndtr(-b), ndtr(b) - ndtr(a))
    bounded = np.isfinite(a) & np.isfinite(b)
    short = np.subtract(b, a, where=bounded, out=np.full(a.shape, np.inf)) < _SHORT
    if short.any():
        half = 0.5 * (b[short] - a[short])
        z = a[short][:, None] + half[:, None] * (1.0 + _NODES)
        result[short] = half * (np.exp(-0.5 * z**2) @ _WEIGHTS) / np.sqrt(2.0 * np.pi)
    return result


def normal_quantile(lower: Array, upper: Array) -> Array:
    """Return z with Φ(z) = lower and 1 − Φ(z) = upper, from the smaller of the two.

    Parameters
    ----------
    lower, upper : ndarray of one shape
        Masses below and above z.

    Returns
    -------
    ndarray
    """
    z = np.where(lower < upper, ndtri(lower), -ndtri(upper))
    return np.asarray(z, dtype=np.float64)


@dataclass(frozen=True)
class LatentMap:
    """T = Φ⁻¹ ∘ (piecewise affine) ∘ Φ.

    Parameters
    ----------
    name : str
        What reports call it.
    edges : tuple of float
        Ends of the n pieces in u = Φ(z): 0 = edges[0] < … < edges[n] = 1.
    targets : tuple of (float, float)
        The interval that each piece is mapped onto.
    flipped : tuple of bool
        Which pieces are mapped in reverse.
    kind : str
        ``"reflection"``, ``"fold"``, ``"rotation"`` or ``"tear"``.
    """

    name: str
    edges: tuple[float, ...]
    targets: tuple[tuple[float, float], ...]
    flipped: tuple[bool, ...]
    kind: str

    @property
    def cuts(self) -> Array:
        """Latents between the pieces, ascending."""
        return np.asarray(ndtri(np.array(self.edges[1:-1])), dtype=np.float64)

    def __call__(self, z: Array) -> Array:
        """Apply T.

        Parameters
        ----------
        z : ndarray, shape (n,)

        Returns
        -------
        ndarray, shape (n,)
        """
        z = np.asarray(z, dtype=np.float64)
        ends = np.concatenate([[-np.inf], self.cuts, [np.inf]])
        piece = np.searchsorted(ends[1:-1], z, side="right")
        left, right = normal_mass(ends[piece], z), normal_mass(z, ends[piece + 1])
        low, high = np.array(self.targets).T
        stretch = ((high - low) / np.diff(self.edges))[piece]
        flipped = np.array(self.flipped)[piece]
        lower = low[piece] + stretch * np.where(flipped, right, left)
        upper = (1.0 - high[piece]) + stretch * np.where(flipped, left, right)
        return normal_quantile(lower, upper)

    def preimages(self, z: float) -> list[float]:
        """Return all latents that T maps to z."""
        u = float(ndtr(z))
        found = []
        for i, (low, high) in enumerate(self.targets):
            if low < u < high:
                share = (u - low) / (high - low)
                share = 1.0 - share if self.flipped[i] else share
                mass = self.edges[i] + share * (self.edges[i + 1] - self.edges[i])
                found.append(float(ndtri(mass)))
        return found

    def meeting_points(self) -> list[tuple[float, float]]:
        """Return, for every cut, the latents whose f meet there: T from the left and right."""
        ends = [(d, c) if flip else (c, d) for (c, d), flip in self._oriented]
        quantile = [(float(ndtri(a)), float(ndtri(b))) for a, b in ends]
        return [(quantile[i][1], quantile[i + 1][0]) for i in range(len(ends) - 1)]

    @property
    def _oriented(self) -> list[tuple[tuple[float, float], bool]]:
        return list(zip(self.targets, self.flipped, strict=True))


def reflection() -> LatentMap:
    """T(z) = −z."""
    return LatentMap("reflection", (0.0, 1.0), ((0.0, 1.0),), (True,), "reflection")


def fold(count: int, guard: float = 0.0) -> LatentMap:
    """T = Φ⁻¹ ∘ tent ∘ Φ with `count` monotone branches: continuous, more modes.

    Parameters
    ----------
    count : int
        k >= 2.
    guard : float
        Prior mass of either tail that stays where it is.

    Returns
    -------
    LatentMap

    Raises
    ------
    SettingError
        If k < 2.
    """
    if count < 2:
        raise SettingError(f"a fold has at least 2 branches, not {count}")
    shares = [1.0 / count] * count
    return uneven_fold(f"fold with {count} branches", shares, guard)


def uneven_fold(name: str, shares: Sequence[float], guard: float = 0.0) -> LatentMap:
    """Fold with branches of unequal prior mass; each runs over the whole curve.

    Parameters
    ----------
    name : str
    shares : sequence of float
        Mass of each branch; they add up to 1.
    guard : float
        Prior mass of either tail that stays where it is.

    Returns
    -------
    LatentMap

    Raises
    ------
    SettingError
        If a share is not positive, or they do not add up to 1.
    """
    if min(shares) <= 0.0 or abs(sum(shares) - 1.0) > 1e-12:
        raise SettingError(f"the branches of a fold share the mass 1, not {list(shares)}")
    inner = guard + (1.0 - 2.0 * guard) * np.concatenate([[0.0], np.cumsum(shares)])
    inner[-1] = 1.0 - guard
    body = (guard, 1.0 - guard)
    flips = [i % 2 == 1 for i in range(len(shares))]
    return _guarded(name, inner.tolist(), [body] * len(shares), flips, "fold", guard)


def exchange(
    name: str,
    edges: Sequence[float],
    order: Sequence[int],
    flipped: Sequence[bool],
    guard: float = 0.0,
) -> LatentMap:
    """Cut Φ(z) into intervals, permute and flip them.

    Parameters
    ----------
    name : str
    edges : sequence of float
        Ends of the n intervals that are cut out: 0 = edges[0] < … < edges[n] = 1.
    order : sequence of int
        Which interval is traced first, second, …
    flipped : sequence of bool
        Whether the first, second, … of these is traced backwards.
    guard : float
        Prior mass of either tail that stays where it is.

    Returns
    -------
    LatentMap

    Raises
    ------
    SettingError
        If the edges do not ascend from 0 to 1, or the order is no permutation.
    """
    pieces = len(edges) - 1
    if edges[0] != 0.0 or edges[-1] != 1.0 or np.any(np.diff(edges) <= 0.0):
        raise SettingError(f"the cuts of a tear must ascend from 0 to 1, not {list(edges)}")
    if sorted(order) != list(range(pieces)) or len(flipped) != pieces:
        raise SettingError(f"{list(order)} does not say in which order {pieces} pieces follow")
    scaled = guard + (1.0 - 2.0 * guard) * np.asarray(edges, dtype=float)
    targets = [(float(scaled[i]), float(scaled[i + 1])) for i in order]
    inner = np.concatenate([[guard], guard + np.cumsum([d - c for c, d in targets])])
    inner[-1] = 1.0 - guard
    return _guarded(name, inner.tolist(), targets, list(flipped), "tear", guard)


def rotation(share: float) -> LatentMap:
    """Start at another place: T adds `share` to Φ(z), modulo 1; continuous on a closed curve."""
    swapped = exchange("", (0.0, share, 1.0), (1, 0), (False, False))
    return replace(swapped, name=f"rotation by {share:g}", kind="rotation")


def random_exchange(rng: np.random.Generator, pieces: int, guard: float = 0.0) -> LatentMap:
    """Draw a tear into so many pieces; cuts uniform in Φ(z), order and flips at random.

    The identity and the reflection are not drawn.
    """
    if pieces < 2:
        raise SettingError(f"a tear has at least 2 pieces, not {pieces}")
    edges = np.concatenate([[0.0], np.sort(rng.uniform(size=pieces - 1)), [1.0]])
    while True:
        order = rng.permutation(pieces).tolist()
        flipped = (rng.uniform(size=pieces) < 0.5).tolist()
        straight = order == sorted(order) and not any(flipped)
        turned = order == sorted(order, reverse=True) and all(flipped)
        if not (straight or turned):
            break
    text = " ".join(f"{i + 1}{'′' if flip else ''}" for i, flip in zip(order, flipped, strict=True))
    cuts = ", ".join(f"{edge:.3f}" for edge in edges[1:-1])
    return exchange(f"tear at Φ = {cuts} to {text}", edges.tolist(), order, flipped, guard)


def _guarded(
    name: str,
    edges: list[float],
    targets: list[tuple[float, float]],
    flipped: list[bool],
    kind: str,
    guard: float,
) -> LatentMap:
    if guard > 0.0:
        edges = [0.0, *edges, 1.0]
        targets = [(0.0, guard), *targets, (1.0 - guard, 1.0)]
        flipped = [False, *flipped, False]
    return LatentMap(name, tuple(edges), tuple(targets), tuple(flipped), kind)
