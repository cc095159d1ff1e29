"""Radii of what q and the posterior know of x (objectives/_aggregate*.py, _informativeness.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, getter, off, rewired
from theorycheck.estimate import Estimate
from theorycheck.inference import (
    DrawRule,
    ExactLinearGaussian,
    GridRule,
    LinearGaussianModel,
    MarginalAxis,
)
from theorycheck.objectives import (
    _aggregate,
    _informativeness,
    _latent_use,
    _posterior_information,
)
from theorycheck.objectives._aggregate import AggregateEntropies
from theorycheck.objectives._aggregate_weights import AggregateWeights, of_rule, of_table
from theorycheck.quadrature import DataSample

_X = np.arange(8.0)[:, None]
_MASS = np.arange(1.0, 9.0) / 36.0
_GRID = GridRule(_X, _MASS, np.ones(1), 2e-4, np.zeros(8))
_DRAWS = DrawRule(DataSample(np.arange(8.0).reshape(4, 2, 1)))


def _entropies(function: Callable[..., Any]) -> float:
    """A rule so coarse that what its halves differ by is seen."""
    bare = rewired(function, _STEP={1: 2.0}, _REACH=4.0)
    # The nodes are laid by another function, which keeps its own reach.
    found = bare(np.array([[0.0], [1.0]]), np.ones((2, 1)), np.array([1.0, 1.0]))
    nodes = _aggregate._nodes(np.array([0.0, 1.0]), np.ones(2), 1)
    coarse_nodes = rewired(_aggregate._nodes, _STEP={1: 3.0}, _MOST_NODES={1: 8})
    rough = rewired(function, _nodes=lambda *given: coarse_nodes(*given))
    found = rough(np.array([[0.0], [1.0]]), np.ones((2, 1)), np.array([1.0, 1.0]))
    nodes = coarse_nodes(np.array([0.0, 1.0]), np.ones(2), 1)

    def entropy(z: np.ndarray) -> float:
        q = (0.5 * (np.exp(-0.5 * z**2) + np.exp(-0.5 * (z - 1.0) ** 2))) / math.sqrt(2.0 * math.pi)
        return -float((q * np.log(q)).sum()) * float(z[1] - z[0])

    fine, coarse = entropy(nodes), entropy(nodes[::2])
    return off(found.error, abs(fine - coarse) + 1e-12 * (1.0 + abs(fine)))


def _entropies_rounded(function: Callable[..., Any]) -> float:
    found = function(np.array([[0.0], [1.0]]), np.ones((2, 1)), np.array([1.0, 1.0]))
    return 0.0 if found.error >= 1e-12 * (1.0 + abs(found.whole)) else 1.0


def _average(function: Callable[..., Any]) -> float:
    values = np.array([1.0, -2.0, 3.0, 0.5, 0.0, 1.0, 2.0, -1.0])
    table = function(of_table(8), values, 1e-3)
    weights = AggregateWeights(_MASS, np.zeros(8, dtype=np.int64), _GRID, 1e-5)
    grid = function(weights, values, 1e-3, smooth=True)
    own = _GRID.average(values, smooth=True).error
    kinked = function(AggregateWeights(_MASS, np.zeros(8, dtype=np.int64), _GRID), values, 0.0)
    rounding = 1e-14 * float(np.abs(values).mean())
    exact = function(of_table(8), values, 0.0)
    return max(
        off(table.error, rounding + 1e-3),
        off(exact.error, rounding),
        off(kinked.error, _GRID.average(values).error),
        off(grid.error, own + 1e-3 + 1e-5 * (100.0 - math.log(1e-5))),
    )


def _unseen(function: Callable[..., Any]) -> float:
    none = function(SimpleNamespace(lost=0.0))
    return max(off(function(SimpleNamespace(lost=1e-4)), 1e-4 * (100.0 - math.log(1e-4))), none)


_PART = np.array([0, 1, 2, 3, 0, 1, 2, 3])
_OWN = np.array([0.5, 0.1, 0.2, 0.4, 0.3, 0.3, 0.2, 0.1])


def _parted(within: Any, outside: Any, alone: Any, error: float) -> AggregateEntropies:
    return AggregateEntropies(2.0, error, *(np.array(one) for one in (within, outside, alone)))


def _information(function: Callable[..., Any]) -> float:
    mean_own = float(_MASS @ _OWN)
    known = 1e-4 + 1e-3 + 1e-12 * (1.0 + mean_own)
    alone = [2.1, 2.3, 1.9, 1.8]
    entropies = _parted([0.0] * 4, [0.0] * 4, alone, 1e-4)
    grid = function(AggregateWeights(_MASS, _PART, _GRID, 1e-5), entropies, _OWN, 1e-3)
    own = [float(np.average(_OWN[k == _PART], weights=_MASS[k == _PART])) for k in range(4)]
    change = max(abs(a - o - (2.0 - mean_own)) for a, o in zip(alone, own, strict=True))
    unseen = 1e-5 * (100.0 - math.log(1e-5))
    # Of a line a quarter of the furthest.
    expected = known + 0.25 * change + unseen
    of_rounding = function(of_table(8), _parted([2.0], [np.nan], [2.0], 0.0), _OWN, 0.0)
    of_a_table = function(of_table(8), _parted([2.0], [np.nan], [2.0], 1e-4), _OWN, 1e-3)
    plain = float(_OWN.mean())
    return max(
        off(grid.error, expected),
        off(of_a_table.error, 1.1e-3 + 1e-12 * (1.0 + plain)),
        off(of_rounding.error, 1e-12 * (1.0 + plain)),
    )


def _change(function: Callable[..., Any]) -> float:
    """Of a line a quarter of the furthest coarser grid, in the plane all of it, of a table none."""
    line = AggregateWeights(_MASS, _PART, _GRID)
    in_plane = replace(_GRID, x=np.repeat(_GRID.x, 2, axis=1), spacing=np.ones(2))
    plane = AggregateWeights(_MASS, _PART, in_plane)
    coarser = np.array([2.1, 1.6, 2.2])
    found = [function(weights, coarser, 2.0) for weights in (line, plane, of_table(8))]
    return off(found, [0.1, 0.4, 0.0])


def _bracket(function: Callable[..., Any]) -> float:
    """Of draws: from the lower end of what is within to the upper end of what is outside."""
    part = np.repeat(np.arange(4), 2)
    weights = AggregateWeights(np.full(8, 0.125), part, _DRAWS)
    within, outside = np.array([1.9, 2.0, 2.1, 2.0]), np.array([2.5, 2.4, 2.6, 2.7])
    found = function(weights, _parted(within, outside, [0.0] * 4, 1e-4), _OWN, 1e-3)
    own = _OWN.reshape(4, 2).mean(axis=1)
    known = 1.1e-3 + 1e-12 * (1.0 + float(_OWN.mean()))

    def radius(values: np.ndarray) -> float:
        return 5.0 * float(np.std(values, ddof=1)) / 2.0 + known

    low = float((within - own).mean()) - radius(within - own)
    high = float((outside - own).mean()) + radius(outside - own)
    return off([found.lower, found.upper], [low, high])


def _lost(function: Callable[..., Any]) -> float:
    """Mass without a node, mass that does not add up, and what p(x) is off by."""
    grid = GridRule(_X, 0.999 * _MASS, np.ones(1), 2e-4, np.zeros(8))
    return off(function(grid, 3e-5).lost, 2e-4 + 1e-3 + 3e-5)


def _one(function: Callable[..., Any]) -> float:
    """The variance of the means is about a middle that is itself off."""
    mean, scale = np.array([0.0, 1.0, 4.0, 2.0]), np.ones(4)
    weights = SimpleNamespace(
        mass=np.full(4, 0.25),
        part=None,
        average=lambda values, off: Estimate(float(values.mean()), 0.1 + off),
        information=lambda *_: Estimate(1.0, 0.2),
    )
    found = function(mean, scale, weights, 0.01)
    return max(
        off(found.mean_variance.error, 0.11 + 0.01),
        off(found.rate.error, 0.11),
        off(found.aggregate_kl.error, 0.31),
    )


def _prior(function: Callable[..., Any]) -> float:
    one = SimpleNamespace(
        own=np.array([1.0, 2.0]), cross=np.array([3.0, 2.5]), error=np.array([1e-3, 2e-3])
    )
    weights = SimpleNamespace(
        mass=np.array([0.25, 0.75]),
        average=lambda values, known, **_: Estimate(float(values.mean()), known),
    )
    kl = np.array([2.0, 0.5])
    known = float(weights.mass @ (one.error + 2e-2 * (1.0 + kl)))
    return off(function(one, weights, 1e-2).error, known)


def _joint(function: Callable[..., Any]) -> float:
    found = function(Estimate(3.0, 1e-3), np.array([0.5]))
    exact = function(Estimate(3.0, 0.0), np.array([0.5]))
    noise = 0.5 * math.log(math.pi * math.e)
    return off([found.error, exact.error], [1e-3 + 1e-14 * (1.0 + noise), 1e-14 * (1.0 + noise)])


def _linear(function: Callable[..., Any]) -> float:
    engine = ExactLinearGaussian(LinearGaussianModel([[1.0, 0.4], [0.0, 2.0]], 0.1))
    found = function(engine)
    rounding = 2e-14 * float(np.linalg.cond(engine.precision))
    return off(found.joint.error, rounding * (1.0 + found.joint.value))


def _place(function: Callable[..., Any]) -> float:
    """Small gaps move q by their roots; of large ones nothing is known."""
    near, far = (SimpleNamespace(gap=np.array(gaps)) for gaps in ([2e-8, 8e-8], [0.5, np.inf]))
    mass = np.array([0.25, 0.75])
    roots = 3.0 * (0.25 * 2e-4 + 0.75 * 4e-4)
    return off([function(near, mass), function(far, mass)], [roots, 100.0])


def _aggregated(function: Callable[..., Any]) -> float:
    axis = MarginalAxis(np.array([0.5, 0.5]), np.zeros(2), np.zeros(2), 0)
    fake = SimpleNamespace(
        weight=axis.weight,
        entropy=lambda density, chosen: (np.full(len(density), 2.0), np.full(len(density), 0.1)),  # noqa: ARG005
    )
    single = function(fake, np.array([[1.0, 1.0]]))
    several = function(fake, np.array([[0.5, 0.5], [0.5, 0.5]]))
    return off([single.error, several.error], [0.1, 0.1 + 3e-13])


_KNOWN = "entropies.error + off + 1e-12 * (1.0 + abs(mean_own))"
_AVERAGE, _INFORMATION = AggregateWeights.average, AggregateWeights.information

INFORMATIVENESS: Table = {
    "entropy: the rule is exact": (
        _entropies, _aggregate.aggregate_entropies, "abs(fine - coarse * 2.0 ** len(axes)) * cell",
        "0.0",
    ),
    "entropy: one latent has two halves": (
        _entropies, _aggregate.aggregate_entropies, "coarse * 2.0 ** len(axes)", "coarse",
    ),
    "entropy: no rounding": (
        _entropies_rounded, _aggregate.aggregate_entropies, " + 1e-12 * (1.0 + abs(value))",
        " * 1e-3",
    ),
    "average: q is known": (_average, _AVERAGE, "rounding + off", "rounding"),
    "average: no rounding": (_average, _AVERAGE, "rounding + off", "off"),
    "average: of a grid q is known": (_average, _AVERAGE, "found.error + off", "found.error"),
    "average: the rule's own": (_average, _AVERAGE, "found.error + off", "off"),
    "average: all mass seen": (_average, _AVERAGE, " + self.unseen", ""),
    "unseen: entropy of little": (
        _unseen, getter(AggregateWeights, "unseen"), " - math.log(max(self.lost, 1e-300))", "",
    ),
    "unseen: no KL": (_unseen, getter(AggregateWeights, "unseen"), "LARGEST_KL", "0.0"),
    "information: entropy known": (_information, _INFORMATION, "entropies.error + off", "off"),
    "information: q known": (
        _information, _INFORMATION, "entropies.error + off", "entropies.error",
    ),
    "information: no rounding": (_information, _INFORMATION, _KNOWN, "entropies.error + off"),
    "information: the grid is fine": (_information, _INFORMATION, "known + change", "known"),
    "information: the grid of another dimension": (
        _change, AggregateWeights.change, "self.rule.x.shape[1]", "3 - self.rule.x.shape[1]",
    ),
    "information: the nearest of the coarser grids": (
        _change, AggregateWeights.change, "- value).max()", "- value).min()",
    ),
    "information: all mass seen": (_information, _INFORMATION, " + self.unseen", ""),
    "information: draws known": (_bracket, _INFORMATION, "each=known", "each=0.0"),
    "information: draws from within": (
        _bracket, _INFORMATION, "hull(below, above)", "hull(below, below)",
    ),
    "information: draws from outside": (
        _bracket, _INFORMATION, "hull(below, above)", "hull(above, above)",
    ),
    "weights: no mass missing": (_lost, of_rule, "rule.missing_mass + ", ""),
    "weights: masses add up": (_lost, of_rule, " + abs(1.0 - float(rule.mass.sum()))", ""),
    "weights: p(x) known": (_lost, of_rule, " + off", ""),
    "use: the middle is exact": (
        _one, _latent_use._of_one, " + (abs(centre.value) + centre.error) ** 2", "",
    ),
    "posterior: the rule is exact": (
        _prior, _posterior_information._from_prior, "one.error + ", "",
    ),
    "posterior: p(x) known": (
        _prior, _posterior_information._from_prior, " + 2.0 * off * (1.0 + np.abs(kl))", "",
    ),
    "posterior: noise known": (
        _joint, _posterior_information.own_joint_information, " + 1e-14 * (1.0 + abs(noise))", "",
    ),
    "posterior: entropy known": (
        _joint, _posterior_information.own_joint_information, "entropy.error + ", "",
    ),
    "posterior: aggregate known": (
        _aggregated, _posterior_information._entropies_of, "float(error[0]) + ", "",
    ),
    "posterior: one aggregate known": (
        _aggregated, _posterior_information._entropies_of,
        "float(value[0]), float(error[0])", "float(value[0]), 0.0",
    ),
    "linear: no rounding": (_linear, _informativeness._linear, "1e-14 *", "0.0 *"),
    "linear: well conditioned": (
        _linear, _informativeness._linear, "float(np.linalg.cond(engine.precision))", "1.0",
    ),
    "q: at its minimum": (_place, _informativeness.off_place, "3.0 * np.sqrt(2.0 * q.gap)", "0.0"),
    "q: known far off": (_place, _informativeness.off_place, ", LARGEST_KL", ", 0.0"),
}  # fmt: skip
