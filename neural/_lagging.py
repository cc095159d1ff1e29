"""Trains by LIN, lagging inference networks (He et al. 2019), many restarts at once.

While a restart is aggressive its encoder is trained alone, up to MOST_STEPS steps on fresh
mini-batches, until the mean loss of a window of WINDOW steps no longer falls; then its decoder
takes one step alone. Once an epoch the mutual information between x and z under q is measured;
where it no longer rises, the restart is trained like a VAE from then on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

#: Encoder steps before each decoder step at most, and steps whose mean losses are compared.
MOST_STEPS, WINDOW = 100, 10


class AggressivePhase:
    """Keeps which restarts are still in the aggressive phase of LIN.

    Parameters
    ----------
    restarts : int
        R.
    device : str

    Attributes
    ----------
    active : Tensor of bool, shape (R,)
    information : Tensor, shape (R,)
        The last mutual information of each, nats; −inf before the first.
    """

    def __init__(self, restarts: int, device: str) -> None:
        self.active = torch.ones(restarts, dtype=torch.bool, device=device)
        self.information = torch.full((restarts,), -math.inf, device=device)

    def inner_loop(self, encoder_step: Callable[[Any], Any]) -> int:
        """Train the encoders of the active restarts, each until its own loss stops falling.

        Parameters
        ----------
        encoder_step : callable
            Steps the encoders of the rows given, (R,) bool, and returns the losses (R,).

        Returns
        -------
        int
            Steps taken by the restart that took most.
        """
        running = self.active.clone()
        previous = torch.full_like(self.information, math.inf)
        window = torch.zeros_like(previous)
        for step in range(1, MOST_STEPS + 1):
            window += encoder_step(running)
            if step % WINDOW == 0:
                running &= window < previous
                previous = window
                window = torch.zeros_like(previous)
                if not bool(running.any()):
                    return step
        return MOST_STEPS

    def end_of_epoch(self, information: Any) -> None:
        """End the phase of the restarts whose mutual information (R,) no longer rises."""
        self.active &= information > self.information
        self.information = information

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"active": self.active, "information": self.information}

    def restore(self, state: dict[str, Any]) -> None:
        """Undo :meth:`state`."""
        self.active.copy_(state["active"])
        self.information.copy_(state["information"])


def mutual_information(mean: Any, log_scale: Any, noise: Any) -> Any:
    """Estimate I_q(x; z) = E_x KL[q(z|x) ‖ q(z)] over a set of x, of all latents together.

    q(z) is the average of the q(z|x) of the set itself, so the estimate lies below log n.

    Parameters
    ----------
    mean, log_scale : Tensor, shape (R, n, K)
        Mean and log standard deviation of q(z|x).
    noise : Tensor, shape (R or 1, n, K)
        ε; one draw of z for each x.

    Returns
    -------
    Tensor, shape (R,)
        Nats.
    """
    z = mean + log_scale.exp() * noise
    own = (-0.5 * noise.square() - log_scale).sum(-1)
    return (own - _log_mixture(z, mean, log_scale)).mean(1)


def label_information(mean: Any, log_scale: Any, log_r: Any, noise: Any) -> Any:
    """Estimate I_q(x; y, z) of q(y|x) q(z|x, y) over a set of x, y summed out.

    Parameters
    ----------
    mean, log_scale : Tensor, shape (R, C, n, K)
        Mean and log standard deviation of q(z|x, y).
    log_r : Tensor, shape (R, C, n)
        log q(y|x).
    noise : Tensor, shape (R or 1, C, n, K)
        ε; one draw of z for each x and y.

    Returns
    -------
    Tensor, shape (R,)
        Nats.
    """
    total = 0.0
    for y in range(mean.shape[1]):
        m, t, r = mean[:, y], log_scale[:, y], log_r[:, y]
        z = m + t.exp() * noise[:, y]
        own = (-0.5 * noise[:, y].square() - t).sum(-1) + r
        total = total + (r.exp() * (own - _log_mixture(z, m, t, r))).mean(1)
    return total


def pair_information(z: Any, mean: Any, log_scale: Any, log_q: Any) -> Any:
    """Estimate I_q(x; y, z) of q(y|x) q(z|x, y) over a set of x, a pair drawn for each.

    Parameters
    ----------
    z : Tensor, shape (R, n, 1)
        The latent of each pair.
    mean, log_scale, log_q : Tensor, shape (R, n, n)
        Mean and log standard deviation of q(z|x, y), and log q(y|x) but for a function of y, of
        the pair of a row and the x of a column.

    Returns
    -------
    Tensor, shape (R,)
        Nats.
    """
    offset = (z - mean) * torch.exp(-log_scale)
    each = -0.5 * offset.square() - log_scale + log_q
    mixture = torch.logsumexp(each, dim=2) - math.log(each.shape[2])
    return (each.diagonal(dim1=1, dim2=2) - mixture).mean(1)


def _log_mixture(z: Any, mean: Any, log_scale: Any, log_r: Any = None) -> Any:
    """Return the log of the average over x' of r(x') q(z|x'), z (R, n, K), but a constant."""
    offset = (z[:, :, None] - mean[:, None, :]) * torch.exp(-log_scale)[:, None, :]
    pairs = (-0.5 * offset.square() - log_scale[:, None, :]).sum(-1)
    if log_r is not None:
        pairs = pairs + log_r[:, None, :]
    return torch.logsumexp(pairs, dim=2) - math.log(mean.shape[1])
