"""Tables of q = (μ, log s) that searches scan for starts: rows of equal s, ever narrower."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array


@dataclass(frozen=True)
class ScanTable:
    """How a table is laid.

    Parameters
    ----------
    reach : float
        |μ| covered.
    widest : float
        s of the first row.
    log_step, mean_step : float
        Step of log s from row to row, and of μ along a row in units of s.
    largest : int
        Entries at most.
    posts : int
        Entries of a row beyond one a step: with 1 no step is longer than `mean_step`.
    """

    reach: float
    widest: float
    log_step: float
    mean_step: float
    largest: int
    posts: int = 0

    def size(self, scale: float) -> int:
        """Return the number of entries of the row of one s."""
        steps = math.ceil(2.0 * self.reach / (self.mean_step * scale))
        return max(3, steps + self.posts)

    def row(self, scale: float) -> Float64[Array, " entries"]:
        """Return the μ of the row of one s, equally spaced from −reach to reach."""
        return np.linspace(-self.reach, self.reach, self.size(scale))

    def rows(self, narrowest: float) -> tuple[list[Float64[Array, " _"]], list[float], bool]:
        """Return μ (a row each) and log s, down to the first row below the narrowest s.

        The last says whether the table goes that far: it does not where it would grow too large.
        """
        means: list[Array] = []
        log_scales: list[float] = []
        entries, log_scale = 0, math.log(self.widest)
        while True:
            scale = math.exp(log_scale)
            entries += self.size(scale)
            if entries > self.largest:
                return means, log_scales, False
            means.append(self.row(scale))
            log_scales.append(log_scale)
            if scale < narrowest:
                return means, log_scales, True
            log_scale -= self.log_step

    @staticmethod
    def joined(
        means: list[Float64[Array, " _"]], log_scales: list[float]
    ) -> tuple[Float64[Array, " entries"], Float64[Array, " entries"]]:
        """Return μ and log s of all entries, row after row: shape (T,) each."""
        return np.concatenate(means), np.repeat(log_scales, [row.size for row in means])
