"""What kinks cost a trapezoid rule (quadrature/_coarser_rules.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.quadrature import _coarser_rules as coarser_rules


def _kinks(function: Callable[..., Any]) -> float:
    """A bend at each place of four steps, times a normal density: the error is known."""
    step, worst = 0.2, 0.0
    fine = np.arange(-40_000, 40_001) * 2e-4
    x = np.arange(-40, 41)[:, None] * step
    for place in np.linspace(0.0, 4.0, 97):

        def bent(z: Any, at: float = 0.3 + place * step) -> Any:
            return np.abs(z - at) * np.exp(-0.5 * z**2)

        terms = step * bent(x[:, 0])
        exact = 2e-4 * float(bent(fine).sum())
        found = function(x, np.array([step]), terms)
        worst = max(worst, shortfall(abs(float(terms.sum()) - exact) - 1e-7, found))
    return worst


def _useful(function: Callable[..., Any]) -> float:
    """A smooth integrand has no more than what four times the step loses of it."""
    x = np.arange(-60, 61)[:, None] * 0.2
    found = function(x, np.array([0.2]), 0.2 * np.exp(-0.5 * x[:, 0] ** 2))
    return float(found > 1e-8)


def _in_the_plane(function: Callable[..., Any]) -> float:
    """The furthest of four rules."""
    index = np.stack(np.meshgrid(np.arange(-4, 4), np.arange(6), indexing="ij"), -1).reshape(-1, 2)
    terms = np.random.default_rng(1).normal(size=len(index))
    spacing = np.array([0.5, 3.0])
    found = function(index * spacing, spacing, terms)
    rules = [
        4.0 * float(terms[(index % 2 == place).all(axis=1)].sum())
        for place in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    return off(found, max(abs(rule - float(terms.sum())) for rule in rules))


def _rules(function: Callable[..., Any]) -> float:
    return max(
        check(rewired(coarser_rules.change_at_kinks, coarser_rules=function))
        for check in (_in_the_plane, _kinks, _useful)
    )


_CHANGE = coarser_rules.change_at_kinks

COARSER_RULES: Table = {
    "twice the step on a line": (_kinks, _CHANGE, "(4, 0.25)", "(2, 1.0)"),
    "a small share of the furthest rule": (_kinks, _CHANGE, "(4, 0.25)", "(4, 0.02)"),
    "one of the rules on a line": (
        _kinks, _CHANGE, "np.abs(rules - terms.sum()).max()", "np.abs(rules - terms.sum())[0]",
    ),
    "one of the rules in the plane": (
        _in_the_plane, _CHANGE, "np.abs(rules - terms.sum()).max()",
        "np.abs(rules - terms.sum())[0]",
    ),
    "a quarter in the plane": (_in_the_plane, _CHANGE, "(2, 1.0)", "(2, 0.25)"),
    "rules by their own mass": (_rules, coarser_rules.coarser_rules, "count * np.bin", "np.bin"),
    "rules of the first dimension": (
        _rules, coarser_rules.coarser_rules, "index @ (stride ** np.arange(dim))", "index[:, 0]",
    ),
    "spacing of the first dimension": (
        _rules, coarser_rules.coarser_rules, "x / spacing", "x / spacing[0]",
    ),
}  # fmt: skip
