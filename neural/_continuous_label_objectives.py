"""Estimates the bounds of a semi-supervised VAE whose label y is continuous, y ~ N(0, 1).

Draws of y and z are reparametrised, (y_s, z_s) of q(y|x) q(z|x, y). With R = p(y)/q(y|x) and
w_s(y) = p(x|y, z_s) p(z_s)/q(z_s|x, y):

* ``elbo``: U = E_q [log w(y) + log R], L = log p(y) + E_q log w(y).
* ``inside``: the importance average stands inside the expectation over y,
  U = E_{q(y|x)} [log (1/S) Σ_s w_s(y) + log R], one y and S draws of z for it;
  L = log p(y) + log (1/S) Σ_s w_s(y). As for classes (:mod:`neural._label_objectives`) U tends to
  log p(x) − KL[q(y|x) ‖ p(y|x)]: what q(y|x) cannot do is lost however large S is.
* ``pairs``: importance weights over pairs, U = log (1/S) Σ_s R_s w_s(y_s), L as above. Every
  R_s w_s has the mean p(x), so that by Jensen E U ≤ log p(x), and U tends to that for any q(y|x)
  of full support. To sum y out of every weight, as ``summed`` does for classes, would take an
  integral.

In the family *naive* U has one q(z|x), whatever y is; the labelled bound has q(z|x, y) in all.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from neural._label_networks import LabelNetworks
from neural._label_objectives import Constants, latent_log_ratio, log_normal
from neural._label_posteriors import LabelPosterior
from neural._networks import gaussian
from neural._objectives import latent_kl

#: What U of a method may be.
CONTINUOUS_BOUNDS = {"vae": ("elbo",), "lin": ("elbo",), "iwae": ("inside", "pairs")}
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


def continuous_unlabelled_bound(
    networks: LabelNetworks,
    posterior: LabelPosterior,
    constants: Constants,
    x: Any,
    noise: Any,
    bound: str,
) -> Any:
    """Return an estimate of U(x) for every x of a batch.

    Parameters
    ----------
    networks : LabelNetworks
    posterior : LabelPosterior
        What q(y|x) is made of the classifier's outputs.
    constants : Constants
    x : Tensor, shape (R or 1, B, D)
    noise : Tensor, shape (R, S, 2, B)
        Standard normals for y and for z, K = 1; of y's, ``inside`` takes the first only.
    bound : {"elbo", "inside", "pairs"}

    Returns
    -------
    Tensor, shape (R, B)
        Nats.
    """
    samples = noise.shape[1]
    x = x.expand(len(noise), -1, -1)
    of_y, of_z = noise[:, :, 0], noise[:, :, 1, :, None]
    if bound == "inside":
        of_y = of_y[:, :1]
    y, log_ratio = posterior.drawn(networks.classifier(x), of_y)
    if networks.shared is None:
        mean, log_scale = label_encoder(networks, x, y)
    else:
        mean, log_scale = (part[:, None] for part in gaussian(networks.shared(x)))
    z = torch.addcmul(mean, log_scale.exp(), of_z)
    log_x = _log_likelihood(networks, constants, x, y, z)
    if bound == "elbo":
        return (log_x - latent_kl(mean, log_scale) + log_ratio).mean(1)
    log_w = log_x + latent_log_ratio(z, of_z, log_scale)
    if bound == "pairs":
        return torch.logsumexp(log_w + log_ratio, dim=1) - math.log(samples)
    return torch.logsumexp(log_w, dim=1) - math.log(samples) + log_ratio[:, 0]


def continuous_labelled_bound(
    networks: LabelNetworks, constants: Constants, x: Any, y: Any, noise: Any, bound: str
) -> Any:
    """Return an estimate of L(x, y) for every labelled x of a batch.

    Parameters
    ----------
    networks : LabelNetworks
    constants : Constants
    x : Tensor, shape (R or 1, B, D)
    y : Tensor, shape (R or 1, B)
    noise : Tensor, shape (R, S, B, 1)
        ε of z.
    bound : {"elbo", "inside", "pairs"}

    Returns
    -------
    Tensor, shape (R, B)
        Nats.
    """
    restarts, samples = noise.shape[:2]
    x, y = x.expand(restarts, -1, -1), y.expand(restarts, -1)[:, None]
    mean, log_scale = label_encoder(networks, x, y)
    z = torch.addcmul(mean, log_scale.exp(), noise)
    log_x = _log_likelihood(networks, constants, x, y, z)
    log_prior = -0.5 * y[:, 0].square() - _HALF_LOG_2PI
    if bound == "elbo":
        return log_prior + (log_x - latent_kl(mean, log_scale)).mean(1)
    log_w = log_x + latent_log_ratio(z, noise, log_scale)
    return log_prior + torch.logsumexp(log_w, dim=1) - math.log(samples)


def label_encoder(networks: LabelNetworks, x: Any, y: Any) -> tuple[Any, Any]:
    """Return μ and log s of q(z|x, y) for x (R, B, D) and labels y (R, S, B), (R, S, B, 1) each."""
    beside = x[:, None].expand(-1, y.shape[1], -1, -1)
    inputs = torch.cat([beside, y[..., None]], dim=3)
    output = networks.encoder(inputs.flatten(1, 2))
    return gaussian(output.view(*y.shape, 2))


def _log_likelihood(networks: LabelNetworks, constants: Constants, x: Any, y: Any, z: Any) -> Any:
    """Return log p(x|y, z), y of shape (R, S or 1, B), z (R, S, B, 1), the result (R, S, B)."""
    inputs = torch.cat([z, y.expand(z.shape[:-1])[..., None]], dim=3)
    f = networks.decoder(inputs.flatten(1, 2)).view(*z.shape[:-1], -1)
    return log_normal(f, x[:, None], constants)
