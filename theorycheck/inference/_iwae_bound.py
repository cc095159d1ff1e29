"""The IWAE bound L_S(x) = E log (1/S) Σ p(x, z_i)/q(z_i|x) without sampling, and its best q.

Burda et al. (2016) define it and show ELBO = L_1 ≤ L_2 ≤ … → log p(x). Here the expectation over
z_1 … z_S is one integral over t of a power of φ(τ) = E_q exp(−τ w) (docs/theory.md), so that the
cost hardly depends on S.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import cached_property
from typing import SupportsIndex

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Booleans, Flags, PerPoint
from theorycheck.errors import ModelError, SettingError
from theorycheck.inference._marginal import as_panels, as_points
from theorycheck.inference._mean_field import ALL_MINIMA, MeanField, as_field
from theorycheck.inference._optimal_q import OptimalQ
from theorycheck.inference._posterior_weights import posterior_moments
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import LatentPanels
from theorycheck.quadrature.kernels import (
    OPTIMA,
    Panels,
    importance_bound_batch,
    optimal_importance_q_batch,
)

#: Largest S: q is cut where 2e-21 of its mass lies beyond, which S draws must not notice.
LARGEST_SAMPLES = 10**9
#: Minima of −ELBO that become starts, and how much wider than one the further starts are.
_MINIMA = 4
_WIDENINGS = (1.0, 1.6, 3.0)
#: How much wider than the posterior one further start is: at S = 100 a second mode of 2% mass is
#: worth as much width (circle, figure8).
_MATCHED_WIDER = 1.7
#: Starts refined for an x.
_DESCENTS = 4


@dataclass(frozen=True, eq=False)
class ImportanceBound:
    """L_S(x) for many x, each with its q.

    Parameters
    ----------
    value : ndarray, shape (n,)
        L_S(x), nats.
    error : ndarray, shape (n,)
        Error radius of `value`.
    samples : int
        S.
    """

    value: PerPoint
    error: PerPoint
    samples: int


@dataclass(frozen=True, eq=False)
class OptimalImportanceQ:
    """The q(z|x) = N(mean, scale²) of largest L_S for many x.

    Parameters
    ----------
    mean, scale : ndarray, shape (n,)
        μ and s.
    bound : ImportanceBound
        L_S(x) there.
    optima : ndarray, shape (n, 4, 3)
        μ, log s and −L_S of the distinct local optima found, best first (to about 1e-10 nats); NaN
        beyond.
    """

    mean: PerPoint
    scale: PerPoint
    bound: ImportanceBound
    optima: Float64[Array, "n 4 3"]

    @cached_property
    def ambiguous(self) -> Flags:
        """Tell for each x whether another optimum lies within 1e-9 nats of the best."""
        gaps = self.optima[:, 1:, 2] - self.optima[:, :1, 2]
        result: Booleans = np.nan_to_num(gaps, nan=np.inf).min(axis=1) < 1e-9
        return result


def checked_samples(samples: SupportsIndex) -> int:
    """Return S as an int.

    Raises
    ------
    SettingError
        If it is no integer from 1 to 10⁹.
    """
    try:
        count = operator.index(samples)
    except TypeError:
        raise SettingError(f"the number of samples S must be an integer, not {samples!r}") from None
    if isinstance(samples, bool) or not 1 <= count <= LARGEST_SAMPLES:
        raise SettingError(
            f"the number of samples S must be from 1 to {LARGEST_SAMPLES:,}, not {samples!r}"
        )
    return count


def iwae_bound(
    model: GenerativeModel | LatentPanels | MeanField,
    x: ArrayLike,
    mean: ArrayLike,
    scale: ArrayLike,
    samples: SupportsIndex,
) -> ImportanceBound:
    """Compute L_S(x) for any Gaussian q(z|x) = N(mean, scale²).

    Parameters
    ----------
    model : GenerativeModel, LatentPanels or MeanField
        Pass panels or a MeanField to reuse them over many calls.
    x : array_like, shape (n, D)
        Data points.
    mean, scale : array_like, broadcast to shape (n,)
        μ and s of q.
    samples : int
        S; the ELBO is S = 1.

    Returns
    -------
    ImportanceBound
        The error radius is about 1e-12 nats where the panels resolve f. It is the difference of two
        resolutions in z and in t, plus a bound on the rule in t, what the panels miss of f, and
        rounding. Beyond the panels f is taken to stay at its edge values.

    Raises
    ------
    ModelError
        If x, μ or s has the wrong shape or is not finite, or s is not positive.
    SettingError
        If S is no integer from 1 to 10⁹.
    """
    count = checked_samples(samples)
    panels = model.panels if isinstance(model, MeanField) else as_panels(model)
    points = as_points(x, panels.model.data_dim)
    means, scales = checked_q(mean, scale, (len(points),))
    results = np.empty((len(points), 5))
    importance_bound_batch(
        points, means, np.log(scales), float(count), *_kernel_arrays(panels), results
    )
    return settled_bound(results, count)


def settled_bound(results: Float64[Array, "n 5"], samples: int) -> ImportanceBound:
    """Return L_S from what the kernels fill in, between what bounds it for certain.

    Parameters
    ----------
    results : ndarray, shape (n, 5)
        L_S, its error, E_q log w, the error of that, and log E_q w.
    samples : int
        S.

    Returns
    -------
    ImportanceBound
    """
    value, error, elbo, elbo_error, evidence = results.T
    if samples == 1:
        # E_q log w itself, without the integral over t.
        return ImportanceBound(elbo.copy(), elbo_error.copy(), samples)
    # L_S lies between the ELBO and log E_q w: that is all that is known where q is so unfit that
    # the rules run out of nodes or steps.
    lower, upper = elbo - elbo_error, evidence + elbo_error
    inside = np.clip(value, lower, upper)
    widest = np.maximum(upper - inside, inside - lower)
    return ImportanceBound(inside, np.minimum(error, widest), samples)


def optimal_iwae_q(
    model: GenerativeModel | LatentPanels | MeanField,
    x: ArrayLike,
    samples: SupportsIndex,
    *,
    elbo_optimum: OptimalQ | None = None,
) -> OptimalImportanceQ:
    """Find the Gaussian q(z|x) of largest L_S(x) for every x.

    Newton's method from the minima of −ELBO, the same made wider, the Gaussian with the posterior's
    mean and variance, a wider one, and the one that spans the two lowest minima. Global in the
    sense of these starts: whatever it finds is a lower bound on the largest L_S.

    Parameters
    ----------
    model : GenerativeModel, LatentPanels or MeanField
        The model, or what was built for it already.
    x : array_like, shape (n, D)
        Data points.
    samples : int
        S.
    elbo_optimum : OptimalQ, optional
        The optimal q for S = 1 at the same x, if it is at hand.

    Returns
    -------
    OptimalImportanceQ

    Raises
    ------
    ModelError
        If x has the wrong shape or is not finite.
    SettingError
        If S is no integer from 1 to 10⁹.
    """
    count = checked_samples(samples)
    field = as_field(model)
    points = as_points(x, field.model.data_dim)
    first = field.optimal_q(points, margin=ALL_MINIMA) if elbo_optimum is None else elbo_optimum
    optima = np.full((len(points), OPTIMA, 3), np.nan)
    optimal_importance_q_batch(
        points, _starts(field.panels, points, first), float(count),
        *_kernel_arrays(field.panels), _DESCENTS, optima,
    )  # fmt: skip
    means, scales = optima[:, 0, 0].copy(), np.exp(optima[:, 0, 1])
    bound = iwae_bound(field, points, means, scales, count)
    return OptimalImportanceQ(means, scales, bound, optima)


def _starts(panels: LatentPanels, points: Array, first: OptimalQ) -> Array:
    """Return the starts (μ, log s) for every x, NaN where there is none: shape (n, C, 2)."""
    mean, scale = posterior_moments(panels, points)
    narrow = first.minima[:, :_MINIMA, :2]
    starts = [narrow + np.array([0.0, math.log(factor)]) for factor in _WIDENINGS]
    matched = np.stack([mean, np.log(scale)], axis=-1)[:, None]
    starts += [matched, matched + np.array([0.0, math.log(_MATCHED_WIDER)])]
    between = 0.5 * (narrow[:, 0, 0] + narrow[:, 1, 0])
    span = np.maximum(0.5 * np.abs(narrow[:, 0, 0] - narrow[:, 1, 0]), np.exp(narrow[:, 0, 1]))
    starts.append(np.stack([between, np.log(span)], axis=-1)[:, None])
    return np.ascontiguousarray(np.concatenate(starts, axis=1))


def _kernel_arrays(panels: LatentPanels) -> tuple[Array, Panels, Array, float]:
    """Return 1/σ, the panels, their defects and the log of the peak density."""
    return 1.0 / panels.model.sigma, panels.arrays, panels.defect, panels.peak_log_density


def checked_q(mean: ArrayLike, scale: ArrayLike, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return μ and s of many q as arrays.

    Parameters
    ----------
    mean, scale : array_like, broadcast to the shape
        μ and s.
    shape : tuple of int
        (n,), or (n, K) for K latents.

    Returns
    -------
    mean, scale : ndarray

    Raises
    ------
    ModelError
        If they cannot be broadcast, are not finite, or s is not positive.
    """
    checked = []
    for name, given in (("mean", mean), ("scale", scale)):
        try:
            values = np.broadcast_to(np.asarray(given, dtype=np.float64), shape).copy()
        except (TypeError, ValueError):
            raise ModelError(
                f"the {name} of q has shape {np.shape(given)}, expected {shape} or one number"
            ) from None
        if not np.isfinite(values).all():
            raise ModelError(f"the {name} of q contains NaN or inf")
        checked.append(values)
    if not (checked[1] > 0.0).all():
        raise ModelError(f"the scale of q must be positive, not {checked[1].min():g}")
    return checked[0], checked[1]
