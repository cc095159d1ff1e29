"""Radii of the IWAE bounds of labelled models, and of what they miss on average."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import density
from tests.radii.table import Table, off, rewired
from theorycheck.estimate import Estimate
from theorycheck.inference import CONDITIONAL, ImportanceBound, inside_iwae_bound
from theorycheck.objectives import _labelled_iwae as iwae
from theorycheck.progress import NO_PROGRESS

EPS = float(np.finfo(float).eps)
_VALUE, _ERROR = np.log(np.array([[0.2], [0.3]])), np.array([[0.01], [0.5]])


def _classes(value: Any, error: Any) -> Any:
    top = value.max() + np.log(np.exp(value - value.max()).sum(axis=0))
    return SimpleNamespace(value=value, error=error, samples=5, log_class_posterior=value - top)


def _best_inside(function: Callable[..., Any]) -> float:
    """At the softmax: by how much log Σ exp rises."""
    found = function(_classes(_VALUE, _ERROR))
    wanted = math.log((0.2 * math.exp(0.01) + 0.3 * math.exp(0.5)) / 0.5)
    return off(found.error[0], wanted + 1e-15 * (1.0 + math.log(2.0)))


def _given_inside(function: Callable[..., Any]) -> float:
    """At a given q(y|x): its average; a class without weight may be unknown."""
    found = function(_classes(_VALUE, _ERROR), [[0.25], [0.75]])
    unknown = function(_classes(_VALUE, np.array([[0.01], [math.inf]])), [[1.0], [0.0]])
    return off(
        [found.error[0], unknown.error[0]],
        [0.25 * 0.01 + 0.75 * 0.5 + 1e-15 * (1.0 + abs(found.value[0])),
         0.01 + 1e-15 * (1.0 + abs(math.log(0.2)))],
    )  # fmt: skip


def _rounding(function: Callable[..., Any]) -> float:
    found = function(_classes(_VALUE - 1000.0, 0.0 * _ERROR), [[0.25], [0.75]])
    return off(found.error[0] / EPS, 1e-15 * (1.0 + abs(found.value[0])) / EPS)


def _what_is_averaged(function: Callable[..., Any]) -> float:
    rng = np.random.default_rng(3)
    inside, joint, p_f = rng.normal(size=(3, 8))
    own, log_joint = rng.normal(size=(2, 2, 8))
    share = rng.dirichlet(np.ones(2), 8).T
    known, class_errors, off_share = rng.uniform(size=(3, 2, 8))
    errors = rng.uniform(size=(3, 8))
    given: list[Any] = []

    def average(values: Any, radii: Any, *, unseen: float) -> Estimate:
        given.append((values, radii, unseen))
        return Estimate(0.0, 0.25 * len(given))

    bare = rewired(
        function,
        _bounds=lambda *_: (
            own, class_errors, SimpleNamespace(value=inside, error=errors[0]),
            SimpleNamespace(value=joint, error=errors[1]),
        ),
    )  # fmt: skip
    exact = SimpleNamespace(
        log_density=lambda _: density(p_f, errors[2]),
        log_joint=lambda _: (log_joint, known, None),
    )
    source = SimpleNamespace(class_posterior=lambda _: (share, off_share))
    found = bare(exact, source, SimpleNamespace(x=None, average=average), CONDITIONAL, 5, None)
    gaps = log_joint - own
    labelled = (share * (known + class_errors) + off_share * np.abs(gaps)).sum(axis=0)
    radii = [errors[2] + errors[0], errors[2] + errors[1], labelled]
    values = [p_f - inside, p_f - joint, (share * gaps).sum(axis=0)]
    parts = [found.pmo_u_inside, found.pmo_u_joint, found.pmo_l]
    return max(
        *(off(one[0], value) for one, value in zip(given, values, strict=True)),
        *(off(one[1], radius) for one, radius in zip(given, radii, strict=True)),
        off([one[2] for one in given], [100.0] * 3),
        off([part.error for part in parts], [0.25, 0.5, 0.75]),
    )


def _all_errors(function: Callable[..., Any]) -> float:
    """In batches of 256 every x keeps its own errors."""
    error = np.random.default_rng(5).uniform(size=(3, 300))

    def own(_exact: Any, x: Any, _samples: int) -> Any:
        here = np.rint(x[:, 0]).astype(int)
        return SimpleNamespace(
            value=x.T, error=error[:1, here], here=here, log_class_posterior=here,
            mean=None, scale=None,
        )  # fmt: skip

    def bound(row: int, here: Any) -> ImportanceBound:
        return ImportanceBound(0.0 * here, error[row, here], 5)

    found = rewired(
        function,
        labelled_iwae_bound=own,
        inside_iwae_bound=lambda one: bound(1, one.here),
        joint_iwae_bound=lambda _e, _x, _s, here, *_: bound(2, here),
    )(None, np.arange(300.0)[:, None], CONDITIONAL, 5, NO_PROGRESS)
    return max(off(found[1][0], error[0]), off(found[2].error, error[1]),
               off(found[3].error, error[2]))  # fmt: skip


_AVERAGES = iwae._averages

LABEL_IWAE: Table = {
    "inside: errors averaged at the softmax": (
        _best_inside, inside_iwae_bound,
        "logsumexp(classes.value + classes.error, axis=0) - logsumexp(classes.value, axis=0)",
        "(r * classes.error).sum(axis=0)",
    ),
    "inside: the best known exactly": (
        _best_inside, inside_iwae_bound, "classes.value + classes.error", "classes.value",
    ),
    "inside: classes known exactly": (
        _given_inside, inside_iwae_bound, "r * classes.error", "0.0 * classes.error",
    ),
    "inside: a class without weight": (
        _given_inside, inside_iwae_bound, "np.where(r > 0.0, r * classes.error, 0.0)",
        "(r * classes.error)",
    ),
    "inside: without rounding": (
        _rounding, inside_iwae_bound, "error + 1e-15 * (1.0 + np.abs(value))", "error",
    ),
    "unlabelled: without the error of p_f": (
        _what_is_averaged, _AVERAGES, "p_f.relative_error + bound.error", "bound.error",
    ),
    "unlabelled: without the error of U_S": (
        _what_is_averaged, _AVERAGES, "p_f.relative_error + bound.error", "p_f.relative_error",
    ),
    "labelled: without the error of p_f": (
        _what_is_averaged, _AVERAGES, "(relative + class_errors)", "class_errors",
    ),
    "labelled: without the error of L_S": (
        _what_is_averaged, _AVERAGES, "(relative + class_errors)", "relative",
    ),
    "labelled: p(y|x) known exactly": (
        _what_is_averaged, _AVERAGES, "+ off * np.abs(gaps)", "",
    ),
    "labelled: nothing unseen": (
        _what_is_averaged, _AVERAGES, "errors.sum(axis=0), unseen=LARGEST_GAP",
        "errors.sum(axis=0), unseen=0.0",
    ),
    "errors lost between batches": (
        _all_errors, iwae._bounds, "[part.error for part in classes]",
        "[0.0 * part.error for part in classes]",
    ),
}  # fmt: skip
