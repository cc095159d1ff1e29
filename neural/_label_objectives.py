"""Estimates the bounds of a semi-supervised VAE, U(x) and L(x, y), by reparametrised draws of z.

With r_y = q(y|x), S draws z_s of q, and w_s(y) = π_y p(x|y, z_s) p(z_s)/q(z_s), the label summed
out in every one of them, so that no gradient needs a draw of y:

* ``elbo``: L = E_q log w(y), U = Σ_y r_y [E_q log w(y) − log r_y].
* ``inside``: the importance average stands inside the sum over y,
  L = log (1/S) Σ_s w_s(y), U = Σ_y r_y [log (1/S) Σ_s w_s(y) − log r_y].
  E w(y) = p(x, y), so that, by Jensen, E L ≤ log p(x, y) and E U ≤ Σ_y r_y log (p(x, y)/r_y)
  ≤ log p(x); as S grows, U tends to the first of these, which is below log p(x) by
  KL[r ‖ p(y|x)].
* ``summed``: y is summed in every importance weight, U = log Σ_y (1/S) Σ_s w_s(y), L as above.
  E Σ_y w(y) = p(x), so that E U ≤ log p(x), and U tends to that. q(y|x) is not in it: what the
  weights say in its place is r_y ∝ Σ_s w_s(y), and only a label term α trains the network. Weights
  over drawn pairs, w_s(y_s)/r(y_s), have Σ_y w_s(y) as their mean over y_s, so that by Jensen
  their bound is never above this one.

In the conditional family z_s is drawn from q(z|x, y) for every class, in the factorised from one
q(z|x), and w_s(y) of all classes have the same z_s. The labelled bound has q(z|x, y) in both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from neural._label_networks import LabelNetworks, with_labels, with_own_label
from neural._networks import gaussian
from neural._objectives import latent_kl
from theorycheck.errors import SettingError, nearest

#: What U of a method may be.
BOUNDS = {"vae": ("elbo",), "lin": ("elbo",), "iwae": ("inside", "summed")}
_LOG_2PI = math.log(2.0 * math.pi)


class Constants(NamedTuple):
    """Holds what no network has in it; σ² may be trained.

    Parameters
    ----------
    log_prior : Tensor, shape (C,) or (R, C)
        log π.
    log_variance : Tensor, shape (D,), (R, D) or (R, 1)
        log σ².
    """

    log_prior: Any
    log_variance: Any


def unlabelled_bound(
    networks: LabelNetworks, constants: Constants, x: Any, noise: Any, bound: str
) -> Any:
    """Return an estimate of U(x) for every x of a batch.

    Parameters
    ----------
    networks : LabelNetworks
    constants : Constants
    x : Tensor, shape (R or 1, B, D)
    noise : Tensor, shape (R, S, C, B, K)
        ε; (R, S, 1, B, K) where one q(z|x) serves all classes.
    bound : {"elbo", "inside", "summed"}

    Returns
    -------
    Tensor, shape (R, B)
        Nats.
    """
    restarts, classes = len(noise), networks.classes
    x = x.expand(restarts, -1, -1)
    log_r = class_log_posterior(networks, x)
    mean, log_scale = unlabelled_posterior(networks, x)
    z = torch.addcmul(mean[:, None], log_scale.exp()[:, None], noise)
    log_x = _log_likelihood(networks, constants, x, z)
    log_prior = constants.log_prior.expand(restarts, -1)[..., None]
    if bound == "elbo":
        offer = log_prior + log_x.mean(1) - latent_kl(mean, log_scale)
    else:
        log_w = log_prior[:, None] + log_x + latent_log_ratio(z, noise, log_scale[:, None])
        if bound == "summed":
            return torch.logsumexp(log_w.flatten(1, 2), dim=1) - math.log(noise.shape[1])
        offer = torch.logsumexp(log_w, dim=1) - math.log(noise.shape[1])
    assert offer.shape[1] == classes
    return (log_r.exp() * (offer - log_r)).sum(1)


def labelled_bound(
    networks: LabelNetworks, constants: Constants, x: Any, y: Any, noise: Any, bound: str
) -> Any:
    """Return an estimate of L(x, y) for every labelled x of a batch.

    Parameters
    ----------
    networks : LabelNetworks
    constants : Constants
    x : Tensor, shape (R or 1, B, D)
    y : Tensor of int, shape (R or 1, B)
    noise : Tensor, shape (R, S, B, K)
        ε.
    bound : {"elbo", "inside", "summed"}

    Returns
    -------
    Tensor, shape (R, B)
        Nats.
    """
    restarts, samples, batch, latents = noise.shape
    x, y = x.expand(restarts, -1, -1), y.expand(restarts, -1)
    mean, log_scale = gaussian(networks.encoder(with_own_label(x, y, networks.classes)))
    z = torch.addcmul(mean[:, None], log_scale.exp()[:, None], noise)
    flat = z.reshape(restarts, samples * batch, latents)
    f = networks.decoder(with_own_label(flat, y.repeat(1, samples), networks.classes))
    log_x = log_normal(f.view(restarts, samples, batch, -1), x[:, None], constants)
    log_prior = constants.log_prior.expand(restarts, -1).gather(1, y)
    if bound == "elbo":
        return log_prior + log_x.mean(1) - latent_kl(mean, log_scale)
    log_w = log_x + latent_log_ratio(z, noise, log_scale[:, None])
    return log_prior + torch.logsumexp(log_w, dim=1) - math.log(samples)


def label_term(networks: LabelNetworks, x: Any, y: Any) -> Any:
    """Return log q(y|x) of labelled x (R or 1, B, D), y (R or 1, B), shape (R, B)."""
    restarts = networks.classifier.restarts
    log_r = class_log_posterior(networks, x.expand(restarts, -1, -1))
    return log_r.gather(1, y.expand(restarts, -1)[:, None])[:, 0]


def class_log_posterior(networks: LabelNetworks, x: Any) -> Any:
    """Return log q(y|x) of x (R, B, D), shape (R, C, B)."""
    return torch.log_softmax(networks.classifier(x), dim=2).transpose(1, 2)


def unlabelled_posterior(networks: LabelNetworks, x: Any) -> tuple[Any, Any]:
    """Return μ and log s of the q(z|·) in U, (R, C, B, K), or (R, 1, B, K) where it is q(z|x)."""
    if networks.shared is not None:
        mean, log_scale = gaussian(networks.shared(x))
        return mean[:, None], log_scale[:, None]
    restarts, batch, _ = x.shape
    output = networks.encoder(with_labels(x, networks.classes))
    mean, log_scale = gaussian(output)
    shape = (restarts, networks.classes, batch, -1)
    return mean.view(shape), log_scale.view(shape)


def checked_bound(
    method: str, bound: str | None, bounds: Mapping[str, tuple[str, ...]] = BOUNDS
) -> str:
    """Return the bound of a method, its first by default.

    Parameters
    ----------
    method : str
    bound : str or None
    bounds : mapping
        Bounds by method, those of a kind of label.

    Raises
    ------
    SettingError
        If the method has no such bound.
    """
    known = bounds[method]
    if bound is None:
        return known[0]
    if bound not in known:
        every = [name for names in bounds.values() for name in names]
        if bound in every:
            raise SettingError(f"the bound {bound} is not one of --method {method}: {known[0]} is")
        raise SettingError(f"there is no bound '{bound}': {nearest(bound, known)}")
    return bound


def latent_log_ratio(z: Any, noise: Any, log_scale: Any) -> Any:
    """Return log p(z)/q(z) at q's own draws: the dependence of log q through (z − μ)/s cancels."""
    return (0.5 * (noise.square() - z.square()) + log_scale).sum(-1)


def _log_likelihood(networks: LabelNetworks, constants: Constants, x: Any, z: Any) -> Any:
    """Return log p(x|y, z) of every class, z (R, S, C or 1, B, K), shape (R, S, C, B)."""
    restarts, samples, _, batch, _ = z.shape
    classes = networks.classes
    one_hot = torch.eye(classes, dtype=z.dtype, device=z.device)[:, None]
    inputs = torch.cat(
        [
            z.expand(-1, -1, classes, -1, -1),
            one_hot.expand(restarts, samples, -1, batch, -1),
        ],
        dim=4,
    )
    f = networks.decoder(inputs.flatten(1, 3)).view(restarts, samples, classes, batch, -1)
    return log_normal(f, x[:, None, None], constants)


def log_normal(f: Any, x: Any, constants: Constants) -> Any:
    """Return log N(x; f, σ²) for f of shape (R, …, D), shape (R, …)."""
    variance = constants.log_variance
    variance = variance.reshape(-1, *[1] * (f.dim() - 2), variance.shape[-1])
    each = (x - f).square() * torch.exp(-variance) + variance
    return -0.5 * (each.sum(-1) + f.shape[-1] * _LOG_2PI)
