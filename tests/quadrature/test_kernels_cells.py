"""Sums over cells: against the engine's quadrature, scipy's normal law and finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import log_ndtr, ndtr
from scipy.stats import norm

from tests.mutants import mutant
from theorycheck.inference._mean_field import MeanField
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._table import decoder_from_table
from theorycheck.quadrature.kernels import _cells as kernels
from theorycheck.quadrature.kernels._layouts import Cells
from theorycheck.quadrature.kernels._normal_tail import REACH, fill_tail_and_density

Array = np.ndarray


def random_cells(count: int, dim: int, seed: int) -> tuple[Array, Array, Array]:
    """Boundaries, f and σ² of a decoder on cells, some of them narrow."""
    rng = np.random.default_rng(seed)
    boundary = np.sort(rng.normal(size=count - 1))
    return boundary, rng.normal(size=(count, dim)), rng.uniform(0.02, 0.5, size=dim)


def as_kernel_cells(boundary: Array, f: Array) -> Cells:
    return Cells(
        boundary,
        np.ascontiguousarray(np.diff(f, axis=0).T),
        np.ascontiguousarray(0.5 * (f[1:] + f[:-1]).T),
        np.ascontiguousarray(f),
    )


def masses(boundary: Array, mean: float, scale: float) -> Array:
    """κ_j, each from the side on which it does not cancel."""
    t = np.concatenate([[-np.inf], (boundary - mean) / scale, [np.inf]])
    return np.where(t[:-1] > 0.0, ndtr(-t[:-1]) - ndtr(-t[1:]), ndtr(t[1:]) - ndtr(t[:-1]))


def plain_value(x: Array, q: Array, boundary: Array, f: Array, variance: Array) -> float:
    """−ELBO_x by its definition, without the constant of the normal density."""
    mean, log_scale = q
    scale = math.exp(log_scale)
    cost = (0.5 * (x - f) ** 2 / variance).sum(axis=1)
    prior = 0.5 * (scale**2 + mean**2 - 1.0) - log_scale
    return float(prior + masses(boundary, mean, scale) @ cost)


def evaluate(x: Array, q: Array, boundary: Array, f: Array, variance: Array) -> tuple[float, ...]:
    work = np.empty((4, boundary.size))
    result: tuple[float, ...] = kernels.cell_negative_elbo(
        x, q[0], q[1], 1.0 / np.sqrt(variance), as_kernel_cells(boundary, f), work
    )
    return result


QS = [(0.3, 0.0), (-1.0, -1.0), (0.1, -4.0), (2.5, 0.6), (0.0, -9.0)]


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("q", QS)
def test_value_and_derivatives_are_those_of_the_engine(dim: int, q: tuple[float, float]) -> None:
    boundary, f, variance = random_cells(40, dim, dim)
    model = GenerativeModel(decoder_from_table(boundary, f, kind="cells"), variance)
    x = np.random.default_rng(5).normal(size=dim)
    found = np.array(evaluate(x, np.array(q), boundary, f, variance))
    found[0] += 0.5 * np.log(2.0 * np.pi * variance).sum()
    engine = MeanField(model).derivatives(x[None], q[0], math.exp(q[1]))[0]
    assert np.abs(found - engine).max() <= 1e-11 * max(1.0, np.abs(engine).max())


@pytest.mark.parametrize("q", QS[:4])
def test_derivatives_against_differences(q: tuple[float, float]) -> None:
    boundary, f, variance = random_cells(25, 2, 9)
    x, at, s = np.array([0.4, -0.7]), np.array(q), math.exp(q[1])
    found = evaluate(x, at, boundary, f, variance)

    def value(a: float, b: float) -> float:
        # In the kernel's own variables: μ in units of s, and log s at fixed μ.
        return plain_value(x, at + np.array([s * a, b]), boundary, f, variance)

    h = 1e-4
    slope = [(value(h, 0) - value(-h, 0)) / (2 * h), (value(0, h) - value(0, -h)) / (2 * h)]
    centre = value(0.0, 0.0)
    second = [
        (value(h, 0) - 2 * centre + value(-h, 0)) / h**2,
        (value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h**2),
        (value(0, h) - 2 * centre + value(0, -h)) / h**2,
    ]
    scale = max(1.0, *map(abs, found))
    assert found[0] == pytest.approx(centre, rel=1e-13)
    assert np.allclose(found[1:3], slope, rtol=0.0, atol=2e-6 * scale)
    assert np.allclose(found[3:], second, rtol=0.0, atol=2e-5 * scale)


def test_tail_and_density_against_scipy() -> None:
    t = np.concatenate([np.linspace(-10.0, 10.0, 4001), [0.0, -0.0, REACH, -REACH]])
    tail, density = np.empty_like(t), np.empty_like(t)
    fill_tail_and_density(t, 0, t.size, tail, density)
    inside = np.abs(t) <= REACH
    exact = norm.sf(t[inside])
    assert np.abs(tail[inside] / exact - 1.0).max() < 2e-14
    assert np.abs(tail[inside] - exact).max() < 5e-16
    assert np.abs(density[inside] / norm.pdf(t[inside]) - 1.0).max() < 2e-14
    # Beyond the reach the tail stands still; it is too small to be told from 0 and 1.
    assert tail[t > REACH].max() < 2e-19
    assert (tail[t < -REACH] == 1.0).all()


def test_masses_are_those_of_scipy() -> None:
    boundary, _, _ = random_cells(60, 1, 2)
    mean, scale = np.array([0.0, 1.2, -3.0, 0.5]), np.array([1.0, 0.05, 0.7, 1e-6])
    found = np.empty((4, 60))
    kernels.cell_masses_batch(mean, scale, boundary, found)
    exact = np.stack([masses(boundary, m, s) for m, s in zip(mean, scale, strict=True)])
    assert np.abs(found - exact).max() < 1e-15
    assert np.abs(found.sum(axis=1) - 1.0).max() < 1e-15


def m_step_discrepancy(function: Callable[..., Any]) -> float:
    """The M-step's sums against κ as a matrix."""
    boundary, _, _ = random_cells(50, 2, 3)
    rng = np.random.default_rng(4)
    size, chunks = 37, 4
    mass, x = rng.dirichlet(np.ones(size)), rng.normal(size=(size, 2))
    mean, log_scale = rng.normal(size=size), rng.uniform(-4.0, 0.0, size=size)
    aggregate, moment = np.zeros((chunks, 50)), np.zeros((chunks, 50, 2))
    square = np.zeros((chunks, 50, 2))
    function(mass, x, mean, log_scale, boundary, aggregate, moment, square)
    kappa = np.stack([masses(boundary, m, np.exp(s)) for m, s in zip(mean, log_scale, strict=True)])
    weighted = mass[:, None] * kappa
    return max(
        float(np.abs(aggregate.sum(axis=0) - weighted.sum(axis=0)).max()),
        float(np.abs(moment.sum(axis=0) - weighted.T @ x).max()),
        float(np.abs(square.sum(axis=0) - weighted.T @ x**2).max()),
    )


def test_m_step_sums() -> None:
    assert m_step_discrepancy(kernels.cell_m_step_batch) < 1e-15


def test_uncompiled_kernel_agrees() -> None:
    """What numba runs is what the source says."""
    boundary, f, variance = random_cells(20, 2, 6)
    x, q = np.array([0.2, 0.9]), np.array([0.4, -0.8])
    plain = mutant(kernels.cell_negative_elbo, "math.exp", "math.exp")
    work = np.empty((4, boundary.size))
    expected = plain(x, *q, 1.0 / np.sqrt(variance), as_kernel_cells(boundary, f), work)
    assert np.allclose(evaluate(x, q, boundary, f, variance), expected, rtol=1e-13, atol=1e-13)


def test_tail_far_out_is_that_of_log_ndtr() -> None:
    t = np.array([5.0, 7.0, 8.9])
    tail, density = np.empty(3), np.empty(3)
    fill_tail_and_density(t, 0, 3, tail, density)
    assert np.abs(np.log(tail) - log_ndtr(-t)).max() < 1e-13
