"""The E-step on cells of two latents: the best q = N(μ₁, s₁²) N(μ₂, s₂²) for every data node.

q's mass of a cell is a product of two normal masses. So E_q f and E_q |f|² for all pairs of
one-dimensional q of a table are two small matrix products on either side of f, −ELBO_x on the table
is affine in x, and the sums of the M-step are matrix products too. From the lowest entries of the
table, and from the minima of the sweep before, Newton's method goes on in the four numbers of q.
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
    local_of_plane,
    lowest,
    lowest_apart,
)
from theorycheck.optimum._e_step import LOOKS, Responsibilities
from theorycheck.optimum._nodes import DataNodes
from theorycheck.optimum._posterior_e_step import cell_posterior
from theorycheck.quadrature import LatentCells, PlaneCells
from theorycheck.quadrature.kernels import cell_masses_batch, plane_cell_moments_batch

#: Minima of one x that are carried from one sweep to the next.
CARRIED = 3
#: The table: scales from the widest on fall by this factor, means up to a reach are so many scales
#: apart, and there are at most so many one-dimensional q a latent.
_WIDEST, _FALL, _REACH, _APART, _LARGEST = 1.0, 0.62, 3.6, 0.9, 200
#: Narrowest q of the first table.
_FIRST = 0.15
#: The table goes down to this share of the narrowest q in use along its latent.
_TABLE_MARGIN = 0.8
#: Starts of one x from the table, nats above its lowest entry up to which one is taken; of a look
#: where an ascent rests.
_STARTS, _MARGIN = 3, 3.0
_MANY_STARTS, _WIDE_MARGIN = 6, 3.0
#: Scale of a q within one cell, in the cell's width; starts of one x from these.
_OF_CELL, _FROM_CELLS = 0.25, 2
#: Newton steps after which starts that have come as near as this, in scales, are one, and those
#: that are more than so many nats above the best are given up.
_FEW_STEPS, _TOGETHER, _LEFT = 3, 0.3, 0.7
#: Least log scale; nats, relative to 1 + |value|, that a Newton step must promise.
_FLOOR, _GAIN = -12.0, 1e-11
#: Values of the table held at once.
_AT_ONCE = 4_000_000


class PlaneEStep:
    """The E-step for data nodes and cells of two latents that stay the same while f moves.

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
        self._tables = [_Line(cells.first), _Line(cells.second)]
        width = np.stack(
            [
                axis.ravel()
                for axis in np.meshgrid(_widths(cells.first), _widths(cells.second), indexing="ij")
            ],
            axis=1,
        )
        #: q that lie within one cell each: where f is steep the best q is as narrow as that.
        self._within = (cells.z, _OF_CELL * width, kl_from_prior(cells.z, _OF_CELL * width))

    def __call__(
        self,
        f: Float64[Array, "cells D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "n carried 5"] | None = None,
    ) -> Responsibilities:
        """Find the optimal q for every data node.

        Parameters
        ----------
        f : ndarray, shape (M, D)
            Decoder means on the cells.
        noise_variance : ndarray, shape (D,)
            Noise variance σ², squared data units.
        previous : ndarray, shape (n, CARRIED, 5), optional
            The minima of the last sweep, which are among the starts of this one.

        Returns
        -------
        Responsibilities
        """
        self._calls += 1
        look = previous is None or self._calls % LOOKS == 1
        minima = self.minima(f, noise_variance, previous, starts=_STARTS if look else 0)
        for k, table in enumerate(self._tables):
            table.reach_down_to(_TABLE_MARGIN * float(np.exp(minima[:, 0, 2 + k].min())))
        return self.sums(minima, f)

    def look_again(self) -> None:
        """Have the next E-step look at the table."""
        self._calls = 0

    def minima(
        self,
        f: Float64[Array, "cells D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "n carried 5"] | None = None,
        *,
        starts: int = _STARTS,
        margin: float = _MARGIN,
    ) -> Float64[Array, "n carried 5"]:
        """Find the best local minima for every data node.

        Parameters
        ----------
        f : ndarray, shape (M, D)
        noise_variance : ndarray, shape (D,)
        previous : ndarray, shape (n, CARRIED, 5), optional
            The minima of the last sweep.
        starts : int
            Entries of the table that are followed, for each x; with 0 the previous minima alone.
        margin : float
            Nats above the lowest entry up to which one is.

        Returns
        -------
        ndarray, shape (n, CARRIED, 5)
            μ₁, μ₂, log s₁, log s₂ and −ELBO_x, nats, best first, NaN where unused.
        """
        sigma = np.sqrt(noise_variance)
        x = np.ascontiguousarray(self.nodes.x / sigma)
        scaled = f / sigma
        row, points = np.empty(0, dtype=np.int64), np.empty((0, 4))
        if previous is not None:
            row, place = np.nonzero(np.isfinite(previous[:, :, -1]))
            points = previous[row, place, :4]
        if starts:
            more, at = self._from_table(x, scaled, starts, margin)
            row, points = np.concatenate([row, more]), np.concatenate([points, at])
        grid = np.ascontiguousarray(scaled.reshape(*self.cells.shape, -1).transpose(0, 2, 1))
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
        points: Float64[Array, "n 4"],
        grid: Float64[Array, "M1 D M2"],
    ) -> Local:
        """Evaluate −ELBO_x, up to (D/2) log 2π + Σ log σ_d, and its derivatives.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            In units of σ.
        points : ndarray, shape (n, 4)
            μ₁, μ₂, log s₁, log s₂.
        grid : ndarray, shape (M₁, D, M₂)
            f on the cells, in units of σ.

        Returns
        -------
        Local
            Derivatives are by (μ_k/s_k …, log s_k …).
        """
        x = np.ascontiguousarray(x)

        def fill(mean: Array, scale: Array, moments: Array) -> None:
            plane_cell_moments_batch(x, mean, scale, self.cells.boundaries, grid, moments)

        return local_of_plane(fill, points)

    def affine(
        self, f: Float64[Array, "cells D"]
    ) -> tuple[
        Float64[Array, "T 2"], Float64[Array, "T 2"], Float64[Array, " T"], Float64[Array, "T D"]
    ]:
        """Return the table: μ, s and −ELBO_x = offset − x·slope + ½|x|², up to a constant.

        Parameters
        ----------
        f : ndarray, shape (M, D)
            In units of σ, as x is.

        Returns
        -------
        mean, scale : ndarray, shape (T, 2)
        offset : ndarray, shape (T,)
        slope : ndarray, shape (T, D)
        """
        one, two = self._tables
        values = f.reshape(*self.cells.shape, -1)
        parts = np.concatenate([values, 0.5 * (values**2).sum(axis=2, keepdims=True)], axis=2)
        smoothed = np.einsum("ai,ijd,bj->abd", one.masses, parts, two.masses, optimize=True)
        smoothed = smoothed.reshape(one.mean.size * two.mean.size, -1)
        pairs = [
            np.stack([np.repeat(a, b.size), np.tile(b, a.size)], axis=1)
            for a, b in ((one.mean, two.mean), (one.scale, two.scale))
        ]
        offset = smoothed[:, -1] + kl_from_prior(*pairs)
        return pairs[0], pairs[1], offset, smoothed[:, :-1]

    def _from_table(self, x: Array, f: Array, count: int, margin: float) -> tuple[Integers, Array]:
        """Pick the lowest entries of the table, and of the cells, that are apart, for every x."""
        mean, scale, kl = self._within
        cells = (mean, scale, kl + 0.5 * (f**2).sum(axis=1), f)
        row, points = _lowest_entries(x, *cells, _FROM_CELLS, margin)
        more, others = _lowest_entries(x, *self.affine(f), count, margin)
        return np.concatenate([row, more]), np.concatenate([points, others])

    def certified(
        self, f: Float64[Array, "cells D"], noise_variance: PerDimension, found: Responsibilities
    ) -> Responsibilities:
        """Look for lower minima from many more starts; the `gap` is what log p(x) leaves open.

        There is no lower bound over all q in two latents but −log p(x).
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
        minima: Float64[Array, "n carried 5"],
        f: Float64[Array, "cells D"],
        mass: PerPoint | None = None,
    ) -> Responsibilities:
        """Add up what the M-step needs of the best of the minima.

        Parameters
        ----------
        minima : ndarray, shape (n, CARRIED, 5)
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
        masses = [
            _masses(minima[:, 0, k], np.exp(minima[:, 0, 2 + k]), axis)
            for k, axis in enumerate((self.cells.first, self.cells.second))
        ]
        weighted = masses[0].T * mass
        aggregate = (weighted @ masses[1]).reshape(1, -1)
        moments, squares = (
            np.stack([((weighted * row) @ masses[1]).ravel() for row in power.T], axis=1)[None]
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
        return np.full(axis.count, _WIDEST)
    return np.concatenate([inner[:1], inner, inner[-1:]])


class _Line:
    """One-dimensional q of the table along one latent, and their masses of its intervals."""

    def __init__(self, axis: LatentCells) -> None:
        self._axis = axis
        self._least = math.inf
        self.reach_down_to(_FIRST)

    def reach_down_to(self, narrowest: float) -> None:
        """Extend the table to narrower q."""
        if narrowest >= self._least:
            return
        means: list[Array] = []
        scales: list[Array] = []
        scale, size = _WIDEST, 0
        while True:
            steps = math.ceil(2.0 * _REACH / (_APART * scale))
            size += steps + 1
            if size > _LARGEST:
                # A table as large as it may be is not laid again.
                self._least = 0.0
                break
            means.append(np.linspace(-_REACH, _REACH, steps + 1))
            scales.append(np.full(steps + 1, scale))
            self._least = scale
            if scale <= narrowest:
                break
            scale *= _FALL
        self.mean, self.scale = np.concatenate(means), np.concatenate(scales)
        self.masses = _masses(self.mean, self.scale, self._axis)


def _masses(mean: Array, scale: Array, axis: LatentCells) -> Array:
    """Return P(z in interval) under N(mean, scale²), (n, M)."""
    masses = np.empty((mean.size, axis.count))
    cell_masses_batch(
        np.ascontiguousarray(mean), np.ascontiguousarray(scale), axis.boundary, masses
    )
    return masses
