"""Radii of σ² refitted by Theorem 2 (theorems/_theorem2.py, _noise_optimum.py)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, getter, off, rewired, shortfall
from theorycheck.estimate import Estimate, Verdict
from theorycheck.inference import MeanField
from theorycheck.models._loading import load_model
from theorycheck.quadrature._data_nodes import DataSample
from theorycheck.theorems import _noise_optimum as noise_optimum
from theorycheck.theorems import _theorem2 as theorem2
from theorycheck.theorems._noise_optimum import NoiseAtOptimum, mean_of

#: Two data dimensions of unequal σ², x ~ N(0, A) with A = a aᵀ + Σ.
VARIANCE = np.array([0.25, 1.0])

LINE = load_model("expr:[z, 0.5*z]", noise_variance=[0.25, 1.0])


def _refit(function: Callable[..., Any]) -> float:
    """The exact posterior's refit at two unequal σ²: each 1e-9 of its own, and holds it."""
    found = function(MeanField(LINE))
    worst = shortfall(
        [abs(e.value - v) for e, v in zip(found, VARIANCE, strict=True)], [e.error for e in found]
    )
    # The mass that the grid itself misses, and rounding, are small beside the nodes left out.
    return max(worst, off([e.error for e in found], 1e-9 * VARIANCE) - 2e-2)


def _refit_of_draws(function: Callable[..., Any]) -> float:
    """D > 2: five standard errors, each of its own dimension."""
    draws = DataSample(np.zeros((4, 8, 3)))
    rows = np.random.default_rng(2).normal(size=(32, 3)) * np.array([1.0, 10.0, 100.0])
    model = SimpleNamespace(
        model=load_model("expr:[z, 0*z, 0*z]", noise_variance=0.5), unresolved_mass=0.0,
        latent_nodes=1, draws=lambda **_: draws, posterior_squares=lambda _: rows,
    )  # fmt: skip
    found = function(model)
    means = rows.reshape(4, 8, 3).mean(axis=1)
    return off([e.error for e in found], 5.0 * means.std(axis=0, ddof=1) / 2.0)


def _refit_unresolved(function: Callable[..., Any]) -> float:
    panels = SimpleNamespace(model=LINE, unresolved_mass=0.1)
    return off([e.error for e in function(panels)], [np.inf, np.inf])


def _bias(function: Callable[..., Any]) -> float:
    """The bias has the refit's radius, which is infinite where f is not resolved."""
    worst = 0.0
    for resolved, radii in ((True, [0.03, 0.01]), (False, [np.inf, np.inf])):
        result = SimpleNamespace(
            resolved=resolved, residual_variance=(Estimate(0.3, 0.03), Estimate(1.0, 0.01))
        )
        found = rewired(
            function, _exact_posterior_refit=lambda _: ()
        )(LINE, decomposition=result)  # fmt: skip
        worst = max(worst, off([e.error for e in found.bias], radii))
        worst = max(worst, off([e.error for e in found.refit_at_ground_truth], radii))
    return worst


def _bias_verdict(function: Callable[..., Any]) -> float:
    cases = [
        ((Estimate(0.02, 0.03), Estimate(-0.01, 0.02)), Verdict.INCONCLUSIVE),
        ((Estimate(0.02, 0.03), Estimate(-0.03, 0.02)), Verdict.HOLDS),
        ((Estimate(0.0, 1e-6), Estimate(0.0, np.inf)), Verdict.INCONCLUSIVE),
    ]  # fmt: skip
    return float(sum(function(bias, (0.25, 1.0)) is not v for bias, v in cases))


def _mean_radius(function: Callable[..., Any]) -> float:
    return off(function((Estimate(1.0, 0.2), Estimate(2.0, 0.6))).error, 0.4)


def _fixed_point(function: Callable[..., Any]) -> float:
    """Twice one more step and its radius, over 1 − ρ; of the mean where σ² is shared."""
    worst = 0.0
    refit = (Estimate(0.30, 0.01), Estimate(0.9, 0.02))
    for fit, expected in (
        ("each", [2.0 * (0.05 + 0.01) / 0.6, 2.0 * (0.1 + 0.02) / 0.6]),
        ("shared", [2.0 * (0.35 + 0.015) / 0.6, 2.0 * (0.4 + 0.015) / 0.6]),
    ):
        found = SimpleNamespace(model=LINE, fit_noise=fit)
        one = NoiseAtOptimum(found, refit, 0.4)  # type: ignore[arg-type]
        worst = max(worst, off([e.error for e in function(one)], expected))
    return worst


def _contraction_used(function: Callable[..., Any]) -> float:
    """A fit that moves slowly has a contraction; σ² that was held has none. Radii are refined."""
    refined = (Estimate(0.25, 1e-9), Estimate(1.0, 1e-9))
    worst = 0.0
    for fit, rho in (("shared", 0.5), ("no", 0.0)):
        found = SimpleNamespace(
            fit_noise=fit, model=LINE, data=LINE, pmo=Estimate(0.1, 0.01),
            decomposition=SimpleNamespace(
                residual_variance=(Estimate(0.25, 1e-9), Estimate(1.0, 0.1))
            ),
        )  # fmt: skip
        at = rewired(
            function, noise_contraction=lambda _: 0.5,
            decompose=lambda *_, **__: SimpleNamespace(residual_variance=refined),
        )(found)  # fmt: skip
        worst = max(worst, abs(at.contraction - rho), off([e.error for e in at.refit], [1e-9] * 2))
    return worst


_REFIT = theorem2._exact_posterior_refit


NOISE: Table = {
    "refit: σ² of another dimension in the radius": (
        _refit, _REFIT, "variance, strict=True", "variance[::-1], strict=True",
    ),
    "refit: nothing left out": (_refit, _REFIT, "unseen=_LARGEST * float(v)", "unseen=0.0"),
    "refit: grid taken for rough": (_refit, _REFIT, ", smooth=True", ""),
    "refit: radius of draws of another dimension": (
        _refit_of_draws, _REFIT, "rule.average(squares,",
        "rule.average(model.posterior_squares(rule.x)[:, 0],",
    ),
    "refit: unresolved f without radius": (
        _refit_unresolved, _REFIT, "Estimate(float(v), np.inf)", "Estimate(float(v), 0.0)",
    ),
    "bias: radius of 0": (
        _bias, theorem2.check_theorem2, "value=r.value - t", "value=r.value - t, error=0.0",
    ),
    "bias: unresolved f without radius": (
        _bias, theorem2.check_theorem2, "replace(r, error=np.inf)", "r",
    ),
    "bias: judged by its value": (
        _bias_verdict, theorem2._verdict, "abs(b.value), b.error", "abs(b.value), 0.0",
    ),
    "mean over dimensions: a sum of values only": (
        _mean_radius, mean_of, "sum(e.error for e in estimates) / count", "0.0",
    ),
    "mean over dimensions: of the first": (
        _mean_radius, mean_of, "sum(e.error for e in estimates) / count", "estimates[0].error",
    ),
    "fixed point of σ²: once the step": (
        _fixed_point, getter(NoiseAtOptimum, "noise_variance"), "_SAFETY *", "",
    ),
    "fixed point of σ²: without the step": (
        _fixed_point, getter(NoiseAtOptimum, "noise_variance"), "abs(e.value - float(v)) +", "",
    ),
    "fixed point of σ²: without the refit's radius": (
        _fixed_point, getter(NoiseAtOptimum, "noise_variance"), "+ e.error)", ")",
    ),
    "fixed point of σ²: without the contraction": (
        _fixed_point, getter(NoiseAtOptimum, "noise_variance"), "/ (1.0 - self.contraction)", "",
    ),
    "fixed point of σ²: each dimension's own where it is shared": (
        _fixed_point, getter(NoiseAtOptimum, "noise_variance"),
        "(self.shared,) * len(self.refit)", "self.refit",
    ),
    "fit of σ²: no contraction": (
        _contraction_used, noise_optimum.noise_at, "else noise_contraction(found)", "else 0.0",
    ),
    "fit of σ²: radii not refined": (
        _contraction_used, noise_optimum.noise_at, "if any(not e.error", "if all(not e.error",
    ),
}  # fmt: skip
