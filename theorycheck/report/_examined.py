"""What a report says of a model of any number of latents: both theorems, and the η-partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.models import GenerativeModel
from theorycheck.objectives import Decomposition, Partition
from theorycheck.optimum import Execution, SearchSettings
from theorycheck.progress import Progress
from theorycheck.report._optimum_analysis import FoundOptimum
from theorycheck.report._search import ReportSearch
from theorycheck.report._trained_analysis import TrainedAnalysis
from theorycheck.theorems import (
    Condition1At,
    Examination,
    Theorem1Check,
    Theorem2Check,
    condition_1_at,
    examine_theorem1,
)

#: η, in nats, for the table where none is asked for: those below the largest KL are shown.
_DEFAULT_ETA = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Examined:
    """Holds what a model's part of a report has whatever the number of its latents.

    Parameters
    ----------
    model : GenerativeModel
    theorem1 : Theorem1Check
        Check of Theorem 1, with the scan over all η and the decomposition in it.
    theorem2 : Theorem2Check
    eta : tuple of float
        Thresholds of the table, nats.
    tolerance : float
        Error radius that was asked for, nats.
    optimum : FoundOptimum or None
        The predicted optimum; None where it was not searched for.
    seconds : float
        Time taken.
    trained : tuple of TrainedAnalysis
        Networks that were trained on its data.
    """

    model: GenerativeModel
    theorem1: Theorem1Check
    theorem2: Theorem2Check
    eta: tuple[float, ...]
    tolerance: float
    optimum: FoundOptimum | None
    seconds: float
    trained: tuple[TrainedAnalysis, ...] = ()

    @property
    def decomposition(self) -> Decomposition:
        """Return the decomposition at the ground truth."""
        return self.theorem1.ground_truth

    @property
    def found_optimum(self) -> FoundOptimum:
        """Return the predicted optimum of an analysis that has one."""
        if self.optimum is None:
            raise ValueError("this analysis has no predicted optimum")
        return self.optimum

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
            "optimum": None if self.optimum is None else self.optimum.to_dict(),
            "trained": [network.to_dict() for network in self.trained],
            "tolerance": self.tolerance,
            "seconds": self.seconds,
        }


def examined_for_report(
    model: GenerativeModel,
    alternatives: Sequence[GenerativeModel],
    *,
    eta: Sequence[float],
    tolerance: float,
    search: ReportSearch | None,
    settings: SearchSettings | None,
    progress: Progress,
) -> tuple[Examination, tuple[float, ...]]:
    """Check Theorem 1 over all η, and return the η of the table.

    Parameters
    ----------
    model : GenerativeModel
        The ground truth.
    alternatives : sequence of GenerativeModel
        Decoders to try in condition (1).
    eta : sequence of float
        Thresholds asked for, nats.
    tolerance : float
        Error radius wanted for every PMO, nats.
    search : ReportSearch or None
        How the search is run.
    settings : SearchSettings or None
        What is searched for.
    progress : Progress

    Returns
    -------
    examination : Examination
    eta : tuple of float
        Those asked for, or round ones below the largest KL.

    Raises
    ------
    SettingError
        If an η is not positive.
    """
    # A bad η is an error now, not after minutes.
    if any(not (np.isfinite(e) and e > 0.0) for e in eta):
        raise SettingError(f"eta must be positive and finite, not {list(eta)}")
    # The scan over all η is what the figures need; the caller's η are for the table.
    examined = examine_theorem1(
        model,
        alternatives,
        search=settings,
        surveyed=None if search is None else search.surveyed,
        tolerance=tolerance,
        execution=replace(Execution() if search is None else search.execution, progress=progress),
    )
    largest = float(examined.check.ground_truth.kl_distribution.kl[-1])
    table = tuple(float(e) for e in eta) or tuple(e for e in _DEFAULT_ETA if e < largest)
    return examined, table
