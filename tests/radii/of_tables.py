"""Radii of figures on tables of x: of two methods compared, and of given q."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.stats import t

from tests.radii.table import Table, getter, off, rewired
from theorycheck.cohorts import mean_over_splits, paired_difference
from theorycheck.estimate import Estimate, Kind
from theorycheck.evaluation import SampleJudged, _given_q


def _paired(function: Callable[..., Any]) -> float:
    one = [Estimate(1.0, 0.1), Estimate(2.0, 0.3), Estimate(4.0, 0.2)]
    other = [Estimate(0.5, 0.02), Estimate(1.0, 0.05), Estimate(1.5, 0.01)]
    found = function(one, other, test_share=0.25)
    deviation = float(np.std([0.5, 1.0, 2.5], ddof=1)) * math.sqrt(1.0 / 3.0 + 1.0 / 3.0)
    return off(found.error, float(t.ppf(0.975, 2)) * deviation + 0.35)


def _over_splits(function: Callable[..., Any]) -> float:
    found = function(
        [Estimate(0.5, 0.12), Estimate(1.0, 0.35), Estimate(2.5, 0.21)], test_share=0.25
    )
    deviation = float(np.std([0.5, 1.0, 2.5], ddof=1)) * math.sqrt(1.0 / 3.0 + 1.0 / 3.0)
    return off(found.error, float(t.ppf(0.975, 2)) * deviation + 0.35)


def _rules(function: Callable[..., Any]) -> float:
    answers = iter([np.array([1.0, 5.0]), np.array([1.5, 5.0])])
    bare = rewired(function, _by_rule=lambda *_: next(answers))
    _, radius = bare(None, None, np.zeros((2, 1)), None)
    return off(radius, [0.5 + 2.5e-13, 6e-13])


def _mean(function: Callable[..., Any]) -> float:
    own = SimpleNamespace(kind=Kind.STATISTICAL)
    found = function(own, np.array([1.0, -3.0]), np.array([0.1, 0.3]))
    exact = function(own, np.array([1.0, -3.0]), np.zeros(2))
    radii = max(off(found.error, 0.2 + 3e-13), off(exact.error, 3e-13))
    return radii + (found.kind is not Kind.STATISTICAL)


def _parts() -> SimpleNamespace:
    return SimpleNamespace(
        log_density=np.array([1.0, 2.0]),
        density_error=np.array([1e-3, 3e-3]),
        best_negative_elbo=np.array([3.0, 4.0]),
        gap=np.array([1e-2, 3e-2]),
        own_negative_elbo=np.array([5.0, 6.0]),
        own_error=np.array([0.1, 0.3]),
        approximation_gaps=np.array([4.0, 6.0]),
        amortisation_gaps=np.array([2.0, 2.0]),
        _mean=lambda values, errors: (values, errors),
    )


def _of(expected: list[float], **changed: Any) -> Callable[[Callable[..., Any]], float]:
    def check(function: Callable[..., Any]) -> float:
        parts = _parts()
        vars(parts).update(changed)
        return off(function(parts)[1], expected)

    return check


_APPROXIMATION = getter(SampleJudged, "mean_approximation_gap")
_AMORTISATION = getter(SampleJudged, "mean_amortisation_gap")
_ELBO = getter(SampleJudged, "mean_elbo")

TABLES_OF_X: Table = {
    "methods: splits independent": (
        _over_splits, mean_over_splits, "1.0 / count + test_share / (1.0 - test_share)",
        "1.0 / count",
    ),
    "methods: a normal quantile": (
        _over_splits, mean_over_splits, "t.ppf(0.5 + 0.5 * COVERAGE, count - 1)", "1.96",
    ),
    "methods: no radii": (_over_splits, mean_over_splits, "deviation + radius", "deviation"),
    "methods: the smallest radius": (
        _over_splits, mean_over_splits, "radius = max(", "radius = min(",
    ),
    "methods: one method's radius": (
        _paired, paired_difference, "a - b for", "a - Estimate(b.value, 0.0) for",
    ),
    "given q: the rules agree": (
        _rules, _given_q.negative_elbo_at, "np.abs(fine - coarse)", "0.0 * fine",
    ),
    "given q: no rounding": (
        _rules, _given_q.negative_elbo_at, " + 1e-13 * (1.0 + np.abs(fine))", "",
    ),
    "table: errors cancel": (_mean, SampleJudged._mean, "float(errors.mean())", "0.0"),
    "table: no rounding": (
        _mean, SampleJudged._mean, " + 1e-13 * (1.0 + float(np.abs(values).mean()))", "",
    ),
    "approximation gap: log p known": (
        _of([1.1e-2, 3.3e-2]), _APPROXIMATION, "self.density_error + self.gap", "self.gap",
    ),
    "approximation gap: q known": (
        _of([1.1e-2, 3.3e-2]), _APPROXIMATION, "self.density_error + self.gap",
        "self.density_error",
    ),
    "amortisation gap: q known": (
        _of([0.11, 0.33]), _AMORTISATION, "self.gap + self.own_error", "self.own_error",
    ),
    "amortisation gap: own ELBO known": (
        _of([0.11, 0.33]), _AMORTISATION, "self.gap + self.own_error", "self.gap",
    ),
    "own ELBO: known": (_of([0.1, 0.3]), _ELBO, "-own, self.own_error", "-own, 0.0 * own"),
    "best ELBO: known": (
        _of([1e-2, 3e-2], own_negative_elbo=None), _ELBO, "self.best_negative_elbo, self.gap",
        "self.best_negative_elbo, 0.0 * self.gap",
    ),
}  # fmt: skip
