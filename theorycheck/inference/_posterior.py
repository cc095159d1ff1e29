"""The exact posterior p_θ(z|x) of a 1-D latent: density, modes, moments, entropy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerDimension
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate
from theorycheck.inference._marginal import as_panels, as_points, log_density
from theorycheck.inference._posterior_modes import MODE_MASS, local_maxima, masses, prominent
from theorycheck.inference._posterior_weights import posterior_weights
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import ORDER, LatentPanels

#: A mode that holds less posterior mass than this is not listed: it is rounding.
_SMALLEST_MASS = 1e-12


@dataclass(frozen=True)
class Mode:
    """A local maximum of p_θ(z|x) that stands out from its neighbours.

    What "stands out" means is said in :mod:`theorycheck.inference._posterior_modes`.

    Parameters
    ----------
    z : float
        Latent at which it is.
    density : float
        p_θ(z|x) there.
    mass : float
        Posterior mass between the minima to its left and right.
    """

    z: float
    density: float
    mass: float


@dataclass(frozen=True, eq=False)
class Posterior:
    """p_θ(z|x) at one x.

    Parameters
    ----------
    x : ndarray, shape (D,)
        The data point.
    log_density_x : Estimate
        log p_θ(x), nats.
    z, weight, density : ndarray, shape (n,)
        Nodes, ascending; their weights for ∫ dz; p_θ(z|x) there.
    mean, variance : float
        Moments of z given x.
    entropy : Estimate
        Entropy −E log p_θ(z|x), nats.
    modes : tuple of Mode
        All modes, heaviest first. How many of them count is a question of their mass:
        :func:`theorycheck.inference.count_modes`.
    """

    x: PerDimension
    log_density_x: Estimate
    z: Float64[Array, " nodes"] = field(repr=False)
    weight: Float64[Array, " nodes"] = field(repr=False)
    density: Float64[Array, " nodes"] = field(repr=False)
    mean: float
    variance: float
    entropy: Estimate
    modes: tuple[Mode, ...]

    @property
    def mode_count(self) -> int:
        """Return how many modes count, by :func:`theorycheck.inference.count_modes`."""
        return sum(mode.mass >= MODE_MASS for mode in self.modes)

    def expectation(self, values: ArrayLike) -> Float64[Array, "*parts"] | float:
        """Return E[g(z) | x] for g given at the nodes, shape (n,) or (n, m)."""
        result: Array = (self.weight * self.density) @ np.asarray(values, dtype=float)
        return result


def posterior(model: GenerativeModel | LatentPanels, x: ArrayLike) -> Posterior:
    """Compute p_θ(z|x) on nodes that resolve it, with its modes and moments.

    Parameters
    ----------
    model : GenerativeModel or LatentPanels
        The model; panels of it are taken as they are.
    x : array_like, shape (D,)
        One data point.

    Returns
    -------
    Posterior

    Raises
    ------
    ModelError
        If x is not one finite point of D dimensions.
    """
    panels = as_panels(model)
    points = as_points(np.atleast_1d(np.asarray(x, dtype=float)), panels.model.data_dim)
    if len(points) != 1:
        raise ModelError(f"a posterior is at one x, not at {len(points)}")
    point = points[0]
    evidence = log_density(panels, points)
    log_px, log_px_error = float(evidence.value[0]), float(evidence.error[0])
    log_joint = next(posterior_weights(panels, points)).log_joint[0]
    log_posterior = log_joint - log_px
    density = np.exp(np.maximum(log_posterior, -745.0))
    mass = panels.rule_weight * density
    mean = float(mass @ panels.z)
    variance = float(mass @ (panels.z - mean) ** 2)
    entropy = -float(mass @ log_posterior)
    # The entropy inherits the error of log p(x), and of the sum through the mass it finds.
    off = log_px_error + abs(float(mass.sum()) - 1.0)
    entropy_error = off * (1.0 + float(mass @ np.abs(log_posterior))) + 1e-14
    return Posterior(
        x=point,
        log_density_x=Estimate(log_px, log_px_error),
        z=panels.z,
        weight=panels.rule_weight,
        density=density,
        mean=mean,
        variance=variance,
        entropy=Estimate(entropy, entropy_error),
        modes=_modes(panels, log_posterior, mass),
    )


def _modes(panels: LatentPanels, log_posterior: Array, mass: Array) -> tuple[Mode, ...]:
    """Find the modes on the nodes, and place each by a parabola or at a panel edge."""
    peaks, valleys = prominent(
        log_posterior, np.flatnonzero(local_maxima(log_posterior[None])[0]).tolist()
    )
    modes = []
    for peak, held in zip(peaks, masses(mass, valleys).tolist(), strict=True):
        if held < _SMALLEST_MASS:
            continue
        where, height = _place(panels, panels.z, log_posterior, peak)
        modes.append(Mode(where, math.exp(height), held))
    return tuple(sorted(modes, key=lambda mode: -mode.mass))


def _place(panels: LatentPanels, z: Array, log_posterior: Array, peak: int) -> tuple[float, float]:
    """Return place and height of the maximum of the parabola through a peak and its neighbours."""
    if 0 < peak < z.size - 1:
        panel, inside = divmod(peak, ORDER)
        at_edge = inside in (0, ORDER - 1)
        edge = panels.left[panel] if inside == 0 else panels.right[panel]
        if at_edge and edge in panels.breakpoints:
            # A kink or jump: the density need not be smooth across it, the maximum may sit there.
            return float(edge), float(log_posterior[peak])
        a, b, c = z[peak - 1 : peak + 2]
        fa, fb, fc = log_posterior[peak - 1 : peak + 2]
        left, right = (fb - fa) / (b - a), (fc - fb) / (c - b)
        curvature = (right - left) / (c - a)
        if curvature < 0.0:
            step = -(left + curvature * (b - a)) / (2.0 * curvature)
            if a - b < step < c - b:
                slope = left + curvature * (b - a)
                return float(b + step), float(fb + slope * step + curvature * step**2)
    return float(z[peak]), float(log_posterior[peak])
