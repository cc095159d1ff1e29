"""One M-step on the own p(x): against brute force, closed forms and derivations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import hermite_e
from scipy.optimize import minimize

from proofs import fixed_point_linear
from tests import brute_force
from tests.mutants import mutant
from theorycheck.errors import DecoderError, ModelError, SettingError
from theorycheck.models._decoder import Decoder
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._decomposition import decompose
from theorycheck.optimum import _own_m_step as module
from theorycheck.optimum._own_m_step import LATENT_WEIGHTS, LATENTS, own_m_step
from theorycheck.optimum._stationarity import check_stationarity
from theorycheck.quadrature._rules import ORDER, TRANSFORM

Array = np.ndarray


def model(text: str, noise: float = 0.3) -> GenerativeModel:
    return GenerativeModel(parse_expression(text).to_decoder(), noise)


def brute_m_step(problem: GenerativeModel, latents: Array) -> Array:
    """f_new at a few latents (D = 1): sums over x and z, a search for q at every x."""
    sigma = float(problem.sigma[0])
    z = np.linspace(-8.0, 8.0, 1601)
    prior = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi) * (z[1] - z[0])
    f = problem.decoder(z)[:, 0]
    x = np.arange(f[400:-400].min() - 6.0 * sigma, f[400:-400].max() + 6.0 * sigma, 0.35 * sigma)
    normal = np.exp(-0.5 * ((x[:, None] - f) / sigma) ** 2)
    density = normal @ prior
    above, below = np.zeros(len(latents)), np.zeros(len(latents))
    for point, weight in zip(x, density, strict=True):
        best = min(
            (
                minimize(
                    lambda q, at=point: brute_force.negative_elbo(
                        problem, np.array([at]), q[0], q[1], 40
                    )[0],
                    (start, -0.5),
                    method="Nelder-Mead",
                    options={"xatol": 1e-7, "fatol": 1e-13},
                )
                for start in (-0.7, 0.7)
            ),
            key=lambda found: found.fun,
        )
        q = weight * np.exp(-0.5 * ((latents - best.x[0]) / math.exp(best.x[1])) ** 2)
        q /= math.exp(best.x[1])
        above += q * point
        below += q
    return above / below


POINTS = np.array([-2.0, -0.4, 0.0, 0.9, 2.5])


@pytest.fixture(scope="module")
def brute() -> Array:
    return brute_m_step(model("tanh(2*z) + 0.3*z"), POINTS)


def _from_brute(brute: Array) -> float:
    return float(
        np.abs(own_m_step(model("tanh(2*z) + 0.3*z")).model.decoder(POINTS)[:, 0] - brute).max()
    )


def test_the_moved_decoder_is_that_of_brute_force(brute: Array) -> None:
    assert _from_brute(brute) < 1e-6


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("_gather", "weight / scale", "weight"),
        ("_gather", "- 0.5 * ((", "- (("),
        ("_gather", "np.log(weight / scale)", "-np.log(scale)"),
        ("_mean_slope", "/ _WIDTH", "* _WIDTH"),
        ("_gain", "0.5 * float", "float"),
        ("_gain", "model.noise_variance", "model.sigma"),
        ("_gain", "rule * aggregate", "rule"),
        ("_choose", "-np.inf", "np.inf"),
    ],
)
def test_a_broken_piece_is_seen(
    name: str, old: str, new: str, brute: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mutant fails one of the referees that the function as it is passes."""
    assert _all_pass(brute)
    monkeypatch.setattr(module, name, mutant(getattr(module, name), old, new))
    assert not _all_pass(brute)


def _all_pass(brute: Array) -> bool:
    """f_new by brute force and beyond the table, the gain by another route, and a tie's choice."""
    try:
        straight = own_m_step(model("2*z + 1")).model.decoder(np.array([-9.0, 9.0]))[:, 0]
        problem = model("sin(2*z)")
        reference = check_stationarity(problem).m_step_gain.value
        even = own_m_step(model("abs(z)")).mean
        return (
            _from_brute(brute) < 1e-6
            and bool(np.abs(straight - [-17.0, 19.0]).max() < 1e-6)
            and abs(own_m_step(problem).gain.value - reference) < 1e-2 * reference
            and even > 0.1
        )
    except (ValueError, IndexError, FloatingPointError, DecoderError):
        return False


@pytest.mark.parametrize("text", ["0*z + 1", "1.5*z - 2", "[z, -2*z]"])
def test_affine_decoders_stay(text: str) -> None:
    problem = model(text)
    step = own_m_step(problem)
    z = np.linspace(-4.0, 4.0, 33)
    assert np.abs(step.model.decoder(z) - problem.decoder(z)).max() < 1e-6
    assert step.pmo.contains(0.0)
    assert step.gain.value < 1e-12


@pytest.mark.parametrize("text", ["tanh(z)", "abs(z)", "[z, 0.3*z**2]"])
def test_pmo_and_gain_are_those_of_the_other_routes(text: str) -> None:
    problem = model(text)
    step = own_m_step(problem)
    assert (decompose(problem, tolerance=1e-4).pmo - step.pmo).contains(0.0)
    if text != "abs(z)":  # its tied q may be chosen otherwise there
        assert (check_stationarity(problem).m_step_gain - step.gain).contains(0.0)


@settings(deadline=None, derandomize=True, max_examples=8)
@given(st.floats(-0.6, 0.6), st.floats(-1.0, 1.0), st.floats(0.05, 1.0))
def test_the_aggregated_posterior_reads_the_displacement(
    square: float, wave: float, noise: float
) -> None:
    """fixed_point_aggregate: two moments, each by the q and by the displacement along the curve."""
    problem = model(f"0.8*z + {square}*z**2 + {wave}*sin(2*z)", noise)
    slope = 0.8 + 2.0 * square * LATENTS + 2.0 * wave * np.cos(2.0 * LATENTS)
    step = own_m_step(problem)
    moved = (step.model.decoder(LATENTS) - problem.decoder(LATENTS))[:, 0]
    weight = LATENT_WEIGHTS * step.aggregate * moved * slope / noise
    # What the grid in x leaves where q jumps is in the radius of the PMO.
    allowed = 1e-6 + 20.0 * step.pmo.error
    assert abs(step.mean - weight.sum()) < allowed
    assert abs(step.second_moment - 1.0 - weight @ LATENTS) < allowed
    spread = float((LATENT_WEIGHTS * step.aggregate) @ (LATENTS * slope) ** 2)
    bound = noise * (step.second_moment - 1.0) ** 2 / (2.0 * spread)
    assert step.gain.upper + allowed > bound


@pytest.mark.parametrize("text", ["abs(z)", "sign(z)", "step(z + 0.3)*z"])
def test_kinks_and_jumps_are_gone_after_one_step(text: str) -> None:
    """fixed_point_smooth: f_new is analytic, its Legendre coefficients fall on every panel."""
    step = own_m_step(model(text))
    values = step.model.decoder(LATENTS).reshape(-1, ORDER)
    series = np.abs(values @ TRANSFORM.T)
    inner = np.abs(LATENTS.reshape(-1, ORDER)).max(axis=1) < 3.6
    assert series[inner, -2:].max() < 1e-8 * series.max()
    assert step.gain.lower > 0.0


KEPT, ACROSS, DEGREE = fixed_point_linear.KEPT, fixed_point_linear.KEPT_ACROSS, fixed_point_linear.n


def share(expression: Any, degree: int, slope: float, noise: float) -> float:
    """What an M-step keeps of a small deviation of this degree, by the derivation."""
    cosine = slope / math.sqrt(slope**2 + noise)
    values = {
        DEGREE: degree,
        fixed_point_linear.c: cosine,
        fixed_point_linear.s: math.sqrt(1.0 - cosine**2),
    }
    return float(sp.sympify(expression).subs(values))


def kept(degree: int, slope: float, noise: float, across: bool) -> float:
    """Measure it: the part of that degree after a step over the part before."""
    size = 1e-4
    coefficients = [0.0] * degree + [size]

    def f(z: Array) -> Array:
        bump = hermite_e.hermeval(z, coefficients)
        return np.stack([slope * z, bump], -1) if across else slope * z + bump

    moved = own_m_step(GenerativeModel(Decoder.from_function(f, breakpoints=()), noise)).model
    prior = LATENT_WEIGHTS * np.exp(-0.5 * LATENTS**2) / math.sqrt(2.0 * math.pi)
    part = prior * hermite_e.hermeval(LATENTS, [0.0] * degree + [1.0]) / math.factorial(degree)
    line = 0.0 if across else slope * LATENTS
    return float(part @ (moved.decoder(LATENTS)[:, -1] - line)) / size


@pytest.mark.parametrize(
    ("degree", "slope", "noise"), [(2, 1.0, 0.3), (3, 0.6, 0.3), (2, 1.0, 0.05), (4, 1.0, 1.0)]
)
def test_close_to_an_affine_decoder_each_degree_is_taken_back(
    degree: int, slope: float, noise: float
) -> None:
    assert kept(degree, slope, noise, across=False) == pytest.approx(
        share(KEPT, degree, slope, noise), abs=2e-3
    )


@pytest.mark.parametrize("degree", [2, 3])
def test_across_the_line_a_parabola_is_kept(degree: int) -> None:
    assert kept(degree, 1.0, 0.5, across=True) == pytest.approx(
        share(ACROSS, degree, 1.0, 0.5), abs=2e-3
    )


def test_small_noise() -> None:
    """fixed_point_small_noise: PMO → ¾σ² ∫ φ (g″/g′²)² dz."""
    noise = 3e-3
    step = own_m_step(model("z + 0.3*tanh(z)", noise))
    z, weight = LATENTS, LATENT_WEIGHTS * np.exp(-0.5 * LATENTS**2) / math.sqrt(2.0 * math.pi)
    slope = 1.0 + 0.3 / np.cosh(z) ** 2
    bend = -0.6 * np.tanh(z) / np.cosh(z) ** 2
    wanted = 0.75 * noise * float(weight @ (bend / slope**2) ** 2)
    assert step.pmo.value == pytest.approx(wanted, rel=2e-2)


def test_ties_taken_both_keep_an_even_decoder_even() -> None:
    z = np.linspace(0.0, 4.0, 17)
    both = own_m_step(model("abs(z)"), ties="both").model.decoder
    one = own_m_step(model("abs(z)")).model.decoder
    assert np.abs(both(z) - both(-z)).max() < 1e-9
    assert np.abs(one(z) - one(-z)).max() > 0.1


def test_bad_input() -> None:
    with pytest.raises(SettingError, match="ties must be"):
        own_m_step(model("z"), ties="none")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="D <= 2"):
        own_m_step(model("[z, z, z]"))
