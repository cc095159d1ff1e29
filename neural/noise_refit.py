"""σ² refitted to a trained network by Theorem 2: the mean squared residual under its own q."""

from __future__ import annotations

from typing import Any

import numpy as np

from neural.amortisation import Encoder, encoder_of_module
from neural.training import Trained
from theorycheck.estimate import Estimate, Kind
from theorycheck.models.generative import GenerativeModel
from theorycheck.theorems.noise_optimum import mean_of

#: Draws of x, and of z for each: a standard error of a few thousandths of σ² on the benchmarks.
_POINTS, _LATENTS = 20_000, 8
#: Radii are so many standard errors.
_STANDARD_ERRORS = 5.0


def own_refit(
    model: GenerativeModel, data: GenerativeModel, encoder: Encoder, *, seed: int = 0
) -> tuple[Estimate, ...]:
    """Estimate E_p E_q (x_d − f_d(z))², with q the network's own encoder.

    Parameters
    ----------
    model : GenerativeModel
        Trained decoder; its σ² plays no part.
    data : GenerativeModel
        Ground truth, to which p(x) belongs.
    encoder : callable
        x (n, D) to μ and s.
    seed : int
        Of the draws.

    Returns
    -------
    tuple of Estimate
        One for each data dimension; radii are five standard errors over draws of x.
    """
    points, latents = np.random.default_rng(seed).spawn(2)
    _, x = data.sample(_POINTS, points)
    mean, scale = encoder(x)
    square = np.zeros_like(x)
    for _ in range(_LATENTS):
        z = mean + scale * latents.standard_normal(len(x))
        square += (x - model.decoder(z)) ** 2 / _LATENTS
    error = _STANDARD_ERRORS * square.std(axis=0, ddof=1) / np.sqrt(len(x))
    return tuple(
        Estimate(float(value), float(radius), Kind.STATISTICAL)
        for value, radius in zip(square.mean(axis=0), error, strict=True)
    )


def refit_of_restart(trained: Trained, restart: int) -> Estimate:
    """Return a restart's refit as one σ² for all data dimensions: the mean over them.

    Parameters
    ----------
    trained : Trained
    restart : int

    Returns
    -------
    Estimate
    """
    data: Any = trained.trainer.model
    encoder = encoder_of_module(trained.encoder(restart))
    return mean_of(own_refit(trained.model(restart), data, encoder, seed=trained.settings.seed))
