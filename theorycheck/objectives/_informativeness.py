"""Informativeness of the latents: what q, and the true posterior, know of x through each.

I_q(x; z_k) = E_p KL[q(z_k|x) ‖ q(z_k)] with q(z_k) = E_p q(z_k|x), at the best mean-field q of
every x, and I_p(x; z_k) the same of the posterior; of all latents together as well. The paper's
claim on compression (section 5.1) is about their mean over k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import (
    DrawRule,
    ExactLinearGaussian,
    ExactModel,
    GaussianQ,
    GridRule,
    described_model,
    exact_model,
    finest_rule,
    gaussian_q,
    posterior_marginals,
)
from theorycheck.models import DescribedModel, GenerativeModel, same_model, with_used_latents
from theorycheck.objectives._aggregate import aggregate_entropies, own_entropies
from theorycheck.objectives._aggregate_weights import AggregateWeights, of_rule, of_table
from theorycheck.objectives._averages import LARGEST_KL
from theorycheck.objectives._latent_use import LatentUse, weighted_use
from theorycheck.objectives._posterior_information import (
    linear_posterior_information,
    own_joint_information,
    own_posterior_information,
    posterior_information,
)
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import given_sample

#: Nodes x at most, by default.
MAX_NODES = 8_000
#: Repetitions of draws at least: of fewer, five standard errors are exceeded too often.
FEWEST_REPEATS = 8
#: Nodes at which it is looked how well p(x) is known.
_PROBED = 512
#: Nats that q may be short of its minimum, from which on nothing is said of where it is.
_LOST = 1e-2


@dataclass(frozen=True, eq=False)
class Informativeness:
    """What q and the posterior know of x through each latent, nats.

    Parameters
    ----------
    model, data : str
        Names of p_f and of what p(x) belongs to.
    latents : tuple of LatentUse
        I_q(x; z_k), KL[q(z_k) ‖ p(z_k)] and more, for each latent.
    joint : Estimate
        I_q(x; z) of all latents together.
    posterior : tuple of Estimate, or None
        I_p(x; z_k) for each latent; None where the posterior's marginals are not known.
    posterior_joint : Estimate, or None
        I_p(x; z).
    size : int or None
        n, where the averages are over a given table of n x; then no figure exceeds log n.
    ambiguous : float
        Share of p(x) at which a second q is as good: there another choice gives other figures.
    method : str
        How p(x) was averaged over.
    """

    model: str
    data: str
    latents: tuple[LatentUse, ...]
    joint: Estimate
    posterior: tuple[Estimate, ...] | None
    posterior_joint: Estimate | None
    size: int | None
    ambiguous: float
    method: str

    @property
    def cap(self) -> float | None:
        """Return log n, which no figure of a table of n x exceeds, nats; None of a population."""
        return None if self.size is None else math.log(self.size)

    @property
    def total(self) -> Estimate:
        """Return Σ_k I_q(x; z_k), nats."""
        return _sum(tuple(one.informativeness for one in self.latents))

    @property
    def mean(self) -> Estimate:
        """Return the mean of I_q(x; z_k) over the latents, nats."""
        return self.total.scaled(1.0 / len(self.latents))

    @property
    def total_correlation(self) -> Estimate:
        """Return KL[q(z) ‖ Π q(z_k)] = Σ_k I_q(x; z_k) − I_q(x; z) of the aggregate, nats."""
        return self.total - self.joint

    @property
    def posterior_total(self) -> Estimate | None:
        """Return Σ_k I_p(x; z_k), nats."""
        return None if self.posterior is None else _sum(self.posterior)

    @property
    def posterior_mean(self) -> Estimate | None:
        """Return the mean of I_p(x; z_k) over the latents, nats."""
        total = self.posterior_total
        return None if total is None else total.scaled(1.0 / len(self.latents))

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        posterior = self.posterior or (None,) * len(self.latents)
        return {
            "latents": [
                one.to_dict() | {"posterior_informativeness": _or_null(other)}
                for one, other in zip(self.latents, posterior, strict=True)
            ],
            "sum": self.total.to_dict(),
            "mean": self.mean.to_dict(),
            "joint": self.joint.to_dict(),
            "total_correlation": self.total_correlation.to_dict(),
            "posterior_sum": _or_null(self.posterior_total),
            "posterior_mean": _or_null(self.posterior_mean),
            "posterior_joint": _or_null(self.posterior_joint),
            "log_size": self.cap,
            "ambiguous": self.ambiguous,
            "method": self.method,
        }


def _or_null(one: Estimate | None) -> dict[str, float | str] | None:
    return None if one is None else one.to_dict()


def _sum(parts: tuple[Estimate, ...]) -> Estimate:
    total = parts[0]
    for one in parts[1:]:
        total = total + one
    return total


def informativeness(
    model: DescribedModel | ExactModel,
    data: DescribedModel | ExactModel | None = None,
    *,
    sample: ArrayLike | None = None,
    max_nodes: int = MAX_NODES,
    size: int = 512,
    repeats: int = 16,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Informativeness:
    """Compute I_q(x; z_k) and I_p(x; z_k) for each latent, and of all latents together.

    Parameters
    ----------
    model : GenerativeModel, LinearGaussianModel or ExactModel
        p_f, whose best mean-field q and posterior are looked at.
    data : GenerativeModel, LinearGaussianModel or ExactModel, optional
        p, that x is averaged over; by default the model's own.
    sample : array_like, shape (n, D), optional
        Average over this table of x instead: exact of the table, and log n at most.
    max_nodes : int
        Nodes x at most of a grid over p(x), D <= 2: it is made as fine as they allow.
    size, repeats, seed : int
        Quasi-random draws for D > 2: points a repetition, repetitions (8 or more), seed.
    progress : Progress
        Told how far it is.

    Returns
    -------
    Informativeness

    Raises
    ------
    ModelError
        If model and data differ in D, or no mean-field q is known for this kind of model.
    SettingError
        If a number of nodes, points or repetitions is too small.
    """
    if max_nodes < 1 or size < 1 or repeats < FEWEST_REPEATS:
        raise SettingError(f"needs a node, a point and {FEWEST_REPEATS} repetitions at least")
    described = described_model(model)
    if isinstance(described, GenerativeModel):
        fewer, used = with_used_latents(described)
        if fewer is not described:
            found = informativeness(
                fewer, model if data is None else data, sample=sample, max_nodes=max_nodes,
                size=size, repeats=repeats, seed=seed, progress=progress,
            )  # fmt: skip
            return _with_unused(found, used, described)
    source = exact_model(model if data is None else data)
    same = same_model(described, source.model)
    engine = source if same else exact_model(model)
    if engine.model.data_dim != source.model.data_dim:
        raise ModelError(
            f"{engine.model.name} has {engine.model.data_dim} data dimensions, "
            f"{source.model.name} has {source.model.data_dim}"
        )
    if sample is not None:
        x = given_sample(sample, engine.model.data_dim).x[0]
        method = f"averages over a given sample of {len(x)} points"
        return _found(engine, "", x, of_table(len(x)), None, method, progress)
    if same and isinstance(engine, ExactLinearGaussian):
        return _linear(engine)
    rule, smooth, method = finest_rule(
        source, most=max_nodes, size=size, repeats=repeats, seed=seed
    )
    weights = weighed(source, rule)
    posterior = _own_posterior(source, smooth, progress) if same else None
    return _found(engine, source.model.name, rule.x, weights, posterior, method, progress)


def _with_unused(
    found: Informativeness, used: tuple[int, ...], model: GenerativeModel
) -> Informativeness:
    """Put back latents whose posterior and best q are the prior: they know nothing of any x."""
    none = Estimate(0.0, 0.0, Kind.EXACT)
    nothing = LatentUse(none, none, none, none)
    places = {latent: place for place, latent in enumerate(used)}
    latents, posterior = range(model.latent_dim), found.posterior
    return replace(
        found,
        model=model.name,
        latents=tuple(found.latents[places[k]] if k in places else nothing for k in latents),
        posterior=None
        if posterior is None
        else tuple(posterior[places[k]] if k in places else none for k in latents),
    )


def _found(
    engine: ExactModel,
    data: str,
    x: Points,
    weights: AggregateWeights,
    posterior: _Posterior | None,
    method: str,
    progress: Progress,
) -> Informativeness:
    """Measure q and the posterior at the nodes."""
    q = gaussian_q(engine, x, progress)
    off = off_place(q, weights.mass)
    together = aggregate_entropies(q.mean, q.scale, weights.mass, weights.part)
    if posterior is None:
        posterior = _posterior(engine, x, weights, progress)
    return Informativeness(
        model=engine.model.name,
        data=data,
        latents=weighted_use(q.mean, q.scale, weights, off, progress),
        joint=weights.information(together, own_entropies(q.scale), off),
        posterior=posterior.latents,
        posterior_joint=posterior.joint,
        size=len(x) if weights.rule is None else None,
        ambiguous=float(weights.mass @ q.ambiguous) / float(weights.mass.sum()),
        method=method,
    )


class _Posterior(NamedTuple):
    """I_p(x; z_k) and I_p(x; z), as far as they are known."""

    latents: tuple[Estimate, ...] | None
    joint: Estimate | None


def _posterior(
    engine: ExactModel, x: Points, weights: AggregateWeights, progress: Progress
) -> _Posterior:
    """Measure the posterior on a table of x, or on the data of another model."""
    if isinstance(engine, ExactLinearGaussian):
        return _Posterior(*linear_posterior_information(engine, x, weights))
    marginals = posterior_marginals(engine)
    if marginals is None:
        return _Posterior(None, None)
    off = _off(engine, x, weights.mass)
    return _Posterior(*posterior_information(marginals, x, weights, off, progress))


def _own_posterior(engine: ExactModel, rule: GridRule | DrawRule, progress: Progress) -> _Posterior:
    """Measure the posterior on the model's own data, by a rule for what is as smooth as p(x)."""
    weights = weighed(engine, rule)
    if isinstance(rule, DrawRule):
        p = engine.log_density(rule.x)
        entropy = rule.average(-p.value, p.relative_error)
    else:
        entropy = weights.average(-rule.log_density, weights.off, smooth=True)
    joint = own_joint_information(entropy, engine.model.noise_variance)
    marginals = posterior_marginals(engine, joint=False)
    if marginals is None:
        return _Posterior(None, joint)
    off = weights.off + engine.unresolved_mass
    return _Posterior(own_posterior_information(marginals, rule.x, weights, off, progress), joint)


def off_place(q: GaussianQ, mass: PerPoint) -> float:
    """Bound, on average, what it does to an entropy or a KL that q is not exactly at its minimum.

    Near it −ELBO rises by ½ d² where q moves by d scales; entropies and KLs move by d or so.

    Parameters
    ----------
    q : GaussianQ
        The best q at some nodes x.
    mass : ndarray, shape (n,)
        Weights of the nodes.

    Returns
    -------
    float
        Nats.
    """
    with np.errstate(invalid="ignore"):
        each = np.where(q.gap < _LOST, 3.0 * np.sqrt(2.0 * q.gap), LARGEST_KL)
    return float(mass @ each) / float(mass.sum())


def _off(engine: ExactModel, x: Points, mass: Array) -> float:
    """Return the relative error of p(x) at the nodes, on average, from some of them."""
    stride = max(1, len(x) // _PROBED)
    some = np.minimum(engine.log_density(x[::stride]).relative_error, 1.0)
    weight = mass[::stride]
    return float(weight @ some) / float(weight.sum())


def weighed(source: ExactModel, rule: GridRule | DrawRule) -> AggregateWeights:
    """Return the weights of a rule over p(x), with how well p(x) is known at its nodes.

    Parameters
    ----------
    source : ExactModel
        Whose p(x) it is.
    rule : GridRule or DrawRule

    Returns
    -------
    AggregateWeights
    """
    if isinstance(rule, DrawRule):
        return of_rule(rule, 0.0)
    return of_rule(rule, _off(source, rule.x, rule.mass) + source.unresolved_mass)


def _linear(engine: ExactLinearGaussian) -> Informativeness:
    """Everything in closed form: q, the posterior and their aggregates are Gaussians."""
    covariance = np.linalg.inv(engine.precision)
    latents = len(covariance)
    scale = 1.0 / np.diag(engine.precision)
    rounding = 1e-14 * float(np.linalg.cond(engine.precision)) * latents

    def exact(value: float) -> Estimate:
        return Estimate(max(value, 0.0), rounding * (1.0 + abs(value)), Kind.EXACT)

    # E[z|x] has the covariance I − S under the model's own p(x).
    of_means = np.eye(latents) - covariance
    aggregate = of_means + np.diag(scale)
    use = []
    for k in range(latents):
        total = float(aggregate[k, k])
        known = exact(0.5 * math.log(total / scale[k]))
        kl = exact(0.5 * (total - 1.0 - math.log(total)))
        spread = exact(float(of_means[k, k]))
        use.append(LatentUse(known, kl, exact(known.value + kl.value), spread))
    _, log_det = np.linalg.slogdet(aggregate)
    _, posterior = np.linalg.slogdet(covariance)
    return Informativeness(
        model=engine.model.name,
        data=engine.model.name,
        latents=tuple(use),
        joint=exact(0.5 * float(log_det - np.log(scale).sum())),
        posterior=tuple(exact(-0.5 * math.log(covariance[k, k])) for k in range(latents)),
        posterior_joint=exact(-0.5 * float(posterior)),
        size=None,
        ambiguous=0.0,
        method="closed forms",
    )
