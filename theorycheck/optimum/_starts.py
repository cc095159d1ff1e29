"""Where the ascent starts: the ground truth, its interval exchanges and folds, random curves.

Measured (docs/optimum.md): a random smooth curve, cooled from a large σ² down to the true one, ends
near the best value more often than a tear of the ground truth does: at large σ² the landscape has
few optima, and cooling follows them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.special import ndtr

from theorycheck.arrays import Array, PerDimension, PerPoint, Points
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.optimum._coordinate_ascent import AnyEStep, NoiseFit, ascend
from theorycheck.optimum._e_step import EStep
from theorycheck.optimum._nodes import DataNodes
from theorycheck.rearrangements import random_exchange

#: Pieces of an interval exchange, and half-waves of a random curve, at most.
_MOST_PIECES = 5
_MOST_WAVES = 6
#: σ² falls by this factor from one stage of the annealing to the next, with so many E-steps each.
_COOLING = 0.7
_STEPS_A_STAGE = 2
#: Share of the data's variance over σ² at which an annealing begins, drawn from these.
HOTTEST = (0.1, 0.25, 0.5)
#: Amplitudes of random curves, in standard deviations of the data.
_AMPLITUDES = (0.1, 1.0)

#: What a reader is told of the first start: the data's own f, or a line where that is of more
#: latents than one.
GROUND_TRUTH, PRINCIPAL_AXIS = "ground truth", "principal axis"
#: The same where decoders of two and of three latents are searched.
PRINCIPAL_PLANE, PRINCIPAL_SPACE = "principal plane", "principal space"


@dataclass(frozen=True, eq=False)
class Start:
    """An f to ascend from.

    Parameters
    ----------
    kind : str
        What a reader is told.
    f : ndarray, shape (M, D)
        Decoder means on the cells.
    heat : float
        Factor on σ² at which annealing begins; 1: none.
    """

    kind: str
    f: Float64[Array, "cells D"]
    heat: float = 1.0


def best_line(x: Points, mass: PerPoint, noise_variance: PerDimension) -> GenerativeModel:
    """Return the line f(z) = b + w z that is the most likely for weighted points.

    Its data would be N(b, w wᵀ + Σ), so that in units of σ w lies along the first principal axis
    with |w|² = λ − 1 (Tipping & Bishop 1999); a constant where λ <= 1.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Points.
    mass : ndarray, shape (n,)
        Their weights, which add up to one.
    noise_variance : ndarray, shape (D,)
        σ².

    Returns
    -------
    GenerativeModel
    """
    sigma, mean = np.sqrt(noise_variance), mass @ x
    scaled = (x - mean) / sigma
    values, axes = np.linalg.eigh((mass[:, None] * scaled).T @ scaled)
    slope = np.sqrt(max(float(values[-1]) - 1.0, 0.0)) * axes[:, -1] * sigma

    def line(z: Array) -> Array:
        return np.asarray(mean + z[:, None] * slope, dtype=np.float64)

    decoder = Decoder.from_function(line, name=PRINCIPAL_AXIS, breakpoints=())
    return GenerativeModel(decoder, noise_variance)


def random_curve(
    rng: np.random.Generator, e_step: EStep, waves: int, amplitude: float
) -> Float64[Array, "cells D"]:
    """Draw a smooth curve with the data's mean and covariance: cosines in Φ(z).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    e_step : EStep
        Its nodes give mean and covariance, its cells the latents.
    waves : int
        Highest number of half-waves.
    amplitude : float
        Standard deviation of the curve in those of the data.

    Returns
    -------
    ndarray, shape (M, D)
    """
    mean, root = wave_spread(e_step.nodes)
    order = np.arange(1, waves + 1)
    coefficients = rng.standard_normal((waves, len(mean))) / order[:, None]
    curve = np.cos(np.pi * ndtr(e_step.cells.z)[:, None] * order) @ coefficients
    curve /= np.sqrt(e_step.cells.prior_mass @ curve**2).mean()
    return np.asarray(mean + amplitude * curve @ root.T, dtype=np.float64)


def wave_spread(nodes: DataNodes) -> tuple[PerDimension, Float64[Array, "D D"]]:
    """Return the data's mean, and a root of its covariance."""
    mean = nodes.mass @ nodes.x
    centred = nodes.x - mean
    covariance = (nodes.mass[:, None] * centred).T @ centred
    root = np.linalg.cholesky(covariance + 1e-12 * np.trace(covariance) * np.eye(len(mean)))
    return mean, root


def random_start(
    rng: np.random.Generator, e_step: EStep, ground_truth: Float64[Array, "cells D"]
) -> Start:
    """Draw a start: three times in four an annealed curve, else an exchange of the truth.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    e_step : EStep
        The E-step of the search.
    ground_truth : ndarray, shape (M, D)
        f of the ground truth on the cells.

    Returns
    -------
    Start
    """
    if rng.uniform() < 0.25:
        return torn(rng, e_step, ground_truth, "torn ground truth")
    waves = int(rng.integers(1, _MOST_WAVES + 1))
    amplitude = float(rng.choice(_AMPLITUDES))
    heat = float(rng.choice(HOTTEST)) * spread(e_step.nodes)
    return Start("annealed curve", random_curve(rng, e_step, waves, amplitude), heat)


def torn(rng: np.random.Generator, e_step: EStep, f: Float64[Array, "cells D"], kind: str) -> Start:
    """Tear an f by an interval exchange, and, every second time, warm it a little."""
    pieces = int(rng.integers(2, _MOST_PIECES + 1))
    z = e_step.cells.z
    moved = e_step.cells.interpolate(f, random_exchange(rng, pieces, trivial=True)(z))
    return Start(kind, moved, warmth(rng, e_step.nodes))


def warmth(rng: np.random.Generator, nodes: DataNodes) -> float:
    """Draw a factor on σ² from which a moved decoder is cooled: 1 every second time."""
    if rng.uniform() >= 0.5:
        return 1.0
    return float(np.exp(rng.uniform(0.0, np.log(spread(nodes)))))


def anneal(
    e_step: AnyEStep, start: Start, noise_variance: PerDimension
) -> tuple[Float64[Array, "cells D"], Float64[Array, "*n carried width"] | None]:
    """Cool a start down to the true σ²; return f and the minima of the last E-step."""
    f, heat = start.f, start.heat
    previous: Array | None = None
    while heat > 1.0:
        for _ in range(_STEPS_A_STAGE):
            e_step.look_again()
            found = e_step(f, heat * noise_variance, previous)
            f, previous = found.target, found.minima
        heat *= _COOLING
    return f, previous


def ascend_from(
    e_step: AnyEStep,
    start: Start,
    noise_variance: PerDimension,
    *,
    fit_noise: NoiseFit = "no",
    steepness: float | None = None,
    most: int = 100,
    tolerance: float = 1e-5,
) -> tuple[Float64[Array, "cells D"], PerDimension, float, int]:
    """Anneal and ascend; return f, σ², −ELBO (nats) and the E-steps of the ascent."""
    f, previous = anneal(e_step, start, noise_variance)
    ended = ascend(
        e_step,
        f,
        noise_variance,
        previous=previous,
        fit_noise=fit_noise,
        steepness=steepness,
        most=most,
        tolerance=tolerance,
    )
    return ended.f, ended.noise_variance, ended.negative_elbo, ended.evaluations


def spread(nodes: DataNodes) -> float:
    """Variance of the data per dimension over the smallest scale that the nodes resolve, > 2."""
    variance = nodes.mass @ (nodes.x - nodes.mass @ nodes.x) ** 2
    return max(2.0, float((variance / nodes.noise_variance).max()))
