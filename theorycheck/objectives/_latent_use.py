"""How much each latent is used by q: informativeness, and how far the aggregate is from the prior.

For q(z|x) = Π N(μ_k, s_k²), with the aggregate q(z_k) = E_p q(z_k|x),

    I_q(x; z_k) = E_p KL[q(z_k|x) ‖ q(z_k)] = H[q(z_k)] − E_p H[q(z_k|x)],

and E_p KL[q(z_k|x) ‖ N(0, 1)] = I_q(x; z_k) + KL[q(z_k) ‖ N(0, 1)] (Hoffman and Johnson 2016). Of a
table of n given x it is log n at most. A latent counts as active where the variance of its means is
above 0.01 (Burda et al. 2016), and as informative where I_q is above 0.01 nats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerPoint
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.objectives._aggregate import aggregate_entropies, own_entropies
from theorycheck.objectives._aggregate_weights import AggregateWeights, of_table
from theorycheck.progress import NO_PROGRESS, Progress

#: Variance of the means from which on a latent counts as active.
ACTIVE_VARIANCE = 0.01
#: I_q(x; z_k) from which on a latent counts as informative, nats.
INFORMATIVE = 0.01


@dataclass(frozen=True)
class LatentUse:
    """What q makes of one latent.

    Parameters
    ----------
    informativeness : Estimate
        I_q(x; z_k), nats; of a table of n given x log n at most.
    aggregate_kl : Estimate
        KL[q(z_k) ‖ N(0, 1)], nats.
    rate : Estimate
        E_p KL[q(z_k|x) ‖ N(0, 1)], nats: the sum of the other two.
    mean_variance : Estimate
        Variance of the means μ_k under p(x).
    """

    informativeness: Estimate
    aggregate_kl: Estimate
    rate: Estimate
    mean_variance: Estimate

    @property
    def active(self) -> bool:
        """Whether the means vary by more than 0.01."""
        return self.mean_variance.value > ACTIVE_VARIANCE

    @property
    def informative(self) -> Verdict:
        """Whether I_q is above 0.01 nats; inconclusive where the radius does not say."""
        return positive(self.informativeness - Estimate(INFORMATIVE, 0.0))

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {
            "informativeness": self.informativeness.to_dict(),
            "aggregate_kl": self.aggregate_kl.to_dict(),
            "rate": self.rate.to_dict(),
            "variance_of_means": self.mean_variance.to_dict(),
            "active": self.active,
            "informative": str(self.informative),
        }


def latent_use(
    mean: Float64[Array, "n K"],
    scale: Float64[Array, "n K"],
    progress: Progress = NO_PROGRESS,
) -> tuple[LatentUse, ...]:
    """Measure how the q of a table of x use each latent.

    Parameters
    ----------
    mean, scale : ndarray, shape (n, K)
        μ and s of q(z|x) at each x.
    progress : Progress
        Told how many latents are done.

    Returns
    -------
    tuple of LatentUse
        One for each latent.
    """
    return weighted_use(mean, scale, of_table(len(mean)), 0.0, progress)


def weighted_use(
    mean: Float64[Array, "n K"],
    scale: Float64[Array, "n K"],
    weights: AggregateWeights,
    off: float,
    progress: Progress = NO_PROGRESS,
) -> tuple[LatentUse, ...]:
    """Measure how the q of weighted x use each latent.

    Parameters
    ----------
    mean, scale : ndarray, shape (n, K)
        μ and s of q(z|x) at each x.
    weights : AggregateWeights
        What stands for p(x).
    off : float
        Nats that any of the figures may be off by because q is not known better.
    progress : Progress
        Told how many latents are done.

    Returns
    -------
    tuple of LatentUse
    """
    found = []
    with progress.task("how each latent is used", mean.shape[1]) as advance:
        for m, s in zip(mean.T, scale.T, strict=True):
            found.append(_of_one(np.ascontiguousarray(m), np.ascontiguousarray(s), weights, off))
            advance(1)
    return tuple(found)


def _of_one(mean: PerPoint, scale: PerPoint, weights: AggregateWeights, off: float) -> LatentUse:
    columns = mean[:, None], scale[:, None]
    each = 0.5 * (mean**2 + scale**2 - 1.0) - np.log(scale)
    rate = weights.average(each, off)
    entropies = aggregate_entropies(*columns, weights.mass, weights.part)
    informativeness = weights.information(entropies, own_entropies(columns[1]), off)
    middle = float(weights.mass @ mean) / float(weights.mass.sum())
    # E (μ − c)² is off the variance by the square of what c is off by.
    centre = weights.average(mean - middle, 0.0)
    spread = weights.average((mean - middle) ** 2, off)
    variance = Estimate(
        spread.value, spread.error + (abs(centre.value) + centre.error) ** 2, spread.kind
    )
    return LatentUse(informativeness, rate - informativeness, rate, variance)
