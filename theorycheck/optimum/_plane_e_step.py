"""The E-step on cells of two or three latents: the best q = Π N(μ_k, s_k²) for every data node.

q's mass of a cell is a product of normal masses. So E_q f and E_q |f|² for all combinations of
one-dimensional q of a table are small matrix products along each latent of f, −ELBO_x on the table
is affine in x, and the sums of the M-step are matrix products too. From the lowest entries of the
table, and from the minima of the sweep before, Newton's method goes on in the 2K numbers of q.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Integers, PerDimension, PerPoint
from theorycheck.inference import (
    Local,
    Minima,
    descend,
    distinct,
    kl_from_prior,
    local_of_moments,
    lowest,
    lowest_apart,
)
from theorycheck.optimum._e_step import LOOKS, Responsibilities
from theorycheck.optimum._nodes import DataNodes
from theorycheck.optimum._posterior_e_step import cell_posterior
from theorycheck.optimum._table_lines import SPACINGS, WIDEST, TableLine, masses_of
from theorycheck.quadrature import LatentCells, PlaneCells
from theorycheck.quadrature.kernels import (
    plane_cell_moments_batch,
    space_cell_moments_batch,
)

#: Minima of one x that are carried from one sweep to the next.
CARRIED = 3
#: The table goes down to this share of the narrowest q in use along its latent.
_TABLE_MARGIN = 0.8
#: Starts of one x from the table, nats above its lowest entry up to which one is taken; of a look
#: where an ascent rests.
_STARTS, _MARGIN = 3, 3.0
_MANY_STARTS, _WIDE_MARGIN = 6, 3.0
#: Scale of a q within one cell, in the cell's width.
_OF_CELL = 0.25
#: Newton steps after which starts that have come as near as this, in scales, are one, and those
#: that are more than so many nats above the best are given up.
_FEW_STEPS, _TOGETHER, _LEFT = 3, 0.3, 0.7
#: Least log scale; nats, relative to 1 + |value|, that a Newton step must promise.
_FLOOR, _GAIN = -12.0, 1e-11
#: Values of the table held at once.
_AT_ONCE = 4_000_000


class PlaneEStep:
    """The E-step for data nodes and cells of several latents that stay the same while f moves.

    Parameters
    ----------
    nodes : DataNodes
        Nodes of the average over p(x).
    cells : PlaneCells
        Cells on which f is constant.
    """

    def __init__(self, nodes: DataNodes, cells: PlaneCells) -> None:
        self.nodes = nodes
        self.cells = cells
        self._calls = 0
        self._spacing = SPACINGS[cells.latents]
        self._tables = [TableLine(axis, self._spacing) for axis in cells.axes]
        sides = np.meshgrid(*(_widths(axis) for axis in cells.axes), indexing="ij")
        width = np.stack([side.ravel() for side in sides], axis=1)
        #: q that lie within one cell each: where f is steep the best q is as narrow as that.
        self._within = (cells.z, _OF_CELL * width, kl_from_prior(cells.z, _OF_CELL * width))

    def __call__(
        self,
        f: Float64[Array, "cells D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "n carried width"] | None = None,
    ) -> Responsibilities:
        """Find the optimal q for every data node.

        Parameters
        ----------
        f : ndarray, shape (M, D)
            Decoder means on the cells.
        noise_variance : ndarray, shape (D,)
            Noise variance σ², squared data units.
        previous : ndarray, shape (n, CARRIED, 2K + 1), optional
            The minima of the last sweep, which are among the starts of this one.

        Returns
        -------
        Responsibilities
        """
        self._calls += 1
        look = previous is None or self._calls % LOOKS == 1
        minima = self.minima(f, noise_variance, previous, starts=_STARTS if look else 0)
        self._reach_down(minima)
        return self.sums(minima, f)

    def _reach_down(self, minima: Array) -> None:
        """Extend the table to narrower q where the last E-step used them."""
        for k, table in enumerate(self._tables):
            others = math.prod(other.mean.size for other in self._tables) / table.mean.size
            most = int(min(self._spacing.along, self._spacing.in_all / others))
            narrowest = float(np.exp(minima[:, 0, self.cells.latents + k].min()))
            table.reach_down_to(_TABLE_MARGIN * narrowest, most)

    def look_again(self) -> None:
        """Have the next E-step look at the table."""
        self._calls = 0

    def minima(
        self,
        f: Float64[Array, "cells D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "n carried width"] | None = None,
        *,
        starts: int = _STARTS,
        margin: float = _MARGIN,
    ) -> Float64[Array, "n carried width"]:
        """Find the best local minima for every data node.

        Parameters
        ----------
        f : ndarray, shape (M, D)
        noise_variance : ndarray, shape (D,)
        previous : ndarray, shape (n, CARRIED, 2K + 1), optional
            The minima of the last sweep.
        starts : int
            Entries of the table that are followed, for each x; with 0 the previous minima alone.
        margin : float
            Nats above the lowest entry up to which one is.

        Returns
        -------
        ndarray, shape (n, CARRIED, 2K + 1)
            μ, log s and −ELBO_x, nats, best first, NaN where unused.
        """
        sigma = np.sqrt(noise_variance)
        x = np.ascontiguousarray(self.nodes.x / sigma)
        scaled = f / sigma
        row, points = np.empty(0, dtype=np.int64), np.empty((0, 2 * self.cells.latents))
        if previous is not None:
            row, place = np.nonzero(np.isfinite(previous[:, :, -1]))
            points = previous[row, place, :-1]
        if starts:
            more, at = self._from_table(x, scaled, starts, margin)
            row, points = np.concatenate([row, more]), np.concatenate([points, at])
        grid = np.ascontiguousarray(np.swapaxes(scaled.reshape(*self.cells.shape, -1), -1, -2))
        found = self._followed(x, grid, row, points)
        constant = 0.5 * float(np.sum(np.log(2.0 * math.pi * noise_variance)))
        minima = found.best(len(x), CARRIED)
        minima[:, :, -1] += constant
        return minima

    def _followed(self, x: Array, grid: Array, row: Integers, points: Array) -> Minima:
        """Follow starts down, giving up early those that come together or stay behind."""
        count = len(x)
        for steps in (_FEW_STEPS, None):

            def evaluate(index: Integers, at: Array, row: Integers = row) -> Local:
                return self.local(x[row[index]], at, grid)

            more = {} if steps is None else {"steps": steps}
            points, value = descend(evaluate, points, _FLOOR, gain=_GAIN, **more)
            found = distinct(Minima(row, points, value, np.zeros(row.size)), _TOGETHER)
            near = found.value <= lowest(found.row, found.value, count)[found.row] + _LEFT
            found = found.only(near)
            row, points = found.row, found.points
        return found

    def local(
        self,
        x: Float64[Array, "n D"],
        points: Float64[Array, "n width"],
        grid: Float64[Array, "*grid"],
    ) -> Local:
        """Evaluate −ELBO_x, up to (D/2) log 2π + Σ log σ_d, and its derivatives.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            In units of σ.
        points : ndarray, shape (n, 2K)
            μ, then log s.
        grid : ndarray, shape (M₁, D, M₂) or (M₁, M₂, D, M₃)
            f on the cells, in units of σ.

        Returns
        -------
        Local
            Derivatives are by (μ_k/s_k …, log s_k …).
        """
        x = np.ascontiguousarray(x)

        def fill(mean: Array, scale: Array, moments: Array) -> None:
            kernel = plane_cell_moments_batch if grid.ndim == 3 else space_cell_moments_batch
            kernel(x, mean, scale, self.cells.boundaries, grid, moments)

        return local_of_moments(fill, points)

    def affine(
        self, f: Float64[Array, "cells D"]
    ) -> tuple[
        Float64[Array, "T K"], Float64[Array, "T K"], Float64[Array, " T"], Float64[Array, "T D"]
    ]:
        """Return the table: μ, s and −ELBO_x = offset − x·slope + ½|x|², up to a constant.

        Parameters
        ----------
        f : ndarray, shape (M, D)
            In units of σ, as x is.

        Returns
        -------
        mean, scale : ndarray, shape (T, K)
        offset : ndarray, shape (T,)
        slope : ndarray, shape (T, D)
        """
        values = f.reshape(*self.cells.shape, -1)
        square = 0.5 * (values**2).sum(axis=-1, keepdims=True)
        smoothed = np.concatenate([values, square], axis=-1)
        for table in self._tables:
            # Along the first latent that is left; what becomes of it goes behind the others.
            smoothed = np.moveaxis(np.tensordot(table.masses, smoothed, axes=1), 0, -2)
        smoothed = smoothed.reshape(-1, smoothed.shape[-1])
        mean, scale = (
            np.stack([axis.ravel() for axis in np.meshgrid(*parts, indexing="ij")], axis=1)
            for parts in ([t.mean for t in self._tables], [t.scale for t in self._tables])
        )
        return mean, scale, smoothed[:, -1] + kl_from_prior(mean, scale), smoothed[:, :-1]

    def _from_table(self, x: Array, f: Array, count: int, margin: float) -> tuple[Integers, Array]:
        """Pick the lowest entries of the table, and of the cells, that are apart, for every x."""
        from_cells = self._spacing.from_cells
        row, points = _lowest_entries(x, *self._at_cells(f), from_cells, margin)
        more, others = _lowest_entries(x, *self.affine(f), count, margin)
        return np.concatenate([row, more]), np.concatenate([points, others])

    def _at_cells(self, f: Array) -> tuple[Array, Array, Array, Array]:
        """Return q around the middle of every cell, as :meth:`affine` returns its table."""
        mean, scale, kl = self._within
        if self.cells.latents == 2:
            return mean, scale, kl + 0.5 * (f**2).sum(axis=1), f
        # Where the table is coarse: as wide as a Gaussian posterior would be, f being linear.
        values = f.reshape(*self.cells.shape, -1)
        slopes = [np.gradient(values, axis.z, axis=k) for k, axis in enumerate(self.cells.axes)]
        steepness = np.stack([(slope**2).sum(axis=-1).ravel() for slope in slopes], axis=1)
        scale = np.maximum(scale, 1.0 / np.sqrt(1.0 + steepness))
        offset = kl_from_prior(mean, scale) + 0.5 * (scale**2 * steepness).sum(axis=1)
        return mean, scale, offset + 0.5 * (f**2).sum(axis=1), f

    def certified(
        self, f: Float64[Array, "cells D"], noise_variance: PerDimension, found: Responsibilities
    ) -> Responsibilities:
        """Look for lower minima from many more starts; the `gap` is what log p(x) leaves open.

        There is no lower bound over all q in several latents but −log p(x).
        """
        minima = self.minima(
            f, noise_variance, found.minima, starts=_MANY_STARTS, margin=_WIDE_MARGIN
        )
        better = self.sums(minima, f)
        gap = better.negative_elbo + float(self.nodes.mass @ self.evidence(f, noise_variance))
        return replace(better, gap=max(gap, 0.0))

    def evidence(self, f: Float64[Array, "cells D"], noise_variance: PerDimension) -> PerPoint:
        """Return log p(x) of the decoder on cells, nats, shape (n,).

        Parameters
        ----------
        f : ndarray, shape (M, D)
        noise_variance : ndarray, shape (D,)
        """
        x, prior_mass = self.nodes.x, self.cells.prior_mass
        block = max(1, _AT_ONCE // self.cells.count)
        parts = [x[begin : begin + block] for begin in range(0, len(x), block)]
        return np.concatenate([cell_posterior(p, f, noise_variance, prior_mass)[1] for p in parts])

    def sums(
        self,
        minima: Float64[Array, "n carried width"],
        f: Float64[Array, "cells D"],
        mass: PerPoint | None = None,
    ) -> Responsibilities:
        """Add up what the M-step needs of the best of the minima.

        Parameters
        ----------
        minima : ndarray, shape (n, CARRIED, 2K + 1)
            The first is the q.
        f : ndarray, shape (M, D)
        mass : ndarray, shape (n,), optional
            Weights of the nodes, by default their own.

        Returns
        -------
        Responsibilities
        """
        x = self.nodes.x
        mass = self.nodes.mass if mass is None else mass
        latents = self.cells.latents
        *first, last = (
            masses_of(minima[:, 0, k], np.exp(minima[:, 0, latents + k]), axis)
            for k, axis in enumerate(self.cells.axes)
        )
        weighted = first[0].T * mass
        for other in first[1:]:
            weighted = (weighted[:, None] * other.T).reshape(-1, other.shape[0])
        aggregate = (weighted @ last).reshape(1, -1)
        moments, squares = (
            np.stack([((weighted * row) @ last).ravel() for row in power.T], axis=1)[None]
            for power in (x, x**2)
        )
        return Responsibilities.from_sums(mass, minima, f, aggregate, moments, squares)


def _lowest_entries(
    x: Array, mean: Array, scale: Array, offset: Array, slope: Array, count: int, margin: float
) -> tuple[Integers, Array]:
    """Pick the lowest of −ELBO_x = offset − x·slope that are apart, for every x."""
    every = np.concatenate([mean, np.log(scale)], axis=1)
    rows, points = [], []
    block = max(1, _AT_ONCE // offset.size)
    for begin in range(0, len(x), block):
        values = offset - x[begin : begin + block] @ slope.T
        chosen = lowest_apart(values, mean, scale, count, margin)
        row, column = np.nonzero(chosen >= 0)
        rows.append(begin + row)
        points.append(every[chosen[row, column]])
    return np.concatenate(rows), np.concatenate(points)


def _widths(axis: LatentCells) -> Array:
    """Return the widths of the intervals, (M,); of the outermost that of their neighbours."""
    inner = np.diff(axis.boundary)
    if not inner.size:
        return np.full(axis.count, WIDEST)
    return np.concatenate([inner[:1], inner, inner[-1:]])
