"""Estimates log p(x) by annealed importance sampling, the usual way without quadrature.

Neal (2001), in the form of Wu et al. (2017): chains go from the prior to the posterior through
p(z) p(x|z)^β, with one Hamiltonian move a temperature, and the average of their weights estimates
p(x) without bias (its logarithm lies below on average).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from theorycheck.models import GenerativeModel

Array = NDArray[np.float64]

#: Leapfrog steps of a move, acceptance that the step size is steered to, and by how much.
_LEAPFROG, _ACCEPTANCE, _STEER = 4, 0.65, 1.03
#: Latent distance over which f is differentiated.
_DIFFERENCE = 1e-5


def annealed_log_density(
    model: GenerativeModel, x: Array, *, chains: int = 16, temperatures: int = 500, seed: int = 0
) -> Array:
    """Estimate log p(x).

    Parameters
    ----------
    model : GenerativeModel
    x : ndarray, shape (n, D)
    chains : int
        Independent chains an x.
    temperatures : int
        Steps of β, closer together near 0, where most of the change is.
    seed : int

    Returns
    -------
    ndarray, shape (n,)
        Nats.
    """
    rng = np.random.default_rng(seed)
    target = np.repeat(x, chains, axis=0) / model.sigma
    z = rng.standard_normal(len(target))
    step = np.full(len(target), 0.3)
    beta = np.linspace(0.0, 1.0, temperatures + 1) ** 4
    log_weight = np.zeros(len(target))
    misfit = _misfit(model, target, z)
    for previous, now in itertools.pairwise(beta):
        log_weight -= (now - previous) * misfit
        z, misfit, accepted = _move(model, target, z, misfit, now, step, rng)
        # A chain is steered by its own acceptance only, so that chains stay independent.
        step *= np.where(accepted, _STEER, _STEER ** (-_ACCEPTANCE / (1.0 - _ACCEPTANCE)))
    constant = -0.5 * model.data_dim * math.log(2.0 * math.pi) - float(np.log(model.sigma).sum())
    weights = log_weight.reshape(len(x), chains)
    result: Array = logsumexp(weights, axis=1) - math.log(chains) + constant
    return result


def _misfit(model: GenerativeModel, target: Array, z: Array) -> Array:
    """Return ½|x − f(z)|²/σ², with x in units of σ."""
    result: Array = 0.5 * ((target - model.decoder(z) / model.sigma) ** 2).sum(axis=1)
    return result


def _slope(model: GenerativeModel, target: Array, z: Array, beta: float) -> Array:
    above = _misfit(model, target, z + _DIFFERENCE)
    below = _misfit(model, target, z - _DIFFERENCE)
    return z + beta * (above - below) / (2.0 * _DIFFERENCE)


def _move(
    model: GenerativeModel, target: Array, z: Array, misfit: Array, beta: float, step: Array,
    rng: np.random.Generator,
) -> tuple[Array, Array, NDArray[np.bool_]]:  # fmt: skip
    """Make one Hamiltonian move of every chain; return z, misfit, and who moved."""
    momentum = rng.standard_normal(len(z))
    start = 0.5 * z**2 + beta * misfit + 0.5 * momentum**2
    place = z.copy()
    momentum = momentum - 0.5 * step * _slope(model, target, place, beta)
    for k in range(_LEAPFROG):
        # Far out no chain is accepted; f need not be defined there.
        place = np.clip(place + step * momentum, -30.0, 30.0)
        share = 0.5 if k == _LEAPFROG - 1 else 1.0
        momentum = momentum - share * step * _slope(model, target, place, beta)
    there = _misfit(model, target, place)
    end = 0.5 * place**2 + beta * there + 0.5 * momentum**2
    accepted = np.log(rng.random(len(z))) < start - end
    return np.where(accepted, place, z), np.where(accepted, there, misfit), accepted
