"""Evaluates the outcome of a semi-supervised run, and writes its networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neural._checkpoints import write_checkpoint
from neural._label_training import LabelTrained
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.evaluation import (
    TOLERANCE,
    LabelledDistance,
    LabelledJudged,
    judge_labelled,
    labelled_distance,
    own_labelled_excess,
)
from theorycheck.models import LabelledModel
from theorycheck.objectives import LabelledObjective
from theorycheck.optimum import LabelledOptimum
from theorycheck.progress import NO_PROGRESS, Progress


@dataclass(frozen=True, eq=False)
class LabelRunResult:
    """Holds a semi-supervised run and its exact evaluation.

    Parameters
    ----------
    trained : LabelTrained
        The run.
    own_excess : tuple of Estimate
        J of every restart with its own q, nats.
    judged : LabelledJudged
        The selected restart, at the best q and with its own.
    predicted : LabelledOptimum or None
        The optimum that it is compared with: that of the bounds with one draw of z.
    """

    trained: LabelTrained
    own_excess: tuple[Estimate, ...]
    judged: LabelledJudged
    predicted: LabelledOptimum | None = None

    @property
    def distance(self) -> LabelledDistance | None:
        """Return how far the selected restart is from the predicted optimum."""
        if self.predicted is None:
            return None
        return labelled_distance(self.judged.value, self.predicted.value)

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck train-labels --json`` prints."""
        distance = self.distance
        return {
            **self.trained.entry(self.own_excess),
            "judged": self.judged.to_dict(),
            "data_information": self.judged.value.data_information.to_dict(),
            "predicted": None if self.predicted is None else self.predicted.to_dict(),
            "distance": None if distance is None else distance.to_dict(),
        }

    def write_networks(self, directory: Path) -> list[Path]:
        """Write each class of the selected restart as a checkpoint, ``class0.pt`` and so on.

        Each holds the f_y and the q(z|x, y) of a class as an ordinary decoder and encoder, so
        that ``class0.pt+class1.pt`` is a labelled MODEL, and each of them a MODEL.

        Parameters
        ----------
        directory : Path
            Made where it is not there.

        Returns
        -------
        list of Path

        Raises
        ------
        LoadingError
            If they cannot be written.
        """
        trainer, selected = self.trained.trainer, self.trained.selected
        networks = trainer.networks
        paths = []
        for y in range(networks.classes):
            path = directory / f"class{y}.pt"
            write_checkpoint(
                path,
                networks.architecture,
                networks.decoder_state(selected, y),
                networks.encoder_state(selected, y),
                [float(value) for value in trainer.data.noise_variance],
            )
            paths.append(path)
        return paths


def judge_label_run(
    trained: LabelTrained,
    predicted: LabelledOptimum | None = None,
    *,
    tolerance: float = TOLERANCE,
    progress: Progress = NO_PROGRESS,
) -> LabelRunResult:
    """Evaluate a semi-supervised run by the exact engine.

    Every restart with its own q, which takes a second; the selected one at the best q, which takes
    tens of them.

    Parameters
    ----------
    trained : LabelTrained
        The run.
    predicted : LabelledOptimum, optional
        Optimum of the same γ, α, labelled share and family.
    tolerance : float
        Error radius wanted for each PMO, nats.
    progress : Progress
        Receives the progress of the evaluation.

    Returns
    -------
    LabelRunResult

    Raises
    ------
    SettingError
        If the run's label is continuous.
    """
    data, objective = trained.trainer.data, trained.chosen.objective
    if not isinstance(objective, LabelledObjective) or not isinstance(data, LabelledModel):
        raise SettingError("the label of this run is continuous: use judge_continuous_run")
    seed = trained.settings.seed
    own = []
    with progress.task("judging the restarts", trained.settings.restarts) as advance:
        for number in range(trained.settings.restarts):
            model, encoder = trained.model(number), trained.encoder(number)
            own.append(own_labelled_excess(model, data, objective, encoder, seed=seed))
            advance(1)
    selected = trained.selected
    judged = judge_labelled(
        trained.model(selected), data, objective, tolerance=tolerance, seed=seed, progress=progress
    )
    judged = LabelledJudged(judged.value, own[selected])
    return LabelRunResult(trained, tuple(own), judged, predicted)
