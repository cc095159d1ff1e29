"""Cells of the latent line on which a decoder is constant (docs/theory.md, optimisation)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from numpy.polynomial.legendre import leggauss
from scipy.special import ndtr, ndtri

from theorycheck.arrays import Array, Latents, PerDimension, Points
from theorycheck.errors import SettingError
from theorycheck.quadrature.kernels import Cells, ClassCells

#: Standard deviation of the normal whose quantiles are the boundaries. √3 is the density ~ φ^{1/3}
#: that is asymptotically best for a piecewise constant approximation under N(0, 1).
_SPREAD = np.sqrt(3.0)
#: Nodes a cell for averages of f over it.
_NODES = 6
#: |z| up to which cells are adapted to f, and the share of the cells that is.
_ADAPTED_REACH = 6.0
_ADAPTED_SHARE = 0.6


@dataclass(frozen=True, eq=False)
class LatentCells:
    """A partition cuts the latent line into cells.

    Parameters
    ----------
    boundary : ndarray, shape (M − 1,)
        Inner boundaries, ascending; the first and last cell reach to infinity.
    """

    boundary: Float64[Array, " inner"]

    @property
    def count(self) -> int:
        """Return the number of cells M."""
        return self.boundary.size + 1

    @cached_property
    def prior_mass(self) -> Float64[Array, " cells"]:
        """Return π_j = P(z in cell j) under N(0, 1), shape (M,)."""
        # From the side on which the tail is small, so that no mass is lost to cancellation.
        upper, lower = ndtr(-self.boundary), ndtr(self.boundary)
        left = np.concatenate([[0.0], lower])
        right = np.concatenate([lower, [1.0]])
        left_tail = np.concatenate([[1.0], upper])
        right_tail = np.concatenate([upper, [0.0]])
        mass: Array = np.where(left > 0.5, left_tail - right_tail, right - left)
        return mass

    @cached_property
    def z(self) -> Float64[Array, " cells"]:
        """Return a latent in every cell, shape (M,): the middle in probability of the spread."""
        edges = self._quantiles
        return np.asarray(_SPREAD * ndtri(0.5 * (edges[:-1] + edges[1:])), dtype=np.float64)

    @cached_property
    def _quantiles(self) -> Array:
        return np.concatenate([[0.0], ndtr(self.boundary / _SPREAD), [1.0]])

    def arrays(self, f: Float64[Array, "cells D"]) -> Cells:
        """Return an f on these cells (M, D) as the kernels take it."""
        return Cells(
            self.boundary,
            np.ascontiguousarray(np.diff(f, axis=0).T),
            np.ascontiguousarray(0.5 * (f[1:] + f[:-1]).T),
            np.ascontiguousarray(f),
        )

    def class_arrays(self, parts: Sequence[Float64[Array, "cells D"]]) -> ClassCells:
        """Return the f_y of C classes on these cells (M, D) as the kernels take them."""
        each = [self.arrays(f) for f in parts]
        return ClassCells(
            self.boundary,
            np.stack([one.jump for one in each]),
            np.stack([one.middle for one in each]),
            np.stack([one.f for one in each]),
        )

    def interpolate(self, f: Float64[Array, "cells D"], z: Latents) -> Points:
        """Carry an f on these cells (M, D) over to other latents, linearly: shape (n, D)."""
        return np.stack([np.interp(z, self.z, column) for column in f.T], axis=1)

    def average(self, function: Callable[[Latents], Points]) -> Float64[Array, "cells D"]:
        """Average f over every cell under the prior, shape (M, D).

        Parameters
        ----------
        function : callable
            Maps latents (n,) to f, (n, D).

        Returns
        -------
        ndarray, shape (M, D)
        """
        z, weight = self.nodes(_NODES)
        values = np.asarray(function(z.ravel()), dtype=np.float64).reshape(*z.shape, -1)
        return np.asarray(np.einsum("mn,mnd->md", weight, values), dtype=np.float64)

    def nodes(
        self, count: int
    ) -> tuple[Float64[Array, "cells {count}"], Float64[Array, "cells {count}"]]:
        """Return latents in every cell, and the weights of an average over it under the prior.

        Parameters
        ----------
        count : int
            Gauss-Legendre nodes a cell.

        Returns
        -------
        z, weight : ndarray, shape (M, count)
            The weights of each cell add up to one.
        """
        node, weight = leggauss(count)
        edges = self._quantiles
        half = 0.5 * np.diff(edges)
        u = 0.5 * (edges[:-1] + edges[1:])[:, None] + half[:, None] * node
        z = np.asarray(_SPREAD * ndtri(u), dtype=np.float64)
        # Density of N(0, 1) against that of the spread.
        mass = weight * np.exp(-0.5 * z**2 * (1.0 - 1.0 / _SPREAD**2))
        return z, mass / mass.sum(axis=1, keepdims=True)


def latent_cells(count: int) -> LatentCells:
    """Lay cells so that a piecewise constant f is as good as it can be for their number.

    Parameters
    ----------
    count : int
        M, at least 2.

    Returns
    -------
    LatentCells

    Raises
    ------
    SettingError
        If `count` < 2.
    """
    if count < 2:
        raise SettingError(f"a decoder on cells needs at least 2 of them, not {count}")
    return LatentCells(np.asarray(_SPREAD * ndtri(np.arange(1, count) / count), dtype=np.float64))


def adapted_cells(
    count: int, cells: LatentCells, f: Float64[Array, "cells D"], noise_variance: PerDimension
) -> LatentCells:
    """Lay cells where a given f needs them, a share of them everywhere.

    The error of a piecewise constant f is Σ π_j h_j² |f′|²/24σ²; for a given number of cells it
    is least for h ∝ (φ |f′|²/σ²)^{-1/3}.

    Parameters
    ----------
    count : int
        M, at least 2.
    cells : LatentCells
        The cells on which f is given.
    f : ndarray, shape (M', D)
        The decoder on `cells`.
    noise_variance : ndarray, shape (D,)
        Noise variance σ², squared data units.

    Returns
    -------
    LatentCells
    """
    z = np.linspace(-_ADAPTED_REACH, _ADAPTED_REACH, 20 * count + 1)
    at = cells.interpolate(f, z)
    move = np.sqrt((np.diff(at, axis=0) ** 2 / noise_variance).sum(axis=1)) / np.diff(z)
    middle = 0.5 * (z[1:] + z[:-1])
    return _mixed_cells(count, z, np.cbrt(np.exp(-0.5 * middle**2) * move**2))


def cells_of_density(
    count: int, z: Float64[Array, " knots"], density: Float64[Array, " gaps"]
) -> LatentCells:
    """Lay cells of a given density, a share of them everywhere.

    Parameters
    ----------
    count : int
        M, at least 2.
    z : ndarray, shape (k,)
        Latents between which the density is given, ascending.
    density : ndarray, shape (k − 1,)
        Cells per unit of z, up to a factor.

    Returns
    -------
    LatentCells
    """
    fine = np.linspace(-_ADAPTED_REACH, _ADAPTED_REACH, 20 * count + 1)
    middle = 0.5 * (fine[1:] + fine[:-1])
    at = np.clip(np.searchsorted(z, middle) - 1, 0, density.size - 1)
    inside = (middle > z[0]) & (middle < z[-1])
    return _mixed_cells(count, fine, np.where(inside, density[at], 0.0))


def _mixed_cells(count: int, z: Array, density: Array) -> LatentCells:
    plain = latent_cells(count)
    if not density.sum() > 0.0:
        return plain
    share = np.concatenate([[0.0], np.cumsum(density) / density.sum()])
    everywhere = ndtr(z / _SPREAD)
    mixed = _ADAPTED_SHARE * share + (1.0 - _ADAPTED_SHARE) * everywhere
    inner = np.interp(np.arange(1, count) / count, mixed, z)
    return LatentCells(inner)
