"""Mutations: formulas of the engine, broken by one token each, must fail their referee.

A mutant is made from the source of the real function. The same check that it fails is passed by
the function as it is, so that a referee which accepts anything shows up here.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import legendre

from tests import brute_force
from tests.problems import PROBLEMS
from theorycheck.estimate import Estimate
from theorycheck.inference import marginal
from theorycheck.objectives.partition import KlDistribution
from theorycheck.quadrature import data_nodes, rules
from theorycheck.quadrature.kernels import gaussian_expectation, mean_field

#: Discrepancy that the checks below allow.
ALLOWED = 1e-9


def mutant(function: Any, old: str, new: str) -> Callable[..., Any]:
    """Return the function with one piece of its source replaced (uncompiled)."""
    plain = getattr(function, "py_func", function)
    source = textwrap.dedent(inspect.getsource(plain))
    source = source[source.index("def ") :]
    assert old in source, f"{plain.__name__} has no {old!r} any more"
    namespace = dict(plain.__globals__)
    exec(compile(source.replace(old, new), "<mutant>", "exec"), namespace)
    result: Callable[..., Any] = namespace[plain.__name__]
    return result


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
    "order of the Legendre series": (
        _transform, rules.legendre_transform, "legendre_values(nodes, order - 1)",
        "legendre_values(nodes, order)[:, 1:]",
    ),
    "norm of the Legendre series": (
        _transform, rules.legendre_transform, "degrees[:, None] + 0.5", "degrees[:, None] + 1.0",
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
