"""One-dimensional q of the table that an E-step on cells of several latents looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerPoint
from theorycheck.quadrature import LatentCells
from theorycheck.quadrature.kernels import cell_masses_batch

#: Widest scale of the table, and the mean up to which it goes.
WIDEST, _REACH = 1.0, 3.6


@dataclass(frozen=True)
class Spacing:
    """How fine a table is: scales fall by a factor, means are so many scales apart.

    Parameters
    ----------
    fall : float
        Factor from one scale to the next.
    apart : float
        Distance of neighbouring means, in scales.
    first : float
        Scale down to which it goes at first.
    along : int
        One-dimensional q a latent at most.
    in_all : float
        Combinations of them over all latents at most.
    from_cells : int
        Starts of one x that are taken from the middles of cells besides.
    """

    fall: float
    apart: float
    first: float
    along: int
    in_all: float
    from_cells: int


#: By K. Of three latents combinations would be too many: but along a latent that f does not use q
#: is the prior, so that few entries there leave many to the others.
SPACINGS = {
    2: Spacing(0.62, 0.9, 0.15, 200, math.inf, 2),
    3: Spacing(0.5, 1.2, 0.5, 800, 60_000.0, 4),
}


class TableLine:
    """One-dimensional q of the table along one latent, and their masses of its intervals.

    Parameters
    ----------
    axis : LatentCells
        The intervals.
    spacing : Spacing
        How fine the table is.
    """

    def __init__(self, axis: LatentCells, spacing: Spacing) -> None:
        self._axis, self._spacing = axis, spacing
        self._least = math.inf
        self.reach_down_to(spacing.first, spacing.along)

    def reach_down_to(self, narrowest: float, most: int) -> None:
        """Extend the table to narrower q.

        Parameters
        ----------
        narrowest : float
            Scale down to which it is to go.
        most : int
            One-dimensional q at most; a table that would have more is not laid finer.
        """
        if narrowest >= self._least:
            return
        means: list[Array] = []
        scales: list[Array] = []
        scale, size = WIDEST, 0
        while True:
            steps = math.ceil(2.0 * _REACH / (self._spacing.apart * scale))
            size += steps + 1
            if size > most:
                # A table as large as it may be is not laid again.
                self._least = 0.0
                break
            means.append(np.linspace(-_REACH, _REACH, steps + 1))
            scales.append(np.full(steps + 1, scale))
            self._least = scale
            if scale <= narrowest:
                break
            scale *= self._spacing.fall
        self.mean, self.scale = np.concatenate(means), np.concatenate(scales)
        self.masses = masses_of(self.mean, self.scale, self._axis)


def masses_of(mean: PerPoint, scale: PerPoint, axis: LatentCells) -> Float64[Array, "n cells"]:
    """Return P(z in interval) under N(mean, scale²).

    Parameters
    ----------
    mean, scale : ndarray, shape (n,)
        Means and standard deviations of one-dimensional q.
    axis : LatentCells
        M intervals.

    Returns
    -------
    ndarray, shape (n, M)
    """
    masses = np.empty((mean.size, axis.count))
    cell_masses_batch(
        np.ascontiguousarray(mean), np.ascontiguousarray(scale), axis.boundary, masses
    )
    return masses
