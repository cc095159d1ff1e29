"""Radii of what a loss assumes (theorems/_loss_noise.py): rounding."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from mpmath import mp

from tests.radii.table import Table, getter, shortfall
from theorycheck.estimate import Estimate, Kind
from theorycheck.theorems import _loss_noise as loss_noise
from theorycheck.theorems._loss_noise import AssumedNoise


def _ratio(function: Callable[..., Any]) -> float:
    """σ² = b/2a in floats against fractions."""
    worst = 0.0
    for b, a in ((0.1, 0.3), (1e-3 / 7.0, 1.0 / 784.0), (3.0, 1e-5)):
        found = function(b / (2.0 * a))
        error = abs(Fraction(found.value) - Fraction(b) / (2 * Fraction(a)))
        worst = max(worst, shortfall(float(error), found.error))
    return worst


def _logarithm(function: Callable[..., Any]) -> float:
    """½ log 2πσ² next to its zero, where σ² is off by an ulp."""
    worst = 0.0
    with mp.workdps(40):
        zero = 1.0 / (2.0 * float(mp.pi))
        for value in (zero, 0.3, 1e-6, 50.0):
            noise = Estimate(value, 2.0**-52 * value, Kind.EXACT)
            found = function(SimpleNamespace(noise_variance=noise))
            for true in (value, mp.mpf(value) * (1 + mp.mpf(2) ** -52)):
                error = abs(mp.log(2 * mp.pi * true) / 2 - mp.mpf(found.value))
                worst = max(worst, shortfall(float(error), found.error))
    return worst


LOSS_NOISE: Table = {
    "σ² without rounding": (_ratio, loss_noise._exact, "8.0 * _EPS * abs(value)", "0.0"),
    "logarithm next to its zero": (
        _logarithm, getter(AssumedNoise, "per_dimension"), "(1.0 + abs(value))", "abs(value)",
    ),
}  # fmt: skip
