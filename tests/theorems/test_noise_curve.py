"""J*(σ²) against a straight line, whose curve is known in closed form; and its lower bounds."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.optimum.conftest import TINY
from theorycheck.errors import ModelError, SettingError
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._decomposition import decompose
from theorycheck.optimum._settings import SearchSettings
from theorycheck.report._figure_files import paper_figure
from theorycheck.report._figures_noise import noise_curve_figure
from theorycheck.theorems._likelihood_floor import likelihood_floor
from theorycheck.theorems._noise_curve import NoiseCurve, noise_curve
from theorycheck.theorems._theorem2 import check_theorem2

TRUE = 0.5
LINE = GenerativeModel(parse_expression("[z, 2*z]").to_decoder(name="line"), TRUE)
DOT = GenerativeModel(parse_expression("[0*z, 0*z]").to_decoder(name="dot"), 0.01)
LEAST = replace(TINY, starts=2, refined=1, rounds=0, fine_cells=100, fine_step=0.8)
HELD = (0.5, 0.7, 1.0)


def exact(variance: float) -> float:
    """J* of the line at σ² >= the true one.

    Along the line f makes up for any σ², across it N(0, 0.5) is held against N(0, σ²); posteriors
    are Gaussian.
    """
    ratio = TRUE / variance
    return 0.5 * (ratio - 1.0 - math.log(ratio))


@pytest.fixture(scope="module")
def curve() -> NoiseCurve:
    return noise_curve(LINE, HELD, SearchSettings(effort=LEAST))


def test_a_dots_floor_is_the_divergence_of_two_normals() -> None:
    for variance in (0.015, 0.02, 0.05):
        ratio = 0.01 / variance
        divergence = ratio - 1.0 - math.log(ratio)
        floor = likelihood_floor(DOT, variance)
        # The supremum is known to 1e-3 nats.
        assert divergence - 1.5e-3 < floor <= divergence


@pytest.mark.parametrize("variance", [1.0, 2.0])
def test_a_lines_floor(variance: float) -> None:
    assert exact(variance) - 3e-3 < likelihood_floor(LINE, variance) <= exact(variance)


def test_no_decoder_is_below_the_floor() -> None:
    """MLEO of decoders of all kinds, by the engine, on data that they were not made for."""
    data = benchmark("figure8")
    floor = likelihood_floor(data, 0.06)
    assert floor > 0.02
    for decoder in (data.decoder, benchmark("circle").decoder, LINE.decoder):
        mleo = decompose(GenerativeModel(decoder, 0.06), data, tolerance=1e-2).mleo
        assert mleo.upper >= floor
    assert likelihood_floor(data, 0.1) > floor
    assert likelihood_floor(data, 0.02) == 0.0


def test_one_dimension() -> None:
    normal = GenerativeModel(parse_expression("0*z").to_decoder(name="point"), 0.5)
    assert exact(1.0) - 1.5e-3 < likelihood_floor(normal, 1.0) <= exact(1.0)


def test_the_curve_is_between_its_bounds(curve: NoiseCurve) -> None:
    for point in curve.points:
        assert point.floor <= exact(point.noise_variance) <= point.excess.upper
        # Steps for a line: a few thousandths.
        assert point.excess.value < exact(point.noise_variance) + 5e-3
        # The slope of h = J* + log τ in τ = 1/σ².
        assert point.refit.value == pytest.approx(0.5 * (TRUE + point.noise_variance), rel=2e-2)
        low, high = curve.refit_range(point.noise_variance)
        assert low <= 0.5 * (TRUE + point.noise_variance) <= high


def test_one_decoder_bounds_the_whole_curve(curve: NoiseCurve) -> None:
    """The same f and the q that was best for it, at another σ²: by the definition of −ELBO."""
    point = curve.points[0]
    assert point.bound_at(point.noise_variance) == point.excess
    moved = point.bound_at(0.6)
    # q is optimal at 0.5, so that the optimal q at 0.6 can only be better.
    model = point.best.model.with_noise_variance(0.6)
    best = decompose(model, LINE, tolerance=1e-6).excess
    assert best.lower <= moved.upper
    assert moved.value - best.value < 0.1
    for variance in (0.55, 0.8):
        assert exact(variance) <= curve.upper(variance).upper
        assert curve.upper(variance).value < exact(variance) + 0.02


def test_a_check_takes_the_curve_of_its_own_data_alone(curve: NoiseCurve) -> None:
    check = check_theorem2(LINE, tolerance=1e-2)
    assert "curve" not in check.to_dict()
    assert check.with_curve(curve).to_dict()["curve"] == curve.to_dict()
    with pytest.raises(ModelError, match="the curve is of line, not of dot"):
        replace(check, model=DOT).with_curve(curve)


def test_what_is_open_and_what_is_excluded(curve: NoiseCurve) -> None:
    assert curve.lowest.noise_variance == TRUE
    assert curve.least.value <= curve.lowest.excess.value
    assert curve.candidates[0] == TRUE
    assert curve.left_open == max(p.left_open for p in curve.points)
    assert curve.excluded_from <= 1.0
    # A search that fell short leaves what it fell short by open.
    point = curve.points[0]
    far = replace(point, rising=curve.points[2].best)
    gap = abs(far.rising.excess.value - point.falling.excess.value)
    assert far.left_open == pytest.approx(
        gap + far.rising.excess.error + point.falling.excess.error
    )
    assert far.excess == point.falling.excess
    wide = replace(curve, points=(far, *curve.points[1:]))
    assert wide.candidates == HELD
    found = curve.to_dict()
    assert isinstance(found["points"], list)
    assert len(found["points"]) == len(HELD)


def test_figure(curve: NoiseCurve) -> None:
    picture = paper_figure(noise_curve_figure(curve), "svg")
    assert picture.startswith(b"<?xml")


def test_bad_input() -> None:
    for values in ((), (0.1, 0.1), (0.1, -1.0), (0.1, math.inf)):
        with pytest.raises(SettingError):
            noise_curve(LINE, values, SearchSettings(effort=LEAST))
    with pytest.raises(SettingError, match="positive"):
        likelihood_floor(LINE, 0.0)
    three = GenerativeModel(parse_expression("[z, z, z]").to_decoder(), 0.5)
    with pytest.raises(ModelError, match="D <= 2"):
        likelihood_floor(three, 1.0)
