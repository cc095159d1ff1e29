"""Landscapes of the KL divergence: over (μ, s) at one x, and over x at the optimal q."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerDimension
from theorycheck.errors import ModelError
from theorycheck.inference import (
    ALL_MINIMA,
    ExactModel,
    OptimalQ,
    as_field,
    as_points,
    log_density,
)
from theorycheck.models import DescribedModel
from theorycheck.quadrature import LatentPanels

#: Share of the largest p(x) below which a map leaves x blank.
_NEGLIGIBLE = 1e-4


@dataclass(frozen=True, eq=False)
class Landscape:
    """KL[N(μ, s²) ‖ p_θ(z|x)] over q at one x: what the PMO is a minimum of.

    Parameters
    ----------
    x : ndarray, shape (D,)
        The data point.
    mean : ndarray, shape (m,)
        μ.
    scale : ndarray, shape (k,)
        s.
    kl : ndarray, shape (k, m)
        Nats.
    optimum : OptimalQ
        The global optimum and the local minima at this x.
    optimal_kl : float
        KL at the optimum, nats.
    """

    x: PerDimension
    mean: Float64[Array, " means"]
    scale: Float64[Array, " scales"]
    kl: Float64[Array, "scales means"]
    optimum: OptimalQ
    optimal_kl: float


@dataclass(frozen=True, eq=False)
class KlMap:
    """KL[q*(z|x) ‖ p_θ(z|x)] over the data space.

    Parameters
    ----------
    axes : tuple of ndarray
        One axis per data dimension (D = 1 or 2).
    kl : ndarray
        Nats, on the tensor grid of the axes; NaN where p(x) is negligible.
    density : ndarray
        p(x) on the same grid.
    mean, scale : ndarray
        μ and s of q* on the same grid, NaN where p(x) is negligible.
    """

    axes: tuple[Float64[Array, " _"], ...]
    kl: Float64[Array, "*grid"]
    density: Float64[Array, "*grid"]
    mean: Float64[Array, "*grid"]
    scale: Float64[Array, "*grid"]

    @property
    def x(self) -> Float64[Array, "*grid D"]:
        """Return the points of the grid, shape (..., D)."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1)

    def density_of(self, panels: LatentPanels) -> Float64[Array, "*grid"]:
        """Compute another model's p(x) on the same grid.

        Parameters
        ----------
        panels : LatentPanels
            Panels of that model.

        Returns
        -------
        ndarray
            Values of p(x), in the shape of `density`.
        """
        flat = log_density(panels, self.x.reshape(-1, len(self.axes))).value
        return np.asarray(np.exp(flat).reshape(self.density.shape))


def pmo_landscape(
    model: DescribedModel | LatentPanels | ExactModel,
    x: ArrayLike,
    *,
    mean: ArrayLike | None = None,
    scale: ArrayLike | None = None,
) -> Landscape:
    """Compute KL[N(μ, s²) ‖ p_θ(z|x)] on a grid of (μ, s) at one x.

    Parameters
    ----------
    model : GenerativeModel, LatentPanels or MeanField
        The model whose posterior is approximated.
    x : array_like, shape (D,)
        The data point.
    mean : array_like, shape (m,), optional
        μ; by default 161 values that cover all local minima.
    scale : array_like, shape (k,), optional
        s > 0; by default 121 values, evenly spaced in log s.

    Returns
    -------
    Landscape

    Raises
    ------
    ModelError
        If x is not one point, a scale is not positive, or the model has more latents than one: the
        landscape is over one mean and one scale.
    """
    field = as_field(model)
    points = as_points(np.atleast_1d(np.asarray(x, dtype=float)), field.model.data_dim)
    if len(points) != 1:
        raise ModelError(f"a landscape is at one x, not at {len(points)}")
    optimum = field.optimal_q(points, margin=ALL_MINIMA)
    centres = optimum.minima[0, :, 0]
    widths = np.exp(optimum.minima[0, :, 1])
    if mean is None:
        low = float(np.nanmin(centres - 5.0 * widths))
        high = float(np.nanmax(centres + 5.0 * widths))
        mean = np.linspace(min(low, -2.5), max(high, 2.5), 161)
    if scale is None:
        scale = np.geomspace(
            0.2 * float(np.nanmin(widths)), max(2.0, float(np.nanmax(widths))), 121
        )
    means = np.asarray(mean, dtype=float)
    scales = np.asarray(scale, dtype=float)
    if not (scales > 0.0).all():
        raise ModelError("every scale of q must be positive")
    grid_scale, grid_mean = np.meshgrid(scales, means, indexing="ij")
    many = np.repeat(points, grid_mean.size, axis=0)
    log_px = float(log_density(field.panels, points).value[0])
    kl = field.negative_elbo(many, grid_mean.ravel(), grid_scale.ravel()) + log_px
    return Landscape(
        x=points[0],
        mean=means,
        scale=scales,
        kl=kl.reshape(grid_mean.shape),
        optimum=optimum,
        optimal_kl=float(optimum.negative_elbo[0]) + log_px,
    )


def map_axes(
    lower: PerDimension, upper: PerDimension, resolution: int
) -> tuple[Float64[Array, " _"], ...]:
    """Return the axes of a grid over a box of the data space, of one step in all dimensions.

    Parameters
    ----------
    lower, upper : ndarray, shape (D,)
        Corners of the box, data units.
    resolution : int
        Grid points along the longest axis.

    Returns
    -------
    tuple of ndarray
        One axis per dimension, of two points at least.
    """
    step = float((upper - lower).max()) / (resolution - 1)
    return tuple(
        np.linspace(a, b, max(2, 1 + round(float(b - a) / step)))
        for a, b in zip(lower, upper, strict=True)
    )


def kl_map(
    model: DescribedModel | LatentPanels | ExactModel,
    data: DescribedModel | ExactModel | None = None,
    *,
    resolution: int = 160,
) -> KlMap:
    """Compute KL[q* ‖ p_θ(z|x)] on a grid over the data space, D <= 2.

    Parameters
    ----------
    model : GenerativeModel, LatentPanels or MeanField
        The model whose posterior is approximated.
    data : GenerativeModel, optional
        The model whose p(x) says where to look; by default the model's own.
    resolution : int
        Grid points along the longer axis.

    Returns
    -------
    KlMap

    Raises
    ------
    ModelError
        If D > 2, or one of the models has more latents than one.
    """
    field = as_field(model)
    dim = field.model.data_dim
    if dim > 2:
        raise ModelError(f"a map of KL(x) needs D <= 2, not {dim}")
    source = field.panels if data is None else as_field(data).panels
    inner = np.abs(source.z) < 3.2
    sigma = source.model.sigma
    lower = source.f[:, inner].min(axis=1) - 3.5 * sigma
    upper = source.f[:, inner].max(axis=1) + 3.5 * sigma
    axes = map_axes(lower, upper, resolution)
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)
    density = np.exp(log_density(source, x).value)
    seen = density > _NEGLIGIBLE * density.max()
    kl, mean, scale = (np.full(len(x), np.nan) for _ in range(3))
    optimum = field.optimal_q(x[seen])
    kl[seen] = field.kl(x[seen], optimum)
    mean[seen] = optimum.mean
    scale[seen] = optimum.scale
    shape = tuple(axis.size for axis in axes)
    return KlMap(
        axes=axes,
        kl=kl.reshape(shape),
        density=density.reshape(shape),
        mean=mean.reshape(shape),
        scale=scale.reshape(shape),
    )
