"""Radii of the M-step's gain (optimum/_stationarity.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.inference import (
    DrawRule,
    ExactLinearGaussian,
    LinearGaussianModel,
    MeanField,
    MeanFieldBoxes,
)
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.models._loading import load_model
from theorycheck.optimum import _stationarity as stationarity
from theorycheck.quadrature._data_nodes import DataSample

#: Two data dimensions of unequal σ², x ~ N(0, A) with A = a aᵀ + Σ.
SLOPE, NOISE = np.array([1.0, 0.5]), np.array([0.25, 1.0])

#: Decoders whose gain the change to twice the step does not hold, at places of σ² found by a scan.
JUMPS = (("sin(2.942*z)", 0.145), ("tanh(z)+0.5*sin(3.164*z)", 0.1085), ("sin(3*z)", 0.05))

LINE = load_model("expr:[z, 0.5*z]", noise_variance=[0.25, 1.0])


def _twice(model: GenerativeModel) -> tuple[MeanField, MeanField]:
    """A model on its own p(x)."""
    field = MeanField(model)
    return field, field


def _m_step_of_a_line(function: Callable[..., Any]) -> float:
    """½ E |f_new − f|²/σ² for f = (1.4 z, 0.2 z) and Gaussian data, in closed form.

    q = N(k·x, s²), so that z ~ N(0, v) and E[x|z] is a line through 0: nothing bends, and the rule
    of twice the step is as good.
    """
    model = load_model("expr:[1.4*z, 0.2*z]", noise_variance=[0.25, 1.0])
    slope = np.array([1.4, 0.2])
    precision = 1.0 + float((slope**2 / NOISE).sum())
    k = slope / NOISE / precision
    covariance = np.outer(SLOPE, SLOPE) + np.diag(NOISE)
    variance = float(k @ covariance @ k) + 1.0 / precision
    new = covariance @ k / variance
    exact = 0.5 * variance * float(((new - slope) ** 2 / NOISE).sum())
    return max(
        abs(function(MeanField(model), MeanField(LINE)).m_step_gain.value / exact - 1.0) - 1e-8, 0.0
    )


def _m_step_is_sharp(function: Callable[..., Any]) -> float:
    """A radius of 1 would be honest: there, where all is smooth, it is below 1e-7."""
    model = load_model("expr:[1.4*z, 0.2*z]", noise_variance=[0.25, 1.0])
    return max(function(MeanField(model), MeanField(LINE)).m_step_gain.error / 1e-7 - 1.0, 0.0)


def _gain_on(function: Callable[..., Any]) -> float:
    return _m_step_of_a_line(rewired(stationarity._on_nodes, _gain=function))


def _m_step_where_q_jumps(function: Callable[..., Any]) -> float:
    """The gain on the usual nodes against ten times as many, where the optimal q jumps."""
    worst = 0.0
    for formula, variance in JUMPS:
        model = load_model(f"expr:{formula}", noise_variance=variance)
        found = function(*_twice(model)).m_step_gain
        worst = max(worst, shortfall(abs(found.value - _finely(formula, variance)), found.error))
    return worst


@cache
def _finely(formula: str, variance: float) -> float:
    model = load_model(f"expr:{formula}", noise_variance=variance)
    check = rewired(stationarity._on_nodes, _STEP=0.0211)
    return float(check(*_twice(model)).m_step_gain.value)


def _m_step_by_its_rules(function: Callable[..., Any]) -> float:
    """In the plane: a quarter of the furthest of 16 rules of four times the step."""
    given: list[float] = []

    def gain(_field: Any, sums: Any) -> float:
        given.append(float(sums[0] + 10.0 * sums[1] ** 2 / sums[0]))
        return given[-1]

    def sums(_field: Any, x: Any, mass: Any, *_: Any) -> Any:
        return np.array([mass.sum(), (mass * np.sign(np.sin(3.1 * x[:, 0] + x[:, 1]))).sum()])

    found = rewired(function, _gain=gain, _sums=sums)(*_twice(LINE))
    apart = np.abs(np.array(given[1:]) - given[0])
    assert len(apart) == 16
    return off(found.m_step_gain.error, 0.25 * apart.max() + 1e-15)


def _m_step_of_draws(function: Callable[..., Any]) -> float:
    """D > 2: five standard errors and the bias, by leaving out one repetition after the other."""
    model = load_model("expr:[z, z, z]", noise_variance=0.5)
    draws = DataSample(np.random.default_rng(1).normal(size=(4, 8, 3)))

    def sums(_field: Any, x: Any, mass: Any, *_: Any) -> Any:
        return np.array([(mass * x[:, 0]).sum(), mass.sum()])

    found = rewired(
        function, _gain=lambda _, s: float(s[0] ** 2 / s[1]), _sums=sums,
        data_rule=lambda *_, **__: DrawRule(draws),
    )(*_twice(model))  # fmt: skip
    means = draws.x[..., 0].mean(axis=1)
    without = np.array([np.delete(means, r).mean() ** 2 for r in range(4)])
    error = math.sqrt(0.75 * float(((without - without.mean()) ** 2).sum()))
    bias = 3.0 * abs(float(without.mean()) - float(means.mean()) ** 2)
    return off(found.m_step_gain.error, 5.0 * error + bias)


def _on_two_latents(function: Callable[..., Any]) -> float:
    """A line of two latents, whose gain is known: q is found to within 1e-12 nats or so."""
    w, variance = np.array([[1.0, 0.7]]), 0.6
    decoder = Decoder.from_function(lambda z: z @ w.T, latent_dim=2, name="line")
    field = MeanFieldBoxes(GenerativeModel(decoder, variance))
    known = ExactLinearGaussian(LinearGaussianModel(w, variance)).own_m_step_gain
    found = function(field, field).m_step_gain
    return shortfall(abs(found.value - known.value), found.error)


STATIONARITY: Table = {
    "two latents: the best q exactly": (
        _on_two_latents, stationarity._on_nodes, "estimate.error + moved", "estimate.error",
    ),
    "gain with the σ² of another dimension": (
        _gain_on, stationarity._gain, "field.model.noise_variance[:, None]",
        "field.model.noise_variance[::-1][:, None]",
    ),
    "gain with the σ² of the first dimension": (
        _gain_on, stationarity._gain, "field.model.noise_variance[:, None]",
        "field.model.noise_variance[0]",
    ),
    "gain without its half": (_gain_on, stationarity._gain, "0.5 * float", "float"),
    "radius of 0": (
        _m_step_where_q_jumps, stationarity._on_nodes, "radius + 1e-15", "0.0",
    ),
    "rounding only": (
        _m_step_where_q_jumps, stationarity._on_nodes, "radius + 1e-15", "1e-15",
    ),
    "one of the rules": (
        _m_step_by_its_rules, stationarity._on_nodes, "np.abs(rules - gain).max()",
        "np.abs(rules - gain)[0]",
    ),
    "a share that is too small": (
        _m_step_where_q_jumps, stationarity._on_nodes, "radius = float",
        "radius = 0.1 * float",
    ),
    "the plane as the line": (
        _m_step_by_its_rules, stationarity._on_nodes, "/ _STRIDE ** (dim - 1)", "",
    ),
    "rules by their own mass": (
        _m_step_is_sharp, stationarity._on_nodes, "_gain(latents, count * part)",
        "_gain(latents, part)",
    ),
    "draws with a radius of 0": (
        _m_step_of_draws, stationarity._on_nodes, "5.0 * spread + bias", "0.0",
    ),
    "draws without their bias": (
        _m_step_of_draws, stationarity._on_nodes, "5.0 * spread + bias", "5.0 * spread",
    ),
    "draws without their spread": (
        _m_step_of_draws, stationarity._on_nodes, "5.0 * spread + bias", "bias",
    ),
    "spread of one repetition left out": (
        _m_step_of_draws, stationarity._on_nodes, "(count - 1) * float(without.var())",
        "float(without.var())",
    ),
}  # fmt: skip
