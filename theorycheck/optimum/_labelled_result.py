"""The predicted optimum of a semi-supervised objective: the f_y found, and their exact figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from theorycheck.estimate import Estimate
from theorycheck.models import LabelledModel
from theorycheck.objectives import LabelledObjective, LabelledValue
from theorycheck.optimum._coordinate_ascent import NoiseFit
from theorycheck.optimum._result import Convergence, StartOutcome
from theorycheck.results import Saved


@dataclass(frozen=True, eq=False)
class LabelledOptimum(Saved):
    """What training a semi-supervised VAE should reach: an upper bound on inf J over all f_y.

    Parameters
    ----------
    objective : LabelledObjective
        γ, α, the labelled share and the family of q.
    value : LabelledValue
        The f_y found, evaluated exactly on nodes that the search never saw.
    ground_truth : LabelledValue
        The data's own f_y.
    start : str
        What the best ascent began at; "ground truth itself" where none ended below it.
    starts : tuple of StartOutcome
        Best first.
    convergence : Convergence
        Where the last ascent ended.
    fit_noise : {"no", "shared", "each"}
        Whether σ² was optimised.
    seed : int
        The seed of the search.
    """

    schema: ClassVar[str] = "labelled_optimum"

    objective: LabelledObjective
    value: LabelledValue
    ground_truth: LabelledValue
    start: str
    starts: tuple[StartOutcome, ...]
    convergence: Convergence
    fit_noise: NoiseFit
    seed: int

    @property
    def model(self) -> LabelledModel:
        """The f_y found, with their σ²."""
        return self.value.model

    @property
    def excess(self) -> Estimate:
        """J of the f_y found, nats."""
        return self.value.excess

    @property
    def collapse(self) -> Estimate:
        """The share of the information on the label that the optimum gives up."""
        return self.value.collapse

    def _about(self) -> dict[str, object]:
        return {
            "data": self.value.data.name,
            "fingerprint": self.value.data.fingerprint,
            "seed": self.seed,
            "objective": self.objective.to_dict(),
            "excess": self.excess.to_dict_or_null(),
        }

    def to_dict(self) -> dict[str, object]:
        """Return the figures, the collapse and how they were found, for JSON."""
        return {
            "family": self.objective.family.key,
            "ground_truth": self.ground_truth.to_dict(),
            "optimum": self.value.to_dict(),
            "collapse": self.collapse.to_dict_or_null(),
            "noise_variance": self.model.noise_variance.tolist(),
            "start": self.start,
            "starts": [start.to_dict() for start in self.starts],
            "convergence": self.convergence.to_dict(),
            "fit_noise": self.fit_noise,
            "seed": self.seed,
        }
