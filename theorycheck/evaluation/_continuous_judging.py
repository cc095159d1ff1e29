"""Networks with a continuous label before the exact engine: J at the best q, and by their own."""

from __future__ import annotations

from dataclasses import dataclass

from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import ExactContinuousLabel
from theorycheck.models import ContinuousLabelModel
from theorycheck.objectives import (
    ContinuousObjective,
    ContinuousValue,
    continuous_entropies,
    continuous_label_values,
)
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import STANDARD_ERRORS


@dataclass(frozen=True, eq=False)
class ContinuousJudged:
    """Exact figures of one trained model with a continuous label.

    Parameters
    ----------
    value : ContinuousValue
        J and its parts at the best q of the family.
    own_excess : Estimate or None
        J by the bound that it was trained on and the networks' own q; None where it was not given.
    """

    value: ContinuousValue
    own_excess: Estimate | None

    @property
    def collapse(self) -> Estimate:
        """The share of the information on the label that the model gives up."""
        return self.value.collapse

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            **self.value.to_dict(),
            "collapse": self.collapse.to_dict_or_null(),
            "own_excess": None if self.own_excess is None else self.own_excess.to_dict(),
        }


def continuous_own_excess(
    data: ContinuousLabelModel | ExactContinuousLabel,
    objective: ContinuousObjective,
    measured: float,
    standard_error: float,
) -> Estimate:
    """Return J of the bound that networks are trained on, from its average over drawn data.

    Parameters
    ----------
    data : ContinuousLabelModel or ExactContinuousLabel
        The ground truth, which the draws are from.
    objective : ContinuousObjective
        γ, α and the labelled share.
    measured, standard_error : float
        −[(1−ℓ) U + ℓγ L + ℓα log q(y|x)] over fresh draws, nats, and one standard error.

    Returns
    -------
    Estimate
        Five standard errors, and what the entropies of the data leave open.
    """
    unlabelled, labelled, label = objective.weights
    of_x, of_both = continuous_entropies(data)
    drawn = Estimate(measured, STANDARD_ERRORS * standard_error, Kind.STATISTICAL)
    entropies = of_x.scaled(unlabelled) + of_both.scaled(labelled)
    return drawn - entropies - (of_both - of_x).scaled(label)


def judge_continuous(
    model: ContinuousLabelModel,
    data: ContinuousLabelModel | ExactContinuousLabel,
    objective: ContinuousObjective,
    own_excess: Estimate | None = None,
    *,
    progress: Progress = NO_PROGRESS,
) -> ContinuousJudged:
    """Put a trained model with a continuous label before the exact engine.

    Parameters
    ----------
    model : ContinuousLabelModel
        The trained f, with the σ² that it was trained with.
    data : ContinuousLabelModel or ExactContinuousLabel
        The ground truth.
    objective : ContinuousObjective
        γ, α, the labelled share and the family of q.
    own_excess : Estimate, optional
        J by the networks' own q: :func:`continuous_own_excess`.
    progress : Progress
        Told how far the work is.

    Returns
    -------
    ContinuousJudged

    Raises
    ------
    ModelError
        If model and data differ in D.
    """
    value = continuous_label_values(model, data, [objective], progress=progress)[0]
    return ContinuousJudged(value, own_excess)
