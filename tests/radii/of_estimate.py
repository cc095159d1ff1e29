"""Radii of sums, products and verdicts (theorycheck/estimate.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.radii.table import Table, getter, off, shortfall
from theorycheck.estimate import Estimate, Verdict, positive

A, B = Estimate(3.0, 0.5), Estimate(-2.0, 0.25)


def _sum(function: Callable[..., Any]) -> float:
    """Both at their upper ends: 3.5 and −1.75 are worth 1.75."""
    return off(function(A, B).error, 1.75 - 1.0)


def _difference(function: Callable[..., Any]) -> float:
    """The upper end of the first minus the lower end of the second: 3.5 + 2.25."""
    return off(function(A, B).error, 5.75 - 5.0)


def _product(function: Callable[..., Any]) -> float:
    """The outermost corner: 3.5 times −2.25."""
    return off(function(A, B).error, 3.5 * 2.25 - 6.0)


def _scaled(function: Callable[..., Any]) -> float:
    try:
        return off(function(A, -3.0).error, 1.5)
    except ValueError:
        return math.inf


def _lower(function: Callable[..., Any]) -> float:
    return off(function(A), 2.5)


def _upper(function: Callable[..., Any]) -> float:
    return off(function(A), 3.5)


def _contains(function: Callable[..., Any]) -> float:
    inside = [function(A, number) for number in (2.49, 2.51, 3.49, 3.51)]
    return float(inside != [False, True, True, False])


def _printed(function: Callable[..., Any]) -> float:
    """What is printed holds the true value: the radius and what rounding the value moves."""
    worst = 0.0
    for value, error in ((0.123456, 0.0042), (0.4449, 0.0099), (12.3451, 1.01), (7.0, 0.123)):
        text, radius = function(Estimate(value, error)).split(" ± ")
        worst = max(worst, shortfall(abs(float(text) - value) + error * (1 - 1e-12), float(radius)))
    return worst


def _dict(function: Callable[..., Any]) -> float:
    return off([function(A)["error"], function(A)["value"]], [0.5, 3.0])


def _positive(function: Callable[..., Any]) -> float:
    """What a radius reaches across zero is decided for nobody."""
    verdicts = {
        (1.0, 0.5): Verdict.HOLDS, (1.0, 2.0): Verdict.INCONCLUSIVE,
        (-1.0, 2.0): Verdict.INCONCLUSIVE, (-1.0, 0.5): Verdict.FAILS,
        (1.0, math.inf): Verdict.INCONCLUSIVE, (math.nan, math.inf): Verdict.INCONCLUSIVE,
        (math.inf, math.inf): Verdict.INCONCLUSIVE,
    }  # fmt: skip
    return float(sum(function(Estimate(*m)) is not v for m, v in verdicts.items()))


def _refusal(function: Callable[..., Any]) -> float:
    """A negative radius and NaN are refused."""
    class _Bare:
        value = 1.0

    passed = 0
    for error in (-1.0, math.nan):
        bare = _Bare()
        bare.error = error  # type: ignore[attr-defined]
        try:
            function(bare)
            passed += 1
        except ValueError:
            pass
    return float(passed)


ESTIMATE: Table = {
    "sum without the second radius": (
        _sum, Estimate.__add__, "self.error + other.error", "self.error",
    ),
    "sum without the first radius": (
        _sum, Estimate.__add__, "self.error + other.error", "other.error",
    ),
    "sum with the larger radius only": (
        _sum, Estimate.__add__, "self.error + other.error", "max(self.error, other.error)",
    ),
    "difference of the radii": (
        _difference, Estimate.__sub__, "self.error + other.error", "abs(self.error - other.error)",
    ),
    "difference without the second radius": (
        _difference, Estimate.__sub__, "self.error + other.error", "self.error",
    ),
    "product without |a|·Δb": (
        _product, Estimate.__mul__, "abs(self.value) * other.error", "0.0",
    ),
    "product without |b|·Δa": (
        _product, Estimate.__mul__, "abs(other.value) * self.error", "0.0",
    ),
    "product without Δa·Δb": (
        _product, Estimate.__mul__, "self.error * other.error\n", "0.0\n",
    ),
    "radius not scaled": (_scaled, Estimate.scaled, "self.error * abs(factor)", "self.error"),
    "radius scaled by a negative factor": (
        _scaled, Estimate.scaled, "self.error * abs(factor)", "self.error * factor",
    ),
    "lower end without radius": (_lower, getter(Estimate, "lower"), "- self.error", ""),
    "upper end without radius": (_upper, getter(Estimate, "upper"), "+ self.error", ""),
    "contains without upper end": (_contains, Estimate.contains, "<= self.upper", ""),
    "contains without lower end": (_contains, Estimate.contains, "self.lower <=", ""),
    "printed without its rounding": (
        _printed, Estimate.__str__, "self.error + abs(float(text) - self.value)", "self.error",
    ),
    "printed radius rounded down": (_printed, Estimate.__str__, "math.ceil(", "math.floor("),
    "JSON without radius": (_dict, Estimate.to_dict, '"error": self.error', '"error": 0.0'),
    "JSON or null without radius": (
        _dict, Estimate.to_dict_or_null, '"error": self.error', '"error": 0.0',
    ),
    "holds by its value alone": (_positive, positive, "margin.lower > 0.0", "margin.value > 0.0"),
    "fails by its value alone": (
        _positive, positive, "margin.upper <= 0.0", "margin.value <= 0.0",
    ),
    "negative radius": (_refusal, Estimate.__post_init__, "or self.error < 0.0", ""),
    "NaN for a radius": (_refusal, Estimate.__post_init__, "math.isnan(self.error) or", ""),
}  # fmt: skip
