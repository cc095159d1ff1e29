"""Informativeness under the true posterior: I_p(x; z_k) = E_p KL[p_f(z_k|x) ‖ E_p p_f(z_k|x)].

On a model's own data the aggregate is the prior, whatever f is, so that I_p(x; z_k) is an average
of KL[p(z_k|x) ‖ N(0, 1)], and I_p(x; z) = H[p(x)] − H[p(x|z)], of which the second is known. On a
table of x, or the data of another model, the aggregate is accumulated on the nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Points
from theorycheck.estimate import Estimate
from theorycheck.inference import (
    ExactLinearGaussian,
    MarginalAxis,
    MarginalsOnBoxes,
    MarginalsOnPanels,
)
from theorycheck.objectives._aggregate import (
    AggregateEntropies,
    aggregate_entropies,
    own_entropies,
)
from theorycheck.objectives._aggregate_weights import AggregateWeights
from theorycheck.progress import NO_PROGRESS, Progress

#: Log of the density of posterior mass without nodes, at most so many nats from that of the prior.
_FAR = 60.0


class PosteriorInformation(NamedTuple):
    """What the true posterior makes of the latents.

    Parameters
    ----------
    latents : tuple of Estimate
        I_p(x; z_k) for each latent, nats.
    joint : Estimate
        I_p(x; z), nats.
    """

    latents: tuple[Estimate, ...]
    joint: Estimate


@dataclass(frozen=True, eq=False)
class _Along:
    """What posteriors of all x have along one axis of nodes: no densities on own data."""

    own: Array
    cross: Array
    error: Array
    density: Array


def own_posterior_information(
    marginals: MarginalsOnPanels | MarginalsOnBoxes,
    x: Points,
    weights: AggregateWeights,
    off: float,
    progress: Progress = NO_PROGRESS,
) -> tuple[Estimate, ...]:
    """Compute I_p(x; z_k) on the model's own data, where the aggregate is the prior.

    Parameters
    ----------
    marginals : MarginalsOnPanels or MarginalsOnBoxes
        Posteriors of the model; no joint is needed.
    x : ndarray, shape (n, D)
        Nodes that stand for p(x).
    weights : AggregateWeights
        Their weights.
    off : float
        Relative error of p(x) at the nodes, on average.
    progress : Progress
        Told how many x are done.

    Returns
    -------
    tuple of Estimate
        Nats, one for each latent.
    """
    found = _along_axes(marginals, x, weights, progress, aggregate=False)
    return tuple(_from_prior(one, weights, off) for one in found)


def posterior_information(
    marginals: MarginalsOnPanels | MarginalsOnBoxes,
    x: Points,
    weights: AggregateWeights,
    off: float,
    progress: Progress = NO_PROGRESS,
) -> PosteriorInformation:
    """Compute I_p(x; z_k) and I_p(x; z) on a table of x, or on the data of another model.

    Parameters
    ----------
    marginals : MarginalsOnPanels or MarginalsOnBoxes
        Posteriors of the model.
    x : ndarray, shape (n, D)
        Nodes that stand for p(x).
    weights : AggregateWeights
        Their weights.
    off : float
        Relative error of p_f(x) at the nodes, on average.
    progress : Progress
        Told how many x are done.

    Returns
    -------
    PosteriorInformation
    """
    found = _along_axes(marginals, x, weights, progress, aggregate=True)
    figures = [
        _from_aggregate(axis, one, weights, off)
        for axis, one in zip(marginals.axes, found, strict=True)
    ]
    # Of one latent the marginal is the joint; of more the joint comes last.
    return PosteriorInformation(tuple(figures[:-1] or figures), figures[-1])


def _along_axes(
    marginals: MarginalsOnPanels | MarginalsOnBoxes,
    x: Points,
    weights: AggregateWeights,
    progress: Progress,
    *,
    aggregate: bool,
) -> list[_Along]:
    parts = int(weights.part.max()) + 1 if aggregate else 0
    found = [
        _Along(
            np.empty(len(x)),
            np.empty(len(x)),
            np.empty(len(x)),
            np.zeros((parts, axis.weight.size)),
        )
        for axis in marginals.axes
    ]
    with progress.task("the posterior at each x", len(x)) as advance:
        for chunk in marginals.of(x):
            lost = np.maximum(chunk.left_out, 0.0)
            # Mass v without nodes: no more than v (60 − log v) of any of these figures.
            missing = lost * (_FAR - np.log(np.maximum(lost, 1e-300)))
            mass, part = weights.mass[chunk.rows], weights.part[chunk.rows]
            for axis, one, chosen, density in zip(
                marginals.axes, found, chunk.chosen, chunk.density, strict=True
            ):
                own, error = axis.entropy(density, chosen)
                one.own[chunk.rows], one.error[chunk.rows] = own, error + missing
                one.cross[chunk.rows] = axis.cross(density, chosen)
                for k in np.unique(part) if aggregate else ():
                    one.density[k, chosen] += mass[part == k] @ density[part == k]
            advance(len(chunk.rows))
    return found


def _from_prior(one: _Along, weights: AggregateWeights, off: float) -> Estimate:
    """Average KL[p(z_k|x) ‖ prior]: what it is on the model's own data."""
    kl = one.cross - one.own
    known = float(weights.mass @ (one.error + 2.0 * off * (1.0 + np.abs(kl))))
    found = weights.average(kl, known, smooth=True)
    return Estimate(max(found.value, 0.0), found.error, found.kind)


def _from_aggregate(
    axis: MarginalAxis, one: _Along, weights: AggregateWeights, off: float
) -> Estimate:
    known = float(weights.mass @ (one.error + 2.0 * off * (1.0 + np.abs(one.own))))
    return weights.information(_entropies_of(axis, one.density), one.own, known)


def _entropies_of(axis: MarginalAxis, density: Float64[Array, "parts nodes"]) -> AggregateEntropies:
    """Return the entropies of aggregates on nodes; the parts' densities have their masses."""
    share = density @ axis.weight
    every = np.arange(axis.weight.size)
    own = density / share[:, None]
    whole = density.sum(axis=0) / share.sum()
    value, error = axis.entropy(whole[None], every)
    if len(density) == 1:
        none = np.array([np.nan])
        return AggregateEntropies(float(value[0]), float(error[0]), value, none, value)
    others = np.maximum(density.sum(axis=0) - density, 1e-300)
    others /= (share.sum() - share)[:, None]
    alone, _ = axis.entropy(own, every)
    with np.errstate(divide="ignore"):
        floor = np.log(np.maximum(whole, 1e-300))
    return AggregateEntropies(
        float(value[0]),
        float(error[0]) + 1e-13 * (1.0 + abs(float(value[0]))),
        -(own * floor) @ axis.weight,
        -(own * np.log(others)) @ axis.weight,
        alone,
    )


def linear_posterior_information(
    engine: ExactLinearGaussian, x: Points, weights: AggregateWeights
) -> PosteriorInformation:
    """Compute the same of a linear-Gaussian model: its posteriors have one covariance.

    Parameters
    ----------
    engine : ExactLinearGaussian
        The model.
    x : ndarray, shape (n, D)
        Nodes that stand for p(x), not the model's own.
    weights : AggregateWeights
        Their weights.

    Returns
    -------
    PosteriorInformation
    """
    mean = engine.posterior_mean(x)
    covariance = np.linalg.inv(engine.precision)

    def of(means: Array, scale: Array) -> Estimate:
        scales = np.broadcast_to(scale, means.shape)
        entropies = aggregate_entropies(means, scales, weights.mass, weights.part)
        return weights.information(entropies, own_entropies(scales), 0.0)

    scale = np.asarray(np.sqrt(np.diag(covariance)), dtype=np.float64)
    latents = tuple(of(mean[:, k : k + 1], scale[k : k + 1]) for k in range(len(scale)))
    # Information does not change where z is mapped one to one: here so that S becomes I.
    white = np.asarray(np.linalg.solve(np.linalg.cholesky(covariance), mean.T).T, dtype=np.float64)
    return PosteriorInformation(latents, of(white, np.ones(len(scale))))


def own_joint_information(entropy: Estimate, noise_variance: Float64[Array, " D"]) -> Estimate:
    """Return I_p(x; z) = H[p(x)] − Σ_d ½ log 2πe σ_d² of a model on its own data, nats.

    Parameters
    ----------
    entropy : Estimate
        H, nats.
    noise_variance : ndarray, shape (D,)
        σ².

    Returns
    -------
    Estimate
    """
    noise = 0.5 * float(np.log(2.0 * math.pi * math.e * noise_variance).sum())
    value = entropy.value - noise
    return Estimate(max(value, 0.0), entropy.error + 1e-14 * (1.0 + abs(noise)), entropy.kind)
