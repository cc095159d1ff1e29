"""Cells of two or three latents, products of intervals, on which a decoder is constant."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension, Points
from theorycheck.errors import SettingError
from theorycheck.models import multilinear
from theorycheck.quadrature._latent_cells import LatentCells, cells_of_density, latent_cells

#: Nodes a cell and latent for averages of f over it.
_NODES = 3
#: Intervals of one latent at least, by K: f may come to need one that it has no use for yet.
_FEWEST = {2: 10, 3: 4}


@dataclass(frozen=True, eq=False)
class PlaneCells:
    """A partition of every latent cuts their space into M = M₁ M₂ … cells, the last latent fastest.

    Parameters
    ----------
    axes : tuple of LatentCells
        The intervals of z₁, of z₂, and so on.
    """

    axes: tuple[LatentCells, ...]

    @property
    def latents(self) -> int:
        """Return the number of latents K."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the numbers of intervals, M₁, M₂ and so on."""
        return tuple(axis.count for axis in self.axes)

    @property
    def count(self) -> int:
        """Return the number of cells M."""
        return math.prod(self.shape)

    @cached_property
    def prior_mass(self) -> Float64[Array, " cells"]:
        """Return P(z in cell) under N(0, I), shape (M,)."""
        masses = [axis.prior_mass for axis in self.axes]
        result: Array = reduce(lambda one, two: np.outer(one, two).ravel(), masses)
        return result

    @cached_property
    def z(self) -> Float64[Array, "cells K"]:
        """Return a latent in every cell, shape (M, K)."""
        return _grid([axis.z for axis in self.axes])

    @property
    def boundaries(self) -> tuple[Float64[Array, " _"], ...]:
        """Return the inner boundaries of each latent."""
        return tuple(axis.boundary for axis in self.axes)

    def interpolate(self, f: Float64[Array, "cells D"], z: Float64[Array, "n K"]) -> Points:
        """Carry an f on these cells (M, D) over to other latents, multilinearly: shape (n, D)."""
        middles = tuple(axis.z for axis in self.axes)
        return multilinear(middles, f.reshape(*self.shape, -1), z)

    def average(
        self, function: Callable[[Float64[Array, "n K"]], Points]
    ) -> Float64[Array, "cells D"]:
        """Average f over every cell under the prior, shape (M, D).

        Parameters
        ----------
        function : callable
            Maps latents (n, K) to f, (n, D).
        """
        nodes, weights = zip(*(axis.nodes(_NODES) for axis in self.axes), strict=True)
        values = function(_grid([one.ravel() for one in nodes]))
        total: Array = np.asarray(values, dtype=np.float64)
        for k, weight in enumerate(weights):
            # Latents before this one are averaged over their cells by now.
            before = math.prod(self.shape[:k])
            total = np.einsum("mn,bmnr->bmr", weight, total.reshape(before, *weight.shape, -1))
        return total.reshape(self.count, -1)


def _grid(axes: list[Array]) -> Float64[Array, "points K"]:
    """Return all combinations of latents along the axes, the last one fastest."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def plane_cells(*counts: int, latents: int = 2) -> PlaneCells:
    """Lay cells for an f of which nothing is known.

    Parameters
    ----------
    *counts : int
        Cells in all, the same number of intervals of each latent; or intervals of each latent.
    latents : int
        Number of latents K, where cells in all are given.

    Returns
    -------
    PlaneCells

    Raises
    ------
    SettingError
        If a latent would have fewer than two intervals.
    """
    if len(counts) > 1:
        return PlaneCells(tuple(latent_cells(count) for count in counts))
    (count,) = counts
    if count < 2**latents:
        raise SettingError(
            f"a decoder on cells of {latents} latents needs at least {2**latents}, not {count}"
        )
    side = latent_cells(_root(count, latents))
    return PlaneCells((side,) * latents)


def cells_of_used(count: int, latents: int, used: int) -> PlaneCells:
    """Lay cells for an f that is known to use its first latents alone.

    Parameters
    ----------
    count : int
        Cells in all at most.
    latents : int
        Number of latents K.
    used : int
        How many of them f uses. The others have few intervals, which an ascent may come to need.

    Returns
    -------
    PlaneCells
    """
    if used == latents:
        return plane_cells(count, latents=latents)
    few = min(_FEWEST[latents], _root(count, latents))
    side = _root(count // few ** (latents - used), used)
    return plane_cells(*(side,) * used, *(few,) * (latents - used))


def cells_at(points: Sequence[Float64[Array, " _"]], latents: int) -> PlaneCells:
    """Lay cells around the points of a grid; latents that have none get few intervals.

    Parameters
    ----------
    points : sequence of ndarray
        Points along each of the first latents, ascending.
    latents : int
        Number of latents K.

    Returns
    -------
    PlaneCells
    """
    few = latent_cells(_FEWEST[latents])
    axes = [LatentCells(_middles(axis)) for axis in points]
    return PlaneCells((*axes, *[few] * (latents - len(axes))))


def _root(count: int, degree: int) -> int:
    """Return the largest whole number whose power is not above a count."""
    side = round(math.pow(count, 1.0 / degree))
    return side if side**degree <= count else side - 1


def adapted_plane_cells(
    count: int, cells: PlaneCells, f: Float64[Array, "cells D"], noise_variance: PerDimension
) -> PlaneCells:
    """Lay cells where a given f needs them.

    The error of a piecewise constant f is Σ_k ∫ φ h_k² |∂_k f|²/24σ²: along each latent it is least
    for h_k ∝ w_k^{-1/3}, w_k(z_k) = ∫ φ |∂_k f|²/σ² over the others, and it is then C_k/M_k² with
    C_k = (∫ w_k^{1/3})³/24, so that of M₁ M₂ … cells in all M_k ∝ √C_k is best.

    Parameters
    ----------
    count : int
        Cells in all, at least 2 along each latent; as many or a few fewer are laid.
    cells : PlaneCells
        The cells on which f is given.
    f : ndarray, shape (M', D)
        The decoder on `cells`.
    noise_variance : ndarray, shape (D,)
        Noise variance σ², squared data units.

    Returns
    -------
    PlaneCells
    """
    values = f.reshape(*cells.shape, -1) / np.sqrt(noise_variance)
    profiles: list[tuple[Array, Array]] = []
    for k, axis in enumerate(cells.axes):
        moves = np.moveaxis((np.diff(values, axis=k) ** 2).sum(axis=-1), k, -1)
        for other in (*cells.axes[:k], *cells.axes[k + 1 :]):
            moves = np.tensordot(other.prior_mass, moves, axes=1)
        profiles.append((axis.z, moves / np.diff(axis.z) ** 2))
    costs = [float(_roots(*profile) @ np.diff(profile[0])) ** 3 for profile in profiles]
    numbers = _shares(count, np.sqrt(np.array(costs) + 1e-300))
    return PlaneCells(
        tuple(
            cells_of_density(number, z, _roots(z, weight))
            for number, (z, weight) in zip(numbers, profiles, strict=True)
        )
    )


def _shares(count: int, needs: Array) -> list[int]:
    """Share cells out over the latents in proportion to their needs, a few at least to each."""
    latents = needs.size
    fewest = min(_FEWEST[latents], _root(count, latents))
    sides = np.full(latents, float(fewest))
    waiting = list(range(latents))
    while waiting:
        room = math.log(count) - math.log(fewest) * (latents - len(waiting))
        size = np.log(needs[waiting])
        wanted = np.exp((room - size.sum()) / len(waiting) + size)
        if wanted.min() >= fewest or len(waiting) == 1:
            sides[waiting] = wanted
            break
        del waiting[int(np.argmin(wanted))]
    # Of three latents two numbers rounded up would leave too few intervals to the last.
    numbers = [round(side) if latents == 2 else int(side + 1e-9) for side in sides[:-1]]
    return [*numbers, max(count // math.prod(numbers), 2)]


def _middles(z: Array) -> Array:
    return 0.5 * (z[1:] + z[:-1])


def _roots(z: Array, weight: Array) -> Array:
    result: Array = np.cbrt(weight * np.exp(-0.5 * _middles(z) ** 2))
    return result
