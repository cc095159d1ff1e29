"""A certificate that one q(z|x) for all classes is the best: a bound of −V over all (μ, s)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array
from theorycheck.errors import SettingError
from theorycheck.inference._certificate import QUADRATURE, Certificate, curvature_constant
from theorycheck.inference._label_q import SharedQ
from theorycheck.inference._labelled import ExactLabelled
from theorycheck.inference._marginal import as_points
from theorycheck.quadrature.kernels import Balls, certify_shared_batch


def certify_shared_q(
    exact: ExactLabelled,
    x: Float64[Array, "n D"] | ArrayLike,
    optimum: SharedQ | None = None,
    *,
    gap: float = 1e-6,
    max_boxes: int = 100_000,
) -> Certificate:
    """Bound −V from below over all q(z|x) q(y|x), to within `gap` of the optimum found.

    V is U where there is no label term; with one, what q(y|x) maximises (docs/labels.md).

    Parameters
    ----------
    exact : ExactLabelled
        The labelled model, with its label term.
    x : array_like, shape (n, D)
        Data points.
    optimum : SharedQ, optional
        What :meth:`ExactLabelled.optimal_q` found; computed if absent.
    gap : float
        How close the bound should come, nats.
    max_boxes : int
        Budget for each x; where it ends the search, the reported gap is larger than asked for.

    Returns
    -------
    Certificate
        Of −V.

    Raises
    ------
    SettingError
        If `gap` is not positive.
    """
    if not gap > 0.0:
        raise SettingError(f"the gap of a certificate must be positive, not {gap}")
    points = as_points(x, exact.model.data_dim)
    best = exact.optimal_q(points) if optimum is None else optimum
    fields = exact.fields
    balls = [field.panels.balls for field in fields]
    constant = -fields[0].panels.peak_log_density
    bound = np.empty(len(points))
    boxes = np.zeros(len(points), dtype=np.int64)
    certify_shared_batch(
        points, -best.value - constant, gap, max_boxes, curvature_constant(), exact.shares(points),
        exact.model.log_prior, 1.0 / exact.model.sigma, exact.panels,
        Balls(*(np.concatenate(part) for part in zip(*balls, strict=True))), bound, boxes,
    )  # fmt: skip
    bound = bound + constant
    bound -= QUADRATURE * (1.0 + np.abs(bound))
    return Certificate(bound, -best.value - bound, boxes)
