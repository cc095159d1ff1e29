"""log p_θ(x), with an error radius for every x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.errors import ModelError
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import LARGEST_REACH, LatentPanels, latent_panels
from theorycheck.quadrature.kernels import log_density_batch, nearest_block_batch, place_share_batch

#: Relative error of p(x) beyond which the panels are extended to larger |z|.
_TAIL_TOLERANCE = 1e-14


@dataclass(frozen=True, eq=False)
class LogDensity:
    """log p_θ(x) at many x.

    Parameters
    ----------
    value : ndarray, shape (n,)
        The log density log p_θ(x), nats.
    error : ndarray, shape (n,)
        Error radius of `value`; inf where p(x) is not resolved.
    relative_error : ndarray, shape (n,)
        Bound on the relative error of p_θ(x) itself; finite always.
    posterior_mean_f : ndarray, shape (n, D)
        Expectation E[f(z) | x], data units, which gives ∇ log p(x) = (E[f(z) | x] - x)/σ².
    """

    value: PerPoint
    error: PerPoint
    relative_error: PerPoint
    posterior_mean_f: Points


def as_panels(model: GenerativeModel | LatentPanels) -> LatentPanels:
    """Return panels for a model; panels pass through."""
    return model if isinstance(model, LatentPanels) else latent_panels(model)


def as_points(x: ArrayLike, data_dim: int) -> Float64[Array, "n {data_dim}"]:
    """Check data points and return them as a contiguous (n, D) array.

    Parameters
    ----------
    x : array_like, shape (n, D), (D,) for one point, or (n,) for D = 1
        Data points.
    data_dim : int
        Number of data dimensions D.

    Returns
    -------
    ndarray, shape (n, D)

    Raises
    ------
    ModelError
        If the shape does not fit or a value is not finite.
    """
    points = np.asarray(x, dtype=np.float64)
    if points.ndim == 1:
        points = points[:, None] if data_dim == 1 else points[None, :]
    if points.ndim != 2 or points.shape[1] != data_dim:
        raise ModelError(f"x has shape {np.shape(x)}, expected (n, {data_dim})")
    if not np.isfinite(points).all():
        raise ModelError("x contains NaN or inf")
    return np.ascontiguousarray(points)


def log_density(model: GenerativeModel | LatentPanels, x: ArrayLike) -> LogDensity:
    """Compute log p_θ(x) = log ∫ φ(z) N(x; f_θ(z), σ²) dz by quadrature.

    Parameters
    ----------
    model : GenerativeModel or LatentPanels
        Pass panels to reuse them over many calls.
    x : array_like, shape (n, D)
        Data points.

    Returns
    -------
    LogDensity
        The values, with a relative error of about 1e-14 where the panels resolve f.

    Raises
    ------
    ModelError
        If x has the wrong shape or is not finite.
    """
    panels = as_panels(model)
    points = as_points(x, panels.model.data_dim)
    result = _on_panels(panels, points)
    far = _tail_error(panels, points, result.value) > _TAIL_TOLERANCE
    if far.any() and panels.reach < LARGEST_REACH and panels.unresolved_mass < 1e-30:
        # Posteriors of these x may lie beyond the panels: follow them outwards.
        extended = log_density(panels.wider, points[far])
        for mine, theirs in zip(
            (result.value, result.error, result.relative_error, result.posterior_mean_f),
            (
                extended.value,
                extended.error,
                extended.relative_error,
                extended.posterior_mean_f,
            ),
            strict=True,
        ):
            mine[far] = theirs
    return result


def _tail_error(panels: LatentPanels, points: Array, value: Array) -> Array:
    """Largest relative share of p(x) that prior mass outside the panels could add.

    Beyond the largest reach, where the prior has a mass of 1e-299, f is taken to stay at its edge
    values, so that densities below 1e-300 keep an error radius.
    """
    exponent = np.log(max(panels.missing_mass, 1e-320)) + panels.peak_log_density - value
    if panels.reach >= LARGEST_REACH and panels.unresolved_mass == 0.0:
        edges = panels.f[:, [0, -1]]
        scaled = (points[:, :, None] - edges) / panels.model.sigma[:, None]
        exponent -= 0.5 * (scaled**2).sum(axis=1).min(axis=1)
    share: Array = np.exp(np.clip(exponent, -745.0, 700.0))
    return share


def _on_panels(panels: LatentPanels, points: Array) -> LogDensity:
    count, data_dim = points.shape
    value = np.empty(count)
    relative = np.empty(count)
    mean_f = np.empty((count, data_dim))
    inverse_sigma = 1.0 / panels.model.sigma
    key = np.empty(count, dtype=np.int64)
    nearest_block_batch(points, inverse_sigma, panels.block_centre, key)
    order = np.argsort(key, kind="stable")
    log_density_batch(
        points[order],
        inverse_sigma,
        panels.log_weight,
        panels.f,
        panels.defect,
        panels.balls,
        panels.blocks,
        value,
        relative,
        mean_f,
    )
    back = np.empty_like(order)
    back[order] = np.arange(count)
    value, relative, mean_f = value[back], relative[back], mean_f[back]
    if panels.place_log_mass.size:
        share = np.empty(count)
        masses, sides = panels.place_log_mass, panels.place_f
        place_share_batch(points, inverse_sigma, masses, sides, value, share)
        relative += share
    value += panels.peak_log_density
    relative += _tail_error(panels, points, value)
    error = np.where(relative < 0.5, -np.log1p(-np.minimum(relative, 0.5)), np.inf)
    return LogDensity(value, error, relative, mean_f)
