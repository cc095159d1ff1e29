"""Trains all restarts of one semi-supervised run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neural._label_data import (
    AnySample,
    ContinuousLabelledSample,
    LabelledSample,
    split_labelled,
)
from neural._label_finished import LabelFinished, steps_taken
from neural._label_restarts import start_labelled_at_truth
from neural._label_settings import LabelSettings
from neural._label_trainer import LabelTrainer
from neural._networks import EncoderModule, applied, sequential
from neural._settings import chosen_device
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.evaluation import LabelEncoder
from theorycheck.models import (
    ContinuousLabelModel,
    GenerativeModel,
    LabelledModel,
    from_torch_module,
)
from theorycheck.progress import NO_PROGRESS, Progress

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelTrained(LabelFinished):
    """Holds the networks that a semi-supervised run ended with.

    Parameters
    ----------
    trainer : LabelTrainer
        Networks and optimisers after the last step.
    objective, objective_error, seconds
        As for :class:`neural._label_finished.LabelFinished`.
    """

    trainer: LabelTrainer

    def entry(self, own_excess: Sequence[Estimate]) -> dict[str, object]:
        """Return what was trained, and all restarts with their own J, for JSON."""
        settings, chosen = self.settings, self.chosen
        return {
            "model": self.trainer.data.name,
            "method": settings.method,
            "bound": chosen.bound,
            "samples": settings.samples,
            **chosen.objective.to_dict(),
            "settings": settings.to_dict(),
            "device": self.trainer.device,
            "seconds": self.seconds,
            "restarts": self._restarts(own_excess),
            "selected": self.selected,
        }

    def _restarts(self, own_excess: Sequence[Estimate]) -> list[dict[str, object]]:
        """Return start, objective and own J of every restart, for JSON."""
        return [
            {
                "init": init,
                "objective": float(self.objective[number]),
                "objective_error": float(self.objective_error[number]),
                "own_excess": own_excess[number].to_dict(),
            }
            for number, init in enumerate(self.settings.inits)
        ]

    def model(self, restart: int) -> LabelledModel:
        """Return a restart's f_y, in float64, with the σ² and the prior of the data.

        Raises
        ------
        SettingError
            If the label is continuous; see :meth:`continuous_model`.
        """
        trainer = self.trainer
        networks, data = trainer.networks, trainer.data
        if not isinstance(data, LabelledModel):
            raise SettingError("the label is continuous: there is one f of (y, z), no f_y a class")
        name = f"{self.settings.method} on {data.name}, restart {restart}"
        classes = []
        for y in range(data.count):
            architecture = networks.architecture
            state = networks.decoder_state(restart, y)
            module = sequential(architecture.decoder_sizes, architecture.activation, state)
            decoder = from_torch_module(module, f"{name}, y = {y}")
            classes.append(GenerativeModel(decoder, data.noise_variance))
        return LabelledModel(classes, data.prior, name)

    def continuous_model(self, restart: int) -> ContinuousLabelModel:
        """Return a restart's f(y, z), in float64, with the σ² of the data."""
        trainer = self.trainer
        decoder = trainer.networks.decoder.module(restart)

        def function(y: Array, z: Array) -> Array:
            return applied(decoder, np.stack([z, y], axis=1))

        name = f"{self.settings.method} on {trainer.data.name}, restart {restart}"
        return ContinuousLabelModel(function, trainer.data.noise_variance, name)

    def encoder(self, restart: int) -> LabelEncoder:
        """Return a restart's q(y|x) and q(z|x, y) as plain functions, in float64."""
        networks = self.trainer.networks
        architecture = networks.architecture
        classifier = networks.classifier.module(restart)
        sizes, activation = architecture.encoder_sizes, architecture.activation
        own = [
            EncoderModule(sequential(sizes, activation, networks.encoder_state(restart, y)))
            for y in range(networks.classes)
        ]
        shared = own
        if networks.shared is not None:
            shared = [EncoderModule(networks.shared.module(restart))] * networks.classes

        def log_class_posterior(x: Array) -> Array:
            return applied(lambda t: torch.log_softmax(classifier(t), dim=1), x).T

        return LabelEncoder(
            log_class_posterior if self.chosen.trains_classifier else None,
            lambda x: _gaussians(shared, x),
            lambda x: _gaussians(own, x),
        )


def train_labelled(
    data: LabelledModel | ContinuousLabelModel,
    settings: LabelSettings,
    *,
    sample: AnySample | None = None,
    device: str = "auto",
    progress: Progress = NO_PROGRESS,
) -> LabelTrained:
    """Train all restarts of a semi-supervised run.

    Parameters
    ----------
    data : LabelledModel or ContinuousLabelModel
        Ground truth.
    settings : LabelSettings
        What the run is asked to do; its objective is one of the data's kind of label.
    sample : LabelledSample or ContinuousLabelledSample, optional
        Train on these observations, split into training and validation points, and not on fresh
        draws.
    device : {"auto", "cpu", "cuda"}
        Device to train on; auto takes cuda where it is there.
    progress : Progress
        Receives the progress of the run.

    Returns
    -------
    LabelTrained

    Raises
    ------
    SettingError
        If the device or the sample is not usable, the objective is for another kind of label, σ²
        is to be trained, or K is not 1.
    FittingError
        If a decoder cannot be fitted to the ground truth.
    DivergenceError
        If a loss or weight is not finite: at which step and restart.
    """
    where = chosen_device(device)
    if settings.training.learn_noise:
        raise SettingError("networks of a model with labels hold σ² at the model's")
    if settings.latents != 1:
        raise SettingError(f"a model with labels has one latent beside y, not {settings.latents}")
    if settings.continuous != isinstance(data, ContinuousLabelModel):
        kind = "continuous" if settings.continuous else "discrete"
        raise SettingError(f"the objective is for a {kind} label, and that of {data.name} is not")
    parts: tuple[Any, Any] = (None, None)
    if sample is not None:
        parts = _split(sample, data, settings)
    trainer = LabelTrainer(data, settings, where, *parts)
    start_labelled_at_truth(trainer, progress)
    trainer.mark_start()
    return LabelTrained(trainer, *steps_taken(trainer, progress))


def _split(
    sample: AnySample, data: LabelledModel | ContinuousLabelModel, settings: LabelSettings
) -> tuple[AnySample, AnySample]:
    share, training = settings.objective.labelled_share, settings.training
    held = training.validation_share
    if isinstance(sample, LabelledSample) and isinstance(data, LabelledModel):
        return split_labelled(sample.checked(data, share), held, training.seed)
    if isinstance(sample, ContinuousLabelledSample) and isinstance(data, ContinuousLabelModel):
        return split_labelled(sample.checked(data, share), held, training.seed)
    raise SettingError(f"the sample's labels are of another kind than those of {data.name}")


def _gaussians(modules: list[Any], x: Array) -> tuple[Array, Array]:
    """Return μ and s of every class, each (C, n)."""
    both = np.stack([applied(module, x) for module in modules])
    return both[..., 0], np.exp(both[..., 1])
