"""How many modes p_θ(z|x) has, for many x at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorycheck.errors import SettingError
from theorycheck.inference._marginal import as_panels, as_points
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import LatentPanels

Array = NDArray[np.float64]

#: Posterior mass from which a mode counts: a Gaussian q that leaves out a mode of less mass loses
#: no more than −log(1 − 0.05) = 0.05 nats by it.
MODE_MASS = 0.05
#: Nats that log p(z|x) must fall between two maxima for them to be two: the corners of a decoder
#: of straight pieces, and rounding, leave shallower dips.
MODE_DIP = 0.01
#: Nats below its maximum at which the posterior is not looked at: no mode that counts is there.
_DEPTH = 40.0
#: Entries of the matrix of x against nodes that is held at a time.
_CHUNK = 2_000_000


def count_modes(
    model: GenerativeModel | LatentPanels, x: ArrayLike, *, smallest_mass: float = MODE_MASS
) -> NDArray[np.int64]:
    """Count the modes of p_θ(z|x) that hold enough of its mass.

    A mode's mass is that between the minima to its left and right, as in
    :func:`theorycheck.inference.posterior`, which finds the modes at one x with their
    places; here maxima with hardly a dip between them are one mode.

    Parameters
    ----------
    model : GenerativeModel or LatentPanels
    x : array_like, shape (n, D)
    smallest_mass : float
        Posterior mass from which a mode counts, in (0, 1).

    Returns
    -------
    ndarray of int, shape (n,)
        0 where no mode holds as much.

    Raises
    ------
    SettingError
        If the mass is out of range.
    ModelError
        If x has the wrong shape or is not finite.
    """
    if not 0.0 < smallest_mass < 1.0:
        raise SettingError(f"a mode's mass must lie between 0 and 1, not {smallest_mass}")
    panels = as_panels(model)
    points = as_points(x, panels.model.data_dim)
    rows = max(1, _CHUNK // panels.z.size)
    counts = [
        _count(panels, points[first : first + rows], smallest_mass)
        for first in range(0, len(points), rows)
    ]
    return np.concatenate([np.zeros(0, dtype=np.int64), *counts])


def _count(panels: LatentPanels, points: Array, smallest_mass: float) -> NDArray[np.int64]:
    log_joint = np.broadcast_to(-0.5 * panels.z**2, (len(points), panels.z.size)).copy()
    for d, sigma in enumerate(panels.model.sigma):
        log_joint -= 0.5 * ((points[:, d, None] - panels.f[d]) / sigma) ** 2
    log_joint -= log_joint.max(axis=1, keepdims=True)
    mass = np.exp(np.maximum(log_joint, -745.0)) * panels.rule_weight
    cumulative = np.cumsum(mass, axis=1)
    cumulative /= cumulative[:, -1:]
    edge = np.full((len(points), 1), -math.inf)
    padded = np.concatenate([edge, log_joint, edge], axis=1)
    peak = (log_joint >= padded[:, :-2]) & (log_joint > padded[:, 2:]) & (log_joint > -_DEPTH)
    row, column = np.nonzero(peak)
    first = np.searchsorted(row, np.arange(len(points) + 1))
    # One maximum holds all of the mass; only rows with more need a walk along z.
    result = np.ones(len(points), dtype=np.int64)
    for k in np.flatnonzero(np.diff(first) > 1):
        valleys = _valleys(log_joint[k], column[first[k] : first[k + 1]].tolist())
        # The node of a minimum belongs to the mode on its right.
        at = np.array([0.0, *(cumulative[k, valley - 1] for valley in valleys), 1.0])
        result[k] = int((np.diff(at) > smallest_mass).sum())
    return result


def _valleys(log_joint: Array, maxima: Sequence[int]) -> list[int]:
    """Return the nodes of the minima between maxima, without those that are hardly a dip."""
    peaks = list(maxima)
    valleys = [a + int(np.argmin(log_joint[a : b + 1])) for a, b in pairwise(peaks)]
    while valleys:
        depth = [
            min(log_joint[peaks[j]], log_joint[peaks[j + 1]]) - log_joint[valley]
            for j, valley in enumerate(valleys)
        ]
        shallow = int(np.argmin(depth))
        if depth[shallow] >= MODE_DIP:
            break
        # Of the two maxima beside it the higher one stands for both.
        left_is_lower = log_joint[peaks[shallow]] < log_joint[peaks[shallow + 1]]
        del valleys[shallow], peaks[shallow + (0 if left_is_lower else 1)]
    return valleys
