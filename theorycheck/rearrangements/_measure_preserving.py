"""Maps T of the latent that preserve N(0, 1): reflection, folds, interval exchanges with flips.

All of them are piecewise affine in Φ(z), T = Φ⁻¹ ∘ (piecewise affine) ∘ Φ, and f∘T has the image
law of f (docs/theory.md). Masses are measured from the nearer end of a piece, so that T keeps
its digits beside a cut and in both tails: f∘T is then as smooth as f between its breakpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtr, ndtri

from theorycheck.arrays import Array, Latents
from theorycheck.errors import SettingError
from theorycheck.rearrangements._normal_intervals import normal_mass, normal_quantile


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
        ``"reflection"``, ``"fold"``, ``"rotation"``, ``"tear"`` or ``"pieces"``.
    """

    name: str
    edges: tuple[float, ...]
    targets: tuple[tuple[float, float], ...]
    flipped: tuple[bool, ...]
    kind: str

    @property
    def cuts(self) -> Float64[Array, " cuts"]:
        """Return the latents between the pieces, ascending."""
        return np.asarray(ndtri(np.array(self.edges[1:-1])), dtype=np.float64)

    def __call__(self, z: Latents) -> Latents:
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
    """Return the reflection T(z) = −z."""
    return LatentMap("reflection", (0.0, 1.0), ((0.0, 1.0),), (True,), "reflection")


def fold(count: int, guard: float = 0.0) -> LatentMap:
    """Return T = Φ⁻¹ ∘ (tent map) ∘ Φ with `count` monotone branches: continuous, more modes.

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
        What reports call it.
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
    return guarded(name, inner.tolist(), [body] * len(shares), flips, "fold", guard)


def local_fold(low: float, high: float, branches: int = 3, guard: float = 0.0) -> LatentMap:
    """Fold a stretch of the curve onto itself, and leave the rest: continuous, near the identity.

    The k branches over Φ(z) in [low, high] each run over the stretch with slope ±k, so that the
    reciprocals add up to 1: T preserves N(0, 1). It moves no Φ(z) by more than high − low.

    Parameters
    ----------
    low, high : float
        Ends of the stretch in Φ(z), 0 <= low < high <= 1.
    branches : int
        k; odd unless the stretch is an end of the curve.
    guard : float
        Prior mass of either tail that stays where it is; the stretch lies between.

    Returns
    -------
    LatentMap

    Raises
    ------
    SettingError
        If there is no such stretch, or no continuous map with so many branches.
    """
    if not 0.0 <= low < high <= 1.0:
        raise SettingError(f"a fold's stretch lies in [0, 1], not [{low}, {high}]")
    if branches < 2 or (branches % 2 == 0 and low > 0.0 and high < 1.0):
        raise SettingError(f"inside the curve a fold has 3, 5, … branches, not {branches}")
    low, high = max(low, guard), min(high, 1.0 - guard)
    inner = np.linspace(low, high, branches + 1).tolist()
    # Where the stretch begins at the curve's beginning, it is its end that must stay in place.
    last_rises = low <= guard
    flips = [(branches - 1 - i if last_rises else i) % 2 == 1 for i in range(branches)]
    edges, targets = inner, [(low, high)] * branches
    if low > 0.0:
        edges, targets, flips = [0.0, *edges], [(0.0, low), *targets], [False, *flips]
    if high < 1.0:
        edges, targets, flips = [*edges, 1.0], [*targets, (high, 1.0)], [*flips, False]
    name = f"fold of Φ = {low:.4g} to {high:.4g} in {branches}"
    return LatentMap(name, tuple(edges), tuple(targets), tuple(flips), "fold")


def guarded(
    name: str,
    edges: list[float],
    targets: list[tuple[float, float]],
    flipped: list[bool],
    kind: str,
    guard: float,
) -> LatentMap:
    """Make a map of pieces, with the tails beyond them left alone."""
    if guard > 0.0:
        edges = [0.0, *edges, 1.0]
        targets = [(0.0, guard), *targets, (1.0 - guard, 1.0)]
        flipped = [False, *flipped, False]
    return LatentMap(name, tuple(edges), tuple(targets), tuple(flipped), kind)


def turned(z: Float64[Array, "n 2"], angle: Float64[Array, " n"]) -> Float64[Array, "n 2"]:
    """Turn each z by an angle of its own, radians.

    Parameters
    ----------
    z : ndarray, shape (n, 2)
    angle : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (n, 2)
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = z.T
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1)
