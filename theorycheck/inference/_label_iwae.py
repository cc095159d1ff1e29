"""IWAE versions of the bounds of a labelled model. They differ, and each has a name of its own.

* *labelled*: L_S(x, y) = log π_y + E log (1/S) Σ_s p(x, z_s|y)/q(z_s|x, y), S draws of z for a
  given label. It rises with S from L(x, y) to log p(x, y).
* *inside*: U_S = Σ_y q(y|x) (L_S(x, y) − log q(y|x)), the importance average inside the sum over
  y. Its best q(y|x) is a softmax, and U_S = log Σ_y exp L_S(x, y) then. As S → ∞ a given q(y|x)
  leaves log p(x) − KL[q(y|x) ‖ p(y|x)]; at the best it tends to log p(x).
* *joint*: E log (1/S) Σ_s w(y_s, z_s), w = p(x, y, z)/(q(y|x) q(z|x, y)), S draws of the pair. It
  tends to log p(x) for any q. Neither is above the other for every S and q.

All are expectations over the draws, computed without drawing (`_iwae_bound.py`), for any S.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from theorycheck.arrays import Array, PerClass
from theorycheck.errors import ModelError
from theorycheck.inference._iwae_bound import (
    ImportanceBound,
    checked_samples,
    iwae_bound,
    optimal_iwae_q,
    settled_bound,
)
from theorycheck.inference._labelled import ExactLabelled
from theorycheck.inference._marginal import as_points
from theorycheck.quadrature.kernels import (
    ClassPanels,
    joint_importance_bound_batch,
)

#: How far given q(y|x) may be from a sum of 1.
_SUM = 1e-9


@dataclass(frozen=True, eq=False)
class ClassImportance:
    """L_S(x, y) of every class, each with its q(z|x, y).

    Parameters
    ----------
    value : ndarray, shape (C, n)
        L_S(x, y), nats.
    error : ndarray, shape (C, n)
        Error radius of `value`.
    mean, scale : ndarray, shape (C, n)
        μ and s of q(z|x, y).
    samples : int
        S.
    """

    value: PerClass
    error: PerClass
    mean: PerClass
    scale: PerClass
    samples: int

    @property
    def log_class_posterior(self) -> PerClass:
        """Log of the q(y|x) that is best inside the sum over y: the softmax of L_S."""
        result: Array = self.value - logsumexp(self.value, axis=0)
        return result


def labelled_iwae_bound(
    exact: ExactLabelled,
    x: ArrayLike,
    samples: SupportsIndex,
    mean: ArrayLike | None = None,
    scale: ArrayLike | None = None,
) -> ClassImportance:
    """Compute L_S(x, y) of every class, at given Gaussian q(z|x, y) or each at its best.

    Parameters
    ----------
    exact : ExactLabelled
        The model.
    x : array_like, shape (n, D)
        Data points.
    samples : int
        S; L(x, y) itself is S = 1.
    mean, scale : array_like, broadcast to shape (C, n), optional
        μ and s of q(z|x, y); both or neither. One q(z|x) for all classes has equal rows.

    Returns
    -------
    ClassImportance

    Raises
    ------
    ModelError
        If x, μ or s has the wrong shape or is not finite, s is not positive, or only one of μ and
        s is given.
    SettingError
        If S is no integer from 1 to 10⁹.
    """
    count = checked_samples(samples)
    points = as_points(x, exact.model.data_dim)
    if mean is None and scale is None:
        best = [optimal_iwae_q(field, points, count) for field in exact.fields]
        means, scales = np.stack([q.mean for q in best]), np.stack([q.scale for q in best])
        bounds = [q.bound for q in best]
    else:
        means, scales = _given(exact, len(points), mean, scale)
        bounds = [
            iwae_bound(field, points, m, s, count)
            for field, m, s in zip(exact.fields, means, scales, strict=True)
        ]
    return ClassImportance(
        value=exact.log_prior + np.stack([bound.value for bound in bounds]),
        error=np.stack([bound.error for bound in bounds]),
        mean=means,
        scale=scales,
        samples=count,
    )


def inside_iwae_bound(
    classes: ClassImportance, class_posterior: ArrayLike | None = None
) -> ImportanceBound:
    """Return U_S with the importance average inside the sum over y, from L_S of the classes.

    Parameters
    ----------
    classes : ClassImportance
        L_S(x, y), of :func:`labelled_iwae_bound`.
    class_posterior : array_like, shape (C, n), optional
        q(y|x); by default the best, the softmax of L_S.

    Returns
    -------
    ImportanceBound

    Raises
    ------
    ModelError
        If q(y|x) has the wrong shape, is negative or does not sum to 1.
    """
    if class_posterior is None:
        log_r = classes.log_class_posterior
        r = np.exp(log_r)
    else:
        r = _checked_shares(class_posterior, classes.value.shape)
        with np.errstate(divide="ignore"):
            log_r = np.log(r)
    with np.errstate(invalid="ignore"):
        value = np.where(r > 0.0, r * (classes.value - log_r), 0.0).sum(axis=0)
        error = np.where(r > 0.0, r * classes.error, 0.0).sum(axis=0)
    if class_posterior is None:
        # log Σ exp is convex, so that it rises by more than it falls.
        error = logsumexp(classes.value + classes.error, axis=0) - logsumexp(classes.value, axis=0)
    return ImportanceBound(value, error + 1e-15 * (1.0 + np.abs(value)), classes.samples)


def joint_iwae_bound(
    exact: ExactLabelled,
    x: ArrayLike,
    samples: SupportsIndex,
    log_class_posterior: ArrayLike,
    mean: ArrayLike,
    scale: ArrayLike,
) -> ImportanceBound:
    """Compute E log (1/S) Σ w(y_s, z_s), S draws of (y, z) from q(y|x) q(z|x, y).

    Parameters
    ----------
    exact : ExactLabelled
        The model.
    x : array_like, shape (n, D)
        Data points.
    samples : int
        S; S = 1 is the unlabelled bound U at this q.
    log_class_posterior : array_like, shape (C, n)
        log q(y|x), nats; −inf for a class that is never drawn.
    mean, scale : array_like, broadcast to shape (C, n)
        μ and s of q(z|x, y); equal rows for the factorised family.

    Returns
    -------
    ImportanceBound
        Radii as those of :func:`theorycheck.inference.iwae_bound`.

    Raises
    ------
    ModelError
        If an array has the wrong shape or is not finite, s is not positive, or q(y|x) does not sum
        to 1.
    SettingError
        If S is no integer from 1 to 10⁹.
    """
    count = checked_samples(samples)
    points = as_points(x, exact.model.data_dim)
    means, scales = _given(exact, len(points), mean, scale)
    log_r = np.array(log_class_posterior, dtype=np.float64)
    _checked_shares(np.exp(log_r), means.shape)
    results = np.empty((len(points), 5))
    joint_importance_bound_batch(
        points,
        np.ascontiguousarray(np.stack([log_r, means, np.log(scales)], axis=-1).swapaxes(0, 1)),
        exact.model.log_prior,
        float(count),
        *class_arrays(exact),
        results,
    )
    return settled_bound(results, count)


def class_arrays(exact: ExactLabelled) -> tuple[Array, ClassPanels, Array, float]:
    """Return 1/σ, the panels of all classes, their defects and the log of the peak density."""
    panels = [field.panels for field in exact.fields]
    defect = np.concatenate([one.defect for one in panels])
    sigma = exact.model.sigma
    return 1.0 / sigma, exact.panels, defect, panels[0].peak_log_density


def _given(
    exact: ExactLabelled, count: int, mean: ArrayLike | None, scale: ArrayLike | None
) -> tuple[Array, Array]:
    """Return μ and s as arrays (C, n)."""
    if mean is None or scale is None:
        raise ModelError("a given q(z|x, y) needs both its mean and its scale")
    shape = (len(exact.fields), count)
    found = []
    for name, given in (("mean", mean), ("scale", scale)):
        try:
            values = np.broadcast_to(np.asarray(given, dtype=np.float64), shape)
        except (TypeError, ValueError):
            raise ModelError(
                f"the {name} of q(z|x, y) has shape {np.shape(given)}, expected {shape}"
            ) from None
        if not np.isfinite(values).all():
            raise ModelError(f"the {name} of q(z|x, y) contains NaN or inf")
        found.append(values)
    if not (found[1] > 0.0).all():
        raise ModelError(f"the scale of q(z|x, y) must be positive, not {found[1].min():g}")
    return found[0], found[1]


def _checked_shares(given: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return q(y|x) as an array (C, n)."""
    shares = np.array(given, dtype=np.float64)
    if shares.shape != shape:
        raise ModelError(f"q(y|x) has shape {shares.shape}, expected {shape}")
    if not (shares >= 0.0).all():
        raise ModelError("q(y|x) must be numbers >= 0")
    off = float(np.abs(shares.sum(axis=0) - 1.0).max(initial=0.0))
    if not off <= _SUM:
        raise ModelError(f"q(y|x) must sum to 1 for every x, not to 1 ± {off:.2g}")
    return shares
