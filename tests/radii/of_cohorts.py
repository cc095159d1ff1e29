"""Radii of cohorts: of the boxes in the plane, of p(y|x), of accuracies and of means over rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired
from theorycheck.cohorts import _cohort_model as models
from theorycheck.cohorts import _held_out as measures
from theorycheck.cohorts import accuracy, share_of, two_sample_test
from theorycheck.estimate import Kind
from theorycheck.inference import plane_log_density
from theorycheck.inference._latent_plane import _Boxes


def _boxes(value: list[float], bound: list[float], resolved: list[bool]) -> _Boxes:
    place = np.zeros((len(value), 2))
    return _Boxes(
        place, place, np.log(np.array(value))[:, None], np.log(np.array(bound))[:, None],
        np.array(resolved),
    )  # fmt: skip


#: Of the first boxes one is idle; the second is good when doubled, with 0.05 between the rules; the
#: third is not, and its quarters are as many as there may be.
_FIRST = _boxes([0.05, 0.55, 0.4], [0.09, 0.9, 0.5], [True, True, False])
_SECOND = _boxes([0.15] * 4 + [0.1] * 4, [0.9] * 4 + [0.13] * 4, [True] * 4 + [False] * 4)


class _Rule:
    """Answers what was laid down, whatever the boxes."""

    def __init__(self, *_: Any) -> None:
        self.answers = iter([_FIRST, _SECOND])

    def evaluate(self, *_: Any) -> _Boxes:
        return next(self.answers)

    def rounding(self, value: Any) -> Any:
        return np.full(len(value), 7e-3)


def _plane(function: Callable[..., Any]) -> float:
    bare = rewired(
        function, _BoxRule=_Rule, _first_boxes=lambda: (None, None),
        _quarters=lambda _: (None, None), _OUT_OF_REACH=3.0,
    )  # fmt: skip
    value, relative = bare(None, None, np.zeros((1, 1)), tolerance=5.0, most_boxes=20)
    total = 0.05 + 0.6 + 0.4
    error = (0.09 + 0.05 + 4 * 0.13) / total + 11.0 * math.exp(-3.0) + 7e-3
    return max(off(np.exp(value), total), off(relative, error))


def _logarithm(function: Callable[..., Any]) -> float:
    found = function(np.array([0.0, 1e-3, 0.2, 0.5, 3.0]))
    expected = [1e-13, -math.log1p(-1e-3) + 1e-13, -math.log1p(-0.2) + 1e-13, math.inf, math.inf]
    return off(found, expected)


def _densities(function: Callable[..., Any]) -> float:
    joint, relative = np.log(np.array([[0.3], [0.1]])), np.array([[1e-3], [5e-3]])
    model = SimpleNamespace(
        data_dim=1, latent_dim=1,
        _line=SimpleNamespace(log_joint=lambda _: (joint, relative, None)),
    )  # fmt: skip
    found = function(model, np.zeros((1, 1)))
    mean = 0.75 * 1e-3 + 0.25 * 5e-3
    share = np.array([[0.75], [0.25]])
    return max(
        off(found.posterior_error, share * (relative + mean) + 1e-15),
        off(found.density_error, -math.log1p(-mean) + 1e-13),
        off(found.joint_error, -np.log1p(-relative) + 1e-13),
    )


def _accuracy(function: Callable[..., Any]) -> float:
    p = np.array([[0.6, 0.7, 0.2, 0.51], [0.4, 0.3, 0.8, 0.49]])
    found = function(p, np.array([0, 0, 0, 1]), np.array([[0.015] * 4, [0.006] * 4]))
    return off([found.plain.error, found.balanced.error], [0.25, 0.5])


def _two_samples(function: Callable[..., Any]) -> float:
    x, y = np.random.default_rng(0).normal(size=(9, 1)), np.zeros(9, dtype=np.int64)
    found = function(x, y, x + 1.0, y, classes=1)
    wrong = float(found.accuracy.kind is not Kind.STATISTICAL)
    # Of nine rows of each sample the smaller half is four: eight answers.
    return max(wrong, off(found.accuracy.error, 5.0 * math.sqrt(0.25 / 8.0)))


def _share(function: Callable[..., Any]) -> float:
    """Of n tries none, all, and one: ends that solve (1 - p)^n = 0.025 and the like."""
    none, every, one = function(0, 7), function(7, 7), function(1, 7)
    end = 1.0 - 0.025 ** (1.0 / 7.0)
    wrong = float(one.kind is not Kind.STATISTICAL)
    p = one.upper
    tail = (1.0 - p) ** 7 + 7.0 * p * (1.0 - p) ** 6
    lower = function(6, 7)
    p = 1.0 - lower.lower
    mirrored = (1.0 - p) ** 7 + 7.0 * p * (1.0 - p) ** 6
    return max(
        wrong, off([none.error, every.error], [end, end]), off([tail, mirrored], [0.025, 0.025])
    )


def _mean(function: Callable[..., Any]) -> float:
    found = function(np.array([1.0, 2.0]), np.array([0.1, 0.3]))
    unknown = function(np.array([1.0, 2.0]), np.array([0.1, math.inf]))
    return max(off(found.error, 0.2), off(unknown.error, math.inf))


def _information(function: Callable[..., Any]) -> float:
    p, errors = np.array([[0.5, 0.9], [0.5, 0.1]]), np.array([[0.01, 0.02], [0.03, 0.05]])
    densities = SimpleNamespace(class_posterior=p, posterior_error=errors)
    model = SimpleNamespace(
        sample=lambda *_: (None, None), densities=lambda *_, **__: densities,
        prior=np.array([0.5, 0.5]),
    )  # fmt: skip
    lost = 0.9 * math.log(1.8) + 0.1 * math.log(0.2)
    spread = 5.0 * math.sqrt(np.var([0.0, lost], ddof=1) / 2.0)
    each = 0.01 + 0.03 + 0.02 * (math.log(1.8) + 1.0) + 0.05 * (math.log(5.0) + 1.0)
    return off(function(model, draws=2).error, spread + 0.5 * each)


_DENSITIES = models.CohortModel.densities
_ROUNDING = "relative + left_out + rule.rounding(done)"

COHORTS: Table = {
    "share: the nearer end": (
        _share, share_of, "max(share - low, high - share)", "min(share - low, high - share)",
    ),
    "share: the upper end alone": (
        _share, share_of, "max(share - low, high - share)", "high - share",
    ),
    "share: one-sided": (_share, share_of, "0.5 * (1.0 - COVERAGE)", "1.0 - COVERAGE"),
    "plane: what was idle is right": (
        _plane, plane_log_density, "np.logaddexp(error, _log_sum(boxes.bound[idle]))", "error",
    ),
    "plane: the doubled rule is right": (
        _plane, plane_log_density, "np.logaddexp(error, _log_sum(off[good]))", "error",
    ),
    "plane: what was not refined is right": (
        _plane, plane_log_density, "np.logaddexp(error, _log_sum(boxes.bound))", "error",
    ),
    "plane: an unresolved box is good": (
        _plane, plane_log_density, "whole & (", "(",
    ),
    "plane: nothing left out": (
        _plane, plane_log_density, _ROUNDING, "relative + rule.rounding(done)",
    ),
    "plane: no rounding": (_plane, plane_log_density, _ROUNDING, "relative + left_out"),
    "plane: not relative": (_plane, plane_log_density, "error - done, 700.0", "error, 700.0"),
    "logarithm: of a half known": (
        _logarithm, models._of_logarithm, "known, np.inf)", "known, known)",
    ),
    "logarithm: to first order": (
        _logarithm, models._of_logarithm, "-np.log1p(-np.minimum(relative, 0.5))", "relative",
    ),
    "p(y|x): own error alone": (_densities, _DENSITIES, "(relative + mean)", "relative"),
    "p(y|x): error of p(x) alone": (_densities, _DENSITIES, "(relative + mean)", "mean"),
    "p(x): one class for all": (
        _densities, _DENSITIES, "mean = (share * relative).sum(axis=0)", "mean = relative[0]",
    ),
    "log p(x, y): known": (
        _densities, _DENSITIES, "joint_error=_of_logarithm(relative)",
        "joint_error=_of_logarithm(0.0 * relative)",
    ),
    "accuracy: decided everywhere": (_accuracy, accuracy, "float(undecided.mean())", "0.0"),
    "accuracy: balanced like plain": (
        _accuracy, accuracy, "float(np.mean(open_shares))", "float(undecided.mean())",
    ),
    "accuracy: the best known exactly": (
        _accuracy, accuracy, "- posterior_error[best, columns]", "",
    ),
    "accuracy: the others known exactly": (
        _accuracy, accuracy, "class_posterior + posterior_error", "class_posterior.copy()",
    ),
    "two samples: both halves independent": (
        _two_samples, two_sample_test, "0.25 / min(sizes)", "0.25 / sum(sizes)",
    ),
    "two samples: one standard error": (
        _two_samples, two_sample_test, "STANDARD_ERRORS * deviation", "deviation",
    ),
    "rows: errors cancel": (_mean, measures._mean, "float(errors.mean())", "0.0"),
    "rows: one unknown is none": (_mean, measures._mean, "else math.inf", "else 1.0"),
    "information: p(y|x) known": (
        _information, measures.label_information, "(found.posterior_error * slope)",
        "(0.0 * slope)",
    ),
    "information: without the constant": (
        _information, measures.label_information, "log_prior) + 1.0", "log_prior)",
    ),
    "information: only quadrature": (
        _information, measures.label_information,
        "sample_mean(values, each=_mean(values, errors).error)", "_mean(values, errors)",
    ),
}  # fmt: skip
