"""What counts as a mode of p_θ(z|x), and how many there are, for many x at once.

A mode is a local maximum of the density p_θ(z|x) in z that stands out: log p_θ(z|x) falls by at
least MODE_PROMINENCE on the way to any higher maximum (its *prominence*, in topology its
persistence). Of two maxima that are equally high one has the other's dip for its prominence, and
the other is the higher one of the two by convention; a plateau is one maximum. A mode's mass is
what the posterior holds between the lowest points to its left and right, and a mode *counts* if
that is at least MODE_MASS.

Why not every local maximum: their number is no property of a posterior that can be known or felt.
A change of f by next to nothing makes two of one, as do the corners of a decoder that a search
stores as a table of straight pieces; maxima that stand out do not depend on such changes, since a
change of log p(z|x) by at most h changes prominences by at most 2h. Nor does a Gaussian q feel a
dip of a hundredth of a nat. The mass alone says nothing against it: between two halves of a wide
plateau with a ripple on it there is no less mass than between two modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Booleans, Counts
from theorycheck.errors import SettingError
from theorycheck.inference._marginal import as_panels, as_points
from theorycheck.inference._posterior_weights import posterior_weights
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import LatentPanels

#: Posterior mass from which a mode counts: a Gaussian q that leaves out a mode of less mass loses
#: no more than −log(1 − 0.05) = 0.05 nats by it.
MODE_MASS = 0.05
#: Nats that log p(z|x) must fall between two maxima for them to be two modes: a hundredth, by
#: which the density falls by 1 %. Corners of tables, and rounding, leave shallower dips: on the
#: denser half of figure8's p(x) 22 % of the posteriors at the stored optimum, a table, have several
#: maxima, 8.4 % several modes by this or by a tenth of it, and 8.6 % of those at a smooth curve
#: through the table several maxima (docs/numbers.md).
MODE_PROMINENCE = 0.01
#: Nats below its maximum at which the posterior is not looked at: no mode that counts is there.
_DEPTH = 40.0


def count_modes(
    model: GenerativeModel | LatentPanels, x: ArrayLike, *, smallest_mass: float = MODE_MASS
) -> Counts:
    """Count the modes of p_θ(z|x) that hold enough of its mass.

    :func:`theorycheck.inference.posterior` lists the same modes at one x, with their
    places.

    Parameters
    ----------
    model : GenerativeModel or LatentPanels
        The model; panels of it are taken as they are.
    x : array_like, shape (n, D)
        Data points.
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
    # One maximum holds all of the mass; only rows with more need a walk along z.
    result = np.ones(len(points), dtype=np.int64)
    for chunk in posterior_weights(panels, points):
        top = chunk.log_joint.max(axis=1, keepdims=True)
        row, column = np.nonzero(local_maxima(chunk.log_joint) & (chunk.log_joint > top - _DEPTH))
        first = np.searchsorted(row, np.arange(len(top) + 1))
        for k in np.flatnonzero(np.diff(first) > 1):
            maxima = column[first[k] : first[k + 1]].tolist()
            _, valleys = prominent(chunk.log_joint[k], maxima)
            held = masses(chunk.weight[k], valleys)
            result[chunk.rows.start + k] = int((held >= smallest_mass).sum())
    return result


def local_maxima(heights: Float64[Array, "n nodes"]) -> Bool[Booleans, "n nodes"]:
    """Tell at which nodes a function has its local maxima; of a plateau, at the last one.

    Parameters
    ----------
    heights : ndarray, shape (n, M)
        n functions at M nodes in ascending order.

    Returns
    -------
    ndarray of bool, shape (n, M)
    """
    edge = np.full((len(heights), 1), -np.inf)
    padded = np.concatenate([edge, heights, edge], axis=1)
    found: Booleans = (heights >= padded[:, :-2]) & (heights > padded[:, 2:])
    return found


def prominent(
    heights: Float64[Array, " nodes"], maxima: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Keep the maxima with a prominence of MODE_PROMINENCE, and find the minima between them.

    Parameters
    ----------
    heights : ndarray, shape (M,)
        log p(z|x) at the nodes, up to a constant, nats.
    maxima : sequence of int
        All of its local maxima that matter, ascending.

    Returns
    -------
    peaks, valleys : list of int
        n nodes of maxima and n − 1 of the lowest points between them.
    """
    peaks = list(maxima)
    valleys = [a + int(np.argmin(heights[a : b + 1])) for a, b in pairwise(peaks)]
    while valleys:
        depth = [
            min(heights[peaks[j]], heights[peaks[j + 1]]) - heights[valley]
            for j, valley in enumerate(valleys)
        ]
        shallow = int(np.argmin(depth))
        if depth[shallow] >= MODE_PROMINENCE:
            break
        # Of the two maxima beside it the higher one stands for both.
        left_is_lower = heights[peaks[shallow]] < heights[peaks[shallow + 1]]
        del valleys[shallow], peaks[shallow + (0 if left_is_lower else 1)]
    return peaks, valleys


def masses(weight: Float64[Array, " nodes"], valleys: Sequence[int]) -> Float64[Array, " modes"]:
    """Return what a posterior holds between minima, each node's mass on the right of its own.

    Parameters
    ----------
    weight : ndarray, shape (M,)
        Posterior mass at the nodes.
    valleys : sequence of int
        Nodes of n − 1 minima, ascending.

    Returns
    -------
    ndarray, shape (n,)
    """
    cumulative = np.concatenate([[0.0], np.cumsum(weight)])
    return np.diff(cumulative[[0, *valleys, len(weight)]])
