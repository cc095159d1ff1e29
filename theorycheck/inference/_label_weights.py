"""The best q(y|x) for given bounds of the classes: a softmax, or Lambert's W with a label term.

Per x, q(y|x) = r maximises Σ_y r_y a_y − Σ_y r_y log r_y + c Σ_y p_y log r_y, where a_y is what
class y offers to the unlabelled bound (its log joint bound), p_y = p(y|x) of the data and c the
weight of the classification term against the unlabelled one (Kingma et al. 2014, eq. 9). It is
strictly concave; stationarity in r_y gives

    r_y = c p_y / W₀(c p_y exp(λ + 1 − a_y)),

λ the one number that makes Σ r_y = 1 (quadrature/kernels/_class_weights.py finds it). For c = 0
that is the softmax; as c grows, r tends to p.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, xlogy

from theorycheck.arrays import Array, PerClass, PerPoint
from theorycheck.quadrature.kernels import class_weights_batch


class LabelWeights(NamedTuple):
    """The best q(y|x) of every x.

    Parameters
    ----------
    r, log_r : ndarray, shape (C, n)
        q(y|x), and its logarithm, which is known where r itself is too small for a float.
    value : ndarray, shape (n,)
        What r maximises, the label term included, nats.
    bound : ndarray, shape (n,)
        Σ r a − Σ r log r, the unlabelled bound at this r, nats.
    bend : ndarray, shape (C, n)
        w with ∂r_y/∂a_y' = w_y δ_yy' − w_y w_y' / Σ w.
    """

    r: PerClass
    log_r: PerClass
    value: PerPoint
    bound: PerPoint
    bend: PerClass


def label_weights(a: PerClass, p: PerClass | None = None, weight: float = 0.0) -> LabelWeights:
    """Return the best q(y|x) for every x.

    Parameters
    ----------
    a : ndarray, shape (C, n)
        What every class offers, nats; −inf where it offers nothing.
    p : ndarray, shape (C, n), optional
        p(y|x) of the data; needed for a label term.
    weight : float
        c >= 0, the weight of the label term against the unlabelled bound; inf: r = p.

    Returns
    -------
    LabelWeights

    Raises
    ------
    ValueError
        If the weight is negative, or there is one without p.
    """
    if not weight >= 0.0 or (weight > 0.0 and p is None):
        raise ValueError("a label term needs a weight >= 0 and p(y|x) of the data")
    top = logsumexp(a, axis=0)
    if weight == 0.0 or p is None:
        r = np.exp(a - top)
        return LabelWeights(r, a - top, top, top, r)
    if np.isinf(weight):
        r = p.copy()
        value = np.full(a.shape[1], np.nan)
        with np.errstate(divide="ignore"):
            return LabelWeights(r, np.log(r), value, _entropic(r, a), np.zeros_like(r))
    offer = np.ascontiguousarray(a.T)
    log_r, bend, value = np.empty_like(offer), np.empty_like(offer), np.empty(len(offer))
    class_weights_batch(offer, np.ascontiguousarray(weight * p.T), log_r, bend, value)
    bound = _entropic(np.exp(log_r.T), a)
    return LabelWeights(np.exp(log_r.T), log_r.T, value, bound, bend.T)


def _entropic(r: Array, a: Array) -> Array:
    """Σ r a − Σ r log r, where a class without weight counts nothing."""
    with np.errstate(invalid="ignore"):
        parts = np.where(r > 0.0, r * a, 0.0) - xlogy(r, r)
    result: Array = parts.sum(axis=0)
    return result
