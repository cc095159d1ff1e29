"""Evaluates the outcome of a run: every restart, and the selected one in detail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neural._encoders import encoder_of_module
from neural._training import Trained
from theorycheck.evaluation import (
    TOLERANCE,
    Comparison,
    Distance,
    Judged,
    checked_optima,
    judge,
    own_evaluation,
)
from theorycheck.objectives import Evaluation
from theorycheck.optimum import PredictedOptimum
from theorycheck.progress import NO_PROGRESS, Progress


@dataclass(frozen=True, eq=False)
class RunResult:
    """Holds a run and the exact evaluation of its restarts.

    Parameters
    ----------
    trained : Trained
        The run.
    restarts : tuple of Judged
        All restarts in order; only the selected one has details.
    evaluation : Evaluation
        The selected restart under the objective of the optima.
    predicted : mapping of str to PredictedOptimum
        Optima to be compared with, by name; the first is the unrestricted one.
    """

    trained: Trained
    restarts: tuple[Judged, ...]
    evaluation: Evaluation
    predicted: Mapping[str, PredictedOptimum] = field(default_factory=dict)

    @property
    def selected(self) -> Judged:
        """Return the restart with the best objective."""
        return self.restarts[self.trained.selected]

    @property
    def comparison(self) -> Comparison:
        """Return the selected restart beside the predicted optima."""
        return Comparison(self.selected, self.evaluation, self.predicted)

    @property
    def distances(self) -> dict[str, Distance]:
        """Return how far the selected restart is from each predicted optimum."""
        return self.comparison.distances

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck train --json`` prints."""
        trained, settings = self.trained, self.trained.settings
        restarts = [
            {
                "init": init,
                "objective": float(trained.objective[number]),
                "objective_error": float(trained.objective_error[number]),
                **judged.figures.to_dict(),
                "noise_variance": trained.noise_variance(number),
            }
            for number, (init, judged) in enumerate(zip(settings.inits, self.restarts, strict=True))
        ]
        return {
            "model": trained.trainer.model.name,
            "method": settings.method,
            "samples": settings.samples,
            "latents": settings.latents,
            "settings": settings.to_dict(),
            "device": trained.trainer.device,
            "seconds": trained.seconds,
            "restarts": restarts,
            "selected": trained.selected,
            "judged": self.selected.to_dict(),
            **self.comparison.to_dict(),
        }


def judge_run(
    trained: Trained,
    predicted: Mapping[str, PredictedOptimum] | None = None,
    *,
    tolerance: float = TOLERANCE,
    details: bool = True,
    progress: Progress = NO_PROGRESS,
) -> RunResult:
    """Judge every restart of a run by the exact engine.

    Parameters
    ----------
    trained : Trained
        The run.
    predicted : mapping of str to PredictedOptimum, optional
        Optima of the same objective, by name, the unrestricted one first; see
        :func:`theorycheck.evaluation.predicted_optima`. Those of decoders with fewer latents than
        the networks have are no bound for these, and refused.
    tolerance : float
        Error radius wanted for every PMO, nats.
    details : bool
        Look at the selected restart's posteriors and draws too.
    progress : Progress
        Receives the progress of the evaluation.

    Returns
    -------
    RunResult

    Raises
    ------
    SettingError
        If an optimum is one of decoders with fewer latents.
    """
    restarts = []
    latents = trained.settings.latents
    optima = checked_optima(predicted or {}, latents)
    with progress.task("judging the restarts", trained.settings.restarts) as advance:
        for number in range(trained.settings.restarts):
            chosen = number == trained.selected
            restarts.append(
                judge(
                    trained.model(number),
                    trained.trainer.model,
                    encoder_of_module(trained.encoder(number), latents=latents) if chosen else None,
                    details=details and chosen,
                    seed=trained.settings.seed,
                    tolerance=tolerance,
                    # What one costs, the others do.
                    progress=NO_PROGRESS if number else progress,
                )
            )
            advance(1)
    evaluation = own_evaluation(restarts[trained.selected], optima, progress)
    return RunResult(trained, tuple(restarts), evaluation, optima)
