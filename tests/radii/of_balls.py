"""Balls of ball arithmetic, whose radii are proved (inference/ball/)."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import Any

from tests.radii.table import Table, rewired
from theorycheck.inference.ball import _evaluation as ball
from theorycheck.inference.ball import _integrals as ball_integrals
from theorycheck.inference.ball._evaluation import Ball, expected_negative_elbo_ball
from theorycheck.inference.ball._functions import arb, ctx
from theorycheck.models._loading import load_model


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


def _cut(function: Callable[..., Any]) -> float:
    """Log p(x) by another way to find what counts."""
    return _left_out(ball_integrals.BallProblem.log_density, function)


def _left_out(
    function: Callable[..., Any], cut: Callable[..., Any] = ball_integrals.BallProblem._concentrate
) -> float:
    """Log p(x) of a line where all that is 4 nats below the top counts as negligible."""
    wrong = 0
    with ctx.workprec(200):
        for x in (4.0, -2.5):
            problem = ball_integrals.BallProblem("3*z", [0.25], [x], 128)
            problem.working = 6
            # Parts are cut until log p(x, z) varies by two nats on each.
            made = partial(rewired(cut, _TAME=2.0), problem)
            problem._concentrate = made  # type: ignore[method-assign]
            found = function(problem, 9.0)
            exact = -0.5 * x**2 / 9.25 - 0.5 * math.log(2.0 * math.pi * 9.25)
            wrong += not found.lower() - 1e-9 <= exact <= found.upper() + 1e-9
            wrong += not found.rad() < 1.0
    return float(wrong)


def _of_a_line(problem: Any) -> float:
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


_AROUND = Ball.around.__func__  # type: ignore[attr-defined]


BALLS: Table = {
    "lower end rounded to nearest": (
        _outward, _AROUND, "math.nextafter(lower, -math.inf)", "lower",
    ),
    "upper end rounded to nearest": (
        _outward, _AROUND, "math.nextafter(upper, math.inf)", "upper",
    ),
    "radius rounded to nearest": (
        _outward, _AROUND, "math.nextafter(float(enclosure.rad()), math.inf)",
        "float(enclosure.rad())",
    ),
    "what is not finite has a radius": (
        _outward, _AROUND, "math.inf, math.inf, enclosure", "math.inf, 0.0, enclosure",
    ),
    "−ELBO without what is beyond": (
        _short_integral, ball_integrals.BallProblem.negative_elbo,
        "arb(0).union(self._tail_misfit(components, mu, s, tail))", "arb(0)",
    ),
    "log p without what is left out": (
        _left_out, ball_integrals.BallProblem.log_density, "arb(0).union(negligible.upper())",
        "arb(0)",
    ),
    "log p with all that is left out": (
        _left_out, ball_integrals.BallProblem.log_density, "arb(0).union(negligible.upper())",
        "negligible.upper()",
    ),
    "left out without its width": (
        _cut, ball_integrals.BallProblem._concentrate, ".exp() * width", ".exp() * 0",
    ),
    "tail without x": (
        _short_tail, ball_integrals.BallProblem._tail_misfit, "(arb(x) ** 2, arb(0))",
        "(arb(0), arb(0))",
    ),
    "tail without f": (
        _short_tail, ball_integrals.BallProblem._tail_misfit, "(arb(a) ** 2, arb(2 * k))",
        "(arb(0), arb(2 * k))",
    ),
    "tail that q sees at its middle": (
        _short_tail, ball_integrals.BallProblem._tail_misfit, "(rate * abs(mu)).exp()", "1",
    ),
    "tail in data units": (
        _short_tail, ball_integrals.BallProblem._tail_misfit, "/ (2 * variance)", "/ 100",
    ),
}  # fmt: skip
