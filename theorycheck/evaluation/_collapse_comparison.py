"""The ground truth of a continuous label against f of the same p(x) that keep less of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from theorycheck.arrays import PerDimension
from theorycheck.errors import ModelError
from theorycheck.inference import ExactContinuousLabel
from theorycheck.models import ContinuousLabelModel
from theorycheck.objectives import (
    ContinuousFigures,
    ContinuousObjective,
    ContinuousValue,
    continuous_label_values,
)
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.rearrangements import LabelCollapse
from theorycheck.results import Saved


@dataclass(frozen=True, eq=False)
class KeptPart:
    """Figures at the f that takes a blurred label for y.

    Parameters
    ----------
    kept : float
        κ, the correlation of the two: 0 for the collapsed f.
    figures : tuple of ContinuousFigures
        One for each objective.
    """

    kept: float
    figures: tuple[ContinuousFigures, ...]


@dataclass(frozen=True, eq=False)
class CollapseComparison(Saved):
    """Figures at the ground truth, the collapsed f and those between, for several objectives.

    Parameters
    ----------
    name : str
        Name of the ground truth.
    noise_variance : ndarray, shape (D,)
        Its σ².
    fingerprint : str
        Of its f and σ².
    truth : tuple of ContinuousFigures
        One for each objective.
    parts : tuple of KeptPart
        Ascending in what is kept, the collapsed f first; empty where there is none.
    reason : str or None
        Why there is none.
    seed : int
        Seed of quasi-Monte Carlo, for D > 2.
    """

    schema: ClassVar[str] = "collapse_comparison"

    name: str
    noise_variance: PerDimension
    fingerprint: str
    truth: tuple[ContinuousFigures, ...]
    parts: tuple[KeptPart, ...]
    reason: str | None
    seed: int

    @property
    def collapsed(self) -> tuple[ContinuousFigures, ...]:
        """The figures at the collapsed f; empty where there is none."""
        return self.parts[0].figures if self.parts else ()

    def best(self, number: int) -> tuple[float, ContinuousFigures]:
        """Return the part kept of the f of smallest J for an objective, and its figures."""
        each = {1.0: self.truth, **{part.kept: part.figures for part in self.parts}}
        kept = min(each, key=lambda one: each[one][number].excess.value)
        return kept, each[kept][number]

    def _about(self) -> dict[str, object]:
        return {"data": self.name, "fingerprint": self.fingerprint, "seed": self.seed}


@dataclass(frozen=True, eq=False)
class ComparedValues:
    """A comparison with the models that it is about.

    Parameters
    ----------
    comparison : CollapseComparison
        The figures.
    truth, collapsed : tuple of ContinuousValue
        Those of the ground truth and of the collapsed f, if there is one, with their models.
    """

    comparison: CollapseComparison
    truth: tuple[ContinuousValue, ...]
    collapsed: tuple[ContinuousValue, ...]


def compare_with_collapse(
    data: ContinuousLabelModel | ExactContinuousLabel,
    objectives: Sequence[ContinuousObjective],
    parts: Sequence[float] = (),
    *,
    step: float = 0.7,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> ComparedValues:
    """Evaluate the ground truth and f of the same p(x), or say why there are none.

    Parameters
    ----------
    data : ContinuousLabelModel or ExactContinuousLabel
        The ground truth.
    objectives : sequence of ContinuousObjective
        What is evaluated at every f.
    parts : sequence of float
        Parts κ of the label that are kept, between the ground truth, 1, and the collapsed f, 0.
    step : float
        Grid step over x, in σ.
    seed : int
        Seed of quasi-Monte Carlo, for D > 2.
    progress : Progress
        Told how far the work is.

    Returns
    -------
    ComparedValues
    """
    source = data if isinstance(data, ExactContinuousLabel) else ExactContinuousLabel(data)
    model = source.model

    def values(one: ContinuousLabelModel | ExactContinuousLabel) -> tuple[ContinuousValue, ...]:
        return tuple(
            continuous_label_values(
                one, source, objectives, step=step, seed=seed, progress=progress
            )
        )

    truth = values(source)
    found: dict[float, tuple[ContinuousValue, ...]] = {}
    reason = None
    try:
        way = LabelCollapse(model, source.rule)
        models = {kept: way.at(kept) for kept in sorted({0.0, *parts})}
    except ModelError as error:
        reason = str(error)
    else:
        found = {kept: values(one) for kept, one in models.items()}
    comparison = CollapseComparison(
        name=model.name,
        noise_variance=model.noise_variance,
        fingerprint=model.fingerprint,
        truth=_figures(truth),
        parts=tuple(KeptPart(kept, _figures(those)) for kept, those in found.items()),
        reason=reason,
        seed=seed,
    )
    return ComparedValues(comparison, truth, found.get(0.0, ()))


def _figures(values: Sequence[ContinuousValue]) -> tuple[ContinuousFigures, ...]:
    return tuple(one.figures for one in values)
