"""Lower bounds of −ELBO_x on one node of the tree, for one x (what they are: `_bound_tree.py`)."""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._affine_moments import DEGREES
from theorycheck.quadrature.kernels._bound_tree import (
    FIRST,
    FOURTH,
    HALF_MEAN,
    HALF_TAU,
    KIND,
    PRIOR,
    RADIUS_NARROW,
    RADIUS_WIDE,
    REFERENCE,
    RHO,
    S_MEAN,
    TAU,
    WITHIN_ONE,
    WITHIN_THREE,
)
from theorycheck.quadrature.kernels._jit import inlined_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Vector


@inlined_kernel
def strip_bound(row: Vector, x: Vector, inverse_sigma: Vector, least: float, goal: float) -> float:
    """Bound −ELBO_x on a strip: what costs least of f within three s of q, and within one.

    `least` is what f costs at least anywhere; a bound above `goal` is as good as any.
    """
    data_dim = x.shape[0]
    total = 0.0
    for d in range(data_dim):
        r = (x[d] - row[REFERENCE + d]) * inverse_sigma[d]
        total += r * r
    near = max(math.sqrt(total) - row[RADIUS_WIDE], 0.0)
    outer = max(0.5 * near * near, least)
    bound: float = row[PRIOR]
    bound += WITHIN_THREE * outer
    if bound >= goal:
        return bound
    total = 0.0
    for d in range(data_dim):
        r = (x[d] - row[REFERENCE + data_dim + d]) * inverse_sigma[d]
        total += r * r
    near = max(math.sqrt(total) - row[RADIUS_NARROW], 0.0)
    bound += WITHIN_ONE * max(0.5 * near * near - outer, 0.0)
    return bound


@inlined_kernel
def wide_bound(row: Vector, x: Vector, inverse_sigma: Vector, least: float) -> float:
    """Bound −ELBO_x on a wide box: the least, and ρ times what a narrow q' costs beyond it."""
    data_dim = x.shape[0]
    place = REFERENCE + data_dim
    wide = row[place + data_dim]
    for d in range(data_dim):
        y = (x[d] - row[REFERENCE + d]) * inverse_sigma[d]
        wide += y * (0.5 * y - row[place + d])
    bound: float = row[PRIOR]
    bound += least + row[RHO] * max(wide - least, 0.0)
    return bound


@inlined_kernel
def fine_bound(
    row: Vector, x: Vector, inverse_sigma: Vector, least: float, inherited: float, goal: float
) -> tuple[float, float, float, float, float, float]:
    """Bound −ELBO_x on a fine box by its Taylor expansion.

    Returned are the bound; the least of the second-order expansion; the remainder beyond it and,
    of that, the fourth order, which is `inherited` unless the box is a first one; and where the
    expansion is least, a = (μ − μ₀)/s₀ and β = τ/τ₀ − 1. Once the bound is above `goal` the rest is
    left out.
    """
    m0, m1, m2, m3, m4, m5, m6, wide = _moments(row, x, inverse_sigma)
    remainder = inherited
    if row[KIND] == FIRST:
        remainder = row[FOURTH] * max(wide - least, 0.0)
    tau, half_mean, half_tau = row[TAU], row[HALF_MEAN], row[HALF_TAU]
    cubic = half_mean * half_mean * (
        abs(m3) / 6.0 * half_mean + 0.25 * abs(m4) * half_tau
    ) + half_tau * half_tau * (0.125 * abs(m5) * half_mean + abs(m6 - 8.0) / 48.0 * half_tau)
    rest = remainder + cubic
    g1 = row[S_MEAN] + m1
    g2 = 0.5 * (tau - 1.0 + m2)
    h11 = tau + m2
    h12 = 0.5 * m3
    h22 = 0.5 + 0.25 * m4
    value = row[PRIOR] + m0
    bound = value - rest - abs(g1) * half_mean - abs(g2) * half_tau
    bound += 0.5 * min(h11, 0.0) * half_mean * half_mean
    bound += 0.5 * min(h22, 0.0) * half_tau * half_tau
    bound -= abs(h12) * half_mean * half_tau
    if bound >= goal:
        return bound, np.inf, rest, remainder, 0.0, 0.0
    promise, a, b = _box_minimum(g1, g2, h11, h12, h22, half_mean, half_tau)
    promise += value
    return promise - rest, promise, rest, remainder, a, b


@inlined_kernel
def _moments(
    row: Vector, x: Vector, inverse_sigma: Vector
) -> tuple[float, float, float, float, float, float, float, float]:
    """Return E_q c_x He_k(t), k = 0…6, at a fine box's centre, and E_w c_x of the wider normal."""
    data_dim = x.shape[0]
    stride = DEGREES + 1
    place = REFERENCE + data_dim + data_dim * stride
    m0 = row[place]
    m1 = row[place + 1]
    m2 = row[place + 2]
    m3 = row[place + 3]
    m4 = row[place + 4]
    m5 = row[place + 5]
    m6 = row[place + 6]
    wide = row[place + 7]
    place = REFERENCE + data_dim
    for d in range(data_dim):
        y = (x[d] - row[REFERENCE + d]) * inverse_sigma[d]
        half = 0.5 * y * y
        m0 += half - y * row[place]
        m1 -= y * row[place + 1]
        m2 -= y * row[place + 2]
        m3 -= y * row[place + 3]
        m4 -= y * row[place + 4]
        m5 -= y * row[place + 5]
        m6 -= y * row[place + 6]
        wide += half - y * row[place + 7]
        place += stride
    return m0, m1, m2, m3, m4, m5, m6, wide


@scalar_kernel
def _box_minimum(
    g1: float, g2: float, h11: float, h12: float, h22: float, half1: float, half2: float
) -> tuple[float, float, float]:
    """Return the least of g·Δ + ½ΔᵀHΔ over |Δ₁| <= half1, |Δ₂| <= half2, and where it is."""
    determinant = h11 * h22 - h12 * h12
    if h11 > 0.0 and determinant > 0.0:
        a = -(h22 * g1 - h12 * g2) / determinant
        b = -(h11 * g2 - h12 * g1) / determinant
        if abs(a) <= half1 and abs(b) <= half2:
            return 0.5 * (g1 * a + g2 * b), a, b
    best = np.inf
    best_a = 0.0
    best_b = 0.0
    for side in range(2):
        a = half1 if side == 0 else -half1
        slope = g2 + h12 * a
        b = -half2 if slope > 0.0 else half2
        if h22 > 0.0 and abs(slope) < h22 * half2:
            b = -slope / h22
        value = g1 * a + g2 * b + 0.5 * (h11 * a * a + h22 * b * b) + h12 * a * b
        if value < best:
            best, best_a, best_b = value, a, b
        b = half2 if side == 0 else -half2
        slope = g1 + h12 * b
        a = -half1 if slope > 0.0 else half1
        if h11 > 0.0 and abs(slope) < h11 * half1:
            a = -slope / h11
        value = g1 * a + g2 * b + 0.5 * (h11 * a * a + h22 * b * b) + h12 * a * b
        if value < best:
            best, best_a, best_b = value, a, b
    return best, best_a, best_b
