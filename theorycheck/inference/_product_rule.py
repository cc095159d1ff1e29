"""Expectations under q = Π N(μ_k, s_k²) by Gauss-Hermite rules in each latent, with derivatives.

With t_k = (z_k − μ_k)/s_k, every derivative of E_q g by means and log scales is a moment of g with
Hermite polynomials in the t_k (docs/theory.md), so that g's own derivatives are never asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import product

import numpy as np
from jaxtyping import Float64
from numpy.polynomial.hermite_e import hermegauss, hermeval

from theorycheck.arrays import Array, PerPoint
from theorycheck.inference._descent import Local
from theorycheck.quadrature.kernels import MOMENTS, MOMENTS_OF_THREE

#: The degrees of the Hermite polynomials of a moment, one for each latent.
Degrees = tuple[int, ...]


#: Which column of the moments that kernels of two and of three latents fill is of which degrees.
_OF_KERNELS: dict[int, dict[Degrees, int]] = {
    2: {pair: number for number, pair in enumerate(MOMENTS)},
    3: {triple: number for number, triple in enumerate(MOMENTS_OF_THREE)},
}


def degrees_of_moments(latent_dim: int) -> tuple[Degrees, ...]:
    """Return the degrees of all moments that value, gradient and Hessian are made of.

    Parameters
    ----------
    latent_dim : int
        Number of latents K.

    Returns
    -------
    tuple of tuple of int
        1 + 4K single ones and those of two latents up to degree 2 in each.
    """
    single = [_at(latent_dim, (k, a)) for k in range(latent_dim) for a in (1, 2, 3, 4)]
    pairs = [
        _at(latent_dim, (k, a), (m, b))
        for k in range(latent_dim)
        for m in range(k)
        for a, b in product((1, 2), repeat=2)
    ]
    return (_at(latent_dim), *single, *pairs)


def _at(latent_dim: int, *entries: tuple[int, int]) -> Degrees:
    degrees = [0] * latent_dim
    for axis, degree in entries:
        degrees[axis] = degree
    return tuple(degrees)


class ProductRule:
    """A tensor Gauss-Hermite rule in K latents.

    Parameters
    ----------
    order : int
        Nodes a latent.
    latent_dim : int
        Number of latents K.
    """

    def __init__(self, order: int, latent_dim: int) -> None:
        self.order, self.latent_dim = order, latent_dim
        nodes, weights = hermegauss(order)
        weights = weights / weights.sum()
        #: Nodes (N, K) of N(0, I) and their weights (N,).
        self.t = np.array(list(product(nodes, repeat=latent_dim)))
        self.weight = np.array(list(product(weights, repeat=latent_dim))).prod(axis=1)
        degrees = degrees_of_moments(latent_dim)
        self.columns: Mapping[Degrees, int] = {one: k for k, one in enumerate(degrees)}
        hermite = np.stack([hermeval(self.t, np.eye(5)[a]) for a in range(5)])
        #: Weights times polynomials, (N, moments).
        self.basis = np.stack(
            [
                self.weight * np.prod([hermite[a, :, k] for k, a in enumerate(one)], axis=0)
                for one in degrees
            ],
            axis=1,
        )


@cache
def product_rule(order: int, latent_dim: int) -> ProductRule:
    """Return the rule of an order, made once."""
    return ProductRule(order, latent_dim)


def with_prior(
    moments: Float64[Array, "n moments"],
    columns: Mapping[Degrees, int],
    mean: Float64[Array, "n K"],
    scale: Float64[Array, "n K"],
) -> Local:
    """Add KL[q ‖ N(0, I)] to the moments of a function: value, gradient and Hessian.

    Parameters
    ----------
    moments : ndarray, shape (n, M)
        E_q g He_a(t_1) He_b(t_2) ….
    columns : mapping
        Which column has the moment of which degrees.
    mean, scale : ndarray, shape (n, K)
        μ and s.

    Returns
    -------
    Local
        Derivatives are by (μ_k/s_k …, log s_k …).
    """
    count, dim = mean.shape
    square = scale**2

    def at(*entries: tuple[int, int]) -> Array:
        found: Array = moments[:, columns[_at(dim, *entries)]]
        return found

    gradient = np.empty((count, 2 * dim))
    hessian = np.empty((count, 2 * dim, 2 * dim))
    for k in range(dim):
        first, second = at((k, 1)), at((k, 2))
        gradient[:, k] = first + scale[:, k] * mean[:, k]
        gradient[:, dim + k] = second + square[:, k] - 1.0
        for m in range(k):
            hessian[:, k, m] = at((k, 1), (m, 1))
            hessian[:, dim + k, dim + m] = at((k, 2), (m, 2))
            hessian[:, dim + k, m] = at((k, 2), (m, 1))
            hessian[:, dim + m, k] = at((k, 1), (m, 2))
        hessian[:, k, k] = second + square[:, k]
        hessian[:, dim + k, k] = at((k, 3))
        hessian[:, dim + k, dim + k] = 2.0 * (second + square[:, k]) + at((k, 4))
    upper = np.triu_indices(2 * dim, 1)
    hessian[:, upper[0], upper[1]] = hessian[:, upper[1], upper[0]]
    return Local(at() + kl_from_prior(mean, scale), gradient, hessian)


def columns_of_moments(latents: int) -> Mapping[Degrees, int]:
    """Return which column of the moments that kernels fill is of which degrees, for K latents."""
    return _OF_KERNELS[latents]


def local_of_moments(
    fill: Callable[[Float64[Array, "n K"], Float64[Array, "n K"], Float64[Array, "n m"]], None],
    points: Float64[Array, "n width"],
) -> Local:
    """Evaluate −ELBO_x of two or three latents, up to a constant, by a kernel of its moments.

    Parameters
    ----------
    fill : callable
        Takes μ and s, each (n, K), and fills the moments of |x − f|²/2σ² under q, (n, 13) for two
        latents and (n, 25) for three.
    points : ndarray, shape (n, 2K)
        μ, then log s.

    Returns
    -------
    Local
        Derivatives are by (μ_k/s_k …, log s_k …).
    """
    latents = points.shape[1] // 2
    columns = columns_of_moments(latents)
    mean, scale = points[:, :latents].copy(), np.exp(points[:, latents:])
    moments = np.empty((len(points), len(columns)))
    fill(mean, scale, moments)
    return with_prior(moments, columns, mean, scale)


def kl_from_prior(mean: Float64[Array, "n K"], scale: Float64[Array, "n K"]) -> PerPoint:
    """Return KL[Π N(μ_k, s_k²) ‖ N(0, I)], nats, shape (n,)."""
    result: Array = (0.5 * (scale**2 + mean**2 - 1.0) - np.log(scale)).sum(axis=1)
    return result
