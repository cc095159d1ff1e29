"""Radii of averages over p(x) on a grid and over draws (inference/_data_rule.py)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import PLANE, five_standard_errors
from tests.radii.table import Table, off
from theorycheck.estimate import Kind
from theorycheck.inference import _data_rule as data_rule
from theorycheck.inference._data_rule import DrawRule, GridRule
from theorycheck.quadrature._data_nodes import DataSample, TrapezoidGrid

_INDEX = np.stack(np.meshgrid(np.arange(4), np.arange(4), indexing="ij"), -1).reshape(-1, 2)
_SPACING = 0.5 * PLANE.sigma


def _on_grid(function: Callable[..., Any]) -> float:
    """On 4 × 4 nodes: the furthest of four rules of twice the step, and what each term adds."""
    rng = np.random.default_rng(3)
    mass = rng.dirichlet(np.ones(16))
    # Small, so that what is not seen counts beside them.
    values, errors = 1e-3 * rng.normal(size=16), 1e-4 * rng.uniform(size=16)
    errors[3] = 1e6
    mass[3] = 1e-6
    rule = GridRule(_INDEX * _SPACING, mass, _SPACING, 2e-6, np.log(mass))
    found = function(rule, values, errors, unseen=100.0)
    by_kinks = _furthest(mass * values)
    known = float(mass @ np.minimum(errors, 100.0))
    return off(found.error, by_kinks + 2e-4 + known + 1e-13) + (found.kind is not Kind.ESTIMATED)


def _smooth(function: Callable[..., Any]) -> float:
    """What is as smooth as p(x) is summed to rounding; what is not seen still counts."""
    rng = np.random.default_rng(3)
    mass, values = rng.dirichlet(np.ones(16)), rng.normal(size=16)
    rule = GridRule(_INDEX * _SPACING, mass, _SPACING, 2e-6, np.log(mass))
    found = function(rule, values, 1e-3, unseen=100.0, smooth=True)
    rough = function(rule, values, 1e-3, unseen=100.0)
    known = 2e-4 + 1e-3 + 1e-13
    return off([found.error, rough.error], [known, known + _furthest(mass * values)])


def _furthest(terms: Any) -> float:
    rules = [
        4.0 * float(terms[(parity == _INDEX % 2).all(axis=1)].sum())
        for parity in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    return max(abs(r - float(terms.sum())) for r in rules)


def _known_exactly(function: Callable[..., Any]) -> float:
    """Where nothing changes and nothing is missing, rounding is left."""
    rule = GridRule(_INDEX * _SPACING, np.full(16, 1.0 / 16.0), _SPACING, 0.0, np.zeros(16))
    return off(function(rule, np.ones(16)).error, 1e-13)


def _of_kinks(function: Callable[..., Any]) -> float:
    rng = np.random.default_rng(5)
    mass, values = rng.dirichlet(np.ones(16)), rng.normal(size=16)
    found = function(GridRule(_INDEX * _SPACING, mass, _SPACING, 0.0, np.log(mass)), values)
    return off(found, _furthest(mass * values))


def _over_draws(function: Callable[..., Any]) -> float:
    """Five standard errors, and what each value is known to on average."""
    rng = np.random.default_rng(4)
    rule = DrawRule(DataSample(rng.normal(size=(4, 8, 2))))
    values, errors = rng.normal(size=32), rng.uniform(0.0, 0.1, size=32)
    found = function(rule, values, errors)
    expected = five_standard_errors(values) + float(errors.mean())
    return off(found.error, expected) + (found.kind is not Kind.STATISTICAL)


def _left_out(function: Callable[..., Any]) -> float:
    """What the grid does not see and the lightest nodes are missing together; step times σ."""
    mass = np.array([0.4, 1e-3, 0.5, 2e-3])
    grid = TrapezoidGrid(np.zeros((4, 2)), np.log(mass), 1.0, np.zeros(4, bool), 7e-4)
    data = SimpleNamespace(model=PLANE, grid=lambda *_: grid)
    rule = function(data, step=0.5, ignored=4e-3)
    return off(rule.missing_mass, 4.7e-3) + off(rule.mass, [0.4, 0.5]) + off(rule.spacing, _SPACING)


_GRID, _DRAWS = GridRule.average, DrawRule.average

DATA_RULE: Table = {
    "grid: without the change of the rule": (_on_grid, _GRID, "radius = change +", "radius ="),
    "grid: without the change of the rule where there are kinks": (
        _smooth, _GRID, "0.0 if smooth else self.change(values)", "0.0",
    ),
    "grid: the change of the rule where there are none": (
        _smooth, _GRID, "0.0 if smooth else self.change(values)", "self.change(values)",
    ),
    "grid: without what it misses": (_on_grid, _GRID, "+ self.missing_mass * unseen", ""),
    "grid: one nat where nothing is seen": (
        _on_grid, _GRID, "self.missing_mass * unseen", "self.missing_mass",
    ),
    "grid: values known exactly": (_on_grid, _GRID, "+ float(self.mass @ known)", ""),
    "grid: errors without p": (_on_grid, _GRID, "float(self.mass @ known)", "float(known.mean())"),
    "grid: errors without end": (
        _on_grid, _GRID, "np.minimum(np.broadcast_to(errors, values.shape), max(unseen, 1.0))",
        "np.broadcast_to(errors, values.shape)",
    ),
    "grid: without rounding": (_known_exactly, _GRID, "radius + rounding", "radius"),
    "kinks: without p": (_of_kinks, GridRule.change, "self.mass * values", "values"),
    "kinks: none": (_of_kinks, GridRule.change, "self.mass * values", "0.0 * values"),
    "draws: without standard errors": (_over_draws, _DRAWS, "spread + float", "float"),
    "draws: values known exactly": (_over_draws, _DRAWS, "+ float(known.mean())", ""),
    "draws: not statistical": (_over_draws, _DRAWS, ", Kind.STATISTICAL", ""),
    "light nodes that nobody misses": (
        _left_out, data_rule.data_rule, "grid.missing_mass + ignored", "grid.missing_mass",
    ),
    "light nodes instead of what the grid misses": (
        _left_out, data_rule.data_rule, "grid.missing_mass + ignored", "ignored",
    ),
}  # fmt: skip
