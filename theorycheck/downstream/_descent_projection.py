"""The published way to project: gradient descent on |x − f(z)|² from random starts.

Beside the global search of `_projection.py` it says how often that misses the nearest point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerPoint
from theorycheck.downstream._projection import Projection
from theorycheck.errors import SettingError
from theorycheck.inference import as_points
from theorycheck.models import GenerativeModel

#: Step of the central differences for f′, relative to max(1, |z|): their error is below 1e-8 of f.
_STEP = 1e-5
#: Pairs of x and restart that move together.
_TOGETHER = 200_000
#: |z| beyond which a restart has run away: it is left where it is.
_LOST = 37.0


@dataclass(frozen=True)
class DescentRecipe:
    """How a published defence projects.

    Parameters
    ----------
    restarts : int
        Starts z ~ N(0, I) for each x; the one that ends nearest is taken.
    iterations : int
        Steps of each.
    rate : float
        Step size, on the mean over data dimensions of (x_d − f_d(z))².
    momentum : float
        Heavy-ball momentum, from 0 to below 1.

    Raises
    ------
    SettingError
        If one of them is out of range.
    """

    restarts: int = 10
    iterations: int = 200
    rate: float = 10.0
    momentum: float = 0.7

    def __post_init__(self) -> None:
        if self.restarts < 1 or self.iterations < 1:
            raise SettingError("gradient descent needs at least one restart and one iteration")
        if not self.rate > 0.0 or not 0.0 <= self.momentum < 1.0:
            raise SettingError("the rate must be positive, and the momentum in [0, 1)")


#: Defense-GAN (Samangouei et al. 2018) with the defaults of its authors' code, and the same with a
#: rate that suits data of some dimensions: 10 was chosen for the mean over 784 pixels.
DEFENSE_GAN = DescentRecipe()
DEFENSE_GAN_SMALL_RATE = DescentRecipe(rate=0.1)
#: The same without restarts.
ONE_START = DescentRecipe(restarts=1, rate=0.1)


def descend_to_image(
    model: GenerativeModel,
    x: ArrayLike,
    recipe: DescentRecipe = DEFENSE_GAN,
    *,
    seed: int = 0,
) -> Projection:
    """Project x on the image of a decoder by gradient descent with momentum from random starts.

    Parameters
    ----------
    model : GenerativeModel
        The decoder; any number of latents.
    x : array_like, shape (n, D)
        Data points.
    recipe : DescentRecipe
        Restarts, iterations, rate and momentum.
    seed : int
        Seed of the starts.

    Returns
    -------
    Projection
        With an infinite error: nothing says that no other point is nearer.

    Raises
    ------
    ModelError
        If x has the wrong shape or is not finite.

    Notes
    -----
    The loss is that of Defense-GAN, in data units; the distance that is returned is in σ.
    """
    points = as_points(x, model.data_dim)
    rng = np.random.default_rng(seed)
    count = len(points)
    starts = rng.standard_normal((recipe.restarts, count, model.latent_dim))
    best = np.full(count, np.inf)
    latents = np.zeros((count, model.latent_dim))
    at_once = max(1, _TOGETHER // max(count, 1))
    for first in range(0, recipe.restarts, at_once):
        z = starts[first : first + at_once]
        targets = np.tile(points, (len(z), 1))
        ended = _descended(model, targets, z.reshape(-1, model.latent_dim), recipe)
        loss = _losses(model, targets, ended).reshape(len(z), count)
        row = np.argmin(loss, axis=0)
        least = loss[row, np.arange(count)]
        better = least < best
        best[better] = least[better]
        latents[better] = ended.reshape(len(z), count, -1)[row, np.arange(count)][better]
    f = _decoded(model, latents)
    distance: PerPoint = np.linalg.norm((points - f) / model.sigma, axis=1)
    z = latents[:, 0] if model.latent_dim == 1 else latents
    return Projection(z, f, distance, np.full(count, np.inf))


def _decoded(model: GenerativeModel, z: Array) -> Array:
    return model.decoder(z[:, 0] if model.latent_dim == 1 else z)


def _losses(model: GenerativeModel, points: Array, z: Array) -> Array:
    result: Array = ((points - _decoded(model, z)) ** 2).mean(axis=1)
    return result


def _descended(model: GenerativeModel, points: Array, z: Array, recipe: DescentRecipe) -> Array:
    z, velocity = z.copy(), np.zeros_like(z)
    for _ in range(recipe.iterations):
        velocity = recipe.momentum * velocity + _gradient(model, points, z)
        z = np.clip(z - recipe.rate * velocity, -_LOST, _LOST)
    return z


def _gradient(model: GenerativeModel, points: Array, z: Array) -> Float64[Array, "n K"]:
    """Return the gradient of the loss in z, with f′ by central differences."""
    apart = _decoded(model, z) - points
    gradient = np.empty_like(z)
    for k in range(z.shape[1]):
        step = np.zeros_like(z)
        step[:, k] = _STEP * np.maximum(1.0, np.abs(z[:, k]))
        rise = _decoded(model, z + step) - _decoded(model, z - step)
        slope = rise / (2.0 * step[:, k])[:, None]
        gradient[:, k] = 2.0 * (apart * slope).mean(axis=1)
    return gradient
