"""The optimal q(z|x): its KL against balls, its optimality against searches of our own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize

from tests import brute_force
from tests.problems import ALL_NAMES, PROBLEMS, tagged
from theorycheck.inference._mean_field import MeanField, optimal_q
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel

HARD = ["figure8", "clusters", "circle", "absolute_value", "spiral_dots"]
#: Nats by which a search may beat the optimum: rounding of −ELBO at values of up to some hundred.
BEATEN = 1e-9


@pytest.mark.parametrize("name", ["figure8", "absolute_value", "clusters", "wave", "ramp", "step"])
def test_kl_against_balls(name: str) -> None:
    pytest.importorskip("flint")
    from theorycheck.inference.ball._evaluation import kl_ball

    problem = PROBLEMS[name]
    _, x = problem.model.sample(3, 12)
    best = problem.mean_field.optimal_q(x)
    kl = problem.mean_field.kl(x, best)
    for k in range(len(x)):
        ball = kl_ball(
            problem.model.decoder, problem.noise_variance, x[k], best.mean[k], best.scale[k]
        )
        assert ball.distance(kl[k]) <= 1e-10
        assert ball.lower >= -1e-20


@pytest.mark.parametrize("name", HARD)
def test_no_search_finds_a_better_q(name: str) -> None:
    problem = PROBLEMS[name]
    rng = np.random.default_rng(31)
    _, x = problem.model.sample(3, rng)
    best = problem.mean_field.optimal_q(x)
    for k in range(len(x)):

        def cost(q: np.ndarray, k: int = k) -> tuple[float, np.ndarray]:
            return brute_force.negative_elbo(problem.model, x[k], q[0], min(q[1], 2.0))

        starts = np.column_stack(
            [rng.normal(scale=1.3, size=100), rng.uniform(-6.0, 0.5, size=100)]
        )
        values = np.array([cost(q)[0] for q in starts])
        lowest = values.min()
        for q in starts[np.argsort(values)[:10]]:
            lowest = min(lowest, optimize.minimize(cost, q, jac=True, method="L-BFGS-B").fun)
        assert lowest >= best.negative_elbo[k] - BEATEN
        assert cost(np.array([best.mean[k], math.log(best.scale[k])]))[0] == pytest.approx(
            best.negative_elbo[k], abs=BEATEN
        )


@pytest.mark.parametrize("name", ["two_gaussians", "half_line", "ramp", "wave", "helix"])
def test_no_random_q_is_better(name: str) -> None:
    """Cheap and broad: 4,000 q at each of 40 x, by the engine's own −ELBO."""
    problem, rng = PROBLEMS[name], np.random.default_rng(32)
    x = problem.telling(40, seed=32)
    best = problem.mean_field.optimal_q(x).negative_elbo
    mean = rng.normal(scale=2.0, size=4000)
    scale = np.exp(rng.uniform(-6.0, 1.0, size=4000))
    for point, value in zip(x, best, strict=True):
        tried = problem.mean_field.negative_elbo(np.tile(point, (4000, 1)), mean, scale)
        assert tried.min() >= value - BEATEN


@pytest.mark.parametrize("name", ["wave", "half_line", "figure8", "clusters", "helix"])
def test_no_neighbour_knows_better(name: str) -> None:
    """Along lines through data space, the q that are optimal near an x are tried at x too."""
    problem, rng = PROBLEMS[name], np.random.default_rng(33)
    field, along = problem.mean_field, np.linspace(0.0, 1.0, 600)[:, None]
    for _ in range(4):
        _, ends = problem.model.sample(2, rng)
        x = ends[0] * (1.0 - along) + ends[1] * along
        best = field.optimal_q(x)
        for shift in (-30, -5, -1, 1, 5, 30):
            given = np.ascontiguousarray(np.roll(best.minima[:, :3, :2], shift, axis=0))
            tried = field.optimal_q(x, given=given, group=np.arange(600), use_modes=False)
            assert (tried.negative_elbo >= best.negative_elbo - BEATEN).all()


def test_two_close_basins_are_told_apart() -> None:
    """At x = 0.806 a wide q beats a narrow one whose basin touches its own."""
    best = PROBLEMS["wave"].mean_field.optimal_q([[0.806]])
    assert best.mean[0] == pytest.approx(0.5123, abs=1e-3)
    assert best.negative_elbo[0] == pytest.approx(1.472789, abs=1e-6)


@pytest.mark.parametrize("name", ALL_NAMES)
def test_kl_is_not_negative(name: str) -> None:
    problem = PROBLEMS[name]
    x = problem.telling(100, seed=7)
    size = np.maximum(1.0, np.abs(problem.mean_field.optimal_q(x).negative_elbo))
    assert (problem.mean_field.kl(x) >= -1e-11 * size).all()


@pytest.mark.parametrize("name", tagged("linear"))
def test_linear_decoders_have_the_exact_posterior(name: str) -> None:
    problem = PROBLEMS[name]
    _, x = problem.model.sample(200, 8)
    best = problem.mean_field.optimal_q(x)
    mean, scale = problem.pieces[0].moments(x, np.array(problem.noise_variance))
    assert np.abs(best.mean - mean).max() < 1e-7 * (1.0 + scale)
    assert best.scale == pytest.approx(np.full(200, scale), rel=1e-7)
    assert np.abs(problem.mean_field.kl(x, best)).max() <= 1e-12


def test_constant_decoder_has_the_prior() -> None:
    best = PROBLEMS["constant"].mean_field.optimal_q([[0.5, -1.0], [4.0, 3.0]])
    assert best.mean == pytest.approx([0.0, 0.0], abs=1e-9)
    assert best.scale == pytest.approx([1.0, 1.0], abs=1e-9)


def test_mirror_images_tie() -> None:
    """For an even f the optimum comes in pairs ±μ; one is chosen, and both are listed."""
    best = PROBLEMS["absolute_value"].mean_field.optimal_q([[1.0, 1.0], [2.0, 1.9]])
    assert (best.mean > 0.5).all()
    assert best.ambiguous.all()
    assert best.minima[:, 1, 0] == pytest.approx(-best.mean, abs=1e-8)
    assert (np.diff(best.minima[:, :2, 2], axis=1) >= -1e-10).all()


@pytest.mark.parametrize("name", ["figure8", "ramp", "clusters", "helix", "half_line"])
def test_derivatives(name: str) -> None:
    problem, rng = PROBLEMS[name], np.random.default_rng(9)
    field = problem.mean_field
    _, x = problem.model.sample(25, rng)
    mean, log_scale = rng.normal(size=25), rng.uniform(-2.5, 0.5, size=25)
    scale = np.exp(log_scale)
    exact = field.derivatives(x, mean, scale)
    h = 1e-5

    def at(step: tuple[float, float]) -> np.ndarray:
        return field.derivatives(x, mean + step[0] * h * scale, scale * np.exp(step[1] * h))

    along_mean = (at((1, 0)) - at((-1, 0))) / (2.0 * h)
    along_scale = (at((0, 1)) - at((0, -1))) / (2.0 * h)
    size = 1.0 + np.abs(exact).max(axis=1)
    for numeric, column in [(along_mean[:, 0], 1), (along_scale[:, 0], 2), (along_mean[:, 1], 3),
                            (along_scale[:, 2], 5)]:  # fmt: skip
        assert (np.abs(numeric - exact[:, column]) < 1e-6 * size).all()
    # s∂_μ of ∂_λ; the factor s of the scaled derivative is held fixed on that side.
    assert (np.abs(along_mean[:, 2] - exact[:, 4]) < 1e-6 * size).all()


@pytest.mark.parametrize("name", ["figure8", "ramp", "clusters", "helix", "spiral_dots"])
def test_gradient_against_brute_force(name: str) -> None:
    problem, rng = PROBLEMS[name], np.random.default_rng(10)
    _, x = problem.model.sample(12, rng)
    mean, log_scale = rng.normal(size=12), rng.uniform(-4.0, 0.5, size=12)
    found = problem.mean_field.derivatives(x, mean, np.exp(log_scale))
    for k in range(12):
        value, gradient = brute_force.negative_elbo(
            problem.model, x[k], mean[k], log_scale[k], panels=4000
        )
        assert found[k, 0] == pytest.approx(value, rel=1e-11)
        assert found[k, 1] == pytest.approx(
            gradient[0] * math.exp(log_scale[k]), rel=1e-9, abs=1e-9
        )
        assert found[k, 2] == pytest.approx(gradient[1], rel=1e-9, abs=1e-9)


#: q that take each path of E_q: cut panels, panels, runs of panels, and beyond the last edge.
PATHS = {
    "narrower than the panels": (0.4, 1e-3),
    "far narrower": (-1.1, 1e-7),
    "as wide as the panels": (0.2, 0.1),
    "wide over steep f": (0.1, 1.5),
    "widest": (-0.5, 3.5),
    "across a kink": (1e-4, 0.02),
    "across the edge": (11.5, 0.7),
    "beyond the edge": (15.0, 0.5),
    "far beyond the edge": (-60.0, 2.0),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["spiral_dots", "steep_tanh", "ramp", "half_line", "linear_plane"])
def test_every_path_of_the_expectation(name: str, path: str) -> None:
    problem, (mean, scale) = PROBLEMS[name], PATHS[path]
    panels = 4000 if scale > 0.5 else 600
    x = problem.model.decoder(np.array([0.3])) + 0.5
    first, squares = problem.mean_field.expectations(x, mean, scale)
    wanted_first, wanted_squares = brute_force.expectations(
        problem.model, x[0], mean, scale, panels
    )
    size = 1.0 + wanted_squares.max()
    assert first[0] == pytest.approx(wanted_first, abs=1e-11 * size)
    assert squares[0] == pytest.approx(wanted_squares, abs=1e-11 * size)
    value = problem.mean_field.negative_elbo(x, mean, scale)[0]
    wanted, _ = brute_force.negative_elbo(problem.model, x[0], mean, math.log(scale), panels)
    assert value == pytest.approx(wanted, rel=1e-10)


def test_given_candidates_replace_the_scan() -> None:
    problem = PROBLEMS["figure8"]
    _, x = problem.model.sample(30, 13)
    scan = problem.mean_field.optimal_q(x)
    near = np.stack([scan.mean + 0.01, np.log(scan.scale) + 0.02], axis=-1)[:, None, :]
    again = problem.mean_field.optimal_q(x, given=near, group=np.arange(30), use_modes=False)
    assert again.negative_elbo == pytest.approx(scan.negative_elbo, abs=1e-10)


def test_anisotropic_noise_enters_per_dimension() -> None:
    """A second dimension that says nothing must change nothing but a constant."""
    plain = GenerativeModel(Decoder.from_function(lambda z: np.sin(2.0 * z)), 0.04)
    padded = GenerativeModel(
        Decoder.from_function(lambda z: np.stack([np.sin(2.0 * z), 0.0 * z], axis=-1)), [0.04, 7.0]
    )
    x = np.linspace(-1.4, 1.4, 15)
    one = optimal_q(plain, x)
    two = optimal_q(MeanField(padded), np.column_stack([x, np.full(15, 0.3)]))
    constant = 0.5 * math.log(2.0 * math.pi * 7.0) + 0.5 * 0.3**2 / 7.0
    assert two.negative_elbo == pytest.approx(one.negative_elbo + constant, abs=1e-11)
    assert two.scale == pytest.approx(one.scale, rel=1e-6)
