"""Averages over p(x) of what only the optimal q knows: KL(x), and residuals under q*.

For D <= 2 on adaptive boxes in data space, else over a quasi-Monte Carlo or given sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from theorycheck.estimate import Kind
from theorycheck.inference import MeanField, log_density
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import (
    BoxNodes,
    DataSample,
    LatentPanels,
    TrapezoidGrid,
    integrate_boxes,
)
from theorycheck.quadrature.kernels import distinct_candidates_batch

Array = NDArray[np.float64]

#: Edge of the first boxes, in σ of the data.
_BOX = 2.0
#: Mass of p(x) on boxes that are not looked at; times LARGEST_KL it enters the error radius.
_IGNORED_MASS = 1e-10
#: Nats that KL(x) is taken to be at most where it is not looked at.
LARGEST_KL = 100.0
#: Candidates handed from a box to its parts, and nats within which a minimum is one.
_CANDIDATES = 12
_CANDIDATE_MARGIN = 0.5
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
        Whether the nodes are a sample, so that errors are statistical.
    converged : bool
        Whether the tolerances were reached.
    """

    pmo: float
    pmo_error: float
    residual: Array
    residual_error: Array
    mass: Array
    kl: Array
    spread: Array
    x: Array
    missing_mass: float
    sampled: bool
    converged: bool

    @property
    def kind(self) -> Kind:
        """How the error radii were made."""
        return Kind.STATISTICAL if self.sampled else Kind.ESTIMATED

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
        )


def averages_on_boxes(
    field: MeanField,
    data: LatentPanels,
    grid: TrapezoidGrid,
    *,
    tolerance: float,
    residual_tolerance: float = np.inf,
    max_boxes: int = 60_000,
    part: LatentPanels | None = None,
    progress: Progress = NO_PROGRESS,
) -> PosteriorAverages:
    """Average over p(x), D <= 2, refining where the optimal q jumps.

    Parameters
    ----------
    field : MeanField
        Of the model whose posterior is approximated.
    data : LatentPanels
        Of the model that p(x) belongs to; may be ``field.panels``.
    grid : TrapezoidGrid
        Of p(x), or of the part asked for: it says where the mass is.
    tolerance : float
        Error radius wanted for the PMO, nats.
    residual_tolerance : float
        Error radius wanted for each residual, relative to the data's σ_d²; inf: not refined for.
    max_boxes : int
        Budget.
    part : LatentPanels, optional
        Some of the data's panels: integrate over what these latents contribute to p(x) alone.
    progress : Progress

    Returns
    -------
    PosteriorAverages
    """
    lower, upper = _first_boxes(grid, data.model.sigma)
    dim = data.model.data_dim
    same = field.panels is data or field.model.same_as(data.model)
    resolution = np.zeros(3)
    variance = data.model.noise_variance
    inverse_variance = 1.0 / field.model.noise_variance

    def integrand(nodes: BoxNodes) -> tuple[Array, Array]:
        boxes, count, _ = nodes.x.shape
        x = nodes.x.reshape(-1, dim)
        p = log_density(data, x)
        p_f = p if same else log_density(field.panels, x)
        density = np.exp(p.value if part is None else log_density(part, x).value)
        seen = nodes.weight.ravel() * density
        with np.errstate(divide="ignore"):
            negligible = NEGLIGIBLE * tolerance / len(x) / seen
        group = None if nodes.hint is None else np.repeat(np.arange(boxes), count)
        optimum = field.optimal_q(
            x,
            given=nodes.hint,
            group=group,
            use_modes=nodes.generation <= 1,
            evidence=p_f,
            negligible=negligible,
        )
        mean_f, squares = field.expectations(x, optimum.mean, optimum.scale)
        kl = optimum.negative_elbo + p_f.value
        # ∇KL = (E[f|x] − E_q f)/σ²; each node stands for its sixth of the box per dimension.
        slope = np.abs(p_f.posterior_mean_f - mean_f) * inverse_variance
        step = np.ptp(nodes.x, axis=1).repeat(count, axis=0) / 10.0
        resolution[0] = max(resolution[0], float(np.sum(seen * p_f.relative_error)))
        # A q that the search could not exclude would lower KL there by so much.
        resolution[2] += float(np.sum(seen * np.minimum(optimum.gap, LARGEST_KL)))
        # KL >= 0 is a theorem; what rounding leaves below zero says how large rounding is.
        resolution[1] = max(resolution[1], -float(np.min(kl[density > 1e-12], initial=0.0)))
        # At an extremum of KL the slope is zero, but not over the node's whole neighbourhood.
        spread = (slope * step).sum(axis=1).reshape(boxes, count)
        spread = np.maximum(spread, 0.5 * spread.mean(axis=1, keepdims=True))
        values = np.column_stack(
            [density * kl, density[:, None] * squares / variance, density, kl, spread.ravel()]
        )
        hint = np.empty((boxes, _CANDIDATES, 2))
        distinct_candidates_batch(
            optimum.minima.reshape(boxes, count, -1, 3), _CANDIDATE_MARGIN, hint
        )
        return values.reshape(boxes, count, -1), hint

    wanted = np.array([tolerance, *[residual_tolerance] * dim, np.inf, np.inf, np.inf])
    result = integrate_boxes(
        integrand, lower, upper, wanted, max_boxes=max_boxes, progress=progress
    )
    flat = result.values.reshape(-1, dim + 4)
    mass = result.weight.ravel() * flat[:, dim + 1]
    whole = 1.0 if part is None else float(np.exp(part.log_mass).sum())
    missing = abs(whole - float(mass.sum()))
    unseen = (missing + data.missing_mass) * LARGEST_KL
    evaluation = float(resolution.sum()) + 1e-13
    return PosteriorAverages(
        pmo=float(result.value[0]),
        pmo_error=float(result.error[0]) + unseen + evaluation,
        residual=result.value[1 : dim + 1] * variance,
        # Residuals jump where q* does, and errors at jumps are too few and too alike to cancel:
        # unlike the PMO's they are added up in full.
        residual_error=(result.box_error[:, 1 : dim + 1].sum(axis=0) + unseen + evaluation)
        * variance,
        mass=mass,
        kl=flat[:, dim + 2],
        spread=flat[:, dim + 3],
        x=result.nodes.reshape(-1, dim),
        missing_mass=missing,
        sampled=False,
        converged=result.converged,
    )


def averages_on_sample(field: MeanField, sample: DataSample) -> PosteriorAverages:
    """Average over a sample of p(x), any D, with statistical errors.

    Parameters
    ----------
    field : MeanField
    sample : DataSample

    Returns
    -------
    PosteriorAverages
    """
    repeats, size, dim = sample.x.shape
    x = sample.x.reshape(-1, dim)
    p_f = log_density(field.panels, x)
    optimum = field.optimal_q(x, evidence=p_f)
    _, squares = field.expectations(x, optimum.mean, optimum.scale)
    kl = optimum.negative_elbo + p_f.value
    pmo, pmo_error = sample.average(kl.reshape(repeats, size))
    residuals = [sample.average(squares[:, d].reshape(repeats, size)) for d in range(dim)]
    count = repeats * size
    return PosteriorAverages(
        pmo=pmo,
        pmo_error=pmo_error
        + float(np.mean(np.minimum(p_f.relative_error, 1e300)))
        + float(np.mean(np.minimum(optimum.gap, LARGEST_KL))),
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
