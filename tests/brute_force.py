"""Independent referees for E_q and −ELBO: slow on purpose, and sharing nothing with the engine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from theorycheck.models._generative import GenerativeModel

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)
#: |z| beyond which the engine continues f by its edge value.
EDGE = 12.0


def nodes_under(
    model: GenerativeModel, mean: float, scale: float, panels: int = 400
) -> tuple[Array, Array, Array]:
    """Return t, weights and f on a composite rule in t = (z − μ)/s, split at the kinks of f."""
    edges = np.linspace(-9.0, 9.0, panels + 1)
    kinks = np.array([*(model.decoder.breakpoints or ()), -EDGE, EDGE])
    cuts = (kinks - mean) / scale
    edges = np.unique(np.concatenate([edges, cuts[np.abs(cuts) < 9.0]]))
    half = 0.5 * np.diff(edges)
    t = (0.5 * (edges[:-1] + edges[1:])[:, None] + half[:, None] * _NODES).ravel()
    weight = (half[:, None] * _WEIGHTS).ravel() * np.exp(-0.5 * t**2) / math.sqrt(2.0 * math.pi)
    return t, weight, model.decoder(np.clip(mean + scale * t, -EDGE, EDGE))


def expectations(
    model: GenerativeModel, x: Array, mean: float, scale: float, panels: int = 400
) -> tuple[Array, Array]:
    """E_q f (D,) and E_q (x_d − f_d)² (D,)."""
    _, weight, f = nodes_under(model, mean, scale, panels)
    return weight @ f, weight @ (x - f) ** 2


def negative_elbo(
    model: GenerativeModel, x: Array, mean: float, log_scale: float, panels: int = 400
) -> tuple[float, Array]:
    """−ELBO_x(μ, s) and its gradient in (μ, log s), from their definitions."""
    scale = math.exp(log_scale)
    t, weight, f = nodes_under(model, mean, scale, panels)
    variance = model.noise_variance
    cost = weight * (0.5 * (x - f) ** 2 / variance).sum(axis=1)
    value = 0.5 * (scale**2 + mean**2 - 1.0) - log_scale + cost.sum()
    value += 0.5 * float(np.log(2.0 * np.pi * variance).sum())
    gradient = [mean + cost @ t / scale, scale**2 - 1.0 + cost @ (t**2 - 1.0)]
    return float(value), np.array(gradient)
