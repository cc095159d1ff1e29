"""Models with a continuous label by brute force on a dense grid of (y, z): plain numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

Array = NDArray[np.float64]
#: Maps y (n,) and z (n,) to (n, D).
Function = Callable[[Array, Array], Array]

_T, _W = np.polynomial.hermite_e.hermegauss(40)
_W = _W / _W.sum()


class BruteContinuous:
    """p(x, y), p(x) and the bounds of families with a Gaussian q(y|x).

    Parameters
    ----------
    function : callable
        f.
    variance : float
        σ², the same for all dimensions.
    step : float
        Distance of the grid's nodes in y and in z.
    """

    def __init__(self, function: Function, variance: float, step: float) -> None:
        self.function, self.variance = function, variance
        self.y = np.arange(-8.5, 8.5 + step, step)
        self.step = step
        y, z = np.meshgrid(self.y, self.y, indexing="ij")
        self.f = function(y.ravel(), z.ravel())
        self.log_weight = (2.0 * np.log(step) - 0.5 * (y**2 + z**2) - np.log(2.0 * np.pi)).ravel()

    def log_joint(self, x: Array) -> Array:
        """Log p(x, y) on the grid of y, for one x."""
        square = ((x - self.f) ** 2).sum(axis=1) / self.variance
        dim = self.f.shape[1]
        each = self.log_weight - 0.5 * (square + dim * np.log(2.0 * np.pi * self.variance))
        rows: Array = logsumexp(each.reshape(self.y.size, -1), axis=1) - np.log(self.step)
        return rows

    def log_density(self, x: Array) -> float:
        return float(logsumexp(self.log_joint(x)) + np.log(self.step))

    def gaussian(self, offers: Array, mean: Array, scale: Array) -> Array:
        """E_q of offers(y), which hold log p(y), less E_q log q, for many q (n,)."""
        t = (self.y - mean[:, None]) / scale[:, None]
        q = np.exp(-0.5 * t**2) / (scale[:, None] * np.sqrt(2.0 * np.pi))
        value: Array = self.step * q @ offers + np.log(scale) + 0.5 * np.log(2.0 * np.pi * np.e)
        return value

    def best_gaussian(self, offers: Array) -> float:
        """The largest such value over a table of q, refined from its best entries."""
        mean, scale = (
            part.ravel()
            for part in np.meshgrid(np.linspace(-4, 4, 161), np.geomspace(0.1, 1.5, 60))
        )
        values = self.gaussian(offers, mean, scale)
        best = float(values.max())
        for k in np.argsort(-values)[:200:40]:
            ended = minimize(
                lambda u: -float(self.gaussian(offers, u[:1], np.exp(u[1:]))[0]),
                [mean[k], np.log(scale[k])],
                method="Nelder-Mead",
                options={"xatol": 1e-8, "fatol": 1e-12},
            )
            best = max(best, -float(ended.fun))
        return best

    def naive(self, x: Array, q: Array) -> float:
        """The ELBO of q(y) q(z) at (μ_y, μ_z, log s_y, log s_z), by Gauss-Hermite rules."""
        mean, scale = q[:2], np.exp(q[2:])
        y, z = np.meshgrid(mean[0] + scale[0] * _T, mean[1] + scale[1] * _T, indexing="ij")
        f = self.function(y.ravel(), z.ravel())
        square = ((x - f) ** 2).sum(axis=1) / self.variance
        each = -0.5 * (square + f.shape[1] * np.log(2.0 * np.pi * self.variance))
        kl = float((0.5 * (scale**2 + mean**2 - 1.0) - q[2:]).sum())
        return float(np.outer(_W, _W).ravel() @ each) - kl

    def best_naive(self, x: Array, seed: int, tries: int) -> float:
        """The largest of these over many starts."""
        rng = np.random.default_rng(seed)
        found = -np.inf
        for _ in range(tries):
            start = np.concatenate([rng.normal(size=2), rng.uniform(-2.0, 0.0, size=2)])
            ended = minimize(lambda q: -self.naive(x, q), start, method="BFGS")
            found = max(found, -float(ended.fun))
        return found
