"""The lower bounds of a certificate, which are as good as radii (inference/_certificate.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.problems import PROBLEMS
from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.inference import _certificate as certificate
from theorycheck.quadrature.kernels import _certificate as boxes
from theorycheck.quadrature.kernels import _gaussian_expectation as gaussian_expectation
from theorycheck.quadrature.kernels._layouts import Balls


def _lower_bound(function: Callable[..., Any]) -> float:
    """A bound less the quadrature's error, and the gap to the optimum from there."""
    field = PROBLEMS["ramp"].mean_field

    def batch(*arguments: Any) -> None:
        arguments[-2][:] = [-7.0, 1e6]

    best = SimpleNamespace(negative_elbo=np.array([-6.0, 1e6 + 1.0]))
    found = rewired(function, certify_batch=batch)(field, np.zeros((2, 1)), best)
    constant = 0.5 * math.log(2.0 * math.pi * 0.01)
    bound = np.array([-7.0, 1e6]) + constant
    below = bound - 1e-12 * (1.0 + np.abs(bound))
    # 1e-12 of 1e6 is far above the spacing of floats there.
    return max(
        off(bound[1] - found.lower_bound[1], bound[1] - below[1]),
        off(found.gap, best.negative_elbo - below),
    )  # fmt: skip


def _seen(function: Callable[..., Any]) -> float:
    """No q of a strip sees less, of a cost that is 10 on three panels and may be 0 beyond 3 s."""
    left, right = np.array([-1.0, 0.0, 1.0]), np.array([0.0, 1.0, 2.0])
    least = 10.0 * math.erf(3.0 / math.sqrt(2.0))
    return max(function(0.2, 0.3, 0.2, left, right, np.full(3, 10.0)) - least, 0.0)


def _prior(function: Callable[..., Any]) -> float:
    """No q of a strip has a smaller KL from the prior."""
    worst = 0.0
    for low, high, top in ((0.2, 0.3, 0.2), (-0.4, -0.2, 0.1), (-0.2, 1.0, 2.0)):
        mean, s = np.linspace(low, high, 5)[:, None], top * np.array([0.2, 0.6, 1.0])
        least = float((0.5 * (s * s + mean**2 - 1.0) - np.log(s)).min())
        worst = max(worst, function(low, high, top) - least)
    return worst


def _box(function: Callable[..., Any]) -> float:
    """No q of a box has a smaller −ELBO: its tangent and its curvature, each where it counts."""
    problem = PROBLEMS["wave"]
    field, x = problem.mean_field, np.array([0.4])
    work = gaussian_expectation.workspace(1)
    constant = 0.5 * math.log(2.0 * math.pi * 0.01)
    worst = 0.0
    for mean, s, half_mean, half_s in (
        (0.6, 0.3, 1e-4, 0.0), (0.6, 0.3, 0.0, 1e-4), (0.524, 0.15, 0.03, 0.0),
        (-0.4, 0.2, 0.02, 0.04),
    ):  # fmt: skip
        bound = function(
            x, mean, s, half_mean, half_s, certificate.curvature_constant(),
            1.0 / problem.model.sigma, *field.arrays, work,
        )  # fmt: skip
        u = np.linspace(-1.0, 1.0, 9)
        means, scales = (mean + half_mean * u).repeat(9), np.tile(s + half_s * u, 9)
        values = field.negative_elbo(np.repeat(x[None], 81, 0), means, scales) - constant
        worst = max(worst, bound - float(values.min()))
    return max(worst - 1e-9, 0.0)


def _bend(function: Callable[..., Any]) -> float:
    """The bound by its parts: value, both slopes, and the curvature of a cost seen by a wider q."""
    problem = PROBLEMS["wave"]
    field, x, work = problem.mean_field, np.array([0.4]), gaussian_expectation.workspace(1)
    constant = 0.5 * math.log(2.0 * math.pi * 0.01)
    found = function(x, 0.6, 0.3, 0.01, 0.02, 3.0, 1.0 / problem.model.sigma, *field.arrays, work)
    value, by_mean, by_log_scale = field.derivatives(x[None], 0.6, 0.3)[0, :3]
    _, square = field.expectations(x[None], 0.6, 0.45)
    bend = 3.0 * 0.5 * square[0, 0] / 0.01 / 0.09
    expected = (
        value - constant - abs(by_mean) / 0.3 * 0.01 - abs(by_log_scale) / 0.3 * 0.02
        - 0.5 * bend * (0.01**2 + 0.02**2)
    )  # fmt: skip
    return max(off(found, expected) - 1e-8, 0.0)


class _Coarser:
    """numpy with a tenth of the points on a long axis: the maximum is the same to 1e-4."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def linspace(start: float, stop: float, count: int) -> Any:
        return np.linspace(start, stop, count if count < 1000 else count // 10)


def _curvature(function: Callable[..., Any]) -> float:
    """Q k(t)/s² stays below A N(μ₀, (1.5 s₀)²)/s₀² at latents and q of a box drawn at random."""
    rng = np.random.default_rng(7)
    u, a, b = (
        rng.uniform(-6, 6, 20_000),
        rng.uniform(-0.25, 0.25, 20_000),
        rng.uniform(0.75, 1.25, 20_000),
    )
    t = (u - a) / b
    # The smaller eigenvalue of the second derivatives of the density in (μ, s), over q/s².
    first, second, third = t**2 - 1.0, t**3 - 3.0 * t, t**4 - 5.0 * t**2 + 2.0
    smaller = 0.5 * (first + third) - np.sqrt(0.25 * (first - third) ** 2 + second**2)
    q = np.exp(-0.5 * t**2) / b
    wide = np.exp(-0.5 * (u / 1.5) ** 2) / 1.5
    largest = float((-smaller * q / b**2 / wide).max())
    found = rewired(function, np=_Coarser())()
    return max(shortfall(largest * 1.02, found), float(found > 1.2 * largest))


def _least_cost(function: Callable[..., Any]) -> float:
    """The cost of a panel from the nearest point of its ball."""
    centre, radius = np.array([[2.0], [0.5]]), np.array([0.6, 0.9])
    given: list[Any] = []

    def one(*arguments: Any) -> tuple[float, int]:
        given.append(arguments[8].copy())
        return 0.0, 0

    rewired(function, _certify=one)(
        np.zeros((1, 1)), np.zeros(1), 1e-6, 10, 1.0, np.array([2.0]), None, None,
        Balls(centre, radius, np.zeros(2)), np.empty(1), np.empty(1, dtype=np.int64),
    )  # fmt: skip
    return max(off(given[0][0], 0.5 * 3.4**2), off(given[0][1], 0.5 * 0.1**2) - 1e-12)


CERTIFICATE: Table = {
    "without the quadrature's error": (
        _lower_bound, certificate.certify_optimal_q, "QUADRATURE * (1.0 + np.abs(bound))", "0.0",
    ),
    "quadrature's error of size 1": (
        _lower_bound, certificate.certify_optimal_q, "(1.0 + np.abs(bound))", "1.0",
    ),
    "curvature without its eigenvalue": (
        _curvature, certificate.curvature_constant.__wrapped__, "8.0 * (t**2 + 1.0)", "0.0 * t",
    ),
    "curvature of the box's centre": (
        _curvature, certificate.curvature_constant.__wrapped__,
        "np.linspace(1.0 - BOX, 1.0 + BOX, 21)", "[1.0]",
    ),
    "curvature of the middle row": (
        _curvature, certificate.curvature_constant.__wrapped__, "np.linspace(0.0, BOX, 11)",
        "[0.0]",
    ),
    "strip with all of q": (
        _seen, boxes.least_seen, "_WITHIN_THREE * cost", "cost",
    ),
    "strip without the least scale": (
        _prior, boxes.least_prior, "0.5 * low * low", "0.5 * high * high",
    ),
    "box without its slope in μ": (
        _box, boxes._box_bound, "- abs(slope_mean) * half_mean", "",
    ),
    "box without its slope in s": (
        _box, boxes._box_bound, "- abs(slope_scale) * half_scale", "",
    ),
    "box without its curvature": (
        _bend, boxes._box_bound, "- 0.5 * bend * (", "- 0.0 * bend * (",
    ),
    "curvature of a narrower cost": (
        _bend, boxes._box_bound, "WIDER * scale", "scale",
    ),
    "curvature in μ only": (
        _bend, boxes._box_bound, "half_mean * half_mean + half_scale * half_scale",
        "half_mean * half_mean",
    ),
    "cost at the ball's centre": (
        _least_cost, boxes.certify_batch, "- radius[j]", "",
    ),
}  # fmt: skip
