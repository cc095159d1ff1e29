"""The optimal q = Π N(μ_k, s_k²) where f is a table on a grid: −ELBO_x in closed form.

Gauss-Hermite rules see the kinks of such an f, one at every point of the grid; its moments under q
are known exactly instead, and no rule leaves anything open. Of three latents q is followed six
scales from its mean alone; what lies beyond is in the gap.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtr

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.inference._descent import Local
from theorycheck.inference._product_q import ProductQSearch
from theorycheck.inference._product_rule import columns_of_moments, local_of_moments
from theorycheck.inference._product_starts import OnBoxes
from theorycheck.models import GenerativeModel, GridTable
from theorycheck.quadrature.kernels import (
    NEAR,
    bilinear_moments_batch,
    hat_masses_batch,
    trilinear_moments_batch,
)

#: P(t > NEAR) and E[(t − NEAR)²; t > NEAR] of a standard normal t.
_MASS = float(ndtr(-NEAR))
_SQUARE = (1.0 + NEAR**2) * _MASS - NEAR * float(np.exp(-0.5 * NEAR**2)) / np.sqrt(2.0 * np.pi)


class MultilinearQSearch(ProductQSearch):
    """Search for the best product of Gaussians, f a table on a grid of two or three latents.

    Parameters
    ----------
    model : GenerativeModel
        A model of two or three latents.
    table : GridTable
        Its decoder's table, of kind "linear".
    boxes : OnBoxes
        Boxes of latents, whose middles are starts.
    """

    def __init__(self, model: GenerativeModel, table: GridTable, boxes: OnBoxes) -> None:
        super().__init__(model, boxes)
        self._knots = table.axes
        self._table = table
        self._f = np.ascontiguousarray(np.swapaxes(table.values, -1, -2))
        self._scaled = np.ascontiguousarray(self._f / model.sigma[:, None])

    def _fill(self, x: Points, mean: Array, scale: Array, f: Array, moments: Array) -> None:
        kernel = bilinear_moments_batch if len(self._knots) == 2 else trilinear_moments_batch
        kernel(x, mean, scale, self._knots, f, moments)

    def local(
        self,
        x: Points,
        points: Float64[Array, "n width"],
        order: int,  # noqa: ARG002
        *,
        derivatives: bool = True,  # noqa: ARG002
    ) -> Local:
        """Evaluate −ELBO_x, up to a constant of the model, and its derivatives: exactly.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            In units of σ.
        points : ndarray, shape (n, 2K)
            μ, then log s.
        order : int
            Not used: there is no rule.
        derivatives : bool
            They come at no cost.

        Returns
        -------
        Local
        """
        x = np.ascontiguousarray(x)

        def fill(mean: Array, scale: Array, moments: Array) -> None:
            self._fill(x, mean, scale, self._scaled, moments)

        return local_of_moments(fill, points)

    def expectations(
        self, x: Points, mean: Float64[Array, "n K"], scale: Float64[Array, "n K"]
    ) -> tuple[Points, Points]:
        """Return E_q f (n, D) and E_q (x_d − f_d)² (n, D), exactly.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            Data units.
        mean, scale : ndarray, shape (n, K)
            μ and s of the q of each x.
        """
        mean, scale = np.ascontiguousarray(mean), np.ascontiguousarray(scale)
        weights = []
        for k, knots in enumerate(self._knots):
            weights.append(np.empty((len(x), knots.size)))
            hat_masses_batch(
                np.ascontiguousarray(mean[:, k]), np.ascontiguousarray(scale[:, k]), knots,
                weights[k],
            )  # fmt: skip
        if len(weights) == 2:
            first = np.einsum("ni,idj,nj->nd", weights[0], self._f, weights[1], optimize=True)
        else:
            first = np.einsum("ni,nj,nk,ijdk->nd", *weights, self._f, optimize=True)
        squares = np.empty_like(x)
        moments = np.empty((len(x), len(columns_of_moments(len(weights)))))
        for d, sigma in enumerate(self.model.sigma):
            one = np.ascontiguousarray(x[:, d : d + 1] / sigma)
            f = np.ascontiguousarray(self._f[..., d : d + 1, :] / sigma)
            self._fill(one, mean, scale, f, moments)
            squares[:, d] = 2.0 * sigma**2 * moments[:, 0]
        return first, squares

    @cached_property
    def _steepest(self) -> Float64[Array, " K"]:
        """Return the largest |∂f/∂z_k| in σ along each latent."""
        values = self._table.values / self.model.sigma
        slopes = []
        for k, axis in enumerate(self._knots):
            moves = np.linalg.norm(np.diff(values, axis=k), axis=-1)
            steps = np.expand_dims(np.diff(axis), tuple(j for j in range(moves.ndim) if j != k))
            slopes.append(float((moves / steps).max()))
        return np.array(slopes)

    def _left_out(self, x: Points, scale: Float64[Array, "n K"]) -> PerPoint:
        """Bound what −ELBO_x may be off by where q is not followed any further.

        There ½|x − f|² is at most half the square of the distance to the furthest point of the
        grid, and what stands for f goes on from an end of what is seen no steeper than f anywhere.
        """
        if len(self._knots) == 2:
            return super()._left_out(x, scale)
        values = (self._table.values / self.model.sigma).reshape(-1, x.shape[1])
        centre = 0.5 * (values.min(axis=0) + values.max(axis=0))
        furthest = np.linalg.norm(x - centre, axis=1)
        furthest += np.linalg.norm(values - centre, axis=1).max()
        mass = 2.0 * len(self._knots) * _MASS
        steep = 2.0 * _SQUARE * ((scale * self._steepest) ** 2).sum(axis=1)
        # |x − g|² <= 2 |x − f|² + 2 |f − g|² for the f at an end and the g that goes on from it.
        result: Array = 1.5 * mass * furthest**2 + steep
        return result
