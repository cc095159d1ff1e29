"""Sets where restarts begin: at random, or with decoder and encoder at the ground truth.

The paper's protocol is five of each, and the one with the best objective is kept. A start at the
ground truth says whether the objective leaves it: if it does, no better search would have helped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri

from neural._flat_adam import FlatAdam
from neural._networks import BatchedMLP
from neural._objectives import posterior_parameters
from neural._streams import Stream, stream_seed
from neural._threads import one_thread
from neural._trainer import Trainer
from theorycheck.errors import TheorycheckError
from theorycheck.inference import MeanField
from theorycheck.progress import NO_PROGRESS, Advance, Progress

Array = NDArray[np.float64]

#: Mean square of f − f_GT, over z ~ N(0, 1) and the data dimensions, that a start must be below.
LARGEST_ERROR = 1e-4
#: Steps of the first round of fitting, and rounds at most. Each is twice as long as the one before:
#: a slower fall of the rate gets further than the same steps in equal rounds. Smooth decoders need
#: one, clusters one or two, spiral_dots all.
_STEPS, _ROUNDS = 1_500, 4
#: Points a step, and points in all: latents for the decoder, data for the encoder.
_BATCH, _POOL = 256, 8_192
_RATE, _FINAL_RATE = 1e-2, 1e-4
#: Ridge of the last layer's least squares, relative to the mean square of its inputs.
_RIDGE = 1e-9


class FittingError(TheorycheckError):
    """A network cannot be brought to the ground truth."""


@dataclass(frozen=True)
class TruthFit:
    """Says how near the ground truth the restarts start.

    Parameters
    ----------
    decoder_error : float
        Largest mean square of f − f_GT of them, over z ~ N(0, 1) and dimensions.
    encoder_kl : float
        Largest E_p KL[q*(z|x) ‖ q(z|x)] of them, nats; not zero where q* jumps, which no
        continuous encoder can follow.
    """

    decoder_error: float
    encoder_kl: float


def start_at_truth(trainer: Trainer, progress: Progress = NO_PROGRESS) -> TruthFit | None:
    """Fit the last restarts of a run to f_GT and to the exact optimal q.

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
    """
    rows = trainer.settings.truth_starts
    if rows == 0:
        return None
    generator = torch.Generator().manual_seed(stream_seed(trainer.settings, Stream.TRUTH_FIT))
    with progress.task("fitting the ground truth", None) as advance:
        with one_thread():
            error = _fit_decoder(trainer, rows, generator, advance)
        kl = _fit_encoder(trainer, rows, generator, advance)
    return TruthFit(error, kl)


def _fit_decoder(trainer: Trainer, rows: int, generator: Any, advance: Advance) -> float:
    network = _part(trainer.decoder, rows, trainer.device)
    # Medians of cells of equal mass, with the outermost latents added: an error out there would
    # not show in the mean, but a posterior can sit there.
    quantile = (np.arange(_POOL) + 0.5) / _POOL
    latents = np.concatenate([ndtri(quantile), np.linspace(-5.0, 5.0, _POOL // 8)])
    z = torch.from_numpy(latents).float().to(trainer.device)[:, None]
    target = torch.from_numpy(trainer.model.decoder(latents)).float().to(trainer.device)

    def loss(index: Any) -> Any:
        return (network(z[index][None]) - target[index]).square().sum(-1).mean(1)

    inner, outer = z[:_POOL], target[:_POOL]
    for number in range(_ROUNDS):
        _descend(network, loss, len(z), _STEPS << number, generator, advance)
        _solve_last_layer(network, z, target)
        with torch.no_grad():
            error = (network(inner[None]) - outer).square().mean((1, 2))
        if bool((error < LARGEST_ERROR).all()):
            break
    best = int(error.argmin())
    reached = float(error[best])
    if not reached < LARGEST_ERROR:
        raise FittingError(
            f"{trainer.model.name}: a decoder with hidden layers "
            f"{list(trainer.settings.hidden)} does not come nearer the ground truth than a mean "
            f"squared error of {reached:.1e} (at most {LARGEST_ERROR:g} is wanted): use wider "
            "layers, or no restarts from the truth"
        )
    # A restart whose decoder did not get there begins with the best; its encoder is its own.
    far = error >= LARGEST_ERROR
    with torch.no_grad():
        network.flat[far] = network.flat[best].clone()
    _put(network, trainer.decoder, rows)
    return float(torch.where(far, error[best], error).max())


def _fit_encoder(trainer: Trainer, rows: int, generator: Any, advance: Advance) -> float:
    network = _part(trainer.encoder, rows, trainer.device)
    _, points = trainer.model.sample(_POOL, stream_seed(trainer.settings, Stream.TRUTH_POINTS))
    optimum = MeanField(trainer.model).optimal_q(points)
    x = torch.from_numpy(points).float().to(trainer.device)
    mean = torch.from_numpy(optimum.mean).float().to(trainer.device)
    log_scale = torch.from_numpy(np.log(optimum.scale)).float().to(trainer.device)

    def kl(index: Any) -> Any:
        own_mean, own_log_scale = posterior_parameters(network, x[index][None])
        wider = own_log_scale - log_scale[index]
        moved = (own_mean - mean[index]).square() * torch.exp(-2.0 * own_log_scale)
        return (wider + 0.5 * (torch.exp(-2.0 * wider) + moved - 1.0)).mean(1)

    # Only now: the kernels behind the optimal q have set the number of threads.
    with one_thread():
        _descend(network, kl, len(x), _STEPS, generator, advance)
        _put(network, trainer.encoder, rows)
        with torch.no_grad():
            return float(kl(slice(None)).max())


def _descend(
    network: BatchedMLP,
    loss: Callable[[Any], Any],
    points: int,
    steps: int,
    generator: Any,
    advance: Advance,
) -> None:
    """Take one round of Adam steps on random mini-batches, with a rate falling to a hundredth."""
    optimiser = FlatAdam(network.flat, clip=10.0)
    for step in range(steps):
        index = torch.randint(points, (_BATCH,), generator=generator).to(network.flat.device)
        gradients = torch.autograd.grad(loss(index).sum(), network.leaves)
        share = 0.5 * (1.0 + math.cos(math.pi * step / steps))
        rate = _FINAL_RATE + share * (_RATE - _FINAL_RATE)
        optimiser.step(torch.cat([part.flatten(1) for part in gradients], dim=1), rate)
        if step % 100 == 99:
            advance(100)


def _solve_last_layer(network: BatchedMLP, z: Any, target: Any) -> None:
    """Give the last layer its least-squares weights, which descent approaches only slowly."""
    with torch.no_grad():
        hidden = network.features(z[None]).double()
        inputs = torch.cat([hidden, torch.ones_like(hidden[..., :1])], dim=2)
        gram = inputs.transpose(1, 2) @ inputs
        ridge = _RIDGE * gram.diagonal(dim1=1, dim2=2).mean(1)
        unit = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
        moment = inputs.transpose(1, 2) @ target.double()
        solution = torch.linalg.solve(gram + ridge[:, None, None] * unit, moment)
        network.weights[-2].copy_(solution[:, :-1])
        network.weights[-1].copy_(solution[:, -1:])


def _part(network: BatchedMLP, rows: int, device: str) -> BatchedMLP:
    """Copy the last rows, without the extra parameters."""
    part = BatchedMLP(network.sizes, network.activation, rows, device=device)
    with torch.no_grad():
        part.flat.copy_(network.flat[-rows:, : part.flat.shape[1]])
    return part


def _put(part: BatchedMLP, network: BatchedMLP, rows: int) -> None:
    with torch.no_grad():
        network.flat[-rows:, : part.flat.shape[1]] = part.flat
