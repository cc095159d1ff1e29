"""Two latents by plain sums over a dense grid, and q by scipy: shares no code with the engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

Array = NDArray[np.float64]
Plane = Callable[[Array], Array]

#: |z| up to which the sums go.
_REACH = 8.5


def smooth_decoder(seed: int, data_dim: int, size: float = 1.0) -> Plane:
    """Make a random smooth f of two latents: a linear part, and waves that bend it."""
    rng = np.random.default_rng(seed)
    linear = rng.normal(size=(data_dim, 2))
    pushed, phase = rng.normal(size=(data_dim, 2)), rng.uniform(0.0, 6.0, data_dim)

    def f(z: Array) -> Array:
        return size * (0.6 * z @ linear.T + np.sin(z @ pushed.T + phase))

    return f


def log_joint(f: Plane, sigma: Array, x: Array, z: Array) -> Array:
    """Return log φ(z) N(x; f(z), σ²) of one x (D,) at latents (m, 2)."""
    apart = (x - f(z)) / sigma
    constant = -(1.0 + 0.5 * sigma.size) * np.log(2.0 * np.pi) - np.log(sigma).sum()
    result: Array = constant - 0.5 * (apart**2).sum(axis=1) - 0.5 * (z**2).sum(axis=1)
    return result


def log_density(f: Plane, sigma: Array, x: Array, step: float) -> Array:
    """Return log p(x) of x (n, D) by the trapezoid rule."""
    axis = np.arange(-_REACH, _REACH + step, step)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.array(
        [float(logsumexp(log_joint(f, sigma, one, z))) + 2.0 * np.log(step) for one in x]
    )


def negative_elbo(f: Plane, sigma: Array, x: Array, q: Array, a_scale: int = 3) -> float:
    """Return −ELBO at q = (μ1, μ2, log s1, log s2), by its definition, on a grid over q."""
    t = np.arange(-_REACH, _REACH + 1e-9, 1.0 / a_scale)
    pairs = np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = np.exp(-0.5 * (pairs**2).sum(axis=1))
    weight /= weight.sum()
    log_q = -0.5 * (pairs**2).sum(axis=1) - q[2:].sum() - np.log(2.0 * np.pi)
    z = q[:2] + np.exp(q[2:]) * pairs
    return float(weight @ (log_q - log_joint(f, sigma, x, z)))


def lowest_negative_elbo(f: Plane, sigma: Array, x: Array, starts: int, seed: int) -> float:
    """Return the lowest −ELBO that scipy finds from many random starts."""
    rng = np.random.default_rng(seed)
    best = np.inf
    for _ in range(starts):
        start = np.concatenate([rng.normal(size=2), rng.uniform(-2.5, 0.0, 2)])
        found = minimize(lambda q: negative_elbo(f, sigma, x, q), start, method="L-BFGS-B")
        best = min(best, float(found.fun))
    return best
