"""Starts networks with labels at the ground truth: f_y, the optimal q(z|·) and q(y|x)."""

from __future__ import annotations

import numpy as np
import torch

from neural._fits import POOL, fit_decoder, fitted_latents
from neural._label_networks import with_labels
from neural._label_trainer import LabelTrainer
from neural._q_fits import fit_classes, fit_gaussian
from neural._streams import Stream, stream_seed
from neural._threads import one_thread
from theorycheck.inference import CONDITIONAL
from theorycheck.models import ContinuousLabelModel
from theorycheck.objectives import LabelledObjective
from theorycheck.progress import NO_PROGRESS, Progress

#: Steps of the inference networks alone, with the decoder at a continuous label's ground truth.
_INFERENCE_STEPS = 1_000


def start_labelled_at_truth(trainer: LabelTrainer, progress: Progress = NO_PROGRESS) -> None:
    """Fit the last restarts of a run to f_y of the data and to the best q of the run's family.

    Where the label is continuous the inference networks are trained by the run's own objective,
    with the decoder held at the ground truth.

    Parameters
    ----------
    trainer : LabelTrainer
        The run, whose last ``settings.truth_starts`` restarts are overwritten.
    progress : Progress

    Raises
    ------
    FittingError
        If a decoder does not come near the ground truth.
    """
    rows = trainer.settings.truth_starts
    if rows == 0:
        return
    data, networks, device = trainer.data, trainer.networks, trainer.device
    if isinstance(data, ContinuousLabelModel):
        _start_continuous(trainer, data, rows, progress)
        return
    generator = torch.Generator().manual_seed(stream_seed(trainer.settings, Stream.TRUTH_FIT))
    with progress.task("fitting the ground truth", None) as advance:
        latents, inner = fitted_latents()
        z = torch.from_numpy(latents).float().to(device)[None, :, None]
        target = np.concatenate([model.decoder(latents) for model in data.classes])
        fit_decoder(
            networks.decoder,
            rows,
            with_labels(z, data.count)[0],
            torch.from_numpy(target).float().to(device),
            np.tile(inner, data.count),
            generator,
            advance,
            data.name,
        )
        _, points = data.sample(POOL, stream_seed(trainer.settings, Stream.TRUTH_POINTS))
        objective = trainer.chosen.objective
        assert isinstance(objective, LabelledObjective)
        exact = objective.exact(data)
        own, best = (exact.bound(points, family) for family in (CONDITIONAL, objective.family))
        x = torch.from_numpy(points).float().to(device)
        mean, scale = own.mean.reshape(-1, 1), own.scale.reshape(-1, 1)
        both = with_labels(x[None], data.count)[0]
        fit_gaussian(networks.encoder, rows, both, mean, scale, generator, advance)
        if networks.shared is not None:
            mean, scale = best.mean[0][:, None], best.scale[0][:, None]
            fit_gaussian(networks.shared, rows, x, mean, scale, generator, advance)
        fit_classes(networks.classifier, rows, x, best.log_class_posterior, generator, advance)


def _start_continuous(
    trainer: LabelTrainer, data: ContinuousLabelModel, rows: int, progress: Progress
) -> None:
    generator = torch.Generator().manual_seed(stream_seed(trainer.settings, Stream.TRUTH_FIT))
    with progress.task("fitting the ground truth", None) as advance:
        pairs, inner = fitted_latents(2)
        fit_decoder(
            trainer.networks.decoder,
            rows,
            torch.from_numpy(pairs).float().to(trainer.device),
            torch.from_numpy(data.decoder(pairs[:, 1], pairs[:, 0])).float().to(trainer.device),
            inner,
            generator,
            advance,
            data.name,
        )
        with one_thread():
            trainer.train_inference(_INFERENCE_STEPS, rows, advance)
