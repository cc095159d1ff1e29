"""L_S(x) of a model of two latents at given q, and the q = N(μ₁, s₁²) N(μ₂, s₂²) of largest L_S.

Newton's method from the minima of −ELBO, the same made wider, the Gaussian with the posterior's
means and variances, a wider one, and the one that spans the two lowest minima: global in the sense
of these starts. What is reported is L_S at a q that exists, a lower bound on the largest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import SupportsIndex

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Booleans, Flags, Integers, Points
from theorycheck.inference._boxed_marginal import by_products
from theorycheck.inference._boxed_posterior import box_weights
from theorycheck.inference._descent import STEPS, Local, descend
from theorycheck.inference._iwae_bound import (
    ImportanceBound,
    checked_q,
    checked_samples,
    settled_bound,
)
from theorycheck.inference._marginal import as_points
from theorycheck.inference._mean_field_boxes import MeanFieldBoxes
from theorycheck.inference._minima import Minima, distinct, lowest
from theorycheck.inference._plane_iwae import (
    FIRST_LEVEL,
    TOLERANCE,
    PlaneIwae,
    by_levels,
)
from theorycheck.inference._product_q import OptimalProductQ
from theorycheck.models import GenerativeModel

#: How much wider than a minimum of −ELBO, and than the posterior, further starts are: as for one
#: latent.
_WIDENINGS, _MATCHED_WIDER = (1.0, 1.6, 3.0), 1.7
#: Nats below the best start down to which one is followed, how near two starts count as one, in
#: scales, and starts of one x that are followed.
_START_MARGIN, _SAME_START, _FOLLOWED = 1.0, 0.25, 3
#: Newton steps after which those that have come together are one, and those that are so many nats
#: below the best are given up.
_FEW_STEPS, _TOGETHER, _LEFT = 4, 0.2, 0.2
#: Gain that a step must promise, nats, or in the tolerance; least log scale; optima that are kept.
_GAIN, _GAIN_OF_TOLERANCE, _FLOOR, _OPTIMA = 1e-11, 1e-2, -16.0, 4
#: Nats that a rule may leave open where starts are compared, and where an optimum is followed, the
#: last halving there, and nats below the best within which an optimum is settled by finer rules.
_COMPARED_TO, _FOLLOWED_TO, _LAST_FOLLOWED, _CONTENDER = 1e-2, 1e-6, 4, 1e-3


@dataclass(frozen=True, eq=False)
class OptimalPlaneIwaeQ:
    """The q(z|x) = N(mean₁, scale₁²) N(mean₂, scale₂²) of largest L_S for many x.

    Parameters
    ----------
    mean, scale : ndarray, shape (n, 2)
        μ and s.
    bound : ImportanceBound
        L_S(x) there.
    optima : ndarray, shape (n, 4, 5)
        μ, log s and −L_S of the distinct local optima found, best first; NaN beyond. To 1e-6 nats,
        those within 1e-3 nats of the best to the tolerance.
    """

    mean: Float64[Array, "n 2"]
    scale: Float64[Array, "n 2"]
    bound: ImportanceBound
    optima: Float64[Array, "n 4 5"]

    @cached_property
    def ambiguous(self) -> Flags:
        """Tell for each x whether another optimum lies within 1e-9 nats of the best."""
        gaps = self.optima[:, 1, -1] - self.optima[:, 0, -1]
        result: Booleans = np.nan_to_num(gaps, nan=np.inf) < 1e-9
        return result


def plane_iwae_bound(
    model: GenerativeModel | MeanFieldBoxes,
    x: ArrayLike,
    mean: ArrayLike,
    scale: ArrayLike,
    samples: SupportsIndex,
    *,
    tolerance: float = TOLERANCE,
) -> ImportanceBound:
    """Compute L_S(x) of a model of two latents for any q = N(μ₁, s₁²) N(μ₂, s₂²).

    Parameters
    ----------
    model : GenerativeModel or MeanFieldBoxes
        A model of two latents.
    x : array_like, shape (n, D)
        Data points.
    mean, scale : array_like, broadcast to shape (n, 2)
        μ and s of q.
    samples : int
        S; the ELBO is S = 1.
    tolerance : float
        Nats that the rules in z may leave open: they are made finer until then, up to 2⁵ nodes a
        standard deviation of q.

    Returns
    -------
    ImportanceBound
        The error radius is about 1e-9 nats where f is smooth; else what coarser rules, every second
        row or column of nodes, say differently. Of what is narrower than both they do not speak.

    Raises
    ------
    ModelError
        If the model has not two latents, x, μ or s has the wrong shape or is not finite, or s is
        not positive.
    SettingError
        If S is no integer from 1 to 10⁹.
    """
    count = checked_samples(samples)
    engine = PlaneIwae(model if isinstance(model, GenerativeModel) else model.model, count)
    points = as_points(x, engine.model.data_dim)
    means, scales = checked_q(mean, scale, (len(points), 2))
    at = np.concatenate([means, np.log(scales)], axis=1)
    return settled_bound(engine.bound(points, at, tolerance), count)


def optimal_plane_iwae_q(
    model: GenerativeModel | MeanFieldBoxes,
    x: ArrayLike,
    samples: SupportsIndex,
    *,
    elbo_optimum: OptimalProductQ | None = None,
    tolerance: float = TOLERANCE,
) -> OptimalPlaneIwaeQ:
    """Find the q = N(μ₁, s₁²) N(μ₂, s₂²) of largest L_S(x) for every x.

    Parameters
    ----------
    model : GenerativeModel or MeanFieldBoxes
        A model of two latents, or what was built for it already.
    x : array_like, shape (n, D)
        Data points.
    samples : int
        S.
    elbo_optimum : OptimalProductQ, optional
        The optimal q for S = 1 at the same x, if it is at hand.
    tolerance : float
        Nats that the rules in z may leave open of the L_S that is reported; if more than 1e-6, of
        those on the way there too.

    Returns
    -------
    OptimalPlaneIwaeQ

    Raises
    ------
    ModelError
        If the model has not two latents, or x has the wrong shape or is not finite.
    SettingError
        If S is no integer from 1 to 10⁹.
    """
    count = checked_samples(samples)
    field = MeanFieldBoxes(model) if isinstance(model, GenerativeModel) else model
    engine = PlaneIwae(field.model, count)
    points = as_points(x, field.model.data_dim)
    first = field.optimal_q(points) if elbo_optimum is None else elbo_optimum
    found = _Search(engine, points, tolerance).run(*_starts(field, points, first))
    best = found.best(len(points), 1)[:, 0]
    bound = settled_bound(engine.bound(points, best[:, :4].copy(), tolerance), count)
    optima = found.best(len(points), _OPTIMA)
    optima[:, 0, -1] = -bound.value
    return OptimalPlaneIwaeQ(best[:, :2].copy(), np.exp(best[:, 2:4]), bound, optima)


class _Search:
    """The ascent of many x from given starts.

    What a rule leaves open counts against a q: a rule that is too coarse for it may overrate it by
    nats, and an ascent would make use of that.
    """

    def __init__(self, engine: PlaneIwae, x: Points, tolerance: float) -> None:
        self._engine, self._x, self._tolerance = engine, x, tolerance
        self._gain = max(_GAIN, _GAIN_OF_TOLERANCE * tolerance)

    def run(self, row: Integers, points: Array) -> Minima:
        """Climb from starts; return the optima, sorted by x and −L_S."""
        found, levels = self._valued(row, points, _COMPARED_TO, _SAME_START)
        place = np.arange(found.row.size) - np.searchsorted(found.row, found.row)
        kept = (found.value <= self._best(found) + _START_MARGIN) & (place < _FOLLOWED)
        found, levels = found.only(kept), levels[kept]
        at = self._followed(found, levels, _FEW_STEPS)
        found, levels = self._valued(found.row, at, _COMPARED_TO, _TOGETHER)
        kept = found.value <= self._best(found) + _LEFT
        found, levels = found.only(kept), levels[kept]
        for _ in range(_LAST_FOLLOWED - FIRST_LEVEL + 1):
            at = self._followed(found, levels, STEPS)
            before = levels.max(initial=0)
            tolerance = max(_FOLLOWED_TO, self._tolerance)
            found, levels = self._valued(found.row, at, tolerance, _TOGETHER)
            # Where it ended a finer rule may be called for, and be followed with.
            if levels.max(initial=0) <= before:
                break
        return self._settled(found)

    def _best(self, found: Minima) -> Array:
        """Return, for each optimum, the least −L_S of its x."""
        result: Array = lowest(found.row, found.value, len(self._x))[found.row]
        return result

    def _valued(
        self, row: Integers, points: Array, tolerance: float, together: float
    ) -> tuple[Minima, Integers]:
        """Evaluate q, each by as fine a rule as it needs; leave out what is near a better one."""
        last = _LAST_FOLLOWED
        results, levels = self._engine.settled(self._x[row], points, tolerance, last)
        left_open = results[:, 1]
        number = np.arange(row.size, dtype=np.float64)
        found = distinct(Minima(row, points, left_open - results[:, 0], number), together)
        which = found.error.astype(np.int64)
        return found._replace(error=left_open[which]), levels[which]

    def _followed(self, found: Minima, levels: Integers, steps: int) -> Array:
        """Follow each by its own rule."""
        at = found.points.copy()
        for pair, rows in by_levels(levels, np.arange(found.row.size)):
            x = self._x[found.row[rows]]

            def evaluate(
                index: Integers, at: Array, x: Array = x, pair: tuple[int, int] = pair
            ) -> Local:
                return self._engine.local(x[index], at, pair)

            at[rows] = descend(evaluate, at[rows], _FLOOR, steps, self._gain)[0]
        return at

    def _settled(self, found: Minima) -> Minima:
        """Compare what is as good as the best, to a hair, by finer rules."""
        row = found.row
        near = found.value <= self._best(found) + _CONTENDER
        contested = np.flatnonzero(near & (np.bincount(row[near], minlength=len(self._x))[row] > 1))
        if not contested.size:
            return found
        x, points = self._x[row[contested]], found.points[contested]
        bound = self._engine.bound(x, points, self._tolerance)
        found.value[contested] = bound[:, 1] - bound[:, 0]
        return distinct(found)


def _starts(
    field: MeanFieldBoxes, x: Points, first: OptimalProductQ
) -> tuple[Integers, Float64[Array, "k 4"]]:
    """Return the starts: which x each is of, and μ, log s."""
    narrow = first.minima[:, :, :4]
    starts = [narrow + np.array([0.0, 0.0, *[math.log(f)] * 2]) for f in _WIDENINGS]
    lower, upper = narrow[:, 0], narrow[:, 1]
    span = np.maximum(0.5 * np.abs(lower[:, :2] - upper[:, :2]), np.exp(lower[:, 2:]))
    between = [0.5 * (lower[:, :2] + upper[:, :2]), np.log(span)]
    starts.append(np.concatenate(between, axis=1)[:, None])
    if not by_products(field.boxes):
        matched = _matched(field, x)[:, None]
        wider = math.log(_MATCHED_WIDER)
        starts += [matched, matched + np.array([0.0, 0.0, wider, wider])]
    every = np.concatenate(starts, axis=1)
    row, place = np.nonzero(np.isfinite(every).all(axis=2))
    return row, every[row, place]


def _matched(field: MeanFieldBoxes, x: Points) -> Float64[Array, "n 4"]:
    """Return the means and log standard deviations of the posteriors."""
    found = np.empty((len(x), 4))
    order = np.lexsort(np.floor(x / (4.0 * field.boxes.sigma)).T)
    for part in box_weights(field.boxes, x[order]):
        mean = part.weight @ part.nodes
        square = part.weight @ part.nodes**2 - mean**2
        found[order[part.rows]] = np.concatenate(
            [mean, 0.5 * np.log(np.maximum(square, 1e-20))], axis=1
        )
    return found
