"""Radii of one M-step on a decoder's own p(x) (optimum/_own_m_step.py)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired
from theorycheck.models._loading import load_model
from theorycheck.optimum import _own_m_step as own_m_step
from theorycheck.quadrature._data_nodes import TrapezoidGrid

LINE = load_model("expr:z", noise_variance=0.25)
PLANE = load_model("expr:[z, 0*z]", noise_variance=[0.25, 4.0])

#: p at six nodes, one of them too light to be looked at, and KL there, largest where it is.
_P = np.array([0.1, 0.4, 0.3, 0.2, 0.25, 1e-20])
_KL = np.array([0.3, 0.1, 0.2, 0.7, 0.4, 1e6])
_COARSE = np.array([True, False, True, False, True, False])


def _step(function: Callable[..., Any], model: Any, *, gains: Any, resolved: bool = True) -> Any:
    """Take a step whose gains, by the rule and by the rougher one, are given."""
    dim = model.data_dim
    grid = TrapezoidGrid(np.zeros((6, dim)), np.log(_P), 0.5, _COARSE, 0.0)
    minima = np.full((5, 8, 3), np.nan)
    minima[:, 0] = 0.0
    optimum = SimpleNamespace(
        negative_elbo=(_KL - np.log(_P))[:5], minima=minima, ambiguous=np.zeros(5, bool)
    )
    panels = SimpleNamespace(z=np.zeros(3), rule_weight=np.ones(3), f=np.zeros((dim, 3)))
    field = SimpleNamespace(panels=panels, optimal_q=lambda _: optimum)
    left, weights = iter(gains), []

    def gather(weight: Any, *rest: Any) -> Any:
        weights.append(float(weight.sum()))
        return np.zeros((rest[-1].size, dim)), np.zeros(rest[-1].size)

    found = rewired(
        function, MeanField=lambda _: field, trapezoid_grid=lambda *_: grid, _gather=gather,
        _gain=lambda *_: next(left), _resolved=lambda _: resolved,
        _decoder=lambda *_: model.decoder,
    )(model)  # fmt: skip
    # The rough rule has the coarse nodes, at 2^D times their weight.
    mass = 0.5 * _P[:5]
    rough = 2.0**dim * float(mass[_COARSE[:5]].sum())
    return found, max(abs(weights[-1] - rough), abs(weights[0] - float(mass.sum())))


def _pmo(function: Callable[..., Any]) -> float:
    """The change from the rule of twice the step, whose nodes weigh 2^D times as much."""
    worst = 0.0
    for model, factor in ((LINE, 2.0), (PLANE, 4.0)):
        found, _ = _step(function, model, gains=(0.2, 0.2))
        terms = 0.5 * (_P * _KL)[:5]
        change = abs(float(terms.sum() - factor * terms[_COARSE[:5]].sum()))
        worst = max(worst, off(found.pmo.error, change + 1e-14))
    return worst


def _gain(function: Callable[..., Any]) -> float:
    """The same of the gain, whether Legendre series hold f or its panels' own nodes do."""
    worst = 0.0
    for model in (LINE, PLANE):
        for resolved in (True, False):
            for rough in (0.17, 0.26):
                found, weights = _step(function, model, gains=(0.2, rough), resolved=resolved)
                worst = max(worst, weights, off(found.gain.error, abs(0.2 - rough) + 1e-15))
    return worst


def _to_rounding(function: Callable[..., Any]) -> float:
    """A gain that the rougher rule gives, too, keeps its rounding."""
    found, _ = _step(function, LINE, gains=(0.0, 0.0))
    return off(found.gain.error, 1e-15)


def _to_rounding_of_pmo(function: Callable[..., Any]) -> float:
    """So does a PMO: KL = 0 at every node."""
    grid = TrapezoidGrid(np.zeros((2, 1)), np.zeros(2), 0.5, np.array([True, False]), 0.0)
    minima = np.full((2, 8, 3), np.nan)
    minima[:, 0] = 0.0
    optimum = SimpleNamespace(negative_elbo=np.zeros(2), minima=minima, ambiguous=np.zeros(2, bool))
    field = SimpleNamespace(panels=None, optimal_q=lambda _: optimum)
    found = rewired(
        function, MeanField=lambda _: field, trapezoid_grid=lambda *_: grid,
        _gather=lambda *args: (np.zeros((args[-1].size, 1)), np.zeros(args[-1].size)),
        _gain=lambda *_: 0.0, _resolved=lambda _: True, _decoder=lambda *_: LINE.decoder,
    )(SimpleNamespace(
        data_dim=1, decoder=LINE.decoder, name="", noise_variance=LINE.noise_variance
    ))  # fmt: skip
    return off(found.pmo.error, 1e-14)


_STEP = own_m_step.own_m_step

OWN_M_STEP: Table = {
    "PMO: without the rule's change": (_pmo, _STEP, "abs(pmo - rough_pmo) + 1e-14", "1e-14"),
    "PMO: half of the rule's change": (
        _pmo, _STEP, "abs(pmo - rough_pmo)", "0.5 * abs(pmo - rough_pmo)",
    ),
    "PMO: weights of the line in the plane": (_pmo, _STEP, "2.0**model.data_dim", "2.0"),
    "PMO: coarse nodes at their own weight": (_pmo, _STEP, "factor * float(mass", "float(mass"),
    "PMO: without rounding": (_to_rounding_of_pmo, _STEP, " + 1e-14", ""),
    "gain: without the rule's change": (_gain, _STEP, "abs(gain - rough_gain) + 1e-15", "1e-15"),
    "gain: half of the rule's change": (
        _gain, _STEP, "abs(gain - rough_gain)", "0.5 * abs(gain - rough_gain)",
    ),
    "gain: the PMO's change": (_gain, _STEP, "abs(gain - rough_gain)", "abs(pmo - rough_pmo)"),
    "gain: coarse nodes at their own weight": (
        _gain, _STEP, "factor * weight[kept]", "weight[kept]",
    ),
    "gain: every node in the rough rule": (_gain, _STEP, "kept = coarse[node]", "kept = node >= 0"),
    "gain: without rounding": (_to_rounding, _STEP, " + 1e-15", ""),
}  # fmt: skip
