"""How much each latent is used by the q of a table of x: informativeness, and the aggregate.

For q(z_k|x_i) = N(μ_ik, s_ik²) over n given x, with the aggregate q(z_k) = (1/n) Σ_i q(z_k|x_i),

    I_q(x; z_k) = H[q(z_k)] − (1/n) Σ_i H[q(z_k|x_i)],

of this table, so that it is log n at most; and KL[q(z_k) ‖ N(0, 1)], how far the aggregate is from
the prior. Both are one-dimensional integrals of a mixture, by the trapezoid rule: it converges
faster than any power of the step for integrands this smooth. A latent counts as active where
Var_i μ_ik is above 0.01 (Burda et al. 2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerPoint
from theorycheck.estimate import Estimate
from theorycheck.progress import NO_PROGRESS, Progress

#: Variance of the means from which on a latent counts as active.
ACTIVE_VARIANCE = 0.01
#: Step of the rule in the smallest scale, scales that it reaches beyond the means, and its nodes at
#: most: then the step is wider and the radius says so.
_STEP, _REACH, _MOST_NODES = 0.25, 8.5, 60_000
#: Numbers held at once.
_AT_ONCE = 4_000_000
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True)
class LatentUse:
    """What the q of a table of x make of one latent.

    Parameters
    ----------
    informativeness : Estimate
        I_q(x; z_k) of the table, nats; log n at most.
    aggregate_kl : Estimate
        KL[q(z_k) ‖ N(0, 1)], nats.
    rate : Estimate
        (1/n) Σ_i KL[q(z_k|x_i) ‖ N(0, 1)], nats: the sum of the other two.
    mean_variance : float
        Variance of the means μ_ik over the table.
    """

    informativeness: Estimate
    aggregate_kl: Estimate
    rate: Estimate
    mean_variance: float

    @property
    def active(self) -> bool:
        """Whether the means vary by more than 0.01."""
        return self.mean_variance > ACTIVE_VARIANCE

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {
            "informativeness": self.informativeness.to_dict(),
            "aggregate_kl": self.aggregate_kl.to_dict(),
            "rate": self.rate.to_dict(),
            "mean_variance": self.mean_variance,
            "active": self.active,
        }


def latent_use(
    mean: Float64[Array, "n K"], scale: Float64[Array, "n K"], progress: Progress = NO_PROGRESS
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
    found = []
    with progress.task("how each latent is used", mean.shape[1]) as advance:
        for m, s in zip(mean.T, scale.T, strict=True):
            found.append(_of_one(np.ascontiguousarray(m), np.ascontiguousarray(s)))
            advance(1)
    return tuple(found)


def _of_one(mean: PerPoint, scale: PerPoint) -> LatentUse:
    each = 0.5 * (mean**2 + scale**2 - 1.0) - np.log(scale)
    rate = Estimate(float(each.mean()), 1e-14 * float(np.abs(each).mean()))
    # Not below a hundredth of the typical scale: a single collapsed q would set the step of all.
    narrow = max(float(scale.min()), 0.01 * float(np.median(scale)))
    low, high = float((mean - _REACH * scale).min()), float((mean + _REACH * scale).max())
    count = min(max(math.ceil((high - low) / (_STEP * narrow)), 64), _MOST_NODES)
    # An even number of steps, so that every second node is a rule of its own.
    nodes = np.linspace(low, high, 2 * (count // 2) + 1)
    density = _mixture(nodes, mean, scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_density = np.log(density)
        terms = np.where(density > 0.0, density * log_density, 0.0)
    step = nodes[1] - nodes[0]
    fine, coarse = -float(terms.sum()) * step, -float(terms[::2].sum()) * 2.0 * step
    own = 0.5 + _HALF_LOG_2PI + float(np.log(scale).mean())
    # What the coarser rule misses bounds what the finer one does, by far.
    error = abs(fine - coarse) + 1e-12 * (1.0 + abs(fine) + abs(own))
    informativeness = Estimate(max(fine - own, 0.0), error)
    return LatentUse(informativeness, rate - informativeness, rate, float(mean.var()))


def _mixture(nodes: Array, mean: PerPoint, scale: PerPoint) -> Array:
    """Average the densities N(z; μ_i, s_i²) over i, at every node."""
    density = np.zeros(len(nodes))
    order = np.argsort(mean)
    mean, scale = mean[order], scale[order]
    together = max(1, _AT_ONCE // len(mean))
    for start in range(0, len(nodes), together):
        part = nodes[start : start + together]
        # Components too far from all of these nodes add nothing.
        near = (mean + _REACH * scale > part[0]) & (mean - _REACH * scale < part[-1])
        m, s = mean[near], scale[near]
        apart = (part[:, None] - m) / s
        density[start : start + together] = (np.exp(-0.5 * apart**2) / s).sum(axis=1)
    result: Array = density / (len(mean) * math.sqrt(2.0 * math.pi))
    return result
