"""The sums of an M-step over two or three latents, on a uniform grid of all of them.

A trapezoid rule whose step is below the scale of every q that counts integrates products of such q
with what is as smooth as they are to 1e-9; q factorises, so that a sum over x is a product of two
matrices, of which one has pairs of nodes for its rows where there are three latents.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.errors import ModelError
from theorycheck.models import GenerativeModel

#: Step in the least scale of a q that counts, |z| up to which the grid goes, and the mass of x, all
#: together, whose q need not count.
_STEP, _REACH, _LIGHT = 0.8, 7.0, 1e-9
#: Nodes a side at most, by K, and x worked through together.
_MOST, _TOGETHER = {2: 700, 3: 96}, {2: 4096, 3: 512}


class PlaneSums:
    """a(z) = E_p q(z|x) and E_p q(z|x) (x − f(z)) on a grid of two or three latents.

    Parameters
    ----------
    model : GenerativeModel
        The model whose f an M-step would move.
    scale : ndarray, shape (n, K)
        Scales of all q.
    mass : ndarray, shape (n,)
        Weights of their x.

    Raises
    ------
    ModelError
        If q is so narrow that the grid would have too many nodes.
    """

    def __init__(
        self, model: GenerativeModel, scale: Float64[Array, "n K"], mass: PerPoint
    ) -> None:
        least = scale.min(axis=1)
        order = np.argsort(least)
        counts = np.cumsum(mass[order]) > _LIGHT * mass.sum()
        step = _STEP * float(least[order][counts][0])
        count = int(np.ceil(2.0 * _REACH / step)) + 1
        latents = model.latent_dim
        if count > _MOST[latents]:
            size = 8e-6 * count**latents * (1 + model.data_dim)
            raise ModelError(
                f"{model.name}: the best q of some x is {step / _STEP:.1g} wide, too narrow "
                f"for the grid of latents on which an M-step is taken: {count} nodes a side, "
                f"{size:,.0f} MB for each of its sums, where {_MOST[latents]} are taken at most"
            )
        self._latents = latents
        self.axis = np.linspace(-_REACH, _REACH, count)
        self._volume = float(self.axis[1] - self.axis[0]) ** latents
        grid = np.meshgrid(*[self.axis] * latents, indexing="ij")
        z = np.stack(grid, axis=-1).reshape(-1, latents)
        self._f = model.decoder(z).T.reshape(-1, *[count] * latents)
        self._variance = model.noise_variance

    def sums(
        self,
        x: Points,
        mass: PerPoint,
        mean: Float64[Array, "n K"],
        scale: Float64[Array, "n K"],
    ) -> Float64[Array, "parts ..."]:
        """Return a(z) and the moments of x − f on the grid: additive over x.

        Parameters
        ----------
        x : ndarray, shape (n, D)
        mass : ndarray, shape (n,)
            Their weights.
        mean, scale : ndarray, shape (n, K)
            Their best q.

        Returns
        -------
        ndarray, shape (1 + D, m, …, m)
        """
        total = np.zeros((1 + x.shape[1], *[self.axis.size] * self._latents))
        together = _TOGETHER[self._latents]
        for start in range(0, len(x), together):
            part = slice(start, start + together)
            *first, last = (
                self._density(mean[part, k], scale[part, k]) for k in range(self._latents)
            )
            weighted = first[0] * mass[part]
            for other in first[1:]:
                weighted = (weighted[:, None] * other).reshape(-1, other.shape[1])
            total[0] += (weighted @ last.T).reshape(total.shape[1:])
            for d, values in enumerate(x[part].T):
                total[1 + d] += ((weighted * values) @ last.T).reshape(total.shape[1:])
        total[1:] -= total[0] * self._f
        return total

    def _density(self, mean: Array, scale: Array) -> Array:
        """Return N(z; μ, s²) at the nodes of one latent, (m, n)."""
        t = (self.axis[:, None] - mean) / scale
        result: Array = np.exp(-0.5 * t**2) / (scale * np.sqrt(2.0 * np.pi))
        return result

    def gain(self, sums: Float64[Array, "parts ..."]) -> float:
        """Return ½ ∫ a |f_new − f|²/σ² dz, nats."""
        aggregate, moment = sums[0], sums[1:]
        with np.errstate(invalid="ignore", divide="ignore"):
            squared = np.where(aggregate > 1e-300, moment**2 / aggregate, 0.0)
        each = squared.sum(axis=tuple(range(1, squared.ndim)))
        return 0.5 * self._volume * float((each / self._variance).sum())
