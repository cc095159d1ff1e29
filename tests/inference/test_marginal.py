"""log p(x): converged and honest against closed forms and balls, and the laws it obeys."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from scipy import integrate, stats

from tests.problems import ALL_NAMES, CLOSED, OPEN, PROBLEMS
from theorycheck.errors import ModelError
from theorycheck.inference._marginal import LogDensity, log_density
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel

#: Stated bound on the error of log p(x), relative to max(1, |log p|), up to 8 σ off the curve.
CONVERGED = 1e-12
#: Rounding of a closed form itself, in units of max(1, |log p|); x counts as exact.
REFEREE = 2e-15
#: Points for each problem; a ball costs up to 0.4 s.
MANY, FEW = 1000, 16


@cache
def _errors(name: str, furthest: float) -> tuple[np.ndarray, LogDensity, np.ndarray]:
    """Referee's |true − value| for every x, the engine's result, and the referee's own error."""
    problem = PROBLEMS[name]
    x = problem.telling(MANY if problem.pieces else FEW, seed=1, furthest=furthest)
    result = log_density(problem.panels, x)
    if problem.pieces:
        exact = problem.log_density(x)
        return np.abs(result.value - exact), result, REFEREE * np.maximum(1.0, np.abs(exact))
    pytest.importorskip("flint")
    from theorycheck.inference.ball._evaluation import log_density_ball

    true = [
        log_density_ball(problem.model.decoder, problem.noise_variance, point).distance(value)
        for point, value in zip(x, result.value, strict=True)
    ]
    return np.array(true), result, np.zeros(len(x))


@pytest.mark.parametrize("name", ALL_NAMES)
def test_converged(name: str) -> None:
    true, result, _ = _errors(name, 8.0)
    assert (true <= CONVERGED * np.maximum(1.0, np.abs(result.value))).all()


@pytest.mark.parametrize("name", ALL_NAMES)
def test_honest(name: str) -> None:
    true, result, referee = _errors(name, 8.0)
    assert np.isfinite(result.error).all()
    assert (true <= result.error + referee).all()


@pytest.mark.parametrize("name", [*CLOSED, "wave", "steep_tanh", "helix"])
def test_honest_far_off_the_curve(name: str) -> None:
    """At 20 σ the rule need not converge where f has a kink or turns, but it must say so."""
    true, result, referee = _errors(name, 20.0)
    assert (true <= result.error + referee).all()


@pytest.mark.parametrize("name", ALL_NAMES)
def test_error_radius_is_small_where_the_data_is(name: str) -> None:
    """Honest is not enough: a radius of 1 would be honest."""
    _, x = PROBLEMS[name].model.sample(300, 3)
    assert log_density(PROBLEMS[name].panels, x).error.max() < 1e-9


@pytest.mark.parametrize("slope", [1.0, -3.0])
def test_far_latents_are_followed(slope: float) -> None:
    """At f(25) the posterior sits where the first panels do not reach."""
    model = GenerativeModel(Decoder.from_function(lambda z: slope * z), 0.01)
    x = slope * np.array([[13.0], [-20.0], [25.0]])
    result = log_density(model, x)
    exact = stats.norm.logpdf(x[:, 0], 0.0, np.sqrt(slope**2 + 0.01))
    assert result.value == pytest.approx(exact, rel=1e-12)
    assert (np.abs(result.value - exact) <= result.error + REFEREE * np.abs(exact)).all()


@pytest.mark.parametrize("name", ["wave", "half_line", "ramp", "two_near_gaussians"])
def test_one_dimension_against_scipy(name: str) -> None:
    model = PROBLEMS[name].model
    sigma = float(model.sigma[0])
    for point in (-0.7, 0.05, 0.9):

        def integrand(z: float, point: float = point) -> float:
            mean = float(model.decoder(np.array([z]))[0, 0])
            return float(stats.norm.pdf(z) * stats.norm.pdf(point, mean, sigma))

        edges = sorted({*np.linspace(-9.0, 9.0, 37), *(model.decoder.breakpoints or ())})
        parts = [
            integrate.quad(integrand, a, b, epsabs=1e-16)[0] for a, b in itertools.pairwise(edges)
        ]
        value = log_density(PROBLEMS[name].panels, [[point]]).value[0]
        assert value == pytest.approx(np.log(sum(parts)), abs=1e-11)


@pytest.mark.parametrize("name", ["wave", "ramp", "two_gaussians", "figure8", "clusters", "circle"])
def test_integrates_to_one(name: str) -> None:
    """Trapezoid rule of this test's own, on a step of σ/2: error 2 exp(−8π²) ~ 1e-34."""
    problem = PROBLEMS[name]
    f = problem.model.decoder(np.linspace(-6.5, 6.5, 20_001))
    sigma = problem.model.sigma
    axes = [
        np.arange(low - 9.0 * s, high + 9.0 * s, 0.5 * s)
        for low, high, s in zip(f.min(0), f.max(0), sigma, strict=True)
    ]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    mass = np.exp(log_density(problem.panels, x).value).sum() * np.prod(0.5 * sigma)
    assert mass == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("name", ["figure8", "absolute_value", "clusters"])
def test_rotation_of_the_data(name: str) -> None:
    problem, angle = PROBLEMS[name], 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    decoder = problem.model.decoder
    turned = Decoder.from_function(lambda z: decoder(z) @ turn.T, breakpoints=decoder.breakpoints)
    x = problem.telling(200, seed=4)
    a = log_density(problem.panels, x)
    b = log_density(GenerativeModel(turned, problem.noise_variance), x @ turn.T)
    assert b.value == pytest.approx(a.value, rel=1e-12, abs=1e-12)
    assert b.posterior_mean_f == pytest.approx(a.posterior_mean_f @ turn.T, abs=1e-11)


@pytest.mark.parametrize("name", ["ramp", "figure8", "helix", "spiral_dots"])
def test_reflection_of_the_latent(name: str) -> None:
    problem = PROBLEMS[name]
    decoder = problem.model.decoder
    mirrored = Decoder.from_function(
        lambda z: decoder(-z), breakpoints=[-b for b in decoder.breakpoints or ()]
    )
    x = problem.telling(200, seed=5)
    a = log_density(problem.panels, x).value
    b = log_density(GenerativeModel(mirrored, problem.noise_variance), x).value
    assert b == pytest.approx(a, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", ["wave", "linear_plane", "half_line", "figure8"])
def test_gradient_identity(name: str) -> None:
    """∇ log p = (E[f|x] − x)/σ², by central differences."""
    problem = PROBLEMS[name]
    _, x = problem.model.sample(40, 6)
    variance = problem.model.noise_variance
    predicted = (log_density(problem.panels, x).posterior_mean_f - x) / variance
    for d, h in enumerate(1e-4 * problem.model.sigma):
        step = h * np.eye(problem.model.data_dim)[d]
        up, down = (log_density(problem.panels, x + s * step).value for s in (1, -1))
        assert (up - down) / (2.0 * h) == pytest.approx(predicted[:, d], abs=1e-9 / h)


def test_one_point_is_like_many() -> None:
    """A point's value does not depend on the company it comes in, beyond rounding."""
    problem = PROBLEMS["figure8"]
    x = problem.telling(77, seed=8)
    together = log_density(problem.panels, x).value
    alone = np.array([log_density(problem.panels, point).value[0] for point in x])
    assert alone == pytest.approx(together, rel=1e-13, abs=1e-13)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([[1.0]], "shape"),
        ([1.0, 2.0, 3.0], "shape"),
        ([[np.nan, 0.0]], "NaN"),
        ([[0, np.inf]], "inf"),
    ],
)
def test_bad_points(x: object, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        log_density(PROBLEMS["figure8"].panels, x)  # type: ignore[arg-type]


def test_every_open_problem_has_a_formula_for_balls() -> None:
    assert all(PROBLEMS[name].model.decoder.formula for name in OPEN)
