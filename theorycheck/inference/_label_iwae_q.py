"""One q(z|x) for all classes at S draws: the factorised family of the IWAE bounds with labels."""

from __future__ import annotations

import math
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import Array
from theorycheck.inference._iwae_bound import checked_samples
from theorycheck.inference._label_iwae import ClassImportance, class_arrays, labelled_iwae_bound
from theorycheck.inference._labelled import ExactLabelled
from theorycheck.inference._marginal import as_points
from theorycheck.quadrature.kernels import OPTIMA, shared_importance_q_batch

#: Minima for S = 1 that become starts, and how much wider than one the further starts are.
_MINIMA = 4
_WIDENINGS = (1.0, 1.6, 3.0)


def shared_iwae_bound(
    exact: ExactLabelled,
    x: ArrayLike,
    samples: SupportsIndex,
    *,
    own: ClassImportance | None = None,
) -> ClassImportance:
    """Compute L_S(x, y) of every class at the one q(z|x) that is best for all: factorised family.

    Best is the largest log Σ_y exp L_S(x, y), what :func:`inside_iwae_bound` makes of it. Newton's
    method from the minima for S = 1 and the same made wider, each class's own best q, and Gaussians
    with mean and variance of p(z|x) and of all classes' q together: global in the sense of these
    starts.

    Parameters
    ----------
    exact : ExactLabelled
        The model.
    x : array_like, shape (n, D)
        Data points.
    samples : int
        S.
    own : ClassImportance, optional
        L_S at each class's own best q for the same x and S, if it is at hand.

    Returns
    -------
    ClassImportance
        Mean and scale are the same in every row.

    Raises
    ------
    ModelError
        If x has the wrong shape or is not finite.
    SettingError
        If S is no integer from 1 to 10⁹.
    """
    count = checked_samples(samples)
    points = as_points(x, exact.model.data_dim)
    apart = labelled_iwae_bound(exact, points, count) if own is None else own
    minima = exact.optimal_q(points).minima[:, :_MINIMA, :2]
    optima = np.full((len(points), OPTIMA, 3), np.nan)
    shared_importance_q_batch(
        points, _shared_starts(minima, apart), exact.model.log_prior, float(count),
        *class_arrays(exact), optima,
    )  # fmt: skip
    return labelled_iwae_bound(
        exact, points, count, optima[:, 0, 0].copy(), np.exp(optima[:, 0, 1])
    )


def _shared_starts(minima: Array, own: ClassImportance) -> Array:
    """Return the starts (μ, log s) for every x, NaN where there is none: shape (n, starts, 2)."""
    starts = [minima + np.array([0.0, math.log(factor)]) for factor in _WIDENINGS]
    starts.append(np.stack([own.mean.T, np.log(own.scale.T)], axis=-1))
    share = np.exp(own.log_class_posterior)
    for weight in (share, np.full_like(share, 1.0 / len(share))):
        mean = (weight * own.mean).sum(axis=0)
        variance = (weight * (own.scale**2 + (own.mean - mean) ** 2)).sum(axis=0)
        starts.append(np.stack([mean, 0.5 * np.log(variance)], axis=-1)[:, None])
    return np.ascontiguousarray(np.concatenate(starts, axis=1))
