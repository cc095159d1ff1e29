"""Radii of the linear-Gaussian model in closed form: rounding, and what its grid leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from tests.radii.table import Table, getter, off, shortfall
from theorycheck.inference import ExactLinearGaussian, LinearGaussianModel


def _log_p(function: Callable[..., Any]) -> float:
    """Against sixty digits, where the covariance is nearly singular and x is far out."""
    worst = 0.0
    rng = np.random.default_rng(2)
    for scale in (1.0, 1e2, 1e4):
        w, variance = scale * rng.normal(size=(3, 2)), np.array([1e-3, 0.5, 2.0])
        exact = ExactLinearGaussian(LinearGaussianModel(w, variance))
        x = 10.0 * scale * rng.normal(size=(8, 3))
        found = function(exact, x)
        errors = [
            abs(float(mpmath.mpf(float(v)) - _referee(w, variance, row)))
            for v, row in zip(found.value, x, strict=True)
        ]
        # A radius of 1 would be honest: in relative terms it is small.
        useful = float((found.error > 1e-4 * (1.0 + np.abs(found.value))).any())
        worst = max(worst, shortfall(errors, found.error), useful)
    return worst


def _referee(w: Any, variance: Any, x: Any) -> Any:
    with mpmath.workdps(60):
        loadings = mpmath.matrix(w.tolist())
        covariance = loadings * loadings.T + mpmath.diag(variance.tolist())
        column = mpmath.matrix(x.tolist())
        square = (column.T * mpmath.lu_solve(covariance, column))[0]
        return -(square + mpmath.log(mpmath.det(covariance)) + 3 * mpmath.log(2 * mpmath.pi)) / 2


def _left_out(function: Callable[..., Any]) -> float:
    """Beyond an ellipse of 46 nats lies exp(−46) in the plane, a normal tail on the line."""
    found = []
    for dim in (1, 2):
        model = LinearGaussianModel(np.ones((dim, 1)), 0.5)
        found.append(function(ExactLinearGaussian(model), 0.5).missing_mass)
    return off(found, [math.erfc(math.sqrt(46.0)) + 1e-17, math.exp(-46.0) + 1e-17])


def _own_gain(function: Callable[..., Any]) -> float:
    """Against sixty digits, where W Wᵀ is far above σ² and where W is orthogonal but for 1e-6."""
    worst = 0.0
    rng = np.random.default_rng(4)
    near = np.array([[1.0, 1e-6], [0.0, 2.0], [0.5e-6, 0.0]])
    for w in (rng.normal(size=(3, 2)), 30.0 * rng.normal(size=(3, 2)), near):
        variance = np.array([1e-2, 0.5, 2.0])
        found = function(ExactLinearGaussian(LinearGaussianModel(w, variance)))
        exact = _gain_referee(w, variance)
        useful = float(found.error > 1e-6 * (1.0 + exact))
        worst = max(worst, shortfall([abs(found.value - exact)], [found.error]), useful)
    return worst


def _gain_referee(w: Any, variance: Any) -> float:
    """D(W) less D(W'), with D = E_p E_q Σ_d (x_d − (W z)_d)²/2σ_d² and W' its least squares."""
    with mpmath.workdps(60):
        loadings, noise = mpmath.matrix(w.tolist()), mpmath.diag(variance.tolist())
        covariance = loadings * loadings.T + noise
        precision = mpmath.eye(2) + loadings.T * noise**-1 * loadings
        to_mean = precision**-1 * loadings.T * noise**-1
        width = mpmath.diag([1 / precision[0, 0], 1 / precision[1, 1]])
        cross, second = covariance * to_mean.T, to_mean * covariance * to_mean.T + width

        def cost(v: Any) -> Any:
            moment = covariance - v * cross.T - cross * v.T + v * second * v.T
            return sum(moment[d, d] / (2 * variance[d]) for d in range(3))

        return float(cost(loadings) - cost(cross * second**-1))


_OWN = getter(ExactLinearGaussian, "own_m_step_gain")
_LOG_P, _GRID = ExactLinearGaussian.log_density, ExactLinearGaussian.grid

LINEAR_GAUSSIAN: Table = {
    "log p known exactly": (_log_p, _LOG_P, "error = _ROUNDING *", "error = 0.0 *"),
    "without the condition": (_log_p, _LOG_P, "* condition *", "* 1e-9 *"),
    "without the exponent": (_log_p, _LOG_P, "+ exponent +", "+ 0.0 * exponent +"),
    "own M-step: known exactly": (
        _own_gain, _OWN, "_ROUNDING * condition * size * step + 1e-300", "0.0",
    ),
    "own M-step: without the condition": (
        _own_gain, _OWN, "_ROUNDING * condition * size * step", "1e-19 * size * step",
    ),
    "grid: nothing left out": (_left_out, _GRID, "missing_mass=tail + 1e-17", "missing_mass=0.0"),
    "grid: without rounding": (
        _left_out, _GRID, "missing_mass=tail + 1e-17", "missing_mass=tail",
    ),
    "grid: a line's tail in the plane": (
        _left_out, _GRID, "math.exp(-_DEPTH) if dim == 2 else", "0.0 if dim == 2 else",
    ),
}  # fmt: skip
