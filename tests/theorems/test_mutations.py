"""Mutations of Theorem 1's and the rearrangements' formulas: each must fail its referee."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from tests.mutants import mutant
from theorycheck.estimate import Estimate
from theorycheck.models.benchmarks import benchmark
from theorycheck.objectives.partition import Partition
from theorycheck.quadrature.latent_panels import latent_panels
from theorycheck.theorems.condition1 import condition_1_at
from theorycheck.theorems.image_law import _waves
from theorycheck.theorems.measure_preserving import LatentMap, fold
from theorycheck.theorems.normal_mass import normal_mass
from theorycheck.theorems.premise import premise_at
from theorycheck.theorems.traced_curve import _arc_length

#: Discrepancy that the checks below allow.
ALLOWED = 1e-9


def _part(pr_hi: float, d_lo: float, d_hi: float) -> Partition:
    exact = [Estimate(v, 0.0) for v in (1.0 - pr_hi, pr_hi, d_lo, d_hi)]
    return Partition(0.5, *exact, exact[0] * exact[2], exact[1] * exact[3])


def _condition_1(function: Callable[..., Any]) -> float:
    """Both margins add up to J_G − J_f − P L (the identity of docs/theory.md)."""
    truth, f, mleo = _part(0.4, 0.1, 2.0), _part(0.3, 0.05, 1.5), 0.07
    at = function(truth, f, Estimate(mleo, 0.0))
    difference = (0.6 * 0.1 + 0.4 * 2.0) - (mleo + 0.7 * 0.05 + 0.3 * 1.5)
    split = abs(at.second.value - 0.05)
    return split + abs(at.first.value + at.second.value + 0.3 * 0.05 - difference)


def _premise(function: Callable[..., Any]) -> float:
    return abs(function(_part(0.4, 0.1, 2.0)).margin.value - (0.8 - 0.06))


def _normal_mass(function: Callable[..., Any]) -> float:
    a = np.array([-np.inf, -1.0, 0.3, 1.0])
    b = np.array([-2.0, 1.5, 0.6, np.inf])
    return float(np.abs(function(a, b) - (ndtr(b) - ndtr(a))).max())


def _fold(function: Callable[..., Any]) -> float:
    """The tent map of Φ(z), from its definition."""
    z = np.linspace(-3.0, 3.0, 50)
    u = 3.0 * ndtr(z)
    branch = np.floor(u)
    expected = np.where(branch % 2 == 0, u - branch, branch + 1.0 - u)
    return float(np.abs(function(fold(3), z) - ndtri(expected)).max())


def _length(function: Callable[..., Any]) -> float:
    """√2|z|, with a turn at 0: up from the left end, then down."""
    panels = latent_panels(benchmark("absolute_value"))
    series = function(panels, {0.0})
    middle = int(np.searchsorted(panels.left, 0.0))
    top = float(series[middle - 1].sum())
    end = float(series[-1].sum())
    return abs(top - math.sqrt(2.0) * panels.reach) + abs(end)


def _characteristic(function: Callable[..., Any]) -> float:
    """E exp(i t·|Z|(1, 1)) of the half-normal law."""
    t = np.array([[0.3, 0.5], [1.0, 0.0]])
    total = t.sum(axis=1)
    z = np.linspace(0.0, 12.0, 200_001)
    weight = np.full(z.size, z[1]) * 2.0 * np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    weight[[0, -1]] *= 0.5
    exact = np.array([weight @ np.exp(1j * s * z) for s in total])
    return float(np.abs(function(latent_panels(benchmark("absolute_value")), t) - exact).max())


MUTATIONS: dict[str, tuple[Callable[..., float], Any, str, str]] = {
    "sign of MLEO in condition (1)": (_condition_1, condition_1_at, "- mleo", "+ mleo"),
    "ground truth's D_Lo in condition (1)": (
        _condition_1, condition_1_at, "truth.pr_hi * truth.d_lo", "truth.pr_hi * f.d_lo",
    ),
    "second inequality turned": (
        _condition_1, condition_1_at, "truth.d_lo - f.d_lo", "f.d_lo - truth.d_lo",
    ),
    "premise turned": (_premise, premise_at, "part.high - part.low", "part.low - part.high"),
    "factor 1/2 of the normal mass": (_normal_mass, normal_mass, "half * (", "2 * half * ("),
    "tail of the normal mass": (
        _normal_mass, normal_mass, "ndtr(-a) - ndtr(-b)", "ndtr(a) - ndtr(-b)",
    ),
    "fold without its stretch": (
        _fold, LatentMap.__call__, "low[piece] + stretch *", "low[piece] +",
    ),
    "fold that is not flipped": (
        _fold, LatentMap.__call__, "np.where(flipped, left, right)", "right",
    ),
    "label that never turns": (
        _length, _arc_length, "(-1.0) ** np.cumsum(turned)", "1.0 ** np.cumsum(turned)",
    ),
    "label in the wrong unit": (
        _length, _arc_length, "speed @ TRANSFORM.T", "2 * speed @ TRANSFORM.T",
    ),
    "phase of the characteristic function": (_characteristic, _waves, "1j *", "2j *"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_formula_passes_the_referee(name: str) -> None:
    check, function, _, _ = MUTATIONS[name]
    assert check(function) <= ALLOWED


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_unchanged_source_passes_the_referee(name: str) -> None:
    check, function, old, _ = MUTATIONS[name]
    assert check(mutant(function, old, old)) <= ALLOWED


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_mutant_fails_the_referee(name: str) -> None:
    check, function, old, new = MUTATIONS[name]
    assert not check(mutant(function, old, new)) <= 1e3 * ALLOWED
