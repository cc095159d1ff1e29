"""σ² that explains a table of x best at a given f: EM for the exact likelihood.

σ² ← (1/nD) Σ_i E[|x_i − f(z)|² | x_i] never lowers the mean of log p(x) over the table. Steps are
lengthened by Aitken's rule in log σ², and taken only where the likelihood does not fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theorycheck.arrays import PerDimension, Points
from theorycheck.inference import exact_model
from theorycheck.models import GenerativeModel
from theorycheck.progress import NO_PROGRESS, Progress

#: Relative change of σ² at which the fit ends, and steps at most.
_TOLERANCE, _STEPS = 1e-4, 40
#: Largest factor by which a step is lengthened.
_LONGEST = 20.0


@dataclass(frozen=True, eq=False)
class FittedNoise:
    """σ² of largest mean log p(x) over a table, one for all dimensions.

    Parameters
    ----------
    model : GenerativeModel
        f with this σ².
    steps : int
        EM steps that were taken.
    change : float
        Relative change of σ² by the last one.
    """

    model: GenerativeModel
    steps: int
    change: float

    @property
    def converged(self) -> bool:
        """Whether the last step changed σ² by less than the tolerance."""
        return self.change < _TOLERANCE


def fit_noise_to_sample(
    model: GenerativeModel, x: Points, progress: Progress = NO_PROGRESS
) -> FittedNoise:
    """Fit one σ² to a table of x by exact likelihood, f held.

    Parameters
    ----------
    model : GenerativeModel
        f, with the σ² to start from.
    x : ndarray, shape (n, D)
        The table.
    progress : Progress
        Told of every step.

    Returns
    -------
    FittedNoise
    """
    log_variance = float(np.log(model.noise_variance).mean())
    previous: float | None = None
    change, steps = np.inf, 0
    with progress.task("fitting σ² by exact likelihood", None) as advance:
        while steps < _STEPS:
            steps += 1
            engine = exact_model(_with(model, log_variance))
            moved = float(np.log(engine.posterior_squares(x).mean())) - log_variance
            change = abs(np.expm1(moved))
            advance(1)
            if change < _TOLERANCE:
                log_variance += moved
                break
            factor = 1.0
            if previous is not None and 0.0 < moved / previous < 1.0:
                factor = min(1.0 / (1.0 - moved / previous), _LONGEST)
            previous = moved
            # A lengthened step spoils the ratio of the next two: one plain step in between.
            log_variance += factor * moved
            if factor > 1.0:
                previous = None
    return FittedNoise(_with(model, log_variance), steps, float(change))


def _with(model: GenerativeModel, log_variance: float) -> GenerativeModel:
    variance: PerDimension = np.full(model.data_dim, np.exp(log_variance))
    return GenerativeModel(model.decoder, variance)
