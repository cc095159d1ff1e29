"""The σ² that the ELBO selects where f is held: σ² = E_p E_q* |x − f|²/D, q* optimal at that σ²."""

from __future__ import annotations

import math

import numpy as np

from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import as_field
from theorycheck.models import GenerativeModel, as_generative
from theorycheck.quadrature import quasi_monte_carlo, sample_mean

#: Relative change of σ² at which the fixed point counts as reached, and steps at most.
_SETTLED, _STEPS = 1e-4, 40
#: The distance to a fixed point over its first-order estimate, as for the joint optimum.
_SAFETY = 2.0
_SIZE, _REPEATS = 256, 16


def held_noise_variance(
    truth: GenerativeModel,
    decoder: GenerativeModel | None = None,
    *,
    seed: int = 0,
) -> Estimate:
    """Fit one σ² to draws from the truth, f being held, until q* and σ² agree.

    Parameters
    ----------
    truth : GenerativeModel
        The ground truth p(x), of one latent.
    decoder : GenerativeModel, optional
        Whose f is held and whose σ² is where the fit begins; by default the truth.
    seed : int
        Seed of the draws.

    Returns
    -------
    Estimate
        σ² of the fixed point next to where the fit begins, squared data units; statistical.

    Raises
    ------
    ModelError
        If a model has more than one latent, or another D.

    Notes
    -----
    Each step is Theorem 2's closed form with one σ² for all dimensions; −ELBO falls at each.
    """
    held = as_generative(truth if decoder is None else decoder)
    if held.data_dim != truth.data_dim:
        raise ModelError(f"{held.name}: has D = {held.data_dim}, and the data {truth.data_dim}")
    draws = quasi_monte_carlo(as_generative(truth), size=_SIZE, repeats=_REPEATS, seed=seed)
    points = draws.x.reshape(-1, truth.data_dim)
    variance, change = float(held.noise_variance.mean()), math.inf
    for _ in range(_STEPS):
        field = as_field(held.with_noise_variance(variance))
        q = field.optimal_q(points, certify=False)
        _, squares = field.expectations(points, q.mean, q.scale)
        fitted = sample_mean(squares.mean(axis=1).reshape(draws.x.shape[:2]))
        moved = fitted.value - variance
        rate = min(abs(moved / change), 0.95) if math.isfinite(change) and change else 0.5
        variance, change = fitted.value, moved
        if abs(moved) < _SETTLED * variance:
            break
    left = _SAFETY * (abs(change) * rate + fitted.error) / (1.0 - rate)
    return Estimate(float(np.float64(variance)), left, Kind.STATISTICAL)
