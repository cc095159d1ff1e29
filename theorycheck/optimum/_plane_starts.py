"""Where a search over decoders of two latents starts, and how a decoder is moved for a hop.

Maps of the plane that preserve N(0, I) leave p(x) as it is: the polar map, rotations, interval
exchanges of one latent. A decoder after such a map has the same MLEO and another PMO.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtr, ndtri

from theorycheck.arrays import Array, PerDimension, PerPoint, Points
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.optimum._plane_e_step import PlaneEStep
from theorycheck.optimum._starts import HOTTEST, PRINCIPAL_PLANE, Start, spread, warmth, wave_spread
from theorycheck.quadrature import PlaneCells
from theorycheck.rearrangements import random_exchange, turned

#: Waves of a random map at most, its size in the data's, and pieces of an interval exchange.
_MOST_WAVES, _AMPLITUDES, _MOST_PIECES = 4, (0.1, 1.0), 4
#: What a reader is told of a start that carries the prior over to p(x), one x after the other.
TRANSPORT = "transport map"


def padded(model: GenerativeModel) -> GenerativeModel:
    """Return a model of one latent as one of two, the second without use; of two, as it is."""
    if model.latent_dim == 2:
        return model
    f = model.decoder

    def function(z: Array) -> Array:
        return f(z[:, 0])

    decoder = Decoder.from_function(function, latent_dim=2, name=model.name)
    return GenerativeModel(decoder, model.noise_variance)


def best_plane(x: Points, mass: PerPoint, noise_variance: PerDimension) -> GenerativeModel:
    """Return the affine f of two latents that is the most likely for weighted points.

    In units of σ its columns lie along the first two principal axes, with squared lengths λ − 1
    (Tipping & Bishop 1999), 0 where λ <= 1.

    Parameters
    ----------
    x : ndarray, shape (n, D)
    mass : ndarray, shape (n,)
        Adds up to one.
    noise_variance : ndarray, shape (D,)
        σ².

    Returns
    -------
    GenerativeModel
    """
    sigma, mean = np.sqrt(noise_variance), mass @ x
    scaled = (x - mean) / sigma
    values, axes = np.linalg.eigh((mass[:, None] * scaled).T @ scaled)
    columns = np.sqrt(np.maximum(values[::-1][:2] - 1.0, 0.0))[:, None] * axes.T[::-1][:2] * sigma
    if len(columns) == 1:
        columns = np.concatenate([columns, np.zeros_like(columns)])

    def plane(z: Array) -> Array:
        return np.asarray(mean + z @ columns, dtype=np.float64)

    decoder = Decoder.from_function(plane, latent_dim=2, name=PRINCIPAL_PLANE)
    return GenerativeModel(decoder, noise_variance)


def transport_map(e_step: PlaneEStep) -> Float64[Array, "cells D"]:
    """Carry N(0, I) over to the data, D = 2: the inverse of Rosenblatt's transform.

    x₁ has the quantile Φ(z₁) of its own law, x₂ the quantile Φ(z₂) of its law given x₁, smoothed
    over x₁ by a Gaussian of scale σ₁.

    Parameters
    ----------
    e_step : PlaneEStep
        Its nodes give the law of x, its cells the latents.

    Returns
    -------
    ndarray, shape (M, D)
    """
    nodes, cells = e_step.nodes, e_step.cells
    one, two = nodes.x[:, 0], nodes.x[:, 1]
    first = _quantiles(one, nodes.mass, ndtr(cells.first.z))
    f = np.empty((*cells.shape, 2))
    f[:, :, 0] = first[:, None]
    shares = ndtr(cells.second.z)
    for i, here in enumerate(first):
        near = nodes.mass * np.exp(-0.5 * (one - here) ** 2 / nodes.noise_variance[0])
        f[i, :, 1] = _quantiles(two, near, shares)
    return f.reshape(-1, 2)


def _quantiles(values: Array, weight: Array, shares: Array) -> Array:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    middle = (total - 0.5 * weight[order]) / total[-1]
    return np.asarray(np.interp(shares, middle, values[order]), dtype=np.float64)


def random_map(
    rng: np.random.Generator, e_step: PlaneEStep, waves: int, amplitude: float
) -> Float64[Array, "cells D"]:
    """Draw a smooth map with the data's mean and covariance: products of cosines in Φ(z₁), Φ(z₂).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    e_step : PlaneEStep
        Its nodes give mean and covariance, its cells the latents.
    waves : int
        Half-waves along both latents together at most.
    amplitude : float
        Standard deviation of the map in those of the data.

    Returns
    -------
    ndarray, shape (M, D)
    """
    one, two = np.meshgrid(np.arange(waves + 1), np.arange(waves + 1), indexing="ij")
    used = (one + two > 0) & (one + two <= waves)
    one, two = one[used], two[used]
    u = np.pi * ndtr(e_step.cells.z)
    basis = np.cos(u[:, :1] * one) * np.cos(u[:, 1:] * two)
    mean, root = wave_spread(e_step.nodes)
    curve = basis @ (rng.standard_normal((one.size, len(mean))) / (one + two)[:, None])
    curve /= np.sqrt(e_step.cells.prior_mass @ curve**2).mean()
    return np.asarray(mean + amplitude * curve @ root.T, dtype=np.float64)


def random_plane_start(
    rng: np.random.Generator, e_step: PlaneEStep, ground_truth: Float64[Array, "cells D"]
) -> Start:
    """Draw a start: two times in three an annealed map, else the first decoder moved.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    e_step : PlaneEStep
        The E-step of the search.
    ground_truth : ndarray, shape (M, D)
        f of the first decoder on the cells.

    Returns
    -------
    Start
    """
    if rng.uniform() < 1.0 / 3.0:
        return moved(rng, e_step, ground_truth, "first decoder, moved")
    waves = int(rng.integers(1, _MOST_WAVES + 1))
    amplitude = float(rng.choice(_AMPLITUDES))
    heat = float(rng.choice(HOTTEST)) * spread(e_step.nodes)
    return Start("annealed map", random_map(rng, e_step, waves, amplitude), heat)


def moved(
    rng: np.random.Generator, e_step: PlaneEStep, f: Float64[Array, "cells D"], kind: str
) -> Start:
    """Put a map that preserves the prior before an f, and, every second time, warm it a little."""
    cells = e_step.cells
    at = _random_motion(rng, cells)
    return Start(kind, cells.interpolate(f, at), warmth(rng, e_step.nodes))


def _random_motion(rng: np.random.Generator, cells: PlaneCells) -> Array:
    """Draw a map of the plane that preserves N(0, I), and apply it to the cells' latents."""
    z = cells.z
    which = rng.integers(4)
    if which == 0:
        return polar(z)
    if which == 1:
        # A rotation whose angle may grow with the radius, which preserves N(0, I) all the same.
        angle = rng.uniform(-np.pi, np.pi) * np.exp(-0.5 * rng.uniform(0.0, 1.0) * (z**2).sum(1))
        return turned(z, angle)
    axis = int(rng.integers(2))
    at = z.copy()
    pieces = int(rng.integers(2, _MOST_PIECES + 1))
    exchanged = random_exchange(rng, pieces, trivial=True)(np.ascontiguousarray(z[:, axis]))
    everywhere = which == 2
    # On one side of the other latent alone it preserves the prior too.
    beyond = z[:, 1 - axis] > rng.normal(scale=0.7)
    at[:, axis] = np.where(everywhere | beyond, exchanged, z[:, axis])
    return at


def polar(z: Float64[Array, "n 2"]) -> Float64[Array, "n 2"]:
    """Return Φ⁻¹ of angle/2π and of 1 − exp(−r²/2): N(0, I) goes over to N(0, I).

    Parameters
    ----------
    z : ndarray, shape (n, 2)

    Returns
    -------
    ndarray, shape (n, 2)
    """
    angle = np.mod(np.arctan2(z[:, 1], z[:, 0]) / (2.0 * np.pi), 1.0)
    inside = -np.expm1(-0.5 * (z**2).sum(axis=1))
    least = np.finfo(float).eps
    shares = np.clip(np.stack([angle, inside], axis=1), least, 1.0 - least)
    return np.asarray(ndtri(shares), dtype=np.float64)
