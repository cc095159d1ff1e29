"""Radius of the γ below which one decoder for all classes beats the ground truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tests.radii.table import Table, getter, off
from theorycheck.estimate import Estimate, Kind
from theorycheck.theorems import CollapseThreshold


def _threshold(function: Callable[..., Any]) -> float:
    found = function(
        SimpleNamespace(gain=Estimate(0.2, 0.03, Kind.STATISTICAL), loss=Estimate(0.5, 0.1))
    )
    wrong = float(found.kind is not Kind.STATISTICAL)
    return max(wrong, off([found.value, found.error], [0.4, (0.03 + 0.4 * 0.1) / 0.4]))


def _no_threshold(function: Callable[..., Any]) -> float:
    found = function(SimpleNamespace(gain=Estimate(0.2, 0.0), loss=Estimate(0.1, 0.2)))
    return off(found.error, math.inf)


_RATIO = getter(CollapseThreshold, "threshold")

COLLAPSE: Table = {
    "gain known exactly": (_threshold, _RATIO, "gain.error +", ""),
    "loss known exactly": (_threshold, _RATIO, "+ abs(ratio) * loss.error", ""),
    "relative to the value": (_threshold, _RATIO, ") / loss.lower", ") / loss.value"),
    "a loss of either sign": (_no_threshold, _RATIO, "(math.nan, math.inf", "(math.nan, 1.0"),
}
