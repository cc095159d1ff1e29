"""The kernels of the IWAE bound: against binomial sums, finite differences and their own Python."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.problems import PROBLEMS
from theorycheck.quadrature.kernels._iwae import (
    CHECK,
    RESULT,
    expected_weights,
    log_mean_weight,
    trapezoid_error,
)
from theorycheck.quadrature.kernels._iwae_nodes import (
    LOG_W,
    MASS,
    allowed_variation,
    importance_nodes,
    node_buffers,
    node_capacity,
)
from theorycheck.quadrature.kernels._iwae_slopes import derivatives
from theorycheck.quadrature.kernels._iwae_steps import integral_buffers, integrand, one_minus_exp
from theorycheck.quadrature.kernels._layouts import Rule

#: Two weights: the probability of the second, and how many nats it is above the first.
PAIRS = [(0.5, 0.0), (0.3, 1.0), (0.01, 7.0), (1e-6, 12.0), (0.5, 300.0), (1.0 - 1e-9, 40.0)]


def two_weights(share: float, nats: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([1.0 - share, share]), np.array([-2.0, nats - 2.0])


def binomial_bound(share: float, nats: float, samples: int) -> float:
    """L_S as a sum over how many of the S draws have the second weight."""
    k = np.arange(samples + 1)
    probability = np.array([float(math.comb(samples, int(i))) for i in k])
    probability *= share**k * (1.0 - share) ** (samples - k)
    with np.errstate(divide="ignore"):
        mean = np.logaddexp(np.log(samples - k), np.log(k) + nats) - math.log(samples) - 2.0
    return float(probability @ mean)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("samples", [1, 2, 3, 20, 400])
def test_two_weights_against_a_binomial_sum(pair: tuple[float, float], samples: int) -> None:
    mass, log_w = two_weights(*pair)
    exact = binomial_bound(*pair, samples)
    for rule, converged in ((RESULT, 1e-13), (CHECK, 1e-11)):
        found, log_mean, error, _ = log_mean_weight(
            mass, log_w, 2, float(samples), rule, -np.inf, integral_buffers(2)
        )
        assert log_mean == pytest.approx(np.logaddexp(*np.log(mass) + log_w), abs=1e-13)
        size = 1.0 + abs(exact)
        assert abs(found - exact) <= converged * size
        assert abs(found - exact) <= error + 1e-13 * size


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("samples", [1, 2, 20])
def test_expected_weights(pair: tuple[float, float], samples: int) -> None:
    mass, log_w = two_weights(*pair)
    buffers, share = integral_buffers(2), np.empty(2)
    arguments = (mass, log_w, 2, float(samples), RESULT)
    done = log_mean_weight(*arguments, -np.inf, buffers)[3]
    expected_weights(*arguments, buffers, done, share)
    assert share.sum() == pytest.approx(1.0, abs=1e-12)
    h = 1e-4
    slope = binomial_bound(pair[0], pair[1] + h, samples)
    slope -= binomial_bound(pair[0], pair[1] - h, samples)
    assert share[1] == pytest.approx(slope / (2.0 * h), abs=1e-7)


def test_below_the_floor_something_below_it_is_returned() -> None:
    mass, log_w = two_weights(0.01, 7.0)
    exact = binomial_bound(0.01, 7.0, 3)
    for floor in (exact + 0.01, exact + 0.5):
        found = log_mean_weight(mass, log_w, 2, 3.0, RESULT, floor, integral_buffers(2))[0]
        assert exact - 1e-12 <= found < floor
    found = log_mean_weight(mass, log_w, 2, 3.0, RESULT, exact - 0.01, integral_buffers(2))[0]
    assert found == pytest.approx(exact, abs=1e-12)


def test_too_many_steps_are_bounded() -> None:
    """60,000 nats do not fit; what is left out is in the radius, and little of it at S = 20."""
    mass, log_w = two_weights(0.5, 60_000.0)
    for samples in (2, 20):
        found, _, error, _ = log_mean_weight(
            mass, log_w, 2, float(samples), RESULT, -np.inf, integral_buffers(2)
        )
        exact = binomial_bound(0.5, 60_000.0, samples)
        assert 0.0 < abs(found - exact) <= error
        assert error < 65_000.0 * 0.5**samples


@pytest.mark.parametrize("phases", [1, 2])
def test_trapezoid_error_holds(phases: int) -> None:
    rng = np.random.default_rng(70)
    for _ in range(40):
        mass = rng.dirichlet(np.full(5, 0.5)) + 1e-12
        log_w = rng.normal(scale=rng.choice([0.1, 1.0, 10.0]), size=5)
        samples = float(rng.choice([1, 2, 7, 300]))
        exact, log_mean, _, _ = log_mean_weight(
            mass, log_w, 5, samples, Rule(6, 1e-17, 0.0), -np.inf, integral_buffers(5)
        )
        rough = log_mean_weight(
            mass, log_w, 5, samples, Rule(phases, 1e-17, 0.0), -np.inf, integral_buffers(5)
        )[0]
        assert abs(rough - exact) <= trapezoid_error(log_mean - exact, phases) + 1e-13


def test_one_minus_exp() -> None:
    v = np.concatenate([10.0 ** np.linspace(-300.0, 2.8, 2000), np.linspace(0.4, 0.6, 500), [0.0]])
    found = np.array([one_minus_exp(value) for value in v])
    assert found == pytest.approx(-np.expm1(-v), rel=1e-15)


@pytest.mark.parametrize("samples", [1.0, 2.0, 50.0])
def test_integrand(samples: float) -> None:
    for a, t in ((0.3, 0.5), (1e-12, 1e-9), (0.99, 5.0), (0.2, 40.0), (1.0, 3.0)):
        exact = math.exp(-t) - (1.0 - a) ** samples
        assert integrand(a, t, samples) == pytest.approx(exact, rel=1e-9, abs=1e-14)


def test_allowed_variation_resolves_a_front() -> None:
    """The 16-point rule on exp(−exp(y)) where y runs over the variation allowed, front anywhere."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    fine_nodes, fine_weights = np.polynomial.legendre.leggauss(200)
    for tolerance, mass in ((1e-14, 1.0), (1e-11, 1.0), (1e-11, 1e-4), (1e-4, 1.0)):
        half = 0.5 * allowed_variation(mass, tolerance)
        for middle in np.linspace(-half - 3.0, half + 2.0, 41):
            rough = 0.5 * weights @ np.exp(-np.exp(middle + half * nodes))
            exact = 0.5 * fine_weights @ np.exp(-np.exp(middle + half * fine_nodes))
            assert mass * abs(rough - exact) <= 20.0 * tolerance + 1e-16


def arrays(name: str) -> tuple[object, ...]:
    panels = PROBLEMS[name].panels
    return (
        1.0 / panels.model.sigma, PROBLEMS[name].mean_field.arrays[0], panels.defect,
        panels.peak_log_density,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["figure8", "ramp", "helix", "two_gaussians", "clusters"])
@pytest.mark.parametrize("samples", [1.0, 2.0, 20.0])
def test_derivatives(name: str, samples: float) -> None:
    problem, rng = PROBLEMS[name], np.random.default_rng(71)
    panels = problem.panels.size
    buffers, integral = node_buffers(panels, problem.model.data_dim), None
    integral = integral_buffers(node_capacity(panels))
    _, x = problem.model.sample(6, rng)
    best = problem.mean_field.optimal_q(x)
    for k in range(6):
        mean, log_scale = best.mean[k] + 0.2 * best.scale[k], math.log(1.4 * best.scale[k])

        def at(
            a: float, b: float, k: int = k, mean: float = mean, log_scale: float = log_scale
        ) -> np.ndarray:
            q = mean + a * 1e-3 * math.exp(log_scale), log_scale + b * 1e-3
            count = importance_nodes(x[k], *q, *arrays(name), samples, 1e-14, buffers)
            return np.array(derivatives(buffers[0], count, samples, RESULT, integral))

        exact = at(0, 0)
        # Five-point differences: their error is 1e-12 of the fifth derivative.
        along_mean, along_scale = (
            (8.0 * (at(*u) - at(*-u)) - (at(*(2 * u)) - at(*(-2 * u)))) / 12e-3
            for u in (np.array([1, 0]), np.array([0, 1]))
        )
        numeric = [
            along_mean[0], along_scale[0], along_mean[1], along_mean[2], along_scale[2],
        ]  # fmt: skip
        assert exact[1:] == pytest.approx(numeric, abs=1e-8 * (1.0 + np.abs(exact[1:]).max()))
        if samples == 1.0:
            elbo = problem.mean_field.derivatives(x[k : k + 1], mean, math.exp(log_scale))[0]
            assert exact == pytest.approx(elbo, rel=1e-10, abs=1e-11)


@pytest.mark.parametrize("name", ["figure8", "two_gaussians", "spiral_dots"])
def test_nodes_integrate_q(name: str) -> None:
    problem = PROBLEMS[name]
    buffers = node_buffers(problem.panels.size, problem.model.data_dim)
    x = problem.model.decoder(np.array([0.4]))[0] + 0.1
    for mean, scale in ((0.4, 0.02), (-1.0, 0.7), (13.0, 2.0), (0.4, 1e-9)):
        count = importance_nodes(x, mean, math.log(scale), *arrays(name), 2.0, 1e-11, buffers)
        nodes = buffers[0][:, :count]
        assert nodes[MASS].sum() == pytest.approx(1.0, abs=1e-14)
        assert nodes[MASS] @ nodes[0] == pytest.approx(0.0, abs=1e-14)
        assert nodes[MASS] @ nodes[0] ** 2 == pytest.approx(1.0, abs=1e-13)
        elbo = -problem.mean_field.negative_elbo(x[None], mean, scale)[0]
        assert nodes[MASS] @ nodes[LOG_W] == pytest.approx(elbo, rel=1e-11)


def test_kernels_against_their_own_python() -> None:
    mass, log_w = two_weights(0.2, 3.0)
    compiled = log_mean_weight(mass, log_w, 2, 5.0, CHECK, -np.inf, integral_buffers(2))
    plain = log_mean_weight.py_func(mass, log_w, 2, 5.0, CHECK, -np.inf, integral_buffers(2))
    assert compiled == pytest.approx(plain, abs=1e-14)
    nodes = np.array([[-0.7, 0.9], mass, log_w, [0.0, 0.0]])
    compiled = derivatives(nodes, 2, 5.0, CHECK, integral_buffers(2))
    plain = derivatives.py_func(nodes, 2, 5.0, CHECK, integral_buffers(2))
    assert compiled == pytest.approx(plain, abs=1e-13)
