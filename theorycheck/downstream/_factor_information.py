"""How much each latent of q says of each ground-truth factor, and the mutual information gap.

I(z_j; v_k) = H[q(z_j)] − E H[q(z_j|v_k)], where q(z_j|v_k) is the average of q(z_j|x) over the x
that v_k gives: the mutual information of the aggregate (Chen et al. 2018, MIG). The factor v_k, a
latent of the ground truth, is cut into equally likely bins, as is customary for continuous factors;
their posterior probabilities at each x are known, so that nothing is drawn or fitted. MIG is the
mean over factors of the largest I(z_j; v_k) less the second largest, in units of the factor's
entropy, which is the log of the number of bins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Integers
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import DrawRule
from theorycheck.objectives import AggregateWeights
from theorycheck.quadrature import STANDARD_ERRORS

#: Step of the nodes in z in the smallest scale, scales beyond the means, and nodes at most.
_STEP, _REACH, _MOST = 0.35, 8.0, 4_000


@dataclass(frozen=True)
class FactorInformation:
    """What each latent says of each factor.

    Parameters
    ----------
    matrix : tuple of tuple of Estimate
        I(z_j; v_k), nats: a row for each latent, a column for each factor.
    bins : int
        Bins of each factor.
    """

    matrix: tuple[tuple[Estimate, ...], ...]
    bins: int

    @property
    def mig(self) -> Estimate:
        """Return the mutual information gap, from 0 to 1."""
        parts: list[Estimate] = []
        for column in zip(*self.matrix, strict=True):
            ordered = sorted(column, key=lambda one: -one.value)
            parts.append(ordered[0] - ordered[1])
        total = parts[0]
        for one in parts[1:]:
            total += one
        result: Estimate = total
        return result.scaled(1.0 / (len(parts) * math.log(self.bins)))

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {
            "information": [[one.to_dict() for one in row] for row in self.matrix],
            "mig": self.mig.to_dict(),
            "bins": self.bins,
        }


def factor_information(
    mean: Float64[Array, "n K"],
    scale: Float64[Array, "n K"],
    factors: tuple[Float64[Array, "n bins"], ...],
    weights: AggregateWeights,
    off: float,
) -> FactorInformation:
    """Compute I(z_j; v_k) of every latent of q and every factor.

    Parameters
    ----------
    mean, scale : ndarray, shape (n, K)
        μ and s of q(z|x) at nodes that stand for p(x).
    factors : tuple of ndarray, shapes (n, B)
        For each factor the posterior probabilities of its bins at the nodes.
    weights : AggregateWeights
        Weights of the nodes.
    off : float
        Nats that a figure may be off by on average because q is not known better.

    Returns
    -------
    FactorInformation
    """
    rows = []
    for m, s in zip(mean.T, scale.T, strict=True):
        nodes, bells = _bells(m, s)
        rows.append(tuple(_of_pair(nodes, bells, bins, weights, off) for bins in factors))
    return FactorInformation(tuple(rows), factors[0].shape[1])


def _bells(mean: Array, scale: Array) -> tuple[Array, Array]:
    """Return nodes in z, and N(z; μ, s²) there, shape (nodes, n)."""
    narrow = max(float(scale.min()), 0.02 * float(np.median(scale)))
    low, high = float((mean - _REACH * scale).min()), float((mean + _REACH * scale).max())
    count = min(max(math.ceil((high - low) / (_STEP * narrow)), 64), _MOST)
    nodes = np.linspace(low, high, 2 * (count // 2) + 1)
    apart = (nodes[:, None] - mean) / scale
    return nodes, np.exp(-0.5 * apart**2) / (scale * math.sqrt(2.0 * math.pi))


def _of_pair(
    nodes: Array, bells: Array, bins: Array, weights: AggregateWeights, off: float
) -> Estimate:
    """Estimate I of one latent and one factor."""
    step = float(nodes[1] - nodes[0])
    count = int(weights.part.max()) + 1
    parts = np.stack(
        [_densities(bells, bins, weights.mass, weights.part == k) for k in range(count)]
    )
    whole = parts.sum(axis=0)
    value = _information(whole, step)
    # The rule of twice the step in z, and q itself; an entropy enters twice.
    known = abs(value - _information(whole[::2], 2.0 * step)) + 2.0 * off + 1e-12
    if isinstance(weights.rule, DrawRule):
        # The jackknife over repetitions takes the bias away that few draws have, and gives its own
        # standard error.
        without = np.array([_information(whole - one, step) for one in parts])
        jackknife = count * value - (count - 1) * float(without.mean())
        variance = (count - 1) * float(((without - without.mean()) ** 2).mean())
        radius = STANDARD_ERRORS * math.sqrt(variance) + abs(jackknife - value)
        return Estimate(jackknife, radius + known, Kind.STATISTICAL)
    alone = np.array([_information(one, step) for one in parts])
    return Estimate(max(value, 0.0), known + weights.change(alone, value) + weights.unseen)


def _densities(bells: Array, bins: Array, mass: Array, chosen: Integers | Array) -> Array:
    """Return Σ m p(b|x) q(z|x) over some nodes, shape (nodes, B)."""
    result: Array = bells[:, chosen] @ (mass[chosen, None] * bins[chosen])
    return result


def _information(joint: Array, step: float) -> float:
    """Mutual information of z and the bins from their joint density (nodes, B), not normalised."""
    joint = np.maximum(joint, 0.0) / (joint.sum() * step)
    of_z = joint.sum(axis=1, keepdims=True)
    of_bins = joint.sum(axis=0, keepdims=True) * step
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0.0, joint * np.log(joint / (of_z * of_bins)), 0.0)
    return float(terms.sum()) * step
