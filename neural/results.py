"""The outcome of a run: every restart judged, the selected one in detail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neural.amortisation import encoder_of_module
from neural.judging import (
    TOLERANCE,
    Distance,
    Judged,
    Predicted,
    compare_with_predicted,
    judge,
)
from neural.training import Trained
from theorycheck.progress import NO_PROGRESS, Progress


@dataclass(frozen=True, eq=False)
class RunResult:
    """A judged run.

    Parameters
    ----------
    trained : Trained
    restarts : tuple of Judged
        In order; all but the selected one without details.
    predicted : mapping of str to Predicted
        Optima to be compared with, by name; the first is the unrestricted one.
    """

    trained: Trained
    restarts: tuple[Judged, ...]
    predicted: Mapping[str, Predicted] = field(default_factory=dict)

    @property
    def selected(self) -> Judged:
        """The restart with the best objective."""
        return self.restarts[self.trained.selected]

    @property
    def distances(self) -> dict[str, Distance]:
        """How far the selected restart is from each predicted optimum."""
        return {
            name: compare_with_predicted(self.selected, optimum)
            for name, optimum in self.predicted.items()
        }

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck train --json`` prints."""
        trained, settings = self.trained, self.trained.settings
        restarts = [
            {
                "init": init,
                "objective": float(trained.objective[number]),
                "objective_error": float(trained.objective_error[number]),
                "excess": judged.excess.to_dict(),
                "mleo": judged.mleo.to_dict(),
                "pmo": judged.pmo.to_dict(),
                "noise_variance": trained.noise_variance(number),
            }
            for number, (init, judged) in enumerate(zip(settings.inits, self.restarts, strict=True))
        ]
        optima = {
            name: {part: getattr(optimum, part).to_dict() for part in ("excess", "mleo", "pmo")}
            for name, optimum in self.predicted.items()
        }
        distances = {name: distance.to_dict() for name, distance in self.distances.items()}
        first = next(iter(self.predicted), None)
        return {
            "model": trained.trainer.model.name,
            "method": settings.method,
            "samples": settings.samples,
            "settings": settings.to_dict(),
            "device": trained.trainer.device,
            "seconds": trained.seconds,
            "restarts": restarts,
            "selected": trained.selected,
            "judged": self.selected.to_dict(),
            "predicted": None if first is None else optima[first],
            "gap": None if first is None else distances[first]["excess"],
            "predictions": {
                name: {"optimum": optima[name], "distance": distances[name]} for name in optima
            },
        }


def judge_run(
    trained: Trained,
    predicted: Mapping[str, Predicted] | None = None,
    *,
    tolerance: float = TOLERANCE,
    details: bool = True,
    progress: Progress = NO_PROGRESS,
) -> RunResult:
    """Judge every restart of a run by the exact engine.

    Parameters
    ----------
    trained : Trained
    predicted : mapping of str to Predicted, optional
        Optima of the same objective, by name, the unrestricted one first.
    tolerance : float
        Error radius wanted for every PMO, nats.
    details : bool
        Look at the selected restart's posteriors and draws too.
    progress : Progress

    Returns
    -------
    RunResult
    """
    restarts = []
    with progress.task("judging the restarts", trained.settings.restarts) as advance:
        for number in range(trained.settings.restarts):
            chosen = number == trained.selected
            restarts.append(
                judge(
                    trained.model(number),
                    trained.trainer.model,
                    encoder_of_module(trained.encoder(number)) if chosen else None,
                    details=details and chosen,
                    seed=trained.settings.seed,
                    tolerance=tolerance,
                )
            )
            advance(1)
    return RunResult(trained, tuple(restarts), dict(predicted or {}))
