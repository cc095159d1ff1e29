"""Where a search over decoders of two or three latents starts, and how one is moved for a hop.

Maps of the latents that preserve N(0, I) leave p(x) as it is: the polar and the spherical map,
rotations, interval exchanges of one latent. A decoder after such a map has the same MLEO and
another PMO.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.special import gammainc, ndtr, ndtri

from theorycheck.arrays import Array, PerDimension, PerPoint, Points
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.optimum._plane_e_step import PlaneEStep
from theorycheck.optimum._starts import (
    HOTTEST,
    PRINCIPAL_PLANE,
    PRINCIPAL_SPACE,
    Start,
    spread,
    warmth,
    wave_spread,
)
from theorycheck.quadrature import PlaneCells
from theorycheck.rearrangements import random_exchange, turned

#: Waves of a random map at most, its size in the data's, and pieces of an interval exchange.
_MOST_WAVES, _AMPLITUDES, _MOST_PIECES = 4, (0.1, 1.0), 4
#: Share of the motions of three latents that move all of them.
_OF_ALL_THREE = 0.4
#: What a reader is told of a start that carries the prior over to p(x), one x after the other.
TRANSPORT = "transport map"


def padded(model: GenerativeModel, latents: int) -> GenerativeModel:
    """Return a model as one of more latents, the last ones without use.

    Parameters
    ----------
    model : GenerativeModel
        A model of as many latents or fewer.
    latents : int
        Number of latents K of what is returned; where the model has as many, it is the model.

    Returns
    -------
    GenerativeModel
    """
    used = model.latent_dim
    if used == latents:
        return model
    f = model.decoder

    def function(z: Array) -> Array:
        return f(z[:, 0] if used == 1 else np.ascontiguousarray(z[:, :used]))

    decoder = Decoder.from_function(function, latent_dim=latents, name=model.name)
    return GenerativeModel(decoder, model.noise_variance)


def best_plane(
    x: Points, mass: PerPoint, noise_variance: PerDimension, latents: int = 2
) -> GenerativeModel:
    """Return the affine f of K latents that is the most likely for weighted points.

    In units of σ its columns lie along the first K principal axes, with squared lengths λ − 1
    (Tipping & Bishop 1999), 0 where λ <= 1.

    Parameters
    ----------
    x : ndarray, shape (n, D)
    mass : ndarray, shape (n,)
        Adds up to one.
    noise_variance : ndarray, shape (D,)
        σ².
    latents : int
        Number of latents K.

    Returns
    -------
    GenerativeModel
    """
    sigma, mean = np.sqrt(noise_variance), mass @ x
    scaled = (x - mean) / sigma
    values, axes = np.linalg.eigh((mass[:, None] * scaled).T @ scaled)
    lengths = np.sqrt(np.maximum(values[::-1][:latents] - 1.0, 0.0))
    columns = np.zeros((latents, sigma.size))
    columns[: lengths.size] = lengths[:, None] * axes.T[::-1][:latents] * sigma

    def plane(z: Array) -> Array:
        return np.asarray(mean + z @ columns, dtype=np.float64)

    name = PRINCIPAL_PLANE if latents == 2 else PRINCIPAL_SPACE
    decoder = Decoder.from_function(plane, latent_dim=latents, name=name)
    return GenerativeModel(decoder, noise_variance)


def transport_map(e_step: PlaneEStep) -> Float64[Array, "cells D"]:
    """Carry N(0, I) of two latents over to the data, D = 2: the inverse of Rosenblatt's transform.

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
    first = _quantiles(one, nodes.mass, ndtr(cells.axes[0].z))
    f = np.empty((*cells.shape, 2))
    f[:, :, 0] = first[:, None]
    shares = ndtr(cells.axes[1].z)
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
    """Draw a smooth map with the data's mean and covariance: products of cosines in the Φ(z_k).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    e_step : PlaneEStep
        Its nodes give mean and covariance, its cells the latents.
    waves : int
        Half-waves along all latents together at most.
    amplitude : float
        Standard deviation of the map in those of the data.

    Returns
    -------
    ndarray, shape (M, D)
    """
    latents = e_step.cells.latents
    orders = np.stack(np.meshgrid(*[np.arange(waves + 1)] * latents, indexing="ij"), axis=-1)
    orders = orders.reshape(-1, latents)
    total = orders.sum(axis=1)
    used = (total > 0) & (total <= waves)
    orders, total = orders[used], total[used]
    u = np.pi * ndtr(e_step.cells.z)
    basis = np.ones((len(u), len(orders)))
    for k in range(latents):
        basis *= np.cos(u[:, k : k + 1] * orders[:, k])
    mean, root = wave_spread(e_step.nodes)
    curve = basis @ (rng.standard_normal((total.size, len(mean))) / total[:, None])
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
    """Draw a map of the latents that preserves N(0, I), and apply it to those of the cells."""
    z, latents = cells.z, cells.latents
    if latents > 2 and rng.uniform() < _OF_ALL_THREE:
        # One that moves all three: a rotation about a random axis, or the spherical map.
        return spherical(z) if rng.uniform() < 0.5 else z @ _random_rotation(rng, latents)
    pair = list(range(latents)) if latents == 2 else rng.permutation(latents)[:2].tolist()
    at = z.copy()
    which = rng.integers(4)
    if which == 0:
        at[:, pair] = polar(z[:, pair])
        return at
    if which == 1:
        # A rotation whose angle may grow with the radius, which preserves N(0, I) all the same.
        radius = (z[:, pair] ** 2).sum(1)
        angle = rng.uniform(-np.pi, np.pi) * np.exp(-0.5 * rng.uniform(0.0, 1.0) * radius)
        at[:, pair] = turned(z[:, pair], angle)
        return at
    chosen = int(rng.integers(2))
    axis, other = pair[chosen], pair[1 - chosen]
    pieces = int(rng.integers(2, _MOST_PIECES + 1))
    exchanged = random_exchange(rng, pieces, trivial=True)(np.ascontiguousarray(z[:, axis]))
    everywhere = which == 2
    # On one side of the other latent alone it preserves the prior too.
    beyond = z[:, other] > rng.normal(scale=0.7)
    at[:, axis] = np.where(everywhere | beyond, exchanged, z[:, axis])
    return at


def _random_rotation(rng: np.random.Generator, latents: int) -> Float64[Array, "K K"]:
    """Draw an orthogonal matrix from the uniform law (Stewart 1980)."""
    q, triangle = np.linalg.qr(rng.standard_normal((latents, latents)))
    return np.asarray(q * np.sign(np.diagonal(triangle)), dtype=np.float64)


def polar(z: Float64[Array, "n 2"]) -> Float64[Array, "n 2"]:
    """Return Φ⁻¹ of angle/2π and of 1 − exp(−r²/2): N(0, I) goes over to N(0, I).

    Parameters
    ----------
    z : ndarray, shape (n, 2)

    Returns
    -------
    ndarray, shape (n, 2)
    """
    inside = -np.expm1(-0.5 * (z**2).sum(axis=1))
    return _normal([_azimuth(z), inside])


def spherical(z: Float64[Array, "n 3"]) -> Float64[Array, "n 3"]:
    """Return Φ⁻¹ of the azimuth's share, of (1 + cos θ)/2 and of the radius' law P(|z| <= r).

    The three are independent and uniform, so that N(0, I) goes over to N(0, I).

    Parameters
    ----------
    z : ndarray, shape (n, 3)

    Returns
    -------
    ndarray, shape (n, 3)
    """
    square = (z**2).sum(axis=1)
    height = 0.5 * (1.0 + z[:, 2] / np.sqrt(np.maximum(square, 1e-300)))
    return _normal([_azimuth(z), height, gammainc(1.5, 0.5 * square)])


def _azimuth(z: Array) -> Array:
    """Return the angle of (z₁, z₂) as a share of the circle, in [0, 1)."""
    return np.asarray(np.mod(np.arctan2(z[:, 1], z[:, 0]) / (2.0 * np.pi), 1.0), dtype=np.float64)


def _normal(shares: list[Array]) -> Array:
    """Return the normal quantiles of uniform shares, (n, K), short of infinity."""
    least = np.finfo(float).eps
    return np.asarray(ndtri(np.clip(np.stack(shares, axis=1), least, 1.0 - least)), dtype=float)
