"""Radii for single x: log p(x), the posterior, L_S and the certificate (inference/, kernels)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.polynomial import legendre

from tests.problems import PROBLEMS
from tests.radii.table import Table, off, rewired, shortfall
from theorycheck.inference import certificate, marginal, posterior
from theorycheck.inference import importance as iwae
from theorycheck.models.loading import load_model
from theorycheck.quadrature import latent_panels
from theorycheck.quadrature.kernels import certificate as boxes
from theorycheck.quadrature.kernels import (
    gaussian_expectation,
    importance,
    importance_bound,
    importance_nodes,
    importance_steps,
    log_density,
)

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
        lanes, 1.0 / panels.model.sigma, panels.log_weight, panels.f, panels.centre,
        panels.radius, panels.log_mass, panels.defect, panels.block_centre, panels.block_radius,
        panels.block_log_mass, value, error, np.empty((dim, log_density.LANES)),
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


def _bound_results(function: Callable[..., Any]) -> float:
    """L_S between the ELBO and log E w, each known to the ELBO's error; its own error if less."""
    # value, error, ELBO, its error, log E w.
    results = np.array([
        [-1.0, 0.1, -2.0, 0.01, -0.5], [-1.0, 50.0, -2.0, 0.01, -0.5],
        [-1.9, 50.0, -2.0, 0.01, -0.5], [-9.0, 0.3, -2.0, 0.01, -0.5],
    ])  # fmt: skip

    def batch(*arguments: Any) -> None:
        arguments[-1][:] = results

    bare = rewired(
        function, importance_bound_batch=batch, _kernel_arrays=lambda _: (None,),
        as_panels=lambda m: m,
    )  # fmt: skip
    panels = PROBLEMS["linear_wide"].panels
    many = bare(panels, np.zeros((4, 1)), 0.0, 1.0, 5)
    one = bare(panels, np.zeros((4, 1)), 0.0, 1.0, 1)
    return max(
        off(many.error, [0.1, 1.01, 1.41, 0.3]), off(one.error, [0.01] * 4),
        off(many.value, [-1.0, -1.0, -1.9, -2.01]),
    )  # fmt: skip


def _bound_batch(function: Callable[..., Any]) -> float:
    """The radius of L_S from two nodes whose weights and doubts are given."""
    log_w, doubt, mass = np.array([0.0, 1.5]), np.array([0.003, 0.0002]), np.array([0.7, 0.3])
    log_mean = math.log(0.7 + 0.3 * math.exp(1.5))

    def nodes(_x: Any, _m: Any, _s: Any, _i: Any, _p: Any, _d: Any, _k: Any, _n: Any,
              tolerance: float, buffers: Any) -> int:  # fmt: skip
        rows = buffers[0]
        rows[importance_nodes.MASS, :2], rows[importance_nodes.LOG_W, :2] = mass, log_w
        rows[importance_nodes.DOUBT, :2] = doubt
        # The coarser nodes have another mean of log w.
        rows[importance_nodes.LOG_W, 0] += 0.01 if tolerance == importance.CHECK[2] else 0.0
        return 2

    def integral(_m: Any, _w: Any, _c: int, _s: float, rule: Any, *_: Any) -> Any:
        if rule == importance.CHECK:
            return 0.45, log_mean, 1.0, 5
        return 0.4, log_mean, 0.0007, 30

    results = np.empty((1, 5))
    rewired(
        function,
        importance_nodes=nodes,
        log_mean_weight=integral,
        node_buffers=lambda *_: (np.empty((4, 8)),),
        integral_buffers=lambda _: None,
        prange=range,
    )(np.zeros((1, 1)), np.zeros(1), np.zeros(1), 5.0, None, None, np.zeros(1), 0.0, results)
    by_q = float(mass @ doubt)
    by_posterior = float((mass * np.exp(log_w - log_mean)) @ doubt)
    error = 0.05 + 0.0007 + by_q + by_posterior
    return off(results[0, [1, 3]], [error, 0.7 * 0.01 + by_q])


def _rounding_of_bound(function: Callable[..., Any]) -> float:
    """Sixteen units of rounding for each nat of log t, where nothing else is off."""

    def nodes(*arguments: Any) -> int:
        arguments[-1][0][:] = np.array([[0.0], [1.0], [0.0], [0.0]])
        return 1

    results = np.empty((1, 5))
    rewired(
        function,
        importance_nodes=nodes,
        log_mean_weight=lambda *_: (0.5, 2.5, 0.0, 30),
        node_buffers=lambda *_: (np.empty((4, 1)),),
        integral_buffers=lambda _: None,
        prange=range,
    )(np.zeros((1, 1)), np.zeros(1), np.zeros(1), 5.0, None, None, np.zeros(1), 0.0, results)
    return off(results[0, [1, 3]], [16.0 * EPS * (4.0 + 2.0 + 30.0 / 3.0), 16.0 * EPS])


def _integral(function: Callable[..., Any]) -> float:
    """What the rule in t leaves out at its ends, and what its step of log 2/phases can miss."""
    worst = 0.0
    for rule in (importance.CHECK, (1, 1e-9, 1e-11)):
        found = function(
            np.array([0.7, 0.3]), np.array([0.0, 2.0]), 2, 3.0, rule, -np.inf,
            importance_steps.integral_buffers(2),
        )  # fmt: skip
        gap = found[1] - found[0]
        worst = max(worst, off(found[2], 2.0 * rule[1] + _trapezoid(gap, rule[0])))
    return worst


def _trapezoid(gap: float, phases: int) -> float:
    c = math.cos(1.5)
    bound = 2.0 + math.log(1.0 + 1.0 / c) + math.log(1.0 / c) + 0.22 + max(gap, 0.0)
    return 2.0 * bound / math.expm1(2.0 * math.pi * 1.5 * phases / math.log(2.0))


def _trapezoid_error(function: Callable[..., Any]) -> float:
    return off([function(g, p) for g in (-1.0, 0.5, 9.0) for p in (1, 3)],
               [_trapezoid(g, p) for g in (-1.0, 0.5, 9.0) for p in (1, 3)])  # fmt: skip


def _integral_cut_short(function: Callable[..., Any]) -> float:
    """Out of steps the integral is wrong, and what is left of it is bounded."""
    mass, log_w = np.array([0.5, 0.5]), np.array([0.0, -300.0])
    buffers = importance_steps.integral_buffers(2)
    few = (buffers[0], buffers[1], buffers[2][: 16 * 3 * 4], buffers[3])
    found = function(mass, log_w, 2, 2.0, importance.RESULT, -np.inf, few)
    # L_2 of two draws: both heavy, one, or none.
    exact = 0.75 * 0.0 + 0.25 * -300.0 + 0.5 * math.log(0.5)
    assert abs(found[0] - exact) > 1.0
    return shortfall(abs(found[0] - exact), found[2])


def _doubtful_nodes(function: Callable[..., Any]) -> float:
    """A panel whose series lacks its last degree: log w is off, and by no more than is said."""
    missed = 0.01
    panels = PROBLEMS["linear_wide"].panels
    arrays = PROBLEMS["linear_wide"].mean_field.arrays[0]
    row = int(np.searchsorted(panels.left, 0.5, side="right")) - 1
    left, right = panels.left[row], panels.right[row]
    a, b = (left - 0.3) / 0.8, (right - 0.3) / 0.8
    nodes = np.empty((4, 16))
    function(
        np.array([2.0]), a, b, row, 0.3, 0.8, 1.0 / panels.model.sigma, arrays, missed,
        0.0, np.empty((4, 16)), nodes, 0,
    )  # fmt: skip
    t = nodes[importance_nodes.T]
    z = 0.3 + 0.8 * t
    u = (2.0 * z - left - right) / (right - left)
    # f in σ = 3: 0.5 z − 1, and what the panel misses of it.
    f = (0.5 * z - 1.0) / 3.0 + missed * legendre.legval(u, [0.0] * 15 + [1.0])
    exact = 0.5 * t**2 - 0.5 * z**2 - 0.5 * (2.0 / 3.0 - f) ** 2
    worst = shortfall(np.abs(nodes[importance_nodes.LOG_W] - exact), nodes[importance_nodes.DOUBT])
    # And by hand.
    r = np.abs(2.0 / 3.0 - (0.5 * z - 1.0) / 3.0)
    return max(worst, off(nodes[importance_nodes.DOUBT], missed * (r + missed)) - 1e-9)


def _rounding_of_nodes(function: Callable[..., Any]) -> float:
    """Eight units of rounding for each of the terms that log w is the sum of."""
    panels = PROBLEMS["linear_plane"].panels
    arrays = PROBLEMS["linear_plane"].mean_field.arrays[0]
    row = int(np.searchsorted(panels.left, 0.5, side="right")) - 1
    a, b = (panels.left[row] - 0.3) / 0.8, (panels.right[row] - 0.3) / 0.8
    nodes, x, sigma = np.empty((4, 16)), np.array([2.0, -1.0]), panels.model.sigma
    function(x, a, b, row, 0.3, 0.8, 1.0 / sigma, arrays, 0.0, 0.0, np.empty((5, 16)), nodes, 0)
    t = nodes[importance_nodes.T]
    z = 0.3 + 0.8 * t
    f = np.stack([z + 0.3, -2.0 * z])
    r = np.abs(x[:, None] - f) / sigma[:, None]
    size = np.abs(x[:, None]) + np.abs(f)
    terms = 0.5 * t**2 + 0.5 * z**2 + (0.5 * r**2 + r * size / sigma[:, None]).sum(axis=0)
    return max(off(nodes[importance_nodes.DOUBT], 8.0 * EPS * terms) - 1e-6, 0.0)


def _pieces_not_split(function: Callable[..., Any]) -> float:
    """Where splitting ends, a node is taken to stand an eighth of the piece's variation off."""
    problem = PROBLEMS["linear_narrow"]
    buffers = importance_nodes.node_buffers(problem.panels.size, 1)
    arguments = (
        np.array([0.7]), 0.2, math.log(0.5), 1.0 / problem.model.sigma,
        problem.mean_field.arrays[0], 0.0 * problem.panels.defect, 0.0, 5.0, 1e-14, buffers,
    )  # fmt: skip
    count = rewired(function, _SPLIT_LIMIT=-1)(*arguments)
    nodes = buffers[0][:, :count].reshape(4, -1, 16)
    steps = np.abs(np.diff(nodes[importance_nodes.LOG_W], axis=1)).sum(axis=1)
    variation = steps / legendre.leggauss(16)[0][-1]
    allowed = [
        importance_nodes.allowed_variation(5.0 * m, 1e-14)
        for m in nodes[importance_nodes.MASS].sum(axis=1)
    ]
    cut = variation > np.array(allowed)
    assert cut.any()
    doubt = nodes[importance_nodes.DOUBT][cut]
    return max(off(doubt, np.repeat(0.125 * variation[cut][:, None], 16, 1)) - 1e-6, 0.0)


def _lower_bound(function: Callable[..., Any]) -> float:
    """A bound less the quadrature's error, and the gap to the optimum from there."""
    field = PROBLEMS["ramp"].mean_field

    def batch(*arguments: Any) -> None:
        arguments[-2][:] = [-7.0, 1e6]

    best = SimpleNamespace(negative_elbo=np.array([-6.0, 1e6 + 1.0]))
    found = rewired(function, certify_batch=batch)(field, np.zeros((2, 1)), best)
    constant = 0.5 * math.log(2.0 * math.pi * 0.01)
    bound = np.array([-7.0, 1e6]) + constant
    below = bound - 1e-12 * (1.0 + np.abs(bound))
    # 1e-12 of 1e6 is far above the spacing of floats there.
    return max(
        off(bound[1] - found.lower_bound[1], bound[1] - below[1]),
        off(found.gap, best.negative_elbo - below),
    )  # fmt: skip


def _strip(function: Callable[..., Any]) -> float:
    """No q of a strip has a smaller −ELBO, from a cost that is 10 on three panels and 0 beyond."""
    left, right = np.array([-1.0, 0.0, 1.0]), np.array([0.0, 1.0, 2.0])
    worst = 0.0
    for low, high, top in ((0.2, 0.3, 0.2), (-0.4, -0.2, 0.1), (-0.2, 1.0, 2.0)):
        cost = np.array([10.0, 10.0, 10.0])
        least = np.inf
        for mean in np.linspace(low, high, 5):
            for s in top * np.array([0.2, 0.6, 1.0]):
                prior = 0.5 * (s * s + mean**2 - 1.0) - math.log(s)
                # Beyond three s of the strip nothing is known: the cost may be 0 there.
                least = min(least, prior + 10.0 * math.erf(3.0 / math.sqrt(2.0)))
        worst = max(worst, max(function(low, high, top, left, right, cost) - least, 0.0))
    return worst


def _box(function: Callable[..., Any]) -> float:
    """No q of a box has a smaller −ELBO: its tangent and its curvature, each where it counts."""
    problem = PROBLEMS["wave"]
    field, x = problem.mean_field, np.array([0.4])
    work = gaussian_expectation.workspace(1)
    constant = 0.5 * math.log(2.0 * math.pi * 0.01)
    worst = 0.0
    for mean, s, half_mean, half_s in (
        (0.6, 0.3, 1e-4, 0.0), (0.6, 0.3, 0.0, 1e-4), (0.524, 0.15, 0.03, 0.0),
        (-0.4, 0.2, 0.02, 0.04),
    ):  # fmt: skip
        bound = function(
            x, mean, s, half_mean, half_s, certificate.curvature_constant(),
            1.0 / problem.model.sigma, *field.arrays, work,
        )  # fmt: skip
        u = np.linspace(-1.0, 1.0, 9)
        means, scales = (mean + half_mean * u).repeat(9), np.tile(s + half_s * u, 9)
        values = field.negative_elbo(np.repeat(x[None], 81, 0), means, scales) - constant
        worst = max(worst, bound - float(values.min()))
    return max(worst - 1e-9, 0.0)


def _bend(function: Callable[..., Any]) -> float:
    """The bound by its parts: value, both slopes, and the curvature of a cost seen by a wider q."""
    problem = PROBLEMS["wave"]
    field, x, work = problem.mean_field, np.array([0.4]), gaussian_expectation.workspace(1)
    constant = 0.5 * math.log(2.0 * math.pi * 0.01)
    found = function(x, 0.6, 0.3, 0.01, 0.02, 3.0, 1.0 / problem.model.sigma, *field.arrays, work)
    value, by_mean, by_log_scale = field.derivatives(x[None], 0.6, 0.3)[0, :3]
    _, square = field.expectations(x[None], 0.6, 0.45)
    bend = 3.0 * 0.5 * square[0, 0] / 0.01 / 0.09
    expected = (
        value - constant - abs(by_mean) / 0.3 * 0.01 - abs(by_log_scale) / 0.3 * 0.02
        - 0.5 * bend * (0.01**2 + 0.02**2)
    )  # fmt: skip
    return max(off(found, expected) - 1e-8, 0.0)


class _Coarser:
    """numpy with a tenth of the points on a long axis: the maximum is the same to 1e-4."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def linspace(start: float, stop: float, count: int) -> Any:
        return np.linspace(start, stop, count if count < 1000 else count // 10)


def _curvature(function: Callable[..., Any]) -> float:
    """q k(t)/s² stays below A N(μ₀, (1.5 s₀)²)/s₀² at latents and q of a box drawn at random."""
    rng = np.random.default_rng(7)
    u, a, b = (
        rng.uniform(-6, 6, 20_000),
        rng.uniform(-0.25, 0.25, 20_000),
        rng.uniform(0.75, 1.25, 20_000),
    )
    t = (u - a) / b
    # The smaller eigenvalue of the second derivatives of the density in (μ, s), over q/s².
    first, second, third = t**2 - 1.0, t**3 - 3.0 * t, t**4 - 5.0 * t**2 + 2.0
    smaller = 0.5 * (first + third) - np.sqrt(0.25 * (first - third) ** 2 + second**2)
    q = np.exp(-0.5 * t**2) / b
    wide = np.exp(-0.5 * (u / 1.5) ** 2) / 1.5
    largest = float((-smaller * q / b**2 / wide).max())
    found = rewired(function, np=_Coarser())()
    return max(shortfall(largest * 1.02, found), float(found > 1.2 * largest))


def _least_cost(function: Callable[..., Any]) -> float:
    """The cost of a panel from the nearest point of its ball."""
    centre, radius = np.array([[2.0], [0.5]]), np.array([0.6, 0.9])
    given: list[Any] = []

    def one(*arguments: Any) -> tuple[float, int]:
        given.append(arguments[8].copy())
        return 0.0, 0

    rewired(function, _certify=one, prange=range)(
        np.zeros((1, 1)), np.zeros(1), 1e-6, 10, 1.0, np.array([2.0]), None, None, centre, radius,
        np.empty(1), np.empty(1, dtype=np.int64),
    )  # fmt: skip
    return max(off(given[0][0], 0.5 * 3.4**2), off(given[0][1], 0.5 * 0.1**2) - 1e-12)


_BATCH = importance_bound.importance_bound_batch
_DENSITY = log_density._lanes

INFERENCE: Table = {
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
    "L_S: radius of 0": (_bound_results, iwae.iwae_bound, "np.minimum(error, widest)", "0.0 * error"),
    "L_S: never more than its rules say": (
        _bound_results, iwae.iwae_bound, "np.minimum(error, widest)", "error",
    ),
    "L_S: up to log E w only": (
        _bound_results, iwae.iwae_bound, "np.maximum(upper - inside, inside - lower)",
        "(upper - inside)",
    ),
    "L_S: down to the ELBO only": (
        _bound_results, iwae.iwae_bound, "np.maximum(upper - inside, inside - lower)",
        "(inside - lower)",
    ),
    "L_S: ELBO known exactly": (_bound_results, iwae.iwae_bound, "elbo - elbo_error", "elbo"),
    "L_S: log E w known exactly": (
        _bound_results, iwae.iwae_bound, "evidence + elbo_error", "evidence",
    ),
    "L_1: error of the integral in its place": (
        _bound_results, iwae.iwae_bound, "elbo_error.copy()", "error.copy()",
    ),
    "L_S: without the change of the rules": (_bound_batch, _BATCH, "abs(fine - coarse) +", ""),
    "L_S: without what is left out": (_bound_batch, _BATCH, "+ left_out", ""),
    "L_S: without the doubt under q": (_bound_batch, _BATCH, "+ by_q + by_posterior", "+ by_posterior"),
    "L_S: without the doubt under the posterior": (
        _bound_batch, _BATCH, "+ by_posterior\n", "\n",
    ),
    "L_S: posterior without its weights": (
        _bound_batch, _BATCH, "* exp_nonpositive(nodes[LOG_W, i] - log_mean)", "",
    ),
    "ELBO: without the change of the rule": (
        _bound_batch, _BATCH, "abs(fine_mean - coarse_mean) +", "",
    ),
    "ELBO: without the doubt under q": (_bound_batch, _BATCH, "+ by_q + _ROUNDING", "+ _ROUNDING"),
    "L_S: rounding of 4 nats only": (
        _rounding_of_bound, _BATCH, "+ abs(fine - log_mean) + steps / RESULT[0]", "",
    ),
    "L_S: rounding without its steps": (_rounding_of_bound, _BATCH, "+ steps / RESULT[0]", ""),
    "L_S: rounding without its gap": (_rounding_of_bound, _BATCH, "+ abs(fine - log_mean) +", "+"),
    "ELBO: without rounding": (_rounding_of_bound, _BATCH, "+ by_q + _ROUNDING", "+ by_q"),
    "integral: without the rule in t": (
        _integral, importance.log_mean_weight, "+ trapezoid_error(-total, phases)", "",
    ),
    "integral: without its ends": (
        _integral, importance.log_mean_weight, "left_out = 2.0 * truncation", "left_out = 0.0",
    ),
    "integral: one end": (
        _integral, importance.log_mean_weight, "left_out = 2.0 * truncation",
        "left_out = truncation",
    ),
    "integral: gap of the other sign": (
        _integral, importance.log_mean_weight, "trapezoid_error(-total", "trapezoid_error(total",
    ),
    "integral: cut short for nothing": (
        _integral_cut_short, importance.log_mean_weight, "left_out += last", "left_out += 0.0 * last",
    ),
    "integral: cut short at the power of S": (
        _integral_cut_short, importance.log_mean_weight, "last ** (samples - 1.0)",
        "last ** (samples + 100.0)",
    ),
    "rule in t: without E1": (
        _trapezoid_error, importance.trapezoid_error, "+ math.log1p(1.0 / c)", "",
    ),
    "rule in t: without its strip": (
        _trapezoid_error, importance.trapezoid_error, "- math.log(c)", "",
    ),
    "rule in t: without the gap": (
        _trapezoid_error, importance.trapezoid_error, "+ max(gap, 0.0)", "",
    ),
    "rule in t: one side": (_trapezoid_error, importance.trapezoid_error, "2.0 * bound", "bound"),
    "rule in t: step of one phase": (
        _trapezoid_error, importance.trapezoid_error, "* phases / LOG_2", "/ LOG_2",
    ),
    "nodes: without what the panel misses": (
        _doubtful_nodes, importance_nodes._fill, "+= defect * (work", "+= 0.0 * (work",
    ),
    "nodes: what the panel misses to first order": (
        _doubtful_nodes, importance_nodes._fill, "(work[0, i] + defect)", "work[0, i]",
    ),
    "nodes: what the panel misses at f": (
        _doubtful_nodes, importance_nodes._fill, "(work[0, i] + defect)", "defect",
    ),
    "nodes: without rounding of q and prior": (
        _rounding_of_nodes, importance_nodes._fill, "[DOUBT, first + i] = 0.5 * t * t + 0.5 * z * z",
        "[DOUBT, first + i] = 0.0",
    ),
    "nodes: without rounding of the residual's square": (
        _rounding_of_nodes, importance_nodes._fill, "[DOUBT, first + i] += 0.5 * r * r",
        "[DOUBT, first + i] += 0.0",
    ),
    "nodes: without rounding of x and f": (
        _rounding_of_nodes, importance_nodes._fill, "+= abs(r) * (size", "+= 0.0 * (size",
    ),
    "nodes: rounding of x only": (
        _rounding_of_nodes, importance_nodes._fill, "(size + abs(f[i]))", "size",
    ),
    "nodes: rounding of f only": (
        _rounding_of_nodes, importance_nodes._fill, "(size + abs(f[i]))", "abs(f[i])",
    ),
    "nodes: rounding in data units": (
        _rounding_of_nodes, importance_nodes._fill, "(size + abs(f[i])) * inverse_sigma[d]",
        "(size + abs(f[i]))",
    ),
    "nodes: pieces not split without a doubt": (
        _pieces_not_split, importance_nodes.importance_nodes, "+= variation * _NODE_SHARE",
        "+= 0.0",
    ),
    "certificate: without the quadrature's error": (
        _lower_bound, certificate.certify_optimal_q,
        "_QUADRATURE * (1.0 + np.abs(bound))", "0.0",
    ),
    "certificate: quadrature's error of size 1": (
        _lower_bound, certificate.certify_optimal_q, "(1.0 + np.abs(bound))", "1.0",
    ),
    "certificate: curvature without its eigenvalue": (
        _curvature, certificate.curvature_constant.__wrapped__, "8.0 * (t**2 + 1.0)", "0.0 * t",
    ),
    "certificate: curvature of the box's centre": (
        _curvature, certificate.curvature_constant.__wrapped__, "np.linspace(1.0 - BOX, 1.0 + BOX, 21)", "[1.0]",
    ),
    "certificate: curvature of the middle row": (
        _curvature, certificate.curvature_constant.__wrapped__, "np.linspace(0.0, BOX, 11)", "[0.0]",
    ),
    "certificate: strip with all of q": (_strip, boxes._strip_bound, "_WITHIN_THREE * cost", "cost"),
    "certificate: strip without the least scale": (
        _strip, boxes._strip_bound, "0.5 * low * low", "0.5 * high * high",
    ),
    "certificate: box without its slope in μ": (
        _box, boxes._box_bound, "- abs(slope_mean) * half_mean", "",
    ),
    "certificate: box without its slope in s": (
        _box, boxes._box_bound, "- abs(slope_scale) * half_scale", "",
    ),
    "certificate: box without its curvature": (
        _bend, boxes._box_bound, "- 0.5 * bend * (", "- 0.0 * bend * (",
    ),
    "certificate: curvature of a narrower cost": (
        _bend, boxes._box_bound, "WIDER * scale", "scale",
    ),
    "certificate: curvature in μ only": (
        _bend, boxes._box_bound, "half_mean * half_mean + half_scale * half_scale",
        "half_mean * half_mean",
    ),
    "certificate: cost at the ball's centre": (
        _least_cost, boxes.certify_batch, "- radius[j]", "",
    ),
}  # fmt: skip
