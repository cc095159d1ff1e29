"""Newton's method for many Gaussian q at once, in means and log scales of any number of latents.

A point is (μ_1 … μ_K, log s_1 … log s_K); derivatives are by (μ_k/s_k, log s_k), so that a step of
one is as long in either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from theorycheck.arrays import Array, Booleans, Integers, PerPoint
from theorycheck.quadrature.kernels import lowest_apart_batch

#: Newton steps at most, the longest step, the gain in nats that ends them, halvings of a step that
#: does not go down.
STEPS = 80
_LONGEST = 1.0
_GAIN = 1e-14
_HALVINGS = 30


class Local(NamedTuple):
    """A function and its derivatives at n points.

    Parameters
    ----------
    value : ndarray, shape (n,)
    gradient : ndarray, shape (n, W)
    hessian : ndarray, shape (n, W, W)
    """

    value: PerPoint
    gradient: Float64[Array, "n W"]
    hessian: Float64[Array, "n W W"]


#: Evaluates the function of these rows of x at these points.
Evaluate = Callable[[Integers, Array], Local]


def descend(
    evaluate: Evaluate,
    points: Float64[Array, "n W"],
    floor: float,
    steps: int = STEPS,
    gain: float = _GAIN,
) -> tuple[Float64[Array, "n W"], PerPoint]:
    """Follow every point down to a local minimum.

    Parameters
    ----------
    evaluate : callable
        Takes the numbers of the points (k,) and where they are (k, W).
    points : ndarray, shape (n, W)
        Means first, then log scales.
    floor : float
        Least log scale.
    steps : int
        Newton steps at most.
    gain : float
        Nats, relative to 1 + |value|, that a step must promise to be taken.

    Returns
    -------
    points : ndarray, shape (n, W)
        Where each ended.
    value : ndarray, shape (n,)
    """
    points = points.copy()
    half = points.shape[1] // 2
    points[:, half:] = np.maximum(points[:, half:], floor)
    active = np.arange(len(points))
    if not active.size:
        return points, np.empty(0)
    here = evaluate(active, points)
    value = here.value.copy()
    for _ in range(steps):
        step, promised = _step(here, points[active], floor)
        going = promised > gain * (1.0 + np.abs(value[active]))
        active, step = active[going], step[going]
        if not active.size:
            break
        moved, here = _search(evaluate, active, step, points, value, floor)
        active = active[moved]
        if not active.size:
            break
    return points, value


def _step(here: Local, at: Array, floor: float) -> tuple[Array, Array]:
    """Return Newton's step, made a descent where the Hessian is not positive, and what it gains."""
    half = at.shape[1] // 2
    held = np.zeros(at.shape, dtype=bool)
    # A scale at its floor that wants to fall further stays where it is.
    held[:, half:] = (at[:, half:] <= floor) & (here.gradient[:, half:] > 0.0)
    gradient = np.where(held, 0.0, here.gradient)
    hessian = np.where(held[:, :, None] | held[:, None, :], 0.0, here.hessian)
    hessian = hessian + np.eye(at.shape[1]) * held[:, :, None]
    size, axes = np.linalg.eigh(hessian)
    size = np.maximum(np.abs(size), 1e-3 * np.abs(size).max(axis=1, keepdims=True) + 1e-9)
    along = np.einsum("nij,ni->nj", axes, gradient)
    step = -np.einsum("nij,nj->ni", axes, along / size)
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True) / _LONGEST, 1.0)
    return step, -(gradient * step).sum(axis=1)


def _search(
    evaluate: Evaluate, active: Integers, step: Array, points: Array, value: Array, floor: float
) -> tuple[Booleans, Local]:
    """Halve each step until it goes down; move the points; return which moved, and how it is."""
    half = points.shape[1] // 2
    length = np.ones(active.size)
    waiting = np.arange(active.size)
    moved = np.zeros(active.size, dtype=bool)
    found: list[Array] = [np.empty(0)] * 3
    for _ in range(_HALVINGS):
        index = active[waiting]
        trial = points[index].copy()
        ahead = length[waiting, None] * step[waiting]
        trial[:, :half] += np.exp(trial[:, half:]) * ahead[:, :half]
        trial[:, half:] = np.maximum(trial[:, half:] + ahead[:, half:], floor)
        there = evaluate(index, trial)
        if not found[0].size:
            found = [np.empty((active.size, *part.shape[1:])) for part in there]
        better = there.value < value[index]
        done = waiting[better]
        points[active[done]], value[active[done]] = trial[better], there.value[better]
        moved[done] = True
        for mine, theirs in zip(found, there, strict=True):
            mine[done] = theirs[better]
        waiting = waiting[~better]
        if not waiting.size:
            break
        length[waiting] *= 0.5
    # Whoever cannot go down by any part of a step is at a minimum to rounding.
    return moved, Local(*(part[moved] for part in found))


def lowest_apart(
    values: Float64[Array, "n T"],
    mean: Float64[Array, "T K"],
    scale: Float64[Array, "T K"],
    count: int,
    margin: float,
) -> Int64[Integers, "n {count}"]:
    """Pick the lowest entries of a table of q that are apart from each other, for every row.

    Parameters
    ----------
    values : ndarray, shape (n, T)
        One row for each x.
    mean, scale : ndarray, shape (T, K)
        The entries.
    count : int
        Entries of one row at most.
    margin : float
        Nats above the lowest up to which one is taken.

    Returns
    -------
    ndarray of int, shape (n, count)
        Numbers of the entries, −1 where unused.
    """
    chosen = np.full((len(values), count), -1, dtype=np.int64)
    lowest_apart_batch(
        np.ascontiguousarray(values), np.ascontiguousarray(mean), np.ascontiguousarray(scale),
        margin, chosen,
    )  # fmt: skip
    return chosen
