"""When one decoder for all classes beats the ground truth (proof: collapse_threshold).

With the same g for every class the label does nothing, and the objective is known from that of g
as a plain VAE on p(x), e = MLEO_x + PMO:

    J(truth) − J(g, …, g) = (1−ℓ)(PMO_U − e) − ℓγ (I(x; y) + e − PMO_L),

PMO_U, PMO_L and I those of the ground truth; there is no label term (α = 0). It is a line in γ, and
where it falls the collapsed model is the better one for γ below its zero. For IWAE bounds the same
holds with what they miss in place of the PMOs: of a collapsed model U_S is L_S of g.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, SupportsIndex

from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.inference import FACTORISED, Family, checked_samples
from theorycheck.models import GenerativeModel, LabelledModel
from theorycheck.objectives import (
    PMO_TOLERANCE,
    LabelledObjective,
    LabelledValue,
    decompose,
    iwae_objective,
    labelled_iwae,
    labelled_value,
)
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.rearrangements import merged_classes


class _Draws(NamedTuple):
    """Quasi-Monte Carlo for D > 2."""

    size: int
    repeats: int
    seed: int


@dataclass(frozen=True, eq=False)
class CollapseThreshold:
    """The γ below which one decoder for all classes has a smaller J than the ground truth.

    Parameters
    ----------
    ground_truth : LabelledValue
        The data's own f_y, for a family of q and a labelled share.
    merged : GenerativeModel
        g, the one decoder for all classes.
    merged_excess : Estimate
        e = MLEO_x + PMO of g as a plain VAE on p(x), or as an IWAE where S > 1, nats.
    samples : int
        S; 1 for the ELBO.
    pmo_u, pmo_l : Estimate
        What the bounds of S draws miss at the ground truth, inside the sum over y, nats.
    """

    ground_truth: LabelledValue
    merged: GenerativeModel
    merged_excess: Estimate
    samples: int
    pmo_u: Estimate
    pmo_l: Estimate

    @property
    def gain(self) -> Estimate:
        """(1−ℓ)(PMO_U − e): what the collapsed model gains where there is no label, nats."""
        unlabelled, _, _ = self.ground_truth.objective.weights
        return (self.pmo_u - self.merged_excess).scaled(unlabelled)

    @property
    def loss(self) -> Estimate:
        """ℓ (I(x; y) + e − PMO_L): what it loses for each unit of γ where there is one, nats."""
        truth = self.ground_truth
        lost = truth.data_information + self.merged_excess - self.pmo_l
        return lost.scaled(truth.objective.labelled_share)

    @property
    def threshold(self) -> Estimate:
        """γ_c = gain/loss; not a number, of infinite radius, where the loss may be 0 or less.

        At or below 0 where the collapsed model is better at no γ >= 0.
        """
        gain, loss = self.gain, self.loss
        if loss.lower <= 0.0:
            return Estimate(math.nan, math.inf, gain.kind | loss.kind)
        ratio = gain.value / loss.value
        radius = (gain.error + abs(ratio) * loss.error) / loss.lower
        return Estimate(ratio, radius, gain.kind | loss.kind)

    def margin(self, gamma: float) -> Estimate:
        """Return J(truth) − J(g, …, g) at a γ, nats."""
        return self.gain - self.loss.scaled(gamma)

    def collapsed_is_better(self, gamma: float) -> Verdict:
        """Judge whether the collapsed model has the smaller J at a γ."""
        return positive(self.margin(gamma))

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON; the threshold is null where there is none."""
        return {
            "merged": self.merged.name,
            "samples": self.samples,
            "merged_excess": self.merged_excess.to_dict(),
            "gain": self.gain.to_dict(),
            "loss": self.loss.to_dict(),
            "threshold": self.threshold.to_dict_or_null(),
        }


def collapse_threshold(
    data: LabelledModel,
    merged: GenerativeModel | None = None,
    *,
    family: Family = FACTORISED,
    labelled_share: float = 0.1,
    samples: SupportsIndex = 1,
    ground_truth: LabelledValue | None = None,
    tolerance: float = PMO_TOLERANCE,
    size: int = 1024,
    repeats: int = 16,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> CollapseThreshold:
    """Compute the γ below which one decoder for all classes beats the ground truth.

    Parameters
    ----------
    data : LabelledModel
        The ground truth.
    merged : GenerativeModel, optional
        g, any decoder with the data's D; by default one with the data's p(x),
        :func:`theorycheck.rearrangements.merged_classes`. The smaller its excess as a plain VAE on
        p(x), the larger the threshold.
    family : Family
        What q may be, CONDITIONAL or FACTORISED.
    labelled_share : float
        ℓ, in [0, 1].
    samples : int
        S of the IWAE bounds, with the importance average inside the sum over y; 1: the ELBO.
    ground_truth : LabelledValue, optional
        The data's own value, where it is known: any γ, α = 0, the same data. It then says family
        and labelled share.
    tolerance : float
        Error radius wanted for each PMO, nats.
    size, repeats, seed : int
        Quasi-Monte Carlo for D > 2: points a repetition, repetitions, seed.
    progress : Progress
        What is told how far the work is.

    Returns
    -------
    CollapseThreshold

    Raises
    ------
    SettingError
        If the value given is another model's or has a label term, S is no integer from 1 to 10⁹,
        or a setting is out of range.
    ModelError
        If g has another D.
    DecoderError
        If an f misbehaves at a quadrature node.
    """
    count, truth = checked_samples(samples), ground_truth
    draws = _Draws(size, repeats, seed)
    if truth is None:
        objective = LabelledObjective(1.0, 0.0, labelled_share, family)
        truth = labelled_value(
            data, None, objective, tolerance=tolerance, progress=progress, **draws._asdict()
        )
    elif truth.model is not data or truth.data is not data:
        raise SettingError("the value of the ground truth is that of another model than the data")
    if truth.objective.alpha > 0.0:
        raise SettingError("a threshold of γ is known without a label term only: alpha must be 0")
    g = merged_classes(data) if merged is None else merged
    source = truth.objective.exact(data)
    if count == 1:
        found = decompose(g, source, tolerance=tolerance, progress=progress, **draws._asdict())
        return CollapseThreshold(truth, g, found.excess, count, truth.pmo_u, truth.pmo_l)
    missed = labelled_iwae(
        data, samples=count, family=truth.objective.family, repeats=repeats, seed=seed,
        progress=progress,
    )  # fmt: skip
    excess = iwae_objective(g, source, samples=count, seed=seed, progress=progress).excess
    return CollapseThreshold(truth, g, excess, count, missed.pmo_u_inside, missed.pmo_l)
