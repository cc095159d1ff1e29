"""What stands for p(x) behind an aggregate E_p q(z|x), and how far its information may be off.

A table of given x is all there is. A grid is held against the coarser grids in it. Of draws, the
information of the draws' own aggregate is too low on average, as entropy is concave, and that under
the aggregate of all other repetitions too high, by a KL: the two are a bracket.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Counts, PerPoint
from theorycheck.estimate import Estimate, Kind, hull
from theorycheck.inference import DrawRule, GridRule
from theorycheck.objectives._aggregate import AggregateEntropies
from theorycheck.objectives._averages import LARGEST_KL
from theorycheck.quadrature import sample_mean

#: Units of rounding of an average.
_ROUNDING = 1e-14
#: By the dimensions of the data, of how many times the step the coarser grids are, and the share of
#: what they are off by that the grid itself may be: as `change_at_kinks` has it.
_COARSER = {1: (4, 0.25), 2: (2, 1.0)}


@dataclass(frozen=True, eq=False)
class AggregateWeights:
    """Nodes x with their weights, dealt out to parts.

    Parameters
    ----------
    mass : ndarray, shape (n,)
        Weights, p(x) included.
    part : ndarray of int, shape (n,)
        Which part each belongs to: a coarser grid, or a repetition of draws.
    rule : GridRule, DrawRule or None
        The rule that the nodes are of; None for a given table.
    lost : float
        Mass of p(x) that has no node, or is misjudged.
    off : float
        Relative error of p(x) at the nodes, on average under p(x).
    """

    mass: PerPoint
    part: Counts
    rule: GridRule | DrawRule | None
    lost: float = 0.0
    off: float = 0.0

    @property
    def kind(self) -> Kind:
        """How the radii are made."""
        return Kind.STATISTICAL if isinstance(self.rule, DrawRule) else Kind.ESTIMATED

    def average(self, values: PerPoint, off: float, *, smooth: bool = False) -> Estimate:
        """Average a function of x given at the nodes, each value known to `off` on average."""
        if self.rule is None:
            rounding = _ROUNDING * float(np.abs(values).mean())
            return Estimate(float(values.mean()), rounding + off)
        found = self.rule.average(values, smooth=smooth)
        return Estimate(found.value, found.error + off + self.unseen, found.kind)

    def information(self, entropies: AggregateEntropies, own: PerPoint, off: float) -> Estimate:
        """Return E_p KL[q(z|x) ‖ q(z)], nats, from the entropies of the aggregate and of each q.

        Parameters
        ----------
        entropies : AggregateEntropies
            Of the aggregate of these nodes, by these parts.
        own : ndarray, shape (n,)
            H[q(z|x)] at the nodes, nats.
        off : float
            Nats that an entropy may be off by on average because q is not known better.

        Returns
        -------
        Estimate
        """
        mean_own = float(self.mass @ own) / float(self.mass.sum())
        value = entropies.whole - mean_own
        known = entropies.error + off + 1e-12 * (1.0 + abs(mean_own))
        if self.rule is None:
            return Estimate(max(value, 0.0), known)
        share = np.bincount(self.part, weights=self.mass)
        of_parts = np.bincount(self.part, weights=self.mass * own) / share
        if isinstance(self.rule, DrawRule):
            below, above = (
                sample_mean((one - of_parts)[:, None], each=known)
                for one in (entropies.within, entropies.outside)
            )
            return hull(below, above)
        change = self.change(entropies.alone - of_parts, value)
        return Estimate(max(value, 0.0), known + change + self.unseen)

    def change(self, coarser: Float64[Array, " parts"], value: float) -> float:
        """Bound how far a grid is off what it tells: 0 of a table, which is all there is.

        Parameters
        ----------
        coarser : ndarray, shape (S,)
            What each of the coarser grids in it tells.
        value : float
            What it tells itself.

        Returns
        -------
        float
        """
        if self.rule is None:
            return 0.0
        _, share = _COARSER[self.rule.x.shape[1]]
        return share * float(np.abs(coarser - value).max())

    @property
    def unseen(self) -> float:
        """Bound what mass without nodes can change of an average, or of an entropy, nats."""
        return self.lost * (LARGEST_KL - math.log(max(self.lost, 1e-300)))


def of_table(size: int) -> AggregateWeights:
    """Return equal weights of a table that is all there is."""
    return AggregateWeights(np.full(size, 1.0 / size), np.zeros(size, dtype=np.int64), None)


def of_rule(rule: GridRule | DrawRule, off: float) -> AggregateWeights:
    """Return the weights of a rule over p(x).

    Parameters
    ----------
    rule : GridRule or DrawRule
    off : float
        Relative error of p(x) at the nodes, on average under p(x).

    Returns
    -------
    AggregateWeights
    """
    if isinstance(rule, DrawRule):
        repeats, size, _ = rule.sample.x.shape
        return AggregateWeights(rule.mass, np.repeat(np.arange(repeats), size), rule)
    dim = rule.x.shape[1]
    stride, _ = _COARSER[dim]
    index = np.rint((rule.x - rule.x[0]) / rule.spacing).astype(np.int64) % stride
    part = index @ (stride ** np.arange(dim))
    lost = rule.missing_mass + abs(1.0 - float(rule.mass.sum())) + off
    return AggregateWeights(rule.mass, part, rule, lost, off)
