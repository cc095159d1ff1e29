"""Brings inference networks to a q that is known: Gaussians q(z|x), shares of classes q(y|x)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from neural._fits import descend, part, put
from neural._networks import BatchedMLP, gaussian
from neural._threads import one_thread
from theorycheck.arrays import Array, PerClass
from theorycheck.progress import Advance

#: Logarithms of shares of classes below this are taken for it.
_LEAST_LOG_SHARE = -60.0


def fit_gaussian(
    encoder: BatchedMLP,
    rows: int,
    inputs: Any,
    mean: Float64[Array, "n K"],
    scale: Float64[Array, "n K"],
    generator: Any,
    advance: Advance,
) -> float:
    """Fit the last restarts of an encoder to Gaussians.

    Parameters
    ----------
    encoder : BatchedMLP
        Its last rows are overwritten.
    rows : int
        How many.
    inputs : Tensor, shape (n, in)
    mean, scale : ndarray, shape (n, K)
        μ and s of the q that is wanted.
    generator : torch.Generator
        On the CPU.
    advance : Advance

    Returns
    -------
    float
        Largest mean KL[wanted ‖ own] of these restarts, nats.
    """
    network = part(encoder, rows)
    wanted = torch.from_numpy(mean).float().to(inputs.device)
    log_scale = torch.from_numpy(np.log(scale)).float().to(inputs.device)

    def kl(index: Any) -> Any:
        own_mean, own_log_scale = gaussian(network(inputs[index][None]))
        wider = own_log_scale - log_scale[index]
        moved = (own_mean - wanted[index]).square() * torch.exp(-2.0 * own_log_scale)
        return (wider + 0.5 * (torch.exp(-2.0 * wider) + moved - 1.0)).sum(-1).mean(1)

    return _fitted(network, encoder, rows, kl, len(inputs), generator, advance)


def fit_classes(
    classifier: BatchedMLP,
    rows: int,
    inputs: Any,
    log_share: PerClass,
    generator: Any,
    advance: Advance,
) -> float:
    """Fit the last restarts of a classifier to shares of classes.

    Parameters
    ----------
    classifier : BatchedMLP
        Its last rows are overwritten.
    rows : int
        How many.
    inputs : Tensor, shape (n, in)
    log_share : ndarray, shape (C, n)
        Logarithm of the q(y|x) that is wanted.
    generator : torch.Generator
        On the CPU.
    advance : Advance

    Returns
    -------
    float
        Largest mean KL[wanted ‖ own] of these restarts, nats.
    """
    network = part(classifier, rows)
    finite = np.maximum(log_share, _LEAST_LOG_SHARE).T
    wanted = torch.from_numpy(np.ascontiguousarray(finite)).float().to(inputs.device)

    def kl(index: Any) -> Any:
        own = torch.log_softmax(network(inputs[index][None]), dim=2)
        return (wanted[index].exp() * (wanted[index] - own)).sum(2).mean(1)

    return _fitted(network, classifier, rows, kl, len(inputs), generator, advance)


def _fitted(
    network: BatchedMLP,
    whole: BatchedMLP,
    rows: int,
    kl: Callable[[Any], Any],
    points: int,
    generator: Any,
    advance: Advance,
) -> float:
    # Kernels behind what is wanted have set the number of threads.
    with one_thread():
        descend(network, kl, points, generator, advance)
        put(network, whole, rows)
        with torch.no_grad():
            return float(kl(slice(None)).max())
