"""Brings networks to functions that are known: decoders to f, encoders to the optimal q."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.special import ndtri

from neural._flat_adam import FlatAdam
from neural._networks import BatchedMLP
from neural._points import ROOTS
from neural._threads import one_thread
from theorycheck.arrays import Flags, LatentsOfAnyK
from theorycheck.errors import TheorycheckError
from theorycheck.progress import Advance

#: Mean square of f − f_GT, over z ~ N(0, 1) and the data dimensions, that a start must be below.
LARGEST_ERROR = 1e-4
#: Steps of the first round of fitting, and rounds at most. Each is twice as long as the one before:
#: a slower fall of the rate gets further than the same steps in equal rounds. Smooth decoders need
#: one, clusters one or two, spiral_dots all.
_STEPS, _ROUNDS = 1_500, 4
#: Points a step, and points in all: latents for the decoder, data for the encoder.
_BATCH, POOL = 256, 8_192
_RATE, _FINAL_RATE = 1e-2, 1e-4
#: Latents a side of the grid whose outer part is added, by K.
_EDGES = {2: 33, 3: 13}
#: Ridge of the last layer's least squares, relative to the mean square of its inputs.
_RIDGE = 1e-9


class FittingError(TheorycheckError):
    """A network cannot be brought to the ground truth."""


def fitted_latents(latents: int = 1) -> tuple[LatentsOfAnyK, Flags]:
    """Return the latents that decoders are fitted at, and which of them are spread as the prior is.

    Medians of cells of equal mass, of more latents than one a Kronecker sequence, with the
    outermost latents added: an error out there would not show in the mean, but a posterior can sit
    there.

    Parameters
    ----------
    latents : int
        K.

    Returns
    -------
    z : ndarray, shape (n,) for one latent, (n, K) for more
    inner : ndarray of bool, shape (n,)
    """
    if latents > 1:
        index = np.arange(latents * POOL) + 0.5
        later = [(index * ROOTS[latents] ** k) % 1.0 for k in range(1, latents)]
        spread = ndtri(np.stack([index / index.size, *later], axis=1))
        edge = np.linspace(-5.0, 5.0, _EDGES[latents])
        outer = np.stack(np.meshgrid(*latents * [edge]), axis=-1).reshape(-1, latents)
        outer = outer[np.abs(outer).max(axis=1) > 3.0]
        return np.concatenate([spread, outer]), np.arange(len(spread) + len(outer)) < len(spread)
    quantile = (np.arange(POOL) + 0.5) / POOL
    z = np.concatenate([ndtri(quantile), np.linspace(-5.0, 5.0, POOL // 8)])
    return z, np.arange(z.size) < POOL


def fit_decoder(
    decoder: BatchedMLP,
    rows: int,
    inputs: Any,
    target: Any,
    inner: Any,
    generator: Any,
    advance: Advance,
    name: str,
) -> float:
    """Fit the last restarts of a decoder to a function.

    Parameters
    ----------
    decoder : BatchedMLP
        Its last rows are overwritten.
    rows : int
        How many.
    inputs : Tensor, shape (n, in)
        Latents, and what goes in beside them.
    target : Tensor, shape (n, D)
        f there.
    inner : ndarray of bool, shape (n,)
        Which of them the error is averaged over.
    generator : torch.Generator
        On the CPU.
    advance : Advance
    name : str
        Of the ground truth.

    Returns
    -------
    float
        Largest mean square of f − f_GT of these restarts.

    Raises
    ------
    FittingError
        If the error stays above LARGEST_ERROR.
    """
    network = part(decoder, rows)
    chosen = torch.from_numpy(inner).to(inputs.device)

    def loss(index: Any) -> Any:
        return (network(inputs[index][None]) - target[index]).square().sum(-1).mean(1)

    with one_thread():
        for number in range(_ROUNDS):
            descend(network, loss, len(inputs), generator, advance, doublings=number)
            _solve_last_layer(network, inputs, target)
            with torch.no_grad():
                error = (network(inputs[chosen][None]) - target[chosen]).square().mean((1, 2))
            if bool((error < LARGEST_ERROR).all()):
                break
    best = int(error.argmin())
    reached = float(error[best])
    if not reached < LARGEST_ERROR:
        widths = list(decoder.sizes[1:-1])
        raise FittingError(
            f"{name}: a decoder with hidden layers {widths} does not come nearer the ground truth "
            f"than a mean squared error of {reached:.1e} (at most {LARGEST_ERROR:g} is wanted): "
            "use wider layers, or no restarts from the truth"
        )
    # A restart whose decoder did not get there begins with the best; its encoder is its own.
    far = error >= LARGEST_ERROR
    with torch.no_grad():
        network.flat[far] = network.flat[best].clone()
    put(network, decoder, rows)
    return float(torch.where(far, error[best], error).max())


def descend(
    network: BatchedMLP,
    loss: Callable[[Any], Any],
    points: int,
    generator: Any,
    advance: Advance,
    *,
    doublings: int = 0,
) -> None:
    """Take one round of Adam steps on random mini-batches, with a rate falling to a hundredth.

    Parameters
    ----------
    network : BatchedMLP
    loss : callable
        Indices of points to a loss of every restart, shape (R,).
    points : int
        How many points there are.
    generator : torch.Generator
        On the CPU.
    advance : Advance
    doublings : int
        How often the number of steps is doubled.
    """
    steps = _STEPS << doublings
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


def part(network: BatchedMLP, rows: int) -> BatchedMLP:
    """Copy the last rows, without the extra parameters."""
    device = str(network.flat.device)
    copy = BatchedMLP(network.sizes, network.activation, rows, device=device)
    with torch.no_grad():
        copy.flat.copy_(network.flat[-rows:, : copy.flat.shape[1]])
    return copy


def put(copy: BatchedMLP, network: BatchedMLP, rows: int) -> None:
    """Undo :func:`part`, with what was made of the copy."""
    with torch.no_grad():
        network.flat[-rows:, : copy.flat.shape[1]] = copy.flat
