"""Latent panels: they resolve f, find kinks and jumps that nobody declared, or own up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtr

from tests.problems import ALL_NAMES, PROBLEMS
from theorycheck.inference._marginal import log_density
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._decomposition import decompose
from theorycheck.quadrature._latent_panels import LARGEST_MOVE, LatentPanels, latent_panels
from theorycheck.quadrature._rules import ORDER, legendre_values

Function = Callable[[np.ndarray], np.ndarray]


def _undeclared(function: Function, variance: float = 0.01) -> LatentPanels:
    return latent_panels(GenerativeModel(Decoder.from_function(function), variance))


@pytest.mark.parametrize("name", ALL_NAMES)
def test_panels_tile_the_line_and_carry_the_prior(name: str) -> None:
    panels = PROBLEMS[name].panels
    assert panels.left[0] == -12.0
    assert panels.right[-1] == 12.0
    assert (panels.left[1:] == panels.right[:-1]).all()
    assert (np.diff(panels.z) > 0.0).all()
    assert np.exp(panels.log_weight).sum() == pytest.approx(1.0, abs=1e-13)
    mass = np.where(
        panels.left > 0, ndtr(-panels.left) - ndtr(-panels.right),
        ndtr(panels.right) - ndtr(panels.left),
    )  # fmt: skip
    wide = panels.right - panels.left > 1e-3
    assert np.exp(panels.log_mass)[wide] == pytest.approx(mass[wide], rel=1e-10)
    assert panels.unresolved_mass == 0.0


@pytest.mark.parametrize("name", ALL_NAMES)
def test_series_is_f_between_the_nodes(name: str) -> None:
    problem, panels = PROBLEMS[name], PROBLEMS[name].panels
    rng = np.random.default_rng(2)
    u = rng.uniform(-1.0, 1.0, size=(panels.size, 3))
    z = 0.5 * (panels.left + panels.right)[:, None]
    z = z + 0.5 * (panels.right - panels.left)[:, None] * u
    basis = legendre_values(u.ravel(), ORDER - 1).reshape(panels.size, 3, ORDER)
    series = np.einsum("pik,pdk->pid", basis, panels.coefficients)
    exact = problem.model.decoder(z.ravel()).reshape(series.shape)
    # z itself is rounded: steep f moves by |f′| eps |z|.
    assert np.abs((series - exact) / problem.model.sigma).max() < 1e-9
    move = np.ptp(exact, axis=1) / problem.model.sigma
    assert move.max() <= 1.01 * LARGEST_MOVE


@pytest.mark.parametrize("name", ["ramp", "half_line", "two_gaussians", "step", "absolute_value"])
def test_undeclared_kinks_and_jumps_cost_no_digits(name: str) -> None:
    problem = PROBLEMS[name]
    bare = Decoder.from_function(problem.model.decoder.function)
    assert bare.breakpoints is None
    x = problem.telling(400, seed=3)
    found = log_density(GenerativeModel(bare, problem.noise_variance), x)
    exact = problem.log_density(x)
    size = np.maximum(1.0, np.abs(exact))
    assert (np.abs(found.value - exact) <= 1e-12 * size).all()
    assert (np.abs(found.value - exact) <= found.error + 2e-15 * size).all()


KINKS: dict[str, tuple[Function, list[float]]] = {
    "abs": (lambda z: np.abs(z - 0.3), [0.3]),
    "sign": (lambda z: np.sign(z - 0.3), [0.3]),
    "floor": (lambda z: np.floor(z - 0.3), [k + 0.3 for k in range(-12, 12)]),
    "relu": (lambda z: np.maximum(z + 1.7, 0.0), [-1.7]),
    "two of a kind": (lambda z: np.abs(z - 0.123) - np.abs(z + 2.2), [-2.2, 0.123]),
    "bent waves": (
        lambda z: np.abs(np.sin(3.0 * z)), [k * np.pi / 3 for k in range(-11, 12) if k],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINKS)
def test_kinks_are_found(name: str) -> None:
    function, places = KINKS[name]
    panels = _undeclared(function, 1e-4)
    assert panels.unresolved_mass == 0.0
    for place in places:
        assert min(abs(b - place) for b in panels.breakpoints) < 1e-13
    assert len(panels.breakpoints) <= len(places) + 2


def test_smooth_functions_have_no_kinks() -> None:
    for function in (np.sin, np.tanh, lambda z: np.tanh(200.0 * z), lambda z: z**3 / 10.0):
        assert _undeclared(function).breakpoints == ()


UNRESOLVABLE: dict[str, Function] = {
    "fast wave": lambda z: np.sin(1e7 * z),
    "noise": lambda z: (z * 1e9) % 1.0,
}


@pytest.mark.parametrize("name", UNRESOLVABLE)
def test_unresolvable_decoders_are_reported(name: str) -> None:
    panels = _undeclared(UNRESOLVABLE[name])
    assert panels.unresolved_mass > 0.5
    result = log_density(panels, np.linspace(-1.0, 1.0, 9))
    # The law of sin(1e7 z) is the arcsine law: whatever is returned must admit its error.
    assert (result.error > 0.1).all()


def test_decompose_does_not_vouch_for_what_it_cannot_resolve() -> None:
    model = GenerativeModel(Decoder.from_function(UNRESOLVABLE["fast wave"]), 0.04)
    assert not decompose(model, tolerance=1e-3).resolved


def test_budget_is_honest() -> None:
    """With too few panels the answer is off, and says so."""
    problem = PROBLEMS["linear_narrow"]
    panels = latent_panels(problem.model, max_panels=200)
    assert panels.size <= 200
    assert panels.unresolved_mass > 0.0
    x = problem.telling(200, seed=5)
    result = log_density(panels, x)
    off = np.abs(result.value - problem.log_density(x))
    assert off.max() > 1e-6
    assert (off <= result.error + 1e-13 * (1.0 + np.abs(result.value))).all()


def test_reach_and_missing_mass() -> None:
    panels = latent_panels(PROBLEMS["ramp"].model, reach=3.0)
    assert (panels.left[0], panels.right[-1]) == (-3.0, 3.0)
    assert panels.missing_mass == pytest.approx(2.0 * ndtr(-3.0), rel=1e-12)
    assert latent_panels(PROBLEMS["ramp"].model, reach=90.0).reach == 37.0
