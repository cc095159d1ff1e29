"""Compares the predicted optimum with the ground truth, at the same x, for a report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float64, Shaped
from numpy.typing import NDArray

from theorycheck.arrays import Array, Booleans, Counts, PerPoint, Points
from theorycheck.estimate import Estimate
from theorycheck.inference import MeanField, count_modes, log_density
from theorycheck.objectives import (
    Decomposition,
    KlMap,
    PosteriorComparison,
    compare_posteriors,
    total_variation,
)
from theorycheck.optimum import SAME_OPTIMUM, PredictedOptimum
from theorycheck.quadrature import LatentPanels
from theorycheck.report._representative_points import TellingPoint, is_coarse, telling_point

#: Grid points along the longer axis of a map of both decoders, and x of a scatter.
_RESOLUTION = 100
_SCATTER = 1500
#: Draws at which posteriors are compared.
_DRAWS = 2000
#: Share of the peak of p(x) below which a map is left blank.
_NEGLIGIBLE = 1e-3


@dataclass(frozen=True, eq=False)
class PairedMap:
    """Holds KL(x) and the number of posterior modes of two decoders at the same x.

    Parameters
    ----------
    x : ndarray, shape (n, D)
    kl : tuple of two ndarray, shape (n,)
        Nats: ground truth, predicted optimum.
    modes : tuple of two ndarray of int, shape (n,)
    axes : tuple of ndarray or None
        Axes of the tensor grid that the x are part of; None where they are draws.
    seen : ndarray of bool or None
        True at the points of the grid that they are.
    """

    x: Points
    kl: tuple[PerPoint, PerPoint]
    modes: tuple[Counts, Counts]
    axes: tuple[Float64[Array, " _"], ...] | None
    seen: Bool[Booleans, "*grid"] | None

    def on_grid(self, values: Shaped[NDArray[np.generic], " n"]) -> Float64[Array, "*grid"]:
        """Return values at the x on the whole grid, NaN elsewhere."""
        if self.seen is None:
            raise ValueError("the x of this map are draws")
        result = np.full(self.seen.shape, np.nan)
        result[self.seen] = values
        return result


@dataclass(frozen=True, eq=False, kw_only=True)
class FoundOptimum:
    """Holds the predicted optimum beside the ground truth, of any number of latents.

    Parameters
    ----------
    predicted : PredictedOptimum
    truth : Decomposition
        Decomposition at the ground truth.
    effort : str
        The name of the search.
    seconds : float
        Time that the search took.
    """

    predicted: PredictedOptimum
    truth: Decomposition
    effort: str
    seconds: float

    @property
    def gain(self) -> Estimate:
        """Return J(ground truth) − J(predicted optimum), nats."""
        return self.truth.excess - self.predicted.excess

    @property
    def search_words(self) -> str:
        """Say what the search gained over the ascent from its first start alone."""
        first = f"the ascent from the {self.predicted.first} alone"
        if self.predicted.search_gain < SAME_OPTIMUM:
            return f"{first} ended at the same J"
        return f"{first} ended {self.predicted.search_gain:.3g} nats above the best of the search"

    @property
    def summary(self) -> str:
        """Say in plain words what the search found, and how often."""
        predicted = self.predicted
        often = "once" if predicted.found == 1 else f"{predicted.found} times"
        return (
            f"The search found a decoder with J = {predicted.excess.value:.4g} nats against the "
            f"ground truth's {self.truth.excess.value:.4g}. Of {len(predicted.starts)} starts the "
            f"best end value was reached {often}; {self.search_words}. J of a decoder that was "
            "found is an upper bound on the optimum; nothing proves that there is no better one."
        )

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            **self.predicted.to_dict(),
            "gain": self.gain.to_dict(),
            "search_gain": self.predicted.search_gain,
            "search": self.effort,
            "summary": self.summary,
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class OptimumAnalysis(FoundOptimum):
    """Holds the predicted optimum of one latent beside a ground truth of one.

    Parameters
    ----------
    density : ndarray or None
        p_f(x) on the axes of the ground truth's map; None where D > 2.
    total_variation : Estimate or None
        ½ ∫ |p_f − p| dx; None where D > 2.
    pair : PairedMap
    points : tuple of TellingPoint
        The optimum's posteriors at the ground truth's selected x, with their letters.
    comparison : PosteriorComparison
        Posteriors by p(x)-mass.
    panels : LatentPanels
        f of the optimum at its nodes.
    """

    density: Float64[Array, "*grid"] | None
    total_variation: Estimate | None
    pair: PairedMap
    points: tuple[TellingPoint, ...]
    comparison: PosteriorComparison
    panels: LatentPanels = field(repr=False)

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            **super().to_dict(),
            "total_variation": None
            if self.total_variation is None
            else self.total_variation.to_dict(),
            "posteriors": self.comparison.to_dict(),
            "points": [point.to_dict() for point in self.points],
        }


def analyse_optimum(
    predicted: PredictedOptimum,
    truth: Decomposition,
    mean_field: MeanField,
    surface: KlMap | None,
    points: Sequence[TellingPoint],
    *,
    effort: str,
    seed: int = 0,
    seconds: float = 0.0,
) -> OptimumAnalysis:
    """Look at a predicted optimum where the ground truth was looked at.

    Parameters
    ----------
    predicted : PredictedOptimum
    truth : Decomposition
        Decomposition at the ground truth.
    mean_field : MeanField
        The ground truth, ready for averages.
    surface : KlMap or None
        KL(x) of the ground truth over the data space; None where D > 2.
    points : sequence of TellingPoint
        The selected x of the ground truth.
    effort : str
        Name of the search's effort, for the reader.
    seed : int
        Seed of the draws at which posteriors are compared.
    seconds : float
        Time that the search took; that of this function is added.

    Returns
    -------
    OptimumAnalysis
    """
    start = time.perf_counter()
    found = MeanField(predicted.model)
    density, misplaced = None, None
    if surface is not None:
        misplaced = total_variation(found.panels, mean_field.panels)
        density = surface.density_of(found.panels)
    pair = _paired_map(mean_field, found, truth, surface)
    comparison = compare_posteriors(mean_field, found, draws=_DRAWS, seed=seed)
    return OptimumAnalysis(
        predicted=predicted,
        truth=truth,
        density=density,
        total_variation=misplaced,
        pair=pair,
        points=tuple(telling_point(found, p.letter, p.role, p.posterior.x) for p in points),
        comparison=comparison,
        panels=found.panels,
        effort=effort,
        seconds=seconds + time.perf_counter() - start,
    )


def _paired_map(
    mean_field: MeanField, found: MeanField, truth: Decomposition, surface: KlMap | None
) -> PairedMap:
    axes: tuple[Array, ...] | None = None
    seen: Booleans | None = None
    if surface is None or is_coarse(surface, mean_field.model.sigma):
        # One node in each of equal shares of the probability: always the same, and even.
        share = np.cumsum(truth.averages.mass)
        levels = (np.arange(_SCATTER) + 0.5) / _SCATTER * share[-1]
        x = truth.averages.x[np.searchsorted(share, levels)]
    else:
        longest = max(axis[-1] - axis[0] for axis in surface.axes) / (_RESOLUTION - 1)
        axes = tuple(
            np.linspace(axis[0], axis[-1], 2 + int((axis[-1] - axis[0]) / longest))
            for axis in surface.axes
        )
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        height = log_density(mean_field.panels, grid.reshape(-1, len(axes))).value
        seen = (height > height.max() + np.log(_NEGLIGIBLE)).reshape(grid.shape[:-1])
        x = grid[seen]
    kl = (np.maximum(mean_field.kl(x), 0.0), np.maximum(found.kl(x), 0.0))
    modes = (count_modes(mean_field.panels, x), count_modes(found.panels, x))
    return PairedMap(x, kl, modes, axes, seen)
