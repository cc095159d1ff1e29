"""What the report says of a labelled model: both families of q, ground truth beside optimum."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from theorycheck.inference import CONDITIONAL, FACTORISED
from theorycheck.models import LabelledModel
from theorycheck.objectives import LabelledObjective, LabelledValue, labelled_value
from theorycheck.optimum import (
    LabelledOptimum,
    find_labelled_optimum,
    labels_effort,
)
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.report._figure_style import encode
from theorycheck.report._figures_labels import labels_figure
from theorycheck.report._search import ReportSearch

#: At the bound on the likelihood of what is observed, and one label in ten.
GAMMA, SHARE = 1.0, 0.1
#: Radius wanted for each PMO of a labelled model, nats, where less was asked for.
_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class LabelsAnalysis:
    """A labelled model's part of the report.

    Parameters
    ----------
    data : LabelledModel
        The ground truth.
    families : tuple of (LabelledValue, LabelledOptimum or None)
        The ground truth's value under each family of q, and the optimum where it was searched for.
    figure : str
        The f_y side by side, as a ``data:`` address.
    seconds : float
        What it took.
    """

    data: LabelledModel
    families: tuple[tuple[LabelledValue, LabelledOptimum | None], ...]
    figure: str
    seconds: float

    @property
    def headline(self) -> str:
        """Say first which family keeps the classes apart."""
        parts = []
        for truth, optimum in self.families:
            if optimum is not None:
                kept = 100.0 * (1.0 - optimum.collapse.value)
                parts.append(f"with {truth.objective.family.name} {kept:.3g} %")
        if not parts:
            return "No optimum was searched for: nothing is said of what is learned of the classes."
        whole = self.families[0][0].information.value
        return (
            f"Of the information on the label, I(x; y) = {whole:.4g} nats, the best decoders found "
            f"keep {' and '.join(parts)} (γ = {GAMMA:g}, {100.0 * SHARE:g} % of the x labelled)."
        )

    def to_dict(self) -> dict[str, object]:
        """Return the figures for report.json."""
        return {
            "model": self.data.name,
            "gamma": GAMMA,
            "labelled_share": SHARE,
            "families": [
                {
                    "family": truth.objective.family.key,
                    "ground_truth": truth.to_dict(),
                    "optimum": None if optimum is None else optimum.value.to_dict(),
                    "collapse": None if optimum is None else optimum.collapse.to_dict_or_null(),
                }
                for truth, optimum in self.families
            ],
            "seconds": self.seconds,
        }


def analyse_labels(
    data: LabelledModel,
    *,
    tolerance: float = _TOLERANCE,
    search: ReportSearch | None = None,
    progress: Progress = NO_PROGRESS,
) -> LabelsAnalysis:
    """Evaluate the ground truth under both families, and search for their optima.

    Parameters
    ----------
    data : LabelledModel
        The ground truth.
    tolerance : float
        Radius wanted for every PMO, nats; 1e-4 at least.
    search : ReportSearch, optional
        How to search; by default not at all.
    progress : Progress
        What is told how far the work is.

    Returns
    -------
    LabelsAnalysis
    """
    start = time.perf_counter()
    wanted = max(tolerance, _TOLERANCE)
    families: list[tuple[LabelledValue, LabelledOptimum | None]] = []
    for family in (CONDITIONAL, FACTORISED):
        objective = LabelledObjective(GAMMA, 0.0, SHARE, family)
        known = families[0][0] if families else None
        truth = labelled_value(
            data, data, objective, tolerance=wanted, known=known, progress=progress
        )
        optimum = None
        if search is not None:
            optimum = find_labelled_optimum(
                data, objective, effort=labels_effort(search.name, wanted), seed=search.seed,
                ground_truth=truth, execution=search.execution,
            )  # fmt: skip
        families.append((truth, optimum))
    return LabelsAnalysis(data, tuple(families), _drawn(families), time.perf_counter() - start)


def _drawn(families: Sequence[tuple[LabelledValue, LabelledOptimum | None]]) -> str:
    optima = [optimum.value for _, optimum in families if optimum is not None]
    return encode(labels_figure(families[0][0], optima), "png")
