"""p_θ(z|x) on the nodes in z, for many x: what every sum over a posterior is made of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerPoint
from theorycheck.inference._marginal import as_panels, as_points
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import LatentPanels

#: Pairs of x and node that are held at a time: 16 MB an array.
_PAIRS_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class PosteriorWeights:
    """p_θ(z|x) on M nodes in z, for a chunk of n of the x asked for.

    Parameters
    ----------
    rows : slice
        Which of the x asked for these are.
    log_joint : ndarray, shape (n, M)
        log φ(z) + log N(x; f(z), σ²), nats.
    weight : ndarray, shape (n, M)
        Posterior mass that each node stands for, of sum 1: E[g(z)|x] = Σ weight · g at the nodes.
    """

    rows: slice
    log_joint: Float64[Array, "n nodes"]
    weight: Float64[Array, "n nodes"]


def posterior_weights(
    model: GenerativeModel | LatentPanels, x: ArrayLike
) -> Iterator[PosteriorWeights]:
    """Compute p_θ(z|x) on the nodes that resolve f, in chunks of x that fit into memory.

    Parameters
    ----------
    model : GenerativeModel or LatentPanels
        Pass panels to reuse them over many calls.
    x : array_like, shape (n, D)
        Data points.

    Yields
    ------
    PosteriorWeights
        The weights, in the order of x, normalised by their own sum: mass beyond the panels
        is not in them: none that counts, unless x lies far from every f(z) with |z| within reach.

    Raises
    ------
    ModelError
        If x has the wrong shape or is not finite.
    """
    panels = as_panels(model)
    points = as_points(x, panels.model.data_dim)
    at_a_time = max(1, _PAIRS_AT_ONCE // panels.z.size)
    constant = panels.peak_log_density - 0.5 * math.log(2.0 * math.pi)
    for first in range(0, len(points), at_a_time):
        chosen = points[first : first + at_a_time]
        log_joint = np.broadcast_to(constant - 0.5 * panels.z**2, (len(chosen), panels.z.size))
        for d, sigma in enumerate(panels.model.sigma):
            log_joint = log_joint - 0.5 * ((chosen[:, d, None] - panels.f[d]) / sigma) ** 2
        weight = np.exp(log_joint - log_joint.max(axis=1, keepdims=True)) * panels.rule_weight
        weight /= weight.sum(axis=1, keepdims=True)
        yield PosteriorWeights(slice(first, first + len(chosen)), log_joint, weight)


def posterior_moments(
    model: GenerativeModel | LatentPanels, x: ArrayLike
) -> tuple[PerPoint, PerPoint]:
    """Compute mean and standard deviation of p_θ(z|x) for many x.

    Parameters
    ----------
    model : GenerativeModel or LatentPanels
        The model; panels of it are taken as they are.
    x : array_like, shape (n, D)
        Data points.

    Returns
    -------
    mean, scale : ndarray, shape (n,)
        Posterior mean and standard deviation, in z.

    Raises
    ------
    ModelError
        If x has the wrong shape or is not finite.
    """
    panels = as_panels(model)
    points = as_points(x, panels.model.data_dim)
    mean, scale = np.empty(len(points)), np.empty(len(points))
    for chunk in posterior_weights(panels, points):
        mean[chunk.rows] = centre = chunk.weight @ panels.z
        squares = (panels.z - centre[:, None]) ** 2
        scale[chunk.rows] = np.sqrt((chunk.weight * squares).sum(axis=1))
    return mean, scale
