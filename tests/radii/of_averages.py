"""Radii of H, MLEO, the PMO and residuals (objectives/averages.py, objectives/decomposition.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.of_objectives import LINE, _density, _with_missing
from tests.radii.table import Table, getter, off, rewired
from theorycheck.estimate import Estimate, Kind
from theorycheck.models.loading import load_model
from theorycheck.objectives import averages, decomposition
from theorycheck.objectives.averages import PosteriorAverages
from theorycheck.objectives.decomposition import Decomposition
from theorycheck.quadrature.data_nodes import DataSample, TrapezoidGrid

#: A line in the plane under unequal σ², one of which belongs to each residual.
PLANE = load_model("expr:[z, 0*z]", noise_variance=[0.25, 4.0])


def _on_boxes(function: Callable[..., Any]) -> float:
    """From box errors, masses and errors of log p that are given; two boxes, two nodes each."""
    data = _with_missing(PLANE, 3e-5)
    field = SimpleNamespace(
        panels=data, model=PLANE,
        optimal_q=lambda x, **_: SimpleNamespace(
            mean=0.0, scale=1.0, negative_elbo=elbo, minima=np.full((len(x), 8, 3), np.nan)
        ),
        expectations=lambda x, *_: (np.zeros_like(x), np.ones_like(x)),
    )  # fmt: skip
    log_p = np.log([0.1, 0.2, 0.3, 0.4])
    relative = np.array([1e-4, 2e-4, 3e-4, 4e-4])
    # KL falls 2e-3 short of 0 at one node: so large is rounding.
    elbo = -log_p + np.array([0.1, -2e-3, 0.3, 0.4])
    weight = np.array([[0.5, 0.7], [1.0, 1.2]])
    box_error = np.array([
        [0.01, 0.002, 0.003, 0.0, 0.0, 0.0], [0.02, 0.004, 0.005, 0.0, 0.0, 0.0],
    ])  # fmt: skip
    total = np.array([0.07, 0.5, 0.6, 0.0, 0.0, 0.0])

    def integrate(integrand: Any, *_: Any, **__: Any) -> Any:
        nodes = SimpleNamespace(x=np.zeros((2, 2, 2)), weight=weight, hint=None, generation=0)
        values, _hint = integrand(nodes)
        return SimpleNamespace(
            values=values, weight=weight, value=np.ones(6), error=total, box_error=box_error,
            nodes=nodes.x, converged=True,
        )  # fmt: skip

    density = _density(log_p, relative)
    density.posterior_mean_f = np.zeros((4, 2))
    found = rewired(
        function, log_density=lambda *_: density, integrate_boxes=integrate,
        _first_boxes=lambda *_: (None, None), distinct_candidates_batch=lambda *_: None,
    )(field, data, SimpleNamespace(), tolerance=1.0)  # fmt: skip
    p = np.exp(log_p)
    unseen = (abs(1.0 - weight.ravel() @ p) + 3e-5) * 100.0
    evaluation = float(weight.ravel() @ (p * relative)) + 2e-3 + 1e-13
    residual = (np.array([0.006, 0.008]) + unseen + evaluation) * np.array([0.25, 4.0])
    return max(
        off(found.pmo_error, 0.07 + unseen + evaluation), off(found.residual_error, residual),
        off(found.missing_mass, abs(1.0 - weight.ravel() @ p)),
    )  # fmt: skip


def _on_draws(function: Callable[..., Any]) -> float:
    """Five standard errors, each dimension's own, and what log p is known to on average."""
    rng = np.random.default_rng(6)
    draws = DataSample(rng.normal(size=(4, 8, 2)))
    squares = rng.uniform(size=(32, 2)) * np.array([1.0, 30.0])
    log_p, relative = rng.normal(size=32), rng.uniform(0.0, 0.1, size=32)
    elbo = rng.uniform(2.0, 3.0, size=32)
    field = SimpleNamespace(
        panels=None,
        optimal_q=lambda _: SimpleNamespace(mean=0.0, scale=1.0, negative_elbo=elbo),
        expectations=lambda *_: (None, squares),
    )  # fmt: skip
    density = _density(log_p, relative)
    found = rewired(function, log_density=lambda *_: density)(field, draws)
    expected = [_five(v) for v in (elbo + log_p, squares[:, 0], squares[:, 1])]
    return max(
        off(found.pmo_error, expected[0] + relative.mean()),
        off(found.residual_error, expected[1:]), float(not found.sampled),
    )  # fmt: skip


def _five(values: Any) -> float:
    """Five standard errors over four repetitions of eight."""
    means = values.reshape(4, 8).mean(axis=1)
    return 5.0 * math.sqrt(float(((means - means.mean()) ** 2).sum()) / 3.0 / 4.0)


def _entropy_and_mleo(function: Callable[..., Any]) -> float:
    """H and MLEO on a grid of six nodes, from the definition of each term."""
    p = np.array([0.1, 0.4, 0.3, 0.2, 0.25, 0.35])
    modelled = np.array([0.3, 0.1, 0.2, 0.25, 0.1, 0.05])
    coarse, relative = np.array([True, False] * 3), np.array([1, 2, 3, 4, 5, 6]) * 1e-3
    worst = 0.0
    for missing, unresolved, error in ((7e-4, 3e-3, 0.0), (0.0, 0.0, np.inf)):
        grid = TrapezoidGrid(np.zeros((6, 1)), np.log(p), 0.5, coarse, missing)
        data = _with_missing(LINE, unresolved)
        errors = np.array([0.0, error, 0.0, 0.0, 0.0, 0.0])
        parts = {
            "trapezoid_grid": lambda *_, g=grid: g, "_grid_error": lambda *_: 5e-4,
            "log_density": lambda *_, e=errors: _density(np.log(modelled), relative, e),
        }  # fmt: skip
        _, entropy, mleo = rewired(function, **parts)(data, object())
        _, alone, none = rewired(function, **parts)(data, data)
        largest, far = 1.0 - math.log(0.1), 1.0 - math.log(0.05)
        seen = (missing + unresolved) * (largest + 40.0)

        def change(values: Any) -> float:
            return 0.5 * abs(float(values.sum() - 2.0 * values[coarse].sum()))

        of_entropy = change(p * np.log(p)) + seen + 5e-4 * largest
        of_mleo = change(p * np.log(p / modelled)) + 5e-4 + 0.5 * float(p @ relative)
        of_mleo = np.inf if error else of_mleo + seen * far / largest
        found = [entropy.error, alone.error, mleo.error]
        worst = max(worst, off(found, [of_entropy, of_entropy, of_mleo]), none.error)
    return worst


def _error_of_grid(function: Callable[..., Any]) -> float:
    """Twice the p-weighted difference to the pairwise kernel and its own error."""
    p = np.array([0.1, 0.4, 0.3, 0.2])
    relative = np.array([1e-3, 2e-3, 3e-3, 4e-3])
    value = np.log(p) + np.array([1e-3, -2e-3, 5e-3, 9.0])
    grid = SimpleNamespace(x=np.zeros((4, 1)), log_density=np.log(p))
    found = rewired(function, log_density=lambda *_: _density(value, relative))(None, grid)
    difference = np.array([1e-3, 2e-3, 5e-3, 1.0])
    return off(found, 2.0 * float(p @ (difference + relative)))


def _entropy_of_draws(function: Callable[..., Any]) -> float:
    rng = np.random.default_rng(8)
    draws = DataSample(rng.normal(size=(4, 8, 1)))
    values, errors = rng.normal(size=(2, 32)), rng.uniform(0.0, 0.1, size=(2, 32))
    data, model = object(), object()
    densities = {
        id(p): _density(v, e) for p, v, e in zip((data, model), values, errors, strict=True)
    }
    bare = rewired(function, log_density=lambda panels, _: densities[id(panels)])
    entropy, mleo = bare(draws, data, model)
    alone, none = bare(draws, data, data)
    known = errors.mean(axis=1)
    expected = [
        _five(values[0]) + known.sum(), _five(values[0] - values[1]) + known.sum(),
        _five(values[0]) + known[0],
    ]  # fmt: skip
    kinds = [e.kind is Kind.STATISTICAL for e in (entropy, mleo, alone)]
    return off([entropy.error, mleo.error, alone.error], expected) + none.error + (not all(kinds))


def _parts() -> Any:
    made = [Estimate(1.0, 0.1), Estimate(2.0, 0.02), Estimate(3.0, 0.003)]
    return SimpleNamespace(
        entropy=made[0], mleo=made[1], pmo=made[2],
        negative_elbo=made[0] + made[1] + made[2],
    )  # fmt: skip


def _excess(function: Callable[..., Any]) -> float:
    return off(function(_parts()).error, 0.023)


def _negative_elbo(function: Callable[..., Any]) -> float:
    return off(function(_parts()).error, 0.123)


def _resolved(function: Callable[..., Any]) -> float:
    """A −ELBO of radius 0.123 says nothing, one of 0.003 does."""
    sharp = SimpleNamespace(negative_elbo=Estimate(1.0, 0.003))
    return float(function(_parts()) or not function(sharp))


def _handed_on(function: Callable[..., Any]) -> float:
    """Each average's radius reaches the decomposition with its number."""
    average = PosteriorAverages(
        pmo=0.3, pmo_error=0.01, residual=np.array([0.2, 5.0]),
        residual_error=np.array([0.02, 0.5]), mass=np.ones(1), kl=np.array([0.3]),
        spread=np.zeros(1), x=np.zeros((1, 2)), missing_mass=0.004, sampled=True, converged=True,
    )  # fmt: skip
    parts = {
        name: value for name, value in {
            "averages_on_boxes": lambda *_, **__: average,
            "averages_on_sample": lambda *_, **__: average,
            "_on_grids": lambda *_, **__: (None, Estimate(1.0, 0.1), Estimate(0.0, 0.2)),
            "_on_sample": lambda *_, **__: (Estimate(1.0, 0.1), Estimate(0.0, 0.2)),
        }.items() if name in getattr(function, "__globals__", {})
    }  # fmt: skip
    found = rewired(function, **parts)(PLANE, sample=np.zeros((4, 2)))
    radii = [
        found.entropy.error, found.mleo.error, found.pmo.error,
        *(e.error for e in found.residual_variance), found.kl_distribution.pmo.error,
        found.kl_distribution.missing_mass,
    ]  # fmt: skip
    kinds = [found.pmo.kind, found.residual_variance[1].kind, found.kl_distribution.pmo.kind]
    return off(radii, [0.1, 0.2, 0.01, 0.02, 0.5, 0.01, 0.004]) + sum(
        kind is not Kind.STATISTICAL for kind in kinds
    )


_BOXES, _SAMPLE = averages.averages_on_boxes, averages.averages_on_sample
_GRIDS, _DRAWS = decomposition._on_grids, decomposition._on_sample

AVERAGES: Table = {
    "PMO: without the boxes": (_on_boxes, _BOXES, "float(result.error[0]) +", ""),
    "PMO: without what is not seen": (
        _on_boxes, _BOXES, "float(result.error[0]) + unseen", "float(result.error[0])",
    ),
    "PMO: without the evaluation": (_on_boxes, _BOXES, "+ unseen + evaluation,", "+ unseen,"),
    "PMO: one nat where nothing is seen": (_on_boxes, _BOXES, ") * _LARGEST_KL", ")"),
    "PMO: without what the panels miss": (_on_boxes, _BOXES, "missing + data.missing_mass", "missing"),
    "PMO: without the mass that lacks": (
        _on_boxes, _BOXES, "(missing + data.missing_mass)", "(data.missing_mass)",
    ),
    "PMO: without the error of log p": (
        _on_boxes, _BOXES, "float(np.sum(seen * p_f.relative_error))", "0.0",
    ),
    "PMO: error of log p without its mass": (
        _on_boxes, _BOXES, "seen * p_f.relative_error", "p_f.relative_error",
    ),
    "PMO: without what lies below zero": (
        _on_boxes, _BOXES, "-float(np.min(kl[density > 1e-12], initial=0.0))", "0.0",
    ),
    "PMO: the larger of two evaluations": (
        _on_boxes, _BOXES, "float(resolution.sum())", "float(resolution.max())",
    ),
    "residual: with the σ² of another dimension": (
        _on_boxes, _BOXES, "+ unseen + evaluation)\n        * variance",
        "+ unseen + evaluation)\n        * variance[::-1]",
    ),
    "residual: with the σ² of the first dimension": (
        _on_boxes, _BOXES, "+ unseen + evaluation)\n        * variance",
        "+ unseen + evaluation)\n        * variance[0]",
    ),
    "residual: without the boxes": (
        _on_boxes, _BOXES, "result.box_error[:, 1 : dim + 1].sum(axis=0)", "0.0",
    ),
    "residual: boxes that cancel": (
        _on_boxes, _BOXES, "result.box_error[:, 1 : dim + 1].sum(axis=0)",
        "result.error[1 : dim + 1]",
    ),
    "residual: boxes of the PMO": (
        _on_boxes, _BOXES, "result.box_error[:, 1 : dim + 1]", "result.box_error[:, :dim]",
    ),
    "partition: no mass missing": (_on_boxes, _BOXES, "missing_mass=missing", "missing_mass=0.0"),
    "PMO of draws: without its standard error": (
        _on_draws, _SAMPLE, "pmo_error=pmo_error +", "pmo_error=",
    ),
    "PMO of draws: without the error of log p": (
        _on_draws, _SAMPLE, "float(np.mean(np.minimum(p_f.relative_error, 1e300)))", "0.0",
    ),
    "residual of draws: of the first dimension": (
        _on_draws, _SAMPLE, "squares[:, d].reshape", "squares[:, 0].reshape",
    ),
    "residual of draws: without its standard error": (
        _on_draws, _SAMPLE, "np.array([error for _, error in residuals])", "np.zeros(dim)",
    ),
    "H: without the change of the rule": (
        _entropy_and_mleo, _GRIDS, "entropy_error = entropy_change +", "entropy_error =",
    ),
    "H: without what is not seen": (_entropy_and_mleo, _GRIDS, "entropy_change + unseen", "entropy_change"),
    "H: without the grid's error": (_entropy_and_mleo, _GRIDS, "+ off * largest", ""),
    "H: grid's error of one nat": (_entropy_and_mleo, _GRIDS, "off * largest", "off"),
    "H: without what the panels do not resolve": (
        _entropy_and_mleo, _GRIDS, "grid.missing_mass + data.unresolved_mass", "grid.missing_mass",
    ),
    "H: without what the grid misses": (
        _entropy_and_mleo, _GRIDS, "grid.missing_mass + data.unresolved_mass",
        "data.unresolved_mass",
    ),
    "H: log p beyond the grid as on it": (_entropy_and_mleo, _GRIDS, "(largest + 40.0)", "largest"),
    "H: log p of the middle": (
        _entropy_and_mleo, _GRIDS, "1.0 + float(np.abs(grid.log_density).max())", "1.0",
    ),
    "MLEO: without the change of the rule": (
        _entropy_and_mleo, _GRIDS, "mleo_error = mleo_change +", "mleo_error =",
    ),
    "MLEO: without the grid's error": (
        _entropy_and_mleo, _GRIDS, "mleo_change + off +", "mleo_change +",
    ),
    "MLEO: without the error of log p_f": (_entropy_and_mleo, _GRIDS, "+ model_off", ""),
    "MLEO: without what is not seen": (_entropy_and_mleo, _GRIDS, "+ unseen * far / largest", ""),
    "MLEO: log p_f beyond the grid as log p": (
        _entropy_and_mleo, _GRIDS, "unseen * far / largest", "unseen",
    ),
    "MLEO: log p_f of the middle": (
        _entropy_and_mleo, _GRIDS, "1.0 + float(np.abs(modelled.value).max())", "1.0",
    ),
    "MLEO: error of log p_f without p": (
        _entropy_and_mleo, _GRIDS, "density * np.minimum(modelled", "np.minimum(modelled",
    ),
    "MLEO: p_f that is not resolved": (_entropy_and_mleo, _GRIDS, "mleo_error = math.inf", "pass"),
    "grid: without the pairwise kernel's error": (
        _error_of_grid, decomposition._grid_error, "difference + referee.relative_error",
        "difference",
    ),
    "grid: without the difference": (
        _error_of_grid, decomposition._grid_error, "difference + referee.relative_error",
        "referee.relative_error",
    ),
    "grid: once": (_error_of_grid, decomposition._grid_error, "2.0 * np.sum", "np.sum"),
    "grid: not weighted by p": (
        _error_of_grid, decomposition._grid_error, "weight /= weight.sum()",
        "weight = 0.0 * weight + 1.0 / len(weight)",
    ),
    "H of draws: without its standard error": (
        _entropy_of_draws, _DRAWS, "Estimate(entropy, entropy_error + res", "Estimate(entropy, res",
    ),
    "H of draws: without the error of log p": (
        _entropy_of_draws, _DRAWS, "float(np.mean(np.minimum(p.relative_error, 1e300)))", "0.0",
    ),
    "MLEO of draws: without the error of log p_f": (
        _entropy_of_draws, _DRAWS, "resolution += float", "0.0 * float",
    ),
    "MLEO of draws: without its standard error": (
        _entropy_of_draws, _DRAWS, "mleo_error + resolution", "resolution",
    ),
    "MLEO of draws: error of H": (
        _entropy_of_draws, _DRAWS, "mleo_error + resolution", "entropy_error + resolution",
    ),
    "J: without MLEO's radius": (
        _excess, getter(Decomposition, "excess"), "self.mleo + self.pmo",
        "self.pmo + Estimate(self.mleo.value, 0.0)",
    ),
    "J: without the PMO's radius": (
        _excess, getter(Decomposition, "excess"), "self.mleo + self.pmo",
        "self.mleo + Estimate(self.pmo.value, 0.0)",
    ),
    "−ELBO: without H's radius": (
        _negative_elbo, getter(Decomposition, "negative_elbo"), "self.entropy +",
        "Estimate(self.entropy.value, 0.0) +",
    ),
    "resolved whatever the radius": (
        _resolved, getter(Decomposition, "resolved"), "self.negative_elbo.error < UNRESOLVED",
        "True",
    ),
    "PMO handed on without radius": (
        _handed_on, decomposition.decompose, "averages.pmo_error", "0.0",
    ),
    "residuals handed on without radius": (
        _handed_on, decomposition.decompose, "float(value), float(error)", "float(value), 0.0",
    ),
    "residuals handed on with the first radius": (
        _handed_on, decomposition.decompose, "averages.residual_error, strict",
        "averages.residual_error[::-1], strict",
    ),
}  # fmt: skip
