"""Radii of the PMO and of residuals (objectives/_averages.py)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import PLANE, density, five_standard_errors
from tests.radii.table import Table, off, rewired
from theorycheck.estimate import Kind
from theorycheck.inference import BestQ
from theorycheck.objectives import _averages as averages
from theorycheck.objectives._averages import PartOfData, PosteriorAverages
from theorycheck.quadrature._data_nodes import DataSample


def _on_boxes(function: Callable[..., Any], part: float | None = None) -> float:
    """From box errors, masses and errors of log p that are given; two boxes, two nodes each."""
    data = SimpleNamespace(
        model=PLANE, missing_mass=3e-5, log_density=lambda _: made,
        best_q=lambda x, **_: BestQ(elbo, gap, np.zeros_like(x), np.ones_like(x), no_hint),
    )  # fmt: skip
    no_hint = np.empty((0, 0, 2))
    log_p = np.log([0.1, 0.2, 0.3, 0.4])
    relative = np.array([1e-4, 2e-4, 3e-4, 4e-4])
    gap = np.array([0.02, 0.01, 0.03, 0.05])
    # KL falls 2e-3 short of 0 at one node: so large is rounding.
    elbo = -log_p + np.array([0.1, -2e-3, 0.3, 0.4])
    weight = np.array([[0.5, 0.7], [1.0, 1.2]])
    total = np.array([0.07, 0.006, 0.008, 0.0, 0.0, 0.0])
    jumping: list[Any] = []

    def integrate(integrand: Any, *_: Any, jumps: Any, **__: Any) -> Any:
        jumping.append(jumps)
        nodes = SimpleNamespace(x=np.zeros((2, 2, 2)), weight=weight, hint=None, generation=0)
        values, _hint = integrand(nodes)
        return SimpleNamespace(
            values=values, weight=weight, value=np.ones(6), error=total,
            nodes=nodes.x, converged=True,
        )  # fmt: skip

    made = density(log_p, relative)
    made.posterior_mean_f = np.zeros((4, 2))
    of_part = log_p + np.log([0.2, 0.4, 0.1, 0.3])
    given = None if part is None else PartOfData(lambda _: of_part, part)
    found = rewired(
        function, integrate_boxes=integrate, _first_boxes=lambda *_: (None, None)
    )(data, data, SimpleNamespace(), tolerance=1.0, part=given)  # fmt: skip
    p, whole = np.exp(log_p if part is None else of_part), 1.0 if part is None else 0.3
    unseen = (abs(whole - weight.ravel() @ p) + 3e-5) * 100.0
    known = relative * (1.0 + np.abs([0.1, -2e-3, 0.3, 0.4])) + gap
    evaluation = float(weight.ravel() @ (p * known)) + 2e-3 + 1e-13
    residual = (np.array([0.006, 0.008]) + unseen + evaluation) * np.array([0.25, 4.0])
    return max(
        off(found.pmo_error, 0.07 + unseen + evaluation), off(found.residual_error, residual),
        off(found.missing_mass, abs(whole - weight.ravel() @ p)),
        # KL has kinks only, the residuals jump with q*.
        off(jumping[0], [0, 1, 1, 0, 0, 0]),
    )  # fmt: skip


def _of_a_part(function: Callable[..., Any]) -> float:
    """A part of mass 0.3: only what it contributes to p(x) counts."""
    return _on_boxes(function, 0.3)


def _on_draws(function: Callable[..., Any]) -> float:
    """Five standard errors, each dimension's own, and what log p is known to on average."""
    rng = np.random.default_rng(6)
    draws = DataSample(rng.normal(size=(4, 8, 2)))
    squares = rng.uniform(size=(32, 2)) * np.array([1.0, 30.0])
    log_p, relative = rng.normal(size=32), rng.uniform(0.0, 0.1, size=32)
    gap = rng.uniform(0.0, 0.2, size=32)
    elbo = rng.uniform(2.0, 3.0, size=32)
    made = density(log_p, relative)
    model = SimpleNamespace(
        log_density=lambda _: made,
        best_q=lambda *_, **__: BestQ(elbo, gap, squares, squares, np.empty((0, 0, 2))),
    )
    found = function(model, draws)
    expected = [five_standard_errors(v) for v in (elbo + log_p, squares[:, 0], squares[:, 1])]
    return max(
        off(found.pmo_error, expected[0] + relative.mean() + gap.mean()),
        off(found.residual_error, expected[1:]), float(not found.sampled),
    )  # fmt: skip


def _average(scale: float, **change: Any) -> PosteriorAverages:
    given = {
        "pmo": 0.3, "pmo_error": 0.01 * scale, "residual": np.array([0.2, 5.0]),
        "residual_error": np.array([0.02, 0.5]) * scale, "mass": np.array([0.5, 0.4]) * scale,
        "kl": np.array([0.1, 0.6]) + scale, "spread": np.array([0.03, 0.04]) * scale,
        "x": np.zeros((2, 2)), "missing_mass": 0.004 * scale, "sampled": False, "converged": True,
    }  # fmt: skip
    return PosteriorAverages(**{**given, **change})


def _parts(function: Callable[..., Any]) -> float:
    """Two parts of p(x): radii and missing masses add up, and one sample makes both statistical."""
    worst = 0.0
    for sampled in ((False, True), (True, False)):
        one, other = (_average(s, sampled=b) for s, b in zip((1.0, 0.1), sampled, strict=True))
        found = function(one, other)
        worst = max(
            worst, off(found.pmo_error, 0.011), off(found.residual_error, [0.022, 0.55]),
            off(found.missing_mass, 0.0044), off(found.mass, [0.5, 0.4, 0.05, 0.04]),
            off(found.kl, [1.1, 1.6, 0.2, 0.7]), off(found.spread, [0.03, 0.04, 0.003, 0.004]),
            float(found.kind is not Kind.STATISTICAL),
        )  # fmt: skip
    return worst


def _parts_not_converged(function: Callable[..., Any]) -> float:
    done, not_done = _average(1.0), _average(1.0, converged=False)
    return float(function(done, not_done).converged or function(not_done, done).converged)


def _share(function: Callable[..., Any]) -> float:
    """A quarter of the whole has a quarter of each radius; what KL is at a node stays."""
    found = function(_average(1.0), 0.25)
    return max(
        off(found.pmo_error, 0.0025), off(found.residual_error, [0.005, 0.125]),
        off(found.missing_mass, 0.001), off(found.mass, [0.125, 0.1]),
        off(found.spread, [0.03, 0.04]), off([found.pmo, *found.residual], [0.075, 0.05, 1.25]),
    )  # fmt: skip


_BOXES, _SAMPLE = averages.averages_on_boxes, averages.averages_on_sample
_PLUS, _SCALED = PosteriorAverages.plus, PosteriorAverages.scaled


AVERAGES: Table = {
    "PMO: without the boxes": (_on_boxes, _BOXES, "float(result.error[0]) +", ""),
    "PMO: without what is not seen": (
        _on_boxes, _BOXES, "float(result.error[0]) + unseen", "float(result.error[0])",
    ),
    "PMO: without the evaluation": (_on_boxes, _BOXES, "+ unseen + evaluation,", "+ unseen,"),
    "PMO: one nat where nothing is seen": (_on_boxes, _BOXES, ") * LARGEST_KL", ")"),
    "PMO: without what the panels miss": (
        _on_boxes, _BOXES, "missing + data.missing_mass", "missing",
    ),
    "PMO: without the mass that lacks": (
        _on_boxes, _BOXES, "(missing + data.missing_mass)", "(data.missing_mass)",
    ),
    "PMO: without the error of log p": (
        _on_boxes, _BOXES, "p_f.relative_error + np.abs(kl)", "np.abs(kl)",
    ),
    "PMO: error of log p without its mass": (
        _on_boxes, _BOXES, "seen * off", "off",
    ),
    "PMO: without the error of the weights p": (
        _on_boxes, _BOXES, "+ np.abs(kl) * p.relative_error", "",
    ),
    "PMO: without what lies below zero": (
        _on_boxes, _BOXES, "-float(np.min(kl[density > 1e-12], initial=0.0))", "0.0",
    ),
    "PMO: without the gap of q*": (
        _on_boxes, _BOXES, "resolution[2] +=", "resolution[2] += 0.0 *",
    ),
    "PMO: gap of q* without its mass": (
        _on_boxes, _BOXES, "seen * np.minimum(best.gap, LARGEST_KL)",
        "np.minimum(best.gap, LARGEST_KL)",
    ),
    "PMO: gap of q* at the last node": (
        _on_boxes, _BOXES,
        "resolution[2] += float(np.sum(seen * np.minimum(best.gap, LARGEST_KL)))",
        "resolution[2] = float(seen[-1] * best.gap[-1])",
    ),
    "PMO of a part: the mass of the whole": (
        _of_a_part, _BOXES, "1.0 if part is None else part.mass", "1.0",
    ),
    "PMO of a part: the density of the whole": (
        _of_a_part, _BOXES, "p.value if part is None else part.log_density(x)", "p.value",
    ),
    "PMO: the largest of three evaluations": (
        _on_boxes, _BOXES, "float(resolution.sum())", "float(resolution.max())",
    ),
    "residual: with the σ² of another dimension": (
        _on_boxes, _BOXES, "+ unseen + evaluation) * variance",
        "+ unseen + evaluation) * variance[::-1]",
    ),
    "residual: with the σ² of the first dimension": (
        _on_boxes, _BOXES, "+ unseen + evaluation) * variance",
        "+ unseen + evaluation) * variance[0]",
    ),
    "residual: without the boxes": (
        _on_boxes, _BOXES, "result.error[1 : dim + 1] +", "",
    ),
    "residual: no jumps": (_on_boxes, _BOXES, "*[True] * dim", "*[False] * dim"),
    "PMO: jumps": (_on_boxes, _BOXES, "np.array([False, *[True]", "np.array([True, *[True]"),
    "residual: boxes of the PMO": (
        _on_boxes, _BOXES, "result.error[1 : dim + 1]", "result.error[:dim]",
    ),
    "partition: no mass missing": (_on_boxes, _BOXES, "missing_mass=missing", "missing_mass=0.0"),
    "PMO of draws: without its standard error": (
        _on_draws, _SAMPLE, "pmo_error=pmo_error\n        +", "pmo_error=",
    ),
    "PMO of draws: without the error of log p": (
        _on_draws, _SAMPLE, "float(np.mean(np.minimum(p_f.relative_error, 1e300)))", "0.0",
    ),
    "PMO of draws: without the gap of q*": (
        _on_draws, _SAMPLE, "float(np.mean(np.minimum(best.gap, LARGEST_KL)))", "0.0",
    ),
    "PMO of draws: gap of q* at its least": (
        _on_draws, _SAMPLE, "np.mean(np.minimum(best.gap, LARGEST_KL))",
        "np.min(np.minimum(best.gap, LARGEST_KL))",
    ),
    "residual of draws: of the first dimension": (
        _on_draws, _SAMPLE, "squares[:, d].reshape", "squares[:, 0].reshape",
    ),
    "residual of draws: without its standard error": (
        _on_draws, _SAMPLE, "np.array([error for _, error in residuals])", "np.zeros(dim)",
    ),
    "parts: PMO of the first": (
        _parts, _PLUS, "self.pmo_error + other.pmo_error", "self.pmo_error",
    ),
    "parts: PMO of the second": (
        _parts, _PLUS, "self.pmo_error + other.pmo_error", "other.pmo_error",
    ),
    "parts: PMO of the larger": (
        _parts, _PLUS, "self.pmo_error + other.pmo_error", "max(self.pmo_error, other.pmo_error)",
    ),
    "parts: residual of the first": (
        _parts, _PLUS, "self.residual_error + other.residual_error", "self.residual_error",
    ),
    "parts: residual of the second": (
        _parts, _PLUS, "self.residual_error + other.residual_error", "other.residual_error",
    ),
    "parts: residuals of other dimensions": (
        _parts, _PLUS, "+ other.residual_error", "+ other.residual_error[::-1]",
    ),
    "parts: what the first misses": (
        _parts, _PLUS, "self.missing_mass + other.missing_mass", "self.missing_mass",
    ),
    "parts: what the second misses": (
        _parts, _PLUS, "self.missing_mass + other.missing_mass", "other.missing_mass",
    ),
    "parts: spread of the first": (
        _parts, _PLUS, "[self.spread, other.spread]", "[self.spread, 0.0 * other.spread]",
    ),
    "parts: statistical where the first is": (
        _parts, _PLUS, "self.sampled or other.sampled", "self.sampled",
    ),
    "parts: statistical where both are": (
        _parts, _PLUS, "self.sampled or other.sampled", "self.sampled and other.sampled",
    ),
    "parts: converged where one is": (
        _parts_not_converged, _PLUS, "self.converged and other.converged",
        "self.converged or other.converged",
    ),
    "share: PMO's radius of the whole": (
        _share, _SCALED, "mass * self.pmo_error", "self.pmo_error",
    ),
    "share: without the PMO's radius": (_share, _SCALED, "mass * self.pmo_error", "0.0"),
    "share: residuals' radii of the whole": (
        _share, _SCALED, "mass * self.residual_error", "self.residual_error",
    ),
    "share: misses nothing": (_share, _SCALED, "mass * self.missing_mass", "0.0"),
    "share: nodes of the whole": (_share, _SCALED, "mass=mass * self.mass", "mass=self.mass"),
}  # fmt: skip
