"""Averages over p(x) along the decoder's curve, at a cost that does not grow like 1/σ.

Strips of the curve that keep to themselves are integrated over (z, ε) (quadrature/_noise_rule.py).
What is left, where pieces of the curve meet within the noise, is a part of p(x) of its own: for
D <= 2 it goes to grids and boxes in data space, else to quasi-Monte Carlo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

from theorycheck.arrays import Array
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import MeanField, log_density
from theorycheck.objectives._averages import (
    LARGEST_KL,
    NEGLIGIBLE,
    PartOfData,
    PosteriorAverages,
    averages_on_boxes,
    averages_on_sample,
    box_nodes,
)
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import (
    DataSample,
    LatentPanels,
    NoiseIntegral,
    Strips,
    curve_strips,
    first_nodes,
    integrate_noise,
    lengths,
    only,
    quasi_monte_carlo,
    trapezoid_grid,
)

#: Nodes x of boxes and of grids for a piece of the curve one σ long, D = 1 and 2: boxes across 12σ
#: of noise; grids of step σ/3 across 22σ.
_BOX_NODES = {1: 9.0, 2: 540.0}
_GRID_NODES = {1: 3.0, 2: 200.0}
#: Below so many nodes boxes are the cheaper rule, since kinks trouble them less: spiral_dots,
#: 390,000, takes 17 s with boxes and 30 s along the curve; [z, sin(3 z)] at σ² = 5e-4, 840,000,
#: 60 s against 10 s.
_FEW_NODES = {1: 20_000.0, 2: 500_000.0}
#: Share of p(x) that strips must hold in more than two dimensions; else sampling does as well.
_WORTH = 0.5
#: Data dimensions up to which tensor rules in the noise are affordable.
_MOST_DIMENSIONS = 5
#: Tolerance of the entropy along the curve, nats; with D > 2, where a node costs more.
_ENTROPY_TOLERANCE, _ENTROPY_TOLERANCE_FROM_THREE = 1e-9, 1e-7
#: Steps of the grid for what is left, in σ, and the change at which the finer one is taken.
_STEPS = (1.0 / 3.0, 1.0 / 6.0)
_GRID_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class CurveAverages:
    """Averages of one model over its own data.

    Parameters
    ----------
    field : MeanField
        Mean-field inference in the model.
    tolerance, residual_tolerance : float
        Error radii wanted, as :func:`averages_on_boxes` takes them.
    max_nodes : int
        Nodes x at most for boxes or strips; beyond, what is left is averaged by quasi-Monte
        Carlo, with a statistical radius.
    size, repeats, seed : int
        Points a repetition, repetitions and seed of quasi-Monte Carlo.
    progress : Progress
        Told about every round.
    """

    field: MeanField
    tolerance: float
    residual_tolerance: float = math.inf
    max_nodes: int = 3_000_000
    size: int = 1024
    repeats: int = 16
    seed: int = 0
    progress: Progress = NO_PROGRESS

    @property
    def panels(self) -> LatentPanels:
        """The model's panels."""
        return self.field.panels

    @cached_property
    def strips(self) -> Strips:
        """The strips of the curve that keep to themselves."""
        return curve_strips(self.panels)

    @property
    def nodes(self) -> float:
        """How many nodes x will be taken, about: for what is left, and for the first strips."""
        panels = self.panels
        dim = panels.model.data_dim
        left = float(lengths(panels)[self.strips.apart].sum()) * _BOX_NODES.get(dim, 0.0)
        first = self.strips.size * 1.5 * first_nodes(dim)
        return first + (left if left <= self.max_nodes else float(self.size * self.repeats))

    def method(self, averages: PosteriorAverages) -> str:
        """Say how :meth:`posterior` averaged."""
        text = "Gauss rules in (z, noise) along the curve"
        if averages.sampled:
            text += (
                f"; quasi-Monte Carlo, {self.repeats} x {self.size} points, seed {self.seed}, "
                "where the curve meets itself; errors are five standard errors"
            )
        elif self.strips.apart.any():
            text += "; grids and adaptive boxes where it meets itself"
        return text

    def entropy(self) -> Estimate:
        """Return H = −E_p log p(x), nats."""
        panels = self.panels

        def integrand(x: Array) -> Array:
            p = log_density(panels, x)
            return np.column_stack([-p.value, np.minimum(p.relative_error, 1.0)])

        dim = panels.model.data_dim
        tolerance = _ENTROPY_TOLERANCE if dim <= 2 else _ENTROPY_TOLERANCE_FROM_THREE
        found = integrate_noise(
            integrand,
            panels,
            self.strips,
            np.array([tolerance, math.inf]),
            lightest=1e-5 * tolerance,
            price=lambda way: way * _GRID_NODES.get(dim, math.inf),
            max_nodes=self.max_nodes,
            progress=self.progress,
        )
        value, error = float(found.value[0]), float(found.error[0] + abs(found.value[1]))
        largest = 1.0 + float(np.abs(found.values[:, 0]).max(initial=0.0))
        error += (found.missing_mass + panels.missing_mass) * (largest + 40.0)
        kind = Kind.ESTIMATED
        if found.apart.any():
            part = only(panels, found.apart)
            rest = self._entropy_of(part, float(lengths(panels)[found.apart].sum()))
            value, error, kind = value + rest.value, error + rest.error, kind | rest.kind
        return Estimate(value, error + 1e-14 * largest, kind)

    def _entropy_of(self, part: LatentPanels, way: float) -> Estimate:
        """Return −∫ p_part log p dx."""
        dim = part.model.data_dim
        if way * _GRID_NODES.get(dim, math.inf) > self.max_nodes:
            draws, mass = self._draws(part)
            repeats, size, _ = draws.x.shape
            p = log_density(self.panels, draws.x.reshape(-1, dim))
            value, error = draws.average(-p.value.reshape(repeats, size))
            error += float(np.mean(np.minimum(p.relative_error, 1.0)))
            return Estimate(mass * value, mass * error, Kind.STATISTICAL)
        for step in _STEPS:
            grid = trapezoid_grid(part, step)
            p = log_density(self.panels, grid.x)
            density = np.exp(grid.log_density)
            value, change = grid.integrate(-density * p.value)
            if change < _GRID_TOLERANCE:
                break
        off = grid.volume * float(np.sum(density * np.minimum(p.relative_error, 1.0)))
        # Latents that the grid gave up, should it have grown too large.
        unseen = grid.missing_mass * (41.0 + float(np.abs(p.value).max()))
        return Estimate(value, change + off + unseen + 1e-13)

    def posterior(self) -> PosteriorAverages:
        """Return E_p KL(x), and the residuals under q*."""
        panels, field = self.panels, self.field
        dim = panels.model.data_dim
        variance = panels.model.noise_variance

        def integrand(x: Array) -> Array:
            p = log_density(panels, x)
            # The weights of all nodes add up to at most one.
            negligible = np.full(len(x), NEGLIGIBLE * self.tolerance)
            best = field.optimal_q(x, evidence=p, negligible=negligible)
            mean_f, squares = field.expectations(x, best.mean, best.scale)
            slope = (p.posterior_mean_f - mean_f) / variance
            kl = best.negative_elbo + p.value
            unsure = np.minimum(best.gap, LARGEST_KL)
            # log p is in KL itself, and p(x) is the weight that KL has.
            unsure += np.minimum(p.relative_error * (1.0 + np.abs(kl)), LARGEST_KL)
            return np.column_stack([kl, squares / variance, slope, unsure])

        wanted = np.array(
            [0.5 * self.tolerance, *[0.5 * self.residual_tolerance] * dim, *[math.inf] * (dim + 1)]
        )
        found = integrate_noise(
            integrand,
            panels,
            self.strips,
            wanted,
            # Taken to have LARGEST_KL, they change the PMO by a thousandth of its tolerance.
            lightest=min(1e-5 * self.tolerance, 1e-9),
            price=lambda way: way * _BOX_NODES.get(dim, math.inf),
            max_nodes=self.max_nodes,
            progress=self.progress,
        )
        along = self._of_strips(found)
        if not found.apart.any():
            return along
        part = only(panels, found.apart)
        way = float(lengths(panels)[found.apart].sum())
        if way * _BOX_NODES.get(dim, math.inf) <= self.max_nodes:
            rest = averages_on_boxes(
                field,
                field,
                trapezoid_grid(part, 2.0 / 3.0),
                tolerance=0.5 * self.tolerance,
                residual_tolerance=0.5 * self.residual_tolerance,
                part=PartOfData(
                    lambda x: log_density(part, x).value, float(np.exp(part.log_mass).sum())
                ),
                progress=self.progress,
            )
        else:
            draws, mass = self._draws(part)
            rest = averages_on_sample(field, draws).scaled(mass)
        return along.plus(rest)

    def _of_strips(self, found: NoiseIntegral) -> PosteriorAverages:
        dim = self.panels.model.data_dim
        variance = self.panels.model.noise_variance
        kl = found.values[:, 0]
        slope = found.values[:, 1 + dim : 1 + 2 * dim]
        spread = np.abs(np.einsum("nkd,nd->nk", found.reach, slope)).sum(axis=1)
        unseen = (found.missing_mass + self.panels.missing_mass) * LARGEST_KL
        # KL >= 0 is a theorem; what rounding leaves below zero says how large rounding is.
        rounding = -float(np.min(kl[found.weight > 1e-12], initial=0.0))
        evaluation = rounding * float(found.weight.sum()) + 1e-13
        evaluation += float(np.sum(found.weight * found.values[:, -1]))
        residual = slice(1, 1 + dim)
        return PosteriorAverages(
            # Where all KL is zero the sum may end below it by rounding, which the radius holds.
            pmo=max(float(found.value[0]), 0.0),
            pmo_error=float(found.error[0]) + unseen + evaluation,
            residual=found.value[residual] * variance,
            residual_error=(found.error[residual] + unseen + evaluation) * variance,
            mass=found.weight,
            kl=kl,
            spread=spread,
            x=found.x,
            missing_mass=found.missing_mass + self.panels.missing_mass + 1e-14,
            sampled=False,
            converged=found.converged,
        )

    def _draws(self, part: LatentPanels) -> tuple[DataSample, float]:
        """Draw x = f(z) + σε with z from some panels only; their prior mass beside it."""
        left, right = ndtr(part.left), ndtr(part.right)
        mass = np.maximum(right - left, 0.0)
        edges = np.concatenate([[0.0], np.cumsum(mass)])

        def latent(share: Array) -> Array:
            place = share * edges[-1]
            panel = np.clip(np.searchsorted(edges, place, side="right") - 1, 0, mass.size - 1)
            z: Array = ndtri(left[panel] + (place - edges[panel]))
            return z

        draws = quasi_monte_carlo(
            part.model, size=self.size, repeats=self.repeats, seed=self.seed, latent=latent
        )
        return draws, float(edges[-1])


def worth_it(field: MeanField) -> bool:
    """Tell whether the rule along the curve is the cheaper, or with D > 2 the better one."""
    panels = field.panels
    if panels.model.data_dim <= 2:
        return box_nodes(field) > _FEW_NODES[panels.model.data_dim]
    if panels.model.data_dim > _MOST_DIMENSIONS:
        return False
    strips = curve_strips(panels)
    held = float(np.exp(panels.log_mass[~strips.apart]).sum())
    return held - panels.unresolved_mass > _WORTH
