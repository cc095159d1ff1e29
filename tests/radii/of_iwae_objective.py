"""Radii of the IWAE objective."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import density
from tests.radii.table import Table, off, rewired
from theorycheck.estimate import Estimate
from theorycheck.inference import ImportanceBound
from theorycheck.objectives import _iwae_objective as iwae


def _what_is_averaged(function: Callable[..., Any]) -> float:
    """Each average is given all three errors, and 100 nats where p(x) has no node.

    J_S is given besides what p_f is off by: far from p it may be off by more.
    """
    rng = np.random.default_rng(3)
    p, p_f, bound = rng.normal(size=(3, 16))
    errors = rng.uniform(size=(3, 16))
    given: list[Any] = []

    def average(values: Any, radii: Any, *, unseen: float) -> Estimate:
        given.extend([values, radii, unseen])
        return Estimate(0.0, 0.25 * len(given))

    data = SimpleNamespace(log_density=lambda _: density(p, errors[0]))
    field = SimpleNamespace(log_density=lambda _: density(p_f, errors[1]))
    found = rewired(
        function, _bounds=lambda *_: SimpleNamespace(value=bound, error=errors[2])
    )(field, data, SimpleNamespace(x=None, average=average), 5, "optimal", None)  # fmt: skip
    total = errors.sum(axis=0)
    return max(
        off(given[0], p - bound), off(given[3], p_f - bound), off(given[1], total),
        off(given[4], total),
        off([given[2], given[5]], [100.0 + np.abs(p - p_f).max(), 100.0]),
        off([e.error for e in found], [0.75, 1.5]),
    )  # fmt: skip


def _all_errors(function: Callable[..., Any]) -> float:
    """L_S in batches of 256: every x keeps its own error."""
    error = np.random.default_rng(5).uniform(size=300)
    parts = [ImportanceBound(np.zeros(len(part)), part, 5) for part in (error[:256], error[256:])]
    return off(function(parts).error, error)


_AVERAGES = iwae._averages

IWAE_OBJECTIVE: Table = {
    "without the error of p": (
        _what_is_averaged, _AVERAGES, "p.relative_error + p_f", "p_f",
    ),
    "without the error of p_f": (_what_is_averaged, _AVERAGES, "+ p_f.relative_error", ""),
    "without the error of L_S": (_what_is_averaged, _AVERAGES, "+ bound.error", ""),
    "one nat where nothing is seen": (
        _what_is_averaged, _AVERAGES, "unseen=LARGEST_GAP", "unseen=1.0",
    ),
    "what is far from p as near as the gap": (
        _what_is_averaged, _AVERAGES, "unseen=LARGEST_GAP + apart", "unseen=LARGEST_GAP",
    ),
    "values known exactly": (
        _what_is_averaged, _AVERAGES, "- bound.value, errors,", "- bound.value, 0.0 * errors,",
    ),
    "errors lost between batches": (
        _all_errors, iwae.joined_bounds, "[part.error for part in parts]",
        "[0.0 * part.error for part in parts]",
    ),
}  # fmt: skip
