"""Carries out what ``theorycheck labels`` asks for: values, optima, and where collapse sets in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from theorycheck.inference import Family
from theorycheck.models import LabelledModel
from theorycheck.objectives import LabelledObjective, LabelledValue, labelled_value
from theorycheck.optimum import (
    CollapseOnset,
    Effort,
    Execution,
    LabelledOptimum,
    NoiseFit,
    find_collapse_onset,
    find_labelled_optimum,
    labels_effort,
)
from theorycheck.theorems import CollapseThreshold, collapse_threshold


@dataclass(frozen=True)
class Plan:
    """What a call of the verb asks for.

    Parameters
    ----------
    data : LabelledModel
        The ground truth.
    objectives : mapping of float to sequence of LabelledObjective
        For each γ one for each family.
    search : {"quick", "thorough", "none"}
    fit_noise : {"no", "shared", "each"}
    tolerance : float
        Radius wanted for each PMO, nats.
    certify : int
        How many x to certify.
    seed : int
    execution : Execution
    """

    data: LabelledModel
    objectives: Mapping[float, Sequence[LabelledObjective]]
    search: str
    fit_noise: NoiseFit
    tolerance: float
    certify: int
    seed: int
    execution: Execution

    @property
    def _effort(self) -> Effort:
        return labels_effort(self.search, self.tolerance)

    def _certified(self, value: LabelledValue) -> LabelledValue:
        return value.certified(self.certify, self.seed) if self.certify else value

    def _truth(self, objective: LabelledObjective, known: LabelledValue | None) -> LabelledValue:
        return self._certified(
            labelled_value(
                self.data, self.data, objective, tolerance=self.tolerance, known=known,
                progress=self.execution.progress,
            )
        )  # fmt: skip

    def found(self) -> list[tuple[LabelledValue, LabelledOptimum | None]]:
        """Evaluate the ground truth, and find the optimum, for every γ and family."""
        truths: dict[Family, LabelledValue] = {}
        found: list[tuple[LabelledValue, LabelledOptimum | None]] = []
        for objective in (one for group in self.objectives.values() for one in group):
            # γ weighs the parts of the ground truth's J, and leaves them as they are.
            if objective.family not in truths:
                known = next(iter(truths.values()), None)
                truths[objective.family] = self._truth(objective, known)
            truth = truths[objective.family].reweighted(objective)
            optimum = None
            if self.search != "none":
                optimum = find_labelled_optimum(
                    self.data, objective, effort=self._effort, fit_noise=self.fit_noise,
                    seed=self.seed, ground_truth=truth, execution=self.execution,
                )  # fmt: skip
                optimum = replace(optimum, value=self._certified(optimum.value))
            found.append((truth, optimum))
        return found

    def onsets(
        self, found: Sequence[tuple[LabelledValue, LabelledOptimum | None]]
    ) -> list[CollapseOnset]:
        """Look where collapse sets in, for every family."""
        known = [optimum for _, optimum in found if optimum is not None]
        families = dict.fromkeys(one.objective.family for one in known)
        return [
            find_collapse_onset(
                self.data, family, effort=self._effort, seed=self.seed, known=known,
                execution=self.execution,
            )
            for family in families
        ]  # fmt: skip

    def thresholds(
        self, found: Sequence[tuple[LabelledValue, LabelledOptimum | None]]
    ) -> list[CollapseThreshold]:
        """Compute below which γ one decoder for all classes beats the ground truth."""
        truths = {truth.objective.family: truth for truth, _ in found}
        return [
            collapse_threshold(
                self.data, ground_truth=truth, tolerance=self.tolerance, seed=self.seed,
                progress=self.execution.progress,
            )
            for truth in truths.values()
        ]  # fmt: skip
