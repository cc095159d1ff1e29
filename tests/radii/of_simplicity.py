"""Radii of averages over draws where p(x) is high (objectives/simplicity.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.radii.table import Table, off
from theorycheck.objectives import _posterior_comparison as simplicity


def _average(function: Callable[..., Any]) -> float:
    """Five standard errors; where a count never varied, those of one draw that did."""
    values = np.array([0.3, -1.0, 2.0, 0.7])
    plain = 5.0 * math.sqrt(float(((values - 0.5) ** 2).sum()) / 3.0 / 4.0) + 1e-12
    constant = 5.0 * math.sqrt(1.0 / 4.0 / 4.0) + 1e-12
    found = [function(values), function(np.ones(4), 1.0), function(np.ones(1))]
    return off([f.error for f in found], [plain, constant, math.inf])


def _region_of_draws(function: Callable[..., Any]) -> float:
    """Counts of modes that never vary, and a region that all draws lie in, keep a radius."""
    kl = [np.array([0.3, 0.1, 0.4, 0.2]), np.array([0.1, 0.2, 0.1, 0.3])]
    modes = [np.ones(4), np.ones(4)]
    found = function(0.5, np.ones(4, bool), kl, modes)
    one_draw = 5.0 * math.sqrt(1.0 / 4.0 / 4.0) + 1e-12
    counted = [
        found.mass, found.truth.modes, found.truth.several, found.other.modes, found.modes_saved
    ]  # fmt: skip
    paired = kl[0] - kl[1]
    spread = 5.0 * float(paired.std(ddof=1)) / 2.0 + 1e-12
    return off([*(e.error for e in counted), found.kl_saved.error], [one_draw] * 5 + [spread])


SIMPLICITY: Table = {
    "draws: one standard error": (_average, simplicity.mean_of_draws, "STANDARD_ERRORS *", ""),
    "draws: a variance that does not fall with their number": (
        _average, simplicity.mean_of_draws, "variance / count", "variance",
    ),
    "draws: variance of the sample about its own mean": (
        _average, simplicity.mean_of_draws, "ddof=1", "ddof=0",
    ),
    "draws: counts that never vary": (
        _average, simplicity.mean_of_draws, "unit**2 / count", "0.0",
    ),
    "draws: one draw is enough": (_average, simplicity.mean_of_draws, "math.inf", "0.0"),
    "region: mass known exactly": (
        _region_of_draws, simplicity._region, "mean_of_draws(inside.astype(float), 1.0)",
        "mean_of_draws(inside.astype(float))",
    ),
    "region: modes known exactly": (
        _region_of_draws, simplicity._region, "mean_of_draws(count, 1.0)", "mean_of_draws(count)",
    ),
    "region: share of several modes known exactly": (
        _region_of_draws, simplicity._region, ".astype(np.float64), 1.0)", ".astype(np.float64))",
    ),
    "region: modes saved known exactly": (
        _region_of_draws, simplicity._region, "modes[0] - modes[1], 1.0", "modes[0] - modes[1]",
    ),
}  # fmt: skip
