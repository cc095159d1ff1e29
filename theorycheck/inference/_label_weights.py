"""The best q(y|x) for given bounds of the classes: a softmax, or Lambert's W with a label term.

Per x, q(y|x) = r maximises Σ_y r_y a_y − Σ_y r_y log r_y + c Σ_y p_y log r_y, where a_y is what
class y offers to the unlabelled bound (its log joint bound), p_y = p(y|x) of the data and c the
weight of the classification term against the unlabelled one (Kingma et al. 2014, eq. 9). It is
strictly concave; stationarity in r_y gives

    r_y = c p_y / W₀(c p_y exp(λ + 1 − a_y)),

λ the one number that makes Σ r_y = 1. For c = 0 that is the softmax; as c grows, r tends to p.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, wrightomega, xlogy

from theorycheck.arrays import Array, PerClass, PerPoint

#: Newton's method on Σ r_y − 1, which is convex and decreasing in λ: from the left it is monotone.
_STEPS = 200
_CLOSE = 1e-15
#: W₀(e^t) = e^t to rounding below.
_SMALL = -37.0


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
    multiplier = top - 1.0
    share = weight * p
    with np.errstate(divide="ignore"):
        log_share = np.log(share)
    for _ in range(_STEPS):
        r = np.exp(_log_weights(a, log_share, multiplier))
        bend = _bend(r, share)
        over = r.sum(axis=0) - 1.0
        if float(np.abs(over).max(initial=0.0)) < _CLOSE:
            break
        step = over / bend.sum(axis=0)
        if not (np.abs(step) > _CLOSE * (1.0 + np.abs(multiplier))).any():
            break
        multiplier = multiplier + step
    log_r = _log_weights(a, log_share, multiplier)
    log_r = log_r - logsumexp(log_r, axis=0)
    r = np.exp(log_r)
    bound = _entropic(r, a)
    with np.errstate(invalid="ignore"):
        term = np.where(p > 0.0, p * log_r, 0.0).sum(axis=0)
    return LabelWeights(r, log_r, bound + weight * term, bound, _bend(r, share))


def _log_weights(a: Array, log_share: Array, multiplier: Array) -> Array:
    """Return log r_y(λ); W₀(e^t) is the Wright omega function of t, which does not overflow."""
    exponent = multiplier + 1.0 - a
    argument = log_share + exponent
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        labelled = log_share - np.log(wrightomega(argument))
    # Without a share, and in its limit, W₀(e^t) = e^t.
    return np.where(argument < _SMALL, -exponent, labelled)


def _bend(r: Array, share: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        bend = r * r / (r + share)
    return np.where(r > 0.0, bend, 0.0)


def _entropic(r: Array, a: Array) -> Array:
    """Σ r a − Σ r log r, where a class without weight counts nothing."""
    with np.errstate(invalid="ignore"):
        parts = np.where(r > 0.0, r * a, 0.0) - xlogy(r, r)
    result: Array = parts.sum(axis=0)
    return result
