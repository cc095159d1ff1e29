"""Computes the same figures by the means that one would use instead of the exact engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import logsumexp

from theorycheck.models import GenerativeModel

Array = NDArray[np.float64]


def grid_log_density(model: GenerativeModel, x: Array, nodes: int, reach: float = 8.0) -> Array:
    """Compute log p(x) by numpy and scipy's logsumexp on a uniform grid in z, in blocks of x."""
    z = np.linspace(-reach, reach, nodes)
    f = model.decoder(z) / model.sigma
    log_weight = -0.5 * z**2 - 0.5 * math.log(2 * math.pi) + math.log(z[1] - z[0])
    constant = -0.5 * model.data_dim * math.log(2 * math.pi) - np.log(model.sigma).sum()
    scaled = x / model.sigma
    parts = []
    for start in range(0, len(x), 512):
        block = scaled[start : start + 512]
        squared = ((block[:, None, :] - f[None]) ** 2).sum(axis=2)
        parts.append(logsumexp(log_weight - 0.5 * squared, axis=1))
    return np.concatenate(parts) + constant


def cheapest_grid(
    model: GenerativeModel, x: Array, exact: Array, accuracy: float, most: int = 200_000
) -> int:
    """Return the fewest uniform nodes that reach the accuracy at all x, or -1 if `most` do not."""
    nodes = 24
    while nodes < most:
        if np.abs(grid_log_density(model, x, nodes) - exact).max() < accuracy:
            return nodes
        nodes = int(nodes * 1.15) + 1
    return -1


def quad_log_density(model: GenerativeModel, x: Array, breakpoints: Array) -> Array:
    """Compute log p(x) by scipy.integrate.quad, told where the posterior's modes are."""
    constant = (2 * math.pi) ** (-0.5 * model.data_dim) / np.prod(model.sigma)
    result = np.empty(len(x))
    for k, point in enumerate(x):

        def integrand(z: float, point: Array = point) -> float:
            r = (point - model.decoder(np.array([z]))[0]) / model.sigma
            return float(math.exp(-0.5 * z * z - 0.5 * float(r @ r)) / math.sqrt(2 * math.pi))

        total = 0.0
        edges = [-8.0, *breakpoints, 8.0]
        for a, b in pairwise(edges):
            total += quad(integrand, a, b, epsabs=0.0, epsrel=1e-11, limit=400)[0]
        # quad can step over a narrow posterior and return zero.
        result[k] = math.log(total * constant) if total > 0.0 else -math.inf
    return result


def importance_log_density(
    model: GenerativeModel, x: Array, mean: Array, scale: Array, samples: int = 5000, seed: int = 0
) -> Array:
    """Estimate log p(x) by importance sampling in torch, from the optimal q, 1.5 times wider."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    result = np.empty(len(x))
    width = 1.5 * torch.from_numpy(scale)
    centre = torch.from_numpy(mean)
    sigma = torch.from_numpy(model.sigma.copy())
    for start in range(0, len(x), 256):
        rows = slice(start, start + 256)
        noise = torch.randn((len(x[rows]), samples), generator=generator, dtype=torch.float64)
        z = centre[rows, None] + width[rows, None] * noise
        f = torch.from_numpy(model.decoder(z.numpy().ravel())).reshape(*z.shape, -1)
        r = (torch.from_numpy(x[rows])[:, None, :] - f) / sigma
        log_w = -0.5 * z**2 - 0.5 * (r**2).sum(-1) + 0.5 * noise**2 + width[rows, None].log()
        result[rows] = (torch.logsumexp(log_w, dim=1) - math.log(samples)).numpy()
    constant = -0.5 * model.data_dim * math.log(2 * math.pi) - float(np.log(model.sigma).sum())
    return result + constant


def sampled_iwae_bound(
    model: GenerativeModel, x: Array, mean: Array, scale: Array, samples: int,
    draws: int = 100_000, seed: int = 0,
) -> tuple[Array, Array]:  # fmt: skip
    """Estimate L_S by averaging over draws of S samples, with standard error: shapes (n,)."""
    rng = np.random.default_rng(seed)
    value, error = np.empty(len(x)), np.empty(len(x))
    constant = -0.5 * model.data_dim * math.log(2 * math.pi) - np.log(model.sigma).sum()
    for k, point in enumerate(x):
        t = rng.standard_normal((draws, samples))
        z = mean[k] + scale[k] * t
        f = model.decoder(z.ravel()).reshape(*z.shape, -1)
        r = (point - f) / model.sigma
        log_w = -0.5 * z**2 - 0.5 * (r**2).sum(axis=-1) + 0.5 * t**2
        bound = logsumexp(log_w, axis=1) - math.log(samples) + math.log(scale[k]) + constant
        value[k], error[k] = bound.mean(), bound.std() / math.sqrt(draws)
    return value, error


def lbfgs_optimal_q(
    model: GenerativeModel, x: Array, starts: int = 10, nodes: int = 2001, seed: int = 0
) -> Array:
    """Return −ELBO_x at the best of several L-BFGS runs from random starts, x by x: shape (n,)."""
    rng = np.random.default_rng(seed)
    z = np.linspace(-8.0, 8.0, nodes)
    step = z[1] - z[0]
    f = model.decoder(z) / model.sigma
    constant = 0.5 * model.data_dim * math.log(2 * math.pi) + np.log(model.sigma).sum()
    best = np.full(len(x), np.inf)
    for k, point in enumerate(x / model.sigma):
        cost = 0.5 * ((point - f) ** 2).sum(axis=1)
        objective = _objective(z, step, cost)
        for _ in range(starts):
            start = np.array([rng.normal(), math.log(rng.uniform(0.05, 1.0))])
            run = minimize(objective, start, jac=True, method="L-BFGS-B")
            best[k] = min(best[k], float(run.fun))
    return best + constant


def _objective(z: Array, step: float, cost: Array) -> Callable[[Array], tuple[float, Array]]:
    def objective(q: Array) -> tuple[float, Array]:
        mean, log_scale = float(q[0]), float(np.clip(q[1], -8.0, 3.0))
        s = math.exp(log_scale)
        t = (z - mean) / s
        weight = np.exp(-0.5 * t**2) * (step / (s * math.sqrt(2 * math.pi))) * cost
        m0, m1, m2 = weight.sum(), (weight * t).sum(), (weight * t**2).sum()
        value = 0.5 * (s * s + mean * mean - 1.0) - log_scale + m0
        return float(value), np.array([mean + m1 / s, s * s - 1.0 + m2 - m0])

    return objective
