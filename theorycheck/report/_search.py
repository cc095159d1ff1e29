"""Searches for the predicted optimum of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from theorycheck.models import GenerativeModel
from theorycheck.optimum import Execution, PredictedOptimum, SearchSettings, find_optimum
from theorycheck.progress import Progress


@dataclass(frozen=True)
class ReportSearch:
    """Says how the predicted optimum is to be searched for, and what readers are told about it.

    Parameters
    ----------
    settings : SearchSettings
    name : str
        Name of the effort for the reader, ``"quick"`` for example.
    execution : Execution
        Execution of the search; its progress is that of the report.
    """

    settings: SearchSettings
    name: str
    execution: Execution = field(default_factory=Execution)

    @property
    def seed(self) -> int:
        """Return the seed of the search."""
        return self.settings.seed

    def run(
        self, model: GenerativeModel, given: Sequence[GenerativeModel], progress: Progress
    ) -> PredictedOptimum:
        """Search, from the given decoders too."""
        execution = replace(self.execution, progress=progress)
        return find_optimum(model, self.settings, given=given, execution=execution)
