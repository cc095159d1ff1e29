"""Radii of what networks with labels are judged by: J with given q, its gap, its distance."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, getter, off, rewired
from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.evaluation import _label_encoder as own
from theorycheck.evaluation import _labelled_judging as judging
from theorycheck.evaluation import continuous_own_excess

_SHARE = np.array([[0.25, 0.9], [0.75, 0.1]])
_ERROR = np.array([[1e-3, 3e-3], [2e-3, 5e-4]])
_LOG_R = np.log(np.array([[0.5, 0.6], [0.5, 0.4]]))
_OFFERS = np.array([[-3.0, -4.0], [-2.0, 5.0]])


def _given_q(function: Callable[..., Any]) -> float:
    """Each part has its own: log p(x) at most to a nat, p(y|x) by how far it moves the sum."""
    p = SimpleNamespace(value=np.array([-1.0, -2.0]), relative_error=np.array([0.01, 7.0]))
    truth = SimpleNamespace(
        log_density=lambda _: p, class_posterior=lambda _: (_SHARE, _ERROR)
    )  # fmt: skip
    encoder = SimpleNamespace(
        log_class_posterior=lambda _: _LOG_R, unlabelled=lambda _: None, labelled=lambda _: None
    )
    objective = SimpleNamespace(weights=(0.5, 0.3, 0.2))
    bare = rewired(function, _offers=lambda *_: _OFFERS)
    _, radius = bare(None, truth, objective, encoder, np.zeros((2, 1)))
    known = np.array([0.01, 1.0])
    missing = np.abs(p.value + np.log(_SHARE) - _OFFERS)
    apart = np.abs(np.log(_SHARE) - _LOG_R)
    wanted = 0.8 * known + 0.3 * (_ERROR * (missing + 1.0)).sum(axis=0)
    return off(radius, wanted + 0.2 * (_ERROR * (apart + 1.0)).sum(axis=0))


def _moved(function: Callable[..., Any]) -> float:
    """Where a share is 0, its logarithm is that of the smallest number; signs do not cancel."""
    share, values = np.array([[0.0], [1.0]]), np.array([[np.nan], [-2.0]])
    error = np.array([[1e-4], [1e-3]])
    least = -np.log(np.finfo(float).tiny)
    return off(function(error, share, values), 1e-4 * (least + 1.0) + 1e-3 * 3.0)


def _gap(function: Callable[..., Any]) -> float:
    judged = SimpleNamespace(
        own_excess=Estimate(0.5, 0.01), value=SimpleNamespace(excess=Estimate(0.3, 0.002))
    )
    return off(function(judged).error, 0.012)


def _distance(function: Callable[..., Any]) -> float:
    """Trained minus predicted: both radii, and verdicts by them."""
    trained = SimpleNamespace(excess=Estimate(0.3, 0.003))
    found = function(trained, SimpleNamespace(excess=Estimate(0.29, 0.04)))
    below = function(trained, SimpleNamespace(excess=Estimate(0.31, 0.04)))
    undecided = (found.near, found.not_below, below.not_below)
    wrong = sum(verdict is not Verdict.INCONCLUSIVE for verdict in undecided)
    return off(found.excess.error, 0.043) + wrong


_AT, _GAP = own._excess_at, getter(judging.LabelledJudged, "amortisation_gap")
_FAR = judging.labelled_distance


def _continuous(function: Callable[..., Any]) -> float:
    """Draws have five standard errors, and the entropies of the data their own radii."""
    entropies = Estimate(1.0, 0.01), Estimate(2.5, 0.03)
    objective = SimpleNamespace(weights=(0.9, 0.2, 0.05))
    bare = rewired(function, continuous_entropies=lambda _: entropies)
    found = bare(None, objective, 4.0, 0.002)
    # log p(y|x) of the data is the difference of both.
    entropic = 0.9 * 0.01 + 0.2 * 0.03 + 0.05 * 0.04
    wrong = float(found.kind is not Kind.STATISTICAL)
    return max(wrong, off(found.error, 5.0 * 0.002 + entropic))


LABELLED_NETWORKS: Table = {
    "continuous: one standard error": (
        _continuous, continuous_own_excess, "STANDARD_ERRORS * standard_error", "standard_error",
    ),
    "continuous: entropies known": (
        _continuous, continuous_own_excess, "drawn - entropies", "drawn",
    ),
    "continuous: p(y|x) known": (
        _continuous, continuous_own_excess, " - (of_both - of_x).scaled(label)", "",
    ),
    "continuous: draws are no draws": (
        _continuous, continuous_own_excess, "Kind.STATISTICAL", "Kind.ESTIMATED",
    ),
    "given q: log p known exactly, unlabelled": (
        _given_q, _AT, "radius += unlabelled * off", "radius += 0.0 * off",
    ),
    "given q: log p known exactly, labelled": (
        _given_q, _AT, "(off + _moved(error, share, missing))", "_moved(error, share, missing)",
    ),
    "given q: log p off by more than a nat": (
        _given_q, _AT, "np.minimum(p.relative_error, 1.0)", "p.relative_error",
    ),
    "given q: p(y|x) known exactly, labelled": (
        _given_q, _AT, "(off + _moved(error, share, missing))", "off",
    ),
    "given q: p(y|x) known exactly, label term": (
        _given_q, _AT, "radius += label * _moved(error, share, apart)", "pass",
    ),
    "given q: weight of the labelled part forgotten": (
        _given_q, _AT, "radius += labelled *", "radius +=",
    ),
    "moved: the logarithm alone": (_moved, own._moved, "(finite + 1.0)", "finite"),
    "moved: signs cancel": (_moved, own._moved, "np.abs(values)", "values"),
    "moved: nothing where a share is 0": (
        _moved, own._moved, "np.abs(np.log(np.finfo(float).tiny))", "0.0",
    ),
    "gap: best q known exactly": (
        _gap, _GAP, "self.own_excess - self.value.excess",
        "self.own_excess - type(self.own_excess)(self.value.excess.value, 0.0)",
    ),
    "gap: own q known exactly": (
        _gap, _GAP, "self.own_excess - self.value.excess",
        "type(self.own_excess)(self.own_excess.value, 0.0) - self.value.excess",
    ),
    "distance: optimum known exactly": (
        _distance, _FAR, "trained.excess - predicted.excess",
        "trained.excess - Estimate(predicted.excess.value, 0.0)",
    ),
    "distance: network known exactly": (
        _distance, _FAR, "trained.excess - predicted.excess",
        "Estimate(trained.excess.value, 0.0) - predicted.excess",
    ),
    "distance: near by its value": (
        _distance, _FAR, "Estimate(NEAR_OPTIMUM, 0.0) - gap",
        "Estimate(NEAR_OPTIMUM - gap.value, 0.0)",
    ),
    "distance: below by its value": (
        _distance, _FAR, "nonnegative(gap)", "nonnegative(Estimate(gap.value, 0.0))",
    ),
}  # fmt: skip
