"""The PMO of a smooth decoder by brute force: plain numpy, no code of the engine.

p(x) is a trapezoid sum over z; E_q is Gauss–Hermite; the optimal q is the best of a dense table of
(μ, s), polished by Newton's method in every basin that could be the lowest; the average over x is
a trapezoid rule along the first data dimension, with the intervals in which q* jumps cut finely
and two steps extrapolated, and another rule along the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: f of latents (n,): (n, D).
Function = Callable[[Array], Array]

#: Latents of p(x), and nodes of E_q.
_LATENTS = np.linspace(-9.0, 9.0, 2_401)
_T, _W = np.polynomial.hermite_e.hermegauss(64)
_W = _W / _W.sum()
#: The table of q.
_MEANS = np.arange(-6.6, 6.6001, 0.025)
_LOG_SCALES = np.arange(-3.2, 0.31, 0.1)
#: Nats above the lowest table value within which a basin is polished.
_MARGIN = 0.15
#: Nats that a Newton step may gain where it is the last.
_RESTS = 1e-13
#: Parts of an interval in which q* jumps.
_PARTS = 64


class Referee:
    """E_p KL[q* ‖ p(z|x)] of one model on its own data.

    Parameters
    ----------
    function : callable
        f.
    variance : array_like, shape (D,)
        σ².
    """

    def __init__(self, function: Function, variance: Any) -> None:
        self.f = function
        self.variance = np.asarray(variance, dtype=float)
        self.sigma = np.sqrt(self.variance)
        z = _MEANS[:, None, None] + np.exp(_LOG_SCALES)[:, None] * _T
        f = function(z.ravel()).reshape(*z.shape, -1)
        self.mean_f = np.einsum("mstd,t->msd", f, _W)
        self.square = np.einsum("mstd,t->ms", f**2 / self.variance, _W)
        scale = np.exp(2.0 * _LOG_SCALES)
        self.prior = 0.5 * (_MEANS[:, None] ** 2 + scale - 1.0) - _LOG_SCALES
        self.centre = function(_LATENTS) / self.sigma
        self.weight = (_LATENTS[1] - _LATENTS[0]) * np.exp(-0.5 * _LATENTS**2)
        self.weight /= math.sqrt(2.0 * math.pi)

    def log_p(self, x: Array) -> Array:
        """Log p(x) less its Gaussian constant."""
        parts = []
        for rows in np.array_split(x / self.sigma, 1 + len(x) // 2_000):
            exponent = -0.5 * ((rows[:, None, :] - self.centre) ** 2).sum(-1)
            parts.append(np.log(np.exp(exponent) @ self.weight))
        return np.concatenate(parts)

    def best(self, x: Array) -> tuple[Array, Array]:
        """Return the least −ELBO_x, less the same constant, and its μ."""
        values, means = [], []
        for rows in np.array_split(x, 1 + len(x) // 500):
            value, mean = self._best(rows)
            values.append(value)
            means.append(mean)
        return np.concatenate(values), np.concatenate(means)

    def _best(self, x: Array) -> tuple[Array, Array]:
        fixed = self.prior + 0.5 * self.square
        cost = fixed - np.einsum("msd,nd->nms", self.mean_f / self.variance, x)
        cost += 0.5 * (x**2 / self.variance).sum(-1)[:, None, None]
        which = cost.argmin(axis=2)
        along = np.take_along_axis(cost, which[:, :, None], axis=2)[:, :, 0]
        padded = np.pad(along, ((0, 0), (1, 1)), constant_values=np.inf)
        basin = (along <= padded[:, :-2]) & (along <= padded[:, 2:])
        basin &= along <= along.min(axis=1)[:, None] + _MARGIN
        row, column = np.nonzero(basin)
        mean, log_scale = _MEANS[column], _LOG_SCALES[which[row, column]]
        value, mean = self._polish(x[row], mean, log_scale)
        lowest, at = np.full(len(x), np.inf), np.zeros(len(x))
        for one, v, m in zip(row, value, mean, strict=True):
            if v < lowest[one]:
                lowest[one], at[one] = v, m
        return lowest, at

    def _polish(self, x: Array, mean: Array, log_scale: Array) -> tuple[Array, Array]:
        """Newton's method in (μ, log s), halved until it descends."""
        value = self._derivatives(x, mean, log_scale, value_only=True)[0]
        mean, log_scale, going = mean.copy(), log_scale.copy(), np.arange(len(x))
        for _ in range(20):
            ours, m0, s0, v0 = x[going], mean[going], log_scale[going], value[going]
            _, slope, hessian = self._derivatives(ours, m0, s0)
            lowest = np.linalg.eigvalsh(hessian)[:, :1]
            shift = np.maximum(1e-3 - lowest, 0.0)[:, :, None] * np.eye(2)
            step = -np.linalg.solve(hessian + shift, slope[:, :, None])[:, :, 0]
            step *= np.minimum(1.0, 0.5 / np.maximum(np.abs(step).max(axis=1), 1e-9))[:, None]
            share, trial = np.ones(going.size), np.full(going.size, np.inf)
            for _ in range(25):
                left = np.flatnonzero(trial > v0)
                if left.size == 0:
                    break
                m = m0[left] + share[left] * step[left, 0] * np.exp(s0[left])
                s = s0[left] + share[left] * step[left, 1]
                trial[left] = self._derivatives(ours[left], m, s, value_only=True)[0]
                share[left[trial[left] > v0[left]]] *= 0.5
            lower = trial <= v0
            mean[going] += np.where(lower, share * step[:, 0] * np.exp(s0), 0.0)
            log_scale[going] += np.where(lower, share * step[:, 1], 0.0)
            value[going] = np.minimum(trial, v0)
            # At the minimum to rounding: what a step can gain is far below what is asked for.
            going = going[np.abs((slope * step).sum(axis=1)) > _RESTS]
            if going.size == 0:
                break
        return value, mean

    def _derivatives(
        self, x: Array, mean: Array, log_scale: Array, value_only: bool = False
    ) -> tuple[Array, Array, Array]:
        """Value, and slope and curvature in (μ/s, log s), by moments of the cost under q."""
        s = np.exp(log_scale)
        z = mean[:, None] + s[:, None] * _T
        f = self.f(z.ravel()).reshape(*z.shape, -1)
        cost = 0.5 * ((x[:, None, :] - f) ** 2 / self.variance).sum(-1)
        value = cost @ _W + 0.5 * (mean**2 + s**2 - 1.0) - log_scale
        if value_only:
            return value, value, value
        h1, h2 = _T, _T**2 - 1.0
        h3, h4 = _T**3 - 3.0 * _T, _T**4 - 6.0 * _T**2 + 3.0
        e1, e2, e3, e4 = (cost @ (_W * h) for h in (h1, h2, h3, h4))
        slope = np.stack([e1 + mean * s, e2 + s**2 - 1.0], axis=1)
        hessian = np.empty((len(x), 2, 2))
        hessian[:, 0, 0] = e2 + s**2
        hessian[:, 0, 1] = hessian[:, 1, 0] = e3
        hessian[:, 1, 1] = e4 + 2.0 * e2 + 2.0 * s**2
        return value, slope, hessian

    def line(self, axis: Array, others: Array) -> float:
        """Integrate p KL along the first data dimension, the others held."""
        x = np.column_stack([axis, np.broadcast_to(others, (axis.size, others.size))])
        density, kl, mean = self._at(x)
        terms = density * kl
        step = axis[1] - axis[0]
        total = step * float(terms.sum())
        seen = density > 1e-12 * self._peak
        jumps = np.flatnonzero((np.abs(np.diff(mean)) > 0.08) & seen[1:])
        if jumps.size == 0:
            return total
        # An interval with a kink: its trapezoid gives way to 64 of its own.
        inner = axis[jumps, None] + step * np.arange(_PARTS + 1) / _PARTS
        fine = np.column_stack([inner.ravel(), np.broadcast_to(others, (inner.size, others.size))])
        density, kl, _ = self._at(fine)
        values = (density * kl).reshape(inner.shape)
        cut = step / _PARTS * (values.sum(axis=1) - 0.5 * (values[:, 0] + values[:, -1]))
        coarse = 0.5 * step * (values[:, 0] + values[:, -1])
        return total + float((cut - coarse).sum())

    def _at(self, x: Array) -> tuple[Array, Array, Array]:
        log_p = self.log_p(x)
        value, mean = self.best(x)
        return np.exp(log_p) / self._constant, value + log_p, mean

    @property
    def _constant(self) -> float:
        return float((2.0 * math.pi) ** (0.5 * self.sigma.size) * self.sigma.prod())

    @property
    def _peak(self) -> float:
        return 1.0 / self._constant

    def pmo(self, step: float, other: float = 0.25) -> tuple[float, float]:
        """Return E_p KL, and how far it moved from a rule of twice the step.

        Between kinks the trapezoid rule errs by h²/12 times what the slope has changed: two steps
        tell that, and it is taken off.

        Parameters
        ----------
        step : float
            Along the first dimension, in σ.
        other : float
            Along the second, in σ: what the first leaves is smooth there.
        """
        halved, whole = (self._trapezoid(h, other) for h in (0.5 * step, step))
        better = (4.0 * halved - whole) / 3.0
        return better, abs(better - halved) / 3.0

    def _trapezoid(self, step: float, other: float) -> float:
        reach = self.f(np.linspace(-6.5, 6.5, 2_001))
        low, high = reach.min(axis=0) - 7.5 * self.sigma, reach.max(axis=0) + 7.5 * self.sigma
        axis = np.arange(low[0], high[0], step * self.sigma[0])
        if self.sigma.size == 1:
            return self.line(axis, np.empty(0))
        outer = np.arange(low[1], high[1], other * self.sigma[1])
        rows = [self.line(axis, np.array([second])) for second in outer]
        return float(outer[1] - outer[0]) * float(np.sum(rows))
