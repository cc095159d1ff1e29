"""The E-step of the IWAE objective on cells of two latents.

As with one latent (`_iwae_e_step.py`): the slopes r_j = ∂L_S/∂log w_j take the place of q's masses
in the M-step, and L_S cannot fall. The best q is climbed to from the optima of the sweep before,
at first from those of the ELBO, and from the moments of the posterior.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.optimum._e_step import LOOKS, Responsibilities
from theorycheck.optimum._iwae_e_step import several_samples
from theorycheck.optimum._nodes import DataNodes
from theorycheck.optimum._plane_e_step import CARRIED, PlaneEStep
from theorycheck.quadrature import PlaneCells
from theorycheck.quadrature.kernels import plane_importance_step_batch

_CHUNKS = 16
#: How much wider than the minima of −ELBO further starts are where an ascent rests.
_WIDENINGS = (1.0, 1.7)


class PlaneImportanceEStep(PlaneEStep):
    """The E-step of −E_p L_S for S > 1, for decoders of two latents.

    Parameters
    ----------
    nodes : DataNodes
        Nodes of the average over p(x).
    cells : PlaneCells
        Cells on which f is constant.
    samples : int
        S, at least 2.

    Raises
    ------
    SettingError
        If S < 2.
    """

    def __init__(self, nodes: DataNodes, cells: PlaneCells, samples: int) -> None:
        super().__init__(nodes, cells)
        self.samples = several_samples(samples)

    def __call__(
        self,
        f: Float64[Array, "cells D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "n carried 5"] | None = None,
    ) -> Responsibilities:
        """Find the q of largest L_S for every data node; as for the ELBO, with −L_S for −ELBO.

        Parameters
        ----------
        f : ndarray, shape (M, D)
            Decoder means on the cells.
        noise_variance : ndarray, shape (D,)
            Noise variance σ², squared data units.
        previous : ndarray, shape (n, CARRIED, 5), optional
            The optima of the last sweep.

        Returns
        -------
        Responsibilities
        """
        self._calls += 1
        look = previous is None or self._calls % LOOKS == 1
        if previous is None:
            previous = self.minima(f, noise_variance)
        return self._climbed(f, noise_variance, previous[:, :, :4], look=look)

    def certified(
        self, f: Float64[Array, "cells D"], noise_variance: PerDimension, found: Responsibilities
    ) -> Responsibilities:
        """Look for better q from the ELBO's minima; the `gap` is what log p(x) leaves open."""
        fresh = self.minima(f, noise_variance)[:, :, :4]
        shifts = [np.array([0.0, 0.0, *[math.log(factor)] * 2]) for factor in _WIDENINGS]
        starts = [found.minima[:, :, :4], *(fresh + shift for shift in shifts)]
        better = self._climbed(f, noise_variance, np.concatenate(starts, axis=1), look=True)
        gap = better.negative_elbo + float(self.nodes.mass @ self.evidence(f, noise_variance))
        return replace(better, gap=max(gap, 0.0))

    def _climbed(
        self, f: Array, noise_variance: Array, starts: Array, *, look: bool
    ) -> Responsibilities:
        """Climb from the starts (n, C, 4), and, to look, from the moments of the posterior."""
        sigma, (one, two) = np.sqrt(noise_variance), self.cells.axes
        x, mass = self.nodes.x, self.nodes.mass
        dim = x.shape[1]
        shape = (one.count, two.count)
        grid = np.ascontiguousarray((f / sigma).reshape(*shape, dim).transpose(0, 2, 1))
        optima = np.full((len(x), CARRIED, 5), np.nan)
        aggregate = np.zeros((_CHUNKS, *shape))
        moments = np.zeros((_CHUNKS, self.cells.count, 2 * dim))
        plane_importance_step_batch(
            mass, np.ascontiguousarray(x / sigma), float(self.samples),
            (one.boundary, two.boundary), (one.prior_mass, two.prior_mass), (one.z, two.z), grid,
            look, np.ascontiguousarray(starts), optima, aggregate, moments,
        )  # fmt: skip
        optima[:, :, 4] += 0.5 * float(np.sum(np.log(2.0 * math.pi * noise_variance)))
        return Responsibilities.from_sums(
            mass, optima, f, aggregate.reshape(_CHUNKS, -1), moments[:, :, :dim] * sigma,
            moments[:, :, dim:] * noise_variance,
        )  # fmt: skip
