"""Radii of scores, of checks of a sample, and of what is printed (dataset/, report/, cli/)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, getter, off, rewired
from theorycheck.cli import prediction_tables
from theorycheck.dataset import _checks as checks
from theorycheck.dataset import _samples as samples
from theorycheck.dataset._posterior_scoring import PosteriorScore
from theorycheck.dataset._scoring import Score
from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.models._loading import load_model
from theorycheck.objectives._objective_value import ObjectiveValue
from theorycheck.report import _representative_points as telling_points
from theorycheck.report import _several_analysis as several_analysis
from theorycheck.ruling import Ruling


def _printed_below(function: Callable[..., Any]) -> float:
    """What is printed of a network below the predicted optimum has the gap's radius."""
    distance = SimpleNamespace(
        excess=Estimate(-0.01, 0.002),
        not_below=Verdict.FAILS,
        near_ruling=Ruling(Verdict.FAILS, Kind.ESTIMATED),
    )
    return float("0.0100 ± 2.0e-03" not in function(distance, "", "J", "")[0])


def _above(function: Callable[..., Any]) -> float:
    stored = SimpleNamespace(optimum=SimpleNamespace(excess=Estimate(0.2, 0.01)))
    score = SimpleNamespace(excess=Estimate(0.3, 0.002), reference=stored)
    none = SimpleNamespace(excess=Estimate(0.3, 0.002), reference=None)
    return off([function(score, "optimum").error, function(none, "optimum").error], [0.012, np.inf])


def _preferred(function: Callable[..., Any]) -> float:
    """A difference within its radius is no preference."""
    wrong = 0
    for value, verdict in ((-0.3, Verdict.HOLDS), (-0.1, Verdict.INCONCLUSIVE)):
        margin = Estimate(value, 0.2)
        score = SimpleNamespace(above_ground_truth=margin, above_optimum=margin)
        wrong += function(score) is not verdict
    return float(wrong)


def _standard_error(function: Callable[..., Any]) -> float:
    values = SimpleNamespace(gap=np.array([1.0, 2.0, 6.0]))
    one = SimpleNamespace(gap=np.array([1.0]))
    return off([function(values), function(one)], [math.sqrt(7.0 / 3.0), np.inf])


def _mean_allowed(function: Callable[..., Any]) -> float:
    found = function("", np.array([1.0, 2.0, 6.0]), 2.0)
    return off([found.allowed, found.measured], [5.0 * math.sqrt(7.0 / 3.0), 1.0])


def _plain_sum(function: Callable[..., Any]) -> float:
    """The largest change from half as many latents, and rounding."""
    values = {200_001: np.array([1.0, 2.0]), 100_001: np.array([1.1, 2.3])}
    bare = rewired(function, _trapezoid_sum=lambda _m, _x, z: values[len(z)])
    none = rewired(function, _trapezoid_sum=lambda _m, _x, _z: np.zeros(2))
    return off([bare(None, None)[1], none(None, None)[1]], [0.3 + 1e-9, 1e-9])


def _density_allowed(function: Callable[..., Any]) -> float:
    bare = rewired(function, plain_log_density=lambda _, x: (np.zeros(len(x)), 0.02))
    found = bare(None, np.zeros((3, 1)), np.array([0.0, -0.5, 0.1]))
    return off([found.allowed, found.measured], [0.02, 0.5])


def _drawn(function: Callable[..., Any]) -> float:
    """Every draw keeps the error of its own log p."""
    error = np.array([0.1, 0.2, 0.3])
    found = rewired(
        function, log_density=lambda *_: SimpleNamespace(value=np.zeros(3), error=error)
    )(load_model("expr:z", noise_variance=0.25), size=3)  # fmt: skip
    return off(found.log_density_error, error)


def _stored(function: Callable[..., Any]) -> float:
    entry = {
        name: {"value": 1.0, "error": e}
        for name, e in (("excess", 0.1), ("mleo", 0.2), ("pmo", 0.3))
    }
    found = function(ObjectiveValue, entry)
    return off([found.excess.error, found.mleo.error, found.pmo.error], [0.1, 0.2, 0.3])


def _difference(function: Callable[..., Any]) -> float:
    """Of two values of an objective: both radii in each part."""
    one = ObjectiveValue(Estimate(0.3, 0.003), Estimate(0.2, 0.05), Estimate(0.1, 0.006))
    other = ObjectiveValue(Estimate(0.29, 0.04), Estimate(0.0, 0.0003), Estimate(0.0, 0.00007))
    found = function(one, other)
    radii = [found.excess.error, found.mleo.error, found.pmo.error]
    values = [found.excess.value, found.mleo.value, found.pmo.value]
    return off(radii, [0.043, 0.0503, 0.00607]) + off(values, [0.3 - 0.29, 0.2, 0.1])


def _telling(function: Callable[..., Any]) -> float:
    """KL at one x: the error of log p, and rounding of both numbers that it is the sum of."""
    log_px = Estimate(-40.0, 0.003)
    optimum = SimpleNamespace(negative_elbo=np.array([41.0]), mean=np.zeros(1), scale=np.ones(1))
    field = SimpleNamespace(optimal_q=lambda _: optimum, panels=None)
    exact = SimpleNamespace(log_density_x=log_px)
    bare = rewired(function, posterior=lambda *_: exact)
    worst = off(_kl(bare, field).error, 0.003 + 1e-13 * 82.0)
    exact.log_density_x = Estimate(-40.0, 0.0)
    return max(worst, off(_kl(bare, field).error, 1e-13 * 82.0))


def _kl(function: Callable[..., Any], field: Any) -> Estimate:
    given = {"letter": "A", "role": "", "mean_field": field, "x": np.zeros(1)}
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    kl: Estimate = function(*(given[name] for name in names)).kl
    return kl


def _latent_point(function: Callable[..., Any]) -> float:
    """KL at one x of two latents: what q leaves open, and the error of log p."""
    q = SimpleNamespace(
        negative_elbo=np.array([41.0]), gap=np.array([0.02]), mean=np.zeros((1, 2)),
        scale=np.ones((1, 2)),
    )  # fmt: skip
    known = SimpleNamespace(value=np.array([-40.0]), error=np.array([0.003]))
    engine = SimpleNamespace(optimal_q=lambda _: q, log_density=lambda _: known, boxes=None)
    bare = rewired(function, posterior_on_boxes=lambda *_: None)
    found: Estimate = bare(engine, "A", "", np.zeros(2)).kl
    return off(found.error, 0.023) + off(found.value, 1.0)


_TELLING = telling_points.telling_point
_LATENT = several_analysis._point


DATASET: Table = {
    "score: reference known exactly": (
        _above, Score._above, "self.excess - other", "self.excess - Estimate(other.value, 0.0)",
    ),
    "score: own J known exactly": (
        _above, Score._above, "self.excess - other", "Estimate(self.excess.value, 0.0) - other",
    ),
    "score: known without a reference": (_above, Score._above, "math.inf", "0.0"),
    "score: preferred by its value": (
        _preferred, getter(Score, "preferred_to_ground_truth"),
        "self.above_ground_truth.scaled(-1.0)", "Estimate(-self.above_ground_truth.value, 0.0)",
    ),
    "score: new best by its value": (
        _preferred, getter(Score, "new_best"), "self.above_optimum.scaled(-1.0)",
        "Estimate(-self.above_optimum.value, 0.0)",
    ),
    "difference of objectives: J of the second known exactly": (
        _difference, ObjectiveValue.__sub__, "- other.excess",
        "- Estimate(other.excess.value, 0.0)",
    ),
    "difference of objectives: J of the first known exactly": (
        _difference, ObjectiveValue.__sub__, "self.excess -", "Estimate(self.excess.value, 0.0) -",
    ),
    "difference of objectives: MLEO of the second known exactly": (
        _difference, ObjectiveValue.__sub__, "- other.mleo", "- Estimate(other.mleo.value, 0.0)",
    ),
    "difference of objectives: MLEO of the first known exactly": (
        _difference, ObjectiveValue.__sub__, "self.mleo -", "Estimate(self.mleo.value, 0.0) -",
    ),
    "difference of objectives: PMO of the second known exactly": (
        _difference, ObjectiveValue.__sub__, "- other.pmo", "- Estimate(other.pmo.value, 0.0)",
    ),
    "difference of objectives: PMO of the first known exactly": (
        _difference, ObjectiveValue.__sub__, "self.pmo -", "Estimate(self.pmo.value, 0.0) -",
    ),
    "posterior score: deviation of one draw": (
        _standard_error, getter(PosteriorScore, "standard_error"), "/ math.sqrt(count)", "",
    ),
    "posterior score: variance about its own mean": (
        _standard_error, getter(PosteriorScore, "standard_error"), "ddof=1", "ddof=0",
    ),
    "posterior score: one draw is enough": (
        _standard_error, getter(PosteriorScore, "standard_error"), "math.inf", "0.0",
    ),
    "sample: mean within its own discrepancy": (
        _mean_allowed, checks._mean_check, "mean.error", "abs(mean.value - expected)",
    ),
    "plain sum: rounding only": (
        _plain_sum, checks.plain_log_density, "float(np.abs(fine - coarse).max()) +", "",
    ),
    "plain sum: without rounding": (_plain_sum, checks.plain_log_density, "+ _ROUNDING", ""),
    "plain sum: least change": (
        _plain_sum, checks.plain_log_density, "np.abs(fine - coarse).max()",
        "np.abs(fine - coarse).min()",
    ),
    "sample: log p allowed anything": (
        _density_allowed, checks.density_check, "        error,\n", "        1e9,\n",
    ),
    "sample: log p without its error": (
        _drawn, samples.draw, "log_density_error=density.error",
        "log_density_error=0.0 * density.error",
    ),
    "reference: radii in another order": (
        _stored, ObjectiveValue.from_dict.__func__, "for part in _PARTS",
        'for part in ("excess", "pmo", "mleo")',
    ),
    "telling point: without the error of log p": (
        _telling, _TELLING, "log_px.error + rounding", "rounding",
    ),
    "telling point: without rounding": (
        _telling, _TELLING, "log_px.error + rounding", "log_px.error",
    ),
    "telling point: rounding of −ELBO only": (_telling, _TELLING, "+ abs(log_px.value)", ""),
    "telling point: rounding of log p only": (_telling, _TELLING, "+ abs(best)", ""),
    "latent point: q at its minimum": (_latent_point, _LATENT, "best.gap[0] + ", ""),
    "latent point: log p known exactly": (_latent_point, _LATENT, " + known.error[0]", ""),
    "printed gap: below the optimum exactly": (
        _printed_below, prediction_tables._verdict, "gap.error", "0.0",
    ),
}  # fmt: skip
