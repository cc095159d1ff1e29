"""Closed forms of the derivations agree with the exact engine, on random parameters."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from proofs import absolute_value, rearrangement, step_decoder
from theorycheck.inference._marginal import log_density
from theorycheck.inference._mean_field import MeanField
from theorycheck.inference._posterior import posterior
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel

Array = np.ndarray
AGREE = 1e-12
every = settings(deadline=None, derandomize=True, max_examples=20)


def number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


def vectors(low: float, high: float) -> st.SearchStrategy[list[float]]:
    return st.integers(1, 3).flatmap(lambda d: st.lists(number(low, high), min_size=d, max_size=d))


def model(function: Callable[[Array], Array], sigma: float, *breaks: float) -> GenerativeModel:
    return GenerativeModel(Decoder.from_function(function, breakpoints=breaks), sigma**2)


def linear(slopes: list[float], sigma: float) -> GenerativeModel:
    offsets = np.arange(len(slopes)) - 0.5
    return model(lambda z: np.outer(z, slopes) + offsets, sigma)


def agree(found: Array | float, wanted: Array | float) -> bool:
    difference = np.abs(np.asarray(found) - np.asarray(wanted))
    return bool((difference <= AGREE * (1.0 + np.abs(np.asarray(wanted)))).all())


def points(problem: GenerativeModel) -> Array:
    _, x = problem.sample(20, 5)
    return x


@every
@given(vectors(-2.0, 2.0), number(0.2, 1.5))
def test_linear_marginal(slopes: list[float], sigma: float) -> None:
    """linear_posterior: log p(x) is that of N(b, AAᵀ + σ²I)."""
    problem = linear(slopes, sigma)
    x = points(problem)
    covariance = np.outer(slopes, slopes) + sigma**2 * np.eye(len(slopes))
    y = x - (np.arange(len(slopes)) - 0.5)
    square = (y * np.linalg.solve(covariance, y.T).T).sum(axis=1)
    wanted = -0.5 * (square + np.linalg.slogdet(2.0 * math.pi * covariance)[1])
    assert agree(log_density(problem, x).value, wanted)


@every
@given(vectors(-2.0, 2.0), number(0.2, 1.5))
def test_linear_posterior_is_the_optimal_q(slopes: list[float], sigma: float) -> None:
    """linear_posterior, linear_mean_field: mean M⁻¹Aᵀy, variance σ²/M, KL = 0 for K = 1."""
    problem = linear(slopes, sigma)
    field, x = MeanField(problem), points(problem)
    precision = float(np.dot(slopes, slopes)) + sigma**2
    mean = (x - (np.arange(len(slopes)) - 0.5)) @ np.array(slopes) / precision
    scale = sigma / math.sqrt(precision)
    exact = posterior(problem, x[0])
    assert agree(exact.mean, mean[0])
    assert agree(exact.variance, scale**2)
    assert agree(field.negative_elbo(x, mean, scale), -log_density(problem, x).value)
    assert np.abs(field.kl(x)).max() < 10.0 * AGREE
    best = field.optimal_q(x)
    # −ELBO is flat at its minimum: μ and s are known to the root of its rounding.
    assert np.abs(best.mean - mean).max() < 1e-6
    assert np.abs(best.scale - scale).max() < 1e-6


@every
@given(vectors(-2.0, 2.0), number(0.2, 1.5), number(-2.0, 2.0), number(0.1, 1.5))
def test_quadratic_under_a_gaussian(
    slopes: list[float], sigma: float, mean: float, scale: float
) -> None:
    """gaussian_quadratic: E_q (x − az − b)² is that at the mean plus a² s²."""
    problem = linear(slopes, sigma)
    field, x = MeanField(problem), points(problem)
    first, squares = field.expectations(x, mean, scale)
    centre = np.array(slopes) * mean + np.arange(len(slopes)) - 0.5
    assert agree(first, np.broadcast_to(centre, x.shape))
    assert agree(squares, (x - centre) ** 2 + (np.array(slopes) * scale) ** 2)


@every
@given(number(0.2, 1.5), number(-2.0, 2.0), number(0.1, 1.5), number(0.0, 1.0))
def test_negative_elbo_is_affine_in_x(sigma: float, mean: float, scale: float, t: float) -> None:
    """gaussian_quadratic: |x|²/2σ² less −ELBO_x, on the chord between two x."""
    problem = model(lambda z: np.stack([np.sin(2.0 * z), z**2], axis=-1), sigma)
    field = MeanField(problem)
    x = np.array([[0.3, -1.0], [1.2, 2.0]])
    x = np.concatenate([x, [t * x[0] + (1.0 - t) * x[1]]])
    rest = (x**2).sum(axis=1) / (2.0 * sigma**2) - field.negative_elbo(x, mean, scale)
    assert agree(rest[2], t * rest[0] + (1.0 - t) * rest[1])


def _numbers(expression: sp.Expr, *symbols: sp.Symbol) -> Callable[..., Array]:
    return sp.lambdify(symbols, expression, "scipy")  # type: ignore[no-any-return]


S, MU, A, X, SIGMA = (
    step_decoder.s, step_decoder.mu, step_decoder.a, step_decoder.x, step_decoder.sigma,
)  # fmt: skip
STEP = (X, A, SIGMA)
LOG_S = sp.Symbol("lambda", real=True)
_IN_LOG_S = step_decoder.NEGATIVE_ELBO.subs(S, sp.exp(LOG_S))
#: −ELBO_x, s∂_μ, ∂_{log s}, s²∂²_μ, s∂_μ∂_{log s}, ∂²_{log s}, as the engine returns them.
_DERIVATIVES = [
    (sp.diff(_IN_LOG_S, *by) if by else _IN_LOG_S) * sp.exp(LOG_S) ** by.count(MU)
    for by in ((), (MU,), (LOG_S,), (MU, MU), (MU, LOG_S), (LOG_S, LOG_S))
]


@every
@given(number(0.1, 2.0), number(0.2, 1.5))
def test_step_density_and_posterior(a: float, sigma: float) -> None:
    """step_decoder: two Gaussians, and the probability of z > 0."""
    problem = model(lambda z: a * np.sign(z), sigma, 0.0)
    x = points(problem)
    density = _numbers(step_decoder.DENSITY, *STEP)(x[:, 0], a, sigma)
    assert agree(log_density(problem, x).value, np.log(density))
    exact = posterior(problem, x[0])
    probability = _numbers(step_decoder.PROBABILITY, *STEP)(x[0, 0], a, sigma)
    assert agree(exact.expectation(exact.z > 0.0), probability)


@every
@given(number(0.1, 2.0), number(0.2, 1.5), number(-2.0, 2.0), number(0.1, 1.5))
def test_step_negative_elbo_and_its_derivatives(
    a: float, sigma: float, mean: float, scale: float
) -> None:
    """step_decoder, gaussian_kl, gaussian_derivatives: the value and five derivatives."""
    problem = model(lambda z: a * np.sign(z), sigma, 0.0)
    x = points(problem)
    found = MeanField(problem).derivatives(x, mean, scale)
    for column, expression in enumerate(_DERIVATIVES):
        wanted = _numbers(expression, *STEP, MU, LOG_S)(x[:, 0], a, sigma, mean, math.log(scale))
        size = np.abs(found).max()
        assert np.abs(found[:, column] - wanted).max() < 10.0 * AGREE * (1.0 + size)


@every
@given(st.integers(1, 3), number(0.2, 1.5), number(-2.0, 2.0), number(0.1, 1.5))
def test_absolute_value(dim: int, sigma: float, mean: float, scale: float) -> None:
    """absolute_value: p(x), the posterior's mean of |z|, and E_q |z|."""
    problem = model(lambda z: np.repeat(np.abs(z)[:, None], dim, axis=1), sigma, 0.0)
    x = points(problem)
    symbols = (absolute_value.y, absolute_value.w, absolute_value.d, absolute_value.sigma)
    values = (x.sum(axis=1), (x**2).sum(axis=1), dim, sigma)
    density = _numbers(absolute_value.DENSITY, *symbols)(*values)
    evidence = log_density(problem, x)
    assert agree(evidence.value, np.log(density))
    of_abs = _numbers(absolute_value.POSTERIOR_MEAN_OF_ABS, *symbols)(*values)
    assert agree(evidence.posterior_mean_f, np.repeat(of_abs[:, None], dim, axis=1))
    first, squares = MeanField(problem).expectations(x, mean, scale)
    wanted = _numbers(absolute_value.MEAN_OF_ABS, absolute_value.mu, absolute_value.s)(mean, scale)
    assert agree(first, np.full_like(x, wanted))
    assert agree(squares, x**2 - 2.0 * x * wanted + mean**2 + scale**2)


@every
@given(number(0.02, 0.98), number(0.2, 1.0))
def test_rearrangements_have_the_density_of_the_absolute_value(w: float, sigma: float) -> None:
    """rearrangement: V-shapes with branches of mass w and 1 − w."""
    corner = float(ndtri(w))

    def v_shape(z: Array) -> Array:
        left = -ndtri(np.minimum(ndtr(z) / (2.0 * w), 0.5))
        right = -ndtri(np.minimum(ndtr(-z) / (2.0 * (1.0 - w)), 0.5))
        return np.where(z < corner, left, right)

    symbols = (absolute_value.y, absolute_value.w, absolute_value.d, absolute_value.sigma)
    x = points(model(np.abs, sigma, 0.0))
    density = _numbers(absolute_value.DENSITY, *symbols)(x[:, 0], x[:, 0] ** 2, 1, sigma)
    assert agree(log_density(model(v_shape, sigma, corner), x).value, np.log(density))


def test_the_monotone_rearrangement_is_the_limit() -> None:
    z = np.linspace(-4.0, 4.0, 81)
    found = _numbers(rearrangement.MONOTONE, rearrangement.z)(z)
    # 1 + Φ(z) keeps an absolute 1e-16, which Φ⁻¹ magnifies.
    assert np.abs(found - -ndtri(ndtr(-z) / 2.0)).max() < 1e-10
