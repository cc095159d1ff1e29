"""Evaluates the outcome of a run whose label is continuous."""

from __future__ import annotations

from dataclasses import dataclass

from neural._decoder_files import decoder_source
from neural._label_training import LabelTrained
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.evaluation import ContinuousJudged, continuous_own_excess, judge_continuous
from theorycheck.inference import ExactContinuousLabel
from theorycheck.models import ContinuousLabelModel
from theorycheck.objectives import ContinuousObjective
from theorycheck.progress import NO_PROGRESS, Progress


@dataclass(frozen=True, eq=False)
class ContinuousRunResult:
    """Holds a semi-supervised run with a continuous label and its exact evaluation.

    Parameters
    ----------
    trained : LabelTrained
        The run.
    own_excess : tuple of Estimate
        J of every restart by the bound that it was trained on and its own q, nats.
    judged : ContinuousJudged
        The selected restart, at the best q and by its own.
    """

    trained: LabelTrained
    own_excess: tuple[Estimate, ...]
    judged: ContinuousJudged

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck train-labels --json`` prints."""
        return {
            **self.trained.entry(self.own_excess),
            "judged": self.judged.to_dict(),
            "data_information": self.judged.value.data_information.to_dict(),
        }

    def decoder_source(self) -> str:
        """Return the selected f as a file in Python, which is a MODEL: file.py:decoder."""
        trainer, selected = self.trained.trainer, self.trained.selected
        noise = [float(value) for value in trainer.data.noise_variance]
        decoder = trainer.networks.decoder
        name = self.trained.continuous_model(selected).name
        return decoder_source(decoder.state_dict(selected), decoder.activation, noise, name)


def judge_continuous_run(
    trained: LabelTrained,
    data: ExactContinuousLabel | None = None,
    *,
    progress: Progress = NO_PROGRESS,
) -> ContinuousRunResult:
    """Evaluate a run with a continuous label: the f of the network put into the exact engine.

    Parameters
    ----------
    trained : LabelTrained
        The run.
    data : ExactContinuousLabel, optional
        The ground truth as an exact model, where it has been made already.
    progress : Progress
        Receives the progress of the evaluation.

    Returns
    -------
    ContinuousRunResult

    Raises
    ------
    SettingError
        If the run's label is not continuous.
    """
    objective, truth = trained.chosen.objective, trained.trainer.data
    if not isinstance(objective, ContinuousObjective) or not isinstance(
        truth, ContinuousLabelModel
    ):
        raise SettingError("the labels of this run are classes: use judge_label_run")
    source = ExactContinuousLabel(truth) if data is None else data
    own = tuple(
        continuous_own_excess(source, objective, float(measured), float(error))
        for measured, error in zip(trained.objective, trained.objective_error, strict=True)
    )
    selected = trained.selected
    judged = judge_continuous(
        trained.continuous_model(selected), source, objective, own[selected], progress=progress
    )
    return ContinuousRunResult(trained, own, judged)
