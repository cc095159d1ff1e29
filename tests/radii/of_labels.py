"""Radii of labelled models: of the mixture's density, of its grid, and of the collapse."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, getter, off, rewired
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import ExactLabelled
from theorycheck.objectives import _labelled_objective as labelled
from theorycheck.quadrature import TrapezoidGrid

_EPS = float(np.finfo(float).eps)
_PRIOR = np.array([0.25, 0.75])


def _log_p(function: Callable[..., Any]) -> float:
    """Three quarters of p(x) from class 0; then nothing known of it."""
    joint = np.log(np.array([[0.3], [0.1]]))
    apart = [SimpleNamespace(posterior_mean_f=np.zeros((1, 1)))] * 2
    worst = 0.0
    for relative, error in (((1e-3, 5e-3), -math.log1p(-2e-3)), ((0.1, 3.0), math.inf)):
        known = np.array(relative)[:, None]
        exact = SimpleNamespace(log_joint=lambda _, known=known: (joint, known, apart))
        found = function(exact, np.zeros((1, 1)))
        share = 0.75 * relative[0] + 0.25 * relative[1]
        worst = max(worst, off(found.relative_error[0], share + 4.0 * _EPS))
        worst = max(worst, off(found.error[0], error))
    return worst


def _rounding(function: Callable[..., Any]) -> float:
    """Classes known exactly: log p(x) = −1000 keeps its rounding."""
    joint = np.full((2, 1), -1000.0 - math.log(2.0))
    apart = [SimpleNamespace(posterior_mean_f=np.zeros((1, 1)))] * 2
    exact = SimpleNamespace(log_joint=lambda _: (joint, np.zeros((2, 1)), apart))
    found = function(exact, np.zeros((1, 1)))
    return off(found.error[0] / _EPS, (4.0 * _EPS + 1.001e-12) / _EPS)


def _missing(function: Callable[..., Any]) -> float:
    grids = [
        TrapezoidGrid(np.zeros((1, 1)), np.zeros(1), 1.0, np.ones(1, dtype=bool), missing)
        for missing in (0.1, 0.3)
    ]
    exact = SimpleNamespace(
        fields=[SimpleNamespace(grid=lambda *_, grid=grid: grid) for grid in grids],
        model=SimpleNamespace(sigma=np.ones(1)),
        log_prior=np.log(_PRIOR)[:, None],
        _averaged=lambda values: float(_PRIOR @ np.array(values)),
    )
    return off(function(exact, 0.5).missing_mass, 0.25)


def _collapse(function: Callable[..., Any]) -> float:
    value = SimpleNamespace(
        data_information=Estimate(0.5, 0.1), information=Estimate(0.2, 0.03, Kind.STATISTICAL)
    )
    found = function(value)
    wrong = float(found.kind is not Kind.STATISTICAL)
    return max(wrong, off([found.value, found.error], [0.6, (0.03 + 0.4 * 0.1) / 0.4]))


def _no_information(function: Callable[..., Any]) -> float:
    value = SimpleNamespace(data_information=Estimate(0.1, 0.2), information=Estimate(0.3, 0.0))
    return off(function(value).error, math.inf)


def _label_kl(function: Callable[..., Any]) -> float:
    p, error = np.array([[0.25], [0.75]]), np.array([[1e-3], [2e-3]])
    log_q = np.log(np.array([[0.5], [0.5]]))
    rule = SimpleNamespace(
        x=np.zeros((1, 1)),
        average=lambda _, errors, unseen: Estimate(0.0, float(errors.sum()) + 1e-3 * unseen),
    )
    exact = SimpleNamespace(bound=lambda *_: SimpleNamespace(log_class_posterior=log_q))
    source = SimpleNamespace(class_posterior=lambda _: (p, error))
    bare = rewired(function, data_rule=lambda *_, **__: rule)
    found = bare(exact, source, None, labelled._Draws(1, 2, 0))
    slope = np.abs(np.log(p) - log_q) + 1.0
    return off(found.error, float((error * slope).sum()) + 1e-3 * (math.log(2.0) + 40.0))


_LOG_P, _GRID = ExactLabelled.log_density, ExactLabelled.grid
_COLLAPSE = getter(labelled.LabelledValue, "collapse")

LABELS: Table = {
    "log p: classes known exactly": (
        _log_p, _LOG_P, "(share * np.minimum(relative, _UNKNOWN)).sum(axis=0)",
        "0.0 * share.sum(axis=0)",
    ),
    "log p: one class for all": (
        _log_p, _LOG_P, "(share * np.minimum(relative, _UNKNOWN)).sum(axis=0)", "relative[0]",
    ),
    "log p: half of it unknown": (_log_p, _LOG_P, "math.inf)", "1.0)"),
    "log p: its logarithm known exactly": (
        _log_p, _LOG_P, "-np.log1p(-np.minimum(off, 0.5))", "0.0 * off",
    ),
    "log p: without rounding": (
        _rounding, _LOG_P, "error + 1e-15 * (1.0 + np.abs(value))", "error",
    ),
    "grid: nothing missing": (
        _missing, _GRID, "missing_mass=self._averaged(missing)", "missing_mass=0.0",
    ),
    "grid: one class for all": (
        _missing, _GRID, "missing_mass=self._averaged(missing)", "missing_mass=missing[0]",
    ),
    "collapse: information known exactly": (_collapse, _COLLAPSE, "self.information.error +", ""),
    "collapse: the data's known exactly": (_collapse, _COLLAPSE, "+ abs(ratio) * data.error", ""),
    "collapse: relative to the value": (_collapse, _COLLAPSE, ") / data.lower", ") / data.value"),
    "collapse: of nothing": (
        _no_information, _COLLAPSE, "Estimate(math.nan, math.inf", "Estimate(math.nan, 1.0",
    ),
    "label term: p(y|x) known exactly": (
        _label_kl, labelled._label_kl, "(error * slope)", "(0.0 * slope)",
    ),
    "label term: without the constant": (_label_kl, labelled._label_kl, "log_q) + 1.0", "log_q)"),
    "label term: nothing unseen": (
        _label_kl, labelled._label_kl, "unseen=math.log(len(p)) + 40.0", "unseen=0.0",
    ),
}  # fmt: skip
