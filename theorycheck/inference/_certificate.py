"""A certificate that q*(z|x) is the global optimum: a lower bound of −ELBO_x over all (μ, s)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import Counts, PerPoint
from theorycheck.errors import SettingError
from theorycheck.inference._marginal import as_points
from theorycheck.inference._mean_field import MeanField, as_field
from theorycheck.inference._optimal_q import OptimalQ
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import LatentPanels
from theorycheck.quadrature.kernels import BOX, WIDER, certify_batch

#: Quadrature error of one −ELBO relative to its size, subtracted from every bound.
QUADRATURE = 1e-12


@dataclass(frozen=True, eq=False)
class Certificate:
    """Lower bounds of −ELBO_x over all mean-field Gaussians.

    Parameters
    ----------
    lower_bound : ndarray, shape (n,)
        No (μ, s) has a smaller −ELBO_x, nats.
    gap : ndarray, shape (n,)
        −ELBO_x at the optimum found, minus the bound: by so much at most it can be beaten.
    boxes : ndarray of int, shape (n,)
        Boxes of (μ, s) that were examined.
    """

    lower_bound: PerPoint
    gap: PerPoint
    boxes: Counts

    @property
    def largest_gap(self) -> float:
        """Return the largest gap over all x, nats."""
        return float(self.gap.max())


@cache
def curvature_constant() -> float:
    """Return A with q k(t)/s² <= A N(μ₀, (1.5 s₀)²)/s₀² for every q of a box around (μ₀, s₀).

    The problem is scale-free, so one maximum over t and the box's relative offsets serves all
    boxes. It is found on a dense grid; the margin of 5 % is far above what the grid can miss.

    Returns
    -------
    float
    """
    u = np.linspace(-30.0, 30.0, 24_001)
    largest = 0.0
    for scale in np.linspace(1.0 - BOX, 1.0 + BOX, 21):
        for shift in np.linspace(0.0, BOX, 11):
            t = (u - shift) / scale
            trace = t**4 - 4.0 * t**2 + 1.0
            # −λ_min of the 2 x 2 matrix with this trace and determinant −2(t² + 1), written
            # without cancellation for large traces.
            root = np.sqrt(trace**2 + 8.0 * (t**2 + 1.0))
            stable = 4.0 * (t**2 + 1.0) / (root + np.abs(trace))
            negative = np.where(trace > 0.0, stable, 0.5 * (root - trace))
            ratio = WIDER / scale**3 * negative * np.exp(-0.5 * t**2 + 0.5 * (u / WIDER) ** 2)
            largest = max(largest, float(ratio.max()))
    return 1.05 * largest


def certify_optimal_q(
    model: GenerativeModel | LatentPanels | MeanField,
    x: ArrayLike,
    optimum: OptimalQ | None = None,
    *,
    gap: float = 1e-6,
    max_boxes: int = 100_000,
) -> Certificate:
    """Bound −ELBO_x from below over all (μ, s), to within `gap` of the optimum found.

    Parameters
    ----------
    model : GenerativeModel, LatentPanels or MeanField
        The model, or what was built for it already.
    x : array_like, shape (n, D)
        Data points.
    optimum : OptimalQ, optional
        What :func:`optimal_q` found; computed if absent.
    gap : float
        How close the bound should come, nats. Cost grows like log 1/gap.
    max_boxes : int
        Budget for each x; where it ends the search, the reported gap is larger than asked for.

    Returns
    -------
    Certificate

    Raises
    ------
    SettingError
        If `gap` is not positive.
    """
    if not gap > 0.0:
        raise SettingError(f"the gap of a certificate must be positive, not {gap}")
    field = as_field(model)
    points = as_points(x, field.model.data_dim)
    best = field.optimal_q(points) if optimum is None else optimum
    constant = -field.panels.peak_log_density
    bound = np.empty(len(points))
    boxes = np.zeros(len(points), dtype=np.int64)
    panels = field.panels
    certify_batch(
        points,
        best.negative_elbo - constant,
        gap,
        max_boxes,
        curvature_constant(),
        1.0 / field.model.sigma,
        *field.arrays,
        panels.balls,
        bound,
        boxes,
    )
    bound = bound + constant
    bound -= QUADRATURE * (1.0 + np.abs(bound))
    return Certificate(bound, best.negative_elbo - bound, boxes)
