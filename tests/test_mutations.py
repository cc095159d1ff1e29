"""Mutations: formulas of the engine, broken by one token each, must fail their referee.

A mutant is made from the source of the real function. The same check that it fails is passed by
the function as it is, so that a referee which accepts anything shows up here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import legendre
from scipy.special import ndtr

from tests import brute_force
from tests.mutants import mutant
from tests.problems import PROBLEMS
from theorycheck.estimate import Estimate
from theorycheck.inference import _marginal as marginal
from theorycheck.objectives._partition import KlDistribution
from theorycheck.optimum._coordinate_ascent import _Step
from theorycheck.optimum._e_step import Responsibilities
from theorycheck.quadrature import _data_nodes as data_nodes
from theorycheck.quadrature import _rules as rules
from theorycheck.quadrature.kernels import _cells as cells
from theorycheck.quadrature.kernels import _gaussian_expectation as gaussian_expectation
from theorycheck.quadrature.kernels import _iwae as importance
from theorycheck.quadrature.kernels import _iwae_nodes as importance_nodes
from theorycheck.quadrature.kernels import _iwae_slopes as importance_slopes
from theorycheck.quadrature.kernels import _iwae_steps as importance_steps
from theorycheck.quadrature.kernels import _mean_field as mean_field

#: Discrepancy that the checks below allow.
ALLOWED = 1e-9


def _negative_elbo(function: Callable[..., Any]) -> float:
    """−ELBO and its gradient, against the definition."""
    worst = 0.0
    for name in ("ramp", "linear_plane"):
        problem = PROBLEMS[name]
        arrays, dim = problem.mean_field.arrays, problem.model.data_dim
        _, x = problem.model.sample(1, 2)
        constant = 0.5 * float(np.log(2.0 * np.pi * problem.model.noise_variance).sum())
        for mean, s in ((0.6, 0.4), (-0.2, 1.3)):
            found = function(
                x[0], mean, math.log(s), 1.0 / problem.model.sigma, *arrays,
                gaussian_expectation.workspace(dim),
            )  # fmt: skip
            value, gradient = brute_force.negative_elbo(problem.model, x[0], mean, math.log(s))
            differences = (
                found[0] + constant - value,
                found[1] - s * gradient[0],
                found[2] - gradient[1],
            )
            worst = max(worst, *map(abs, differences))
    return worst / 1e3


def _cost_moments(function: Callable[..., Any]) -> float:
    """E_q of the cost, against the definition."""
    problem = PROBLEMS["linear_plane"]
    x, inverse = np.array([1.0, -1.3]), 1.0 / problem.model.sigma
    found = function(
        x, 0.4, 0.05, inverse, *problem.mean_field.arrays, gaussian_expectation.workspace(2)
    )[0]
    _, squares = brute_force.expectations(problem.model, x, 0.4, 0.05)
    return abs(float(found - 0.5 * (squares * inverse**2).sum()))


def _log_density(function: Callable[..., Any]) -> float:
    """Log p(x), against its closed form."""
    problem = PROBLEMS["ramp"]
    _, x = problem.model.sample(100, 3)
    return float(np.abs(function(problem.panels, x).value - problem.log_density(x)).max())


def _block_density(function: Callable[..., Any]) -> float:
    """p(x) on a block of the grid, against a Gaussian."""
    index, density = function(
        np.array([0]), np.array([[0.3]]), np.array([1.0]), np.array([0.05]), np.array([0.1])
    )
    x = index[:, 0] * 0.05
    return float(np.abs(density - np.exp(-((x - 0.3) ** 2) / (2.0 * 0.1**2))).max())


def _above(function: Callable[..., Any]) -> float:
    """The mass above η, against counting; one value equals η and belongs to X_Lo."""
    distribution = KlDistribution(
        kl=np.array([0.1, 0.2, 0.6, 1.0]), mass=np.array([0.4, 0.3, 0.2, 0.1]),
        spread=np.array([0.0, 0.0, 0.0, 0.2]), pmo=Estimate(0.32, 0.0), missing_mass=0.0,
        sampled=False,
    )  # fmt: skip
    worst = 0.0
    # 0.9 cuts the interval [0.8, 1.2] of the last value at a quarter: 3/4 of 0.1 lies above.
    for eta, mass, share in ((0.6, 0.1, 0.1), (0.3, 0.3, 0.22), (0.9, 0.075, 0.075 * 1.05)):
        _, (found_mass, found_share), _ = function(distribution, eta)
        worst = max(worst, abs(found_mass - mass), abs(found_share - share))
    return worst


def _transform(function: Callable[..., Any]) -> float:
    """Legendre coefficients, against numpy's evaluation of the series."""
    series = np.random.default_rng(4).normal(size=16)
    nodes = legendre.leggauss(16)[0]
    return float(np.abs(function(16) @ legendre.legval(nodes, series) - series).max())


def _two_weights(function: Callable[..., Any]) -> float:
    """L_3 of two weights, against the sum over how many of the draws have which."""
    worst = 0.0
    for share, nats in ((0.3, 1.0), (0.01, 7.0)):
        exact = sum(
            math.comb(3, k) * share**k * (1.0 - share) ** (3 - k)
            * math.log((3 - k + k * math.exp(nats)) / 3.0)
            for k in range(4)
        )  # fmt: skip
        found = function(
            np.array([1.0 - share, share]), np.array([0.0, nats]), 2, 3.0, importance.RESULT,
            -np.inf, importance_steps.integral_buffers(2),
        )  # fmt: skip
        worst = max(worst, abs(found[0] - exact))
    return worst


def _integrand(function: Callable[..., Any]) -> float:
    """e^{−t} − φ^S, against its definition."""
    points = ((0.3, 0.5), (0.99, 5.0), (0.02, 40.0), (1.0, 3.0))
    return max(abs(function(a, t, 4.0) - (math.exp(-t) - (1.0 - a) ** 4)) for a, t in points)


def _importance_nodes(function: Callable[..., Any]) -> float:
    """E_q log w on the nodes, against the ELBO from its definition."""
    worst = 0.0
    for name in ("ramp", "linear_plane"):
        problem = PROBLEMS[name]
        buffers = importance_nodes.node_buffers(problem.panels.size, problem.model.data_dim)
        _, x = problem.model.sample(1, 2)
        for mean, s in ((0.6, 0.4), (-0.2, 1.3)):
            count = function(
                x[0], mean, math.log(s), 1.0 / problem.model.sigma, problem.mean_field.arrays[0],
                problem.panels.defect, problem.panels.peak_log_density, 2.0, 1e-11, buffers,
            )  # fmt: skip
            nodes = buffers[0][:, :count]
            elbo = nodes[importance_nodes.MASS] @ nodes[importance_nodes.LOG_W]
            exact, _ = brute_force.negative_elbo(problem.model, x[0], mean, math.log(s))
            worst = max(worst, abs(float(elbo + exact)))
    return worst / 1e3


def _importance_slopes(function: Callable[..., Any]) -> float:
    """The derivatives of −L_1, against those of −ELBO."""
    problem = PROBLEMS["ramp"]
    buffers = importance_nodes.node_buffers(problem.panels.size, 1)
    capacity = importance_nodes.node_capacity(problem.panels.size)
    count = importance_nodes.importance_nodes(
        np.array([0.7]), 0.6, math.log(0.4), 1.0 / problem.model.sigma,
        problem.mean_field.arrays[0], problem.panels.defect, problem.panels.peak_log_density,
        1.0, 1e-14, buffers,
    )  # fmt: skip
    found = function(
        buffers[0], count, 1.0, importance.RESULT, importance_steps.integral_buffers(capacity)
    )
    exact = problem.mean_field.derivatives([[0.7]], 0.6, 0.4)[0]
    return float(np.abs(np.array(found) - exact).max()) / 1e3


def _cells() -> tuple[Any, ...]:
    """Make x, boundaries, f, σ² and a q."""
    rng = np.random.default_rng(8)
    boundary, f = np.sort(rng.normal(size=24)), rng.normal(size=(25, 2))
    return np.array([0.3, -0.6]), boundary, f, np.array([0.04, 0.3]), (0.2, -0.7)


def _masses(boundary: Any, mean: float, scale: float) -> Any:
    edges = np.concatenate([[-np.inf], boundary, [np.inf]])
    return np.diff(ndtr((edges - mean) / scale))


def _cell_negative_elbo(function: Callable[..., Any]) -> float:
    """−ELBO of a decoder on cells and its derivatives, against differences of the definition."""
    x, boundary, f, variance, (mean, log_scale) = _cells()

    def value(a: float, b: float) -> float:
        s = math.exp(log_scale + b)
        m = mean + math.exp(log_scale) * a
        cost = (0.5 * (x - f) ** 2 / variance).sum(axis=1)
        return float(0.5 * (s * s + m * m - 1.0) - math.log(s) + _masses(boundary, m, s) @ cost)

    work = np.empty((4, boundary.size))
    seen = cells.see_boundaries.py_func(boundary, mean, math.exp(log_scale), work)
    found = function(
        x, mean, log_scale, seen, 1.0 / np.sqrt(variance), np.diff(f, axis=0).T.copy(),
        (0.5 * (f[1:] + f[:-1])).T.copy(), f, work,
    )  # fmt: skip
    h, centre = 2e-4, value(0.0, 0.0)
    expected = (
        centre,
        (value(h, 0) - value(-h, 0)) / (2 * h),
        (value(0, h) - value(0, -h)) / (2 * h),
        (value(h, 0) - 2 * centre + value(-h, 0)) / h**2,
        (value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h**2),
        (value(0, h) - 2 * centre + value(0, -h)) / h**2,
    )
    # Differences are good to about 1e-6.
    return float(np.abs(np.array(found) - np.array(expected)).max()) / 1e4


def _m_step_sums(function: Callable[..., Any]) -> float:
    """Aggregate, first and second moments, against κ as a matrix."""
    _, boundary, _, _, _ = _cells()
    rng = np.random.default_rng(9)
    mass, x = rng.dirichlet(np.ones(11)), rng.normal(size=(11, 2))
    mean, log_scale = rng.normal(size=11), rng.uniform(-2.0, 0.0, size=11)
    sums = np.zeros((2, 25)), np.zeros((2, 25, 2)), np.zeros((2, 25, 2))
    function(mass, x, mean, log_scale, boundary, *sums)
    kappa = np.stack(
        [_masses(boundary, m, math.exp(s)) for m, s in zip(mean, log_scale, strict=True)]
    )
    weighted = mass[:, None] * kappa
    exact = weighted.sum(axis=0), weighted.T @ x, weighted.T @ x**2
    return max(float(np.abs(a.sum(axis=0) - b).max()) for a, b in zip(sums, exact, strict=True))


def _residual(function: Callable[..., Any]) -> float:
    """E_p E_q (x_d − f_d)², against the sum over pairs."""
    rng = np.random.default_rng(10)
    mass, x, f = rng.dirichlet(np.ones(9)), rng.normal(size=(9, 2)), rng.normal(size=(6, 2))
    weighted = mass[:, None] * rng.dirichlet(np.ones(6), size=9)
    aggregate = weighted.sum(axis=0)
    found = Responsibilities(
        np.zeros((9, 3, 3)), 0.0, aggregate, weighted.T @ x / aggregate[:, None], weighted.T @ x**2
    )
    exact = np.einsum("nm,nmd->d", weighted, (x[:, None] - f[None]) ** 2)
    return float(np.abs(function(found, f) - exact).max())


class _Contraction:
    """In the place of `_Step`: f goes to half of itself, and −ELBO = |f|², or worse if it leaps."""

    fit_noise = "no"

    def __init__(self, penalty: float) -> None:
        self.penalty = penalty

    def m_step(self, point: Any) -> Any:
        return SimpleNamespace(f=0.5 * point.f, noise_variance=point.noise_variance)

    def feasible(self, f: Any, noise_variance: Any) -> Any:  # noqa: ARG002
        return f

    def resolved(self, noise_variance: Any) -> Any:
        return noise_variance

    def evaluate(self, f: Any, noise_variance: Any, previous: Any) -> Any:  # noqa: ARG002
        value = float((f**2).sum())
        leapt = value < 0.01
        return SimpleNamespace(
            f=f, noise_variance=noise_variance,
            negative_elbo=value + (self.penalty if leapt else 0.0),
            responsibilities=SimpleNamespace(minima=None, aggregate=np.ones(len(f))),
        )  # fmt: skip


def _squarem(function: Callable[..., Any]) -> float:
    """On a map that halves f the leap ends at its fixed point, or, worse there, at two halvings."""
    start = np.array([[1.0, 2.0], [-1.0, 0.5]])
    worst = 0.0
    for penalty, end in ((0.0, 0.0 * start), (100.0, 0.25 * start)):
        step = _Contraction(penalty)
        ended = function(step, step.evaluate(start, np.ones(2), None))
        worst = max(worst, float(np.abs(ended.f - end).max()))
    return worst


MUTATIONS: dict[str, tuple[Callable[..., float], Any, str, str]] = {
    "sign of log s": (
        _negative_elbo, mean_field.negative_elbo, "- log_scale + m0", "+ log_scale + m0",
    ),
    "factor 1/2 of the KL": (
        _negative_elbo, mean_field.negative_elbo, "0.5 * (s2 + mean * mean", "(s2 + mean * mean",
    ),
    "missing prior mean": (_negative_elbo, mean_field.negative_elbo, "s * mean + m1", "m1"),
    "sign in the scale's slope": (
        _negative_elbo, mean_field.negative_elbo, "s2 - 1.0 + m2 - m0", "s2 - 1.0 + m2 + m0",
    ),
    "factor 1/2 of the cost": (
        _cost_moments, gaussian_expectation.cost_moments, "+= 0.5 * r * r", "+= r * r",
    ),
    "wrong sigma in the cost": (
        _cost_moments, gaussian_expectation.cost_moments, ") * inverse_sigma[d]", ")",
    ),
    "missing normalisation": (
        _log_density, marginal._on_panels, "value += panels.peak_log_density", "pass",
    ),
    "wrong sigma in the density": (
        _log_density, marginal._on_panels,
        "1.0 / panels.model.sigma", "1.0 / panels.model.noise_variance",
    ),
    "lost order of x": (_log_density, marginal._on_panels, "value[back]", "value[order]"),
    "missing half in the exponent": (_block_density, data_nodes._block_density, "-0.5", "-1.0"),
    "partition inequality": (
        _above, KlDistribution._above, "(high - eta) / (high - low)", "(eta - low) / (high - low)",
    ),
    "partition keeps ties above": (_above, KlDistribution._above, "kl > eta)", "kl >= eta)"),
    "factor 1/2 of the cells' cost": (
        _cell_negative_elbo, cells.seen_negative_elbo, "base += 0.5 * r * r", "base += r * r",
    ),
    "sign of the cells' slope in the mean": (
        _cell_negative_elbo, cells.seen_negative_elbo, "s * mean + p0", "s * mean - p0",
    ),
    "order of the cells' slope in the scale": (
        _cell_negative_elbo, cells.seen_negative_elbo, "s2 - 1.0 + p1", "s2 - 1.0 + p2",
    ),
    "missing term of the cells' mixed derivative": (
        _cell_negative_elbo, cells.seen_negative_elbo, "p2 - p0,", "p2,",
    ),
    "missing term of the cells' second derivative": (
        _cell_negative_elbo, cells.seen_negative_elbo, "2.0 * s2 + p3 - p1", "2.0 * s2 + p3",
    ),
    "M-step forgets p(x)": (
        _m_step_sums, cells.cell_m_step_batch, "mass[k] * (above - below)", "(above - below)",
    ),
    "M-step's square of x": (
        _m_step_sums, cells.cell_m_step_batch, "v * x[k, d] * x[k, d]", "v * x[k, d]",
    ),
    "cross term of the residual": (
        _residual, Responsibilities.residual_variance, "2.0 * f", "f",
    ),
    "leap accepted where it is worse": (
        _squarem, _Step.squarem, "leap.negative_elbo <= one", "leap.negative_elbo >= one",
    ),
    "leap of half the first step": (_squarem, _Step.squarem, "2.0 * stretch * d1", "stretch * d1"),
    "leap without its square": (_squarem, _Step.squarem, "stretch**2 * (d2", "stretch * (d2"),
    "order of the Legendre series": (
        _transform, rules.legendre_transform, "legendre_values(nodes, order - 1)",
        "legendre_values(nodes, order)[:, 1:]",
    ),
    "norm of the Legendre series": (
        _transform, rules.legendre_transform, "degrees[:, None] + 0.5", "degrees[:, None] + 1.0",
    ),
    "sign of the IWAE integral": (
        _two_weights, importance.log_mean_weight, "return log_mean + total",
        "return log_mean - total",
    ),
    "S missing in the IWAE integral": (
        _two_weights, importance.log_mean_weight, "integrand(sum_a, samples * tau",
        "integrand(sum_a, tau",
    ),
    "step of the IWAE integral": (
        _two_weights, importance.log_mean_weight, "total *= step", "total *= LOG_2",
    ),
    "doubling of the weights": (
        _two_weights, importance.log_mean_weight, "a[i] *= 2.0 - a[i]", "a[i] *= 2.0",
    ),
    "power of phi": (
        _integrand, importance_steps.integrand, "y = samples * math.log1p(-a)",
        "y = math.log1p(-a)",
    ),
    "sign in phi": (_integrand, importance_steps.integrand, "math.log1p(-a)", "-math.log1p(a)"),
    "log q missing in the weight": (
        _importance_nodes, importance_nodes.importance_nodes, "constant = log_scale + peak",
        "constant = peak",
    ),
    "mass of the cut pieces": (
        _importance_nodes, importance_nodes.importance_nodes,
        "else here\n", "else here + 0.1 * width\n",
    ),
    "second moment in the IWAE slope": (
        _importance_slopes, importance_slopes.derivatives, "u = t[c] * t[c] - 1.0",
        "u = t[c] * t[c]",
    ),
    "curvature of the IWAE bound": (
        _importance_slopes, importance_slopes.derivatives, "2.0 * c1 - d12", "c1 - d12",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_engine_passes_the_referee(name: str) -> None:
    check, function, _, _ = MUTATIONS[name]
    assert check(function) <= ALLOWED


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_unchanged_source_passes_the_referee(name: str) -> None:
    """What fails below is the change, not the way mutants are made."""
    check, function, old, _ = MUTATIONS[name]
    assert check(mutant(function, old, old)) <= ALLOWED


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_mutant_fails_the_referee(name: str) -> None:
    check, function, old, new = MUTATIONS[name]
    assert check(mutant(function, old, new)) > 1e3 * ALLOWED
