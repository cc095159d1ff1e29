"""log p(x) as people estimate it: importance averages over S draws of z from q(z|x).

log (1/S) Σ_s p(x, z_s)/q(z_s|x) is an unbiased estimate of no logarithm: by Jensen its mean lies
below log p(x), by less the larger S is and the nearer q is to the posterior. Where log p(x) is
known, the error of every single estimate is known, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import logsumexp

from theorycheck.arrays import Array, Integers, PerPoint, Points
from theorycheck.models import GenerativeModel
from theorycheck.progress import NO_PROGRESS, Progress

#: Nats from log p(x) from which an estimate counts as off.
OFF = 0.1
#: Numbers f(z) held at once.
_AT_ONCE = 4_000_000


@dataclass(frozen=True, eq=False)
class ImportanceDraws:
    """Estimates of log p(x) by S draws each, beside the exact values.

    Parameters
    ----------
    samples : int
        S.
    rows : ndarray of int, shape (m,)
        Which of the x it was done for.
    estimate : ndarray, shape (m,)
        The estimates, nats.
    exact : ndarray, shape (m,)
        log p(x), nats.
    """

    samples: int
    rows: Int64[Integers, " m"]
    estimate: Float64[Array, " m"]
    exact: Float64[Array, " m"]

    @property
    def error(self) -> Float64[Array, " m"]:
        """Estimate less log p(x), nats."""
        result: Array = self.estimate - self.exact
        return result

    @property
    def share_off(self) -> float:
        """Share of the x at which it is off by more than 0.1 nats."""
        return float((np.abs(self.error) > OFF).mean())

    def to_dict(self) -> dict[str, object]:
        """Return what the errors are like for JSON."""
        error = self.error
        return {
            "samples": self.samples,
            "points": len(error),
            "mean_error": float(error.mean()),
            "root_mean_square_error": float(np.sqrt(np.mean(error**2))),
            "worst_error": float(error[np.argmax(np.abs(error))]),
            "share_off": self.share_off,
            "off_by": OFF,
        }


def importance_draws(
    model: GenerativeModel,
    x: Points,
    exact: PerPoint,
    mean: Float64[Array, "n K"],
    scale: Float64[Array, "n K"],
    samples: int,
    *,
    most: int = 200,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> ImportanceDraws:
    """Estimate log p(x) by S draws from q(z|x), for some of the x.

    Parameters
    ----------
    model : GenerativeModel
        Decoder and σ².
    x : ndarray, shape (n, D)
        Data points.
    exact : ndarray, shape (n,)
        log p(x), nats.
    mean, scale : ndarray, shape (n, K)
        μ and s of q(z|x).
    samples : int
        S.
    most : int
        How many of the x, chosen at random, at most.
    seed : int
        Of choice and draws.
    progress : Progress
        Told how many x are done.

    Returns
    -------
    ImportanceDraws
    """
    choice, draws = np.random.default_rng(seed).spawn(2)
    rows = np.sort(choice.permutation(len(x))[:most])
    estimate = np.empty(len(rows))
    inverse = 1.0 / model.sigma
    constant = -0.5 * float(np.log(2.0 * math.pi * model.noise_variance).sum())
    together = max(1, _AT_ONCE // model.data_dim)
    with progress.task(f"importance averages of {samples} draws", len(rows)) as advance:
        for place, row in enumerate(rows):
            noise = draws.standard_normal((samples, mean.shape[1]))
            z = mean[row] + scale[row] * noise
            log_ratio = 0.5 * (noise**2 - z**2).sum(axis=1) + np.log(scale[row]).sum()
            log_x = np.empty(samples)
            for start in range(0, samples, together):
                part = slice(start, start + together)
                latents = z[part] if model.latent_dim > 1 else z[part, 0]
                apart = (x[row] - model.decoder(np.ascontiguousarray(latents))) * inverse
                log_x[part] = constant - 0.5 * np.einsum("sd,sd->s", apart, apart)
            estimate[place] = logsumexp(log_x + log_ratio) - math.log(samples)
            advance(1)
    return ImportanceDraws(samples, rows, estimate, exact[rows])
