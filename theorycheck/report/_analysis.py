"""Computes once all that a report says about one model: numbers, verdicts, selected x."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.inference import MeanField
from theorycheck.models import GenerativeModel
from theorycheck.objectives import Decomposition, KlMap, Landscape, Partition, kl_map
from theorycheck.optimum import Execution
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import LatentPanels
from theorycheck.report._optimum_analysis import OptimumAnalysis, analyse_optimum
from theorycheck.report._representative_points import (
    TellingPoint,
    telling_landscape,
    telling_points,
)
from theorycheck.report._search import ReportSearch
from theorycheck.report._trained import TrainedRun
from theorycheck.report._trained_analysis import TrainedAnalysis, analyse_trained
from theorycheck.theorems import (
    EXAMINED_TOLERANCE,
    Condition1At,
    Theorem1Check,
    Theorem2Check,
    check_theorem2,
    condition_1_at,
    examine_theorem1,
)

Array = NDArray[np.float64]

#: η, in nats, for the table where none is asked for: those below the largest KL are shown.
_DEFAULT_ETA = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class ModelAnalysis:
    """Holds one model's part of a report.

    Parameters
    ----------
    model : GenerativeModel
    theorem1 : Theorem1Check
        Check of Theorem 1, with the scan over all η and the decomposition in it.
    theorem2 : Theorem2Check
    points : tuple of TellingPoint
    kl_map : KlMap or None
        KL(x) over the data space; None where D > 2.
    landscape : Landscape
        Landscape at the selected point with the most local minima.
    landscape_letter : str
        Letter of that point.
    eta : tuple of float
        Thresholds of the table, nats.
    tolerance : float
        Error radius that was asked for, nats.
    panels : LatentPanels
        f at its nodes.
    optimum : OptimumAnalysis or None
        The predicted optimum; None where it was not searched for.
    seconds : float
        Time taken.
    trained : tuple of TrainedAnalysis
        Networks that were trained on its data.
    """

    model: GenerativeModel
    theorem1: Theorem1Check
    theorem2: Theorem2Check
    points: tuple[TellingPoint, ...]
    kl_map: KlMap | None
    landscape: Landscape
    landscape_letter: str
    eta: tuple[float, ...]
    tolerance: float
    panels: LatentPanels = field(repr=False)
    optimum: OptimumAnalysis | None
    seconds: float
    trained: tuple[TrainedAnalysis, ...] = ()

    @property
    def decomposition(self) -> Decomposition:
        """Return the decomposition at the ground truth."""
        return self.theorem1.ground_truth

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """Return the η-partition at each η of the table."""
        return tuple(self.decomposition.kl_distribution.partitions(np.array(self.eta)))

    @property
    def relative_bias(self) -> tuple[Estimate, ...]:
        """Return the bias of σ_d² as a fraction of σ_d², per data dimension (Theorem 2)."""
        pairs = zip(self.theorem2.bias, self.theorem2.true, strict=True)
        return tuple(bias.scaled(1.0 / true) for bias, true in pairs)

    @property
    def worst_bias(self) -> Estimate:
        """Return the relative bias of largest size."""
        return max(self.relative_bias, key=lambda bias: abs(bias.value))

    def condition_1(self, index: int) -> tuple[Condition1At, ...]:
        """Return condition (1) of an alternative at each η of the table."""
        alternative = self.theorem1.alternatives[index].decomposition
        others = alternative.kl_distribution.partitions(np.array(self.eta))
        return tuple(
            condition_1_at(part, other, alternative.mleo)
            for part, other in zip(self.partitions, others, strict=True)
        )

    def to_dict(self) -> dict[str, object]:
        """Return all numbers for JSON, each estimate with its error radius."""
        conditions = self.theorem1.to_dict()
        # The displacement has no error radius, so it is not a number to report.
        moved = self.theorem1.stationarity
        conditions["stationarity"] = {
            "m_step_gain": moved.m_step_gain.to_dict(),
            **moved.ruling.to_dict(),
        }
        decomposition = self.decomposition.to_dict()
        decomposition["eta_partition"] = [part.to_dict() for part in self.partitions]
        return {
            "definition": self.model.to_dict(),
            "decomposition": decomposition,
            "converged": self.decomposition.converged,
            "conditions": conditions,
            "noise": self.theorem2.to_dict(),
            "points": [point.to_dict() for point in self.points],
            "landscape": {
                "point": self.landscape_letter,
                "local_minima": int(np.isfinite(self.landscape.optimum.minima[0, :, 2]).sum()),
            },
            "optimum": None if self.optimum is None else self.optimum.to_dict(),
            "trained": [network.to_dict() for network in self.trained],
            "tolerance": self.tolerance,
            "seconds": self.seconds,
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
    # A bad η is an error now, not after minutes.
    if any(not (np.isfinite(e) and e > 0.0) for e in eta):
        raise SettingError(f"eta must be positive and finite, not {list(eta)}")
    # The scan over all η is what the figures need; the caller's η are for the table.
    examined = examine_theorem1(
        model,
        alternatives,
        search=None if search is None else search.settings,
        surveyed=None if search is None else search.surveyed,
        tolerance=tolerance,
        execution=replace(Execution() if search is None else search.execution, progress=progress),
    )
    theorem1, predicted = examined.check, examined.optimum
    distribution = theorem1.ground_truth.kl_distribution
    largest = float(distribution.kl[-1])
    table = tuple(float(e) for e in eta) or tuple(e for e in _DEFAULT_ETA if e < largest)
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
