"""Draws of (x, y) from the ground truth, in repetitions whose spread gives a standard error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from theorycheck.arrays import Array, Counts, Integers, Points
from theorycheck.downstream._classes import LatentClasses
from theorycheck.estimate import Estimate, hull
from theorycheck.models import GenerativeModel, as_generative
from theorycheck.quadrature import quasi_draws, sample_mean


@dataclass(frozen=True, eq=False)
class Population:
    """Quasi-random draws from p(x, y), in R repetitions of n.

    Parameters
    ----------
    x : ndarray, shape (R, n, D)
        Data points.
    labels : ndarray of int, shape (R, n)
        Their classes.
    """

    x: Float64[Array, "repeats n D"]
    labels: Int64[Integers, "repeats n"]

    @property
    def points(self) -> Points:
        """Return all x, one repetition after the other: (R n, D)."""
        return self.x.reshape(-1, self.x.shape[2])

    @property
    def classes(self) -> Counts:
        """Return the classes of `points`."""
        return self.labels.ravel()

    def share(self, surely: Float64[Array, " all"], perhaps: Float64[Array, " all"]) -> Estimate:
        """Average a number that is known of each x to lie between two.

        Parameters
        ----------
        surely, perhaps : ndarray, shape (R n,)
            The least and the largest that it can be, from −1 to 1.

        Returns
        -------
        Estimate
            Statistical: it holds both averages with their standard errors.
        """
        low, high = (
            sample_mean(part.reshape(self.labels.shape), one_draw=1.0) for part in (surely, perhaps)
        )
        return hull(low, high)


def draw_population(
    model: GenerativeModel, classes: LatentClasses, *, size: int, repeats: int, seed: int
) -> Population:
    """Draw (x, y) by scrambled Sobol points in (z, noise).

    Parameters
    ----------
    model : GenerativeModel
        The ground truth, of one latent.
    classes : LatentClasses
        y by z.
    size : int
        Draws a repetition, rounded up to a power of two.
    repeats : int
        Independent scramblings, at least 2.
    seed : int
        Seed of the scramblings.

    Returns
    -------
    Population

    Raises
    ------
    ModelError
        If the model is not of one latent.
    SettingError
        If `repeats` < 2 or `size` < 1.
    """
    model = as_generative(model)
    z, x = quasi_draws(model, size=size, repeats=repeats, seed=seed)
    return Population(x, np.stack([classes.of(row) for row in z]))
