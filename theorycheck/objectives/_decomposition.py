"""The decomposition −ELBO = H + MLEO + PMO (eq. 3), each term with its error radius."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from numpy.typing import ArrayLike

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import (
    MEAN_FIELD,
    ExactModel,
    Family,
    certified_gap,
    checked_family,
    described_model,
    exact_model,
)
from theorycheck.models import DescribedModel, GenerativeModel, fingerprint_of, same_model
from theorycheck.objectives._averages import (
    PosteriorAverages,
)
from theorycheck.objectives._averaging import PMO_TOLERANCE, Averaging
from theorycheck.objectives._given_sample import SampleAverages
from theorycheck.objectives._objective_value import ObjectiveValue
from theorycheck.objectives._partition import KlDistribution, Partition
from theorycheck.objectives._price import MAX_NODES
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import (
    DataSample,
    given_sample,
)
from theorycheck.results import Saved

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
    """−ELBO and its parts at the optimal q of a family, in nats.

    Parameters
    ----------
    model, data : DescribedModel
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
        True where every error radius is within its tolerance.
    averages : PosteriorAverages
        The nodes that the averages were made of.
    unresolved_mass : float
        Prior mass on which f is not resolved against σ, the model's and the data's together.
    verified_width : float
        Wherever f has a bump, dip or gap wider than this in z, it was seen; the radii do not
        speak of what is narrower. inf: f was not scanned.
    given : SampleAverages or None
        Where the averages are over a given table of x: PMO, −ELBO and the residuals are those of
        the table then, and H and MLEO are unknown (NaN, radius inf) unless the truth was named.
    family : Family
        What q may be, and q* is the best of.
    """

    schema: ClassVar[str] = "decomposition"

    model: DescribedModel
    data: DescribedModel
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
    given: SampleAverages | None = None
    family: Family = MEAN_FIELD

    @property
    def excess(self) -> Estimate:
        """Return J = MLEO + PMO = −ELBO − H, which compares decoders; NaN where H is unknown."""
        return self.mleo + self.pmo

    @property
    def figures(self) -> ObjectiveValue:
        """Return J, MLEO and PMO together."""
        return ObjectiveValue(self.excess, self.mleo, self.pmo)

    @property
    def negative_elbo(self) -> Estimate:
        """Return −ELBO averaged over p(x), or over the given table of x, nats."""
        if self.given is not None:
            return self.given.negative_elbo
        return self.entropy + self.mleo + self.pmo

    @property
    def resolved(self) -> bool:
        """Whether the error radius of −ELBO is small enough to say anything.

        Of draws it is that of the PMO: by how much their H scatters says nothing of f.
        """
        sampled = self.given is None and self.negative_elbo.kind is Kind.STATISTICAL
        return (self.pmo if sampled else self.negative_elbo).error < UNRESOLVED

    @property
    def single_precision(self) -> bool:
        """Whether an f is in single precision, whose rounding is then part of every radius."""
        return _single(self.model) or _single(self.data)

    @property
    def eta_partition(self) -> tuple[Partition, ...]:
        """The η-partition (eq. 6) at each η asked for."""
        return tuple(self.kl_distribution.partition(eta) for eta in self.eta)

    def _about(self) -> dict[str, object]:
        return {
            "model": self.model.name,
            "model_fingerprint": fingerprint_of(self.model),
            "data": self.data.name,
            "fingerprint": fingerprint_of(self.data),
        }

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck decompose --json`` prints."""
        known = self.given is None or self.given.truth_known
        return {
            "model": self.model.name,
            "data": self.data.name if known else None,
            "noise_variance": self.model.noise_variance.tolist(),
            **self.family.to_dict(),
            "entropy": self.entropy.to_dict() if known else None,
            **self.figures.to_dict(),
            **({} if known else {"mleo": None, "excess": None}),
            "negative_elbo": self.negative_elbo.to_dict(),
            "eta_partition": [part.to_dict() for part in self.eta_partition],
            "certificate": None if self.certificate is None else self.certificate.to_dict(),
            "resolved": self.resolved,
            "converged": self.converged,
            "verified_width": self.verified_width if math.isfinite(self.verified_width) else None,
            "method": self.method,
            "single_precision": self.single_precision,
            "sample": None if self.given is None else self.given.to_dict(),
        }


def decompose(
    model: DescribedModel | ExactModel,
    data: DescribedModel | ExactModel | None = None,
    *,
    eta: Sequence[float] = (),
    tolerance: float = PMO_TOLERANCE,
    residual_tolerance: float = math.inf,
    sample: ArrayLike | None = None,
    size: int | None = None,
    repeats: int = 16,
    seed: int = 0,
    family: Family = MEAN_FIELD,
    certify: int = 0,
    max_nodes: int = MAX_NODES,
    resolution: float | None = None,
    progress: Progress = NO_PROGRESS,
) -> Decomposition:
    """Compute H, MLEO, PMO and J of a model against a data distribution.

    Parameters
    ----------
    model : GenerativeModel, LinearGaussianModel or ExactModel
        p_f, the model under test.
    data : GenerativeModel, LinearGaussianModel or ExactModel, optional
        p, the ground truth; by default the model itself, so that MLEO = 0. With a sample there is
        no default: the truth is unknown unless it is given here.
    eta : sequence of float
        Thresholds of the η-partition to report, nats, each > 0.
    tolerance : float
        Error radius wanted for the PMO, nats.
    residual_tolerance : float
        Error radius wanted for the residual variances, relative to σ_d²; by default whatever
        comes with the PMO.
    sample : array_like, shape (n, D), optional
        Average over this table of x instead of integrating over p(x).
    size : int, optional
        Points of a repetition of quasi-Monte Carlo, for D > 2 or K > 2; by default 1024, and 64
        where the model has three latents, of which an x takes a hundred times as long.
    repeats, seed : int
        Repetitions of it, and its seed.
    family : Family
        What q may be; the model under test must offer it.
    certify : int
        Prove at so many draws from p(x), or x of the sample, that q* is the global optimum, to
        1e-9 nats.
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
        If model and data differ in D, the sample does not fit, or the model does not offer the
        family.
    SettingError
        If an η or a tolerance is not positive.
    DecoderError
        If f misbehaves at a quadrature node.
    """
    if resolution is not None:
        data = None if data is None or data is model else _with_resolution(data, resolution)
        model = _with_resolution(model, resolution)
    truth_known = data is not None
    data = model if data is None else data
    if any(not (math.isfinite(value) and value > 0.0) for value in eta):
        raise SettingError(f"every eta must be positive and finite, not {list(eta)}")
    if not tolerance > 0.0:
        raise SettingError(f"the tolerance must be positive, not {tolerance}")
    if max_nodes < 1:
        raise SettingError(f"the number of nodes must be positive, not {max_nodes}")
    if certify < 0:
        raise SettingError(f"the number of points to certify must be >= 0, not {certify}")
    truth = exact_model(data)
    same = same_model(described_model(model), truth.model)
    under_test = truth if same else exact_model(model)
    names, dims = zip(*((m.model.name, m.model.data_dim) for m in (under_test, truth)), strict=True)
    if dims[0] != dims[1]:
        raise ModelError(f"{names[0]} has {dims[0]} data dimensions, {names[1]} has {dims[1]}")
    draws = None if sample is None else given_sample(sample, dims[0])
    rules = Averaging(
        under_test, truth, tolerance, residual_tolerance, max_nodes, size, repeats, seed,
        checked_family(under_test, family), progress,
    )  # fmt: skip
    found = rules.run(draws, truth_known)
    averages, entropy, mleo = found.averages, found.entropy, found.mleo
    return Decomposition(
        model=model if isinstance(model, GenerativeModel) else under_test.model,
        data=truth.model,
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
        certificate=certified_points(under_test, truth, draws, family, certify, seed)
        if certify
        else None,
        # A radius above the tolerance is no convergence, whatever the rule thought of itself.
        converged=averages.converged
        and averages.pmo_error <= max(tolerance, _SLACK)
        and (
            found.given is not None or entropy.error + mleo.error <= max(tolerance, PMO_TOLERANCE)
        ),
        averages=averages,
        unresolved_mass=truth.unresolved_mass + (0.0 if same else under_test.unresolved_mass),
        verified_width=max(truth.verified_width, under_test.verified_width),
        given=found.given,
        family=family,
    )


def _single(model: DescribedModel) -> bool:
    return isinstance(model, GenerativeModel) and model.decoder.single


def _with_resolution(model: DescribedModel | ExactModel, resolution: float) -> GenerativeModel:
    if not isinstance(model, GenerativeModel):
        raise SettingError("a resolution is for models of one latent that is scanned here")
    return model.with_resolution(resolution)


def certified_points(
    model: ExactModel,
    data: ExactModel,
    given: DataSample | None,
    family: Family | None,
    points: int,
    seed: int,
) -> CertifiedPoints:
    """Certify the best q of a model at draws from the data, or at the first x of those given."""
    x = data.model.sample(points, seed)[1] if given is None else given.x[0, :points]
    return CertifiedPoints(len(x), float(certified_gap(model, x, family).max()))
