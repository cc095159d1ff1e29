"""The E-step of the IWAE objective on cells, so that the same ascent serves S = 1, 5, 20.

L_S = E log (1/S) Σ w_i is a convex function of the log w_j (a mean of log-sum-exps), hence above
its tangent with slopes r_j = ∂L_S/∂log w_j >= 0, Σ r_j = 1. The tangent is largest at
f_j = Σ_x p r_j x / Σ_x p r_j and σ_d² = E_p Σ_j r_j (x_d − f_j,d)²: the M-step of the ELBO with r_j
in the place of κ_j raises L_S as well. At S = 1, r = κ.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import SettingError
from theorycheck.optimum.e_step import EStep, Responsibilities
from theorycheck.optimum.nodes import DataNodes
from theorycheck.quadrature.kernels.cell_importance import cell_importance_step_batch
from theorycheck.quadrature.kernels.cells import CARRIED
from theorycheck.quadrature.latent_cells import LatentCells

Array = NDArray[np.float64]

_CHUNKS = 16


class ImportanceEStep(EStep):
    """The E-step of −E_p L_S for S > 1.

    Parameters
    ----------
    nodes : DataNodes
    cells : LatentCells
    samples : int
        S, at least 2.

    Raises
    ------
    SettingError
        If S < 2.
    """

    def __init__(self, nodes: DataNodes, cells: LatentCells, samples: int) -> None:
        if samples < 2:
            raise SettingError(f"the IWAE E-step needs S >= 2, not {samples}")
        super().__init__(nodes, cells)
        self.samples = samples

    def __call__(
        self, f: Array, noise_variance: Array, previous: Array | None = None
    ) -> Responsibilities:
        """Find the q of largest L_S for every data node; as for the ELBO, with −L_S for −ELBO.

        The first sweep starts from the optima of the ELBO, later ones from those of the sweep
        before; the moments of the posterior are always a start.
        """
        x, mass = self.nodes.x, self.nodes.mass
        if previous is None:
            previous = super().__call__(f, noise_variance).minima
        count, dim = self.cells.count, x.shape[1]
        optima = np.full((len(x), CARRIED, 3), np.nan)
        aggregates = np.zeros((_CHUNKS, count))
        moments = np.zeros((_CHUNKS, count, dim))
        squares = np.zeros((_CHUNKS, count, dim))
        cell_importance_step_batch(
            mass, x, float(self.samples), 1.0 / np.sqrt(noise_variance),
            self.cells.boundary, self.cells.z, self.cells.prior_mass,
            np.ascontiguousarray(f.T), np.ascontiguousarray(previous[:, :, :2]),
            optima, aggregates, moments, squares,
        )  # fmt: skip
        optima[:, :, 2] += 0.5 * float(np.sum(np.log(2.0 * math.pi * noise_variance)))
        return Responsibilities.from_sums(mass, optima, f, aggregates, moments, squares)


def make_e_step(nodes: DataNodes, cells: LatentCells, samples: int) -> EStep:
    """Return the E-step of the ELBO for S = 1, of the IWAE bound for S > 1."""
    return EStep(nodes, cells) if samples == 1 else ImportanceEStep(nodes, cells, samples)
