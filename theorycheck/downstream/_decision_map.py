"""Where in the plane a decision changes: a map by cells that are cut in four along its boundaries.

The worst x′ in a ball around any x is then a matter of distances to the map's points, for all x and
all radii at once: no attack is searched for x by x, and none can be missed but for what is narrower
than a cell of the first level and lies between its corners.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from theorycheck.arrays import Array, Booleans, Counts, Integers, PerPoint, Points
from theorycheck.errors import ModelError, SettingError

#: First cells at most, so that a map fits into memory.
_MOST_CELLS = 4_000_000
#: Points that a decision is asked for together.
_AT_ONCE = 50_000
#: Neighbours of a cell that a boundary runs through; how often they are cut as well, since it may
#: pass through them between their corners.
_GUARDED = 2
_GUARD = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)], dtype=np.int64)
_CORNERS = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class DecisionMap:
    """A decision at points of the plane, dense where it changes.

    Parameters
    ----------
    points : ndarray, shape (m, 2)
        Where it was asked for, in units of the scale.
    decision : ndarray of int, shape (m,)
        What it is there.
    width : float
        Diagonal of the last cells: an outcome that a map's first cells see has a point of the map
        within that of each of its own points.
    scale : ndarray, shape (2,)
        The unit of each axis, data units.
    reach : float
        Distance from the points that the map was made for, in units of the scale, up to which it
        goes.
    """

    points: Float64[Array, "places 2"]
    decision: Counts
    width: float
    scale: Float64[Array, " 2"]
    reach: float
    _trees: dict[int, cKDTree | None] = field(default_factory=dict, repr=False)

    def distance(self, x: Points, outcome: int) -> PerPoint:
        """Return how far x is from the nearest point of the map with an outcome.

        Parameters
        ----------
        x : ndarray, shape (n, 2)
            Data points.
        outcome : int
            A decision.

        Returns
        -------
        ndarray, shape (n,)
            In units of the scale; inf where the map has no such point. Where x has another outcome
            the true distance is at most that, and less by `width` at most.
        """
        if outcome not in self._trees:
            chosen = self.points[self.decision == outcome]
            self._trees[outcome] = cKDTree(chosen) if len(chosen) else None
        tree = self._trees[outcome]
        if tree is None:
            return np.full(len(x), np.inf)
        found: Array = np.asarray(tree.query(x / self.scale)[0], float)
        return found


def decision_map(
    decide: Callable[[Points], Counts],
    around: Points,
    *,
    scale: Float64[Array, " 2"],
    reach: float,
    step: float = 0.5,
    levels: int = 5,
) -> DecisionMap:
    """Ask a decision around given points, and ever more densely where it changes.

    Parameters
    ----------
    decide : callable
        x (n, 2) to a whole number (n,), 0 or more.
    around : ndarray, shape (n, 2)
        The points around which the map is needed.
    scale : ndarray, shape (2,)
        The unit of each axis, such as σ.
    reach : float
        How far around them, in that unit.
    step : float
        Width of the first cells, in that unit: what is narrower may be missed.
    levels : int
        How often cells on a boundary are cut in four.

    Returns
    -------
    DecisionMap

    Raises
    ------
    ModelError
        If the points are not in the plane.
    SettingError
        If the map would be too large.
    """
    if around.ndim != 2 or around.shape[1] != 2:
        raise ModelError(f"a map of decisions is drawn for x of two dimensions, not {around.shape}")
    cells = _first_cells(around / scale, reach, step) << levels
    unit = step / 2**levels
    asked = _Asked(decide, scale * unit)
    side = 1 << levels
    for level in range(levels + 1):
        corners = (cells[:, None, :] + side * _CORNERS).reshape(-1, 2)
        values = asked.at(corners).reshape(-1, 4)
        if level == levels:
            break
        mixed = cells[(values != values[:, :1]).any(axis=1)]
        cut = mixed
        if level < _GUARDED:
            around_it = _unique((mixed[:, None, :] + side * _GUARD).reshape(-1, 2))
            # Neighbours beyond the map are none of its cells.
            cut = around_it[_among(around_it, cells)]
        side //= 2
        cells = (cut[:, None, :] + side * _CORNERS).reshape(-1, 2)
        if not len(cells):
            break
    places, decision = asked.all()
    return DecisionMap(places * unit, decision, math.sqrt(2.0) * unit, scale, reach)


def _first_cells(points: Array, reach: float, step: float) -> Integers:
    """Return the lattice cells that come within reach of a point: lower corners, (m, 2)."""
    margin = math.ceil(reach / step) + 2
    own = np.floor(points / step).astype(np.int64)
    low = own.min(axis=0) - margin
    shape = own.max(axis=0) - low + margin + 1
    if shape.prod() > _MOST_CELLS:
        raise SettingError(
            f"a map of decisions over {shape[0] * step:.0f} × {shape[1] * step:.0f} σ is too large"
        )
    empty = np.ones(tuple(int(side) for side in shape), dtype=bool)
    empty[tuple((own - low).T)] = False
    # From the middle of one cell to the other; either may hold its point in a corner.
    away = step * distance_transform_edt(empty)
    near = np.argwhere(away <= reach + math.sqrt(2.0) * step)
    cells: Integers = (near + low).astype(np.int64)
    return cells


class _Asked:
    """The points of a lattice that a decision was asked at, by a key of two whole numbers."""

    def __init__(self, decide: Callable[[Points], Counts], unit: Array) -> None:
        self._decide = decide
        self._unit = unit
        self._keys = np.empty(0, dtype=np.int64)
        self._values = np.empty(0, dtype=np.int64)

    def at(self, places: Integers) -> Integers:
        """Return the decision at lattice points, asked for where it is not known."""
        keys = _keys(places)
        new = np.setdiff1d(keys, self._keys)
        if new.size:
            x = _places(new) * self._unit
            parts = [self._decide(x[k : k + _AT_ONCE]) for k in range(0, len(x), _AT_ONCE)]
            keys_all = np.concatenate([self._keys, new])
            values = np.concatenate([self._values, *parts])
            order = np.argsort(keys_all, kind="stable")
            self._keys, self._values = keys_all[order], values[order]
        found: Integers = self._values[np.searchsorted(self._keys, keys)]
        return found

    def all(self) -> tuple[Integers, Integers]:
        """Return all lattice points asked for, (m, 2), and the decisions."""
        return _places(self._keys), self._values


#: Lattice points have coordinates in [-2³⁰, 2³⁰), so that both fit into one whole number.
_BITS = 31
_ORIGIN = np.int64(2**30)
_LOW = np.int64(2**_BITS - 1)


def _keys(places: Integers) -> Integers:
    shifted = places + _ORIGIN
    keys: Integers = (shifted[:, 0] << _BITS) | shifted[:, 1]
    return keys


def _places(keys: Integers) -> Integers:
    return np.stack([(keys >> _BITS) - _ORIGIN, (keys & _LOW) - _ORIGIN], axis=1)


def _unique(places: Integers) -> Integers:
    return _places(np.unique(_keys(places)))


def _among(places: Integers, others: Integers) -> Booleans | NDArray[np.bool_]:
    return np.isin(_keys(places), _keys(others))
