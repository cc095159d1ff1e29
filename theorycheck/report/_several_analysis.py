"""Computes once all that a report says about a model of two or three latents."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.estimate import Estimate
from theorycheck.inference import ExactModel, MeanFieldBoxes, PlanePosterior, posterior_on_boxes
from theorycheck.models import GenerativeModel
from theorycheck.objectives import Decomposition, Informativeness, informativeness, map_axes
from theorycheck.optimum import SearchSettings, effort_named
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.report._examined import Examined, examined_for_report
from theorycheck.report._optimum_analysis import FoundOptimum
from theorycheck.report._representative_points import SelectedPoint, chosen_places
from theorycheck.report._search import ReportSearch
from theorycheck.report._trained import TrainedRun
from theorycheck.report._trained_analysis import analyse_trained
from theorycheck.theorems import EXAMINED_TOLERANCE, check_theorem2

#: Points of a map of p(x) along its longer axis, and the share of the peak of p(x) that it covers.
_RESOLUTION, _COVERED = 120, 2e-3
#: Radius wanted for a PMO, nats, where less was asked for: a good q takes a hundred times as long
#: as with one latent.
_TOLERANCE = 1e-4
#: Nodes to choose x from at most.
_MOST_NODES = 4_000
#: Heights of modes, relative to the highest, from which they count.
_COUNTED = 0.01


@dataclass(frozen=True, eq=False, kw_only=True)
class LatentPoint(SelectedPoint):
    """Holds an x whose posterior over two latents a report shows."""

    posterior: PlanePosterior
    mean: PerDimension
    scale: PerDimension

    @property
    def modes(self) -> int:
        """Return how many modes are at least a hundredth as high as the highest."""
        height = self.posterior.mode_density
        return int((height >= _COUNTED * height[0]).sum())


@dataclass(frozen=True, eq=False)
class DensityMap:
    """Holds p(x) on a grid of the data plane.

    Parameters
    ----------
    axes : tuple of two ndarray
        The grid, data units.
    density : ndarray, shape (n1, n2)
        p(x) per unit area.
    """

    axes: tuple[Float64[Array, " n1"], Float64[Array, " n2"]]
    density: Float64[Array, "n1 n2"]


@dataclass(frozen=True, eq=False, kw_only=True)
class SeveralAnalysis(Examined):
    """Holds one model's part of a report: a model of two or three latents.

    Parameters
    ----------
    points : tuple of LatentPoint
        x whose posteriors are shown; none of three latents.
    density : DensityMap or None
        p(x) over the data plane; None unless D = 2.
    information : Informativeness
        What q* and the posterior know of x through each latent.
    """

    points: tuple[LatentPoint, ...]
    density: DensityMap | None
    information: Informativeness

    def to_dict(self) -> dict[str, object]:
        """Return all numbers for JSON, each estimate with its error radius."""
        return {
            **super().to_dict(),
            "points": [point.to_dict() for point in self.points],
            "landscape": None,
            "informativeness": self.information.to_dict(),
        }


def analyse_several(
    model: GenerativeModel,
    *,
    alternatives: Sequence[GenerativeModel] = (),
    eta: Sequence[float] = (),
    tolerance: float = EXAMINED_TOLERANCE,
    search: ReportSearch | None = None,
    trained: Sequence[TrainedRun] = (),
    progress: Progress = NO_PROGRESS,
) -> SeveralAnalysis:
    """Compute all that a report says about one model of two or three latents.

    Parameters
    ----------
    model : GenerativeModel
        The ground truth.
    alternatives, eta, tolerance, search, trained, progress
        As for :func:`theorycheck.report.analyse`; the radius asked for is 1e-4 nats at least, and
        the optimum is one over decoders of as many latents.

    Returns
    -------
    SeveralAnalysis

    Raises
    ------
    SettingError
        If an η is not positive.
    ModelError
        If an alternative has another D.
    LoadingError
        If a trained network is not the one that its run says it is.
    """
    start = time.perf_counter()
    tolerance = max(tolerance, _TOLERANCE)
    examined, table = examined_for_report(
        model,
        alternatives,
        eta=eta,
        tolerance=tolerance,
        search=search,
        settings=_settings(model, search),
        progress=progress,
    )
    truth, predicted = examined.check.ground_truth, examined.optimum
    optimum = None
    if search is not None and predicted is not None:
        optimum = FoundOptimum(
            predicted=predicted, truth=truth, effort=search.name, seconds=examined.search_seconds
        )
    engine = MeanFieldBoxes(model)
    return SeveralAnalysis(
        model=model,
        theorem1=examined.check,
        theorem2=check_theorem2(model, decomposition=truth, progress=progress),
        eta=table,
        tolerance=tolerance,
        optimum=optimum,
        points=latent_points(engine, truth),
        density=density_map(engine, truth),
        information=informativeness(engine, progress=progress),
        trained=tuple(analyse_trained(run, truth, None, predicted, progress) for run in trained),
        seconds=time.perf_counter() - start,
    )


def _settings(model: GenerativeModel, search: ReportSearch | None) -> SearchSettings | None:
    """Return what is searched for: decoders of as many latents as the truth has."""
    if search is None:
        return None
    latents = model.latent_dim
    effort = effort_named(search.name, search.settings.objective, latents)
    return replace(search.settings, latents=latents, effort=effort)


def latent_points(engine: MeanFieldBoxes, truth: Decomposition) -> tuple[LatentPoint, ...]:
    """Choose x's as for one latent, and compute their posteriors.

    Parameters
    ----------
    engine : MeanFieldBoxes
        The model.
    truth : Decomposition
        Of the model on its own data; its nodes are the choice.

    Returns
    -------
    tuple of LatentPoint
        Lettered from A; empty of three latents, whose posteriors no plane shows.
    """
    if engine.model.latent_dim > 2:
        return ()
    averages = truth.averages
    chosen = slice(None, None, 1 + len(averages.x) // _MOST_NODES)
    x, kl, mass = averages.x[chosen], averages.kl[chosen], averages.mass[chosen]
    density = np.exp(engine.log_density(x).value)
    return tuple(
        _point(engine, letter, role, place)
        for letter, role, place in chosen_places(x, density, kl, mass, engine.model.sigma)
    )


def _point(engine: MeanFieldBoxes, letter: str, role: str, x: PerDimension) -> LatentPoint:
    best = engine.optimal_q(x[None, :])
    known = engine.log_density(x[None, :])
    value = float(best.negative_elbo[0] + known.value[0])
    return LatentPoint(
        letter=letter,
        role=role,
        posterior=posterior_on_boxes(engine.boxes, x),
        mean=best.mean[0],
        scale=best.scale[0],
        kl=Estimate(value, float(best.gap[0] + known.error[0])),
    )


def density_map(engine: ExactModel, truth: Decomposition) -> DensityMap | None:
    """Compute p(x) on a grid over the data plane.

    Parameters
    ----------
    engine : ExactModel
        The model.
    truth : Decomposition
        Of the model on its own data; its nodes say where p(x) is.

    Returns
    -------
    DensityMap or None
        None unless D = 2, and of three latents, whose log p(x) takes long.
    """
    if engine.model.data_dim != 2 or engine.model.latent_dim > 2:
        return None
    averages = truth.averages
    counts = averages.mass > _COVERED * averages.mass.max()
    x, sigma = averages.x[counts], engine.model.sigma
    lower, upper = x.min(axis=0) - sigma, x.max(axis=0) + sigma
    first, second = map_axes(lower, upper, _RESOLUTION)
    grid = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1)
    density = np.exp(engine.log_density(grid.reshape(-1, 2)).value)
    return DensityMap((first, second), density.reshape(grid.shape[:2]))
