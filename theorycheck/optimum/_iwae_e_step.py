"""The E-step of the IWAE objective on cells, so that the same ascent serves S = 1, 5, 20.

L_S = E log (1/S) Σ w_i is a convex function of the log w_j (a mean of log-sum-exps), hence above
its tangent with slopes r_j = ∂L_S/∂log w_j >= 0, Σ r_j = 1. The tangent is largest at
f_j = Σ_x p r_j x / Σ_x p r_j and σ_d² = E_p Σ_j r_j (x_d − f_j,d)²: the M-step of the ELBO with r_j
in the place of κ_j raises L_S as well. At S = 1, r = κ.

No lower bound over all q is known for −L_S but −log p(x). Where an ascent has come to rest, a scan
over (μ, s) looks for better q, and log p(x) − L_S says what cannot be excluded.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtri

from theorycheck.arrays import Array, PerDimension
from theorycheck.errors import SettingError
from theorycheck.optimum._e_step import EStep, Responsibilities
from theorycheck.optimum._nodes import DataNodes
from theorycheck.quadrature import LatentCells, ScanTable
from theorycheck.quadrature.kernels import (
    CARRIED,
    cell_importance_scan_batch,
    cell_importance_step_batch,
)

_CHUNKS = 16
#: The scan. L_S is flatter than −ELBO, and its basins are wider.
_SCAN = ScanTable(reach=5.0, widest=1.5, log_step=0.4, mean_step=0.7, largest=4_000, posts=1)
#: Share of the narrowest s in use down to which it goes, and entries that become starts.
_NARROWEST = 0.5
_SCANNED = 4
#: Share of q's mass, times S, beyond which draws are taken never to fall in the scan.
_NEVER = 0.02


def several_samples(samples: int) -> int:
    """Return a number of samples for which there is an E-step of the IWAE bound.

    Parameters
    ----------
    samples : int
        S.

    Returns
    -------
    int

    Raises
    ------
    SettingError
        If S < 2.
    """
    if samples < 2:
        raise SettingError(f"the IWAE E-step needs S >= 2, not {samples}")
    return samples


class ImportanceEStep(EStep):
    """The E-step of −E_p L_S for S > 1.

    Parameters
    ----------
    nodes : DataNodes
        Nodes of the average over p(x).
    cells : LatentCells
        Cells on which f is constant.
    samples : int
        S, at least 2.

    Raises
    ------
    SettingError
        If S < 2.
    """

    def __init__(self, nodes: DataNodes, cells: LatentCells, samples: int) -> None:
        super().__init__(nodes, cells)
        self.samples = several_samples(samples)

    def __call__(
        self,
        f: Float64[Array, "cells D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "n carried 3"] | None = None,
    ) -> Responsibilities:
        """Find the q of largest L_S for every data node; as for the ELBO, with −L_S for −ELBO.

        The first sweep starts from the optima of the ELBO, later ones from those of the sweep
        before; the moments of the posterior are always a start.
        """
        if previous is None:
            previous = super().__call__(f, noise_variance).minima
        return self._climbed(f, noise_variance, previous[:, :, :2])

    def certified(
        self, f: Float64[Array, "cells D"], noise_variance: PerDimension, found: Responsibilities
    ) -> Responsibilities:
        """Look for better q by a scan over (μ, s); the `gap` is what log p(x) leaves open."""
        x = self.nodes.x
        constant = 0.5 * float(np.sum(np.log(2.0 * math.pi * noise_variance)))
        reach = float(-ndtri(0.5 * _NEVER / self.samples))
        means, log_scales, _ = _SCAN.rows(_NARROWEST * float(found.scale.min()))
        starts = np.empty((len(x), _SCANNED, 2))
        evidence = np.empty(len(x))
        cell_importance_scan_batch(
            x, float(self.samples), 1.0 / np.sqrt(noise_variance),
            self.cells.boundary, self.cells.prior_mass, np.ascontiguousarray(f.T),
            *_SCAN.joined(means, log_scales), reach, constant - found.minima[:, 0, 2],
            starts, evidence,
        )  # fmt: skip
        evidence -= constant
        known = found.minima[:, :, :2]
        better = self._climbed(f, noise_variance, np.concatenate([known, starts], axis=1))
        gap = better.negative_elbo + float(self.nodes.mass @ evidence)
        return replace(better, gap=max(gap, 0.0))

    def _climbed(self, f: Array, noise_variance: Array, starts: Array) -> Responsibilities:
        """Climb from the starts (n, C, 2), and from the moments of the posterior."""
        x, mass = self.nodes.x, self.nodes.mass
        count, dim = self.cells.count, x.shape[1]
        optima = np.full((len(x), CARRIED, 3), np.nan)
        aggregates = np.zeros((_CHUNKS, count))
        moments = np.zeros((_CHUNKS, count, dim))
        squares = np.zeros((_CHUNKS, count, dim))
        cell_importance_step_batch(
            mass, x, float(self.samples), 1.0 / np.sqrt(noise_variance),
            self.cells.boundary, self.cells.z, self.cells.prior_mass,
            np.ascontiguousarray(f.T), np.ascontiguousarray(starts),
            optima, aggregates, moments, squares,
        )  # fmt: skip
        optima[:, :, 2] += 0.5 * float(np.sum(np.log(2.0 * math.pi * noise_variance)))
        return Responsibilities.from_sums(mass, optima, f, aggregates, moments, squares)
