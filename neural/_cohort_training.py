"""Trains networks with labels on the splits of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural._cohort_data import CohortSplits
from neural._cohort_trainer import CohortTrainer
from neural._label_finished import LabelFinished, steps_taken
from neural._label_settings import LabelSettings
from neural._networks import applied, sequential
from neural._settings import chosen_device
from theorycheck.cohorts import CohortModel, Split, observed_share
from theorycheck.errors import SettingError
from theorycheck.objectives import LabelledObjective
from theorycheck.progress import NO_PROGRESS, Progress

Array = NDArray[np.float64]

#: Decoder steps, and hidden layers: tables of a thousand rows are not figure8.
COHORT_STEPS, COHORT_HIDDEN = 1_500, (30, 30)
#: Restarts of each split.
COHORT_RESTARTS = 2


@dataclass(frozen=True, eq=False)
class CohortTrained(LabelFinished):
    """Holds the networks that a run on P splits of a table ended with.

    Parameters
    ----------
    trainer : CohortTrainer
        Networks and optimisers; each restart at its best on the validation rows where that was
        asked for.
    objective, objective_error, seconds
        As for :class:`neural._label_finished.LabelFinished`.
    """

    trainer: CohortTrainer

    @property
    def splits(self) -> tuple[Split, ...]:
        """Return the splits, in the order of the streams."""
        return self.trainer.data.splits

    def model(self, restart: int) -> CohortModel:
        """Return a restart's f(y, z) in float64, with its σ² and the shares of its split."""
        trainer = self.trainer
        networks, split = trainer.networks, self.splits[restart % len(self.splits)]
        sizes, activation = networks.architecture.decoder_sizes, networks.architecture.activation
        decoders = [
            sequential(sizes, activation, networks.decoder_state(restart, label))
            for label in range(networks.classes)
        ]

        return CohortModel(
            lambda label, z: applied(decoders[label], z),
            trainer.noise_variance(restart),
            split.prior,
            trainer.chosen.latents,
            f"{self.settings.method} on {split.cohort.name}, split {split.number}",
        )


def cohort_settings(
    method: str,
    splits: Sequence[Split],
    objective: LabelledObjective | None = None,
    *,
    bound: str | None = None,
    latents: int = 1,
    restarts: int = COHORT_RESTARTS,
    **given: Any,
) -> LabelSettings:
    """Return the defaults of a method on splits of a table, with what is given in their place.

    σ² is one number, trained, and every restart is kept as it was when it was best on the
    validation rows.

    Parameters
    ----------
    method : {"vae", "iwae", "lin"}
    splits : sequence of Split
    objective : LabelledObjective, optional
        By default γ = 1, α = 0, factorised q, and the share of rows with a label.
    bound : str, optional
        As in :class:`LabelSettings`.
    latents : int
        K.
    restarts : int
        Of each split.
    given
        Settings of :class:`neural.TrainingSettings`.

    Returns
    -------
    LabelSettings
    """
    chosen: dict[str, Any] = {
        "steps": COHORT_STEPS,
        "hidden": COHORT_HIDDEN,
        "learn_noise": True,
        "restarts": restarts * len(splits),
        "from_truth": 0,
        "seeds": len(splits),
    }
    chosen |= {name: value for name, value in given.items() if value is not None}
    return LabelSettings.of(
        method,
        objective or LabelledObjective(labelled_share=observed_share(splits)),
        bound=bound,
        latents=latents,
        keep_best=True,
        **chosen,
    )


def train_on_splits(
    splits: Sequence[Split],
    settings: LabelSettings,
    *,
    device: str = "auto",
    progress: Progress = NO_PROGRESS,
) -> CohortTrained:
    """Train networks on several splits of one table, all restarts of all splits at once.

    Parameters
    ----------
    splits : sequence of Split
        Of one cohort.
    settings : LabelSettings
        What :func:`cohort_settings` returned: as many seeds as there are splits, no restart from a
        ground truth, which a table does not have.
    device : {"auto", "cpu", "cuda"}
        Device to train on; auto takes cuda where it is there.
    progress : Progress
        Receives the progress of the run.

    Returns
    -------
    CohortTrained

    Raises
    ------
    SettingError
        If the settings do not fit the splits, a class has fewer than two labelled rows, or the
        device is not usable.
    DivergenceError
        If a loss or weight is not finite: at which step and restart.
    """
    training = settings.training
    if training.seeds != len(splits):
        raise SettingError(f"{len(splits)} splits need as many seeds, not {training.seeds}")
    if training.truth_starts:
        raise SettingError("a table has no ground truth for restarts to begin at")
    where = chosen_device(device)
    data = CohortSplits.of(splits, settings.latents, training.validation_share, training.seed)
    trainer = CohortTrainer(data, settings, where)
    return CohortTrained(trainer, *steps_taken(trainer, progress))
