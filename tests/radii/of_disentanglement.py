"""Radii of J along rotations, and of what latents say of factors (downstream/)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off
from theorycheck.downstream import _disentanglement, _factor_information
from theorycheck.estimate import Estimate
from theorycheck.inference import DrawRule, GridRule
from theorycheck.objectives import AggregateWeights
from theorycheck.quadrature import DataSample

_RNG = np.random.default_rng(5)
_COUNT = 16
_NODES = np.linspace(-6.0, 6.0, 25)
_MEAN, _SCALE = _RNG.normal(size=_COUNT), np.full(_COUNT, 0.4)
_BELLS = np.exp(-0.5 * ((_NODES[:, None] - _MEAN) / _SCALE) ** 2) / (
    _SCALE * math.sqrt(2.0 * math.pi)
)
_BINS = _RNG.dirichlet(np.ones(3), size=_COUNT)
_MASS = _RNG.dirichlet(np.ones(_COUNT))
_PART = np.arange(_COUNT) % 4
_STEP = float(_NODES[1] - _NODES[0])


def _plain(chosen: np.ndarray, nodes: slice = slice(None)) -> float:
    """I as a sum of three entropies."""
    step = _STEP * (nodes.step or 1)
    joint = _BELLS[nodes][:, chosen] @ (_MASS[chosen, None] * _BINS[chosen])
    joint = joint / (joint.sum() * step)

    def entropy(density: np.ndarray, cell: float) -> float:
        return -float((density * np.log(density)).sum()) * cell

    of_z, of_bins = joint.sum(axis=1), joint.sum(axis=0) * step
    return entropy(of_z, step) + entropy(of_bins, 1.0) - entropy(joint, step)


_ALL = np.arange(_COUNT)
_WHOLE = _plain(_ALL)
_KNOWN = abs(_WHOLE - _plain(_ALL, slice(None, None, 2))) + 2e-3 + 1e-12


def _grid(function: Callable[..., Any]) -> float:
    rule = GridRule(np.arange(16.0)[:, None], _MASS, np.ones(1), 0.0, np.zeros(_COUNT))
    weights = AggregateWeights(_MASS, _PART, rule, 1e-6)
    found = function(_NODES, _BELLS, _BINS, weights, 1e-3)
    change = max(abs(_plain(_ALL[k == _PART]) - _WHOLE) for k in range(4))
    # Of a line a quarter of the furthest.
    return off(found.error, _KNOWN + 0.25 * change + weights.unseen)


def _draws(function: Callable[..., Any]) -> float:
    rule = DrawRule(DataSample(np.arange(16.0).reshape(4, 4, 1)))
    weights = AggregateWeights(_MASS, _PART, rule)
    found = function(_NODES, _BELLS, _BINS, weights, 1e-3)
    without = np.array([_plain(_ALL[k != _PART]) for k in range(4)])
    jackknife = 4.0 * _WHOLE - 3.0 * float(without.mean())
    deviation = math.sqrt(0.75 * float(((without - without.mean()) ** 2).sum()))
    expected = 5.0 * deviation + abs(jackknife - _WHOLE) + _KNOWN
    return max(off(found.error, expected), off(found.value, jackknife))


def _angle(function: Callable[..., Any]) -> float:
    """A parabola known to e: √(2 e / c), and what the search leaves."""
    rises = {"ahead": Estimate(0.5 * 9.0 * 0.01, 1e-4), "behind": Estimate(0.5 * 9.0 * 0.01, 3e-4)}
    data = SimpleNamespace(gain=lambda one, _: rises[one])
    found = function(data, 0.0, 1.0, None, ("ahead", "behind"), 0.1)
    flat = SimpleNamespace(gain=lambda *_: Estimate(-1e-3, 1e-2))
    nowhere = function(flat, 0.0, 1.0, None, ("ahead", "behind"), 0.1)
    return off([found.error, nowhere.error], [math.sqrt(6e-4 / 9.0) + 1e-3, 0.25 * math.pi])


_PAIR = _factor_information._of_pair
_PLACE = _disentanglement._angle

DISENTANGLEMENT: Table = {
    "factors: the rule in z is exact": (
        _grid, _PAIR, "abs(value - _information(whole[::2], 2.0 * step))", "0.0",
    ),
    "factors: q is known": (_grid, _PAIR, " + 2.0 * off", ""),
    "factors: the grid is fine": (_grid, _PAIR, "known + weights.change(alone, value)", "known"),
    "factors: all mass seen": (_grid, _PAIR, " + weights.unseen", ""),
    "factors: draws do not vary": (_draws, _PAIR, "STANDARD_ERRORS * math.sqrt(variance)", "0.0"),
    "factors: draws have no bias": (_draws, _PAIR, " + abs(jackknife - value)", ""),
    "factors: q is known, by draws": (_draws, _PAIR, "radius + known", "radius"),
    "angle: J known by the best neighbour": (_angle, _PLACE, "max(one.error", "min(one.error"),
    "angle: placed exactly": (_angle, _PLACE, " + _PLACED", ""),
    "angle: known where J is flat": (_angle, _PLACE, "error = 0.5 * PERIOD", "error = 0.0"),
}  # fmt: skip
