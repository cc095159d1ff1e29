"""Networks with labels before the exact engine: J at the best q, and J with the networks' own."""

from __future__ import annotations

from dataclasses import dataclass

from theorycheck.estimate import Estimate, Verdict, nonnegative, positive
from theorycheck.evaluation._judging import NEAR_OPTIMUM, TOLERANCE
from theorycheck.evaluation._label_encoder import LabelEncoder, own_labelled_excess
from theorycheck.models import LabelledModel
from theorycheck.objectives import LabelledObjective, LabelledValue, labelled_value
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.ruling import Ruling


@dataclass(frozen=True, eq=False)
class LabelledJudged:
    """Exact figures of one trained labelled model.

    Parameters
    ----------
    value : LabelledValue
        J and its parts at the best q of the family.
    own_excess : Estimate or None
        J with the networks' own q; None where these were not given.
    """

    value: LabelledValue
    own_excess: Estimate | None

    @property
    def collapse(self) -> Estimate:
        """The share of the information on the label that the model gives up."""
        return self.value.collapse

    @property
    def amortisation_gap(self) -> Estimate | None:
        """How much the own q lose against the best, nats."""
        return None if self.own_excess is None else self.own_excess - self.value.excess

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        gap = self.amortisation_gap
        return {
            **self.value.to_dict(),
            "collapse": self.collapse.to_dict_or_null(),
            "own_excess": None if self.own_excess is None else self.own_excess.to_dict(),
            "amortisation_gap": None if gap is None else gap.to_dict(),
        }


@dataclass(frozen=True)
class LabelledDistance:
    """How far a trained labelled model is from a predicted optimum.

    Parameters
    ----------
    excess : Estimate
        Its J minus the predicted, nats.
    near : Verdict
        The verdict on J being within NEAR_OPTIMUM of the predicted.
    not_below : Verdict
        The verdict on J being at least the predicted: fails only where J is below it by more than
        the error radius.
    """

    excess: Estimate
    near: Verdict
    not_below: Verdict

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "excess": self.excess.to_dict(),
            "near": str(self.near),
            "not_below": str(self.not_below),
            "rests_on": Ruling.of(self.near, [self.excess]).rests_on,
        }


def judge_labelled(
    model: LabelledModel,
    data: LabelledModel,
    objective: LabelledObjective,
    encoder: LabelEncoder | None = None,
    *,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> LabelledJudged:
    """Put a trained labelled model before the exact engine.

    Parameters
    ----------
    model : LabelledModel
        The trained f_y, with the σ² and the prior of the labels that they were trained with.
    data : LabelledModel
        Ground truth.
    objective : LabelledObjective
        γ, α, the labelled share and the family of q.
    encoder : LabelEncoder, optional
        The networks' own q.
    tolerance : float
        Error radius wanted for each PMO, nats.
    seed : int
        Seed of quasi-Monte Carlo, for D > 2.
    progress : Progress
        Told how far the work is.

    Returns
    -------
    LabelledJudged

    Raises
    ------
    ModelError
        If model and data differ in D, the number of classes or the prior, or the encoder returns
        what is no q.
    """
    value = labelled_value(
        model, data, objective, tolerance=tolerance, seed=seed, progress=progress
    )
    own = None
    if encoder is not None:
        own = own_labelled_excess(model, data, objective, encoder, seed=seed)
    return LabelledJudged(value, own)


def labelled_distance(trained: LabelledValue, predicted: LabelledValue) -> LabelledDistance:
    """Compare the J of a trained labelled model with that of a predicted optimum.

    Parameters
    ----------
    trained, predicted : LabelledValue
        Both of one objective.

    Returns
    -------
    LabelledDistance
    """
    gap = trained.excess - predicted.excess
    return LabelledDistance(gap, positive(Estimate(NEAR_OPTIMUM, 0.0) - gap), nonnegative(gap))
