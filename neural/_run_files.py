"""Reads the files of a run, and tells whether the run can be resumed from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neural._checkpoints import DAMAGE, first_line, read_content
from neural._settings import TrainingSettings
from theorycheck.errors import LoadingError, SettingError
from theorycheck.models import GenerativeModel

CHECKPOINT, METRICS = "checkpoint.pt", "metrics.jsonl"
#: Latents at which earlier versions told two ground truths apart.
_PROBE = np.linspace(-3.0, 3.0, 13)


def saved_run(
    directory: Path | None,
    resume: bool,
    model: GenerativeModel,
    settings: TrainingSettings,
    identity: str,
) -> Mapping[str, Any] | None:
    """Return the run to go on with, after checking that it is the one asked for."""
    if directory is None:
        if resume:
            raise SettingError("--resume needs -o DIR, the folder of the run to go on with")
        return None
    path = directory / CHECKPOINT
    if not resume:
        if path.exists():
            raise SettingError(
                f"{directory} already has a run: --resume goes on with it, another -o keeps it"
            )
        return None
    training = read_content(path).get("training")
    if not isinstance(training, Mapping):
        raise LoadingError(f"{path}: holds networks, but no run to go on with")
    try:
        stored = TrainingSettings.from_dict(training["settings"])
        truth, sample = training["truth"], str(training["sample"])
    except DAMAGE as error:
        raise LoadingError(f"{path}: a damaged checkpoint: {first_line(error)}") from error
    difference = settings.difference(stored)
    if difference is not None:
        raise SettingError(f"{path}: that run has {difference}; it goes on with its own settings")
    if not same_truth(truth, model):
        raise SettingError(f"{path}: that run has another ground truth than {model.name}")
    if sample != identity:
        raise SettingError(f"{path}: that run was trained on other data")
    return training


def streams_of(directory: Path | None) -> int:
    """Return how the run in a folder uses its seed; the present way where there is no run.

    Parameters
    ----------
    directory : Path or None

    Returns
    -------
    int
        The number of :class:`neural.TrainingSettings`.
    """
    present = TrainingSettings().streams
    if directory is None or not (directory / CHECKPOINT).exists():
        return present
    training = read_content(directory / CHECKPOINT).get("training")
    if not isinstance(training, Mapping) or not isinstance(training.get("settings"), Mapping):
        return present
    return int(training["settings"].get("streams", 1))


def same_truth(stored: object, model: GenerativeModel) -> bool:
    """Tell whether a run's ground truth, as its checkpoint keeps it, is a model.

    Parameters
    ----------
    stored : object
        A fingerprint, or the numbers that earlier versions kept.
    model : GenerativeModel

    Returns
    -------
    bool
    """
    if isinstance(stored, str):
        return stored == model.fingerprint
    return stored == [*model.noise_variance.tolist(), *model.decoder(_PROBE).ravel().tolist()]
