"""The decomposition −ELBO = H + MLEO + PMO (eq. 3), each term with its error radius."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import LogDensity, MeanField, certify_optimal_q, log_density
from theorycheck.models import GenerativeModel
from theorycheck.objectives._averages import (
    PosteriorAverages,
    averages_on_boxes,
    averages_on_sample,
)
from theorycheck.objectives._curve_averages import CurveAverages, box_nodes, worth_it
from theorycheck.objectives._partition import KlDistribution, Partition
from theorycheck.objectives._price import MAX_NODES, say_price
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import (
    DataSample,
    LatentPanels,
    TrapezoidGrid,
    given_sample,
    latent_panels,
    quasi_monte_carlo,
    trapezoid_grid,
)
from theorycheck.results import Saved

Array = NDArray[np.float64]

#: Grid steps tried for H and MLEO, in σ; each rule contains the one with twice its step.
_STEPS = (1.0 / 3.0, 1.0 / 6.0, 1.0 / 12.0)
#: Change between two steps at which the finer one is taken.
_GRID_TOLERANCE = 2e-11
#: Default error radius of the PMO, nats.
PMO_TOLERANCE = 1e-6
#: MLEO of a model on its own data.
NONE = Estimate(0.0, 0.0, Kind.EXACT)
#: Rounding: a tolerance below this is met by what comes within it.
_SLACK = 1e-11
#: Error radius, in nats, above which a decomposition counts as unresolved.
UNRESOLVED = 1e-2


@dataclass(frozen=True)
class CertifiedPoints:
    """The outcome of certifying q* at draws from p(x) by branch and bound.

    Parameters
    ----------
    points : int
        How many x were certified.
    largest_gap : float
        No (μ, s) beats q* at any of them by more, nats.
    """

    points: int
    largest_gap: float

    def to_dict(self) -> dict[str, object]:
        """Return the two figures for JSON."""
        return {"points": self.points, "largest_gap": self.largest_gap}


@dataclass(frozen=True, eq=False)
class Decomposition(Saved):
    """−ELBO and its parts at the optimal mean-field Gaussian q, in nats.

    Parameters
    ----------
    model, data : GenerativeModel
        p_f and p.
    entropy : Estimate
        H = −E_p log p(x).
    mleo : Estimate
        KL[p ‖ p_f]; exactly zero where the model is the data's.
    pmo : Estimate
        E_p KL[q* ‖ p_f(z|x)].
    residual_variance : tuple of Estimate
        E_p E_q* (x_d − f_d)² per data dimension: Theorem 2's σ².
    kl_distribution : KlDistribution
        The distribution of KL(x) under p(x).
    eta : tuple of float
        Thresholds asked for.
    method : str
        How p(x) was averaged over.
    certificate : CertifiedPoints or None
        How far q* can be from the global optimum, where that was asked for.
    converged : bool
        Whether every error radius is within its tolerance.
    averages : PosteriorAverages
        The nodes that the averages were made of.
    unresolved_mass : float
        Prior mass on which f is not resolved against σ, the model's and the data's together.
    verified_width : float
        Wherever f has a bump, dip or gap wider than this in z, it was seen; the radii do not
        speak of what is narrower. inf: f was not scanned.
    """

    schema: ClassVar[str] = "decomposition"

    model: GenerativeModel
    data: GenerativeModel
    entropy: Estimate
    mleo: Estimate
    pmo: Estimate
    residual_variance: tuple[Estimate, ...]
    kl_distribution: KlDistribution
    eta: tuple[float, ...]
    method: str
    certificate: CertifiedPoints | None
    converged: bool
    averages: PosteriorAverages = field(repr=False)
    unresolved_mass: float = 0.0
    verified_width: float = math.inf

    @property
    def excess(self) -> Estimate:
        """J = MLEO + PMO = −ELBO − H, by which decoders are compared."""
        return self.mleo + self.pmo

    @property
    def negative_elbo(self) -> Estimate:
        """−ELBO averaged over p(x)."""
        return self.entropy + self.mleo + self.pmo

    @property
    def resolved(self) -> bool:
        """Whether the error radius of −ELBO is small enough to say anything."""
        return self.negative_elbo.error < UNRESOLVED

    @property
    def eta_partition(self) -> tuple[Partition, ...]:
        """The η-partition (eq. 6) at each η asked for."""
        return tuple(self.kl_distribution.partition(eta) for eta in self.eta)

    def _about(self) -> dict[str, object]:
        return {
            "model": self.model.name,
            "model_fingerprint": self.model.fingerprint,
            "data": self.data.name,
            "fingerprint": self.data.fingerprint,
        }

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck decompose --json`` prints."""
        return {
            "model": self.model.name,
            "data": self.data.name,
            "noise_variance": self.model.noise_variance.tolist(),
            "entropy": self.entropy.to_dict(),
            "mleo": self.mleo.to_dict(),
            "pmo": self.pmo.to_dict(),
            "excess": self.excess.to_dict(),
            "negative_elbo": self.negative_elbo.to_dict(),
            "eta_partition": [part.to_dict() for part in self.eta_partition],
            "certificate": None if self.certificate is None else self.certificate.to_dict(),
            "resolved": self.resolved,
            "converged": self.converged,
            "verified_width": self.verified_width if math.isfinite(self.verified_width) else None,
            "method": self.method,
        }


def decompose(
    model: GenerativeModel,
    data: GenerativeModel | None = None,
    *,
    eta: Sequence[float] = (),
    tolerance: float = PMO_TOLERANCE,
    residual_tolerance: float = math.inf,
    sample: ArrayLike | None = None,
    size: int = 1024,
    repeats: int = 16,
    seed: int = 0,
    certify: int = 0,
    max_nodes: int = MAX_NODES,
    resolution: float | None = None,
    progress: Progress = NO_PROGRESS,
) -> Decomposition:
    """Compute H, MLEO, PMO and J of a model against a data distribution.

    Parameters
    ----------
    model : GenerativeModel
        p_f, the model under test.
    data : GenerativeModel, optional
        p, the ground truth; by default the model itself, so that MLEO = 0.
    eta : sequence of float
        Thresholds of the η-partition to report, nats, each > 0.
    tolerance : float
        Error radius wanted for the PMO, nats.
    residual_tolerance : float
        Error radius wanted for the residual variances, relative to σ_d²; by default whatever
        comes with the PMO.
    sample : array_like, shape (n, D), optional
        Average over this sample of p(x) instead of integrating.
    size, repeats, seed : int
        Quasi-Monte Carlo for D > 2: points a repetition, repetitions, seed.
    certify : int
        Prove at so many draws from p(x) that q* is the global optimum, to 1e-9 nats.
    max_nodes : int
        Nodes x at most to average over; what needs more goes to quasi-Monte Carlo, whose radius
        is statistical.
    resolution : float, optional
        Scan both decoders for whatever is wider than this in z; by default as they say themselves.
    progress : Progress
        Told how far the refinement is, and beforehand what it will cost.

    Returns
    -------
    Decomposition

    Raises
    ------
    ModelError
        If model and data differ in D, or the sample does not fit.
    SettingError
        If an η or a tolerance is not positive.
    DecoderError
        If f misbehaves at a quadrature node.
    """
    if resolution is not None:
        data = None if data is None or data is model else data.with_resolution(resolution)
        model = model.with_resolution(resolution)
    data = model if data is None else data
    if model.data_dim != data.data_dim:
        raise ModelError(
            f"{model.name} has {model.data_dim} data dimensions, {data.name} has {data.data_dim}"
        )
    if any(not (math.isfinite(value) and value > 0.0) for value in eta):
        raise SettingError(f"every eta must be positive and finite, not {list(eta)}")
    if not tolerance > 0.0:
        raise SettingError(f"the tolerance must be positive, not {tolerance}")
    if max_nodes < 1:
        raise SettingError(f"the number of nodes must be positive, not {max_nodes}")
    if certify < 0:
        raise SettingError(f"the number of points to certify must be >= 0, not {certify}")
    data_panels = latent_panels(data)
    same = model.same_as(data)
    model_panels = data_panels if same else latent_panels(model)
    mean_field = MeanField(model_panels)
    rules = _Rules(mean_field, data_panels, tolerance, residual_tolerance, max_nodes, progress)
    sobol = (size, repeats, seed)
    if sample is not None:
        draws = given_sample(sample, model.data_dim)
        found = rules.on_sample(draws, f"a given sample of {draws.x.shape[1]} points")
    elif same and worth_it(data_panels):
        found = rules.along_curve(*sobol)
    elif model.data_dim <= 2 and box_nodes(data_panels) <= max_nodes:
        found = rules.on_boxes()
    else:
        if model.data_dim <= 2:
            progress.say(
                f"Boxes over p(x) would take some {box_nodes(data_panels):,.0f} nodes x, more than "
                f"{max_nodes:,}: quasi-Monte Carlo instead, with a statistical radius."
            )
        found = rules.by_quasi_monte_carlo(*sobol)
    averages, entropy, mleo = found.averages, found.entropy, found.mleo
    return Decomposition(
        model=model,
        data=data,
        entropy=entropy,
        mleo=mleo,
        pmo=Estimate(averages.pmo, averages.pmo_error, averages.kind),
        residual_variance=tuple(
            Estimate(float(value), float(error), averages.kind)
            for value, error in zip(averages.residual, averages.residual_error, strict=True)
        ),
        kl_distribution=KlDistribution.from_averages(averages),
        eta=tuple(float(value) for value in eta),
        method=found.method,
        certificate=_certify(mean_field, data, certify, seed) if certify else None,
        # A radius above the tolerance is no convergence, whatever the rule thought of itself.
        converged=averages.converged
        and averages.pmo_error <= max(tolerance, _SLACK)
        and entropy.error + mleo.error <= max(tolerance, PMO_TOLERANCE),
        averages=averages,
        unresolved_mass=data_panels.unresolved_mass
        + (0.0 if same else model_panels.unresolved_mass),
        verified_width=max(data_panels.verified_width, model_panels.verified_width),
    )


@dataclass(frozen=True, eq=False)
class _Found:
    averages: PosteriorAverages
    entropy: Estimate
    mleo: Estimate
    method: str


@dataclass(frozen=True, eq=False)
class _Rules:
    """The ways to average over p(x)."""

    field: MeanField
    data: LatentPanels
    tolerance: float
    residual_tolerance: float
    max_nodes: int
    progress: Progress

    def on_boxes(self) -> _Found:
        say_price(self.field, self.data, box_nodes(self.data), self.progress)
        grid, entropy, mleo = _on_grids(self.data, self.field.panels)
        averages = averages_on_boxes(
            self.field,
            self.data,
            grid,
            tolerance=self.tolerance,
            residual_tolerance=self.residual_tolerance,
            progress=self.progress,
        )
        method = "trapezoid grid for H and MLEO, adaptive boxes for PMO"
        return _Found(averages, entropy, mleo, method)

    def along_curve(self, size: int, repeats: int, seed: int) -> _Found:
        rule = CurveAverages(
            self.field,
            self.tolerance,
            self.residual_tolerance,
            max_nodes=self.max_nodes,
            size=size,
            repeats=repeats,
            seed=seed,
            progress=self.progress,
        )
        sampled = None
        if self.data.model.data_dim > 2:
            # Sampling is cheap: where it reaches the tolerance there is nothing to improve.
            sampled = self.by_quasi_monte_carlo(size, repeats, seed)
            radius = max(sampled.averages.pmo_error, sampled.entropy.error)
            if radius <= max(self.tolerance, PMO_TOLERANCE):
                return sampled
        say_price(self.field, self.data, rule.nodes, self.progress)
        entropy = rule.entropy()
        averages = rule.posterior()
        curve = _Found(averages, entropy, NONE, rule.method(averages))
        if sampled is not None and sampled.averages.pmo_error < averages.pmo_error > self.tolerance:
            # In many dimensions a curve that bends within its noise is better left to sampling.
            return sampled
        return curve

    def by_quasi_monte_carlo(self, size: int, repeats: int, seed: int) -> _Found:
        draws = quasi_monte_carlo(self.data.model, size=size, repeats=repeats, seed=seed)
        points = draws.x.shape[1]
        return self.on_sample(draws, f"quasi-Monte Carlo, {repeats} x {points} points, seed {seed}")

    def on_sample(self, draws: DataSample, method: str) -> _Found:
        entropy, mleo = _on_sample(draws, self.data, self.field.panels)
        averages = averages_on_sample(self.field, draws)
        return _Found(averages, entropy, mleo, method + "; errors are five standard errors")


def _certify(field: MeanField, data: GenerativeModel, points: int, seed: int) -> CertifiedPoints:
    _, x = data.sample(points, seed)
    return CertifiedPoints(points, certify_optimal_q(field, x, gap=1e-9).largest_gap)


def _on_grids(data: LatentPanels, model: LatentPanels) -> tuple[TrapezoidGrid, Estimate, Estimate]:
    """Refine the trapezoid grid until H and MLEO stand still."""
    for step in _STEPS:
        grid = trapezoid_grid(data, step)
        density = np.exp(grid.log_density)
        entropy, entropy_change = grid.integrate(-density * grid.log_density)
        mleo, mleo_change = 0.0, 0.0
        modelled: LogDensity | None = None
        if model is not data:
            modelled = log_density(model, grid.x)
            mleo, mleo_change = grid.integrate(density * (grid.log_density - modelled.value))
        if max(entropy_change, mleo_change) < _GRID_TOLERANCE:
            break
    largest = 1.0 + float(np.abs(grid.log_density).max())
    # What the grid does not see, and what one log p on it may be off by.
    unseen = (grid.missing_mass + data.unresolved_mass) * (largest + 40.0)
    off = _grid_error(data, grid)
    entropy_error = entropy_change + unseen + off * largest
    if modelled is None:
        return grid, Estimate(entropy, entropy_error), NONE
    model_off = grid.volume * float(np.sum(density * np.minimum(modelled.relative_error, 1e300)))
    far = 1.0 + float(np.abs(modelled.value).max())
    mleo_error = mleo_change + off + model_off + unseen * far / largest
    if not np.isfinite(modelled.error[density > 1e-9 * density.max()]).all():
        mleo_error = math.inf
    return grid, Estimate(entropy, entropy_error), Estimate(mleo, mleo_error)


def _grid_error(data: LatentPanels, grid: TrapezoidGrid, nodes: int = 512) -> float:
    """Bound the p-weighted relative error of the grid's p(x), on a subset of its nodes.

    The pairwise kernel, which reports an error radius for every x, is the referee.
    """
    stride = max(1, len(grid.x) // nodes)
    x, value = grid.x[::stride], grid.log_density[::stride]
    referee = log_density(data, x)
    weight = np.exp(value)
    weight /= weight.sum()
    difference = np.minimum(np.abs(referee.value - value), 1.0)
    return float(2.0 * np.sum(weight * (difference + referee.relative_error)))


def _on_sample(
    draws: DataSample, data: LatentPanels, model: LatentPanels
) -> tuple[Estimate, Estimate]:
    repeats, size, dim = draws.x.shape
    x = draws.x.reshape(-1, dim)
    p = log_density(data, x)
    entropy, entropy_error = draws.average(-p.value.reshape(repeats, size))
    resolution = float(np.mean(np.minimum(p.relative_error, 1e300)))
    if model is data:
        return Estimate(entropy, entropy_error + resolution, Kind.STATISTICAL), NONE
    p_f = log_density(model, x)
    resolution += float(np.mean(np.minimum(p_f.relative_error, 1e300)))
    mleo, mleo_error = draws.average((p.value - p_f.value).reshape(repeats, size))
    return (
        Estimate(entropy, entropy_error + resolution, Kind.STATISTICAL),
        Estimate(mleo, mleo_error + resolution, Kind.STATISTICAL),
    )
