"""The label term α E log q(y|x) as a pull on the best q(y|x) of a continuous label.

Per x, q(y|x) serves U and c = ℓα/(1−ℓ) times E_{p(y|x)} log q(y|x), p(y|x) that of the *data*. Of
a Gaussian q(y|x) = N(μ, s²) the term asks for two moments of p(y|x) only,

    −E_{p(y|x)} log q = ½ log 2π + log s + (Var y + (E y − μ)²)/2s².

Any other q(y|x) is best point by point, as over classes (`_label_weights.py`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from theorycheck.arrays import Array, Flags, Integers, PerPoint
from theorycheck.inference._descent import Local

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class LabelPull(NamedTuple):
    """The data's p(y|x) at n points x, and its weight against U.

    Parameters
    ----------
    weight : float
        c >= 0.
    mass : ndarray, shape (Y, n)
        p(y|x) at the nodes of the rule over y, its weights included.
    mean, variance : ndarray, shape (n,)
        Moments of p(y|x).
    """

    weight: float
    mass: Float64[Array, "labels n"]
    mean: PerPoint
    variance: PerPoint

    @classmethod
    def of(
        cls, weight: float, mass: Float64[Array, "labels n"], y: Float64[Array, " labels"]
    ) -> LabelPull:
        """Take the moments of p(y|x) from its mass at the nodes y."""
        total = mass.sum(axis=0)
        mean = y @ mass / total
        return cls(weight, mass, mean, np.maximum((y**2) @ mass / total - mean**2, 0.0))

    def at(self, chosen: Int64[Integers, " chosen"] | Flags | slice) -> LabelPull:
        """Return the pull at some of the points."""
        return LabelPull(
            self.weight, self.mass[:, chosen], self.mean[chosen], self.variance[chosen]
        )

    def cost(
        self, mean: Float64[Array, " ..."], scale: Float64[Array, " ..."]
    ) -> Float64[Array, " ..."]:
        """Return −c E log N(y; mean, scale²), broadcast over points x in the last dimension."""
        square = self.variance + (self.mean - mean) ** 2
        result: Array = self.weight * (_HALF_LOG_2PI + np.log(scale) + 0.5 * square / scale**2)
        return result

    def add(self, local: Local, mean: PerPoint, scale: PerPoint, at: tuple[int, int]) -> Local:
        """Add the cost of the Gaussians to a function of them.

        Parameters
        ----------
        local : Local
            Value and derivatives, by μ/s and log s; changed in place.
        mean, scale : ndarray, shape (n,)
        at : tuple of int
            Coordinates of μ and log s.

        Returns
        -------
        Local
        """
        c, (m, t) = self.weight, at
        apart = (self.mean - mean) / scale
        square = self.variance / scale**2 + apart**2
        local.value[:] += self.cost(mean, scale)
        local.gradient[:, m] -= c * apart
        local.gradient[:, t] += c * (1.0 - square)
        local.hessian[:, m, m] += c
        local.hessian[:, m, t] += 2.0 * c * apart
        local.hessian[:, t, m] += 2.0 * c * apart
        local.hessian[:, t, t] += 2.0 * c * square
        return local
