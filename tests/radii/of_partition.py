"""Radii of the η-partition (theorycheck/objectives/_partition.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, shortfall
from theorycheck.estimate import Estimate, Kind
from theorycheck.objectives._partition import (
    KlDistribution,
    Partition,
    _conditional,
    _sharpened,
    spanning,
)


def _ratio(function: Callable[..., Any]) -> float:
    """The furthest ratio: the largest part over the smallest probability, and by hand."""
    part, probability = Estimate(0.3, 0.02), Estimate(0.4, 0.05)
    error = function(part, probability, 0.0, 50.0).error
    return max(shortfall(0.32 / 0.35 - 0.75, error), off(error, 0.32 / 0.35 - 0.75))


def _ratio_in_range(function: Callable[..., Any]) -> float:
    """A mean of KL on X_Lo lies in [0, η], so no further off than the further end."""
    above = function(Estimate(0.3, 0.3), Estimate(0.4, 0.1), 0.0, 1.0).error
    below = function(Estimate(0.1, 0.3), Estimate(0.4, 0.1), 0.0, 1.0).error
    # 0.75 is 0.75 from 0; 0.25 is 0.75 from 1.
    return off([above, below], [0.75, 0.75])


def _ratio_of_nothing(function: Callable[..., Any]) -> float:
    try:
        return off(function(Estimate(0.0, 0.1), Estimate(0.01, 0.02), 0.0, 1.0).error, np.inf)
    except ValueError:
        # A negative radius.
        return math.inf


def _distance(function: Callable[..., Any]) -> float:
    """η plus a mean distance from η: its error and |D − η|·ΔP over the smallest probability."""
    probability = Estimate(0.4, 0.05)
    above = function(Estimate(0.8, 9.0), 0.5, 0.02, probability).error
    below = function(Estimate(0.2, 9.0), 0.5, 0.02, probability).error
    expected = (0.02 + 0.3 * 0.05) / 0.35
    # The furthest mean that a distance of 0.3·0.4 ± 0.02 and a probability of 0.4 ± 0.05 allow.
    furthest = (0.3 * 0.4 + 0.02) / 0.35 - 0.3
    return max(off([above, below], [expected] * 2), shortfall(furthest, [above, below]))


def _distance_not_better(function: Callable[..., Any]) -> float:
    """The radius of the ratio is kept where it is smaller, and where the mean is not defined."""
    kept = function(Estimate(0.8, 0.01, Kind.STATISTICAL), 0.5, 0.02, Estimate(0.4, 0.05))
    none = function(Estimate(0.0, math.inf), 0.5, 0.02, Estimate(0.01, 0.002)).error
    return off([kept.error, none], [0.01, math.inf]) + (kept.kind is not Kind.STATISTICAL)


#: Nodes whose spreads straddle η = 0.5 by different amounts.
_KL, _MASS = np.array([0.1, 0.45, 0.7, 1.0]), np.array([0.4, 0.3, 0.2, 0.1])
_SPREAD = np.array([0.0, 0.1, 0.4, 0.0])


def _distribution(**change: Any) -> KlDistribution:
    given = {
        "kl": _KL, "mass": _MASS, "spread": _SPREAD, "pmo": Estimate(0.415, 0.003),
        "missing_mass": 0.002, "sampled": False,
    }  # fmt: skip
    return KlDistribution(**{**given, **change})


def _moved(shift: float) -> tuple[float, float]:
    """Mass and part of the mean above 0.5 with the KL of a node moved by its half spread."""
    mass = share = 0.0
    for kl, m, w in zip(_KL, _MASS, _SPREAD, strict=True):
        at = kl + shift * 0.5 * w
        if w == 0.0:
            fraction, mean = float(at > 0.5), at
        else:
            fraction = min(max((at + w - 0.5) / (2.0 * w), 0.0), 1.0)
            mean = 0.5 * (max(0.5, at - w) + at + w)
        # Moved values say where the threshold cuts; the mean is the node's own.
        mass += m * fraction
        share += m * fraction * (mean - shift * 0.5 * w)
    return mass, share


def _radii(function: Callable[..., Any]) -> float:
    """Of the mass and of the part of the mean above η, from the definition of both."""
    part = function(_distribution(), 0.5)
    (least, least_share), (mass, share), (most, most_share) = (_moved(s) for s in (-1, 0, 1))
    mass_error = max(most - mass, mass - least) + 0.002
    part_error = max(abs(most_share - share), abs(share - least_share)) + 0.003
    # The engine moves nodes by a further 1e-9 nats, and cuts a spread at KL = 0.
    found = [part.pr_hi.error, part.pr_lo.error, part.high.error, part.low.error]
    return max(off(found, [mass_error] * 2 + [part_error] * 2) - 1e-6, 0.0)


def _one_sided(function: Callable[..., Any]) -> float:
    """A node that may cross η upwards only, and one that may downwards only."""
    worst = 0.0
    for kl, fraction in ((0.35, 0.0), (0.65, 1.0)):
        one = _distribution(
            kl=np.array([kl]), mass=np.ones(1), spread=np.array([0.1]), pmo=Estimate(kl, 0.0),
            missing_mass=0.0,
        )  # fmt: skip
        # Spread evenly over kl ± 0.1 it does not reach 0.5; moved by half of that it still does
        # not. A spread of 0.12 reaches it only moved.
        wide = KlDistribution(**{**vars(one), "spread": np.array([0.12])})
        expected = (0.15 - 0.12) / 0.24  # what crosses: (kl + 0.06 + 0.12 − 0.5)/0.24
        found = function(wide, 0.5)
        worst = max(worst, abs(found.pr_hi.value - fraction), abs(found.pr_hi.error - expected))
        worst = max(worst, shortfall(0.5 * expected * kl, found.high.error))
    return max(worst - 1e-6, 0.0)


def _atom(function: Callable[..., Any]) -> float:
    """At an atom of KL, known to 1e-9 nats only, the partition is not determined."""
    one = _distribution(
        kl=np.array([0.2, 0.5]), mass=np.array([0.4, 0.6]), spread=np.zeros(2),
        pmo=Estimate(0.38, 0.0), missing_mass=0.0,
    )  # fmt: skip
    return max(
        shortfall(0.6, function(one, 0.5 + 5e-10).pr_hi.error),
        shortfall(0.6, function(one, 0.5 - 5e-10).pr_hi.error),
    )


def _of_a_sample(function: Callable[..., Any]) -> float:
    """Five standard errors of a share; of a share that was not seen, of one draw."""
    count, worst = 50, 0.0
    for above in (20, 0):
        kl = np.concatenate([np.full(count - above, 0.1), np.full(above, 1.0)])
        sample = KlDistribution(
            kl, np.full(count, 1.0 / count), np.zeros(count), Estimate(float(kl.mean()), 0.003),
            0.0, True,
        )  # fmt: skip
        share = above / count
        variance = max(share * (1.0 - share), 1.0 / count)
        # KL is 1 above η: what holds for the share holds for its part of the mean.
        largest = 1.0 if above else 0.1
        of_part = max(share * (1.0 - share), largest**2 / count)
        part = function(sample, 0.5)
        found = [part.pr_hi.error, part.high.error, part.low.error]
        of_part = 0.003 + 5.0 * math.sqrt(of_part / count)
        worst = max(worst, off(found, [5.0 * math.sqrt(variance / count), of_part, of_part]))
    return max(worst - 1e-12, 0.0)


def _of_many_samples(function: Callable[..., Any]) -> float:
    """KL of 0.9 or 1.1, one as often as the other: the parts of 50 draws scatter far more."""
    rng, worst = np.random.default_rng(1), 0.0
    for _ in range(20):
        kl = np.sort(rng.choice([0.9, 1.1], size=50))
        radius = 5.0 * float(kl.std(ddof=1)) / math.sqrt(50.0)
        sample = KlDistribution(
            kl, np.full(50, 0.02), np.zeros(50), Estimate(float(kl.mean()), radius), 0.0, True
        )
        part = function(sample, 1.0)
        worst = max(worst, shortfall(abs(part.high.value - 0.55), part.high.error))
        worst = max(worst, shortfall(abs(part.low.value - 0.45), part.low.error))
    return worst


def _no_more_than_all(function: Callable[..., Any]) -> float:
    part = function(_distribution(missing_mass=3.0), 0.5)
    return off([part.pr_hi.error, part.pr_lo.error], [1.0, 1.0])


def _mean_on_each_side(function: Callable[..., Any]) -> float:
    """Conditional means by their distance from η, whose error is worked out from its definition."""
    worst = 0.0
    for count, sampled in ((1, False), (10_000, True)):
        given = _distribution(
            kl=np.repeat(_KL, count), mass=np.repeat(_MASS, count) / count,
            spread=np.repeat(_SPREAD, count), missing_mass=2e-4, pmo=Estimate(0.415, 3e-4),
            sampled=sampled,
        )  # fmt: skip
        part = function(given, 0.5)
        moved = [_moved(s) for s in (-1, 0, 1)]
        mass, share = moved[1]
        error = 3e-4 + 0.5 * 2e-4 + max(
            abs(s - share - 0.5 * (m - mass)) for m, s in (moved[0], moved[2])
        )  # fmt: skip
        if sampled:
            error += 0.5 * part.pr_hi.error
        for d, pr in ((part.d_hi, part.pr_hi), (part.d_lo, part.pr_lo)):
            tight = (error + abs(d.value - 0.5) * pr.error) / pr.lower
            of_part = part.high if d is part.d_hi else part.low
            ratio = (of_part.error + of_part.value / pr.value * pr.error) / pr.lower
            worst = max(worst, off(d.error, min(tight, ratio, _furthest(d, part))))
    return max(worst - 1e-6, 0.0)


def _furthest(mean: Estimate, part: Any) -> float:
    """How far a mean may be off within its range, whatever its radius."""
    return math.inf if mean is part.d_hi else max(0.5 - mean.value, mean.value)


def _between_thresholds(function: Callable[..., Any]) -> float:
    """Between two thresholds each figure lies between its values there, radii included."""
    first = Partition(0.4, *(Estimate(0.1 * k, 0.01 * k) for k in range(1, 7)))
    last = Partition(0.6, *(Estimate(0.7 - 0.1 * k, 0.002 * k) for k in range(1, 7)))
    found, worst = function(first, last), 0.0
    for name in ("pr_lo", "pr_hi", "d_lo", "d_hi", "low", "high"):
        ends = [getattr(part, name) for part in (first, last)]
        one = getattr(found, name)
        expected = [min(e.lower for e in ends), max(e.upper for e in ends)]
        worst = max(worst, off([one.lower, one.upper], expected))
    return worst


def _from_averages(function: Callable[..., Any]) -> float:
    """What an average says of its mean, of its mass and of each node's spread is kept."""
    averages = SimpleNamespace(
        kl=np.array([0.3, 0.1]), mass=np.array([0.4, 0.6]), spread=np.array([0.02, 0.05]),
        pmo=0.2, pmo_error=0.003, kind="statistical", missing_mass=0.007, sampled=True,
    )  # fmt: skip
    found = function(KlDistribution, averages)
    kept = off([found.pmo.error, found.missing_mass], [0.003, 0.007])
    return max(kept, off(found.spread, [0.05, 0.02]), float(not found.sampled))


_PARTITION = KlDistribution._partition
_FROM = KlDistribution.from_averages.__func__  # type: ignore[attr-defined]

PARTITION: Table = {
    "conditional mean without its part's radius": (
        _ratio, _conditional, "part.error +", "0.0 +",
    ),
    "conditional mean without |D|·ΔP": (
        _ratio, _conditional, "abs(part.value / probability.value) * probability.error", "0.0",
    ),
    "conditional mean over the middle of P": (
        _ratio, _conditional, ") / probability.lower", ") / probability.value",
    ),
    "conditional mean beyond its range": (
        _ratio_in_range, _conditional, "min(error, max(highest - value, value - lowest))", "error",
    ),
    "conditional mean's upper end only": (
        _ratio_in_range, _conditional, "max(highest - value, value - lowest)", "highest - value",
    ),
    "conditional mean's lower end only": (
        _ratio_in_range, _conditional, "max(highest - value, value - lowest)", "value - lowest",
    ),
    "conditional mean of nothing": (
        _ratio_of_nothing, _conditional, "Estimate(0.0, math.inf", "Estimate(0.0, 0.0",
    ),
    "conditional mean of hardly anything": (
        _ratio_of_nothing, _conditional, "probability.lower <= 0.0", "probability.value <= 0.0",
    ),
    "distance from η without its error": (_distance, _sharpened, "(error + abs", "(abs"),
    "distance from η without |D − η|·ΔP": (
        _distance, _sharpened, "abs(mean.value - eta) * probability.error", "0.0",
    ),
    "distance from η by its sign": (
        _distance, _sharpened, "abs(mean.value - eta)", "(mean.value - eta)",
    ),
    "distance from 0 for that from η": (
        _distance, _sharpened, "abs(mean.value - eta)", "abs(mean.value)",
    ),
    "distance over the middle of P": (
        _distance, _sharpened, "/ probability.lower", "/ probability.value",
    ),
    "distance over all of p(x)": (_distance, _sharpened, "/ probability.lower", ""),
    "distance whatever the ratio's radius": (
        _distance_not_better, _sharpened, "min(mean.error, tight)", "tight",
    ),
    "distance of nothing": (
        _distance_not_better, _sharpened, "not math.isfinite(mean.error)", "False",
    ),
    "distance of another kind": (_distance_not_better, _sharpened, ", mean.kind", ""),
    "averages: PMO without radius": (
        _from_averages, _FROM, "averages.pmo_error", "0.0",
    ),
    "averages: no mass missing": (
        _from_averages, _FROM, "missing_mass=averages.missing_mass", "missing_mass=0.0",
    ),
    "averages: spreads of other nodes": (
        _from_averages, _FROM, "averages.spread[order]", "averages.spread",
    ),
    "averages: a sample taken for an integral": (
        _from_averages, _FROM, "sampled=averages.sampled", "sampled=False",
    ),
    "between thresholds: as at the last": (
        _between_thresholds, spanning, "hull(getattr(first, name), getattr(last, name))",
        "getattr(last, name)",
    ),
    "between thresholds: as at the first": (
        _between_thresholds, spanning, "hull(getattr(first, name), getattr(last, name))",
        "getattr(first, name)",
    ),
    "distance without the PMO's radius": (
        _mean_on_each_side, _PARTITION, "self.pmo.error + eta * self", "eta * self",
    ),
    "distance without missing mass": (
        _mean_on_each_side, _PARTITION, "+ eta * self.missing_mass", "",
    ),
    "distance of missing mass at one nat": (
        _mean_on_each_side, _PARTITION, "+ eta * self.missing_mass", "+ self.missing_mass",
    ),
    "distance of a sample without the error of its shares": (
        _mean_on_each_side, _PARTITION, "distance_error += eta * pr_error",
        "distance_error += 0.0",
    ),
    "distance without the nodes near η": (
        _mean_on_each_side, _PARTITION, "distance_error += max(", "0.0 * max(",
    ),
    "distance of the nodes near η from 0": (
        _mean_on_each_side, _PARTITION, "eta * (mass - high)", "0.0",
    ),
    "probability without missing mass": (_radii, _PARTITION, "+ self.missing_mass", ""),
    "part without the PMO's radius": (_radii, _PARTITION, "+ self.pmo.error", ""),
    "probability that cannot rise": (
        _one_sided, _PARTITION, "max(most - high, high - least)", "(high - least)",
    ),
    "probability that cannot fall": (
        _one_sided, _PARTITION, "max(most - high, high - least)", "(most - high)",
    ),
    "part that cannot rise": (
        _one_sided, _PARTITION,
        "max(abs(most_share - share), abs(share - least_share))", "abs(share - least_share)",
    ),
    "part that cannot fall": (
        _one_sided, _PARTITION,
        "max(abs(most_share - share), abs(share - least_share))", "abs(most_share - share)",
    ),
    "sample without its standard error": (
        _of_a_sample, _PARTITION, "pr_error += standard", "pr_error += 0.0 * standard",
    ),
    "sample with one standard error": (
        _of_a_sample, _PARTITION, "pr_error += standard", "pr_error += 0.2 * standard",
    ),
    "sample that saw nothing": (
        _of_a_sample, _PARTITION, "(1.0 - high), count, 1.0", "(1.0 - high), count",
    ),
    "part of a sample with the mean's radius": (
        _of_many_samples, _PARTITION, "part_error += standard", "part_error += 0.0 * standard",
    ),
    "part of a sample with one standard error": (
        _of_a_sample, _PARTITION, "part_error += standard", "part_error += 0.2 * standard",
    ),
    "part of a sample that saw nothing": (
        _of_a_sample, _PARTITION, "variance, count, float(self.kl.max())", "variance, count",
    ),
    "part of a sample about 0": (
        _of_a_sample, _PARTITION, "(part - share) ** 2", "part**2",
    ),
    "probability above one": (_no_more_than_all, _PARTITION, "min(pr_error, 1.0)", "pr_error"),
    "lower part without radius": (
        _radii, _PARTITION, "(self.pmo.value - share, part_error",
        "(self.pmo.value - share, 0.0",
    ),
    "lower probability without radius": (
        _radii, _PARTITION, "(1.0 - high, min(pr_error, 1.0)", "(1.0 - high, 0.0",
    ),
}  # fmt: skip


def _bracket(function: Callable[..., Any]) -> float:
    """The shifts of `_above`, seen through a partition that calls it."""

    class _Other(KlDistribution):
        _above = function

    other = _Other(**vars(_distribution()))
    return max(_radii(lambda _, eta: other._partition(eta)), _atom(
        lambda d, eta: _Other(**{k: getattr(d, k) for k in KlDistribution.__dataclass_fields__})
        ._partition(eta)
    ))  # fmt: skip


PARTITION |= {
    "values not moved by half their spread": (
        _bracket, KlDistribution._above, "_CURVATURE * self.spread[maybe] + _RESOLUTION)",
        "_RESOLUTION)",
    ),
    "values moved by a quarter of their spread": (
        _bracket, KlDistribution._above, "sign * (_CURVATURE *", "sign * (0.5 * _CURVATURE *",
    ),
    "atom that is known exactly": (
        _bracket, KlDistribution._above, "self.spread[maybe] + _RESOLUTION)",
        "self.spread[maybe])",
    ),
    "values that only rise": (
        _bracket, KlDistribution._above, "(-1.0, 0.0, 1.0)", "(0.0, 0.0, 1.0)",
    ),
    "values that only fall": (
        _bracket, KlDistribution._above, "(-1.0, 0.0, 1.0)", "(-1.0, 0.0, 0.0)",
    ),
}  # fmt: skip
