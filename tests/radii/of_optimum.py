"""Radii at the optimum, and of the fit that leads there (optimum/)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import PLANE
from tests.radii.table import Table, getter, off, rewired
from theorycheck.estimate import Estimate
from theorycheck.optimum import _coordinate_ascent as coordinate_ascent
from theorycheck.optimum._coordinate_ascent import Ascent
from theorycheck.optimum._nodes import DataNodes
from theorycheck.optimum._result import PredictedOptimum
from theorycheck.theorems import _em_rate as noise_contraction


class _OneStep:
    """In the place of `_Step`: two cells, of aggregate 0.25 and 0.75, that move by given steps."""

    def __init__(self, *_: Any) -> None:
        self.evaluations = 1

    def resolved(self, noise: Any) -> Any:
        return noise

    def feasible(self, f: Any, _: Any) -> Any:
        return f

    def evaluate(self, f: Any, noise: Any, _: Any) -> Any:
        responsibilities = SimpleNamespace(
            aggregate=np.array([0.25, 0.75]), minima=None, gap=math.inf
        )
        return SimpleNamespace(
            f=f, noise_variance=noise, negative_elbo=1.0, responsibilities=responsibilities
        )

    def certified(self, point: Any) -> Any:
        point.responsibilities.gap = 0.03
        return point

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
    return off([found.displacement, found.gradient_norm, found.q_gap], [*expected, 0.03])


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
        function, ascend=ascend, make_e_step=lambda *_: None, data_nodes=lambda *_, **__: None
    )(found)  # fmt: skip
    return max(abs(share - 0.3) - 1e-9, 0.0, abs(f_seen[1] - 1.0))


def _j_of_the_optimum(function: Callable[..., Any]) -> float:
    parts = SimpleNamespace(excess=Estimate(0.2, 0.01))
    own = SimpleNamespace(excess=Estimate(0.1, 0.003), decomposition=parts)
    return off(function(SimpleNamespace(evaluation=own, decomposition=parts)).error, 0.003)


_ASCEND = coordinate_ascent.ascend


OPTIMUM: Table = {
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
    "ascent: what q* was not found is not looked for": (
        _displaced, _ASCEND, "if not math.isfinite(current.responsibilities.gap):", "if False:",
    ),
    "ascent: gain without its half": (_ascent_gain, getter(Ascent, "m_step_gain"), "0.5 *", ""),
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
        _j_of_the_optimum, getter(PredictedOptimum, "excess"), "self.evaluation.excess",
        "self.decomposition.excess",
    ),
}  # fmt: skip
