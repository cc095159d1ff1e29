"""Radii of log p(x) and of the posterior at single x (inference/_marginal.py, _posterior.py)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.problems import PROBLEMS
from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.inference import _marginal as marginal
from theorycheck.inference import _posterior as posterior
from theorycheck.models._loading import load_model
from theorycheck.quadrature import _latent_panels as latent_panels
from theorycheck.quadrature.kernels import _log_density as log_density

EPS = float(np.finfo(float).eps)


@cache
def _coarse(text: str, variance: float, most: int) -> Any:
    """Panels too few for f: what a budget leaves."""
    model = load_model(f"expr:{text}", noise_variance=variance)
    return latent_panels.latent_panels(model, reach=6.0, max_panels=most)


def _evaluate(function: Callable[..., Any], panels: Any, x: Any) -> tuple[Any, Any]:
    """Call the kernel for up to LANES x (n, D); log p without its constant, relative error."""
    count, dim = x.shape
    lanes = x[np.minimum(np.arange(log_density.LANES), count - 1)].T.copy()
    value, error = np.empty(log_density.LANES), np.empty(log_density.LANES)
    function(
        lanes, 1.0 / panels.model.sigma, panels.log_weight, panels.f, panels.defect, panels.balls,
        panels.blocks, value, error, np.empty((dim, log_density.LANES)),
    )  # fmt: skip
    return value[:count], error[:count]


def _coarse_rule(function: Callable[..., Any]) -> float:
    """A line on panels of 15σ: the rule errs by up to a tenth of p(x), which is known."""
    panels = _coarse("15*z", 1.0, 12)
    x = np.linspace(-20.0, 20.0, 9)[:, None]
    value, error = _evaluate(function, panels, x)
    exact = -0.5 * x[:, 0] ** 2 / 226.0 - 0.5 * math.log(226.0)
    true = np.abs(np.expm1(value - exact))
    assert true.max() > 1e-7
    return shortfall(true, error + 1e-15)


def _what_panels_miss(function: Callable[..., Any]) -> float:
    """A defect of a panel enters its part times the distance from x to the end of its ball."""
    fine = PROBLEMS["linear_plane"].panels
    model = fine.model
    defect = 1e-3 * np.random.default_rng(2).uniform(size=fine.size)
    _, x = model.sample(4, 5)
    value, error = _evaluate(function, dataclasses.replace(fine, defect=defect), x)
    _, without = _evaluate(function, dataclasses.replace(fine, defect=0.0 * defect), x)
    worst = 0.0
    for k, point in enumerate(x):
        scaled = (point[:, None] - fine.f) / model.sigma[:, None]
        share = np.exp(fine.log_weight - 0.5 * (scaled**2).sum(axis=0) - value[k])
        share = share.reshape(fine.size, -1).sum(axis=1)
        far = np.linalg.norm((point - fine.centre) / model.sigma, axis=1) + fine.radius
        worst = max(worst, off(error[k] - without[k], share @ (defect * far)))
    return max(worst - 1e-8, 0.0)


def _rounding(function: Callable[..., Any]) -> float:
    """Of the sum, of the exponent twice, and of x/σ: where f is resolved nothing else is left."""
    panels = PROBLEMS["linear_narrow"].panels
    panels = dataclasses.replace(panels, defect=0.0 * panels.defect)
    worst = 0.0
    for x in (0.5, 1.8, 3.9):
        value, error = _evaluate(function, panels, np.array([[x]]))
        exponent, size = abs(float(value[0])), x / 1e-2
        expected = 16.0 + 2.0 * exponent + (2.0 + math.sqrt(2.0 * exponent)) * size
        worst = max(worst, off(error[0], EPS * expected))
    return max(worst - 1e-3, 0.0)


def _on_panels(function: Callable[..., Any]) -> float:
    """The error of log p from that of p, with what lies beyond the panels."""
    fine = PROBLEMS["linear_wide"].panels
    x = np.array([[-1.0], [0.5]])
    density = np.exp(PROBLEMS["linear_wide"].log_density(x))
    worst = 0.0
    for mass in (0.02, 3.0):
        found = function(dataclasses.replace(fine, unresolved_mass=mass), x)
        share = mass / math.sqrt(2.0 * math.pi * 9.0) / density
        expected = np.where(share < 0.5, -np.log1p(-np.minimum(share, 0.5)), np.inf)
        worst = max(worst, off(found.relative_error, share), off(found.error, expected))
    return max(worst - 1e-9, 0.0)


def _tail(function: Callable[..., Any]) -> float:
    """Prior mass outside, at the peak of the noise; beyond the last reach, at f's edges."""
    panels = PROBLEMS["linear_plane"].panels
    x = np.array([[1.0, -1.3]])
    peak = 1.0 / (2.0 * math.pi * 0.1 * 0.5)
    mass = 2.0 * 1.776482112077679e-33
    worst = 0.0
    for extra in (0.0, 0.01):
        # p(x) taken for 1e-5.
        found = function(dataclasses.replace(panels, unresolved_mass=extra), x, np.log([1e-5]))
        worst = max(worst, off(found, (mass + extra) * peak / 1e-5))
    # f = z/2 − 1 ends at −19.5 and 17.5, σ is 3.
    last = latent_panels.latent_panels(PROBLEMS["linear_wide"].model, reach=37.0)
    for at, nearest in ((-4.0, 15.5 / 3.0), (2.0, 15.5 / 3.0), (17.5, 0.0)):
        found = function(last, np.array([[at]]), np.log([1e-300]))
        exponent = math.log(1.145114e-299) - 0.5 * math.log(2.0 * math.pi * 9.0)
        exponent -= math.log(1e-300) + 0.5 * nearest**2
        # f at the outermost nodes is not quite that at 37.
        worst = max(worst, float(abs(math.log(found[0]) - exponent) > 0.02))
    return worst


def _far_points(function: Callable[..., Any]) -> float:
    """Posteriors beyond the panels are followed outwards, with value and radii of those there."""
    problem = PROBLEMS["linear_wide"]
    # At x = 200 the posterior of z stands at 11 ± 1, on the edge of the panels.
    x = np.array([[0.0], [200.0]])
    found = function(problem.panels, x)
    exact = problem.log_density(x)
    assert np.abs(found.value - exact).max() < 1e-9
    return max(
        shortfall(np.abs(found.value - exact), found.error), float((found.error > 1e-9).any()),
        float((found.relative_error > 1e-9).any()),
    )  # fmt: skip


def _entropy(function: Callable[..., Any]) -> float:
    """From an evidence of given error, and a mass that is not one, by the posterior's own nodes."""
    panels, x = PROBLEMS["linear_wide"].panels, np.array([0.7])
    worst = 0.0
    for shift, error in ((0.0, 0.01), (0.02, 0.0)):
        value = PROBLEMS["linear_wide"].log_density(x[None]) + shift

        def density(*_: Any, v: Any = value, e: float = error) -> Any:
            return SimpleNamespace(value=v, error=np.array([e]))

        found = rewired(function, log_density=density)(panels, x)
        mass = found.weight * found.density
        about = float(mass[mass > 0] @ np.abs(np.log(found.density[mass > 0])))
        expected = (error + abs(mass.sum() - 1.0)) * (1.0 + about) + 1e-14
        # 2/3 of the whole is what the mean of |log p(z|x)| adds.
        worst = max(worst, off(found.entropy.error, expected), off(
            [found.log_density_x.error + 1.0], [error + 1.0]))  # fmt: skip
    return max(worst - 1e-9, 0.0)


_DENSITY = log_density._lanes


DENSITY: Table = {
    "log p: without the rule's own error": (
        _coarse_rule, _DENSITY, "4.0 * high * min(fall * fall, 1.0) +", "",
    ),
    "log p: rule's error that falls twice as fast": (
        _coarse_rule, _DENSITY, "min(fall * fall, 1.0)", "min(fall * fall * fall * fall, 1e-9)",
    ),
    "log p: without what the panels miss of f": (
        _what_panels_miss, _DENSITY, "+ part[k] * missed", "",
    ),
    "log p: what panels miss at their centre": (
        _what_panels_miss, _DENSITY, "(math.sqrt(e[k]) + radius[j])", "math.sqrt(e[k])",
    ),
    "log p: what panels miss at their ball's edge": (
        _what_panels_miss, _DENSITY, "(math.sqrt(e[k]) + radius[j])", "radius[j]",
    ),
    "log p: what panels miss, in data units": (
        _what_panels_miss, _DENSITY, "t = (xs[d, k] - centre[j, d]) * inverse_sigma[d]",
        "t = xs[d, k] - centre[j, d]",
    ),
    "log p: without rounding": (_rounding, _DENSITY, "+ _EPS * rounding", ""),
    "log p: rounding of the sum only": (
        _rounding, _DENSITY, "+ (2.0 + math.sqrt(2.0 * exponent)) * size", "",
    ),
    "log p: rounding without the exponent": (_rounding, _DENSITY, "+ 2.0 * exponent +", "+"),
    "log p: rounding of x without the residual": (
        _rounding, _DENSITY, "2.0 + math.sqrt(2.0 * exponent)", "2.0",
    ),
    "log p: without the tail": (
        _on_panels, marginal._on_panels, "relative += _tail_error(panels, points, value)", "pass",
    ),
    "log p: radius of p for that of log p": (
        _on_panels, marginal._on_panels, "-np.log1p(-np.minimum(relative, 0.5))", "relative",
    ),
    "log p: finite where p may be 0": (
        _on_panels, marginal._on_panels, "np.minimum(relative, 0.5)), np.inf)",
        "np.minimum(relative, 0.5)), relative)",
    ),
    "log p: tail without the noise's peak": (
        _tail, marginal._tail_error, "+ panels.peak_log_density", "",
    ),
    "log p: tail without p(x)": (_tail, marginal._tail_error, "- value", ""),
    "log p: tail at the peak beyond the last reach": (
        _tail, marginal._tail_error, "exponent -= 0.5 *", "exponent -= 0.0 *",
    ),
    "log p: tail at one edge": (
        _tail, marginal._tail_error, "panels.f[:, [0, -1]]", "panels.f[:, [-1, -1]]",
    ),
    "log p: tail at the other edge": (
        _tail, marginal._tail_error, "panels.f[:, [0, -1]]", "panels.f[:, [0, 0]]",
    ),
    "log p: far points without their own radius": (
        _far_points, marginal.log_density, "extended.error,", "result.error[far],",
    ),
    "log p: far points without their own relative error": (
        _far_points, marginal.log_density, "extended.relative_error,",
        "result.relative_error[far],",
    ),
    "posterior: without the evidence's error": (
        _entropy, posterior.posterior, "off = log_px_error +", "off =",
    ),
    "posterior: without the mass that lacks": (
        _entropy, posterior.posterior, "+ abs(float(mass.sum()) - 1.0)", "",
    ),
    "posterior: mass only": (
        _entropy, posterior.posterior, "+ float(mass @ np.abs(log_posterior))", "",
    ),
    "posterior: logarithm only": (
        _entropy, posterior.posterior, "(1.0 + float(mass", "(float(mass",
    ),
    "posterior: evidence without its error": (
        _entropy, posterior.posterior, "Estimate(log_px, log_px_error)", "Estimate(log_px, 0.0)",
    ),
}  # fmt: skip
