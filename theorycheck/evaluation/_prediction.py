"""The predicted optimum of the objective that a network was trained on, and how far off it ended.

Like is compared with like: a network trained on the ELBO by its J, one trained on the IWAE bound by
J_S = −E_p L_S − H at the same S. Both are those of the decoder, at the best q for it, so that no
encoder's shortcomings are in the gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from theorycheck.errors import SettingError
from theorycheck.evaluation._judging import Distance, Judged, compare_with_predicted
from theorycheck.models import GenerativeModel, fingerprint_of
from theorycheck.objectives import ELBO, Evaluated, Evaluation, Objective
from theorycheck.optimum import Execution, PredictedOptimum, SearchSettings, find_optimum
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import largest_slope
from theorycheck.results import Saved

#: Names of the optima: over all f, and over those no steeper than the network.
UNRESTRICTED, OWN_STEEPNESS = "unrestricted", "own steepness"
#: Below this a bound on |f′| leaves nothing to search: the network's f is constant.
_FLAT = 1e-6


def predicted_optima(
    network: GenerativeModel,
    data: GenerativeModel,
    settings: SearchSettings | None = None,
    *,
    execution: Execution | None = None,
) -> dict[str, PredictedOptimum]:
    """Search for what the network's objective prefers, over all f and over those no steeper.

    Parameters
    ----------
    network : GenerativeModel
        The trained decoder. The search never starts from it: the prediction knows nothing of the
        training.
    data : GenerativeModel
        Ground truth. Where the network has another σ² than it, the search fits σ² too, one for each
        data dimension; its optimum is then below that of every σ².
    settings : SearchSettings, optional
        Its objective is the one that the network was trained on, its K that of the network.
        Whether σ² is fitted, and the bound on |f′|, are found here.
    execution : Execution, optional

    Returns
    -------
    dict of str to PredictedOptimum
        "unrestricted"; and, for networks of one latent, "own steepness" where that optimum is
        steeper than the network.

    Raises
    ------
    SettingError
        If decoders of K latents are not searched under this objective.
    """
    same = np.allclose(network.noise_variance, data.noise_variance, rtol=1e-9, atol=0.0)
    settings = replace(
        settings or SearchSettings(),
        latents=network.latent_dim,
        fit_noise="no" if same else "each",
    )

    def search(bound: float | None, given: tuple[GenerativeModel, ...]) -> PredictedOptimum:
        bounded = replace(settings, steepness=bound)
        return find_optimum(data, bounded, given=given, execution=execution)

    free = search(None, ())
    optima = {UNRESTRICTED: free}
    if network.latent_dim > 1:
        return optima
    bound = largest_slope(network)
    if _FLAT < bound < free.largest_slope:
        held = search(bound, (free.model,))
        if held.excess.value < free.excess.value:
            # It is one of all f as well: the first search fell short of it.
            free_settings = replace(held.settings, steepness=None)
            optima[UNRESTRICTED] = replace(held, settings=free_settings)
        optima[OWN_STEEPNESS] = held
    return optima


def checked_optima(
    predicted: Mapping[str, PredictedOptimum], latents: int
) -> dict[str, PredictedOptimum]:
    """Return optima that networks of K latents cannot be below, as a dictionary.

    Parameters
    ----------
    predicted : mapping of str to PredictedOptimum
        By name.
    latents : int
        K of the networks.

    Returns
    -------
    dict of str to PredictedOptimum

    Raises
    ------
    SettingError
        If an optimum is one over decoders of fewer latents: those with more may be better.
    """
    for name, optimum in predicted.items():
        fewer = optimum.decomposition.model.latent_dim
        if fewer < latents:
            raise SettingError(
                f"the {name} optimum is one over decoders of {fewer} "
                f"latent{'s' * (fewer > 1)}, and a network of {latents} may be better"
            )
    return dict(predicted)


def own_evaluation(
    judged: Judged, predicted: Mapping[str, Evaluated], progress: Progress = NO_PROGRESS
) -> Evaluation:
    """Evaluate a judged model under the objective of the predicted optima.

    Parameters
    ----------
    judged : Judged
        The trained model; its decomposition is taken as it is.
    predicted : mapping of str to Evaluated
        Optima of one objective, by name; without any the model is evaluated under the ELBO.
    progress : Progress
        What is told how far the work is.

    Returns
    -------
    Evaluation
    """
    objective = next((optimum.objective for optimum in predicted.values()), ELBO)
    known = judged.decomposition
    return objective.evaluate(
        known.model, known.data, decomposition=known,
        progress=progress,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Comparison(Saved):
    """A trained model beside the predicted optima of its objective.

    Parameters
    ----------
    judged : Judged
        The trained model.
    evaluation : Evaluation
        The trained model under the objective of the optima; see :func:`own_evaluation`.
    predicted : mapping of str to PredictedOptimum
        By name, the unrestricted one first.
    """

    schema: ClassVar[str] = "judged"

    judged: Judged
    evaluation: Evaluation
    predicted: Mapping[str, PredictedOptimum] = field(default_factory=dict)

    @property
    def distances(self) -> dict[str, Distance]:
        """How far the model is from each predicted optimum, on that optimum's objective."""
        return {name: self._distance(optimum) for name, optimum in self.predicted.items()}

    @property
    def objective(self) -> Objective:
        """What is compared on."""
        return self.evaluation.objective

    def _distance(self, optimum: Evaluated) -> Distance:
        if optimum.objective != self.objective:
            raise ValueError(
                f"an optimum of the {optimum.objective.name} needs the model's own J of that, not "
                f"of the {self.objective.name}"
            )
        return compare_with_predicted(self.evaluation, optimum)

    def _about(self) -> dict[str, object]:
        judged = self.judged.decomposition
        return {
            "model": judged.model.name,
            "model_fingerprint": fingerprint_of(judged.model),
            "data": judged.data.name,
            "fingerprint": fingerprint_of(judged.data),
        }

    def to_dict(self) -> dict[str, object]:
        """Return the entries that ``train`` and ``judge`` print: predicted, gap, predictions."""
        optima: dict[str, dict[str, object]] = {}
        for name, optimum in self.predicted.items():
            optima[name] = optimum.figures.to_dict()
            if isinstance(optimum, PredictedOptimum):
                optima[name] |= {
                    "samples": optimum.objective.samples,
                    "steepness": optimum.steepness,
                    "largest_slope": optimum.largest_slope,
                    "noise_variance": optimum.model.noise_variance.tolist(),
                    "fit_noise": optimum.fit_noise,
                    "seed": optimum.seed,
                }
        distances = {name: distance.to_dict() for name, distance in self.distances.items()}
        first = next(iter(self.predicted), None)
        return {
            "compared_on": None if first is None else self.objective.numbered,
            "iwae": None,
            **self.evaluation.entries(),
            "predicted": None if first is None else optima[first],
            "gap": None if first is None else distances[first]["excess"],
            "predictions": {
                name: {"optimum": optima[name], "distance": distances[name]} for name in optima
            },
        }
