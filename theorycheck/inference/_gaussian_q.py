"""The best q = Π N(μ_k, s_k²) of many x in one form, whatever the number of latents."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Flags, PerPoint, Points
from theorycheck.errors import ModelError
from theorycheck.inference._exact_model import ExactModel
from theorycheck.inference._optimal_q import OptimalQ
from theorycheck.inference._product_q import OptimalProductQ
from theorycheck.progress import NO_PROGRESS, Progress

#: x that are worked through together.
_BATCH = 2_048


@runtime_checkable
class FindsQ(Protocol):
    """An exact model finds the mean-field q itself, with its means and scales."""

    def optimal_q(self, x: Points, /) -> OptimalQ | OptimalProductQ:
        """Find the best q of every x."""
        ...


class GaussianQ(NamedTuple):
    """The best q of some x.

    Parameters
    ----------
    mean, scale : ndarray, shape (n, K)
        μ and s.
    gap : ndarray, shape (n,)
        Nats by which q may miss its minimum.
    ambiguous : ndarray of bool, shape (n,)
        Whether a second minimum is as low, so that another q would do as well.
    """

    mean: Float64[Array, "n K"]
    scale: Float64[Array, "n K"]
    gap: PerPoint
    ambiguous: Flags


def gaussian_q(model: ExactModel, x: Points, progress: Progress = NO_PROGRESS) -> GaussianQ:
    """Find the best q of every x, for any number of latents.

    Parameters
    ----------
    model : ExactModel
        A model of latents z.
    x : ndarray, shape (n, D)
        Data points.
    progress : Progress
        Told how many x are done.

    Returns
    -------
    GaussianQ

    Raises
    ------
    ModelError
        If this kind of model does not say what its q is.
    """
    if not isinstance(model, FindsQ):
        raise ModelError(f"{model.model.name}: this kind of model does not say what its best q is")
    parts = []
    with progress.task("the best q at each x", len(x)) as advance:
        for start in range(0, len(x), _BATCH):
            best = model.optimal_q(x[start : start + _BATCH])
            count = len(best.negative_elbo)
            mean, scale = best.mean.reshape(count, -1), best.scale.reshape(count, -1)
            parts.append((mean, scale, best.gap, best.ambiguous))
            advance(count)
    mean, scale, gap, ambiguous = (np.concatenate(column) for column in zip(*parts, strict=True))
    return GaussianQ(mean, scale, gap, ambiguous)
