"""What the search for the optimal q of many x found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Booleans, Flags, PerPoint


@dataclass(frozen=True, eq=False)
class OptimalQ:
    """The best q(z|x) = N(mean, scale²) for many x.

    Parameters
    ----------
    mean, scale : ndarray, shape (n,)
        Mean μ and standard deviation s of q, in z.
    negative_elbo : ndarray, shape (n,)
        The value −ELBO_x at the optimum, nats.
    minima : ndarray, shape (n, 8, 3)
        μ, log s and −ELBO_x of the distinct local minima found, lowest first; NaN beyond. All
        that tie with the best are among them; of the others, those asked for.
    gap : ndarray, shape (n,)
        Nats by which some q could be better than the best: no (μ, s) has a −ELBO_x below
        ``negative_elbo - gap``. At rounding level unless the search ran out of its budget. With a
        decoder in single precision it also holds what the rounding of f can do to −ELBO_x, either
        way, and to the sum of E_q (x_d − f_d)²/σ_d².
    """

    mean: PerPoint
    scale: PerPoint
    negative_elbo: PerPoint
    minima: Float64[Array, "n 8 3"]
    gap: PerPoint

    @cached_property
    def ambiguous(self) -> Flags:
        """Tell for each x whether a second minimum lies within 1e-9 nats of the best."""
        gap = self.minima[:, 1, 2] - self.minima[:, 0, 2]
        result: Booleans = np.nan_to_num(gap, nan=np.inf) < 1e-9
        return result
