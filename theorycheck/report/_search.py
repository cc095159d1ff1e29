"""Searches for the predicted optimum of a report."""

from __future__ import annotations

from dataclasses import dataclass, field

from theorycheck.optimum import Execution, SearchSettings
from theorycheck.theorems import ClassSettings


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
    surveyed : ClassSettings
        What is looked at of the zero-MLEO class, by default what `conditions` looks at.
    """

    settings: SearchSettings
    name: str
    execution: Execution = field(default_factory=Execution)
    surveyed: ClassSettings = field(default_factory=ClassSettings)

    @property
    def seed(self) -> int:
        """Return the seed of the search."""
        return self.settings.seed
