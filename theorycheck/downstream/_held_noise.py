"""The σ² that the ELBO selects where f is held: σ² = E_p E_q* |x − f|²/D, q* optimal at that σ²."""

from __future__ import annotations

import math

from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import as_field
from theorycheck.models import GenerativeModel, as_generative
from theorycheck.objectives import decompose
from theorycheck.quadrature import quasi_monte_carlo
from theorycheck.ruling import weakest

#: Relative change of σ² at which the fixed point of the draws counts as reached, and steps at most.
_SETTLED, _STEPS = 1e-4, 40
#: The error of a fixed point over its first-order estimate, as for the joint optimum.
_SAFETY = 2.0
#: Draws of the fit. What they miss is seen by the average over p(x) that follows; radius of the PMO
#: wanted there, nats.
_SIZE, _REPEATS = 128, 8
_TOLERANCE = 1e-2
#: Largest rate of the fit that is believed: fits slower than this are given a radius by it.
_SLOWEST = 0.95


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
        σ² of the fixed point next to where the fit begins, squared data units.

    Raises
    ------
    ModelError
        If a model has more than one latent, or another D.

    Notes
    -----
    Each step is Theorem 2's closed form with one σ² for all dimensions; −ELBO falls at each.
    """
    truth = as_generative(truth)
    held = truth if decoder is None else as_generative(decoder)
    if held.data_dim != truth.data_dim:
        raise ModelError(f"{held.name}: has D = {held.data_dim}, and the data {truth.data_dim}")
    variance, rate = _on_draws(truth, held, seed)
    found = decompose(held.with_noise_variance(variance), truth, tolerance=_TOLERANCE)
    refit = [one.value for one in found.residual_variance]
    error = sum(one.error for one in found.residual_variance) / len(refit)
    kind = weakest(one.kind for one in found.residual_variance) or Kind.ESTIMATED
    # The distance to the fixed point, to first order, from one exact step of the fit.
    step = (sum(refit) / len(refit) - variance) / (1.0 - rate)
    return Estimate(variance + step, _SAFETY * (0.25 * abs(step) + error / (1.0 - rate)), kind)


def _on_draws(truth: GenerativeModel, held: GenerativeModel, seed: int) -> tuple[float, float]:
    """Return the fixed point of the fit to draws, and the rate of its steps near it."""
    draws = quasi_monte_carlo(truth, size=_SIZE, repeats=_REPEATS, seed=seed)
    points = draws.x.reshape(-1, truth.data_dim)
    variance, change, rate = float(held.noise_variance.mean()), math.inf, 0.5
    for _ in range(_STEPS):
        field = as_field(held.with_noise_variance(variance))
        q = field.optimal_q(points, certify=False)
        fitted = float(field.expectations(points, q.mean, q.scale)[1].mean())
        moved = fitted - variance
        if math.isfinite(change) and change:
            rate = min(abs(moved / change), _SLOWEST)
        variance, change = fitted, moved
        if abs(moved) < _SETTLED * variance:
            break
    return variance, rate
