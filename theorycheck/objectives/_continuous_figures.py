"""Objectives with a continuous label: γ, α, share and family, and the figures that one has at an f.

J = (1−ℓ)(MLEO_x + PMO_U) + ℓγ (MLEO_xy + PMO_L) + ℓα E KL[p(y|x) ‖ q(y|x)].
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from theorycheck.estimate import Estimate
from theorycheck.inference import FLEXIBLE, NAIVE, NAIVE_CONDITIONAL, NAIVE_IWAE, Family
from theorycheck.models import ContinuousLabelModel
from theorycheck.objectives._weighed_bounds import WeighedBounds, collapse_of

#: What q(y, z | x) may be where the label is continuous.
CONTINUOUS_FAMILIES = (NAIVE, NAIVE_CONDITIONAL, FLEXIBLE, NAIVE_IWAE)


@dataclass(frozen=True)
class ContinuousObjective(WeighedBounds):
    """The objective of a semi-supervised VAE whose label is continuous.

    Parameters
    ----------
    gamma : float
        γ >= 0, weight of the labelled bound.
    labelled_share : float
        ℓ in [0, 1], the share of observations that have a label.
    family : Family
        One of CONTINUOUS_FAMILIES.
    alpha : float
        α >= 0, weight of E log q(y|x) on labelled x.

    Raises
    ------
    SettingError
        If a weight is negative or not finite, the share is not in [0, 1], or the family is not
        one of models with a continuous label.
    """

    gamma: float = 1.0
    labelled_share: float = 0.1
    family: Family = NAIVE_CONDITIONAL
    alpha: float = 0.0

    def __post_init__(self) -> None:
        self._check(CONTINUOUS_FAMILIES, "a model with a continuous label")


@dataclass(frozen=True, eq=False)
class ContinuousFigures:
    """The figures of an objective with a continuous label at one f, in nats.

    Parameters
    ----------
    objective : ContinuousObjective
    mleo_x, mleo_xy : Estimate
        KL[p(x) ‖ p_f(x)] and KL[p(x, y) ‖ p_f(x, y)].
    pmo_u, pmo_l : Estimate
        What the best q misses of log p_f(x), and of log p_f(x | y).
    label_kl : Estimate
        E KL[p(y|x) ‖ q(y|x)], p(y|x) that of the data.
    information, data_information : Estimate
        I(x; y) of the model and of the data.
    """

    objective: ContinuousObjective
    mleo_x: Estimate
    mleo_xy: Estimate
    pmo_u: Estimate
    pmo_l: Estimate
    label_kl: Estimate
    information: Estimate
    data_information: Estimate

    @property
    def collapse(self) -> Estimate:
        """1 − I_f(x; y)/I(x; y); see :func:`collapse_of`."""
        return collapse_of(self.information, self.data_information)

    @property
    def excess(self) -> Estimate:
        """J: the objective less the entropies of the data."""
        unlabelled, labelled, label = self.objective.weights
        total = (self.mleo_x + self.pmo_u).scaled(unlabelled)
        total = total + (self.mleo_xy + self.pmo_l).scaled(labelled)
        return total + self.label_kl.scaled(label) if label else total

    def to_dict(self) -> dict[str, object]:
        """Return the excess, its parts and the information for JSON."""
        return {
            "excess": self.excess.to_dict(),
            "mleo_x": self.mleo_x.to_dict(),
            "mleo_xy": self.mleo_xy.to_dict(),
            "pmo_u": self.pmo_u.to_dict(),
            "pmo_l": self.pmo_l.to_dict(),
            "label_kl": self.label_kl.to_dict(),
            "information": self.information.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class ContinuousValue(ContinuousFigures):
    """The exact value of an objective with a continuous label at a given f, and its parts.

    Parameters
    ----------
    objective, mleo_x, mleo_xy, pmo_u, pmo_l, label_kl, information, data_information
        As for :class:`ContinuousFigures`.
    model, data : ContinuousLabelModel
        The f under test, and the ground truth.
    """

    model: ContinuousLabelModel
    data: ContinuousLabelModel

    @property
    def figures(self) -> ContinuousFigures:
        """The figures alone, as files keep them: f may be any function."""
        return ContinuousFigures(
            **{field.name: getattr(self, field.name) for field in fields(ContinuousFigures)}
        )


def break_even_gamma(truth: ContinuousFigures, collapsed: ContinuousFigures) -> Estimate | None:
    """Return the γ at which the ground truth and a collapsed f have the same J.

    Parameters
    ----------
    truth, collapsed : ContinuousFigures
        Of one family, labelled share and α.

    Returns
    -------
    Estimate or None
        Below it the objective prefers the collapsed f; negative where it never does. None where a
        label costs the collapsed f nothing, or no x has one.
    """
    share, pulled = truth.objective.labelled_share, truth.objective.label_weight
    lost = (truth.mleo_x + truth.pmo_u) - (collapsed.mleo_x + collapsed.pmo_u)
    if pulled:
        lost = lost + (truth.label_kl - collapsed.label_kl).scaled(pulled)
    won = (collapsed.mleo_xy + collapsed.pmo_l) - (truth.mleo_xy + truth.pmo_l)
    if share == 0.0 or won.lower <= 0.0:
        return None
    ratio = lost.value / won.value
    odds = (1.0 - share) / share
    radius = odds * (lost.error + abs(ratio) * won.error) / won.lower
    return Estimate(odds * ratio, radius, lost.kind | won.kind)
