"""The η-partition of the data space (section 4 and eq. 6 of the paper), for every η at once.

X_Lo = {x: KL(x) <= η}, X_Hi the rest; D_Lo, D_Hi the conditional means of KL on each, so that
PMO = Pr[X_Lo] D_Lo + Pr[X_Hi] D_Hi. All of it follows from the distribution of KL(x) under p(x).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from theorycheck.arrays import Array, PerPoint
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, hull
from theorycheck.objectives._averages import PosteriorAverages
from theorycheck.quadrature import standard_errors

#: Thresholds below this (nats) are no thresholds but rounding.
SMALLEST_ETA = 1e-9
#: Nats to which KL(x) itself is known, which matters where it has an atom, as at log 2 on
#: absolute_value: at that very η the partition is not determined, and its radius must say so.
_RESOLUTION = 1e-9
#: Share of a node's first-order spread that is allowed for its second-order part, so that a
#: partition's radius brackets what the nodes cannot resolve.
_CURVATURE = 0.5


@dataclass(frozen=True)
class Partition:
    """The η-partition at one η.

    Parameters
    ----------
    eta : float
        Threshold, nats.
    pr_lo, pr_hi : Estimate
        Pr_p[X_Lo] and Pr_p[X_Hi].
    d_lo, d_hi : Estimate
        Conditional mean of KL on X_Lo and X_Hi, nats. An empty part has mean 0 and radius inf
        (its mean is not defined), and its products below are 0.
    low, high : Estimate
        Pr[X_Lo] D_Lo and Pr[X_Hi] D_Hi, nats; they add up to the PMO (eq. 6).
    """

    eta: float
    pr_lo: Estimate
    pr_hi: Estimate
    d_lo: Estimate
    d_hi: Estimate
    low: Estimate
    high: Estimate

    def to_dict(self) -> dict[str, object]:
        """Return the five figures that ``--json`` prints for an η."""
        return {
            "eta": self.eta,
            "pr_lo": self.pr_lo.to_dict(),
            "pr_hi": self.pr_hi.to_dict(),
            "d_lo": self.d_lo.to_dict_or_null(),
            "d_hi": self.d_hi.to_dict_or_null(),
        }


@dataclass(frozen=True, eq=False)
class KlDistribution:
    """The distribution of KL(x) for x ~ p(x).

    Parameters
    ----------
    kl : ndarray, shape (n,)
        Values, ascending, nats.
    mass : ndarray, shape (n,)
        Their probabilities.
    spread : ndarray, shape (n,)
        Half-width of the interval that each value is spread over evenly.
    pmo : Estimate
        The mean.
    missing_mass : float
        Probability not represented.
    sampled : bool
        True where `mass` is a sample's; probabilities then carry a statistical radius too.
    """

    kl: PerPoint
    mass: PerPoint
    spread: PerPoint
    pmo: Estimate
    missing_mass: float
    sampled: bool

    @classmethod
    def from_averages(cls, averages: PosteriorAverages) -> KlDistribution:
        """Sort the nodes of an average by their KL."""
        order = np.argsort(averages.kl, kind="stable")
        return cls(
            kl=averages.kl[order],
            mass=averages.mass[order],
            spread=averages.spread[order],
            pmo=Estimate(averages.pmo, averages.pmo_error, averages.kind),
            missing_mass=averages.missing_mass,
            sampled=averages.sampled,
        )

    def partition(self, eta: float) -> Partition:
        """Split at one η.

        Parameters
        ----------
        eta : float
            Threshold, nats, > 0.

        Returns
        -------
        Partition

        Raises
        ------
        SettingError
            If η is not positive and finite.
        """
        return self.partitions(np.array([eta]))[0]

    def partitions(self, eta: Float64[Array, " etas"]) -> list[Partition]:
        """Split at every η of an array, shape (m,)."""
        if not (np.isfinite(eta).all() and (np.asarray(eta) > 0.0).all()):
            raise SettingError(f"eta must be positive and finite, not {list(np.asarray(eta))}")
        return [self._partition(float(value)) for value in eta]

    def eta_range(self, count: int = 200) -> Float64[Array, " etas"]:
        """Return thresholds that cover the whole range of KL(x): quantiles and a log grid.

        Parameters
        ----------
        count : int
            About how many.

        Returns
        -------
        ndarray, ascending, all > 0
        """
        few = np.geomspace(SMALLEST_ETA, 1e3 * SMALLEST_ETA, 4)
        if not self.kl.size:
            # No x was looked at: f is not resolved.
            return few
        cumulative = np.cumsum(self.mass) / self.mass.sum()
        levels = np.linspace(1e-3, 1.0 - 1e-3, count // 2)
        index = np.minimum(np.searchsorted(cumulative, levels), self.kl.size - 1)
        quantiles = self.kl[index]
        largest = max(float(self.kl[cumulative <= 1.0 - 1e-9].max(initial=0.0)), 1e-12)
        spaced = np.geomspace(1e-6 * largest, largest, count - count // 2)
        every = np.concatenate([quantiles, spaced])
        result: Array = np.unique(every[every >= SMALLEST_ETA])
        if result.size > 1:
            return result
        # All of KL(x) is rounding, as with Gaussian posteriors: a few thresholds above that.
        return few

    def _partition(self, eta: float) -> Partition:
        (least, least_share), (high, share), (most, most_share) = self._above(eta)
        # Bracket: what the nodes near the threshold could be on either side of it.
        pr_error = max(most - high, high - least) + self.missing_mass
        part_error = max(abs(most_share - share), abs(share - least_share)) + self.pmo.error
        if self.sampled:
            count = self.kl.size
            pr_error += standard_errors(high * (1.0 - high), count, 1.0)
            # KL 1{KL > η} varies where KL itself hardly does: its own standard error, too.
            part = np.where(self.kl > eta, self.kl, 0.0)
            variance = float(self.mass @ (part - share) ** 2)
            part_error += standard_errors(variance, count, float(self.kl.max()))
        pr_hi = Estimate(high, min(pr_error, 1.0), self.pmo.kind)
        pr_lo = Estimate(1.0 - high, min(pr_error, 1.0), self.pmo.kind)
        high_part = Estimate(share, part_error, self.pmo.kind)
        low_part = Estimate(self.pmo.value - share, part_error, self.pmo.kind)
        # E (KL − η)₊ and E (η − KL)₊ hardly feel on which side of η a node lies.
        distance_error = self.pmo.error + eta * self.missing_mass
        distance_error += max(
            abs((part - share) - eta * (mass - high))
            for mass, part in ((least, least_share), (most, most_share))
        )
        if self.sampled:
            distance_error += eta * pr_error
        return Partition(
            eta=eta,
            pr_lo=pr_lo,
            pr_hi=pr_hi,
            d_lo=_sharpened(_conditional(low_part, pr_lo, 0.0, eta), eta, distance_error, pr_lo),
            d_hi=_sharpened(
                _conditional(high_part, pr_hi, eta, math.inf), eta, distance_error, pr_hi
            ),
            low=low_part,
            high=high_part,
        )

    @cached_property
    def _sorted(self) -> tuple[Array, Array, Array, NDArray[np.intp]]:
        """Nodes by the lowest value their spread allows, with sums of what lies above each."""
        lowest = self.kl - (1.0 + _CURVATURE) * self.spread - _RESOLUTION
        order = np.argsort(lowest, kind="stable")
        mass = self.mass[order]
        above = np.concatenate([np.cumsum(mass[::-1])[::-1], [0.0]])
        above_kl = np.concatenate([np.cumsum((mass * self.kl[order])[::-1])[::-1], [0.0]])
        return lowest[order], above, above_kl, order

    def _above(self, eta: float) -> list[tuple[float, float]]:
        """Return the mass above η and its part of the mean, values moved by −½, 0, ½ spreads."""
        lowest, above, above_kl, order = self._sorted
        split = int(np.searchsorted(lowest, eta, side="right"))
        # Of the nodes that may lie below η, only those whose spread reaches it count in part.
        maybe = order[:split]
        highest = self.kl[maybe] + (1.0 + _CURVATURE) * self.spread[maybe] + _RESOLUTION
        maybe = maybe[highest > eta]
        mass, spread = self.mass[maybe], np.maximum(self.spread[maybe], 1e-13)
        parts = []
        for sign in (-1.0, 0.0, 1.0):
            shift = sign * (_CURVATURE * self.spread[maybe] + _RESOLUTION)
            kl = self.kl[maybe] + shift
            # Share of the even spread over [kl − w, kl + w] that lies above η, and its mean there.
            # KL >= 0, so near a zero the spread reaches no further down than zero.
            low = np.maximum(kl - spread, np.minimum(kl, 0.0))
            high = kl + spread
            fraction = np.clip((high - eta) / (high - low), 0.0, 1.0)
            # A node without spread is an atom, which X_Lo = {KL <= η} holds or does not.
            fraction = np.where(self.spread[maybe] > 0.0, fraction, kl > eta)
            # Scaled so that a node's own mean stays kl where zero cuts its spread. A value that
            # was moved below zero has no such mean.
            scale = np.where(kl > 0.0, kl / np.where(kl > 0.0, low + high, 1.0), 0.5)
            above_eta = (np.maximum(eta, low) + high) * scale
            mean = np.where(fraction < 1.0, above_eta, kl)
            # Moved values serve to bracket the threshold only; the nodes' own mean is kept.
            mean -= shift
            parts.append(
                (
                    float(above[split] + np.sum(mass * fraction)),
                    float(above_kl[split] + np.sum(mass * fraction * mean)),
                )
            )
        return parts


def spanning(first: Partition, last: Partition) -> Partition:
    """Return a partition whose every figure holds its value at each η between two thresholds.

    As η grows, Pr[X_Lo], its part of the PMO and both conditional means never fall, and Pr[X_Hi]
    and its part never rise: between two thresholds each lies between its values there.

    Parameters
    ----------
    first, last : Partition
        Parts of one distribution of KL(x), at η_1 <= η_2.

    Returns
    -------
    Partition
        The partition of the larger η.
    """
    figures = ("pr_lo", "pr_hi", "d_lo", "d_hi", "low", "high")
    hulls = {name: hull(getattr(first, name), getattr(last, name)) for name in figures}
    return Partition(eta=last.eta, **hulls)


def _sharpened(mean: Estimate, eta: float, error: float, probability: Estimate) -> Estimate:
    """Tighten the radius of a conditional mean, η plus or minus a mean distance from η.

    x that may lie on either side of η count with their KL − η, next to nothing, in that distance.
    """
    if not math.isfinite(mean.error):
        return mean
    tight = (error + abs(mean.value - eta) * probability.error) / probability.lower
    return Estimate(mean.value, min(mean.error, tight), mean.kind)


def _conditional(part: Estimate, probability: Estimate, lowest: float, highest: float) -> Estimate:
    """Return part/probability; a conditional mean lies in [lowest, highest] whatever its radius."""
    if probability.lower <= 0.0:
        return Estimate(0.0, math.inf, part.kind)
    value = min(max(part.value / probability.value, lowest), highest)
    error = (
        part.error + abs(part.value / probability.value) * probability.error
    ) / probability.lower
    # The true mean is no further from the value than the ends of its range.
    error = min(error, max(highest - value, value - lowest))
    return Estimate(value, error, part.kind | probability.kind)
