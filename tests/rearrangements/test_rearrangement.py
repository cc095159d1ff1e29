"""The zero-MLEO class: closed forms, the law MLEO = 0, and what is no rearrangement."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from tests.test_laws import Wavy, decoders
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Verdict
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._table import decoder_from_table
from theorycheck.objectives._decomposition import decompose
from theorycheck.quadrature._largest_slope import largest_slope
from theorycheck.rearrangements._image_law import characteristic_difference, same_image_law
from theorycheck.rearrangements._interval_exchange import exchange, random_exchange
from theorycheck.rearrangements._measure_preserving import LatentMap, fold
from theorycheck.rearrangements._monotone import Tracing, monotone_rearrangement
from theorycheck.rearrangements._rearrangement import (
    is_continuous,
    rearranged,
    reflected,
    tail_guard,
    zero_mleo_members,
)
from theorycheck.rearrangements._smoothed_exchanges import smoothed_exchange, smoothed_exchanges
from theorycheck.rearrangements._zero_mleo_class import survey_zero_mleo

HALVES = exchange("halves", (0.0, 0.5, 1.0), (1, 0), (False, False))


def model(text: str, variance: float = 0.05) -> GenerativeModel:
    return GenerativeModel(parse_expression(text).to_decoder(text), variance)


def monotone(f: GenerativeModel) -> GenerativeModel:
    found = monotone_rearrangement(f).model
    assert found is not None
    return found


def test_absolute_value_in_closed_form() -> None:
    z = np.linspace(-8.0, 8.0, 321)
    g = monotone(benchmark("absolute_value")).decoder(z)
    # Φ⁻¹((1 + Φ(z))/2), in the form that keeps its digits for large z.
    assert np.abs(g + ndtri(ndtr(-z) / 2.0)[:, None]).max() < 1e-10


def test_absolute_value_pmo() -> None:
    data = benchmark("absolute_value")
    found = decompose(monotone(data), data, tolerance=1e-5)
    assert abs(found.pmo.value - 0.0143466) <= found.pmo.error + 1e-6
    assert found.pmo.error < 2e-5
    assert found.mleo.contains(0.0)
    assert found.mleo.error < 1e-9


def test_quantile_function_for_one_data_dimension() -> None:
    """z² is χ² with one degree of freedom; and f with many turns against sorting."""
    z = np.linspace(-4.0, 4.0, 81)
    g = monotone(model("z**2")).decoder(z)[:, 0]
    assert np.abs(g - ndtri(ndtr(-z) / 2.0) ** 2).max() < 1e-10
    wavy = model("sin(1.5*z) + z/2")
    g = monotone(wavy).decoder(z)[:, 0]
    assert (np.diff(g) >= 0.0).all()
    count = 400_000
    drawn = np.sort(wavy.decoder(ndtri((np.arange(count) + 0.5) / count))[:, 0])
    inner = np.abs(z) < 3.0
    assert np.abs(g[inner] - drawn[(ndtr(z[inner]) * count).astype(int)]).max() < 1e-3


@pytest.mark.parametrize("name", ["figure8", "circle", "spiral_dots", "expr"])
def test_an_image_traced_once_is_left_alone(name: str) -> None:
    f = model("[z, z**3 - z]") if name == "expr" else benchmark(name)
    found = monotone_rearrangement(f)
    assert found.tracing is Tracing.ONCE
    assert found.model is f


def test_a_closed_curve_traced_twice() -> None:
    """Four quarter turns of uniform speed in Φ(z), twice round: g goes round once."""
    f = model("[cos(4*pi*Phi(z)), sin(4*pi*Phi(z))]")
    found = monotone_rearrangement(f)
    assert found.tracing is Tracing.CLOSED
    assert found.model is not None
    z = np.linspace(-3.0, 3.0, 61)
    angle = 2.0 * np.pi * ndtr(z)
    expected = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    assert np.abs(found.model.decoder(z) - expected).max() < 1e-9


def test_a_segment_traced_many_times() -> None:
    f = model("[cos(z), 2*cos(z)]")
    found = monotone_rearrangement(f)
    assert found.tracing is Tracing.FOLDED
    assert found.model is not None
    assert characteristic_difference(found.model, f)[0].value < 1e-10
    first = found.model.decoder(np.linspace(-4.0, 4.0, 101))[:, 0]
    assert (np.diff(first) > 0.0).all() or (np.diff(first) < 0.0).all()


def test_images_without_one_order_are_refused_with_a_reason() -> None:
    jumping = GenerativeModel(
        decoder_from_table([0.0], [[0.0, 0.0], [1.0, 2.0]], kind="cells"), 0.05
    )
    found = monotone_rearrangement(jumping)
    assert found.model is None
    assert "jumps" in found.reason
    rough = monotone_rearrangement(model("sin(1e7*z)"))
    assert rough.model is None
    assert "rough" in rough.reason


def test_continuity() -> None:
    assert is_continuous(benchmark("figure8"), fold(2))
    assert not is_continuous(benchmark("figure8"), HALVES)
    # The circle's ends meet.
    assert is_continuous(benchmark("circle"), HALVES)
    line = model("z")
    assert tail_guard(benchmark("figure8")) == 0.0
    assert tail_guard(line) > 0.0
    assert not is_continuous(line, fold(2))
    assert is_continuous(line, fold(3, tail_guard(line)))


few = settings(deadline=None, derandomize=True, max_examples=3, phases=[Phase.generate])


@st.composite
def maps(draw: st.DrawFn) -> LatentMap:
    if draw(st.booleans()):
        return fold(draw(st.integers(2, 4)), 1e-5)
    seed, pieces = draw(st.integers(0, 1000)), draw(st.integers(2, 5))
    return random_exchange(np.random.default_rng(seed), pieces, 1e-5)


@few
@given(decoders(1, 2), maps())
def test_mleo_of_a_rearrangement_is_zero(f: Wavy, latent_map: LatentMap) -> None:
    data = f.model
    for g in (rearranged(data, latent_map), reflected(data)):
        check = same_image_law(g, data)
        assert check.mleo.contains(0.0)
        assert check.mleo.error < 1e-6
        assert check.verdict is Verdict.HOLDS


@few
@given(st.floats(0.3, 1.5), st.floats(0.5, 2.0), st.floats(-0.4, 0.4))
def test_mleo_of_the_monotone_rearrangement_is_zero(a: float, w: float, b: float) -> None:
    data = model(f"{a:.3f}*sin({w:.3f}*z) + {b:.3f}*z + exp(-z**2)", 0.1)
    assert same_image_law(monotone(data), data).verdict is Verdict.HOLDS


def test_image_law_fails_where_it_should() -> None:
    data = model("[z, sin(z)]", 0.2)
    assert same_image_law(model("[z, 1.01*sin(z)]", 0.2), data).verdict is Verdict.FAILS
    assert same_image_law(data.with_noise_variance(0.21), data).verdict is Verdict.FAILS
    # The mass of panels that do not resolve f goes into the radius.
    unknown = Estimate(0.0, math.inf)
    rough = same_image_law(model("sin(1e7*z)", 0.2), model("sin(1e7*z) + 0*z", 0.2), mleo=unknown)
    assert rough.verdict is Verdict.INCONCLUSIVE
    with pytest.raises(ModelError, match="data dimensions"):
        same_image_law(model("z"), data)


def test_reflection_changes_no_pmo() -> None:
    data = model("abs(z - 0.3)", 0.1)
    one, other = decompose(data, tolerance=1e-5), decompose(reflected(data), data, tolerance=1e-5)
    assert abs(one.pmo.value - other.pmo.value) <= one.pmo.error + other.pmo.error


def test_the_class_is_sorted_and_described() -> None:
    data = model("abs(z)", 0.1)
    found = survey_zero_mleo(data, folds=(2,), tears=0, tolerance=1e-3)
    assert not found.left_out
    values = [m.pmo.value for m in found.members]
    assert (np.diff(values) > -1e-9).all()
    assert found.smallest.member.kind == "monotone"
    kinds = {"ground truth", "monotone", "fold", "rotation", "tear", "pieces"}
    assert {m.member.kind for m in found.members} == kinds
    assert "3 of the 3 other orders and directions of its natural pieces" in found.description
    assert f"{len(found.members)} rearrangements" in found.description
    assert all(m.image_law.verdict is Verdict.HOLDS for m in found.members)


def test_mleo_of_smoothed_tears_falls_with_their_slope() -> None:
    data = model("[sin(2*Phi(z)), cos(2*Phi(z))]", 0.05)
    rows = smoothed_exchanges(data, HALVES, (5.0, 20.0, 80.0), tolerance=1e-3)
    mleo = [row.mleo.value for row in rows]
    assert mleo[0] > mleo[1] > mleo[2] > 0.0
    torn = decompose(rearranged(data, HALVES), data, tolerance=1e-3)
    assert abs(rows[2].pmo.value - torn.pmo.value) < 0.3 * torn.pmo.value
    for row in rows:
        assert row.largest_slope == pytest.approx(row.slope, rel=1e-6)
    smooth = smoothed_exchange(data, HALVES, 20.0)
    z = np.linspace(-4.0, 4.0, 80_001)
    steps = np.linalg.norm(np.diff(smooth.decoder(z), axis=0), axis=1) / 1e-4
    assert steps.max() < 20.0 * (1.0 + 1e-9)
    assert largest_slope(smooth) == pytest.approx(20.0, rel=1e-6)


def test_bad_input() -> None:
    with pytest.raises(SettingError, match="number of tears"):
        zero_mleo_members(model("z"), tears=-2)
    with pytest.raises(SettingError, match="slope of the bridges"):
        smoothed_exchange(model("z"), HALVES, -1.0)
    with pytest.raises(SettingError, match="steeper"):
        smoothed_exchange(benchmark("figure8"), HALVES, 1e-3)
