"""The sums of an M-step over two latents, on a uniform grid of both.

A trapezoid rule whose step is below the scale of every q that counts integrates products of such q
with what is as smooth as they are to 1e-9; q factorises, so that a sum over x is a product of two
matrices.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.errors import ModelError
from theorycheck.models import GenerativeModel

#: Step in the least scale of a q that counts, |z| up to which the grid goes, nodes a side at most,
#: and the mass of x, all together, whose q need not count.
_STEP, _REACH, _MOST, _LIGHT = 0.8, 7.0, 700, 1e-9
#: x worked through together.
_TOGETHER = 4096


class PlaneSums:
    """a(z) = E_p q(z|x) and E_p q(z|x) (x − f(z)) on a grid of two latents.

    Parameters
    ----------
    model : GenerativeModel
        The model of two latents whose f an M-step would move.
    scale : ndarray, shape (n, 2)
        Scales of all q.
    mass : ndarray, shape (n,)
        Weights of their x.

    Raises
    ------
    ModelError
        If q is so narrow that the grid would have too many nodes.
    """

    def __init__(
        self, model: GenerativeModel, scale: Float64[Array, "n 2"], mass: PerPoint
    ) -> None:
        least = scale.min(axis=1)
        order = np.argsort(least)
        counts = np.cumsum(mass[order]) > _LIGHT * mass.sum()
        step = _STEP * float(least[order][counts][0])
        count = int(np.ceil(2.0 * _REACH / step)) + 1
        if count > _MOST:
            raise ModelError(
                f"{model.name}: the best q of some x is {step / _STEP:.1g} wide, too narrow "
                "for the grid of latents on which an M-step is taken"
            )
        self.axis = np.linspace(-_REACH, _REACH, count)
        self._area = float(self.axis[1] - self.axis[0]) ** 2
        z = np.stack(np.meshgrid(self.axis, self.axis, indexing="ij"), axis=-1).reshape(-1, 2)
        self._f = model.decoder(z).T.reshape(-1, count, count)
        self._variance = model.noise_variance

    def sums(
        self,
        x: Points,
        mass: PerPoint,
        mean: Float64[Array, "n 2"],
        scale: Float64[Array, "n 2"],
    ) -> Float64[Array, "parts grid grid"]:
        """Return a(z) and the moments of x − f on the grid: additive over x.

        Parameters
        ----------
        x : ndarray, shape (n, D)
        mass : ndarray, shape (n,)
            Their weights.
        mean, scale : ndarray, shape (n, 2)
            Their best q.

        Returns
        -------
        ndarray, shape (1 + D, m, m)
        """
        total = np.zeros((1 + x.shape[1], self.axis.size, self.axis.size))
        for start in range(0, len(x), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            one, two = (self._density(mean[part, k], scale[part, k]) for k in (0, 1))
            weighted = one * mass[part]
            total[0] += weighted @ two.T
            for d, values in enumerate(x[part].T):
                total[1 + d] += (weighted * values) @ two.T
        total[1:] -= total[0] * self._f
        return total

    def _density(self, mean: Array, scale: Array) -> Array:
        """Return N(z; μ, s²) at the nodes of one latent, (m, n)."""
        t = (self.axis[:, None] - mean) / scale
        result: Array = np.exp(-0.5 * t**2) / (scale * np.sqrt(2.0 * np.pi))
        return result

    def gain(self, sums: Float64[Array, "parts grid grid"]) -> float:
        """Return ½ ∫ a |f_new − f|²/σ² dz, nats."""
        aggregate, moment = sums[0], sums[1:]
        with np.errstate(invalid="ignore", divide="ignore"):
            squared = np.where(aggregate > 1e-300, moment**2 / aggregate, 0.0)
        return 0.5 * self._area * float((squared.sum(axis=(1, 2)) / self._variance).sum())
