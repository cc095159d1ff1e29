"""Holds what runs of networks with labels, of either kind of data, end with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neural._finished import Finished
from neural._label_settings import LabelSettings
from neural._label_stepper import LabelStepper
from neural._loop import Loop
from neural._settings import TrainingSettings
from theorycheck.progress import Progress


@dataclass(frozen=True, eq=False)
class LabelFinished(Finished):
    """Holds networks with labels after the last step; a subclass says what they are models of.

    Parameters
    ----------
    trainer : LabelStepper
        Networks and optimisers after the last step, or each restart at its best on the validation
        data where that was asked for.
    objective, objective_error : ndarray, shape (R,)
        −[(1−ℓ) U + ℓγ L + ℓα log q(y|x)] on the validation data, nats, and its standard error.
    seconds : float
        Wall time of the steps.
    """

    trainer: LabelStepper
    objective: Any
    objective_error: Any
    seconds: float

    @property
    def settings(self) -> TrainingSettings:
        """Return steps, widths, restarts and seeds."""
        return self.trainer.settings

    @property
    def chosen(self) -> LabelSettings:
        """Return all that was asked for."""
        return self.trainer.chosen


def steps_taken(trainer: LabelStepper, progress: Progress) -> tuple[Any, Any, float]:
    """Take all steps of a run, and measure where they end.

    Parameters
    ----------
    trainer : LabelStepper
    progress : Progress

    Returns
    -------
    objective, objective_error : ndarray, shape (R,)
    seconds : float
        As :class:`LabelFinished` holds them.
    """
    loop = Loop(trainer, progress)
    loop.to_the_end()
    trainer.take_best()
    objective, error = trainer.bounds()
    return objective.cpu().numpy(), error.cpu().numpy(), loop.seconds
