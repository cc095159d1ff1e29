"""Score an inference method: how far its q(z|x) is from the best Gaussian q, x by x."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.dataset._samples import ExactSample, draw
from theorycheck.errors import ModelError
from theorycheck.inference import MeanField
from theorycheck.models import GenerativeModel, benchmark

#: Nats within which a q counts as having found the optimum.
_FOUND = 1e-3


@dataclass(frozen=True, eq=False)
class PosteriorScore:
    """The gap −ELBO_x(q) − min −ELBO_x of an inference method over draws from p(x).

    Parameters
    ----------
    gap : ndarray, shape (n,)
        Nats, for every draw; not below 0 but for rounding.
    sample : ExactSample
        The draws, with the exact optimum at each.
    """

    gap: PerPoint
    sample: ExactSample

    @property
    def mean(self) -> float:
        """Return the mean gap, nats: what the method loses of the ELBO."""
        return float(self.gap.mean())

    @property
    def standard_error(self) -> float:
        """Return the standard error of the mean gap over the draws, nats."""
        count = len(self.gap)
        return float(self.gap.std(ddof=1)) / math.sqrt(count) if count > 1 else math.inf

    @property
    def largest(self) -> float:
        """Return the largest gap, nats."""
        return float(self.gap.max())

    @property
    def share_found(self) -> float:
        """Return the share of draws at which the gap is below 1e-3 nats."""
        return float(np.mean(self.gap < _FOUND))

    @property
    def mean_kl(self) -> float:
        """Return the mean KL[q ‖ p(z|x)], nats: the gap and what no Gaussian can avoid."""
        return float((self.gap + self.sample.kl).mean())

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "benchmark": self.sample.model.name,
            "gap": self.mean,
            "standard_error": None if math.isinf(self.standard_error) else self.standard_error,
            "largest": self.largest,
            "share_found": self.share_found,
            "mean_kl": self.mean_kl,
            "size": self.sample.size,
            "seed": self.sample.seed,
        }


def score_posterior(
    q: Callable[[Points], tuple[ArrayLike, ArrayLike]],
    name: str | GenerativeModel,
    *,
    size: int = 1000,
    seed: int = 0,
) -> PosteriorScore:
    """Score an inference method for a benchmark's model.

    Parameters
    ----------
    q : callable
        x of shape (n, D) to mean and scale (standard deviation) of q(z|x), each of shape (n,) or
        (n, 1); any framework, numpy arrays in and out.
    name : str or GenerativeModel
        The benchmark whose posterior is to be approximated.
    size, seed : int
        Draws from p(x).

    Returns
    -------
    PosteriorScore

    Raises
    ------
    ModelError
        If q returns the wrong shape, NaN, or a scale that is not positive.
    LoadingError
        If there is no such benchmark.
    """
    model = benchmark(name) if isinstance(name, str) else name
    sample = draw(model, size=size, seed=seed)
    # A copy: the method may write into what it is given.
    answer = q(sample.x.copy())
    try:
        given_mean, given_scale = answer
    except (TypeError, ValueError) as error:
        raise ModelError("q must return two arrays, mean and scale") from error
    mean = _one_each(given_mean, size, "mean")
    scale = _one_each(given_scale, size, "scale")
    if not (scale > 0.0).all():
        raise ModelError("q returned a scale that is not positive; is it a log-scale?")
    gap = MeanField(model).negative_elbo(sample.x, mean, scale) - sample.negative_elbo
    return PosteriorScore(gap, sample)


def _one_each(values: ArrayLike, size: int, what: str) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError(f"q returned a {what} that is no array of numbers") from error
    if array.shape not in ((size,), (size, 1)):
        raise ModelError(f"q returned a {what} of shape {array.shape} for {size} points x")
    if not np.isfinite(array).all():
        raise ModelError(f"q returned a {what} with NaN or infinite entries")
    return array.reshape(size)
