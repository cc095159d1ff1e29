"""Computes once all that a report says about one model: numbers, verdicts, selected x."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from theorycheck.inference import MeanField
from theorycheck.models import GenerativeModel
from theorycheck.objectives import KlMap, Landscape, kl_map
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import LatentPanels
from theorycheck.report._examined import Examined, examined_for_report
from theorycheck.report._optimum_analysis import OptimumAnalysis, analyse_optimum
from theorycheck.report._representative_points import (
    TellingPoint,
    telling_landscape,
    telling_points,
)
from theorycheck.report._search import ReportSearch
from theorycheck.report._trained import TrainedRun
from theorycheck.report._trained_analysis import analyse_trained
from theorycheck.theorems import (
    EXAMINED_TOLERANCE,
    check_theorem2,
)

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelAnalysis(Examined):
    """Holds one model's part of a report: a model of one latent.

    Parameters
    ----------
    points : tuple of TellingPoint
    kl_map : KlMap or None
        KL(x) over the data space; None where D > 2.
    landscape : Landscape
        Landscape at the selected point with the most local minima.
    landscape_letter : str
        Letter of that point.
    panels : LatentPanels
        f at its nodes.
    optimum : OptimumAnalysis or None
        The predicted optimum; None where it was not searched for.
    """

    points: tuple[TellingPoint, ...]
    kl_map: KlMap | None
    landscape: Landscape
    landscape_letter: str
    panels: LatentPanels = field(repr=False)
    optimum: OptimumAnalysis | None

    def to_dict(self) -> dict[str, object]:
        """Return all numbers for JSON, each estimate with its error radius."""
        return {
            **super().to_dict(),
            "points": [point.to_dict() for point in self.points],
            "landscape": {
                "point": self.landscape_letter,
                "local_minima": int(np.isfinite(self.landscape.optimum.minima[0, :, 2]).sum()),
            },
        }


def analyse(
    model: GenerativeModel,
    *,
    alternatives: Sequence[GenerativeModel] = (),
    eta: Sequence[float] = (),
    tolerance: float = EXAMINED_TOLERANCE,
    search: ReportSearch | None = None,
    trained: Sequence[TrainedRun] = (),
    progress: Progress = NO_PROGRESS,
) -> ModelAnalysis:
    """Compute all that a report says about one model.

    Parameters
    ----------
    model : GenerativeModel
        The ground truth.
    alternatives : sequence of GenerativeModel
        Decoders to try in condition (1) of Theorem 1.
    eta : sequence of float
        Thresholds for the table of the η-partition, nats; by default some round ones.
    tolerance : float
        Error radius wanted for every PMO, nats.
    search : ReportSearch, optional
        Search for the predicted optimum, which is then one of the alternatives too.
    trained : sequence of TrainedRun
        Networks trained on its data.
    progress : Progress

    Returns
    -------
    ModelAnalysis

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
    examined, table = examined_for_report(
        model,
        alternatives,
        eta=eta,
        tolerance=tolerance,
        search=search,
        settings=None if search is None else search.settings,
        progress=progress,
    )
    theorem1, predicted = examined.check, examined.optimum
    # The refit rides along with the PMO; its radius there, about 1e-4 of σ², does for a report.
    theorem2 = check_theorem2(model, decomposition=theorem1.ground_truth, progress=progress)
    mean_field = MeanField(model)
    surface = kl_map(mean_field) if model.data_dim <= 2 else None
    points = telling_points(mean_field, theorem1.ground_truth, surface)
    landscape, letter = telling_landscape(mean_field, points)
    optimum = None
    if search is not None and predicted is not None:
        optimum = analyse_optimum(
            predicted,
            theorem1.ground_truth,
            mean_field,
            surface,
            points,
            effort=search.name,
            seed=search.seed,
            seconds=examined.search_seconds,
        )
    networks = [
        analyse_trained(run, theorem1.ground_truth, surface, predicted, progress) for run in trained
    ]
    return ModelAnalysis(
        model=model,
        theorem1=theorem1,
        theorem2=theorem2,
        points=points,
        kl_map=surface,
        landscape=landscape,
        landscape_letter=letter,
        eta=table,
        tolerance=tolerance,
        panels=mean_field.panels,
        optimum=optimum,
        seconds=time.perf_counter() - start,
        trained=tuple(networks),
    )
