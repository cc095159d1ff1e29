"""E_q c He_k for the cost c_x(z) = |x − f(z)|²/2σ² as an affine function of x, for all x at once.

With y = (x − r)/σ and g = (f − r)/σ for a reference r near f, the moment of k = 0 is
½|y|² − y·E_q g + ½E_q |g|², and those of k ≥ 1 are −y·E_q g He_k + ½E_q |g|² He_k, since Hermite
polynomials have mean zero. A row of `out` holds E_q g_d He_k per dimension and ½E_q |g|² He_k.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature import ORDER, RUN_ORDER
from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._gaussian_expectation import (
    INVERSE_ROOT_TWO_PI,
    REACH_OF_Q,
    cut_nodes,
    cut_range,
    first_segment,
    next_segment,
    segment,
)
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import Balls, Matrix, Panels, Runs, Vector
from theorycheck.quadrature.kernels._log_density import BLOCK, distance

#: Hermite polynomials, from degree 0 on.
DEGREES = 7


@scalar_kernel
def affine_moments(
    reference: Vector,
    mean: float,
    scale: float,
    inverse_sigma: Vector,
    panels: Panels,
    runs: Runs,
    work: Matrix,
    out: Matrix,
) -> None:
    """Fill `out` (DEGREES, D + 1) for q = N(mean, scale²); see the module."""
    data_dim = reference.shape[0]
    # A bare 0 is a type of its own to numba, for which all would be compiled once more.
    first_column = int(np.int64(0))
    _add_segments(reference, mean, scale, inverse_sigma, panels, runs, work, first_column, out)
    # From powers to Hermite polynomials.
    for d in range(data_dim + 1):
        out[6, d] += 45.0 * out[2, d] - 15.0 * (out[4, d] + out[0, d])
        out[5, d] += 15.0 * out[1, d] - 10.0 * out[3, d]
        out[4, d] += 3.0 * out[0, d] - 6.0 * out[2, d]
        out[3, d] -= 3.0 * out[1, d]
        out[2, d] -= out[0, d]


@scalar_kernel
def cost_hermite(
    x: Vector, mean: float, scale: float, inverse_sigma: Vector, panels: Panels, runs: Runs,
    work: Matrix, out: Matrix,
) -> tuple[float, float, float, float, float]:  # fmt: skip
    """Return E_q c_x He_k(t) for k = 2…6; `out` (DEGREES, D + 1) is overwritten."""
    last = x.shape[0]
    _add_segments(x, mean, scale, inverse_sigma, panels, runs, work, last, out)
    m0, m1, m2, m3 = out[0, last], out[1, last], out[2, last], out[3, last]
    m4, m5, m6 = out[4, last], out[5, last], out[6, last]
    return (
        m2 - m0, m3 - 3.0 * m1, m4 - 6.0 * m2 + 3.0 * m0, m5 - 10.0 * m3 + 15.0 * m1,
        m6 - 15.0 * m4 + 45.0 * m2 - 15.0 * m0,
    )  # fmt: skip


# Longer than 60 lines: the three rules fill the same rows of the workspace.
@scalar_kernel
def _add_segments(
    reference: Vector,
    mean: float,
    scale: float,
    inverse_sigma: Vector,
    panels: Panels,
    runs: Runs,
    work: Matrix,
    first_column: int,
    out: Matrix,
) -> None:
    """Fill the moments of t^k of g and ½|g|²; with `first_column` D, of ½|g|² alone."""
    z, rule_weight, f = panels.z, panels.weight, panels.f
    run_z, run_weight, run_centre = runs.z, runs.weight, runs.centre
    run_first, run_square = runs.first, runs.square
    data_dim = reference.shape[0]
    count = panels.left.shape[0]
    high = mean + REACH_OF_Q * scale
    inverse = 1.0 / scale
    norm = INVERSE_ROOT_TWO_PI * inverse
    out[:, :] = 0.0
    t = work[0]
    weight = work[1]
    half = work[2]
    j = first_segment(mean - REACH_OF_Q * scale, panels)
    while j <= count:
        kind, row, covered = segment(j, scale, panels, runs)
        if kind == 1:
            for i in range(RUN_ORDER):
                t[i] = (run_z[row, i] - mean) * inverse
            for i in range(RUN_ORDER):
                weight[i] = run_weight[row, i] * norm * exp_nonpositive(-0.5 * t[i] * t[i])
            for i in range(RUN_ORDER):
                half[i] = 0.0
            for d in range(data_dim):
                g = work[3 + d]
                offset = (run_centre[row, d] - reference[d]) * inverse_sigma[d]
                variance = 0.5 * inverse_sigma[d] * inverse_sigma[d]
                for i in range(RUN_ORDER):
                    g[i] = offset + run_first[row, d, i] * inverse_sigma[d]
                for i in range(RUN_ORDER):
                    half[i] += offset * (g[i] - 0.5 * offset) + variance * run_square[row, d, i]
            _add(t, weight, half, work, RUN_ORDER, data_dim, first_column, out)
        elif kind == 0:
            begin = row * ORDER
            for i in range(ORDER):
                t[i] = (z[begin + i] - mean) * inverse
            for i in range(ORDER):
                weight[i] = rule_weight[begin + i] * norm * exp_nonpositive(-0.5 * t[i] * t[i])
            for i in range(ORDER):
                half[i] = 0.0
            for d in range(data_dim):
                g = work[3 + d]
                for i in range(ORDER):
                    g[i] = (f[d, begin + i] - reference[d]) * inverse_sigma[d]
                for i in range(ORDER):
                    half[i] += 0.5 * g[i] * g[i]
            _add(t, weight, half, work, ORDER, data_dim, first_column, out)
        else:
            a, step, pieces = cut_range(j, mean, scale, panels)
            for p in range(pieces):
                cut_nodes(a + p * step, a + (p + 1) * step, row, mean, scale, panels, work)
                for i in range(ORDER):
                    half[i] = 0.0
                for d in range(data_dim):
                    g = work[3 + d]
                    for i in range(ORDER):
                        g[i] = (g[i] - reference[d]) * inverse_sigma[d]
                    for i in range(ORDER):
                        half[i] += 0.5 * g[i] * g[i]
                _add(t, weight, half, work, ORDER, data_dim, first_column, out)
        j = next_segment(j, covered, high, panels)


@scalar_kernel
def _add(
    t: Vector, weight: Vector, half: Vector, work: Matrix, nodes: int, data_dim: int,
    first_column: int, out: Matrix,
) -> None:  # fmt: skip
    """Add what `nodes` nodes contribute, g being in the rows of `work` from 3 on."""
    for d in range(first_column, data_dim + 1):
        g = work[3 + d] if d < data_dim else half
        m0 = 0.0
        m1 = 0.0
        m2 = 0.0
        m3 = 0.0
        m4 = 0.0
        m5 = 0.0
        m6 = 0.0
        for i in range(nodes):
            here = t[i]
            v = weight[i] * g[i]
            m0 += v
            v *= here
            m1 += v
            v *= here
            m2 += v
            v *= here
            m3 += v
            v *= here
            m4 += v
            v *= here
            m5 += v
            v *= here
            m6 += v
        out[0, d] += m0
        out[1, d] += m1
        out[2, d] += m2
        out[3, d] += m3
        out[4, d] += m4
        out[5, d] += m5
        out[6, d] += m6


@scalar_kernel
def least_cost(
    x: Vector,
    inverse_sigma: Vector,
    f: Matrix,
    balls: Balls,
    blocks: Balls,
    slack: Vector,
) -> float:
    """Bound c_x(z) from below over all z: half the squared distance, in σ, from x to the curve.

    `slack` (P,) is how far f goes from the nearest node's value anywhere on a panel, in σ.
    """
    data_dim = x.shape[0]
    closest = math.inf
    centre, radius = balls.centre, balls.radius
    block_centre, block_radius = blocks.centre, blocks.radius
    for b in range(block_centre.shape[0]):
        closest = min(closest, distance(x, block_centre[b], inverse_sigma) + block_radius[b])
    for b in range(block_centre.shape[0]):
        if distance(x, block_centre[b], inverse_sigma) - block_radius[b] >= closest:
            continue
        for j in range(b * BLOCK, min((b + 1) * BLOCK, centre.shape[0])):
            if distance(x, centre[j], inverse_sigma) - radius[j] >= closest:
                continue
            least = math.inf
            for i in range(j * ORDER, (j + 1) * ORDER):
                total = 0.0
                for d in range(data_dim):
                    r = (x[d] - f[d, i]) * inverse_sigma[d]
                    total += r * r
                least = min(least, total)
            closest = min(closest, math.sqrt(least) - slack[j])
    closest = max(closest, 0.0)
    return 0.5 * closest * closest
