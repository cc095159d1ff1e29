"""Radii of models of several latents: the optimal q (_product_q.py), and the posterior."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired
from theorycheck.inference import _boxed_posterior as posterior
from theorycheck.inference import _mean_field_boxes as boxes
from theorycheck.inference import _product_q as product
from theorycheck.inference import _sobol_density as sobol
from theorycheck.inference._descent import Local


def _checked(function: Callable[..., Any]) -> float:
    """Two rules, a step to go along two curvatures, rounding; a scale at its floor is unknown."""
    gradient = np.array([[3e-3, 4e-3, 0.0, 0.0]] * 2)
    hessian = np.diag([0.5, -0.25, 1.0, 1.0])[None].repeat(2, axis=0)
    search = SimpleNamespace(
        local=lambda *_: Local(np.array([2.0, 2.0]), gradient, hessian),
        _rounding=lambda _: np.full(2, 1e-4),
    )
    points = np.array([[0.0, 0.0, -1.0, -1.0], [0.0, 0.0, -1.0, -16.0]])
    _, error = function(search, None, points, np.array([2.01, 2.0]), 16)
    gain = 0.5 * (9e-6 / 0.5 + 16e-6 / 0.25)
    return off(error, [0.01 + gain + 1e-4, math.inf])


def _rounding(function: Callable[..., Any]) -> float:
    found = function(None, np.array([-7.0]))
    return off(found, 64.0 * np.finfo(float).eps * 8.0)


def _assembled(function: Callable[..., Any]) -> float:
    """The gap is that of the lowest minimum of each x."""
    search = SimpleNamespace(model=SimpleNamespace(latent_dim=2), _constant=0.0)
    points = np.zeros((3, 4))
    found = product.Minima(
        np.array([0, 0, 1]), points, np.array([1.0, 1.5, 2.0]), np.array([1e-3, 5.0, 2e-3])
    )
    return off(function(search, 2, found).gap, [1e-3, 2e-3])


def _posterior(function: Callable[..., Any]) -> float:
    """What log p(x) is off by enters twice: through the density, and through its logarithm."""
    known = SimpleNamespace(sigma=np.ones(1), latent_dim=2, peak_log_density=0.0)
    evidence = SimpleNamespace(value=np.array([-1.0]), error=np.array([1e-3]))
    weights = SimpleNamespace(
        nodes=np.zeros((2, 2)), log_weight=np.zeros(2), weight=np.array([[0.25, 0.75]]),
        log_joint=np.array([[-2.0, 3.0]]),
    )  # fmt: skip
    found = rewired(
        function,
        log_density_on_boxes=lambda *_: evidence,
        box_weights=lambda *_: iter([weights]),
        _modes=lambda *_: (np.zeros((1, 2)), np.zeros(1)),
    )(known, [0.0])
    spread = 1.0 + 0.25 * 1.0 + 0.75 * 4.0
    return max(
        off(found.log_density_x.error, 1e-3),
        off(found.entropy.error, (2e-3 + 1e-14) * spread),
    )


def _halved(function: Callable[..., Any]) -> float:
    """What boxes halved for an x alone leave open, where that is less; a half is unknown."""
    field = SimpleNamespace(model=SimpleNamespace(decoder=None, sigma=None))
    known = SimpleNamespace(
        value=np.zeros(3), error=np.full(3, 9.0), relative_error=np.array([0.9, 0.9, 1e-3])
    )
    offered = np.ones(3), np.array([2e-3, 0.6, 2e-3])
    rewired(function, plane_log_density=lambda *_, **__: offered)(
        field, np.zeros((3, 1)), np.arange(3), known
    )
    return max(
        off(known.relative_error, [2e-3, 0.6, 1e-3]),
        off(known.error, [-math.log1p(-2e-3), math.inf, 9.0]),
        off(known.value, [1.0, 1.0, 0.0]),
    )


def _sobol(function: Callable[..., Any]) -> float:
    """Five standard errors over the scramblings, relative to p(x), and rounding."""
    plain = SimpleNamespace(
        latent_dim=2, data_dim=2, decoder=lambda z: z, noise_variance=np.ones(2)
    )
    places = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    prior = np.zeros((1, 1, 2)), np.eye(2)[None, None], np.ones((1, 1))
    found = rewired(function, REPEATS=2, _mixture=lambda *_: prior)(
        plain, np.zeros((1, 2)), None, np.full((4, 3), 0.5), places
    )
    # Weights are exp(−½ |z|²): the prior is what was drawn from.
    one, two = 0.5 * (1.0 + math.exp(-0.5)), 0.5 * (math.exp(-1.0) + math.exp(-2.0))
    relative = 5.0 * (0.5 * (one - two)) / (0.5 * (one + two))
    value = math.log(0.5 * (one + two)) - math.log(2.0 * math.pi)
    return max(off(found.relative_error, relative) - 1e-13, off(found.value, value) - 1e-13, 0.0)


_CHECKED = product.ProductQSearch._checked

_HALVED = boxes.MeanFieldBoxes._halved

SEVERAL_LATENTS: Table = {
    "halved: known exactly": (
        _halved, _HALVED, "-np.log1p(-np.minimum(relative, 0.5))", "0.0 * relative",
    ),
    "halved: half of it unknown": (_halved, _HALVED, "np.inf)", "1.0)"),
    "halved: taken where it is worse": (
        _halved, _HALVED, "relative < found.relative_error[rows]", "relative < 0.7",
    ),
    "optimal q: one rule": (_checked, _CHECKED, "np.abs(value - below) + gain", "gain"),
    "optimal q: no step to go": (
        _checked, _CHECKED, "np.abs(value - below) + gain", "np.abs(value - below)",
    ),
    "optimal q: negative curvature is none": (_checked, _CHECKED, "np.abs(size)", "size"),
    "optimal q: no rounding": (_checked, _CHECKED, "+ self._rounding(value)", ""),
    "optimal q: as narrow as it gets": (_checked, _CHECKED, "np.inf, error", "0.0, error"),
    "optimal q: rounding of one": (
        _rounding, product.ProductQSearch._rounding, "(1.0 + np.abs(value))", "1.0",
    ),
    "optimal q: the gap of another minimum": (
        _assembled, product.ProductQSearch._assembled, "gap[found.row[first]] = found.error[first]",
        "gap[found.row] = found.error",
    ),
    "sobol: one standard error": (
        _sobol, sobol._of_some, "STANDARD_ERRORS * spread", "spread",
    ),
    "sobol: deviation of one scrambling": (
        _sobol, sobol._of_some, "/ math.sqrt(REPEATS)", "",
    ),
    "sobol: variance about its own mean": (_sobol, sobol._of_some, "ddof=1", "ddof=0"),
    "sobol: not relative": (_sobol, sobol._of_some, "spread / average", "spread"),
    "posterior: log p known exactly": (
        _posterior, posterior.posterior_on_boxes, "Estimate(log_px, off)", "Estimate(log_px, 0.0)",
    ),
    "posterior: entropy known exactly": (
        _posterior, posterior.posterior_on_boxes, "2.0 * off * spread +", "",
    ),
    "posterior: no rounding": (
        _posterior, posterior.posterior_on_boxes, "+ 1e-14 * spread", "- 1e-5",
    ),
}  # fmt: skip
