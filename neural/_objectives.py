"""Estimates the bounds that are trained, ELBO and IWAE, and their gradients by Monte Carlo.

Notation of docs/theory.md: w(z) = p_θ(x, z)/q_φ(z|x). Restarts share no weights, so one backward
pass through the sum over restarts gives each its own gradient. Estimators of it, for S samples:

* ``reparametrised``: z = μ + s ε; the gradient of log (1/S) Σ w (Burda et al. 2016). For S = 1
  the KL to the prior is in closed form.
* ``dreg``: the same for θ; for φ the doubly reparametrised form Σ w̄² ∂log w/∂z ∂z/∂φ (Tucker et
  al. 2019), whose expectation is the same and whose noise does not grow with S.
* ``rws``: θ by Σ w̄ ∇ log p_θ(x, z), a consistent estimate of ∇ log p_θ(x); φ by the inclusive
  KL[p_θ(z|x) ‖ q_φ], −Σ w̄ ∇ log q_φ (reweighted wake-sleep, Bornschein and Bengio 2015; the
  family that Finke and Thiery 2019 argue for). q need not be the posterior for θ to be right:
  its mismatch costs samples, not bias, once S is large.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from neural._networks import gaussian
from theorycheck.errors import SettingError, nearest

ESTIMATORS = ("reparametrised", "dreg", "rws")
_LOG_2PI = math.log(2.0 * math.pi)


class Loss(NamedTuple):
    """Holds the loss that is descended and the bound that is reported.

    Parameters
    ----------
    surrogate : Tensor, shape (R, B)
        The gradient of its mean over the batch is the estimator's.
    bound : Tensor, shape (R, B)
        The negative bound at each x, nats, without a graph.
    """

    surrogate: Any
    bound: Any


def latent_kl(mean: Any, log_scale: Any, variance: Any = None) -> Any:
    """Return KL[Π N(μ_k, s_k²) ‖ N(0, I)], nats: the sum over the last dimension, the latents.

    Parameters
    ----------
    mean, log_scale : Tensor, shape (…, K)
        μ and log s.
    variance : Tensor, shape (…, K), optional
        s², where it is known already.

    Returns
    -------
    Tensor, shape (…)
    """
    square = torch.exp(2.0 * log_scale) if variance is None else variance
    return (0.5 * (mean.square() + square - 1.0) - log_scale).sum(-1)


def reconstruction(decoder: Callable[[Any], Any], log_variance: Any, x: Any, z: Any) -> Any:
    """Return −log p_θ(x|z), nats.

    Parameters
    ----------
    decoder : callable
        (R, n, K) to (R, n, D).
    log_variance : Tensor, shape (R, D)
        log σ².
    x : Tensor, shape (R or 1, B, D)
    z : Tensor, shape (R, S, B, K)

    Returns
    -------
    Tensor, shape (R, S, B)
    """
    restarts, samples, batch, latents = z.shape
    flat = z.reshape(restarts, samples * batch, latents)
    f = decoder(flat).view(restarts, samples, batch, -1)
    precision = torch.exp(-log_variance)[:, None, None, :]
    square = ((f - x[:, None]).square() * precision).sum(-1)
    return 0.5 * (square + (log_variance + _LOG_2PI).sum(-1)[:, None, None])


def negative_elbo(
    encoder: Callable[[Any], Any],
    decoder: Callable[[Any], Any],
    log_variance: Any,
    x: Any,
    noise: Any,
) -> Loss:
    """Return −ELBO of each x of a batch: KL in closed form, E_q log p by reparametrised draws.

    Parameters
    ----------
    encoder, decoder : callable
        (R or 1, B, D) to (R, B, 2K); (R, n, K) to (R, n, D).
    log_variance : Tensor, shape (R, D)
    x : Tensor, shape (R or 1, B, D)
    noise : Tensor, shape (R, S, B, K)
        ε; the S draws are averaged.

    Returns
    -------
    Loss
    """
    mean, log_scale = gaussian(encoder(x))
    scale = log_scale.exp()
    z = torch.addcmul(mean[:, None], scale[:, None], noise)
    kl = latent_kl(mean, log_scale, scale.square())
    loss = kl + reconstruction(decoder, log_variance, x, z).mean(1)
    return Loss(loss, loss.detach())


def negative_iwae(
    encoder: Callable[[Any], Any],
    decoder: Callable[[Any], Any],
    log_variance: Any,
    x: Any,
    noise: Any,
    estimator: str = "reparametrised",
) -> Loss:
    """Return −L_S of each x of a batch, L_S = E log (1/S) Σ w(z_i).

    Parameters
    ----------
    encoder, decoder, log_variance, x, noise
        The same as in :func:`negative_elbo`; the S draws of one x must be independent.
    estimator : {"reparametrised", "dreg", "rws"}

    Returns
    -------
    Loss
    """
    mean, log_scale = gaussian(encoder(x))
    scale = log_scale.exp()
    z = torch.addcmul(mean[:, None], scale[:, None], noise)
    share: list[Any] = []
    if estimator == "dreg" and z.requires_grad:
        z.register_hook(lambda gradient: gradient * share[0][..., None])
    if estimator == "rws":
        z = z.detach()
    if estimator == "reparametrised":
        # log q at its own draw: the dependence through (z − μ)/s = ε cancels.
        log_q = (-0.5 * (noise.square() + _LOG_2PI) - log_scale[:, None]).sum(-1)
    else:
        fixed_mean, fixed_scale = mean.detach()[:, None], log_scale.detach()[:, None]
        offset = (z - fixed_mean) * torch.exp(-fixed_scale)
        log_q = (-0.5 * (offset.square() + _LOG_2PI) - fixed_scale).sum(-1)
    log_prior = (-0.5 * (z.square() + _LOG_2PI)).sum(-1)
    log_joint = log_prior - reconstruction(decoder, log_variance, x, z)
    log_w = log_joint - log_q
    total = torch.logsumexp(log_w, dim=1)
    bound = math.log(noise.shape[1]) - total
    if estimator == "reparametrised":
        return Loss(bound, bound.detach())
    weight = torch.exp(log_w - total[:, None]).detach()
    share.append(weight)
    if estimator == "dreg":
        return Loss(-(weight * log_w).sum(1), bound.detach())
    offset = (z - mean[:, None]) * torch.exp(-log_scale[:, None])
    proposal = (-0.5 * offset.square() - log_scale[:, None]).sum(-1)
    return Loss(-(weight * (log_joint + proposal)).sum(1), bound.detach())


def checked_objective(method: str, samples: int, estimator: str) -> None:
    """Say what is wrong with a method, S or estimator.

    Raises
    ------
    SettingError
        If one is unknown, S < 1, or they do not go together.
    """
    if method not in ("vae", "iwae", "lin"):
        raise SettingError(
            f"there is no method '{method}': {nearest(method, ('vae', 'iwae', 'lin'))}"
        )
    if samples < 1:
        raise SettingError(f"the number of samples S must be at least 1, not {samples}")
    if estimator not in ESTIMATORS:
        raise SettingError(f"there is no estimator '{estimator}': {nearest(estimator, ESTIMATORS)}")
    if method != "iwae" and estimator != "reparametrised":
        raise SettingError(f"the estimator {estimator} is for --method iwae, not for {method}")
