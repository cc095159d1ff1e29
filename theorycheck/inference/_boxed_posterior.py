"""The exact posterior p(z|x) of a model of several latents, from boxes: moments, modes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Integers, PerDimension, Points
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate
from theorycheck.inference._boxed_marginal import by_products, log_density_on_boxes
from theorycheck.inference._boxed_products import density_by_products
from theorycheck.inference._latent_climb import climbed, log_joint
from theorycheck.inference._marginal import as_points
from theorycheck.quadrature import LatentBoxes

#: Nats below what the best box is worth at least at which a box is left out for an x.
_OUT = 45.0
#: x worked through together, and numbers held at once.
_TOGETHER, _AT_ONCE = 64, 8_000_000
#: A mode that is lower than this, in nats below the highest, is not listed.
_LOWEST = 12.0
#: How near two modes are one.
_SAME = 1e-3


class BoxWeights(NamedTuple):
    """What the nodes of the boxes that matter weigh in the posteriors of some x.

    Parameters
    ----------
    rows : slice
        Which x.
    boxes : ndarray of int, shape (b,)
        Numbers of the boxes that matter.
    nodes : ndarray, shape (M, K)
        Latents of the nodes that matter, box after box.
    log_weight : ndarray, shape (M,)
        Log of weight times prior density at each.
    weight : ndarray, shape (m, M)
        Posterior mass at each of these nodes; a row sums to one.
    log_joint : ndarray, shape (m, M)
        Log of φ(z) N(x; f(z), σ²) there, nats.
    f : ndarray, shape (M, D)
        Decoder means there.
    """

    rows: slice
    boxes: Int64[Integers, " b"]
    nodes: Float64[Array, "M K"]
    log_weight: Float64[Array, " M"]
    weight: Float64[Array, "m M"]
    log_joint: Float64[Array, "m M"]
    f: Float64[Array, "M D"]


def box_weights(boxes: LatentBoxes, x: Points, out: float = _OUT) -> Iterator[BoxWeights]:
    """Yield the posterior weights of all nodes that matter, a few x at a time.

    Parameters
    ----------
    boxes : LatentBoxes
        f on boxes.
    x : ndarray, shape (n, D)
    out : float
        Nats below what the best box is worth at least at which a box is left out for an x.

    Yields
    ------
    BoxWeights
    """
    each, dim = boxes.each, boxes.latent_dim
    centre = boxes.centre / boxes.sigma
    block = max(1, min(_TOGETHER, _AT_ONCE // boxes.size))
    for start in range(0, len(x), block):
        part = x[start : start + block] / boxes.sigma
        # f is within the radius of the centre everywhere on a box.
        apart = np.sqrt(_squares(part, centre.T))
        most = boxes.log_mass - 0.5 * np.maximum(apart - boxes.radius, 0.0) ** 2
        least = (boxes.log_mass - 0.5 * (apart + boxes.radius) ** 2).max(axis=1)
        seen = most > least[:, None] - out
        few = max(1, _AT_ONCE // (each * max(int(seen.sum(axis=1).max()), 1)))
        for begin in range(0, len(part), few):
            own = slice(begin, begin + few)
            near = np.flatnonzero(seen[own].any(axis=0))
            z, log_weight = boxes.places(near).reshape(-1, dim), boxes.log_weights(near).ravel()
            f = boxes.values(near).reshape(-1, boxes.sigma.size)
            exponent = -0.5 * _squares(part[own], (f / boxes.sigma).T)
            weight = exponent + log_weight
            weight = np.exp(weight - weight.max(axis=1, keepdims=True))
            weight /= weight.sum(axis=1, keepdims=True)
            prior = -0.5 * (z**2).sum(axis=1) - 0.5 * dim * math.log(2.0 * math.pi)
            joint = exponent + prior + boxes.peak_log_density
            rows = slice(start + begin, start + begin + len(weight))
            yield BoxWeights(rows, near.astype(np.int64), z, log_weight, weight, joint, f)


def _squares(x: Array, f: Array) -> Array:
    """|x − f|² for x (m, D) and f (D, M), by differences: nothing cancels."""
    total = np.zeros((len(x), f.shape[1]))
    for here, mean in zip(x.T, f, strict=True):
        total += (here[:, None] - mean) ** 2
    return total


def posterior_squares_on_boxes(boxes: LatentBoxes, x: ArrayLike) -> Points:
    """Return E[(x_d − f_d(z))² | x] under the exact posterior.

    Parameters
    ----------
    boxes : LatentBoxes
        f on boxes.
    x : array_like, shape (n, D)
        Data points.

    Returns
    -------
    ndarray, shape (n, D)
    """
    points = as_points(x, boxes.sigma.size)
    if by_products(boxes):
        return density_by_products(boxes, points, squares=True).squares
    # Neighbours share the boxes that can matter to them.
    order = np.lexsort(np.floor(points / (4.0 * boxes.sigma)).T)
    ordered, squares = points[order], np.empty_like(points)
    for part in box_weights(boxes, ordered):
        for d, here in enumerate(ordered[part.rows].T):
            apart = (here[:, None] - part.f[:, d]) ** 2
            squares[order[part.rows], d] = (part.weight * apart).sum(axis=1)
    return squares


@dataclass(frozen=True, eq=False)
class PlanePosterior:
    """p(z|x) of several latents at one x.

    Parameters
    ----------
    x : ndarray, shape (D,)
        The data point.
    log_density_x : Estimate
        log p(x), nats.
    z : ndarray, shape (n, K)
        Nodes of the boxes that matter.
    weight, density : ndarray, shape (n,)
        Their weights for ∫ dz, and p(z|x) there.
    mean : ndarray, shape (K,)
        E[z | x].
    covariance : ndarray, shape (K, K)
        Covariance of z given x.
    entropy : Estimate
        Entropy −E log p(z|x), nats.
    modes : ndarray, shape (m, K)
        Local maxima of p(z|x), highest first, down to e⁻¹² of the highest.
    mode_density : ndarray, shape (m,)
        p(z|x) there.
    """

    x: PerDimension
    log_density_x: Estimate
    z: Float64[Array, "nodes latents"] = field(repr=False)
    weight: Float64[Array, " nodes"] = field(repr=False)
    density: Float64[Array, " nodes"] = field(repr=False)
    mean: Float64[Array, " latents"]
    covariance: Float64[Array, "latents latents"]
    entropy: Estimate
    modes: Float64[Array, "modes latents"]
    mode_density: Float64[Array, " modes"]

    def expectation(self, values: ArrayLike) -> Float64[Array, "*parts"] | float:
        """Return E[g(z) | x] for g given at the nodes, shape (n,) or (n, m)."""
        result: Array = (self.weight * self.density) @ np.asarray(values, dtype=float)
        return result


def posterior_on_boxes(boxes: LatentBoxes, x: ArrayLike) -> PlanePosterior:
    """Compute p(z|x) of several latents on nodes that resolve it, with its moments and modes.

    Parameters
    ----------
    boxes : LatentBoxes
        f on boxes.
    x : array_like, shape (D,)
        One data point.

    Returns
    -------
    PlanePosterior

    Raises
    ------
    ModelError
        If x is not one finite point of D dimensions.
    """
    points = as_points(np.atleast_1d(np.asarray(x, dtype=float)), boxes.sigma.size)
    if len(points) != 1:
        raise ModelError(f"a posterior is at one x, not at {len(points)}")
    evidence = log_density_on_boxes(boxes, points)
    log_px, off = float(evidence.value[0]), float(evidence.error[0])
    found = next(box_weights(boxes, points))
    z = found.nodes
    log_posterior = found.log_joint[0] - log_px
    mass = found.weight[0]
    mean = mass @ z
    entropy = -float(mass @ log_posterior)
    # The weights sum to one by construction; the entropy inherits what log p(x) is off by.
    spread = 1.0 + float(mass @ np.abs(log_posterior))
    modes, height = _modes(boxes, z, points[0], log_posterior)
    prior = (2.0 * math.pi) ** (0.5 * boxes.latent_dim)
    return PlanePosterior(
        x=points[0],
        log_density_x=Estimate(log_px, off),
        z=z,
        weight=np.exp(found.log_weight + 0.5 * (z**2).sum(axis=1)) * prior,
        density=np.exp(log_posterior),
        mean=mean,
        covariance=(mass[:, None] * (z - mean)).T @ (z - mean),
        entropy=Estimate(entropy, 2.0 * off * spread + 1e-14 * spread),
        modes=modes,
        mode_density=np.exp(height),
    )


def _modes(boxes: LatentBoxes, nodes: Array, x: Array, log_posterior: Array) -> tuple[Array, Array]:
    """Climb from the highest node of every box; keep what is a maximum and not found before."""
    z = nodes.reshape(-1, boxes.each, boxes.latent_dim)
    value = log_posterior.reshape(-1, boxes.each)
    best = value.argmax(axis=1)
    rows = np.flatnonzero(value.max(axis=1) > value.max() - _LOWEST)
    start = z[rows, best[rows]]
    model = boxes.function, boxes.sigma
    constant = float(log_posterior[0] - log_joint(model, x, nodes[:1])[0])
    where, height = climbed(model, x, start)
    order = np.argsort(-height)
    kept: list[int] = []
    for k in order:
        if all(np.abs(where[k] - where[j]).max() > _SAME for j in kept):
            kept.append(int(k))
    return where[kept], height[kept] + constant
