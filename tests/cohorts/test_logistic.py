"""Logistic regression against another minimiser and its own optimality condition."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from theorycheck.cohorts import fit_logistic


def test_two_classes_against_a_plain_minimiser() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    y = (rng.random(80) < expit(2.0 * x[:, 0] - 1.0)).astype(np.int64)

    def value(w: np.ndarray) -> float:
        # With C = 2 the penalised weights are ±w/2, and their penalty is |w|²/4.
        margin = (2 * y - 1) * (x @ w[:2] + w[2])
        return float(np.log1p(np.exp(-margin)).sum() + 0.25 * (w[:2] ** 2).sum())

    best = minimize(value, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 0})
    found = fit_logistic(x, y, 2)
    np.testing.assert_allclose(found.weights[1] - found.weights[0], best.x[:2], atol=1e-5)
    np.testing.assert_allclose(found.intercepts[1] - found.intercepts[0], best.x[2], atol=1e-5)
    p = found.class_posterior(x)
    np.testing.assert_allclose(p[1], expit(x @ best.x[:2] + best.x[2]), atol=1e-5)


def test_three_classes_at_the_optimum() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 4)), np.arange(60) % 3
    found = fit_logistic(x, y, 3)
    off = found.class_posterior(x) - np.eye(3)[y].T
    np.testing.assert_allclose(off @ x + found.weights, 0.0, atol=1e-4)
    np.testing.assert_allclose(off.sum(axis=1), 0.0, atol=1e-4)
