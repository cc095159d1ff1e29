"""How smooth a decoder should be for a table, by cross-validated exact log p.

The likelihood of a table has no useful maximum over f: with |f′| bounded, a curve still follows the
rows, and σ² falls. Both are chosen here, by what held-out rows say: every bound is cooled from a
large σ² down, so that one pass gives the whole path in σ².
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theorycheck.arrays import Array, Points
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.optimum._cooling import cold_start, cooling
from theorycheck.optimum._posterior_e_step import PosteriorEStep
from theorycheck.optimum._table_fit import table_nodes
from theorycheck.optimum._table_pair import bounds_for
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import latent_cells, sample_mean

#: E-steps at each σ². More of them follow the rows closer, which held-out rows do not reward.
_STEPS = 4
_CELLS = 96
_FINER = 8
#: Fall of the held-out log p from its highest, nats, at which a path is not going to come back.
_WORSE = 0.15


@dataclass(frozen=True)
class PathPoint:
    """What a bound on |f′| and a σ² gave on held-out rows.

    Parameters
    ----------
    steepness : float
        The bound, data units per unit of z.
    noise_variance : float
        σ², squared data units, one for all columns.
    held_out : Estimate
        Mean of log p over all rows, each held out once, nats; statistical.
    """

    steepness: float
    noise_variance: float
    held_out: Estimate


@dataclass(frozen=True)
class CrossValidation:
    """The path of the likelihood's fits.

    Parameters
    ----------
    points : tuple of PathPoint
        By rising bound, then falling σ²; those at which all folds arrived.
    folds : int
    """

    points: tuple[PathPoint, ...]
    folds: int

    @property
    def best(self) -> PathPoint:
        """Return the point of the largest held-out log p."""
        return max(self.points, key=lambda point: point.held_out.value)

    @property
    def noise_variance(self) -> float:
        """Return the σ² of the largest held-out log p under the best bound, between the grid's.

        The vertex of the parabola in log σ² through the best point and its neighbours; the point
        itself where it has none on one side.
        """
        best = self.best
        path = [point for point in self.points if point.steepness == best.steepness]
        place = path.index(best)
        if not 0 < place < len(path) - 1:
            return best.noise_variance
        near = path[place - 1 : place + 2]
        at = [math.log(point.noise_variance) for point in near]
        second, first, _ = np.polyfit(np.array(at) - at[1], [p.held_out.value for p in near], 2)
        return best.noise_variance * math.exp(-0.5 * first / second)

    def best_at_each_bound(self) -> tuple[PathPoint, ...]:
        """Return the best σ² under every bound, by rising bound."""
        bounds = sorted({point.steepness for point in self.points})
        return tuple(
            max(
                (point for point in self.points if point.steepness == bound),
                key=lambda point: point.held_out.value,
            )
            for bound in bounds
        )


def cross_validate(
    x: Points,
    *,
    smallest_noise: float,
    bounds: Sequence[float] | None = None,
    folds: int = 3,
    starts: int = 2,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> CrossValidation:
    """Fit the likelihood under bounds on |f′| and at values of σ², and see what held-out rows say.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Rows, in columns of one scale.
    smallest_noise : float
        The least σ² allowed.
    bounds : sequence of float, optional
        Each positive; by default :func:`bounds_for` of x.
    folds : int
        Parts of the rows, each held out once; two at least.
    starts : int
        Coolings of each bound and fold; the best of them on the rows that it was fitted to counts.
    seed : int
        Of the folds and of random starts.
    progress : Progress
        Told of every cooling.

    Returns
    -------
    CrossValidation

    Raises
    ------
    SettingError
        If a setting is out of range, or there are fewer than four rows a fold.
    """
    bounds = tuple(sorted(set(bounds_for(x) if bounds is None else bounds)))
    if not bounds or not bounds[0] > 0.0:
        raise SettingError(f"the bounds on the steepness must be positive, not {list(bounds)}")
    if folds < 2 or starts < 1 or len(x) < 4 * folds or not smallest_noise > 0.0 or seed < 0:
        raise SettingError(
            "cross-validation needs two folds or more of four rows or more, a start, a positive "
            "least σ² and a seed that is not negative"
        )
    order = np.random.default_rng(seed).permutation(len(x))
    points = []
    with progress.task("cross-validation", len(bounds) * folds) as advance:
        for bound in bounds:
            paths = []
            for fold in range(folds):
                out = np.zeros(len(x), dtype=np.bool_)
                out[order[fold::folds]] = True
                paths.append(_path(x[~out], x[out], bound, smallest_noise, starts, seed))
                advance(1)
            points += _joined(bound, paths)
    return CrossValidation(tuple(points), folds)


#: σ² relative to the columns' mean variance, in stages → σ², log p of the held-out rows.
_Path = dict[int, tuple[float, Array]]


def _path(
    x: Array, held_out: Array, bound: float, smallest_noise: float, starts: int, seed: int
) -> _Path:
    """Cool from every start; keep, at every σ², the one that is the most likely where fitted."""
    cells = latent_cells(_CELLS)
    e_step = PosteriorEStep(table_nodes(x, smallest_noise), cells)
    # Straight lines between the cells, as steps an eighth as wide: their log p is a finite sum.
    fine = PosteriorEStep(table_nodes(held_out, smallest_noise), latent_cells(_FINER * _CELLS))
    limit = None if math.isinf(bound) else bound
    found: _Path = {}
    fitted: dict[int, float] = {}
    for number in range(starts):
        _, start = cold_start(e_step, number, seed)
        highest = -math.inf
        for place, stage in enumerate(cooling(e_step, start, limit, smallest_noise, steps=_STEPS)):
            between = cells.interpolate(stage.f, fine.cells.z)
            values = -fine(between, stage.noise_variance).minima[:, 0, 2]
            highest = max(highest, float(values.mean()))
            if stage.found.negative_elbo < fitted.get(place, math.inf):
                fitted[place] = stage.found.negative_elbo
                found[place] = (float(stage.noise_variance[0]), values)
            if values.mean() < highest - _WORSE:
                break
    return found


def _joined(bound: float, paths: Sequence[_Path]) -> list[PathPoint]:
    """Average the stages at which every fold arrived; their σ² differ by the folds' variances."""
    points = []
    for place in sorted(set.intersection(*(set(path) for path in paths))):
        variance = float(np.mean([path[place][0] for path in paths]))
        values = np.concatenate([path[place][1] for path in paths])
        points.append(PathPoint(bound, variance, sample_mean(values)))
    return points
