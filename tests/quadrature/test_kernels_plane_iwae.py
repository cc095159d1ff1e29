"""Kernels of the IWAE bound of two latents: the law of log w on a grid, and what is cut of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tests.mutants import mutant
from theorycheck.quadrature.kernels import _iwae_spread as spread
from theorycheck.quadrature.kernels._plane_iwae import fill_log_weights, raised

PLACES = 600


def spread_over(log_w: np.ndarray, weight: np.ndarray, origin: float) -> np.ndarray:
    law, share = np.zeros(PLACES), np.empty(spread.SHARED)
    for y, m in zip(log_w, weight, strict=True):
        first = spread.place_of(y, origin, share)
        law[first : first + spread.SHARED] += m * share
    return law


@pytest.mark.parametrize("kind", [spread.ABSENT, spread.FIRST, spread.SECOND])
def test_sums_over_the_grid_are_those_over_the_nodes(kind: int) -> None:
    rng = np.random.default_rng(1)
    log_w, weight = rng.uniform(-40.0, 5.0, 300), rng.normal(size=300)
    if kind == spread.ABSENT:
        weight = np.abs(weight)
    origin = -41.0
    law, gone = spread_over(log_w, weight, origin), np.empty(PLACES + 1)
    spread.summed_from_behind(law, PLACES, gone)
    assert law.sum() == pytest.approx(weight.sum(), abs=1e-12)
    assert gone[0] == pytest.approx(weight.sum(), abs=1e-12)
    # Where all are faint, where they change, and where all have vanished.
    for offset in (-450, 0, 150, 350, 475, 550):
        v = np.exp(log_w - origin + offset * spread.SPACING)
        table = [1.0, 1.0 + v, 1.0 + v + v**2][kind]
        exact = 1.0 - np.where(v < 700.0, table * np.exp(-np.minimum(v, 700.0)), 0.0)
        found = spread.absent_at(law, gone, PLACES, offset, kind)
        error = 40.0 * spread.SPREAD_ERROR * np.abs(weight).sum()
        assert abs(found - weight @ exact) < error
    one = spread_over(log_w[:1], np.ones(1), origin)
    spread.summed_from_behind(one, PLACES, gone)
    worst = max(
        abs(
            spread.absent_at(one, gone, PLACES, offset, spread.ABSENT)
            + math.expm1(-math.exp(log_w[0] - origin + offset * spread.SPACING))
        )
        for offset in range(-450, 0, 3)
    )
    assert worst <= spread.SPREAD_ERROR


def test_shares_reproduce_polynomials() -> None:
    share = np.empty(spread.SHARED)
    for fraction in (0.0, 0.3, 0.99):
        spread.shares(fraction, share)
        places = np.arange(spread.SHARED) - (spread.SHARED // 2 - 1.0)
        for degree in range(spread.SHARED):
            assert share @ places**degree == pytest.approx(fraction**degree, abs=1e-9)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_what_raising_the_least_weights_changes(samples: int) -> None:
    """By all tuples of three nodes: L_S with log w raised is above by what is told at most."""
    mass, log_w = np.array([0.5, 0.3, 0.2]), np.array([0.0, -800.0, -950.0])
    floor = -690.0
    tuples = np.stack(np.meshgrid(*[np.arange(3)] * samples, indexing="ij")).reshape(samples, -1)

    def exact(values: np.ndarray) -> float:
        at = values[tuples]
        top = at.max(axis=0)
        bound = top + np.log(np.exp(at - top).mean(axis=0))
        return float(mass[tuples].prod(axis=0) @ bound)

    changed = log_w.copy()
    told = raised(mass, changed, 3, floor, float(samples))
    assert changed.min() == floor
    rise = exact(changed) - exact(log_w)
    assert 0.0 < rise <= told * (1.0 + 1e-12)
    assert raised(mass, changed, 3, floor, float(samples)) == 0.0


def _weights(function: Callable[..., None]) -> float:
    """Weights at two nodes, from the definition."""
    x, point = np.array([0.4, -1.0]), np.array([0.3, -0.2, math.log(0.5), math.log(0.8)])
    t, f = np.array([[0.7, -1.1], [0.2, 1.9]]), np.array([[0.1, 0.5], [1.2, -0.3]])
    log_w = np.empty(2)
    function(x, point, t, f, -1.5, log_w)
    z = point[:2, None] + np.exp(point[2:, None]) * t
    joint = -0.5 * (z**2).sum(axis=0) - 0.5 * ((x - f) ** 2).sum(axis=1) - 1.5
    exact = joint + 0.5 * (t**2).sum(axis=0) + math.log(0.5 * 0.8)
    return float(np.abs(log_w - exact).max())


def _polynomial(function: Callable[..., int]) -> float:
    """The places share a node so that polynomials in log w keep their value."""
    share = np.empty(spread.SHARED)
    worst = 0.0
    for at in (12.0, 12.3, 12.99):
        first = function(at * spread.SPACING - 0.5, -0.5, share)
        places = np.arange(first, first + spread.SHARED)
        worst = max(worst, abs(share @ (places - 12.0) ** 3 - (at - 12.0) ** 3))
    return worst


def _raised(function: Callable[..., float]) -> float:
    told = function(np.array([0.6, 0.4]), np.array([0.0, -800.0]), 2, -690.0, 2.0)
    return abs(told / (0.4 * 110.0 * 2.0 * 0.4) - 1.0)


MUTANTS = {
    "prior": (_weights, fill_log_weights, "- a * a - b * b", "- a * a"),
    "density of q": (_weights, fill_log_weights, "value = t[0, i] * t[0, i] + ", "value = "),
    "scale of q": (_weights, fill_log_weights, "+ point[2] + point[3]", "+ point[2]"),
    "likelihood": (_weights, fill_log_weights, "value -= r * r", "value -= 2.0 * r * r"),
    "place": (_polynomial, spread.place_of, "int(whole) - _MIDDLE", "int(whole)"),
    "raised": (_raised, raised, "samples * low **", "low **"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_formula_is_seen(name: str) -> None:
    check, function, old, new = MUTANTS[name]
    assert check(mutant(function, old, old)) < 1e-9
    assert check(mutant(function, old, new)) > 1e-3
