"""Cells of two latents, products of intervals, on which a decoder is constant."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension, Points
from theorycheck.errors import SettingError
from theorycheck.models import bilinear
from theorycheck.quadrature._latent_cells import LatentCells, cells_of_density, latent_cells

#: Nodes a cell and latent for averages of f over it.
_NODES = 3
#: Intervals of one latent at least: f may come to need one that it has no use for yet.
_FEWEST = 10


@dataclass(frozen=True, eq=False)
class PlaneCells:
    """A partition of both latents cuts the plane into M = M₁ M₂ cells, the second latent fastest.

    Parameters
    ----------
    first, second : LatentCells
        The intervals of z₁ and of z₂.
    """

    first: LatentCells
    second: LatentCells

    @property
    def shape(self) -> tuple[int, int]:
        """Return the numbers of intervals, M₁ and M₂."""
        return self.first.count, self.second.count

    @property
    def count(self) -> int:
        """Return the number of cells M."""
        return self.first.count * self.second.count

    @cached_property
    def prior_mass(self) -> Float64[Array, " cells"]:
        """Return P(z in cell) under N(0, I), shape (M,)."""
        result: Array = np.outer(self.first.prior_mass, self.second.prior_mass).ravel()
        return result

    @cached_property
    def z(self) -> Float64[Array, "cells 2"]:
        """Return a latent in every cell, shape (M, 2)."""
        axes = np.meshgrid(self.first.z, self.second.z, indexing="ij")
        return np.stack([axis.ravel() for axis in axes], axis=1)

    @property
    def boundaries(self) -> tuple[Float64[Array, " inner1"], Float64[Array, " inner2"]]:
        """Return the inner boundaries of z₁ and of z₂."""
        return self.first.boundary, self.second.boundary

    def interpolate(self, f: Float64[Array, "cells D"], z: Float64[Array, "n 2"]) -> Points:
        """Carry an f on these cells (M, D) over to other latents, bilinearly: shape (n, D)."""
        return bilinear((self.first.z, self.second.z), f.reshape(*self.shape, -1), z)

    def average(
        self, function: Callable[[Float64[Array, "n 2"]], Points]
    ) -> Float64[Array, "cells D"]:
        """Average f over every cell under the prior, shape (M, D).

        Parameters
        ----------
        function : callable
            Maps latents (n, 2) to f, (n, D).
        """
        (one, weight1), (two, weight2) = (axis.nodes(_NODES) for axis in (self.first, self.second))
        axes = np.meshgrid(one.ravel(), two.ravel(), indexing="ij")
        values = function(np.stack([axis.ravel() for axis in axes], axis=1))
        grid = np.asarray(values, dtype=np.float64).reshape(*one.shape, *two.shape, -1)
        total: Array = np.einsum("mn,kl,mnkld->mkd", weight1, weight2, grid, optimize=True)
        return total.reshape(self.count, -1)


def plane_cells(count: int, second: int | None = None) -> PlaneCells:
    """Lay cells for an f of which nothing is known.

    Parameters
    ----------
    count : int
        Cells in all, or intervals of z₁ where `second` is given.
    second : int, optional
        Intervals of z₂; by default as many as of z₁.

    Returns
    -------
    PlaneCells

    Raises
    ------
    SettingError
        If a latent would have fewer than two intervals.
    """
    if second is not None:
        return PlaneCells(latent_cells(count), latent_cells(second))
    if count < 4:
        raise SettingError(f"a decoder on cells of two latents needs at least 4, not {count}")
    side = latent_cells(math.isqrt(count))
    return PlaneCells(side, side)


def adapted_plane_cells(
    count: int, cells: PlaneCells, f: Float64[Array, "cells D"], noise_variance: PerDimension
) -> PlaneCells:
    """Lay cells where a given f needs them.

    The error of a piecewise constant f is Σ_k ∫ φ h_k² |∂_k f|²/24σ²: along each latent it is least
    for h_k ∝ w_k^{-1/3}, w_k(z_k) = ∫ φ |∂_k f|²/σ² over the other, and it is then C_k/M_k² with
    C_k = (∫ w_k^{1/3})³/24, so that of M₁ M₂ cells in all M₁/M₂ = √(C₁/C₂) is best.

    Parameters
    ----------
    count : int
        Cells in all, at least 4; as many or a few fewer are laid.
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
    sides = (cells.first, cells.second)
    profiles: list[tuple[Array, Array]] = []
    for k, axis in enumerate(sides):
        moves = (np.diff(values, axis=k) ** 2).sum(axis=2)
        other = sides[1 - k].prior_mass
        steps = np.diff(axis.z)
        weight = (moves @ other if k == 0 else other @ moves) / steps**2
        profiles.append((axis.z, weight))
    costs = [float(_roots(*profile) @ np.diff(profile[0])) ** 3 for profile in profiles]
    fewest = min(_FEWEST, math.isqrt(count))
    ratio = math.sqrt((costs[0] + 1e-300) / (costs[1] + 1e-300))
    one = round(min(max(math.sqrt(count * ratio), fewest), count / fewest))
    numbers = (one, count // one)
    first, second = (
        cells_of_density(number, z, _roots(z, weight))
        for number, (z, weight) in zip(numbers, profiles, strict=True)
    )
    return PlaneCells(first, second)


def _middles(z: Array) -> Array:
    return 0.5 * (z[1:] + z[:-1])


def _roots(z: Array, weight: Array) -> Array:
    result: Array = np.cbrt(weight * np.exp(-0.5 * _middles(z) ** 2))
    return result
