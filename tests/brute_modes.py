"""An independent count of the modes of p(z|x), on an even grid of z; no code of the engine.

The engine removes shallow dips one by one on its Gauss nodes. Here the posterior is flooded from
above, as in the definition of persistence: a maximum is born at its height and dies where its
island meets that of a higher one; it is a mode if it lived for `prominence` nats. The basins of the
modes are then what lies between the lowest points between them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from theorycheck.models._generative import GenerativeModel

Array = NDArray[np.float64]


def number_of_modes(
    model: GenerativeModel, x: Array, *, prominence: float, mass: float, nodes: int = 40_001
) -> NDArray[np.int64]:
    """Count the modes of p(z|x), each of `prominence` nats and of a `mass`, for x (n, D)."""
    z = np.linspace(-8.0, 8.0, nodes)
    f = model.decoder(z)
    variance = np.asarray(model.noise_variance)
    found = []
    for point in np.asarray(x, dtype=float):
        log_joint = -0.5 * z**2 - 0.5 * ((point - f) ** 2 / variance).sum(axis=1)
        density = np.exp(log_joint - log_joint.max())
        cuts = _separating_minima(log_joint, prominence)
        held = [part.sum() for part in np.split(density / density.sum(), cuts)]
        found.append(sum(part >= mass for part in held))
    return np.array(found)


def _separating_minima(height: Array, prominence: float) -> list[int]:
    """Return the grid points at which two islands met that were both high enough, ascending."""
    rise = np.sign(np.diff(height))
    # A plateau is its first point: without the steps of no rise maxima and minima alternate.
    point = np.concatenate([[0], 1 + np.flatnonzero(rise)])
    h = height[point]
    up = np.concatenate([[True], np.diff(h) > 0.0, [False]])
    maxima = point[up[:-1] & ~up[1:]]
    minima = [a + int(np.argmin(height[a : b + 1])) for a, b in pairwise(maxima)]
    island = list(range(len(maxima)))

    def home(k: int) -> int:
        while island[k] != k:
            k = island[k]
        return k

    cuts = []
    # The water falls: the highest pass between two islands is dry first.
    for k in sorted(range(len(minima)), key=lambda k: -height[minima[k]]):
        low, high = sorted((home(k), home(k + 1)), key=lambda i: height[maxima[i]])
        if height[maxima[low]] - height[minima[k]] >= prominence:
            cuts.append(minima[k])
        island[low] = high
    return sorted(cuts)
