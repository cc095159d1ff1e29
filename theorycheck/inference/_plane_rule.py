"""Trapezoid rules under N(0, I) of two latents that contain coarser ones: how L_S is integrated.

Nodes are multiples of two steps, powers of ½, within a disc. Of a function that is analytic in a
strip of half-width a around the plane the rule errs by exp(−2π a/h).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from theorycheck.arrays import Array, Integers, PerPoint

#: Mass of q, times S, that lies beyond the disc.
BEYOND = 1e-13


class PlaneRule(NamedTuple):
    """Nodes of one rule.

    Parameters
    ----------
    t : ndarray, shape (2, N)
        The nodes, standard deviations.
    mass : ndarray, shape (N,)
        Their weights, which add up to one.
    parity : ndarray of int, shape (N,)
        2·(odd row) + (odd column): which coarser rules a node is of.
    rows, columns : ndarray, shapes (R,) and (C,)
        All t₁ and all t₂.
    place : ndarray of int, shape (N,)
        Where the nodes are among all R C pairs.
    """

    t: Float64[Array, "2 N"]
    mass: PerPoint
    parity: Int64[Integers, " N"]
    rows: Float64[Array, " R"]
    columns: Float64[Array, " C"]
    place: Int64[Integers, " N"]


def plane_rule(levels: tuple[int, int], samples: int) -> PlaneRule:
    """Return a rule, made once.

    Parameters
    ----------
    levels : tuple of int
        The steps along t₁ and t₂ are 2^−level.
    samples : int
        S, which must not notice what lies beyond the disc.

    Returns
    -------
    PlaneRule
    """
    return _rule(levels, math.ceil(4.0 * math.sqrt(2.0 * math.log(samples / BEYOND))) / 4.0)


@lru_cache(maxsize=32)
def _rule(levels: tuple[int, int], reach: float) -> PlaneRule:
    steps = [0.5**level for level in levels]
    numbers = [np.arange(-math.floor(reach / h), math.floor(reach / h) + 1) for h in steps]
    row, column = (axis.ravel() for axis in np.meshgrid(*numbers, indexing="ij"))
    t = np.stack([row * steps[0], column * steps[1]])
    square = (t**2).sum(axis=0)
    inside = square <= reach**2
    mass = np.exp(-0.5 * square[inside])
    parity = (2 * (row % 2) + column % 2)[inside]
    pairs = zip(numbers, steps, strict=True)
    rows, columns = ((number * h).astype(np.float64) for number, h in pairs)
    place = np.flatnonzero(inside).astype(np.int64)
    nodes = np.ascontiguousarray(t[:, inside])
    return PlaneRule(nodes, mass / mass.sum(), parity, rows, columns, place)
