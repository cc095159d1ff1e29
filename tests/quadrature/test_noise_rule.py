"""Averages over (z, ε): exact for polynomials, converged and honest at kinks, never silent."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.quadrature._curve_strips import curve_strips
from theorycheck.quadrature._latent_panels import LatentPanels, latent_panels
from theorycheck.quadrature._noise_rule import gauss_hermite, integrate_noise


def _line(slopes: str, variance: list[float]) -> LatentPanels:
    return latent_panels(GenerativeModel(parse_expression(slopes).to_decoder(), variance))


def _integrate(panels: LatentPanels, function, tolerance: float, price=math.inf):  # type: ignore[no-untyped-def]
    return integrate_noise(
        lambda x: function(x)[:, None],
        panels,
        curve_strips(panels),
        np.array([tolerance]),
        lightest=1e-18,
        price=lambda _way: price,
    )


@pytest.mark.parametrize("order", [4, 6, 12, 30])
def test_hermite_coefficients_are_those_of_the_polynomial(order: int) -> None:
    nodes, weights, transform = gauss_hermite(order)
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    # ε³ = He_3 + 3 He_1, so its normalised coefficients are √6 and 3.
    expected = np.zeros(order)
    expected[1], expected[3] = 3.0, math.sqrt(6.0)
    assert np.abs(transform @ nodes**3 - expected).max() < 1e-12


@pytest.mark.parametrize(
    ("slopes", "variance"),
    [("[50*z, 20*z]", [0.01, 0.04]), ("300*z", [0.01]), ("[40*z, 30*z, -9*z]", [0.01, 0.1, 0.02])],
)
def test_moments_of_a_line(slopes: str, variance: list[float]) -> None:
    panels = _line(slopes, variance)
    slope = panels.model.decoder(np.array([1.0]))[0]
    direction = np.arange(1.0, slope.size + 1.0)
    second = float((direction @ slope) ** 2 + direction**2 @ np.array(variance))
    found = _integrate(panels, lambda x: (x @ direction) ** 4, 1e-9 * second**2)
    assert not found.apart.any()
    assert found.weight.sum() + found.missing_mass == pytest.approx(1.0, abs=1e-12)
    assert abs(found.value[0] - 3.0 * second**2) <= 1e-11 * second**2 + found.error[0]
    assert found.error[0] <= 1e-9 * second**2


def test_a_kink_along_the_curve_is_honest_and_costs_more() -> None:
    """|x₁ − c|: its mean over a line is the mean of a folded normal, in closed form."""
    panels = _line("[30*z, 0*z]", [0.01, 0.01])
    scale = math.hypot(30.0, 0.1)
    for c in np.random.default_rng(0).uniform(-40.0, 40.0, 12):
        found = _integrate(panels, lambda x, c=c: np.abs(x[:, 0] - c), 1e-3)
        t = c / scale
        density = math.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi)
        true = scale * (2.0 * density + t * (2.0 * float(ndtr(t)) - 1.0))
        assert abs(found.value[0] - true) <= found.error[0]
    assert len(found.x) > len(_integrate(panels, lambda x: x[:, 0], 1e-3).x)


def test_random_kinks_across_the_noise_are_honest() -> None:
    """|ν·n − c| under the noise of a steep line, at random places: also a folded normal's mean."""
    panels = _line("[90*z, 0*z]", [0.01, 0.01])
    rng = np.random.default_rng(1)
    for _ in range(25):
        c = rng.uniform(-2.5, 2.5)
        found = _integrate(panels, lambda x, c=c: np.abs(x[:, 1] / 0.1 - c), 1e-5)
        density = math.exp(-0.5 * c * c) / math.sqrt(2.0 * math.pi)
        true = 2.0 * density + c * (2.0 * float(ndtr(c)) - 1.0)
        assert abs(found.value[0] - true) <= found.error[0]
        # The orders end: it says that it did not converge.
        assert not found.converged


def test_strips_that_cost_too_much_are_given_up() -> None:
    panels = _line("[90*z, 0*z]", [0.01, 0.01])
    found = _integrate(panels, lambda x: np.abs(x[:, 1] - 0.05), 1e-9, price=600.0)
    assert np.exp(panels.log_mass)[found.apart].sum() > 0.9
    assert found.weight.sum() + np.exp(panels.log_mass)[found.apart].sum() == pytest.approx(1.0)


def test_steps_reach_half_way_to_the_next_node() -> None:
    panels = _line("[90*z, 0*z]", [0.01, 0.04])
    found = _integrate(panels, lambda x: x[:, 0] ** 2, 1e-3)
    # Along z the curve moves in x₁ only; the noise moves σ times half a spacing of Hermite nodes.
    assert np.abs(found.reach[:, 0, 1]).max() < 1e-12
    assert found.reach[:, 0, 0].max() > 1.0
    across = np.abs(found.reach[:, 2, 1])
    assert 0.2 * 0.2 < across.min() < across.max() < 0.2
