"""The closest f under a Lipschitz bound on |f′|: finite networks cannot jump.

Minimises Σ_j w_j (f_j − m_j)² subject to |f_{j+1} − f_j| <= B (z_{j+1} − z_j), a convex problem, by
the alternating direction method of multipliers: a tridiagonal system for f, a projection of every
increment onto its ball, a multiplier. The straight lines through (z_j, f_j) then have |f′| <= B.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.linalg.lapack import dpttrf, dpttrs

from theorycheck.arrays import Array
from theorycheck.errors import SettingError

_ITERATIONS = 400
#: Largest violation of an increment's bound, relative to the largest increment, at which to stop.
_TOLERANCE = 1e-6
#: Weight, relative to the mean, of cells that no data reach: they then follow their neighbours.
_LIGHTEST = 1e-6


def limit_steepness(
    target: Float64[Array, "cells D"],
    weight: Float64[Array, "cells D"],
    z: Float64[Array, " cells"],
    bound: float,
    *,
    start: Float64[Array, "cells D"] | None = None,
    sweeps: int = _ITERATIONS,
) -> Float64[Array, "cells D"]:
    """Return the f within a Lipschitz bound that is closest to a target.

    Parameters
    ----------
    target : ndarray, shape (M, D)
        m.
    weight : ndarray, shape (M, D)
        w, nonnegative.
    z : ndarray, shape (M,)
        Where f_j stands, ascending.
    bound : float
        B, the largest |f′| allowed.
    start : ndarray, shape (M, D), optional
        An f nearby.
    sweeps : int
        At most so many; fewer than it needs leave f feasible, but farther than it could be.

    Returns
    -------
    ndarray, shape (M, D)
        Obeys the bound exactly (to rounding), and is optimal to about 1e-6 of its size.

    Raises
    ------
    SettingError
        If the bound is not positive.
    """
    if not bound > 0.0:
        raise SettingError(f"the Lipschitz bound must be positive, not {bound}")
    radius = bound * np.diff(z)
    if np.all(np.linalg.norm(np.diff(target, axis=0), axis=1) <= radius):
        return target
    weight = np.maximum(weight, _LIGHTEST * weight.mean(axis=0))
    # The penalty's scale: increments and values are tied over about ten cells.
    penalty = 10.0 * float(np.median(weight))
    f = target if start is None else start
    increment = _clip(np.diff(f, axis=0), radius)
    multiplier = np.zeros_like(increment)
    factors = _factors(weight, penalty)
    largest = float(radius.max())
    for sweep in range(sweeps):
        pull = penalty * (increment - multiplier)
        right = weight * target
        right[1:] += pull
        right[:-1] -= pull
        f = _solve(factors, right)
        wanted = np.diff(f, axis=0) + multiplier
        last, increment = increment, _clip(wanted, radius)
        multiplier = wanted - increment
        if sweep % 10 == 9:
            gap = float(np.abs(np.diff(f, axis=0) - increment).max())
            if max(gap, float(np.abs(increment - last).max())) < _TOLERANCE * largest:
                break
    # Exactly feasible: add up the projected increments, and place the whole where it fits best.
    curve = np.concatenate([np.zeros((1, f.shape[1])), np.cumsum(increment, axis=0)])
    offset = (weight * (target - curve)).sum(axis=0) / weight.sum(axis=0)
    return np.asarray(curve + offset, dtype=np.float64)


def _clip(increment: Array, radius: Array) -> Array:
    """Project every increment onto the ball of its radius."""
    length = np.linalg.norm(increment, axis=1)
    shrink = np.where(length > radius, radius / np.maximum(length, 1e-300), 1.0)
    return np.asarray(increment * shrink[:, None], dtype=np.float64)


def _factors(weight: Array, penalty: float) -> list[tuple[Array, Array]]:
    """Factor the tridiagonal diag(w) + penalty Δᵀ Δ of every column; one for all if w is one."""
    columns = weight.T[:1] if (weight == weight[:, :1]).all() else weight.T
    factors = []
    for column in columns:
        diagonal = column + 2.0 * penalty
        diagonal[0] -= penalty
        diagonal[-1] -= penalty
        d, e, _ = dpttrf(diagonal, np.full(column.size - 1, -penalty))
        factors.append((d, e))
    return factors


def _solve(factors: list[tuple[Array, Array]], right: Array) -> Array:
    """Solve for every column of the right-hand side (M, D)."""
    if len(factors) == 1:
        return np.asarray(dpttrs(*factors[0], right)[0], dtype=np.float64)
    columns = [dpttrs(*factor, right[:, d])[0] for d, factor in enumerate(factors)]
    return np.stack(columns, axis=1)
