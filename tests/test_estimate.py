"""Numbers with error radii, and the three-valued verdicts drawn from them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from theorycheck.estimate import Estimate, Kind, Verdict, nonnegative, positive

H, F, I = Verdict.HOLDS, Verdict.FAILS, Verdict.INCONCLUSIVE  # noqa: E741


@pytest.mark.parametrize("operation", ["+", "-", "*"])
def test_arithmetic_encloses_every_true_value(operation: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = (Estimate(rng.normal(), abs(rng.normal())) for _ in range(2))
        ends = list(itertools.product((a.lower, a.value, a.upper), (b.lower, b.value, b.upper)))
        combined = {"+": a + b, "-": a - b, "*": a * b}[operation]
        true = [{"+": u + v, "-": u - v, "*": u * v}[operation] for u, v in ends]
        assert combined.lower <= min(true) + 1e-14
        assert combined.upper >= max(true) - 1e-14


def test_sum_and_difference_are_tight() -> None:
    a, b = Estimate(2.0, 0.25), Estimate(3.0, 0.5)
    assert (a + b) == Estimate(5.0, 0.75)
    assert (a - b) == Estimate(-1.0, 0.75)
    assert a.scaled(-4.0) == Estimate(-8.0, 1.0)
    assert a * Estimate(3.0, 0.0) == Estimate(6.0, 0.75)


def test_bounds_and_containment() -> None:
    a = Estimate(2.0, 0.25)
    assert (a.lower, a.upper) == (1.75, 2.25)
    assert a.contains(1.75)
    assert a.contains(2.25)
    assert not a.contains(2.2501)
    assert a.to_dict() == {"value": 2.0, "error": 0.25, "kind": "estimated"}
    assert Estimate.from_dict(a.to_dict()) == a


def test_a_combination_takes_the_weakest_kind() -> None:
    for strong, weak in itertools.combinations(Kind, 2):
        a, b = Estimate(1.0, 0.1, strong), Estimate(2.0, 0.1, weak)
        for combined in (a + b, b + a, a - b, b - a, a * b, b * a):
            assert combined.kind is weak
        assert a.scaled(2.0).kind is strong


def test_the_kind_is_printed_where_a_radius_is_not_merely_estimated() -> None:
    assert str(Estimate(1.0, 0.25)) == "1.00 ± 2.5e-01"
    assert str(Estimate(1.0, 0.25, Kind.STATISTICAL)) == "1.00 ± 2.5e-01 (statistical)"
    assert str(Estimate(1.0, 0.25, Kind.PROVED)) == "1.00 ± 2.5e-01 (proved)"
    assert str(Estimate(1.0, 0.0, Kind.EXACT)) == "1"


def test_what_is_not_defined_is_read_back_as_such() -> None:
    unknown = Estimate(0.0, math.inf, Kind.STATISTICAL)
    back = Estimate.from_dict(unknown.to_dict_or_null())
    assert math.isnan(back.value)
    assert back.error == math.inf
    assert back.kind is Kind.STATISTICAL
    assert Estimate.describes(unknown.to_dict_or_null())
    assert not Estimate.describes({"value": 1.0})
    assert not Estimate.describes({"value": 1.0, "error": 0.1, "more": 2})
    assert Estimate.from_dict({"value": 1.0, "error": 0.1}).kind is Kind.ESTIMATED


@pytest.mark.parametrize("error", [-1e-300, -1.0, math.nan])
def test_radius_must_be_a_radius(error: float) -> None:
    with pytest.raises(ValueError, match="error radius"):
        Estimate(1.0, error)


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        (Estimate(0.123456789, 1e-6), "0.1234568 ± 1.1e-06"),
        (Estimate(12.5, 0.0), "12.5"),
        (Estimate(0.25, math.inf), "0.25 (unresolved)"),
        (Estimate(3.0, 200.0), "3 ± 2.0e+02"),
    ],
)
def test_shown(estimate: Estimate, shown: str) -> None:
    assert str(estimate) == shown


@pytest.mark.parametrize(
    ("value", "error", "is_positive", "is_nonnegative"),
    [
        (1.0, 0.5, H, H),
        (-1.0, 0.5, F, F),
        (0.1, 0.5, I, I),
        (-0.1, 0.5, I, I),
        (0.5, 0.5, I, H),
        (-0.5, 0.5, F, I),
        (0.0, 0.0, F, H),
        (1.0, math.inf, I, I),
        (math.nan, 0.1, I, I),
        (math.inf, 0.0, H, H),
    ],
)
def test_verdicts(
    value: float, error: float, is_positive: Verdict, is_nonnegative: Verdict
) -> None:
    assert positive(Estimate(value, error)) is is_positive
    assert nonnegative(Estimate(value, error)) is is_nonnegative


def test_verdicts_combine_as_in_three_valued_logic() -> None:
    """Kleene's tables, with fails < inconclusive < holds."""
    rank = {F: 0, I: 1, H: 2}
    for a, b in itertools.product(Verdict, repeat=2):
        assert rank[a & b] == min(rank[a], rank[b])
        assert rank[a | b] == max(rank[a], rank[b])
        assert rank[~a] == 2 - rank[a]


def test_verdicts_print_as_words() -> None:
    assert [str(v) for v in Verdict] == ["holds", "fails", "inconclusive"]


def test_printed_interval_holds_the_computed_one() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        estimate = Estimate(rng.normal() * 10.0 ** rng.uniform(-6, 3), 10.0 ** rng.uniform(-13, 1))
        value, radius = map(float, str(estimate).split(" ± "))
        slack = 1e-14 * (1.0 + abs(value))
        assert value - radius <= estimate.lower + slack
        assert value + radius >= estimate.upper - slack
        assert radius <= 2.0 * estimate.error + 1e-14
