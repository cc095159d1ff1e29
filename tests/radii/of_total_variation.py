"""Radii of the total variation distance (objectives/_total_variation.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.radii.parts import LINE, density, with_missing
from tests.radii.table import Table, off, rewired
from theorycheck.models._loading import load_model
from theorycheck.objectives._total_variation import total_variation
from theorycheck.quadrature._data_nodes import TrapezoidGrid


def _misplaced(function: Callable[..., Any]) -> float:
    """½ ∫ |p_f − p|, and its radius from six nodes of made-up densities."""
    p = np.array([0.1, 0.4, 0.3, 0.2, 0.25, 0.35])
    learned = np.array([0.3, 0.1, 0.2, 0.25, 0.1, 0.05])
    relative = np.array([0.01, 0.02, 0.03, 2.0, 0.05, 0.06])
    coarse = np.array([True, False] * 3)
    volume = 0.5
    grid = TrapezoidGrid(np.zeros((6, 1)), np.log(p), volume, coarse, 0.0007)
    data, model = with_missing(LINE, 0.003), with_missing(LINE, 0.005)
    found = rewired(
        function, trapezoid_grid=lambda *_: grid,
        log_density=lambda *_: density(np.log(learned), relative),
    )(model, data)  # fmt: skip
    gap = 0.5 * np.abs(learned - p)
    # All nodes are at 0: a rule of four times the step has all the mass, or none of it.
    change = 0.25 * 3.0 * volume * gap.sum()
    seen_change = volume * abs(learned.sum() - 2.0 * learned[coarse].sum())
    # A density that is off by more than all of itself is off by that.
    rounding = volume * float(learned @ np.minimum(relative, 1.0))
    expected = 2.0 * change + seen_change + 0.0007 + 0.003 + 0.005 + rounding
    # Half of it stands on the grid, the other half of what p_f has beyond it.
    value = volume * gap.sum() + 0.5 * (1.0 - volume * learned.sum())
    return max(off(found.error, expected + 1e-14), off(found.value, value))


def _half_far_away(function: Callable[..., Any]) -> float:
    """Half of p_f coincides with p, the other half lies 40σ off: one half is misplaced."""
    data = load_model("expr:0*z", noise_variance=0.25)
    model = load_model("expr:20*step(z)", noise_variance=0.25)
    found = function(model, data)
    return max(abs(found.value - 0.5) - found.error, 0.0) + (found.error > 1e-6)


TOTAL_VARIATION: Table = {
    "mass outside the grid counted twice": (
        _half_far_away, total_variation, "0.5 * outside", "outside",
    ),
    "mass outside the grid not counted": (
        _half_far_away, total_variation, "+ 0.5 * outside", "",
    ),
    "without the change of the rule": (
        _misplaced, total_variation, "_CAUTION * change +", "",
    ),
    "without caution at kinks": (_misplaced, total_variation, "_CAUTION * change", "change"),
    "without the change of the mass seen": (_misplaced, total_variation, "+ seen_change", ""),
    "without what is not seen": (_misplaced, total_variation, "+ unseen", ""),
    "without what the grid misses": (
        _misplaced, total_variation, "grid.missing_mass + panels[0]", "panels[0]",
    ),
    "without what p_f's panels miss": (
        _misplaced, total_variation, "+ panels[0].missing_mass", "",
    ),
    "without what p's panels miss": (
        _misplaced, total_variation, "+ panels[1].missing_mass", "",
    ),
    "without the error of p_f": (_misplaced, total_variation, "+ rounding", ""),
    "error of p_f not bounded by itself": (
        _misplaced, total_variation, "np.minimum(p_f.relative_error, 1.0)", "p_f.relative_error",
    ),
    "error of p_f without the cell's volume": (
        _misplaced, total_variation, "grid.volume * float(np.sum(learned", "float(np.sum(learned",
    ),
}  # fmt: skip
