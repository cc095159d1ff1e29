"""Sets where restarts begin: at random, or with decoder and encoder at the ground truth.

The paper's protocol is five of each, and the one with the best objective is kept. A start at the
ground truth says whether the objective leaves it: if it does, no better search would have helped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from neural._fits import POOL, fit_decoder, fitted_latents
from neural._q_fits import fit_gaussian
from neural._streams import Stream, stream_seed
from neural._trainer import Trainer
from theorycheck.errors import SettingError
from theorycheck.inference import MeanField, MeanFieldBoxes, exact_model
from theorycheck.progress import NO_PROGRESS, Progress


@dataclass(frozen=True)
class TruthFit:
    """Says how near the ground truth the restarts start.

    Parameters
    ----------
    decoder_error : float
        Largest mean square of f − f_GT of them, over z ~ N(0, I) and dimensions.
    encoder_kl : float
        Largest E_p KL[q*(z|x) ‖ q(z|x)] of them, nats; not zero where q* jumps, which no
        continuous encoder can follow.
    """

    decoder_error: float
    encoder_kl: float


def start_at_truth(trainer: Trainer, progress: Progress = NO_PROGRESS) -> TruthFit | None:
    """Fit the last restarts of a run to f_GT and to the exact optimal q.

    Networks of more latents than the ground truth begin where the first ones do what f_GT's do and
    the others nothing: that is f_GT too, with the same p(x) and the same optimal q.

    Parameters
    ----------
    trainer : Trainer
        The run, whose last ``settings.truth_starts`` restarts are overwritten.
    progress : Progress

    Returns
    -------
    TruthFit or None
        What the fits reached; None where no restart starts at the ground truth.

    Raises
    ------
    FittingError
        If the decoder's error stays above LARGEST_ERROR.
    SettingError
        If the networks have fewer latents than the ground truth.
    """
    rows = trainer.settings.truth_starts
    if rows == 0:
        return None
    model, device = trainer.model, trainer.device
    own, latents = model.latent_dim, trainer.settings.latents
    if own > latents:
        raise SettingError(
            f"{model.name} has {own} latents, and networks of {latents} cannot begin there: start "
            "none of the restarts at the ground truth"
        )
    generator = torch.Generator().manual_seed(stream_seed(trainer.settings, Stream.TRUTH_FIT))
    with progress.task("fitting the ground truth", None) as advance:
        places, inner = fitted_latents(latents)
        every = places.reshape(len(places), -1)
        z = torch.from_numpy(every).float().to(device)
        f = model.decoder(np.ascontiguousarray(every[:, :own]) if own > 1 else every[:, 0])
        target = torch.from_numpy(f).float().to(device)
        error = fit_decoder(trainer.decoder, rows, z, target, inner, generator, advance, model.name)
        _, points = model.sample(POOL, stream_seed(trainer.settings, Stream.TRUTH_POINTS))
        engine = exact_model(model)
        assert isinstance(engine, MeanField | MeanFieldBoxes)
        optimum = engine.optimal_q(points)
        mean, scale = np.zeros((POOL, latents)), np.ones((POOL, latents))
        mean[:, :own] = optimum.mean.reshape(POOL, own)
        scale[:, :own] = optimum.scale.reshape(POOL, own)
        x = torch.from_numpy(points).float().to(device)
        kl = fit_gaussian(trainer.encoder, rows, x, mean, scale, generator, advance)
    return TruthFit(error, kl)
