"""How a report searches for the predicted optimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from theorycheck.models import GenerativeModel
from theorycheck.optimum import Effort, PredictedOptimum, find_optimum
from theorycheck.progress import Progress


@dataclass(frozen=True)
class Search:
    """How the predicted optimum is to be searched for.

    Parameters
    ----------
    effort : Effort
    name : str
        What a reader is told about it, ``"quick"`` for example.
    seed : int
    jobs : int, optional
        Processes; by default what ``joblib.parallel_config`` says.
    """

    effort: Effort
    name: str
    seed: int = 0
    jobs: int | None = None

    def run(
        self, model: GenerativeModel, given: Sequence[GenerativeModel], progress: Progress
    ) -> PredictedOptimum:
        """Search, from the given decoders too."""
        return find_optimum(
            model,
            effort=self.effort,
            given=given,
            seed=self.seed,
            jobs=self.jobs,
            progress=progress,
        )
