"""Radii of the rule in the latent and its noise (quadrature/_noise_rule.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired
from theorycheck.quadrature import _noise_rule as noise_rule
from theorycheck.quadrature._rules import gauss_legendre


def _extrapolated(function: Callable[..., Any]) -> float:
    """Coefficients that fall by q a degree, that do not, and of two functions apart."""
    order = 12
    worst = 0.0
    for q in (0.9, 0.3):
        size = np.stack([q ** np.arange(order), np.full(order, 0.7)], axis=1)[None]
        # Windows of four: the highest of the last is at degree 8, of those before at degree 4.
        high, middle = q**8, q**4
        fall = min(1.0, 6.0 * high / middle)
        falling = 4.2 * high * fall ** (order / 8.0)
        worst = max(worst, off(function(size, order)[0], [falling, 4.2 * 0.7]))
    return worst


def _oscillating(function: Callable[..., Any]) -> float:
    """At a kink every second coefficient may be nothing, and the mean says nothing of the rest."""
    size = np.zeros((1, 12, 1))
    size[0, :, 0] = [5.0, 0.0, 0.4, 0.0, 0.4, 0.0, 0.4, 0.0, 0.4, 0.0, 0.4, 0.0]
    few = np.zeros((1, 4, 1))
    # Four nodes: windows of two, and no more than degrees 1 and 2 or 3 to go by.
    few[0, :, 0] = [1e9, 0.2, 0.1, 0.05]
    fall = min(1.0, 6.0 * 0.1 / 0.2)
    return off([function(size, 12)[0, 0], function(few, 4)[0, 0]], [4.2 * 0.4, 4.2 * 0.1 * fall])


def _strip(trouble: Any, integral: Any) -> Any:
    return SimpleNamespace(
        trouble=np.array(trouble), integral=np.array(integral), x=np.zeros((1, 1)),
        weight=np.ones(1), values=np.zeros((1, 2)), reach=np.zeros((1, 2, 1)),
    )  # fmt: skip


def _all_strips(function: Callable[..., Any]) -> float:
    """Errors add up over directions and strips, each function's own; the sum has rounding."""
    strips = [
        _strip([[1e-3, 2e-4], [3e-5, 4e-2]], [3.0, -1.0]),
        _strip([[2e-3, 5e-4], [6e-5, 1e-2]], [-2.5, 4.0]),
    ]  # fmt: skip
    found = function(strips, np.zeros(3, bool), 0.007, np.full(2, math.inf), 1)
    radii = off([*found.error, found.missing_mass], [3.09e-3 + 5.5e-14, 0.0507 + 5e-14, 0.007])
    exact = [_strip([[0.0, 0.0]] * 2, [3.0, -1.0]), _strip([[0.0, 0.0]] * 2, [-2.5, 4.0])]
    rounding = function(exact, np.zeros(3, bool), 0.0, np.full(2, math.inf), 1).error
    # Converged where every error is within its own tolerance.
    told = [
        function(strips, np.zeros(3, bool), 0.0, np.array(t), 1).converged
        for t in ((4e-3, 0.06), (4e-3, 0.04), (2e-3, 0.06))
    ]  # fmt: skip
    return max(radii, off(rounding, [5.5e-14, 5e-14]), float(told != [True, False, False]))


def _no_strips(function: Callable[..., Any]) -> float:
    """Strips too light to be looked at are missing."""
    return off(function([], np.zeros(3, bool), 0.007, np.ones(2), 1).missing_mass, 0.007)


def _each_direction(function: Callable[..., Any]) -> float:
    """What each direction misses comes from its own coefficients, in z, in ε₁ and in ε₂."""
    rules = [noise_rule.gauss_hermite(6), noise_rule.gauss_hermite(8)]
    z = np.polynomial.legendre.leggauss(noise_rule.STRIP_ORDER)[0]
    z_weight = 0.3 * gauss_legendre(noise_rule.STRIP_ORDER)[1][None]
    # g = (1 + P₁₅(z)) (1 + 2 He₅(ε₁)/√5!) (1 + 3 He₇(ε₂)/√7!): coefficients are read off.
    highest = [
        np.polynomial.hermite_e.hermeval(nodes, np.eye(len(nodes))[-1])
        / math.sqrt(math.factorial(len(nodes) - 1))
        for nodes, _, _ in rules
    ]  # fmt: skip
    legendre = np.polynomial.legendre.legval(z, np.eye(noise_rule.STRIP_ORDER)[-1])
    g = (
        (1.0 + legendre)[:, None, None]
        * (1.0 + 2.0 * highest[0])[None, :, None]
        * (1.0 + 3.0 * highest[1])[None, None, :]
    )
    found = rewired(function, _missed=lambda size, order: size[:, -1] * order)(
        g[None, ..., None], z_weight, rules
    )
    means = [
        float(weights @ np.abs(1.0 + k * h))
        for k, h, (_, weights, _) in zip((2.0, 3.0), highest, rules, strict=True)
    ]  # fmt: skip
    in_z = float(z_weight[0] @ np.abs(1.0 + legendre))
    expected = [
        # φ(z) is in the weights: 0.3 of it, and twice a coefficient.
        2.0 * 0.3 * means[0] * means[1] * noise_rule.STRIP_ORDER,
        in_z * 2.0 * means[1] * 6.0, in_z * 3.0 * means[0] * 8.0,
    ]  # fmt: skip
    return off(found[0, :, 0], expected)


_MISSED, _COLLECT, _TROUBLE = noise_rule._missed, noise_rule._collect, noise_rule._trouble

NOISE_RULE: Table = {
    "missed: as the highest coefficients only": (_extrapolated, _MISSED, "_SHARE * high", "high"),
    "missed: their fall as seen": (_extrapolated, _MISSED, "_DISTRUST * high", "high"),
    "missed: a fall for every degree": (
        _extrapolated, _MISSED, "(order / (2.0 * window))", "order",
    ),
    "missed: nothing where coefficients do not fall": (
        _extrapolated, _MISSED, "np.minimum(1.0, _DISTRUST", "np.minimum(0.5, _DISTRUST",
    ),
    "missed: coefficients that rise": (
        _oscillating, _MISSED, "np.minimum(1.0, _DISTRUST * high / (middle + 1e-300))",
        "_DISTRUST * high / (middle + 1e-300)",
    ),
    "missed: the last coefficient alone": (
        _oscillating, _MISSED, "size[:, -window:].max(axis=1)", "size[:, -1]",
    ),
    "missed: against the mean": (
        _oscillating, _MISSED, "max(1, order - 2 * window)", "max(0, order - 2 * window)",
    ),
    "missed: the least of the highest": (
        _oscillating, _MISSED, "size[:, -window:].max(axis=1)", "size[:, -window:].min(axis=1)",
    ),
    "sum: the worst direction": (
        _all_strips, _COLLECT, "s.trouble.sum(axis=0)", "s.trouble.max(axis=0)",
    ),
    "sum: the worst strip": (
        _all_strips, _COLLECT, "for s in done]).sum(axis=0)\n    value",
        "for s in done]).max(axis=0)\n    value",
    ),
    "sum: the noise only": (
        _all_strips, _COLLECT, "s.trouble.sum(axis=0)", "s.trouble[1:].sum(axis=0)",
    ),
    "sum: without rounding": (_all_strips, _COLLECT, "error + 1e-14 *", "error + 0.0 *"),
    "sum: rounding of what cancels": (
        _all_strips, _COLLECT, "np.abs(s.integral) for s", "s.integral for s",
    ),
    "sum: nothing missing": (_all_strips, _COLLECT, "missing_mass=missing", "missing_mass=0.0"),
    "sum: converged where one function is": (
        _all_strips, _COLLECT, "np.all(error <= tolerance)", "np.any(error <= tolerance)",
    ),
    "no strip: nothing missing": (_no_strips, _COLLECT, "apart, missing, True", "apart, 0.0, True"),
    "direction: twice a coefficient in z": (_each_direction, _TROUBLE, "2.0 * np.abs", "np.abs"),
    "direction: the prior mass twice": (
        _each_direction, _TROUBLE, "tensor * density", "2.0 * tensor * density",
    ),
    "direction: coefficients that cancel over z": (
        _each_direction, _TROUBLE, "size = np.abs(series)\n        for other",
        "size = series\n        for other",
    ),
    "direction: z's error in place of noise's": (
        _each_direction, _TROUBLE, "_missed(mean, len(nodes))", "_missed(size.sum(axis=1), 1)",
    ),
    "direction: not weighted by the strip's mass": (
        _each_direction, _TROUBLE, '"sz,szjm->sjm", z_weight, size', '"szjm->sjm", size',
    ),
}  # fmt: skip
