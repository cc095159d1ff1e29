"""Trains all restarts of one run, from first weights or from a checkpoint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neural._data import checked_sample, split_sample
from neural._finished import Finished
from neural._loop import Run
from neural._networks import EncoderModule
from neural._restarts import TruthFit, start_at_truth
from neural._run_files import saved_run
from neural._settings import TrainingSettings, chosen_device
from neural._trainer import Trainer
from theorycheck.errors import LoadingError
from theorycheck.models import Decoder, GenerativeModel, from_torch_module
from theorycheck.progress import NO_PROGRESS, Progress


@dataclass(frozen=True, eq=False)
class Trained(Finished):
    """Holds the networks that a run ended with.

    Parameters
    ----------
    trainer : Trainer
        Networks and optimisers after the last step.
    objective, objective_error : ndarray, shape (R,)
        Negative bound on the validation data, nats, and its standard error.
    fit : TruthFit or None
        What the starts at the ground truth reached; None for none, and after a resumption.
    seconds : float
        Wall time of the steps, those before an interruption included.
    """

    trainer: Trainer
    objective: Any
    objective_error: Any
    fit: TruthFit | None
    seconds: float

    @property
    def settings(self) -> TrainingSettings:
        """Return what was asked for."""
        return self.trainer.settings

    @property
    def knows_start(self) -> bool:
        """Tell whether the networks with which the steps began are kept."""
        return self.trainer.start is not None

    def noise_variance(self, restart: int) -> list[float]:
        """Return σ² of a restart."""
        return self.trainer.noise_variance(restart)

    def model(self, restart: int) -> GenerativeModel:
        """Return a restart's decoder and σ², in float64."""
        return GenerativeModel(self.decoder(restart), self.noise_variance(restart))

    def decoder(self, restart: int) -> Decoder:
        """Return a restart's decoder, in float64."""
        name = f"{self.settings.method} on {self.trainer.model.name}, restart {restart}"
        return from_torch_module(self.trainer.decoder.module(restart), name)

    def encoder(self, restart: int) -> Any:
        """Return a restart's encoder as a module in float64: (n, D) to μ and log s, (n, 2K)."""
        return EncoderModule(self.trainer.encoder.module(restart))

    def start(self, restart: int) -> tuple[GenerativeModel, Any]:
        """Return the decoder, with σ², and the encoder with which a restart's steps began.

        Parameters
        ----------
        restart : int
            Number of the restart, from 0.

        Returns
        -------
        model : GenerativeModel
        encoder : torch.nn.Module

        Raises
        ------
        LoadingError
            If they are not known: a run that an earlier version began.
        """
        trainer = self.trainer
        if trainer.start is None:
            raise LoadingError("this run was begun by a version that did not keep its start")
        encoder, decoder = (
            network.copy_with(flat)
            for network, flat in zip((trainer.encoder, trainer.decoder), trainer.start, strict=True)
        )
        name = f"start of restart {restart}, {self.settings.method} on {trainer.model.name}"
        variance = trainer.model.noise_variance
        if self.settings.learn_noise:
            log_variance = trainer.start[1][restart, -len(variance) :]
            variance = log_variance.double().exp().cpu().numpy()
        model = GenerativeModel(from_torch_module(decoder.module(restart), name), variance)
        return model, EncoderModule(encoder.module(restart))


def untrained(
    model: GenerativeModel,
    settings: TrainingSettings,
    *,
    begin: Trained | None = None,
    device: str = "auto",
    progress: Progress = NO_PROGRESS,
) -> Trained:
    """Return the networks that a run with these settings begins with.

    Parameters
    ----------
    model : GenerativeModel
        Ground truth.
    settings : TrainingSettings
        What the run is asked to do.
    begin : Trained, optional
        Start of another run, the same but for σ²; it is not fitted anew.
    device : {"auto", "cpu", "cuda"}
        Device to train on; auto takes cuda where it is there.
    progress : Progress
        Receives the progress of the fits.

    Returns
    -------
    Trained
        After no step: the same weights and σ² as :func:`train` starts from on fresh draws.

    Raises
    ------
    SettingError
        If the device is not usable.
    FittingError
        If a decoder cannot be fitted to the ground truth.
    """
    trainer = Trainer(model, settings, chosen_device(device))
    fit = _started(trainer, begin, progress)
    trainer.mark_start()
    objective, error = trainer.bounds()
    return Trained(trainer, objective.cpu().numpy(), error.cpu().numpy(), fit, 0.0)


def train(
    model: GenerativeModel,
    settings: TrainingSettings,
    *,
    sample: Any = None,
    begin: Trained | None = None,
    device: str = "auto",
    directory: Path | None = None,
    resume: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Trained:
    """Train all restarts of a run.

    Parameters
    ----------
    model : GenerativeModel
        Ground truth.
    settings : TrainingSettings
        What the run is asked to do.
    sample : array_like, shape (N, D), optional
        Train on this data set, split into training and validation points, and not on fresh draws.
    begin : Trained, optional
        Networks of :func:`untrained` to begin with, in place of fitting them anew.
    device : {"auto", "cpu", "cuda"}
        Device to train on; auto takes cuda where it is there.
    directory : Path, optional
        Folder for checkpoint and metrics; without it nothing is written.
    resume : bool
        Go on from the checkpoint there. On the CPU the run ends at bitwise the same weights as one
        that was never interrupted.
    progress : Progress
        Receives the progress of the run.

    Returns
    -------
    Trained

    Raises
    ------
    SettingError
        If the device or the data set is not usable, the directory already has a run (without
        `resume`) or has one with other settings (with it).
    LoadingError
        If the checkpoint is missing, damaged or foreign, or files cannot be written.
    FittingError
        If a decoder cannot be fitted to the ground truth.
    DivergenceError
        If a loss or weight is not finite: at which step and restart. The last good checkpoint
        stays.
    """
    where = chosen_device(device)
    parts: tuple[Any, Any] = (None, None)
    identity = ""
    if sample is not None:
        points = checked_sample(sample, model.data_dim)
        parts = split_sample(points, settings.validation_share, settings.seed)
        identity = hashlib.sha256(points.tobytes()).hexdigest()
    saved = saved_run(directory, resume, model, settings, identity)
    if saved is not None:
        # It goes on with the random streams that it began with.
        streams = TrainingSettings.from_dict(saved["settings"]).streams
        settings = replace(settings, streams=streams)
    trainer = Trainer(model, settings, where, *parts)
    run = Run(trainer, directory, identity, progress)
    fit = None
    if saved is None:
        fit = _started(trainer, begin, progress)
        trainer.mark_start()
    else:
        run.restore(saved)
    run.to_the_end()
    objective, error = trainer.bounds()
    result = Trained(trainer, objective.cpu().numpy(), error.cpu().numpy(), fit, run.seconds)
    if directory is not None:
        run.save(result.selected)
    return result


def _started(trainer: Trainer, begin: Trained | None, progress: Progress) -> TruthFit | None:
    """Bring a trainer to where its run begins; return how near the ground truth that is."""
    if begin is None:
        return start_at_truth(trainer, progress)
    trainer.begin_with(begin.trainer)
    return begin.fit
