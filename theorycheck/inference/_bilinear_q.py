"""The optimal q = N(μ₁, s₁²) N(μ₂, s₂²) where f is a bilinear table: −ELBO_x in closed form.

Gauss-Hermite rules see the kinks of such an f, one at every point of the grid; its moments under q
are known exactly instead, and no rule leaves anything open.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Points
from theorycheck.inference._descent import Local
from theorycheck.inference._product_q import ProductQSearch
from theorycheck.inference._product_rule import local_of_moments
from theorycheck.models import GenerativeModel, GridTable
from theorycheck.quadrature import LatentBoxes
from theorycheck.quadrature.kernels import MOMENTS, bilinear_moments_batch, hat_masses_batch


class BilinearQSearch(ProductQSearch):
    """Search for the best product of Gaussians, f a bilinear table.

    Parameters
    ----------
    model : GenerativeModel
        A model of two latents.
    table : GridTable
        Its decoder's table, of kind "linear".
    boxes : LatentBoxes
        f on boxes, whose middles are starts.
    """

    def __init__(self, model: GenerativeModel, table: GridTable, boxes: LatentBoxes) -> None:
        super().__init__(model, boxes)
        self._knots = table.axes
        self._f = np.ascontiguousarray(table.values.transpose(0, 2, 1))

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
        points : ndarray, shape (n, 4)
            μ, then log s.
        order : int
            Not used: there is no rule.
        derivatives : bool
            They come at no cost.

        Returns
        -------
        Local
        """
        x, scaled = np.ascontiguousarray(x), self._f / self.model.sigma[:, None]

        def fill(mean: Array, scale: Array, moments: Array) -> None:
            bilinear_moments_batch(x, mean, scale, self._knots, scaled, moments)

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
        weights = []
        for k, knots in enumerate(self._knots):
            weights.append(np.empty((len(x), knots.size)))
            hat_masses_batch(
                np.ascontiguousarray(mean[:, k]), np.ascontiguousarray(scale[:, k]), knots,
                weights[k],
            )  # fmt: skip
        first = np.einsum("ni,idj,nj->nd", weights[0], self._f, weights[1], optimize=True)
        squares = np.empty_like(x)
        moments = np.empty((len(x), len(MOMENTS)))
        for d, sigma in enumerate(self.model.sigma):
            one = np.ascontiguousarray(x[:, d : d + 1] / sigma)
            bilinear_moments_batch(
                one, np.ascontiguousarray(mean), np.ascontiguousarray(scale), self._knots,
                np.ascontiguousarray(self._f[:, d : d + 1] / sigma), moments,
            )  # fmt: skip
            squares[:, d] = 2.0 * sigma**2 * moments[:, 0]
        return first, squares
