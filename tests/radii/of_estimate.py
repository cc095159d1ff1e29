"""Radii of sums, products and verdicts (theorycheck/estimate.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.radii.table import Table, getter, off, shortfall
from theorycheck.estimate import Estimate, Kind, Verdict, hull, positive

A = Estimate(3.0, 0.5, Kind.PROVED)
B = Estimate(-2.0, 0.25, Kind.STATISTICAL)


def _sum(function: Callable[..., Any]) -> float:
    """Both at their upper ends: 3.5 and −1.75 are worth 1.75."""
    return off(function(A, B).error, 1.75 - 1.0) + (function(A, B).kind is not B.kind)


def _difference(function: Callable[..., Any]) -> float:
    """The upper end of the first minus the lower end of the second: 3.5 + 2.25."""
    return off(function(A, B).error, 5.75 - 5.0) + (function(A, B).kind is not B.kind)


def _product(function: Callable[..., Any]) -> float:
    """The outermost corner: 3.5 times −2.25."""
    return off(function(A, B).error, 3.5 * 2.25 - 6.0) + (function(B, A).kind is not B.kind)


def _hull(function: Callable[..., Any]) -> float:
    """From the least end to the greatest, whichever number and whichever end is further out."""
    # 2.5 to 3.5 with −2.25 to −1.75; with 2.9 to 4.1; with 3.1 to 3.2, which lies within.
    others = ((B, 5.75), (Estimate(3.5, 0.6, B.kind), 1.6), (Estimate(3.15, 0.05, B.kind), 1.0))
    worst = 0.0
    for other, width in others:
        low, high = min(A.lower, other.lower), max(A.upper, other.upper)
        for found in (function(A, other), function(other, A)):
            worst = max(worst, off([found.lower, found.upper], [low, high]))
            worst = max(worst, off(found.error, 0.5 * width), float(found.kind is not B.kind))
    return worst


def _hull_of_anything(function: Callable[..., Any]) -> float:
    """What one of two does not know, neither does their hull; nor is a point widened."""
    none = Estimate(0.0, math.inf)
    try:
        found = [function(A, none).error, function(none, A).error, function(A, A).error]
    except ValueError:
        return math.inf
    return off(found, [math.inf, math.inf, 0.5])


def _scaled(function: Callable[..., Any]) -> float:
    try:
        return off(function(A, -3.0).error, 1.5) + (function(A, -3.0).kind is not A.kind)
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


def _read(function: Callable[..., Any]) -> float:
    """A radius comes back as it was, a null as infinite, and no kind as an estimate."""
    plain = function(Estimate, {"value": 3.0, "error": 0.5})
    null = function(Estimate, {"value": None, "error": None, "kind": "statistical"})
    kinds = (plain.kind, null.kind) != (Kind.ESTIMATED, Kind.STATISTICAL)
    return off([plain.error, null.error], [0.5, math.inf]) + kinds


def _null(function: Callable[..., Any]) -> float:
    found = function(Estimate(1.0, math.inf, Kind.STATISTICAL))
    return float(found != {"value": None, "error": None, "kind": "statistical"})


def _weakest(function: Callable[..., Any]) -> float:
    return float(
        function(Kind.EXACT, Kind.PROVED) is not Kind.PROVED
        or function(Kind.STATISTICAL, "estimated") is not Kind.STATISTICAL
    )


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
        kind = Kind.EXACT

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
        _product, Estimate.__mul__, "_times(abs(self.value), other.error)", "0.0",
    ),
    "product without |b|·Δa": (
        _product, Estimate.__mul__, "_times(abs(other.value), self.error)", "0.0",
    ),
    "product without Δa·Δb": (
        _product, Estimate.__mul__, "_times(self.error, other.error)", "0.0",
    ),
    "hull without radii below": (
        _hull, hull, "min(one.lower, other.lower)", "min(one.value, other.value)",
    ),
    "hull without radii above": (
        _hull, hull, "max(one.upper, other.upper)", "max(one.value, other.value)",
    ),
    "hull from the first": (_hull, hull, "min(one.lower, other.lower)", "one.lower"),
    "hull to the second": (_hull, hull, "max(one.upper, other.upper)", "other.upper"),
    "hull about the first": (_hull, hull, "middle = 0.5 * (low + high)", "middle = one.value"),
    "hull of half the width": (
        _hull, hull, "max(high - middle, middle - low)", "0.5 * (high - middle)",
    ),
    "hull of the first kind": (
        _hull, hull, "middle - low), one.kind | other.kind", "middle - low), one.kind",
    ),
    "hull with what is not known": (
        _hull_of_anything, hull, "Estimate(one.value, math.inf,",
        "Estimate(one.value, min(one.error, other.error),",
    ),
    "hull where the second is not known": (
        _hull_of_anything, hull, "math.isfinite(one.error) and math.isfinite(other.error)",
        "math.isfinite(one.error)",
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
    "read back without radius": (
        _read, Estimate.from_dict.__func__, "float(error)", "0.0",  # type: ignore[attr-defined]
    ),
    "read back as exact where there was none": (
        _read, Estimate.from_dict.__func__, "math.inf if error is None",  # type: ignore[attr-defined]
        "0.0 if error is None",
    ),
    "read back as proved": (
        _read, Estimate.from_dict.__func__, 'or Kind.ESTIMATED', "or Kind.PROVED",  # type: ignore[attr-defined]
    ),
    "null without kind": (_null, Estimate.to_dict_or_null, '"error": None', '"error": 0.0'),
    "sum of the first kind": (_sum, Estimate.__add__, ", self.kind | other.kind", ", self.kind"),
    "difference of the first kind": (
        _difference, Estimate.__sub__, ", self.kind | other.kind", ", self.kind",
    ),
    "product of the second kind": (
        _product, Estimate.__mul__, ", self.kind | other.kind", ", other.kind",
    ),
    "kind not kept by a factor": (_scaled, Estimate.scaled, ", self.kind", ""),
    "strongest kind": (_weakest, Kind.__or__, "max(", "min("),
    "holds by its value alone": (_positive, positive, "margin.lower > 0.0", "margin.value > 0.0"),
    "fails by its value alone": (
        _positive, positive, "margin.upper <= 0.0", "margin.value <= 0.0",
    ),
    "negative radius": (_refusal, Estimate.__post_init__, "or self.error < 0.0", ""),
    "NaN for a radius": (_refusal, Estimate.__post_init__, "math.isnan(self.error) or", ""),
}  # fmt: skip
