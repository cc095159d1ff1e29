"""Multinomial logistic regression with a quadratic penalty, by L-BFGS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from theorycheck.arrays import Array, Labels, PerClass, Points

#: Weight of ½|w|² beside the sum of the rows' −log p(y|x); intercepts are free. Features are
#: standardised, and it is not tuned.
PENALTY = 1.0


@dataclass(frozen=True, eq=False)
class LogisticRegression:
    """p(y|x) = softmax(W x + b).

    Parameters
    ----------
    weights : ndarray, shape (C, D)
    intercepts : ndarray, shape (C,)
    """

    weights: Float64[Array, "C D"]
    intercepts: Float64[Array, " C"]

    def class_posterior(self, x: Points) -> PerClass:
        """Return p(y|x), shape (C, n)."""
        result: Array = softmax(x @ self.weights.T + self.intercepts, axis=1).T
        return result


def fit_logistic(x: Points, y: Labels, classes: int) -> LogisticRegression:
    """Minimise Σ −log p(y|x) + ½|W|².

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Standardised.
    y : ndarray of int, shape (n,)
    classes : int
        C.

    Returns
    -------
    LogisticRegression
        The one minimum, to a gradient of 1e-6.
    """
    dim = x.shape[1]
    hot = np.eye(classes)[y]

    def value(flat: Array) -> tuple[float, Array]:
        w = flat.reshape(classes, dim + 1)
        log_p = log_softmax(x @ w[:, :dim].T + w[:, dim], axis=1)
        off = np.exp(log_p) - hot
        slope = np.concatenate([off.T @ x + PENALTY * w[:, :dim], off.sum(axis=0)[:, None]], axis=1)
        penalty = 0.5 * PENALTY * float((w[:, :dim] ** 2).sum())
        return penalty - float((hot * log_p).sum()), slope.ravel()

    start = np.zeros(classes * (dim + 1))
    options = {"maxiter": 2000, "gtol": 1e-6, "ftol": 1e-14}
    found = minimize(value, start, jac=True, method="L-BFGS-B", options=options)
    w = found.x.reshape(classes, dim + 1)
    return LogisticRegression(w[:, :dim], w[:, dim])
