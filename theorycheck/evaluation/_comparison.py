"""Learned against true: draws against draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from theorycheck.models import GenerativeModel


@dataclass(frozen=True)
class TwoSample:
    """The energy distance of two samples, with a permutation test.

    Parameters
    ----------
    distance : float
        2 E|x − y| − E|x − x′| − E|y − y′|, in units of x; zero iff the laws agree.
    p_value : float
        Share of random relabellings with at least that distance.
    size : int
        Draws a side.
    seed : int
    """

    distance: float
    p_value: float
    size: int
    seed: int

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "energy_distance": self.distance,
            "p_value": self.p_value,
            "size": self.size,
            "seed": self.seed,
        }


def energy_test(
    model: GenerativeModel,
    data: GenerativeModel,
    *,
    size: int = 500,
    relabellings: int = 499,
    seed: int = 0,
) -> TwoSample:
    """Test whether draws of a model and of the data have the same law.

    Parameters
    ----------
    model, data : GenerativeModel
    size : int
        Draws a side.
    relabellings : int
    seed : int

    Returns
    -------
    TwoSample
    """
    first, second, labels = np.random.default_rng(seed).spawn(3)
    points = np.concatenate([model.sample(size, first)[1], data.sample(size, second)[1]])
    distances = cdist(points, points)
    sides = np.tile(np.repeat([1.0, -1.0], size), (relabellings + 1, 1))
    sides[1:] = labels.permuted(sides[1:], axis=1)
    # With labels ±1, Σ labels_i labels_j |x_i − x_j| is minus the energy distance times n².
    statistics = -np.einsum("ri,ri->r", sides @ distances, sides) / size**2
    # The observed labelling counts as one of them, so that a p-value is never zero.
    p_value = float(np.mean(statistics >= statistics[0] * (1.0 - 1e-12)))
    return TwoSample(float(statistics[0]), p_value, size, seed)
