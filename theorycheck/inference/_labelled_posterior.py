"""The posteriors of the latent in a labelled model: p(z|x, y) of every class, and p(z|x)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array
from theorycheck.inference._labelled import ExactLabelled
from theorycheck.inference._marginal import as_points


class LatentPosterior(NamedTuple):
    """Densities of z given x, per unit of z, and how far each may be off.

    Parameters
    ----------
    by_class, by_class_error : ndarray, shape (C, n, m)
        p(z|x, y).
    density, error : ndarray, shape (n, m)
        p(z|x) = Σ_y p(y|x) p(z|x, y).
    """

    by_class: Float64[Array, "C n m"]
    by_class_error: Float64[Array, "C n m"]
    density: Float64[Array, "n m"]
    error: Float64[Array, "n m"]


def latent_posterior(
    exact: ExactLabelled, x: Float64[Array, "n D"] | ArrayLike, z: Float64[Array, " m"]
) -> LatentPosterior:
    """Return p(z|x, y) and p(z|x) at given latents, by Bayes' rule.

    p(x|z, y) and p(z) are in closed form, so that only p(x, y) and p(x) have radii.

    Parameters
    ----------
    exact : ExactLabelled
        The labelled model.
    x : array_like, shape (n, D)
        Data points.
    z : ndarray, shape (m,)
        Latents.

    Returns
    -------
    LatentPosterior

    Raises
    ------
    ModelError
        If x has the wrong shape or is not finite.
    """
    points = as_points(x, exact.model.data_dim)
    joint, relative, _ = exact.log_joint(points)
    whole = exact.log_density(points)
    variance = exact.model.noise_variance
    constant = math.log(2.0 * math.pi) + float(np.log(2.0 * math.pi * variance).sum())
    log_whole = []
    for model, log_prior in zip(exact.model.classes, exact.model.log_prior, strict=True):
        off = (points[:, None, :] - model.decoder(z)[None]) ** 2 / variance
        log_whole.append(log_prior - 0.5 * (off.sum(axis=2) + z**2 + constant))
    each = np.stack(log_whole)
    by_class = np.exp(each - joint[:, :, None])
    density = np.exp(each - whole.value[:, None]).sum(axis=0)
    return LatentPosterior(
        by_class, by_class * relative[:, :, None], density, density * whole.relative_error[:, None]
    )
