"""Every kernel against its own Python, and the scalar ones against the math library and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.polynomial import legendre
from scipy import special, stats

from tests.problems import PROBLEMS
from theorycheck.quadrature import _rules as rules
from theorycheck.quadrature.kernels import _exponential as exponential
from theorycheck.quadrature.kernels import _gaussian_expectation as gaussian_expectation
from theorycheck.quadrature.kernels import _log_density as density_kernels
from theorycheck.quadrature.kernels import _mean_field as field_kernels
from theorycheck.quadrature.kernels._candidates import distinct_candidates_batch
from theorycheck.quadrature.kernels._m_step import m_step_batch

NAMES = ["ramp", "figure8", "helix", "spiral_dots"]


@pytest.fixture
def _python_power(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside compiled code 2**n is not built from bits."""
    monkeypatch.setattr(exponential, "_power_of_two", lambda n: math.ldexp(1.0, int(n)))


def test_exponential_within_two_ulp() -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate(
        [
            rng.uniform(-708.0, 0.0, 20_000), rng.uniform(-1.0, 0.0, 20_000),
            -(10.0 ** rng.uniform(-300.0, 0.0, 500)), -np.arange(0.0, 1021.0) * math.log(2.0),
            [-708.0, -0.0, 0.0, -0.5 * math.log(2.0)],
        ],
    )  # fmt: skip
    points = points[points >= -708.0]
    found = np.array([exponential.exp_nonpositive(x) for x in points])
    exact = np.array([math.exp(x) for x in points])
    assert (np.abs(found - exact) <= 2.0 * np.spacing(exact)).all()


def test_exponential_beyond_its_range() -> None:
    assert exponential.exp_nonpositive(-800.0) == pytest.approx(math.exp(-708.0), rel=1e-15)
    assert exponential.exp_nonpositive(-np.inf) < 1e-307
    assert exponential.exp_nonpositive(0.0) == 1.0
    assert exponential.exp_nonpositive(700.0) == pytest.approx(math.exp(700.0), rel=1e-15)


@pytest.mark.usefixtures("_python_power")
def test_exponential_against_its_own_python() -> None:
    for x in np.random.default_rng(1).uniform(-708.0, 0.0, 2000):
        slow = exponential.exp_nonpositive.py_func(x)
        assert exponential.exp_nonpositive(x) == pytest.approx(slow, rel=5e-16)


def test_rules_against_scipy() -> None:
    nodes, weights = special.roots_legendre(rules.ORDER)
    assert pytest.approx(nodes, abs=1e-14) == rules.NODES
    assert pytest.approx(weights, abs=1e-14) == rules.WEIGHTS
    series = np.random.default_rng(2).normal(size=rules.ORDER)
    values = legendre.legval(nodes, series)
    assert values @ rules.TRANSFORM.T == pytest.approx(series, abs=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_distance_and_nearest_block(name: str) -> None:
    problem, panels = PROBLEMS[name], PROBLEMS[name].panels
    inverse = 1.0 / problem.model.sigma
    for x in problem.telling(20, seed=1):
        exact = np.linalg.norm((panels.block_centre - x) * inverse, axis=1)
        found = density_kernels.nearest_block(x, inverse, panels.block_centre)
        assert exact[found] == exact.min()
        centre = panels.block_centre[0]
        assert density_kernels.distance(x, centre, inverse) == pytest.approx(exact[0], rel=1e-14)
        slow = density_kernels.distance.py_func(x, centre, inverse)
        assert density_kernels.distance(x, centre, inverse) == pytest.approx(slow, rel=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_log_density_batch_against_numpy(name: str) -> None:
    """The panels that it skips and the lanes that it runs in must not show."""
    problem, panels = PROBLEMS[name], PROBLEMS[name].panels
    inverse = 1.0 / problem.model.sigma
    for count in (1, 31, 32, 33, 70):
        x = problem.telling(count, seed=count)
        value, relative, mean = np.empty(count), np.empty(count), np.empty_like(x)
        density_kernels.log_density_batch(
            x, inverse, panels.log_weight, panels.f, panels.defect, panels.balls, panels.blocks,
            value, relative, mean,
        )  # fmt: skip
        scaled = (x[:, :, None] - panels.f) * inverse[:, None]
        exponent = panels.log_weight - 0.5 * (scaled**2).sum(axis=1)
        exact = special.logsumexp(exponent, axis=1)
        posterior = np.exp(exponent - exact[:, None])
        assert value == pytest.approx(exact, rel=1e-13, abs=1e-13)
        assert mean == pytest.approx(posterior @ panels.f.T, abs=1e-12)


def _lanes(name: str, compiled: bool) -> tuple[np.ndarray, ...]:
    problem, panels = PROBLEMS[name], PROBLEMS[name].panels
    xs = np.ascontiguousarray(problem.telling(4, seed=3).T)
    value, relative, mean = np.empty(4), np.empty(4), np.empty_like(xs)
    kernel = density_kernels._lanes if compiled else density_kernels._lanes.py_func
    kernel(
        xs, 1.0 / problem.model.sigma, panels.log_weight, panels.f, panels.defect, panels.balls,
        panels.blocks, value, relative, mean,
    )  # fmt: skip
    return value, relative, mean


@pytest.mark.parametrize("name", NAMES)
def test_lanes_against_their_own_python(name: str) -> None:
    fast, slow = _lanes(name, True), _lanes(name, False)
    assert fast[0] == pytest.approx(slow[0], rel=1e-13, abs=1e-13)
    assert fast[2] == pytest.approx(slow[2], abs=1e-12)
    # Two error radii, not two values: they agree in size.
    assert fast[1] == pytest.approx(slow[1], rel=1e-3, abs=1e-13)


@pytest.mark.parametrize("scale", [1e-6, 0.02, 0.3, 2.0])
@pytest.mark.parametrize("name", NAMES)
def test_moments_and_expectations_against_their_own_python(name: str, scale: float) -> None:
    problem = PROBLEMS[name]
    panels, runs = problem.mean_field.arrays
    inverse = 1.0 / problem.model.sigma
    dim = problem.model.data_dim
    x = problem.telling(2, seed=4)[0]
    for mean in (-0.9, 0.3, 11.9):
        arguments = (x, mean, scale, inverse, panels, runs)
        fast = gaussian_expectation.cost_moments(*arguments, gaussian_expectation.workspace(dim))
        slow = gaussian_expectation.cost_moments.py_func(
            *arguments, gaussian_expectation.workspace.py_func(dim)
        )
        assert fast == pytest.approx(slow, rel=1e-12, abs=1e-12 * max(fast))
        moments = [np.empty(dim) for _ in range(4)]
        work = gaussian_expectation.workspace(dim)
        q = (x, mean, scale, panels, runs, work)
        gaussian_expectation.expectations(*q, moments[0], moments[1])
        gaussian_expectation.expectations.py_func(*q, moments[2], moments[3])
        assert moments[0] == pytest.approx(moments[2], rel=1e-12, abs=1e-12)
        assert moments[1] == pytest.approx(moments[3], rel=1e-12, abs=1e-12)
        # The two kernels agree with each other, too.
        assert fast[0] == pytest.approx(0.5 * (moments[1] * inverse**2).sum(), rel=1e-11, abs=1e-12)


def test_negative_elbo_of_a_linear_decoder_against_scipy() -> None:
    """E_q (x − a z − b)²/2σ² and its derivatives are polynomials in μ and s."""
    problem = PROBLEMS["linear_wide"]
    (a,), (b,), variance = problem.pieces[0].slope, problem.pieces[0].offset, 9.0
    panels, runs = problem.mean_field.arrays
    x, mean, s = 2.0, 0.7, 0.6
    found = field_kernels.negative_elbo(
        np.array([x]), mean, math.log(s), np.array([1.0 / 3.0]), panels, runs,
        gaussian_expectation.workspace(1),
    )  # fmt: skip
    gap = x - a * mean - b
    value = (
        0.5 * (s * s + mean * mean - 1.0) - math.log(s) + (gap**2 + a * a * s * s) / (2 * variance)
    )
    along = s * (mean - gap * a / variance)
    assert found == pytest.approx(
        (
            value, along, s * s - 1.0 + a * a * s * s / variance,
            s * s * (1.0 + a * a / variance), 0.0, 2.0 * s * s * (1.0 + a * a / variance),
        ), abs=1e-12,
    )  # fmt: skip
    constant = 0.5 * math.log(2.0 * math.pi * variance)
    log_evidence = stats.norm.logpdf(x, b, math.sqrt(a * a + variance))
    assert found[0] + constant >= -log_evidence


@pytest.mark.parametrize("name", NAMES)
def test_newton_against_its_own_python(name: str) -> None:
    problem = PROBLEMS[name]
    panels, runs = problem.mean_field.arrays
    inverse = 1.0 / problem.model.sigma
    _, x = problem.model.sample(3, 5)
    for point in x:
        best = problem.mean_field.optimal_q(point)
        results = []
        for kernel in (field_kernels.newton, field_kernels.newton.py_func):
            work = gaussian_expectation.workspace(problem.model.data_dim)
            results.append(
                kernel(
                    point, best.mean[0] + 0.1 * best.scale[0], math.log(best.scale[0]) + 0.1,
                    inverse, panels, runs, work, np.empty((8, 3)), 0,
                )
            )  # fmt: skip
        (mean, log_scale, value), slow = results
        assert slow[2] == pytest.approx(value, rel=1e-11, abs=1e-11)
        assert slow[0] == pytest.approx(mean, abs=1e-5)
        # Started in its own basin, Newton comes back to the optimum.
        assert mean == pytest.approx(best.mean[0], abs=1e-5 * best.scale[0])
        assert log_scale == pytest.approx(math.log(best.scale[0]), abs=1e-5)


def test_m_step_against_numpy() -> None:
    rng = np.random.default_rng(6)
    mass, x = rng.dirichlet(np.ones(50)), rng.normal(size=(50, 2))
    mean, scale = rng.normal(size=50), np.exp(rng.normal(scale=0.3, size=50))
    z = np.linspace(-4.0, 4.0, 81)
    aggregate, moment = np.zeros((3, 81)), np.zeros((3, 2, 81))
    m_step_batch(mass, x, mean, scale, z, aggregate, moment)
    q = stats.norm.pdf(z, mean[:, None], scale[:, None])
    assert aggregate.sum(axis=0) == pytest.approx(mass @ q, rel=1e-12)
    assert moment.sum(axis=0) == pytest.approx(np.einsum("k,kd,kz->dz", mass, x, q), abs=1e-13)


def test_distinct_candidates() -> None:
    minima = np.full((1, 2, 8, 3), np.nan)
    minima[0, 0, :3] = [[0.0, -1.0, 1.0], [2.0, -1.0, 1.2], [5.0, -1.0, 9.0]]
    minima[0, 1, :2] = [[0.02, -1.01, 1.1], [-3.0, 0.0, 1.3]]
    candidates = np.empty((1, 4, 2))
    distinct_candidates_batch(minima, 0.5, candidates)
    assert candidates[0, :3].tolist() == [[0.0, -1.0], [2.0, -1.0], [-3.0, 0.0]]
    assert np.isnan(candidates[0, 3]).all()
