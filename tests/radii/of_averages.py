"""Radii of the PMO and of residuals (objectives/averages.py)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import PLANE, density, five_standard_errors, with_missing
from tests.radii.table import Table, off, rewired
from theorycheck.objectives import averages
from theorycheck.quadrature.data_nodes import DataSample


def _on_boxes(function: Callable[..., Any]) -> float:
    """From box errors, masses and errors of log p that are given; two boxes, two nodes each."""
    data = with_missing(PLANE, 3e-5)
    field = SimpleNamespace(
        panels=data, model=PLANE,
        optimal_q=lambda x, **_: SimpleNamespace(
            mean=0.0, scale=1.0, negative_elbo=elbo, minima=np.full((len(x), 8, 3), np.nan)
        ),
        expectations=lambda x, *_: (np.zeros_like(x), np.ones_like(x)),
    )  # fmt: skip
    log_p = np.log([0.1, 0.2, 0.3, 0.4])
    relative = np.array([1e-4, 2e-4, 3e-4, 4e-4])
    # KL falls 2e-3 short of 0 at one node: so large is rounding.
    elbo = -log_p + np.array([0.1, -2e-3, 0.3, 0.4])
    weight = np.array([[0.5, 0.7], [1.0, 1.2]])
    box_error = np.array([
        [0.01, 0.002, 0.003, 0.0, 0.0, 0.0], [0.02, 0.004, 0.005, 0.0, 0.0, 0.0],
    ])  # fmt: skip
    total = np.array([0.07, 0.5, 0.6, 0.0, 0.0, 0.0])

    def integrate(integrand: Any, *_: Any, **__: Any) -> Any:
        nodes = SimpleNamespace(x=np.zeros((2, 2, 2)), weight=weight, hint=None, generation=0)
        values, _hint = integrand(nodes)
        return SimpleNamespace(
            values=values, weight=weight, value=np.ones(6), error=total, box_error=box_error,
            nodes=nodes.x, converged=True,
        )  # fmt: skip

    made = density(log_p, relative)
    made.posterior_mean_f = np.zeros((4, 2))
    found = rewired(
        function, log_density=lambda *_: made, integrate_boxes=integrate,
        _first_boxes=lambda *_: (None, None), distinct_candidates_batch=lambda *_: None,
    )(field, data, SimpleNamespace(), tolerance=1.0)  # fmt: skip
    p = np.exp(log_p)
    unseen = (abs(1.0 - weight.ravel() @ p) + 3e-5) * 100.0
    evaluation = float(weight.ravel() @ (p * relative)) + 2e-3 + 1e-13
    residual = (np.array([0.006, 0.008]) + unseen + evaluation) * np.array([0.25, 4.0])
    return max(
        off(found.pmo_error, 0.07 + unseen + evaluation), off(found.residual_error, residual),
        off(found.missing_mass, abs(1.0 - weight.ravel() @ p)),
    )  # fmt: skip


def _on_draws(function: Callable[..., Any]) -> float:
    """Five standard errors, each dimension's own, and what log p is known to on average."""
    rng = np.random.default_rng(6)
    draws = DataSample(rng.normal(size=(4, 8, 2)))
    squares = rng.uniform(size=(32, 2)) * np.array([1.0, 30.0])
    log_p, relative = rng.normal(size=32), rng.uniform(0.0, 0.1, size=32)
    elbo = rng.uniform(2.0, 3.0, size=32)
    field = SimpleNamespace(
        panels=None,
        optimal_q=lambda _: SimpleNamespace(mean=0.0, scale=1.0, negative_elbo=elbo),
        expectations=lambda *_: (None, squares),
    )  # fmt: skip
    made = density(log_p, relative)
    found = rewired(function, log_density=lambda *_: made)(field, draws)
    expected = [five_standard_errors(v) for v in (elbo + log_p, squares[:, 0], squares[:, 1])]
    return max(
        off(found.pmo_error, expected[0] + relative.mean()),
        off(found.residual_error, expected[1:]), float(not found.sampled),
    )  # fmt: skip


_BOXES, _SAMPLE = averages.averages_on_boxes, averages.averages_on_sample


AVERAGES: Table = {
    "PMO: without the boxes": (_on_boxes, _BOXES, "float(result.error[0]) +", ""),
    "PMO: without what is not seen": (
        _on_boxes, _BOXES, "float(result.error[0]) + unseen", "float(result.error[0])",
    ),
    "PMO: without the evaluation": (_on_boxes, _BOXES, "+ unseen + evaluation,", "+ unseen,"),
    "PMO: one nat where nothing is seen": (_on_boxes, _BOXES, ") * _LARGEST_KL", ")"),
    "PMO: without what the panels miss": (
        _on_boxes, _BOXES, "missing + data.missing_mass", "missing",
    ),
    "PMO: without the mass that lacks": (
        _on_boxes, _BOXES, "(missing + data.missing_mass)", "(data.missing_mass)",
    ),
    "PMO: without the error of log p": (
        _on_boxes, _BOXES, "float(np.sum(seen * p_f.relative_error))", "0.0",
    ),
    "PMO: error of log p without its mass": (
        _on_boxes, _BOXES, "seen * p_f.relative_error", "p_f.relative_error",
    ),
    "PMO: without what lies below zero": (
        _on_boxes, _BOXES, "-float(np.min(kl[density > 1e-12], initial=0.0))", "0.0",
    ),
    "PMO: the larger of two evaluations": (
        _on_boxes, _BOXES, "float(resolution.sum())", "float(resolution.max())",
    ),
    "residual: with the σ² of another dimension": (
        _on_boxes, _BOXES, "+ unseen + evaluation)\n        * variance",
        "+ unseen + evaluation)\n        * variance[::-1]",
    ),
    "residual: with the σ² of the first dimension": (
        _on_boxes, _BOXES, "+ unseen + evaluation)\n        * variance",
        "+ unseen + evaluation)\n        * variance[0]",
    ),
    "residual: without the boxes": (
        _on_boxes, _BOXES, "result.box_error[:, 1 : dim + 1].sum(axis=0)", "0.0",
    ),
    "residual: boxes that cancel": (
        _on_boxes, _BOXES, "result.box_error[:, 1 : dim + 1].sum(axis=0)",
        "result.error[1 : dim + 1]",
    ),
    "residual: boxes of the PMO": (
        _on_boxes, _BOXES, "result.box_error[:, 1 : dim + 1]", "result.box_error[:, :dim]",
    ),
    "partition: no mass missing": (_on_boxes, _BOXES, "missing_mass=missing", "missing_mass=0.0"),
    "PMO of draws: without its standard error": (
        _on_draws, _SAMPLE, "pmo_error=pmo_error +", "pmo_error=",
    ),
    "PMO of draws: without the error of log p": (
        _on_draws, _SAMPLE, "float(np.mean(np.minimum(p_f.relative_error, 1e300)))", "0.0",
    ),
    "residual of draws: of the first dimension": (
        _on_draws, _SAMPLE, "squares[:, d].reshape", "squares[:, 0].reshape",
    ),
    "residual of draws: without its standard error": (
        _on_draws, _SAMPLE, "np.array([error for _, error in residuals])", "np.zeros(dim)",
    ),
}  # fmt: skip
