"""Defines what a semi-supervised training run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from neural._continuous_label_objectives import CONTINUOUS_BOUNDS
from neural._label_objectives import BOUNDS, checked_bound
from neural._settings import TrainingSettings
from theorycheck.errors import SettingError
from theorycheck.inference import NAIVE_CONDITIONAL, NAIVE_IWAE
from theorycheck.objectives import ContinuousObjective, LabelledObjective


@dataclass(frozen=True)
class LabelSettings:
    """Defines one run of networks of the labelled model M2.

    Parameters
    ----------
    training : TrainingSettings
        Method, steps, widths, restarts and seeds; σ² is held at the model's.
    objective : LabelledObjective or ContinuousObjective
        γ, α, the labelled share ℓ and the family of q; the latter for a continuous label.
    bound : {"elbo", "inside", "summed", "pairs"}, optional
        What U and L are: for iwae the importance average inside the sum over y (the default), or
        one over (y, z); see :mod:`neural._label_objectives`, and for a continuous label
        :mod:`neural._continuous_label_objectives`.
    keep_best : bool
        Keep each restart as it was when its objective on the validation data was lowest (early
        stopping), not as it is after the last step.

    Raises
    ------
    SettingError
        If the method has no such bound, the estimator is not reparametrised, nothing is left to
        train on, or the family is that of a limit.
    """

    training: TrainingSettings
    objective: LabelledObjective | ContinuousObjective = field(default_factory=LabelledObjective)
    bound: str | None = None
    keep_best: bool = False

    def __post_init__(self) -> None:
        bounds = CONTINUOUS_BOUNDS if self.continuous else BOUNDS
        bound = checked_bound(self.training.method, self.bound, bounds)
        object.__setattr__(self, "bound", bound)
        if self.objective.family == NAIVE_IWAE:
            raise SettingError(
                f"{NAIVE_IWAE.key} is the limit of infinitely many draws: train method iwae with "
                f"the family {NAIVE_CONDITIONAL.key}"
            )
        if self.training.estimator != "reparametrised":
            raise SettingError(
                f"networks with labels are trained by reparametrised gradients, not by "
                f"{self.training.estimator}"
            )
        unlabelled, labelled, _ = self.objective.weights
        if unlabelled == 0.0 and labelled == 0.0:
            raise SettingError("nothing is trained: all is labelled, and gamma is 0")

    @property
    def latents(self) -> int:
        """Return K of the networks."""
        return self.training.latents

    @property
    def continuous(self) -> bool:
        """Tell whether the label is continuous."""
        return isinstance(self.objective, ContinuousObjective)

    @property
    def trains_classifier(self) -> bool:
        """Tell whether the objective has q(y|x) in it."""
        unlabelled, _, label = self.objective.weights
        return label > 0.0 or (unlabelled > 0.0 and self.bound != "summed")

    @classmethod
    def of(
        cls,
        method: str,
        objective: LabelledObjective | ContinuousObjective | None = None,
        *,
        bound: str | None = None,
        keep_best: bool = False,
        **given: Any,
    ) -> LabelSettings:
        """Return the defaults of a method, with what is given and not None in their place.

        Parameters
        ----------
        method : {"vae", "iwae", "lin"}
        objective : LabelledObjective or ContinuousObjective, optional
        bound : str, optional
        keep_best : bool
        given
            Settings of :class:`neural.TrainingSettings`.

        Returns
        -------
        LabelSettings
        """
        training = TrainingSettings.of(method, **given)
        return cls(training, objective or LabelledObjective(), bound, keep_best)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            **self.training.to_dict(),
            **self.objective.to_dict(),
            "bound": self.bound,
            "keep_best": self.keep_best,
        }
