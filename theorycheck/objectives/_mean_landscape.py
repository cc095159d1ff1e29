"""The landscape of the KL divergence over the two means of q, at one x, for two latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerDimension
from theorycheck.errors import ModelError
from theorycheck.inference import (
    ExactModel,
    MeanFieldBoxes,
    OptimalProductQ,
    as_points,
    described_model,
    exact_model,
)
from theorycheck.models import DescribedModel

#: Means a latent where none are given, and how far beyond the minima they go, in scales.
_MEANS, _BEYOND = 81, 5.0


@dataclass(frozen=True, eq=False)
class MeanLandscape:
    """KL[N(μ₁, s₁²) N(μ₂, s₂²) ‖ p(z|x)] over the means, at scales that are held.

    Parameters
    ----------
    x : ndarray, shape (D,)
        The data point.
    first, second : ndarray, shapes (m,) and (k,)
        Means μ₁ and μ₂.
    scale : ndarray, shape (2,)
        The scales s.
    kl : ndarray, shape (m, k)
        Nats.
    optimum : OptimalProductQ
        The best q and the other minima at this x, over means and scales.
    optimal_kl : float
        KL at the best q, nats.
    """

    x: PerDimension
    first: Float64[Array, " m"]
    second: Float64[Array, " k"]
    scale: Float64[Array, " latents"]
    kl: Float64[Array, "m k"]
    optimum: OptimalProductQ
    optimal_kl: float


def mean_landscape(
    model: DescribedModel | ExactModel,
    x: ArrayLike,
    *,
    first: ArrayLike | None = None,
    second: ArrayLike | None = None,
    scale: ArrayLike | None = None,
) -> MeanLandscape:
    """Compute KL[q ‖ p(z|x)] on a grid of the two means of q at one x.

    Parameters
    ----------
    model : GenerativeModel or MeanFieldBoxes
        A model of two latents.
    x : array_like, shape (D,)
        The data point.
    first, second : array_like, shapes (m,) and (k,), optional
        Means μ₁ and μ₂; by default 81 each, around all minima found.
    scale : array_like, shape (2,), optional
        Scales s > 0; by default those of the best q.

    Returns
    -------
    MeanLandscape

    Raises
    ------
    ModelError
        If x is not one point, a scale is not positive, or the model has another number of latents:
        for one there is :func:`pmo_landscape`.
    """
    field = exact_model(model)
    if not isinstance(field, MeanFieldBoxes) or field.model.latent_dim != 2:
        name = described_model(model).name
        raise ModelError(f"{name}: a landscape over two means is for a decoder of two latents")
    points = as_points(np.atleast_1d(np.asarray(x, dtype=float)), field.model.data_dim)
    if len(points) != 1:
        raise ModelError(f"a landscape is at one x, not at {len(points)}")
    optimum = field.optimal_q(points)
    held = optimum.scale[0] if scale is None else np.asarray(scale, dtype=float)
    if held.shape != (2,) or not (held > 0.0).all():
        raise ModelError("q has two scales, and both must be positive")
    axes = [
        _around(optimum, k) if given is None else np.asarray(given, dtype=float)
        for k, given in enumerate((first, second))
    ]
    means = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    log_px = float(field.log_density(points).value[0])
    many = np.repeat(points, len(means), axis=0)
    kl = field.negative_elbo(many, means, np.broadcast_to(held, means.shape).copy()) + log_px
    return MeanLandscape(
        x=points[0],
        first=axes[0],
        second=axes[1],
        scale=held,
        kl=kl.reshape(axes[0].size, axes[1].size),
        optimum=optimum,
        optimal_kl=float(optimum.negative_elbo[0]) + log_px,
    )


def _around(optimum: OptimalProductQ, latent: int) -> Array:
    """Return means of one latent that reach beyond all minima."""
    centre, width = optimum.minima[0, :, latent], np.exp(optimum.minima[0, :, 2 + latent])
    low = float(np.nanmin(centre - _BEYOND * width))
    high = float(np.nanmax(centre + _BEYOND * width))
    return np.linspace(low, high, _MEANS)
