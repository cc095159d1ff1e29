"""Radii of labelled models: of the mixture's density, of its grid, and of the collapse."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.special import logsumexp

from tests.radii.table import Table, off, rewired
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import (
    ExactLabelled,
    certified_gap,
    certify_shared_q,
    latent_posterior,
)
from theorycheck.inference._certificate import curvature_constant
from theorycheck.inference._label_q import class_panels
from theorycheck.models import load_labelled_model
from theorycheck.objectives import _labelled_objective as labelled
from theorycheck.objectives import _weighed_bounds as weighed
from theorycheck.quadrature import TrapezoidGrid
from theorycheck.quadrature.kernels import _shared_certificate as shared
from theorycheck.quadrature.kernels._gaussian_expectation import workspace
from theorycheck.quadrature.kernels._layouts import Balls

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
    found = function(Estimate(0.2, 0.03, Kind.STATISTICAL), Estimate(0.5, 0.1))
    wrong = float(found.kind is not Kind.STATISTICAL)
    return max(wrong, off([found.value, found.error], [0.6, (0.03 + 0.4 * 0.1) / 0.4]))


def _no_information(function: Callable[..., Any]) -> float:
    return off(function(Estimate(0.3, 0.0), Estimate(0.1, 0.2)).error, math.inf)


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


def _shared_bound(function: Callable[..., Any]) -> float:
    """A bound of −V less the quadrature's error, and the gap to the optimum from there."""

    def batch(*arguments: Any) -> None:
        arguments[-2][:] = [-7.0, 1e6]

    best = SimpleNamespace(value=np.array([6.0, -1e6 - 1.0]))
    found = rewired(function, certify_shared_batch=batch)(_PAIR, np.zeros((2, 1)), best)
    bound = np.array([-7.0, 1e6]) - _PAIR.fields[0].panels.peak_log_density
    below = bound - 1e-12 * (1.0 + np.abs(bound))
    return max(
        off(bound[1] - found.lower_bound[1], bound[1] - below[1]),
        off(found.gap, -best.value - below),
    )


def _shared_box(function: Callable[..., Any]) -> float:
    """No q of a box has a smaller −V: the classes' tangents and curvatures, where each counts."""
    x, none = np.array([0.4]), np.zeros((81, 2))
    constant = -_PAIR.fields[0].panels.peak_log_density
    worst = 0.0
    for mean, s, half_mean, half_s in (
        (0.6, 0.3, 1e-4, 0.0), (0.6, 0.3, 0.0, 1e-4), (0.15, 0.25, 0.06, 0.0),
        (-0.4, 0.2, 0.02, 0.04),
    ):  # fmt: skip
        bound = function(
            x, mean, s, half_mean, half_s, curvature_constant(), none[0], _PAIR.model.log_prior,
            1.0 / _PAIR.model.sigma, class_panels(_PAIR.fields), workspace(1), np.empty((2, 3)),
            np.empty((3, 2)),
        )  # fmt: skip
        u = np.linspace(-1.0, 1.0, 9)
        means, scales = (mean + half_mean * u).repeat(9), np.tile(s + half_s * u, 9)
        points = np.repeat(x[None], 81, 0)
        each = np.stack([one.negative_elbo(points, means, scales) for one in _PAIR.fields])
        values = -logsumexp(_PAIR.model.log_prior[:, None] - each, axis=0) - constant
        worst = max(worst, bound - float(values.min()))
    return max(worst - 1e-9, 0.0)


def _shared_bend(function: Callable[..., Any]) -> float:
    """The bound by its parts, at a centre of no slope: the value less ½K|Δ|² of each class."""
    x, curvature, half = np.array([0.4]), 3.0, (0.01, 0.02)
    found = function(
        x, 0.6, 0.3, 0.0 * half[0], half[1], curvature, np.zeros(2), _PAIR.model.log_prior,
        1.0 / _PAIR.model.sigma, class_panels(_PAIR.fields), workspace(1), np.empty((2, 3)),
        np.empty((3, 2)),
    )  # fmt: skip
    constant = -_PAIR.fields[0].panels.peak_log_density
    corners = []
    for sign in (-1.0, 1.0):
        offers = []
        for field, log_prior in zip(_PAIR.fields, _PAIR.model.log_prior, strict=True):
            value, _, by_log_scale = field.derivatives(x[None], 0.6, 0.3)[0, :3]
            _, square = field.expectations(x[None], 0.6, 0.45)
            wide = 0.5 * square[0, 0] / _PAIR.model.noise_variance[0]
            bend = curvature * wide / 0.09 * half[1] ** 2
            tangent = value - constant + sign * by_log_scale / 0.3 * half[1]
            offers.append(log_prior - tangent + 0.5 * bend)
        corners.append(-float(logsumexp(offers)))
    return max(off(found, min(corners)) - 1e-8, 0.0)


def _shared_least_cost(function: Callable[..., Any]) -> float:
    """The cost of a panel from the nearest point of its ball."""
    given: list[Any] = []

    def one(*arguments: Any) -> tuple[float, int]:
        given.append(arguments[10].copy())
        return 0.0, 0

    rewired(function, _certify=one)(
        np.zeros((1, 1)), np.zeros(1), 1e-6, 10, 1.0, np.zeros((1, 2)), np.log(_PRIOR),
        np.array([2.0]), None, Balls(np.array([[2.0], [0.5]]), np.array([0.6, 0.9]), np.zeros(2)),
        np.empty(1), np.empty(1, dtype=np.int64),
    )  # fmt: skip
    return max(off(given[0][0], 0.5 * 3.4**2), off(given[0][1], 0.5 * 0.1**2) - 1e-12)


def _conditional_gap(function: Callable[..., Any]) -> float:
    """U rises by no more than the class that rises most."""
    gaps = iter([np.array([1e-3]), np.array([4e-3])])
    bare = rewired(function, certify_optimal_q=lambda *_, **__: SimpleNamespace(gap=next(gaps)))
    return off(bare(_PAIR, np.zeros((1, 1)))[0], 4e-3)


def _posterior(function: Callable[..., Any]) -> float:
    """p(z|x, y) has the relative error of p(x, y), p(z|x) that of p(x)."""
    x, z = np.array([[0.4]]), np.array([0.3])
    exact = SimpleNamespace(
        model=_PAIR.model,
        log_joint=lambda _: (_PAIR.log_joint(x)[0], np.array([[1e-3], [2e-3]]), None),
        log_density=lambda _: SimpleNamespace(
            value=_PAIR.log_density(x).value, relative_error=np.array([3e-3])
        ),
    )
    found = function(exact, x, z)
    wanted = found.by_class[:, 0, 0] * np.array([1e-3, 2e-3])
    return max(off(found.by_class_error[:, 0, 0], wanted), off(found.error, 3e-3 * found.density))


_PAIR = ExactLabelled(load_labelled_model("expr:[(2*y - 1)*sin(2*z)]", noise_variance=0.05))
_LOG_P, _GRID = ExactLabelled.log_density, ExactLabelled.grid
_COLLAPSE = weighed.collapse_of

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
    "collapse: information known exactly": (_collapse, _COLLAPSE, "information.error +", ""),
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
    "shared q: without the quadrature's error": (
        _shared_bound, certify_shared_q, "QUADRATURE * (1.0 + np.abs(bound))", "0.0",
    ),
    "shared q: quadrature's error of size 1": (
        _shared_bound, certify_shared_q, "(1.0 + np.abs(bound))", "1.0",
    ),
    "shared q: box without its slope in μ": (
        _shared_box, shared._box_bound, "(mean + m1 / scale) * half_mean", "0.0",
    ),
    "shared q: box without its slope in s": (
        _shared_box, shared._box_bound,
        "(scale - 1.0 / scale + (m2 - m0) / scale) * half_scale", "0.0",
    ),
    "shared q: one side of the box only": (
        _shared_box, shared._box_bound, "1.0 if corner % 2 == 0 else -1.0", "1.0",
    ),
    "shared q: box without its curvature": (
        _shared_bend, shared._box_bound, "0.5 * curvature * wide", "0.0 * curvature * wide",
    ),
    "shared q: curvature of a narrower cost": (
        _shared_bend, shared._box_bound, "WIDER * scale", "scale",
    ),
    "shared q: cost at the ball's centre": (
        _shared_least_cost, shared.certify_shared_batch, "- balls.radius[j]", "",
    ),
    "p(z|x, y): p(x, y) known exactly": (
        _posterior, latent_posterior, "by_class * relative[:, :, None]", "0.0 * by_class",
    ),
    "p(z|x): p(x) known exactly": (
        _posterior, latent_posterior, "density * whole.relative_error[:, None]", "0.0 * density",
    ),
    "gap of U: the class that rises least": (
        _conditional_gap, certified_gap, "np.max(each, axis=0)", "np.min(each, axis=0)",
    ),
}  # fmt: skip
