"""−ELBO_x at a q that somebody brings, without sampling z: tensor Gauss-Hermite rules in q.

The rule has no draws in it, and two orders say how well it resolves f where q is: an encoder's q
can be much wider than f bends, and then the radius is what the rules differ by.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.inference import product_rule
from theorycheck.models import GenerativeModel

#: Nodes a latent of the two rules, by K.
_ORDERS = {1: (20, 28), 2: (20, 28), 3: (12, 18)}
#: Numbers f(z) held at once.
_AT_ONCE = 4_000_000


def negative_elbo_at(
    model: GenerativeModel,
    x: Points,
    mean: Float64[Array, "n K"],
    scale: Float64[Array, "n K"],
) -> tuple[PerPoint, PerPoint]:
    """Compute −ELBO_x for given q, any K.

    Parameters
    ----------
    model : GenerativeModel
        Decoder and σ².
    x : ndarray, shape (n, D)
        Data points.
    mean, scale : ndarray, shape (n, K)
        μ and s of q(z|x).

    Returns
    -------
    value, radius : ndarray, shape (n,)
        Nats; the radius is what two orders of the rule differ by.
    """
    coarse, fine = (_by_rule(model, x, mean, scale, order) for order in _ORDERS[mean.shape[1]])
    return fine, np.abs(fine - coarse) + 1e-13 * (1.0 + np.abs(fine))


def _by_rule(model: GenerativeModel, x: Points, mean: Array, scale: Array, order: int) -> PerPoint:
    latents = mean.shape[1]
    rule = product_rule(order, latents)
    t, weight = rule.t, rule.weight
    constant = 0.5 * float(np.log(2.0 * math.pi * model.noise_variance).sum())
    value: Array = (0.5 * (mean**2 + scale**2 - 1.0) - np.log(scale)).sum(axis=1) + constant
    together = max(1, _AT_ONCE // (len(t) * model.data_dim))
    for start in range(0, len(x), together):
        rows = slice(start, start + together)
        z = (mean[rows, None] + scale[rows, None] * t).reshape(-1, latents)
        f = model.decoder(z if latents > 1 else z[:, 0]).reshape(-1, len(t), model.data_dim)
        square = np.square((x[rows, None] - f) / model.sigma).sum(axis=2)
        value[rows] += 0.5 * (square @ weight)
    return value
