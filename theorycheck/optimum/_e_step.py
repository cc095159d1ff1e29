"""The E-step on cells: the best q(z|x) for every data node, and what it says about f.

It finds local minima from many starts, fast. Whether they are the global ones is for
:meth:`EStep.certified` to see, by the bounds of the exact engine: at the price of one to three
E-steps it is asked where an ascent has come to rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Integers, PerDimension, PerPoint
from theorycheck.inference import MeanField, log_density
from theorycheck.models import GenerativeModel, decoder_from_table
from theorycheck.optimum._nodes import DataNodes
from theorycheck.quadrature import LatentCells, ScanTable
from theorycheck.quadrature.kernels import (
    CARRIED,
    CellTable,
    cell_e_step_batch,
    cell_m_step_batch,
    cell_masses_batch,
)

#: The scan table: coarser than that of inference/_mean_field.py, for an ascent comes by again.
_TABLE = ScanTable(reach=6.0, widest=1.8, log_step=0.4, mean_step=0.7, largest=12_000)
#: The table goes down to this share of the narrowest q in use.
_TABLE_MARGIN = 0.7
#: E-steps from one look at the table to the next, which is most of an E-step's work; between them
#: the minima of the last one are followed.
LOOKS = 4
#: Nats below a minimum of the E-step from which another counts as lower: Newton's tolerances.
_LOWER = 1e-9


@dataclass(frozen=True, eq=False)
class Responsibilities:
    """The q of every data node, and the sums of the M-step.

    Parameters
    ----------
    minima : ndarray, shape (n, CARRIED, 2K + 1)
        μ, log s and −ELBO_x of the best local minima, nats; K = 1 here, 2 in `_plane_e_step.py`.
    negative_elbo : float
        −ELBO averaged over the data nodes, nats.
    aggregate : ndarray, shape (M,)
        E_p κ_j, the aggregated posterior's mass of cell j.
    target : ndarray, shape (M, D)
        E[x | z in cell j] under p(x) q(z|x): what the M-step sets f to.
    square : ndarray, shape (M, D)
        Σ p(x) κ_j x².
    gap : float
        Nats by which `negative_elbo` could be lower at a q that was not found; inf where nobody
        looked (see :meth:`EStep.certified`).
    """

    minima: Float64[Array, "n carried width"]
    negative_elbo: float
    aggregate: Float64[Array, " cells"]
    target: Float64[Array, "cells D"]
    square: Float64[Array, "cells D"]
    gap: float = math.inf

    @classmethod
    def from_sums(
        cls,
        mass: PerPoint,
        minima: Float64[Array, "n carried width"],
        f: Float64[Array, "cells D"],
        aggregates: Float64[Array, "chunks cells"],
        moments: Float64[Array, "chunks cells D"],
        squares: Float64[Array, "chunks cells D"],
    ) -> Responsibilities:
        """Add up the chunks that the kernels fill; cells that no q reaches keep their f."""
        aggregate = aggregates.sum(axis=0)
        moment = moments.sum(axis=0)
        seen = aggregate > 1e-14
        target = f.copy()
        target[seen] = moment[seen] / aggregate[seen, None]
        return cls(
            minima=minima,
            negative_elbo=float(mass @ minima[:, 0, -1]),
            aggregate=np.where(seen, aggregate, 0.0),
            target=target,
            square=np.where(seen[:, None], squares.sum(axis=0), 0.0),
        )

    @property
    def mean(self) -> PerPoint:
        """Return μ of the best q, shape (n,)."""
        return np.ascontiguousarray(self.minima[:, 0, 0])

    @property
    def scale(self) -> PerPoint:
        """Return s of the best q, shape (n,)."""
        return np.exp(self.minima[:, 0, 1])

    def residual_variance(self, f: Float64[Array, "cells D"]) -> PerDimension:
        """Return E_p E_q (x_d − f_d)², Theorem 2's σ², for an f on the cells (M, D)."""
        total = self.square - 2.0 * f * self.aggregate[:, None] * self.target
        total += self.aggregate[:, None] * f**2
        return np.asarray(total.sum(axis=0), dtype=np.float64)


class EStep:
    """The E-step for data nodes and cells that stay the same while f moves."""

    def __init__(self, nodes: DataNodes, cells: LatentCells) -> None:
        self.nodes = nodes
        self.cells = cells
        self._calls = 0
        self._floor = math.inf
        self._lay_table(0.1)

    def __call__(
        self,
        f: Float64[Array, "cells D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "n carried 3"] | None = None,
    ) -> Responsibilities:
        """Find the optimal q for every data node.

        Parameters
        ----------
        f : ndarray, shape (M, D)
            Decoder means on the cells.
        noise_variance : ndarray, shape (D,)
            Noise variance σ², squared data units.
        previous : ndarray, shape (n, CARRIED, 3), optional
            The minima of the last sweep, which are among the starts of this one.

        Returns
        -------
        Responsibilities
        """
        minima = self.minima(f, noise_variance, previous, look=self._looks(previous))
        self._lay_table(float(np.exp(np.min(minima[:, 0, 1]))))
        return self.sums(minima, f)

    def look_again(self) -> None:
        """Have the next E-step look at the table: what it finds is another model's than the last.

        While a start is cooled, the minima of the last temperature are no guide to those of the
        next: ascents that followed them alone ended in worse optima.
        """
        self._calls = 0

    def _looks(self, previous: Array | None) -> bool:
        """Tell, once an E-step, whether it is one that looks at the table."""
        self._calls += 1
        return previous is None or self._calls % LOOKS == 1

    def minima(
        self,
        f: Float64[Array, "cells D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "n carried 3"] | None = None,
        affine: tuple[Float64[Array, " T"], Float64[Array, "T D"]] | None = None,
        *,
        look: bool = True,
    ) -> Float64[Array, "n carried 3"]:
        """Find the best local minima for every data node.

        Parameters
        ----------
        f : ndarray, shape (M, D)
        noise_variance : ndarray, shape (D,)
        previous : ndarray, shape (n, CARRIED, 3), optional
            The minima of the last sweep.
        affine : tuple of ndarray, optional
            What :meth:`affine` returns for this f, where it is known already.
        look : bool
            Look at the scan table as well; without it only the previous minima are followed.

        Returns
        -------
        ndarray, shape (n, CARRIED, 3)
            μ, log s and −ELBO_x, nats, best first, NaN where unused.
        """
        x = self.nodes.x
        size = len(x)
        inverse_sigma = 1.0 / np.sqrt(noise_variance)
        none = np.empty(0)
        nowhere = np.empty(0, dtype=np.int64)
        table = CellTable(none, none, nowhere, nowhere, none, np.empty((x.shape[1], 0)))
        if look or previous is None:
            offset, slope = affine or self.affine(f, noise_variance)
            table = CellTable(*self._table, offset, np.ascontiguousarray(slope.T))
        if previous is None:
            previous = np.full((size, CARRIED, 3), np.nan)
        minima = np.empty((size, CARRIED, 3))
        cell_e_step_batch(
            x, inverse_sigma, self.cells.arrays(f), table,
            np.ascontiguousarray(previous[:, :, :2]), minima,
        )  # fmt: skip
        constant = 0.5 * float(np.sum(np.log(2.0 * math.pi * noise_variance)))
        minima[:, :, 2] += constant
        return minima

    @property
    def entries(self) -> tuple[Float64[Array, " T"], Float64[Array, " T"]]:
        """Return the μ and log s of the scan table, shape (T,) each."""
        return self._mean, self._log_scale

    def affine(
        self, f: Float64[Array, "cells D"], noise_variance: PerDimension
    ) -> tuple[Float64[Array, " T"], Float64[Array, "T D"]]:
        """Return −ELBO_x on the scan table as offset − x·slope, up to |x|²/2σ² and a constant.

        Parameters
        ----------
        f : ndarray, shape (M, D)
            Decoder means on the cells.
        noise_variance : ndarray, shape (D,)
            σ².

        Returns
        -------
        offset : ndarray, shape (T,)
            Nats.
        slope : ndarray, shape (T, D)
        """
        second = self._masses @ (0.5 * (f**2 / noise_variance).sum(axis=1))
        slope: Array = self._masses @ (f / noise_variance)
        return self._prior + second, slope

    def certified(
        self, f: Float64[Array, "cells D"], noise_variance: PerDimension, found: Responsibilities
    ) -> Responsibilities:
        """Look for a lower minimum at every data node, through the bounds of the exact engine.

        Parameters
        ----------
        f : ndarray, shape (M, D)
            Decoder means on the cells.
        noise_variance : ndarray, shape (D,)
            Noise variance σ², squared data units.
        found : Responsibilities
            What the E-step found for them.

        Returns
        -------
        Responsibilities
            The global minima, with the `gap` that is left.
        """
        x = self.nodes.x
        decoder = decoder_from_table(self.cells.boundary, f, kind="cells")
        field = MeanField(GenerativeModel(decoder, noise_variance))
        best = field.optimal_q(
            x,
            given=np.ascontiguousarray(found.minima[:, :, :2]),
            group=np.arange(len(x)),
            use_modes=False,
            evidence=log_density(field.panels, x),
        )
        gap = float(self.nodes.mass @ best.gap)
        lower = best.negative_elbo < found.minima[:, 0, 2] - _LOWER
        if not lower.any():
            return replace(found, gap=gap)
        minima = found.minima.copy()
        minima[lower, 1:] = minima[lower, :-1]
        minima[lower, 0] = best.minima[lower, 0]
        return replace(self.sums(minima, f), gap=gap)

    def sums(
        self,
        minima: Float64[Array, "n carried 3"],
        f: Float64[Array, "cells D"],
        mass: PerPoint | None = None,
    ) -> Responsibilities:
        """Add up what the M-step needs of the best of the minima.

        Parameters
        ----------
        minima : ndarray, shape (n, CARRIED, 3)
            μ, log s and −ELBO_x, nats; the first is the q.
        f : ndarray, shape (M, D)
        mass : ndarray, shape (n,), optional
            Weights of the nodes, by default their own.

        Returns
        -------
        Responsibilities
        """
        x = self.nodes.x
        mass = self.nodes.mass if mass is None else mass
        chunks, count = 16, self.cells.count
        aggregates = np.zeros((chunks, count))
        moments = np.zeros((chunks, count, x.shape[1]))
        squares = np.zeros((chunks, count, x.shape[1]))
        cell_m_step_batch(
            mass, x,
            np.ascontiguousarray(minima[:, 0, 0]), np.ascontiguousarray(minima[:, 0, 1]),
            self.cells.boundary, aggregates, moments, squares,
        )  # fmt: skip
        return Responsibilities.from_sums(mass, minima, f, aggregates, moments, squares)

    def _lay_table(self, narrowest: float) -> None:
        """Extend the scan table to narrower q where the last E-step used them."""
        wanted = _TABLE_MARGIN * narrowest
        if wanted >= self._floor:
            return
        means, log_scales, complete = _TABLE.rows(wanted)
        # A table as large as it may be is not laid again.
        self._floor = math.exp(log_scales[-1]) if complete else 0.0
        self._mean, self._log_scale = _TABLE.joined(means, log_scales)
        self._masses = np.empty((self._mean.size, self.cells.count))
        cell_masses_batch(self._mean, np.exp(self._log_scale), self.cells.boundary, self._masses)
        self._table = (self._mean, self._log_scale, *_neighbours(means))
        s2 = np.exp(2.0 * self._log_scale)
        self._prior = 0.5 * (s2 + self._mean**2 - 1.0) - self._log_scale


def _neighbours(rows: list[Array]) -> tuple[Integers, Integers]:
    """Return, per entry, the nearest in μ of the row after and of the row before (or itself)."""
    starts = np.concatenate([[0], np.cumsum([row.size for row in rows])])
    sides = []
    for shift in (1, -1):
        index = []
        for i, row in enumerate(rows):
            if not 0 <= i + shift < len(rows):
                index.append(starts[i] + np.arange(row.size))
                continue
            other = rows[i + shift]
            step = other[1] - other[0]
            nearest = np.clip(np.rint((row - other[0]) / step), 0, other.size - 1)
            index.append(starts[i + shift] + nearest.astype(np.int64))
        sides.append(np.concatenate(index))
    return sides[0], sides[1]
