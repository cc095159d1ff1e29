"""What the own q of networks with labels reach on p(x, y), to be held against the best q.

With the own q(y|x) = r and q(z|x, y) every node has, without sampling z,

    U(x) = Σ_y r_y [log π_y + ELBO_y(x) − log r_y],   L(x, y) = log π_y + ELBO_y(x),

ELBO_y that of class y's decoder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from theorycheck.arrays import Array, PerClass, PerPoint, Points
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate
from theorycheck.evaluation._amortisation import network_average
from theorycheck.inference import ExactLabelled
from theorycheck.models import LabelledModel
from theorycheck.objectives import LabelledObjective


@dataclass(frozen=True)
class LabelEncoder:
    """The inference networks of a labelled model, as plain functions of x (n, D).

    Parameters
    ----------
    log_class_posterior : callable or None
        x to log q(y|x), shape (C, n); None where no such network was trained, and the best q(y|x)
        for the q(z|x, y) stands in.
    unlabelled : callable
        x to μ and s of the q(z|x, y) in U, each (C, n); the same in every row where one q(z|x)
        serves all classes.
    labelled : callable
        x to μ and s of the q(z|x, y) in L, each (C, n).
    """

    log_class_posterior: Callable[[Points], PerClass] | None
    unlabelled: Callable[[Points], tuple[PerClass, PerClass]]
    labelled: Callable[[Points], tuple[PerClass, PerClass]]


def own_labelled_excess(
    model: LabelledModel,
    data: LabelledModel,
    objective: LabelledObjective,
    encoder: LabelEncoder,
    *,
    seed: int = 0,
) -> Estimate:
    """Compute J with given q, without sampling z: at least J at the best q.

    Parameters
    ----------
    model, data : LabelledModel
        The f_y with their σ², and the ground truth.
    objective : LabelledObjective
        What the q are to serve.
    encoder : LabelEncoder
        The q.
    seed : int
        Seed of quasi-Monte Carlo, for D > 2.

    Returns
    -------
    Estimate
        Nats.

    Raises
    ------
    ModelError
        If the encoder returns what is no q.
    """
    exact, truth = ExactLabelled(model), ExactLabelled(data)

    def values(x: Points) -> tuple[PerPoint, PerPoint]:
        return _excess_at(exact, truth, objective, encoder, x)

    return network_average(truth, values, seed)


def _excess_at(
    exact: ExactLabelled,
    truth: ExactLabelled,
    objective: LabelledObjective,
    encoder: LabelEncoder,
    x: Points,
) -> tuple[PerPoint, PerPoint]:
    """Return what J has at every x, its average over y | x, with a radius."""
    unlabelled, labelled, label = objective.weights
    p = truth.log_density(x)
    share, error = truth.class_posterior(x)
    offers = _offers(exact, x, encoder.unlabelled(x))
    if encoder.log_class_posterior is None:
        log_r = log_softmax(offers, axis=0)
    else:
        log_r = _checked_classes(encoder.log_class_posterior(x), share.shape)
    value = np.zeros(len(x))
    radius = np.zeros(len(x))
    off = np.minimum(p.relative_error, 1.0)
    with np.errstate(divide="ignore"):
        log_share = np.log(share)
    if unlabelled:
        bound = _mean(np.exp(log_r), offers - log_r)
        value += unlabelled * (p.value - bound)
        radius += unlabelled * off
    if labelled:
        # log p(x, y) = log p(x) + log p(y|x).
        missing = p.value + log_share - _offers(exact, x, encoder.labelled(x))
        value += labelled * _mean(share, missing)
        radius += labelled * (off + _moved(error, share, missing))
    if label:
        apart = log_share - log_r
        value += label * _mean(share, apart)
        radius += label * _moved(error, share, apart)
    return value, radius


def _offers(exact: ExactLabelled, x: Points, q: tuple[Array, Array]) -> PerClass:
    """Return log π_y + ELBO_y(x) of every class at its q(z|x, y)."""
    mean, scale = (np.asarray(part, dtype=np.float64) for part in q)
    shape = (len(exact.fields), len(x))
    if mean.shape != shape or scale.shape != shape:
        raise ModelError(f"the encoder returned shapes {mean.shape} and {scale.shape}")
    if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0.0).all()):
        raise ModelError("the encoder returned a q(z|x, y) with NaN, inf or a scale of zero")
    each = [field.negative_elbo(x, mean[y], scale[y]) for y, field in enumerate(exact.fields)]
    result: Array = exact.log_prior - np.stack(each)
    return result


def _checked_classes(log_r: Array, shape: tuple[int, ...]) -> PerClass:
    values = np.asarray(log_r, dtype=np.float64)
    if values.shape != shape:
        raise ModelError(f"the encoder returned q(y|x) of shape {values.shape}, not {shape}")
    if np.isnan(values).any() or np.abs(np.exp(values).sum(axis=0) - 1.0).max() > 1e-6:
        raise ModelError("the encoder returned a q(y|x) that is no distribution")
    return values


def _mean(share: PerClass, values: PerClass) -> PerPoint:
    """Average over classes; one without a share counts nothing."""
    with np.errstate(invalid="ignore"):
        result: Array = np.where(share > 0.0, share * values, 0.0).sum(axis=0)
    return result


def _moved(error: PerClass, share: PerClass, values: PerClass) -> PerPoint:
    """Return how far Σ p (log p − …) moves with the radii of p: dp (log p − …) + dp."""
    finite = np.where(share > 0.0, np.abs(values), np.abs(np.log(np.finfo(float).tiny)))
    result: Array = (error * (finite + 1.0)).sum(axis=0)
    return result
