"""Averages over p(x) of what only the optimal q knows: KL(x), and residuals under q*.

For D <= 2 on adaptive boxes in data space, else over a quasi-Monte Carlo or given sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from theorycheck.arrays import Array, PerDimension, PerPoint, Points
from theorycheck.estimate import Kind
from theorycheck.inference import MEAN_FIELD, ExactModel, Family
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import (
    BoxNodes,
    DataSample,
    TrapezoidGrid,
    integrate_boxes,
)

#: Edge of the first boxes, in σ of the data.
_BOX = 2.0
#: Nodes x of boxes for a room of σ^D, D = 1 and 2, each box split once.
_NODES_OF_VOLUME = {1: 9.0, 2: 45.0}
#: Mass of p(x) on boxes that are not looked at; times LARGEST_KL it enters the error radius.
_IGNORED_MASS = 1e-10
#: Nats that KL(x) is taken to be at most where it is not looked at.
LARGEST_KL = 100.0
#: Share of the PMO's tolerance, for a batch of nodes, that KL may have where no bound is asked for
#: whether its q is the best: far out, where p(x) is next to nothing. The radius holds it.
NEGLIGIBLE = 0.005


@dataclass(frozen=True, eq=False)
class PosteriorAverages:
    """E_p KL(x), E_p E_q (x_d − f_d)², and the weighted KL values behind them.

    Parameters
    ----------
    pmo, pmo_error : float
        E_p KL[q* ‖ p(z|x)], nats.
    residual, residual_error : ndarray, shape (D,)
        E_p E_q* (x_d − f_d)², in squared data units.
    mass : ndarray, shape (n,)
        Weight of each node, p(x) included; sums to one but for `missing_mass`.
    kl : ndarray, shape (n,)
        KL(x) at the nodes, nats.
    spread : ndarray, shape (n,)
        How far KL varies over the node's own neighbourhood, to first order.
    x : ndarray, shape (n, D)
        The nodes.
    missing_mass : float
        Mass that the nodes do not represent, in absolute value.
    sampled : bool
        True where the nodes are a sample, so that errors are statistical.
    converged : bool
        True where the tolerances were reached.
    density : Kind
        What the radii of log p(x) at the nodes are.
    """

    pmo: float
    pmo_error: float
    residual: PerDimension
    residual_error: PerDimension
    mass: PerPoint
    kl: PerPoint
    spread: PerPoint
    x: Points
    missing_mass: float
    sampled: bool
    converged: bool
    density: Kind = Kind.ESTIMATED

    @property
    def kind(self) -> Kind:
        """How the error radii were made."""
        return Kind.STATISTICAL if self.sampled else self.density

    def scaled(self, mass: float) -> PosteriorAverages:
        """Return the averages as the part of a whole that has this mass."""
        return replace(
            self,
            pmo=mass * self.pmo,
            pmo_error=mass * self.pmo_error,
            residual=mass * self.residual,
            residual_error=mass * self.residual_error,
            mass=mass * self.mass,
            missing_mass=mass * self.missing_mass,
        )

    def plus(self, other: PosteriorAverages) -> PosteriorAverages:
        """Join the averages over two parts of p(x)."""
        return PosteriorAverages(
            pmo=self.pmo + other.pmo,
            pmo_error=self.pmo_error + other.pmo_error,
            residual=self.residual + other.residual,
            residual_error=self.residual_error + other.residual_error,
            mass=np.concatenate([self.mass, other.mass]),
            kl=np.concatenate([self.kl, other.kl]),
            spread=np.concatenate([self.spread, other.spread]),
            x=np.concatenate([self.x, other.x]),
            missing_mass=self.missing_mass + other.missing_mass,
            sampled=self.sampled or other.sampled,
            converged=self.converged and other.converged,
            density=self.density | other.density,
        )


@dataclass(frozen=True, eq=False)
class PartOfData:
    """What some of the latents contribute to p(x).

    Parameters
    ----------
    log_density : callable
        Maps x (n, D) to the log of the part, (n,), nats.
    mass : float
        Integral of the part.
    """

    log_density: Callable[[Points], PerPoint]
    mass: float


def averages_on_boxes(
    model: ExactModel,
    data: ExactModel,
    grid: TrapezoidGrid,
    *,
    tolerance: float,
    residual_tolerance: float = np.inf,
    max_boxes: int = 60_000,
    part: PartOfData | None = None,
    family: Family = MEAN_FIELD,
    progress: Progress = NO_PROGRESS,
) -> PosteriorAverages:
    """Average over p(x), D <= 2, refining where the optimal q jumps.

    Parameters
    ----------
    model : ExactModel
        The model whose posterior is approximated.
    data : ExactModel
        The model whose p(x) it is; may be the model itself.
    grid : TrapezoidGrid
        A rule over p(x), or over the part asked for: it says where the mass is.
    tolerance : float
        Error radius wanted for the PMO, nats.
    residual_tolerance : float
        Error radius wanted for each residual, relative to the data's σ_d²; inf: not refined for.
    max_boxes : int
        Budget.
    part : PartOfData, optional
        Integrate over what some latents contribute to p(x) alone.
    family : Family
        What q may be.
    progress : Progress
        Told about every round.

    Returns
    -------
    PosteriorAverages
    """
    lower, upper = _first_boxes(grid, data.model.sigma)
    dim = data.model.data_dim
    same = model is data
    resolution = np.zeros(3)
    variance = data.model.noise_variance
    inverse_variance = 1.0 / model.model.noise_variance

    def integrand(nodes: BoxNodes) -> tuple[Array, Array]:
        boxes, count, _ = nodes.x.shape
        x = nodes.x.reshape(-1, dim)
        p = data.log_density(x)
        p_f = p if same else model.log_density(x)
        density = np.exp(p.value if part is None else part.log_density(x))
        seen = nodes.weight.ravel() * density
        with np.errstate(divide="ignore"):
            negligible = NEGLIGIBLE * tolerance / len(x) / seen
        best = model.best_q(
            x,
            family=family,
            groups=boxes,
            hint=nodes.hint,
            fresh=nodes.generation <= 1,
            evidence=p_f,
            negligible=negligible,
        )
        kl = best.negative_elbo + p_f.value
        # ∇KL = (E[f|x] − E_q f)/σ²; each node stands for its sixth of the box per dimension.
        slope = np.abs(p_f.posterior_mean_f - best.mean_f) * inverse_variance
        step = np.ptp(nodes.x, axis=1).repeat(count, axis=0) / 10.0
        # log p_f is in KL itself, p(x) is the weight that KL has.
        off = p_f.relative_error + np.abs(kl) * p.relative_error
        resolution[0] = max(resolution[0], float(np.sum(seen * off)))
        # A q that the search could not exclude would lower KL there by so much.
        resolution[2] += float(np.sum(seen * np.minimum(best.gap, LARGEST_KL)))
        # KL >= 0 is a theorem; what rounding leaves below zero says how large rounding is.
        resolution[1] = max(resolution[1], -float(np.min(kl[density > 1e-12], initial=0.0)))
        # At an extremum of KL the slope is zero, but not over the node's whole neighbourhood.
        spread = (slope * step).sum(axis=1).reshape(boxes, count)
        spread = np.maximum(spread, 0.5 * spread.mean(axis=1, keepdims=True))
        values = np.column_stack(
            [density * kl, density[:, None] * best.squares / variance, density, kl, spread.ravel()]
        )
        return values.reshape(boxes, count, -1), best.hint

    wanted = np.array([tolerance, *[residual_tolerance] * dim, np.inf, np.inf, np.inf])
    # Residuals jump where q* does.
    jumps = np.array([False, *[True] * dim, False, False, False])
    result = integrate_boxes(
        integrand, lower, upper, wanted, jumps=jumps, max_boxes=max_boxes, progress=progress
    )
    flat = result.values.reshape(-1, dim + 4)
    mass = result.weight.ravel() * flat[:, dim + 1]
    whole = 1.0 if part is None else part.mass
    missing = abs(whole - float(mass.sum()))
    unseen = (missing + data.missing_mass) * LARGEST_KL
    evaluation = float(resolution.sum()) + 1e-13
    return PosteriorAverages(
        pmo=float(result.value[0]),
        pmo_error=float(result.error[0]) + unseen + evaluation,
        residual=result.value[1 : dim + 1] * variance,
        residual_error=(result.error[1 : dim + 1] + unseen + evaluation) * variance,
        mass=mass,
        kl=flat[:, dim + 2],
        spread=flat[:, dim + 3],
        x=result.nodes.reshape(-1, dim),
        missing_mass=missing,
        sampled=False,
        converged=result.converged,
    )


def box_nodes(data: ExactModel) -> float:
    """Predict how many nodes x boxes in data space take, D <= 2; inf for more dimensions."""
    return data.covered * _NODES_OF_VOLUME.get(data.model.data_dim, math.inf)


def averages_on_sample(
    model: ExactModel, sample: DataSample, family: Family = MEAN_FIELD
) -> PosteriorAverages:
    """Average over a sample of p(x), any D, with statistical errors.

    Parameters
    ----------
    model : ExactModel
        The model whose posterior is approximated.
    sample : DataSample
        Draws of x.
    family : Family
        What q may be.

    Returns
    -------
    PosteriorAverages
    """
    repeats, size, dim = sample.x.shape
    x = sample.x.reshape(-1, dim)
    p_f = model.log_density(x)
    best = model.best_q(x, family=family, evidence=p_f)
    kl = best.negative_elbo + p_f.value
    pmo, pmo_error = sample.average(kl.reshape(repeats, size))
    residuals = [sample.average(best.squares[:, d].reshape(repeats, size)) for d in range(dim)]
    count = repeats * size
    return PosteriorAverages(
        pmo=pmo,
        pmo_error=pmo_error
        + float(np.mean(np.minimum(p_f.relative_error, 1e300)))
        + float(np.mean(np.minimum(best.gap, LARGEST_KL))),
        residual=np.array([value for value, _ in residuals]),
        residual_error=np.array([error for _, error in residuals]),
        mass=np.full(count, 1.0 / count),
        kl=kl,
        spread=np.zeros(count),
        x=x,
        missing_mass=0.0,
        sampled=True,
        converged=True,
    )


def _first_boxes(grid: TrapezoidGrid, sigma: Array) -> tuple[Array, Array]:
    """Cover p(x) with boxes 2σ wide, leaving out the lightest."""
    size = _BOX * sigma
    index = np.floor(grid.x / size).astype(np.int64)
    boxes, owner = np.unique(index, axis=0, return_inverse=True)
    mass = np.bincount(owner.ravel(), weights=np.exp(grid.log_density)) * grid.volume
    order = np.argsort(mass)
    light = np.searchsorted(np.cumsum(mass[order]), _IGNORED_MASS)
    chosen = boxes[np.sort(order[light:])]
    return chosen * size, (chosen + 1) * size
