"""Labelled models by brute force on a dense grid of z: plain numpy, no code of the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

_LATENTS = np.linspace(-9.5, 9.5, 76_001)
_T, _W = np.polynomial.hermite_e.hermegauss(96)
_W = _W / _W.sum()


class BruteLabels:
    """p(x, y) and the bounds of a labelled model.

    Parameters
    ----------
    functions : sequence of callable
        f_y, (n,) to (n, D).
    prior : array
        π.
    variance : array, shape (D,)
        σ².
    """

    def __init__(self, functions: Sequence[Function], prior: Array, variance: Array) -> None:
        self.functions, self.variance = functions, np.asarray(variance, dtype=float)
        self.log_prior = np.log(np.asarray(prior, dtype=float))
        self.values = [function(_LATENTS) for function in functions]
        step = _LATENTS[1] - _LATENTS[0]
        self.log_weight = np.log(step) - 0.5 * _LATENTS**2 - 0.5 * np.log(2.0 * np.pi)

    def _log_noise(self, x: Array, f: Array) -> Array:
        square = ((x - f) ** 2 / self.variance).sum(axis=-1)
        return -0.5 * (square + np.log(2.0 * np.pi * self.variance).sum())

    def log_joint(self, x: Array) -> Array:
        """Log p(x, y), shape (C, n)."""
        rows = [
            [logsumexp(self.log_weight + self._log_noise(one, f)) for one in x] for f in self.values
        ]
        return np.array(rows) + self.log_prior[:, None]

    def offers(self, x: Array, mean: float, log_scale: float) -> Array:
        """Log π_y − KL − E_q c_y at one x, shape (C,)."""
        z = mean + np.exp(log_scale) * _T
        kl = 0.5 * (np.exp(2.0 * log_scale) + mean**2 - 1.0) - log_scale
        costs = [_W @ self._log_noise(x, function(z)) for function in self.functions]
        return self.log_prior - kl + np.array(costs)

    def best(self, x: Array, value: Callable[[Array], float], seed: int, tries: int) -> float:
        """The largest value of the offers over many starts of (μ, log s), at one x."""
        rng = np.random.default_rng(seed)
        found = -np.inf
        for _ in range(tries):
            start = [rng.normal(scale=1.5), rng.uniform(-3.5, 0.2)]
            ended = minimize(
                lambda u: -value(self.offers(x, u[0], u[1])),
                start,
                method="Nelder-Mead",
                options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 600},
            )
            found = max(found, -float(ended.fun))
        return found
