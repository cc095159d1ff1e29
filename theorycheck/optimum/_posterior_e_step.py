"""The E-step with the exact posterior in the place of q: EM for the marginal likelihood.

With f constant on cells p(x) = Σ_j π_j N(x; f_j, σ²) is a mixture, and the exact posterior of the
cell is r_j = π_j N(x; f_j, σ²)/p(x). There −ELBO is −log p(x), and the M-step of the ELBO with r in
the place of q's masses κ is EM for the likelihood (generative topographic mapping, Bishop, Svensén
and Williams 1998). So the ascent of the ELBO serves the likelihood too, bound on |f′| and fitted σ²
included.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension, PerPoint, Points
from theorycheck.optimum._e_step import EStep, Responsibilities
from theorycheck.optimum._nodes import DataNodes
from theorycheck.quadrature import LatentCells
from theorycheck.quadrature.kernels import CARRIED

#: Nodes at a time, so that no array of nodes × cells grows beyond some megabytes.
_CHUNK = 2048


class PosteriorEStep(EStep):
    """The E-step of −E_p log p(x), for data nodes and cells that stay the same while f moves.

    Parameters
    ----------
    nodes : DataNodes
        Nodes of the average over p(x), or the rows of a table.
    cells : LatentCells
        Cells on which f is constant.
    """

    def __init__(self, nodes: DataNodes, cells: LatentCells) -> None:
        # No scan table: there is no q to look for.
        self.nodes = nodes
        self.cells = cells

    def __call__(
        self,
        f: Float64[Array, "cells D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "n carried 3"] | None = None,  # noqa: ARG002
    ) -> Responsibilities:
        """Return the exact posteriors and their sums.

        Parameters
        ----------
        f : ndarray, shape (M, D)
            Decoder means on the cells.
        noise_variance : ndarray, shape (D,)
            Noise variance σ², squared data units.
        previous : ndarray, optional
            Not used: nothing is searched for.

        Returns
        -------
        Responsibilities
            Its `negative_elbo` is −E_p log p(x), nats; in the place of q's minima are mean and log
            standard deviation of every posterior, z taken in the middle of its cell, and
            −log p(x). The gap is 0.
        """
        x, mass = self.nodes.x, self.nodes.mass
        size, count = len(x), self.cells.count
        minima = np.full((size, CARRIED, 3), np.nan)
        aggregate = np.zeros((1, count))
        moment, square = np.zeros((1, *f.shape)), np.zeros((1, *f.shape))
        for first in range(0, size, _CHUNK):
            rows = slice(first, first + _CHUNK)
            share, log_density = cell_posterior(x[rows], f, noise_variance, self.cells.prior_mass)
            mean = share @ self.cells.z
            variance = np.maximum(share @ self.cells.z**2 - mean**2, 1e-300)
            minima[rows, 0] = np.stack([mean, 0.5 * np.log(variance), -log_density], axis=1)
            weighted = mass[rows, None] * share
            aggregate[0] += weighted.sum(axis=0)
            moment[0] += weighted.T @ x[rows]
            square[0] += weighted.T @ x[rows] ** 2
        found = Responsibilities.from_sums(mass, minima, f, aggregate, moment, square)
        return replace(found, gap=0.0)

    def look_again(self) -> None:
        """Do nothing: the posteriors are not searched for, so that none is missed."""

    def certified(
        self,
        f: Float64[Array, "cells D"],  # noqa: ARG002
        noise_variance: PerDimension,  # noqa: ARG002
        found: Responsibilities,
    ) -> Responsibilities:
        """Return what was found: exact posteriors leave no gap."""
        return found


def cell_posterior(
    x: Points,
    f: Float64[Array, "cells D"],
    noise_variance: PerDimension,
    prior_mass: Float64[Array, " cells"],
) -> tuple[Float64[Array, "n cells"], PerPoint]:
    """Compute the exact posterior of a decoder that is constant on cells, and log p(x).

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Data points.
    f : ndarray, shape (M, D)
        Decoder means on the cells.
    noise_variance : ndarray, shape (D,)
        σ².
    prior_mass : ndarray, shape (M,)
        P(z in cell).

    Returns
    -------
    share : ndarray, shape (n, M)
        p(cell | x).
    log_density : ndarray, shape (n,)
        log p(x), nats.
    """
    inverse = 1.0 / np.sqrt(noise_variance)
    scaled, means = x * inverse, f * inverse
    # |x − f|² but for |x|², which all cells share.
    joint = scaled @ means.T - 0.5 * (means**2).sum(axis=1)
    with np.errstate(divide="ignore"):
        joint += np.log(prior_mass)
    top = joint.max(axis=1, keepdims=True)
    share = np.exp(joint - top)
    total = share.sum(axis=1, keepdims=True)
    constant = 0.5 * float(np.sum(np.log(2.0 * math.pi * noise_variance)))
    log_density = top[:, 0] + np.log(total[:, 0]) - 0.5 * (scaled**2).sum(axis=1) - constant
    return share / total, log_density
