"""Radii of averages over a given table of x (objectives/_given_sample.py, _iwae_objective.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.parts import density
from tests.radii.table import Table, off, rewired
from theorycheck.estimate import Kind
from theorycheck.objectives import _given_sample as given_sample
from theorycheck.objectives import _iwae_objective as importance
from theorycheck.quadrature._data_nodes import DataSample

_RNG = np.random.default_rng(12)
DRAWS = DataSample(_RNG.normal(size=(1, 8, 2)))
LOG_P, LOG_P_F, ELBO = _RNG.normal(size=(3, 8))
ERRORS = _RNG.uniform(0.0, 0.1, size=(3, 8))
GAP = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 500.0])
SQUARES = _RNG.uniform(size=(8, 2)) * np.array([1.0, 30.0])
VARIANCE = np.array([0.25, 4.0])


def _five(values: Any) -> float:
    return 5.0 * float(np.std(values, ddof=1)) / math.sqrt(8.0)


def _rounded(values: Any) -> float:
    return 1e-14 * (1.0 + float(np.abs(values).max()))


def _table(function: Callable[..., Any]) -> float:
    """Of the table: what log p_f and q* are known to. Of the population: its spread besides."""
    field = SimpleNamespace(model=SimpleNamespace(noise_variance=VARIANCE))
    parts = LOG_P_F, ERRORS[1], ELBO, GAP, SQUARES
    found = rewired(function, _at_each=lambda *_: parts)(field, DRAWS, False)
    of_p = float(ERRORS[1].mean())
    known = of_p + float(np.minimum(GAP, 100.0).mean())
    kl = LOG_P_F + ELBO
    expected = [
        of_p + _rounded(LOG_P_F), known + _rounded(ELBO), known + _rounded(ELBO),
        _five(LOG_P_F) + of_p + _rounded(LOG_P_F), _five(ELBO) + known + _rounded(ELBO),
        _five(kl) + known + _rounded(kl),
        *(known * VARIANCE + 1e-14 * SQUARES.max(axis=0)),
    ]  # fmt: skip
    radii = [
        found.log_density.error, found.negative_elbo.error, found.averages.pmo_error,
        found.population_log_density.error, found.population_negative_elbo.error,
        found.population_pmo.error, *found.averages.residual_error,
    ]  # fmt: skip
    wrong = [found.averages.sampled, not found.population.sampled]
    return off(radii, expected) + sum(wrong)


def _entropy(function: Callable[..., Any]) -> float:
    """H and MLEO are the population's: each its own spread, and the errors of its log p."""
    made = density(LOG_P, 0.0, ERRORS[0]), density(LOG_P_F, 0.0, ERRORS[1])
    data, model = (SimpleNamespace(log_density=lambda _, one=one: one) for one in made)
    entropy, mleo = function(DRAWS, data, model)
    alone, none = function(DRAWS, data, data)
    of_p, of_p_f = float(ERRORS[0].mean()), float(ERRORS[1].mean())
    expected = [
        _five(LOG_P) + of_p + _rounded(LOG_P),
        _five(LOG_P - LOG_P_F) + of_p + of_p_f + _rounded(LOG_P - LOG_P_F),
    ]
    return off([entropy.error, mleo.error, alone.error], [*expected, expected[0]]) + none.error


def _one_mean(function: Callable[..., Any]) -> float:
    found = function(LOG_P, 0.02, Kind.STATISTICAL)
    return off(found.error, 0.02 + _rounded(LOG_P)) + (found.kind is not Kind.STATISTICAL)


def _one_population(function: Callable[..., Any]) -> float:
    found = function(DRAWS, LOG_P, 0.02)
    expected = _five(LOG_P) + 0.02 + _rounded(LOG_P)
    return off(found.error, expected) + (found.kind is not Kind.STATISTICAL)


def _iwae(function: Callable[..., Any]) -> float:
    """The gap is the table's, J_S the population's where the truth is known, else unknown."""
    made = density(LOG_P, 0.0, ERRORS[0]), density(LOG_P_F, 0.0, ERRORS[1])
    truth, field = (SimpleNamespace(log_density=lambda _, one=one: one) for one in made)
    bound = SimpleNamespace(value=-ELBO, error=ERRORS[2])
    bare = rewired(function, _bounds=lambda *_: bound)
    excess, gap = bare(field, truth, DRAWS, 5, "optimal", None)
    unknown, same = bare(field, None, DRAWS, 5, "optimal", None)
    of_gap = float((ERRORS[1] + ERRORS[2]).mean()) + 1e-13
    of_excess = _five(LOG_P + ELBO) + float((ERRORS[0] + ERRORS[2]).mean()) + 1e-13
    return off(
        [excess.error, gap.error, unknown.error, same.error], [of_excess, of_gap, np.inf, of_gap]
    )


_TABLE, _ENTROPY = given_sample.averages_of_table, given_sample.entropy_of_population
_KNOWN = "float(np.mean(error)) + float(np.mean(np.minimum(gap, LARGEST_KL)))"

GIVEN_SAMPLE: Table = {
    "without the error of log p_f": (_table, _TABLE, _KNOWN, _KNOWN.split(" + ")[1]),
    "without the gap of q*": (_table, _TABLE, _KNOWN, _KNOWN.split(" + ")[0]),
    "gap of q* without an end": (_table, _TABLE, "np.minimum(gap, LARGEST_KL)", "gap"),
    "PMO without what is known": (_table, _TABLE, "pmo_error=known +", "pmo_error="),
    "residual without its σ²": (_table, _TABLE, "known * variance", "known"),
    "residual of rounding alone": (_table, _TABLE, "known * variance +", "0.0 * variance +"),
    "−ELBO as log p_f": (
        _table, _TABLE, "negative_elbo=_mean(negative_elbo, known, Kind.ESTIMATED)",
        "negative_elbo=_mean(negative_elbo, float(np.mean(error)), Kind.ESTIMATED)",
    ),
    "PMO of the population as of the table": (
        _table, _TABLE, "pmo=_of_population(draws, kl, known)",
        "pmo=_mean(kl, known, Kind.ESTIMATED)",
    ),
    "shares of the population as of the table": (
        _table, _TABLE, "sampled=True", "sampled=False",
    ),
    "H without the error of log p": (
        _entropy, _ENTROPY, "-p.value, float(np.mean(p.error))", "-p.value, 0.0",
    ),
    "MLEO without the error of log p_f": (
        _entropy, _ENTROPY, "+ float(np.mean(p_f.error))", "",
    ),
    "MLEO without the error of log p": (
        _entropy, _ENTROPY, "float(np.mean(p.error)) + float", "float",
    ),
    "mean without what is known": (
        _one_mean, given_sample._mean, "known + _rounding(values)", "_rounding(values)",
    ),
    "population without its spread": (
        _one_population, given_sample._of_population, "error + known +", "known +",
    ),
    "population without what is known": (
        _one_population, given_sample._of_population, "error + known +", "error +",
    ),
    "IWAE gap without the error of L_S": (
        _iwae, importance._of_table, "p_f.error + bound.error", "p_f.error",
    ),
    "IWAE gap without the error of log p_f": (
        _iwae, importance._of_table, "p_f.error + bound.error", "bound.error",
    ),
    "J_S without the error of log p": (
        _iwae, importance._of_table, "p.error + bound.error", "bound.error",
    ),
    "J_S without its spread": (
        _iwae, importance._of_table, "error + known + 1e-13, Kind", "known + 1e-13, Kind",
    ),
    "J_S known without the truth": (
        _iwae, importance._of_table, "return UNKNOWN, gap", "return gap, gap",
    ),
}  # fmt: skip
