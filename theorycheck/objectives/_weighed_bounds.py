"""The weights γ, α and ℓ of a semi-supervised objective, whatever kind of label it is about."""

from __future__ import annotations

import math
from collections.abc import Sequence

from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.inference import Family


class WeighedBounds:
    """What objectives with labels share: U, L and the label term under their weights.

    Attributes
    ----------
    gamma : float
        γ >= 0, weight of the labelled bound.
    alpha : float
        α >= 0, weight of E log q(y|x) on labelled x.
    labelled_share : float
        ℓ in [0, 1].
    family : Family
        What q may be.
    """

    gamma: float
    alpha: float
    labelled_share: float
    family: Family

    def _check(self, families: Sequence[Family], model: str) -> None:
        for name, value in (("gamma", self.gamma), ("alpha", self.alpha)):
            if not (math.isfinite(value) and value >= 0.0):
                raise SettingError(f"{name} must be finite and not negative, not {value}")
        if not 0.0 <= self.labelled_share <= 1.0:
            raise SettingError(f"the labelled share must be in [0, 1], not {self.labelled_share}")
        if self.family not in families:
            raise SettingError(f"{model} has no {self.family.name} family of q")
        if self.labelled_share == 1.0 and self.alpha > 0.0:
            raise SettingError(
                "with a labelled share of 1 nothing is unlabelled: q(y|x) would serve the label "
                "term alone; use alpha = 0"
            )

    @property
    def label_weight(self) -> float:
        """The weight c = ℓα/(1−ℓ) of the label term against U, for q(y|x)."""
        if self.alpha == 0.0:
            return 0.0
        return self.labelled_share * self.alpha / (1.0 - self.labelled_share)

    @property
    def weights(self) -> tuple[float, float, float]:
        """Weights of the unlabelled bound, the labelled bound and the label term."""
        share = self.labelled_share
        return 1.0 - share, share * self.gamma, share * self.alpha

    def described(self) -> str:
        """Return the objective in a few words."""
        return (
            f"{self.family.name}, γ = {self.gamma:g}, α = {self.alpha:g}, "
            f"{self.labelled_share:.3g} of the x labelled"
        )

    def to_dict(self) -> dict[str, object]:
        """Return the four settings for JSON."""
        return {
            "family": self.family.key,
            "gamma": self.gamma,
            "alpha": self.alpha,
            "labelled_share": self.labelled_share,
        }


def collapse_of(information: Estimate, data: Estimate) -> Estimate:
    """Return 1 − I_f(x; y)/I(x; y): 0 where all information on the label is kept, 1 where none is.

    Parameters
    ----------
    information, data : Estimate
        I(x; y) of the model, and of the data.

    Returns
    -------
    Estimate
        Not a number, of infinite radius, where the data's x say nothing of y.
    """
    if data.lower <= 0.0:
        return Estimate(math.nan, math.inf, data.kind)
    ratio = information.value / data.value
    radius = (information.error + abs(ratio) * data.error) / data.lower
    return Estimate(1.0 - ratio, radius, information.kind | data.kind)
