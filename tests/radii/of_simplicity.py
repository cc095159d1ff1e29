"""Radii of averages over draws where p(x) is high (objectives/_posterior_comparison.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.radii.table import Table, off
from theorycheck.objectives import _posterior_comparison as simplicity


def _region_of_draws(function: Callable[..., Any]) -> float:
    """Counts of modes that never vary, and a region that no draw lies in, keep a radius."""
    kl = [np.array([0.3, 0.1, 0.4, 0.2]), np.array([0.1, 0.2, 0.1, 0.3])]
    modes = [np.zeros(4), np.zeros(4)]
    found = function(0.5, np.zeros(4, bool), kl, modes)
    one_draw = 5.0 * math.sqrt(1.0 / 4.0 / 4.0)
    counted = [
        found.mass, found.truth.modes, found.truth.several, found.other.modes, found.modes_saved
    ]  # fmt: skip
    paired = kl[0] - kl[1]
    spread = 5.0 * float(paired.std(ddof=1)) / 2.0 + 2e-12
    own = 5.0 * float(kl[0].std(ddof=1)) / 2.0 + 1e-12
    radii = [*(e.error for e in counted), found.kl_saved.error, found.truth.kl.error]
    return off(radii, [one_draw] * 5 + [spread, own])


def _equal_decoders(function: Callable[..., Any]) -> float:
    """Where KL never varies it is known to rounding, twice that in a difference: never exactly."""
    kl, modes = [np.zeros(4), np.zeros(4)], [np.ones(4), np.ones(4)]
    found = function(0.5, np.ones(4, bool), kl, modes)
    return off([found.truth.kl.error, found.kl_saved.error], [1e-12, 2e-12])


SIMPLICITY: Table = {
    "region: mass known exactly": (
        _region_of_draws, simplicity._region, "inside.astype(float), one_draw=1.0",
        "inside.astype(float)",
    ),
    "region: modes known exactly": (
        _region_of_draws, simplicity._region, "(count, one_draw=1.0)", "(count)",
    ),
    "region: share of several modes known exactly": (
        _region_of_draws, simplicity._region, "np.float64), one_draw=1.0)", "np.float64))",
    ),
    "region: modes saved known exactly": (
        _region_of_draws, simplicity._region, "modes[1], one_draw=1.0", "modes[1]",
    ),
    "region: KL of each x known exactly": (
        _equal_decoders, simplicity._region, "values, each=_ROUNDING", "values",
    ),
    "region: KL saved at each x known exactly": (
        _equal_decoders, simplicity._region, ", each=2.0 * _ROUNDING", "",
    ),
    "region: KL saved not paired": (
        _region_of_draws, simplicity._region, "sample_mean(kl[0] - kl[1], each=2.0 * _ROUNDING)",
        "sample_mean(kl[0]) - sample_mean(kl[1])",
    ),
}  # fmt: skip
