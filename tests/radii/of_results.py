"""Radii of results: the optimum, scores, checks of a sample, what a report shows; and balls."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, getter, off, rewired
from theorycheck.cli import prediction_tables
from theorycheck.dataset import checks, samples
from theorycheck.dataset.posterior_scoring import PosteriorScore
from theorycheck.dataset.reference import Objective
from theorycheck.dataset.scoring import Score
from theorycheck.estimate import Estimate, Verdict
from theorycheck.inference import ball_integrals
from theorycheck.inference.ball import Ball, expected_negative_elbo_ball
from theorycheck.inference.ball_functions import arb, ctx
from theorycheck.models.loading import load_model
from theorycheck.optimum import coordinate_ascent, noise_contraction
from theorycheck.optimum.coordinate_ascent import Ascent
from theorycheck.optimum.nodes import DataNodes
from theorycheck.optimum.result import PredictedOptimum
from theorycheck.report import telling_points

PLANE = load_model("expr:[z, 0*z]", noise_variance=[0.25, 4.0])


def _printed_below(function: Callable[..., Any]) -> float:
    """What is printed of a network below the predicted optimum has the gap's radius."""
    distance = SimpleNamespace(excess=Estimate(-0.01, 0.002), not_below=Verdict.FAILS)
    return float("0.0100 ± 2.0e-03" not in function(distance, "", "J", "")[0])


class _OneStep:
    """In the place of `_Step`: two cells, of aggregate 0.25 and 0.75, that move by given steps."""

    def __init__(self, *_: Any) -> None:
        self.evaluations = 1

    def resolved(self, noise: Any) -> Any:
        return noise

    def feasible(self, f: Any, _: Any) -> Any:
        return f

    def evaluate(self, f: Any, noise: Any, _: Any) -> Any:
        responsibilities = SimpleNamespace(aggregate=np.array([0.25, 0.75]), minima=None)
        return SimpleNamespace(
            f=f, noise_variance=noise, negative_elbo=1.0, responsibilities=responsibilities
        )

    def m_step(self, point: Any) -> Any:
        return SimpleNamespace(f=point.f + np.array([[0.1, 0.4], [0.2, -0.6]]))


def _displaced(function: Callable[..., Any]) -> float:
    """Of each step in its dimension's σ: 0.2, 0.2 and 0.4, −0.3."""
    found = rewired(function, _Step=_OneStep)(
        None, np.zeros((2, 2)), np.array([0.25, 4.0]), most=1
    )  # fmt: skip
    squares = np.array([0.2**2 + 0.2**2, 0.4**2 + 0.3**2])
    a = np.array([0.25, 0.75])
    expected = [math.sqrt(float(a @ squares)), math.sqrt(float(a**2 @ squares))]
    return off([found.displacement, found.gradient_norm], expected)


def _ascent_gain(function: Callable[..., Any]) -> float:
    return off(function(SimpleNamespace(displacement=0.3)), 0.045)


def _least_noise(function: Callable[..., Any]) -> float:
    nodes = SimpleNamespace(step=0.6, noise_variance=np.array([0.25, 4.0]))
    return off(function(nodes), [0.16 * 0.25, 0.16 * 4.0])


def _contraction(function: Callable[..., Any]) -> float:
    """Of a fit that brings back 0.3 of log 1.05, with f free to follow."""
    f_seen: list[float] = []

    def ascend(_: Any, f: Any, variance: Any, **__: Any) -> Any:
        f_seen.append(float(f))
        back = np.array([0.25, 4.0]) * (variance[0] / 0.25) ** 0.3
        return SimpleNamespace(
            f=f + 1.0, responsibilities=SimpleNamespace(residual_variance=lambda _: back)
        )

    found = SimpleNamespace(data=None, cells=None, model=PLANE, f=0.0)
    share = rewired(
        function, ascend=ascend, EStep=lambda *_: None, data_nodes=lambda *_, **__: None
    )(found)  # fmt: skip
    return max(abs(share - 0.3) - 1e-9, 0.0, abs(f_seen[1] - 1.0))


def _j_of_the_optimum(function: Callable[..., Any]) -> float:
    one = SimpleNamespace(decomposition=SimpleNamespace(excess=Estimate(0.2, 0.01)))
    two = SimpleNamespace(excess=Estimate(0.1, 0.003))
    found = [
        function(SimpleNamespace(importance=i, **vars(one))).error for i in (None, two)
    ]  # fmt: skip
    return off(found, [0.01, 0.003])


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
    found = function(Objective, entry)
    return off([found.excess.error, found.mleo.error, found.pmo.error], [0.1, 0.2, 0.3])


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


def _outward(function: Callable[..., Any]) -> float:
    """The ends of a ball as floats, and its radius, hold the ball."""
    wrong = 0
    # With 4,000 bits the radius is below the least float.
    with ctx.workprec(4000):
        for enclosure in (
            arb(1) / 3,
            arb(1) / 10,
            -arb(2).sqrt(),
            arb("0.1 +/- 1e-10"),
            arb(1) / 7 + 1,
        ):
            found = function(Ball, enclosure)
            wrong += not arb(found.lower) <= enclosure.lower()
            wrong += not arb(found.upper) >= enclosure.upper()
            wrong += not arb(found.radius) >= enclosure.rad()
    infinite = function(Ball, arb("inf"))
    return float(wrong + (infinite.radius != math.inf))


def _short_integral(function: Callable[..., Any]) -> float:
    """−ELBO of a line by an integral over 1 and 2 scales of q only: the rest is bounded."""
    problem = type("Short", (ball_integrals.BallProblem,), {"negative_elbo": function})
    return _of_a_line(problem)


def _short_tail(function: Callable[..., Any]) -> float:
    return _of_a_line(type("Short", (ball_integrals.BallProblem,), {"_tail_misfit": function}))


def _of_a_line(problem: Any) -> float:
    from theorycheck.inference import ball

    model = load_model("expr:3*z", noise_variance=0.25)
    opened = rewired(ball._opened.__wrapped__, BallProblem=problem)  # type: ignore[attr-defined]
    wrong = 0
    for x, mean, s, tail in ((40.0, 0.1, 0.5, 1.0), (0.3, 0.1, 0.5, 1.0), (0.0, 9.0, 0.05, 1.0)):
        bare = rewired(expected_negative_elbo_ball, _opened=contextmanager(opened))
        found = bare(model.decoder, [0.25], [x], mean, s, tail=tail)
        exact = 0.5 * (s * s + mean**2 - 1.0) - math.log(s) + 0.5 * math.log(2.0 * math.pi * 0.25)
        exact += ((x - 3.0 * mean) ** 2 + 9.0 * s * s) / 0.5
        wrong += not found.lower - 1e-9 <= exact <= found.upper + 1e-9
        # A bound, and not a refusal to say anything.
        wrong += not found.radius < 1e9
    return float(wrong)


_ASCEND = coordinate_ascent.ascend
_TELLING = telling_points.telling_point
_AROUND = Ball.around.__func__  # type: ignore[attr-defined]

RESULTS: Table = {
    "ascent: displacement with the σ² of another dimension": (
        _displaced, _ASCEND, "/ current.noise_variance", "/ current.noise_variance[::-1]",
    ),
    "ascent: displacement in data units": (_displaced, _ASCEND, "/ current.noise_variance", ""),
    "ascent: displacement not weighted": (
        _displaced, _ASCEND, "np.sum(aggregate * scaled)", "np.sum(scaled)",
    ),
    "ascent: gradient weighted once": (
        _displaced, _ASCEND, "aggregate**2 * scaled", "aggregate * scaled",
    ),
    "ascent: gain without its half": (
        _ascent_gain, getter(Ascent, "m_step_gain"), "0.5 *", "",
    ),
    "ascent: gain of the first power": (
        _ascent_gain, getter(Ascent, "m_step_gain"), "self.displacement**2", "self.displacement",
    ),
    "nodes: least σ² of another dimension": (
        _least_noise, getter(DataNodes, "smallest_noise"), "self.noise_variance",
        "self.noise_variance[::-1]",
    ),
    "fit of σ²: share of the move in units of σ²": (
        _contraction, noise_contraction.noise_contraction, "/ math.log1p(_MOVE)", "",
    ),
    "fit of σ²: f held": (
        _contraction, noise_contraction.noise_contraction, "f = ended.f", "pass",
    ),
    "optimum: J of the ELBO for an IWAE": (
        _j_of_the_optimum, getter(PredictedOptimum, "excess"), "else self.importance.excess",
        "else self.decomposition.excess",
    ),
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
        _preferred, getter(Score, "new_best"),
        "self.above_optimum.scaled(-1.0)", "Estimate(-self.above_optimum.value, 0.0)",
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
    "sample: mean within one standard error": (
        _mean_allowed, checks._mean_check, "_STANDARD_ERRORS * standard_error", "standard_error",
    ),
    "sample: mean within the deviation of one draw": (
        _mean_allowed, checks._mean_check, "/ math.sqrt(len(values))", "",
    ),
    "sample: variance about its own mean": (
        _mean_allowed, checks._mean_check, "ddof=1", "ddof=0",
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
        _stored, Objective.from_dict.__func__,  # type: ignore[attr-defined]
        '("excess", "mleo", "pmo")', '("excess", "pmo", "mleo")',
    ),
    "telling point: without the error of log p": (
        _telling, _TELLING, "log_px.error + rounding", "rounding",
    ),
    "telling point: without rounding": (_telling, _TELLING, "log_px.error + rounding", "log_px.error"),
    "telling point: rounding of −ELBO only": (_telling, _TELLING, "+ abs(log_px.value)", ""),
    "telling point: rounding of log p only": (_telling, _TELLING, "+ abs(best)", ""),
    "printed gap: below the optimum exactly": (
        _printed_below, prediction_tables._verdict, "gap.error", "0.0",
    ),
    "ball: lower end rounded to nearest": (
        _outward, _AROUND, "math.nextafter(lower, -math.inf)", "lower",
    ),
    "ball: upper end rounded to nearest": (
        _outward, _AROUND, "math.nextafter(upper, math.inf)", "upper",
    ),
    "ball: radius rounded to nearest": (
        _outward, _AROUND, "math.nextafter(float(enclosure.rad()), math.inf)",
        "float(enclosure.rad())",
    ),
    "ball: what is not finite has a radius": (
        _outward, _AROUND, "math.inf, math.inf, enclosure", "math.inf, 0.0, enclosure",
    ),
    "ball: −ELBO without what is beyond": (
        _short_integral, ball_integrals.BallProblem.negative_elbo,
        "arb(0).union(self._tail_misfit(components, mu, s, tail))", "arb(0)",
    ),
    "ball: tail without x": (
        _short_tail, ball_integrals.BallProblem._tail_misfit, "(arb(x) ** 2, arb(0))",
        "(arb(0), arb(0))",
    ),
    "ball: tail without f": (
        _short_tail, ball_integrals.BallProblem._tail_misfit, "(arb(a) ** 2, arb(2 * k))",
        "(arb(0), arb(2 * k))",
    ),
    "ball: tail that q sees at its middle": (
        _short_tail, ball_integrals.BallProblem._tail_misfit, "(rate * abs(mu)).exp()", "1",
    ),
    "ball: tail in data units": (
        _short_tail, ball_integrals.BallProblem._tail_misfit, "/ (2 * variance)", "/ 100",
    ),
}  # fmt: skip
