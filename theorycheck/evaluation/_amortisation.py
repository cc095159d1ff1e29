"""A network's own encoder: what it reaches on p(x), to be held against the optimal q."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate
from theorycheck.evaluation._given_q import negative_elbo_at
from theorycheck.inference import (
    DrawRule,
    ExactModel,
    MeanField,
    data_rule,
    exact_model,
    on_grid,
)
from theorycheck.models import GenerativeModel
from theorycheck.objectives import ELBO, Objective, PosteriorAverages
from theorycheck.quadrature import DataSample

#: x (n, D) to μ and s of q(z|x), each (n,) for one latent and (n, K) for more.
Encoder = Callable[[Array], tuple[Array, Array]]

#: Grid step in σ for averages of a network's own −ELBO, and the finer one where that does not do.
_STEPS = (1.0 / 3.0, 1.0 / 6.0)
#: Of its own −L_S, of which one value costs ten times as much.
_IWAE_STEPS = (1.0 / 2.0, 1.0 / 3.0)
#: Densities, relative to the highest, at which −ELBO is taken for what it may be beyond the grid:
#: further out an encoder extrapolates to anything, but so far out p(x) is nothing.
_SEEN = 1e-12
#: Change between grids at which the coarser is good enough, nats.
_GRID_TOLERANCE = 1e-4


def own_negative_elbo(
    model: GenerativeModel, data: GenerativeModel, encoder: Encoder, *, seed: int = 0
) -> Estimate:
    """Average −ELBO_x of a network's own q over p(x), with an error radius.

    Parameters
    ----------
    model, data : GenerativeModel
    encoder : callable
        x (n, D) to μ and s, as many as the model has latents.
    seed : int
        Seed of quasi-Monte Carlo, for D > 2.

    Returns
    -------
    Estimate
        Nats.
    """
    if model.latent_dim > 1:
        several = partial(_at_own_q, model, encoder)
        return network_average(exact_model(data), several, seed, _STEPS)
    field = MeanField(model)

    def values(x: Array) -> tuple[Array, Array]:
        return field.negative_elbo(x, *_own_q(encoder, x)), np.zeros(len(x))

    return network_average(exact_model(data), values, seed, _STEPS)


def paired_gap(
    model: GenerativeModel, encoder: Encoder, averages: PosteriorAverages, repeats: int
) -> Estimate:
    """Average what a network's own q loses against the best q, over the draws of a decomposition.

    Both are taken at the same x, so that what the draws scatter by hardly enters.

    Parameters
    ----------
    model : GenerativeModel
        The network's decoder, of any number of latents.
    encoder : callable
        x (n, D) to μ and s.
    averages : PosteriorAverages
        Draws from p(x), with KL[q* ‖ p(z|x)] of this model.
    repeats : int
        Independent sets that the draws are of.

    Returns
    -------
    Estimate
        Nats.
    """
    x = averages.x
    own, errors = _at_own_q(model, encoder, x)
    p = exact_model(model).log_density(x)
    # −ELBO_x at the best q is its KL less log p(x), as KL was made: that cancels.
    lost = own - (averages.kl - p.value)
    rule = DrawRule(DataSample(x.reshape(repeats, -1, x.shape[1])))
    found = rule.average(lost, errors)
    # How much better some q may be than those that were found is in the radius of the PMO.
    return replace(found, error=found.error + averages.pmo_error)


def _at_own_q(model: GenerativeModel, encoder: Encoder, x: Array) -> tuple[Array, Array]:
    """Return −ELBO_x at the network's own q of several latents, and its radius."""
    return negative_elbo_at(model, x, *_own_q(encoder, x, model.latent_dim))


def _own_bound_excess(
    model: GenerativeModel,
    data: GenerativeModel,
    encoder: Encoder,
    objective: Objective,
    *,
    seed: int = 0,
) -> Estimate:
    """Average log p(x) − bound(x) of a network's own q over p(x), without sampling z.

    Parameters
    ----------
    model, data : GenerativeModel
        The network's decoder with its σ², and the ground truth.
    encoder : callable
        x (n, D) to μ and s.
    objective : Objective
        What the bound is; for the ELBO the result is the own −ELBO less the entropy.
    seed : int
        Seed of quasi-Monte Carlo, for D > 2.

    Returns
    -------
    Estimate
        Nats.
    """
    field, truth = MeanField(model), exact_model(data)

    def values(x: Array) -> tuple[Array, Array]:
        bound, errors = objective.negative_bound(field, x, *_own_q(encoder, x))
        p = truth.log_density(x)
        return p.value + bound, np.minimum(p.relative_error, 1.0) + errors

    return network_average(truth, values, seed, _IWAE_STEPS)


def own_excess(
    model: GenerativeModel,
    data: GenerativeModel,
    encoder: Encoder,
    entropy: Estimate,
    *,
    objective: Objective = ELBO,
    negative_elbo: Estimate | None = None,
    seed: int = 0,
) -> Estimate:
    """Compute J of an objective by a network's own encoder: −ELBO − H for the ELBO.

    Parameters
    ----------
    model, data : GenerativeModel
    encoder : callable
        x (n, D) to μ and s.
    entropy : Estimate
        H of the data distribution, nats.
    objective : Objective
        What the network was trained on.
    negative_elbo : Estimate, optional
        −ELBO of this encoder averaged over p(x), nats, if it is known already.
    seed : int
        Seed of quasi-Monte Carlo, for D > 2.

    Returns
    -------
    Estimate
        Nats.
    """
    if not objective.decomposed:
        return _own_bound_excess(model, data, encoder, objective, seed=seed)
    own = negative_elbo or own_negative_elbo(model, data, encoder, seed=seed)
    return own - entropy


def _own_q(encoder: Encoder, x: Array, latents: int = 1) -> tuple[Array, Array]:
    mean, scale = (np.asarray(part, dtype=np.float64) for part in encoder(x))
    expected = (len(x),) if latents == 1 else (len(x), latents)
    if mean.shape != expected or scale.shape != expected:
        raise ModelError(f"the encoder returned shapes {mean.shape} and {scale.shape}")
    if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0.0).all()):
        raise ModelError("the encoder returned a q(z|x) with NaN, inf or a scale of zero")
    return mean, scale


def network_average(
    data: ExactModel,
    values: Callable[[Points], tuple[PerPoint, PerPoint]],
    seed: int,
    steps: tuple[float, ...] = _STEPS,
) -> Estimate:
    """Average what a network's q gives over p(x), on finer grids while that changes it (D <= 2).

    Parameters
    ----------
    data : ExactModel
        Whose p(x) is averaged over.
    values : callable
        x (n, D) to a value each and its radius.
    seed : int
        Seed of quasi-Monte Carlo, for D > 2.
    steps : tuple of float
        Grid steps in σ, the finer ones last.

    Returns
    -------
    Estimate
    """
    for step in steps:
        rule = data_rule(data, step=step, seed=seed)
        each, errors = values(rule.x)
        # An encoder may have kinks, and extrapolates to anything where p(x) is nothing.
        seen = rule.mass > _SEEN * rule.mass.max()
        if rule.change(each) < _GRID_TOLERANCE or not on_grid(data):
            break
    return rule.average(each, errors, unseen=float(np.abs(each[seen]).max()))
