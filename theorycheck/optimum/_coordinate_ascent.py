"""Coordinate ascent on the ELBO over all functions f that are constant on cells.

E-step: the optimal q(z|x) of every data node. M-step, both closed form (docs/optimum.md):
f_j = E[x | z in cell j] under p(x) q(z|x), and, if asked for, σ_d² = E_p E_q (x_d − f_d)²
(Theorem 2). −ELBO never rises. SQUAREM (Varadhan & Roland 2008) takes two steps, extrapolates, and
keeps the extrapolation only where it lowers −ELBO further, so that the slow tail of the ascent
converges in tens of steps instead of thousands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.errors import SettingError
from theorycheck.optimum._e_step import Responsibilities
from theorycheck.optimum._lipschitz import limit_steepness
from theorycheck.optimum._nodes import DataNodes
from theorycheck.quadrature import LatentCells, PlaneCells

#: Whether σ² is held, or fitted as one for all data dimensions, or as one each.
NoiseFit = Literal["no", "shared", "each"]

#: Rise of −ELBO, in nats, that rounding and Newton's tolerance can make; a larger one is a bug.
MONOTONE_TOLERANCE = 1e-8
#: Fall of −ELBO over the last four accepted steps, nats, below which the ascent has arrived.
TOLERANCE = 1e-7
_WINDOW = 4


class AnyEStep(Protocol):
    """What the ascent needs of an E-step, whatever the objective and the number of latents.

    Attributes
    ----------
    nodes : DataNodes
        Nodes of the average over p(x).
    cells : LatentCells or PlaneCells
        Cells on which f is constant.
    """

    nodes: DataNodes

    @property
    def cells(self) -> LatentCells | PlaneCells:
        """Return the cells on which f is constant."""

    def __call__(
        self,
        f: Float64[Array, "cells D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "*n carried width"] | None = None,
    ) -> Responsibilities:
        """Find the optimal q for every data node."""

    def look_again(self) -> None:
        """Have the next E-step look for new minima."""

    def certified(
        self, f: Float64[Array, "cells D"], noise_variance: PerDimension, found: Responsibilities
    ) -> Responsibilities:
        """Look for lower minima where the ascent has come to rest; fill in the gap."""


@dataclass(frozen=True, eq=False)
class Ascent:
    """Where coordinate ascent ended.

    Parameters
    ----------
    f : ndarray, shape (M, D)
        Decoder means on the cells.
    noise_variance : ndarray, shape (D,)
        Noise variance σ², squared data units.
    negative_elbo : float
        The value −ELBO on the data nodes, nats.
    responsibilities : Responsibilities
        The optimal q there.
    evaluations : int
        E-steps made.
    converged : bool
        True where −ELBO stood still to the tolerance.
    displacement : float
        Root mean square over the aggregated posterior of the next M-step's |f_new − f|/σ.
    gradient_norm : float
        Euclidean norm of the gradient of −ELBO in the cells' f in units of σ, nats.
    q_gap : float
        Nats by which `negative_elbo` could be lower at q that were not found.
    history : tuple of float
        −ELBO after every accepted step, nats.
    """

    f: Float64[Array, "cells D"]
    noise_variance: PerDimension
    negative_elbo: float
    responsibilities: Responsibilities
    evaluations: int
    converged: bool
    displacement: float
    gradient_norm: float
    q_gap: float
    history: tuple[float, ...]

    @property
    def m_step_gain(self) -> float:
        """How far one more M-step lowers −ELBO at fixed q: ½ displacement², nats."""
        return 0.5 * self.displacement**2


def ascend(
    e_step: AnyEStep,
    f: Float64[Array, "cells D"],
    noise_variance: PerDimension,
    *,
    previous: Float64[Array, "*n carried width"] | None = None,
    fit_noise: NoiseFit = "no",
    steepness: float | None = None,
    most: int = 200,
    tolerance: float = TOLERANCE,
    watch: Callable[[int, float], None] | None = None,
) -> Ascent:
    """Raise the ELBO from a given f until it stands still, with q that are globally optimal there.

    Where it stands still, the E-step is checked (:meth:`EStep.certified`): if some q were only
    local optima, the ascent goes on from the better ones.

    Parameters
    ----------
    e_step : EStep
        Data nodes and cells.
    f : ndarray, shape (M, D)
        Start.
    noise_variance : ndarray, shape (D,)
        σ², held fixed unless `fit_noise`.
    previous : ndarray, shape (n, CARRIED, 2K + 1), optional
        Minima of an E-step nearby.
    fit_noise : {"no", "shared", "each"}
        Optimise σ² too: one for all data dimensions, or one each.
    steepness : float, optional
        Bound on |f′|, as in :func:`limit_steepness`; the start is made to obey it.
    most : int
        E-steps at most.
    tolerance : float
        Fall of −ELBO over four accepted steps at which to stop, nats.
    watch : callable, optional
        Told the number of E-steps and −ELBO after every accepted step.

    Returns
    -------
    Ascent

    Raises
    ------
    SettingError
        If `most` < 1 or a value is not positive.
    FloatingPointError
        If −ELBO rose, which the mathematics forbids.
    """
    if most < 1 or not tolerance > 0.0:
        raise SettingError(f"most must be at least 1 and the tolerance positive, not {most}")
    step = _Step(e_step, fit_noise, steepness)
    # Coarser data nodes may resolve less than those on which this σ² was found.
    noise_variance = step.resolved(noise_variance)
    current = step.evaluate(step.feasible(f, noise_variance), noise_variance, previous)
    history = [current.negative_elbo]
    converged = False
    while step.evaluations < most and not converged:
        accepted = step.squarem(current)
        if accepted.negative_elbo > current.negative_elbo + MONOTONE_TOLERANCE:
            if steepness is None:
                raise FloatingPointError(
                    f"-ELBO rose by {accepted.negative_elbo - current.negative_elbo:.3g} nats "
                    "in a step that cannot raise it"
                )
            # The bounded M-step is solved to a tolerance only: keep the better one and stop.
            converged = True
            break
        current = accepted
        history.append(current.negative_elbo)
        if watch is not None:
            watch(step.evaluations, current.negative_elbo)
        if len(history) > _WINDOW:
            converged = history[-1 - _WINDOW] - history[-1] < tolerance
        if converged:
            current = step.certified(current)
            converged = history[-1] - current.negative_elbo < tolerance
            history[-1] = current.negative_elbo
    if not math.isfinite(current.responsibilities.gap):
        current = step.certified(current)
        history[-1] = current.negative_elbo
    moved = step.m_step(current)
    scaled = (moved.f - current.f) ** 2 / current.noise_variance
    aggregate = current.responsibilities.aggregate[:, None]
    return Ascent(
        f=current.f,
        noise_variance=current.noise_variance,
        negative_elbo=current.negative_elbo,
        responsibilities=current.responsibilities,
        evaluations=step.evaluations,
        converged=converged,
        displacement=float(np.sqrt(np.sum(aggregate * scaled))),
        gradient_norm=float(np.sqrt(np.sum(aggregate**2 * scaled))),
        q_gap=current.responsibilities.gap,
        history=tuple(history),
    )


@dataclass(frozen=True, eq=False)
class _Parameters:
    f: Array
    noise_variance: Array


@dataclass(frozen=True, eq=False)
class _Point(_Parameters):
    responsibilities: Responsibilities

    @property
    def negative_elbo(self) -> float:
        return self.responsibilities.negative_elbo


class _Step:
    """One accelerated step; counts the E-steps it takes."""

    def __init__(self, e_step: AnyEStep, fit_noise: NoiseFit, steepness: float | None) -> None:
        self.e_step = e_step
        self.fit_noise = fit_noise
        self.steepness = steepness
        self.evaluations = 0

    def evaluate(self, f: Array, noise_variance: Array, previous: Array | None) -> _Point:
        self.evaluations += 1
        return _Point(f, noise_variance, self.e_step(f, noise_variance, previous))

    def certified(self, point: _Point) -> _Point:
        """Return the point with the best q that there are."""
        f, variance = point.f, point.noise_variance
        return _Point(f, variance, self.e_step.certified(f, variance, point.responsibilities))

    def feasible(self, f: Array, noise_variance: Array) -> Array:
        """Make f obey the bound on its steepness, moving it as little as can be."""
        if self.steepness is None:
            return f
        cells = self._line
        weight = cells.prior_mass[:, None] / noise_variance
        return limit_steepness(f, weight, cells.z, self.steepness)

    @property
    def _line(self) -> LatentCells:
        """Return the cells of one latent, of which alone a bound on |f′| is made."""
        cells = self.e_step.cells
        if not isinstance(cells, LatentCells):
            raise SettingError("a bound on the steepness of f is for decoders of one latent")
        return cells

    def m_step(self, point: _Point) -> _Parameters:
        r = point.responsibilities
        f = r.target
        if self.steepness is not None:
            weight = r.aggregate[:, None] / point.noise_variance
            f = limit_steepness(f, weight, self._line.z, self.steepness, start=point.f)
        if self.fit_noise == "no":
            return _Parameters(f, point.noise_variance)
        variance = r.residual_variance(f)
        if self.fit_noise == "shared":
            variance = np.full_like(variance, variance.mean())
        return _Parameters(f, self.resolved(variance))

    def resolved(self, variance: Array) -> Array:
        """Keep a σ² that is fitted above what the data nodes resolve.

        −ELBO has one minimum in each σ², so that the nearest allowed σ² is the best of them.
        """
        if self.fit_noise == "no":
            return variance
        floor = self.e_step.nodes.smallest_noise
        if self.fit_noise == "shared":
            floor = np.full_like(floor, floor.mean())
        return np.maximum(variance, floor)

    def squarem(self, point: _Point) -> _Point:
        first = self.m_step(point)
        one = self.evaluate(first.f, first.noise_variance, point.responsibilities.minima)
        second = self.m_step(one)
        d1, d2 = first.f - point.f, second.f - first.f
        weight = np.sqrt(point.responsibilities.aggregate)[:, None]
        length = float(np.linalg.norm(weight * d1))
        bend = float(np.linalg.norm(weight * (d2 - d1)))
        stretch = length / bend if bend > 0.0 else 1.0
        if stretch <= 1.0:
            return one
        log1 = np.log(first.noise_variance / point.noise_variance)
        log2 = np.log(second.noise_variance / first.noise_variance)
        f = point.f + 2.0 * stretch * d1 + stretch**2 * (d2 - d1)
        exponent = 2.0 * stretch * log1 + stretch**2 * (log2 - log1)
        if np.abs(exponent).max() < 1.0:
            variance = self.resolved(point.noise_variance * np.exp(exponent))
            minima = one.responsibilities.minima
            leap = self.evaluate(self.feasible(f, variance), variance, minima)
            if leap.negative_elbo <= one.negative_elbo:
                return leap
        return self.evaluate(second.f, second.noise_variance, one.responsibilities.minima)
