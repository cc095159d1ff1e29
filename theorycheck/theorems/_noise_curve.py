"""J*(σ²), the least J of any decoder with σ² held: a curve of upper bounds, and one of lower ones.

J*(σ²) = inf over f and Gaussian q. One ascent that ends at some σ² says little about where that
curve is lowest: other ascents end at other σ². So σ² is held on a grid, and at each σ² two searches
that know nothing of each other look for the best decoder; how far they differ is what searching
leaves open. For one σ² in all dimensions and fixed f and q, with A = E_p E_q |x − f|²,

    J = const + (D/2) log σ² + A/(2σ²),

so that one decoder bounds the whole curve from above, and h(τ) = J*(1/τ) + (D/2) log τ, as an
infimum of functions that are affine in τ = 1/σ², is concave. Its slope at τ is D/2 times the refit
of σ² at an optimum there, so that chords between bounds of h bound that refit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.inference import ExactModel, described_model
from theorycheck.models import DescribedModel, GenerativeModel, fingerprint_of, is_on_line
from theorycheck.optimum import Execution, PredictedOptimum, SearchSettings, find_optimum
from theorycheck.results import Saved
from theorycheck.streams import spawned_seed
from theorycheck.theorems._likelihood_floor import likelihood_floor
from theorycheck.theorems._noise_optimum import mean_of


@dataclass(frozen=True, eq=False)
class HeldNoise:
    """The best decoders that two searches found with σ² held.

    Parameters
    ----------
    noise_variance : float
        σ², the same in all data dimensions.
    falling, rising : PredictedOptimum
        What the search found that came from the next larger σ², and from the next smaller.
    floor : float
        No decoder with this σ² has a J below, nats; zero where nothing is known: D > 2,
        or data that are not of a decoder of one latent.
    """

    noise_variance: float
    falling: PredictedOptimum
    rising: PredictedOptimum
    floor: float

    @property
    def best(self) -> PredictedOptimum:
        """The better of the two."""
        return min(self.falling, self.rising, key=lambda found: found.excess.upper)

    @property
    def excess(self) -> Estimate:
        """J of the better one, nats: an upper bound on J*(σ²)."""
        return self.best.excess

    @property
    def refit(self) -> Estimate:
        """E_p E_q* (x_d − f_d)² of the better one, averaged over dimensions."""
        return mean_of(self.best.decomposition.residual_variance)

    @property
    def left_open(self) -> float:
        """By how much the two searches differ, radii included, nats."""
        falling, rising = self.falling.excess, self.rising.excess
        return abs(falling.value - rising.value) + falling.error + rising.error

    def bound_at(self, noise_variance: float) -> Estimate:
        """Bound J* at another σ² from above: the same f and q."""
        dim = len(self.best.decomposition.residual_variance)
        log_ratio = 0.5 * dim * math.log(noise_variance / self.noise_variance)
        change = 0.5 * dim * (1.0 / noise_variance - 1.0 / self.noise_variance)
        moved = self.refit.scaled(change)
        return self.excess + moved + Estimate(log_ratio, 0.0)

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "noise_variance": self.noise_variance,
            **self.best.figures.to_dict(),
            "refit": self.refit.to_dict(),
            "falling": self.falling.excess.to_dict(),
            "rising": self.rising.excess.to_dict(),
            "left_open": self.left_open,
            "floor": self.floor,
        }


@dataclass(frozen=True, eq=False)
class NoiseCurve(Saved):
    """J*(σ²) on a grid of σ².

    Parameters
    ----------
    data : DescribedModel
        The ground truth.
    points : tuple of HeldNoise
        σ² ascending.
    """

    schema: ClassVar[str] = "noise_curve"

    data: DescribedModel
    points: tuple[HeldNoise, ...]

    def _about(self) -> dict[str, object]:
        return {"data": self.data.name, "fingerprint": fingerprint_of(self.data)}

    @property
    def lowest(self) -> HeldNoise:
        """The point with the least J found."""
        return min(self.points, key=lambda point: point.excess.upper)

    @property
    def left_open(self) -> float:
        """The largest difference of two searches at any σ², nats."""
        return max(point.left_open for point in self.points)

    @property
    def candidates(self) -> tuple[float, ...]:
        """σ² of the grid whose J is within what the searches leave open of the lowest."""
        limit = self.lowest.excess.lower + self.left_open
        return tuple(p.noise_variance for p in self.points if p.excess.lower <= limit)

    @property
    def least(self) -> Estimate:
        """The least J of any f, q and σ² known: the lowest point's, at the σ² that it refits to."""
        bounds = [point.bound_at(point.refit.value) for point in self.points]
        return min((*bounds, self.lowest.excess), key=lambda bound: bound.upper)

    @property
    def excluded_from(self) -> float:
        """The least σ² of the grid from which on no σ² can be the best: proved by `floor`.

        Infinite where the floor does not reach the least J known.
        """
        beyond = [p.noise_variance for p in self.points if p.floor > self.least.upper]
        return min(beyond, default=math.inf)

    def upper(self, noise_variance: float) -> Estimate:
        """Bound J* at any σ² from above, by all decoders found."""
        bounds = (point.bound_at(noise_variance) for point in self.points)
        return min(bounds, key=lambda bound: bound.upper)

    def refit_range(self, noise_variance: float) -> tuple[float, float]:
        """Bound the refit of σ² at any optimum with σ² held, by chords of h.

        Parameters
        ----------
        noise_variance : float
            Where σ² is held.

        Returns
        -------
        low, high : float
            Proved for every f at which J* is attained. The trivial lower bound J* ≥ 0 counts too.
        """
        half = 0.5 * self.data.data_dim
        here = 1.0 / noise_variance
        top = self.upper(noise_variance).upper + half * math.log(here)
        floors = [(1.0 / p.noise_variance, p.floor) for p in self.points]
        # Below the smallest σ² too, where only J ≥ 0 is known.
        floors += [(factor * here, 0.0) for factor in (1.5, 2.0, 2.5, 3.0, 4.0, 6.0)]
        low, high = 0.0, math.inf
        for tau, floor in floors:
            bottom = floor + half * math.log(tau)
            if tau > here:
                low = max(low, (bottom - top) / (tau - here) / half)
            elif tau < here:
                high = min(high, (top - bottom) / (here - tau) / half)
        return low, high

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck noise --held-noise --json`` prints."""
        from_there = self.excluded_from
        return {
            "points": [point.to_dict() for point in self.points],
            "lowest": self.lowest.noise_variance,
            "least": self.least.to_dict(),
            "left_open": self.left_open,
            "candidates": list(self.candidates),
            "excluded_from": from_there if math.isfinite(from_there) else None,
        }


def noise_curve(
    data: DescribedModel | ExactModel,
    noise_variances: Sequence[float],
    settings: SearchSettings | None = None,
    *,
    execution: Execution | None = None,
) -> NoiseCurve:
    """Search for the best decoder at every σ² of a grid, twice.

    Parameters
    ----------
    data : GenerativeModel, LinearGaussianModel or ExactModel
        The ground truth.
    noise_variances : sequence of float
        σ² to hold, one for all data dimensions.
    settings : SearchSettings, optional
        As in :func:`~theorycheck.optimum.find_optimum`, for each search; its σ² does
        not count, and the second sweep has a random stream of its own.
    execution : Execution, optional
        For each search. Optima that are known already are not taken: the two sweeps must know
        nothing of each other.

    Returns
    -------
    NoiseCurve

    Raises
    ------
    SettingError
        If there is no σ², one twice, or one that is not positive and finite.
    """
    values = sorted(float(value) for value in noise_variances)
    if not values or len(set(values)) < len(values):
        raise SettingError("a curve over σ² needs one σ² at least, and none twice")
    if not all(math.isfinite(value) and value > 0.0 for value in values):
        raise SettingError(f"every σ² must be positive and finite, not {values}")
    settings = settings or SearchSettings()
    execution = (execution or Execution()).without_known()
    described = described_model(data)
    sweeps: list[dict[float, PredictedOptimum]] = []
    seeds = (settings.seed, spawned_seed(settings.seed, 1))
    for seed, order in zip(seeds, (values[::-1], values), strict=True):
        found: dict[float, PredictedOptimum] = {}
        given: list[GenerativeModel] = []
        for value in order:
            found[value] = find_optimum(
                data,
                replace(settings, noise_variance=(value,), seed=seed),
                given=given,
                execution=execution,
            )
            given = [found[value].model]
        sweeps.append(found)
    points = [
        HeldNoise(
            value,
            sweeps[0][value],
            sweeps[1][value],
            _floor(described, value),
        )
        for value in values
    ]
    return NoiseCurve(described, tuple(points))


def _floor(data: DescribedModel, value: float) -> float:
    """Return what no decoder of this σ² has a J below; zero where nothing is known."""
    if not is_on_line(data) or data.data_dim > 2:
        return 0.0
    return likelihood_floor(data, value)
