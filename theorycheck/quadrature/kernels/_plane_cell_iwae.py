"""The IWAE bound of a decoder that is constant on cells of two latents, and its slopes.

As on cells of one latent (`_cell_iwae.py`), with κ and π products of two: the latent is the cell,
and L_S <= log Σ π_j N(x; f_j) holds exactly. φ comes from the law of log w (`_iwae_spread.py`), at
octaves of t; what each log w counts, and each κ, comes back from the same grid: at its place in y
both are sums over the steps, and smooth.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from theorycheck.quadrature.kernels._cells import reach_of_q
from theorycheck.quadrature.kernels._iwae_spread import (
    ABSENT,
    BEFORE,
    BEHIND,
    CAPACITY,
    FIRST,
    PLACES,
    SHARED,
    SPACING,
    TABLES,
    absent_at,
    place_of,
    summed_from_behind,
)
from theorycheck.quadrature.kernels._iwae_steps import finished, first_step, integrand
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Matrix, Vector
from theorycheck.quadrature.kernels._normal_tail import fill_tail_and_density

#: What is left out at either end of the integral over t, nats.
_TRUNCATION = 1e-11
#: Mass of q in a cell below which the cell is left out: it is hardly ever drawn.
_LEAST_MASS = 1e-12
#: Nats below the largest log w to which smaller ones are raised; such a cell has no slope. Each nat
#: is steps of the integral where some of q's mass lies that far down.
_FLOOR = 250.0
_MOST_STEPS = 4_000


class PlaneLine(NamedTuple):
    """The intervals of one latent, and what q says of them.

    Parameters
    ----------
    boundary, prior : ndarray, shapes (m - 1,) and (m,)
        Inner boundaries and prior masses.
    edge : ndarray, shape (3, m)
    mass : ndarray, shape (4, m)
        κ of each interval, its derivatives by μ/s and log s, and log π/κ.
    """

    boundary: Vector
    prior: Vector
    edge: Matrix
    mass: Matrix


class PlaneWork(NamedTuple):
    """What one thread needs for one x.

    Parameters
    ----------
    log_likelihood, share : ndarray, shape (M₁, M₂)
        log N(x; f) less a constant, and ∂L_S/∂log w.
    law, gone, gain, pull : ndarray, shape (places,)
        The law of log w, its sums from behind, and Σ S φ^{S−1} times 1 − e^{−v} and v e^{−v}.
    power : ndarray, shape (steps,)
        S φ^{S−1} at each step.
    weight : ndarray, shape (shared,)
    """

    log_likelihood: Matrix
    share: Matrix
    law: Vector
    gone: Vector
    gain: Vector
    pull: Vector
    power: Vector
    weight: Vector


@scalar_kernel
def plane_line(boundary: Vector, prior: Vector) -> PlaneLine:
    """Return the intervals of one latent with room for what q says of them."""
    count = prior.shape[0]
    return PlaneLine(boundary, prior, np.empty((3, count)), np.empty((4, count)))


@scalar_kernel
def plane_work(rows: int, columns: int) -> PlaneWork:
    """Allocate what one thread needs."""
    return PlaneWork(
        np.empty((rows, columns)), np.zeros((rows, columns)), np.empty(CAPACITY),
        np.empty(CAPACITY + 1), np.empty(CAPACITY), np.empty(CAPACITY), np.empty(_MOST_STEPS),
        np.empty(SHARED),
    )  # fmt: skip


@scalar_kernel
def fill_plane_likelihood(x: Vector, f: Cube, out: Matrix) -> None:
    """Fill −½|x − f|², x (D,) and f (M₁, D, M₂) in units of σ."""
    rows, data_dim, columns = f.shape
    for i in range(rows):
        for j in range(columns):
            out[i, j] = 0.0
        for d in range(data_dim):
            for j in range(columns):
                r = x[d] - f[i, d, j]
                out[i, j] -= 0.5 * r * r


@scalar_kernel
def _fill_masses(line: PlaneLine, mean: float, scale: float) -> tuple[int, int]:
    """Fill κ and its derivatives; return the first interval that q reaches, and one past the last.

    log π/κ is inf where q has next to nothing.
    """
    boundary = line.boundary
    first, last = reach_of_q(boundary, mean, scale)
    t, tail, density = line.edge[0], line.edge[1], line.edge[2]
    for b in range(first, last):
        t[b] = (boundary[b] - mean) / scale
    fill_tail_and_density(t, first, last, tail, density)
    above, left, left_t = 1.0, 0.0, 0.0
    for j in range(first, last + 1):
        below = tail[j] if j < last else 0.0
        right = density[j] if j < last else 0.0
        right_t = t[j] if j < last else 0.0
        mass = above - below
        line.mass[0, j] = mass
        line.mass[1, j] = left - right
        line.mass[2, j] = left_t * left - right_t * right
        seen = mass > _LEAST_MASS and line.prior[j] > 0.0
        line.mass[3, j] = math.log(line.prior[j] / mass) if seen else np.inf
        above, left, left_t = below, right, right_t
    return first, last + 1


@scalar_kernel
def _reach_of_weights(
    one: PlaneLine, two: PlaneLine, reach: tuple[int, int, int, int], work: PlaneWork
) -> tuple[float, float, float, float]:
    """Return log E w, log E w² over its square, and the least and the largest log w."""
    top, lowest = -np.inf, np.inf
    for i in range(reach[0], reach[1]):
        for j in range(reach[2], reach[3]):
            if one.mass[0, i] * two.mass[0, j] > _LEAST_MASS:
                y = one.mass[3, i] + two.mass[3, j] + work.log_likelihood[i, j]
                if y < np.inf:
                    top = max(top, y)
                    lowest = min(lowest, y)
    first, second = 0.0, 0.0
    for i in range(reach[0], reach[1]):
        for j in range(reach[2], reach[3]):
            mass = one.mass[0, i] * two.mass[0, j]
            y = one.mass[3, i] + two.mass[3, j] + work.log_likelihood[i, j]
            if mass > _LEAST_MASS and y < np.inf:
                e = math.exp(max(y - top, -700.0))
                first += mass * e
                second += mass * e * e
    if not first > 0.0:
        return -np.inf, 0.0, lowest, top
    return top + math.log(first), math.log(second) - 2.0 * math.log(first), lowest, top


@scalar_kernel
def _spread_cells(
    one: PlaneLine, two: PlaneLine, reach: tuple[int, int, int, int], least: float, origin: float,
    places: int, work: PlaneWork,
) -> None:  # fmt: skip
    """Spread κ over the grid of log w."""
    law, weight = work.law, work.weight
    for k in range(places):
        law[k] = 0.0
    for i in range(reach[0], reach[1]):
        for j in range(reach[2], reach[3]):
            mass = one.mass[0, i] * two.mass[0, j]
            y = one.mass[3, i] + two.mass[3, j] + work.log_likelihood[i, j]
            if mass > _LEAST_MASS and y < np.inf:
                start = place_of(max(y, least), origin, weight)
                for k in range(SHARED):
                    law[start + k] += mass * weight[k]
    summed_from_behind(law, places, work.gone)


@scalar_kernel
def _back(steps: int, offset: int, places: int, work: PlaneWork) -> None:
    """Fill what 1 − e^{−v} and v e^{−v} add up to over the steps, at each place of the grid."""
    gain, pull = work.gain, work.pull
    for j in range(places):
        gain[j] = 0.0
        pull[j] = 0.0
    for k in range(steps):
        at = offset + k * PLACES
        power = work.power[k]
        begin = max(0, -BEFORE - at)
        end = min(places, BEHIND + 1 - at)
        shift = at + BEFORE
        for j in range(begin, end):
            absent = TABLES[ABSENT, j + shift]
            gain[j] += power * absent
            # (1 − e^{−v}) − (1 − (1 + v) e^{−v})
            pull[j] += power * (absent - TABLES[FIRST, j + shift])
        for j in range(max(end, 0), places):
            gain[j] += power


@scalar_kernel
def _gathered(
    one: PlaneLine, two: PlaneLine, reach: tuple[int, int, int, int], least: float, origin: float,
    work: PlaneWork, gradient: Vector,
) -> None:  # fmt: skip
    """Fill the shares of the cells and the gradient by (μ_k/s_k, log s_k)."""
    step = SPACING * PLACES
    gradient[:] = 0.0
    for i in range(reach[0], reach[1]):
        by_mass, by_mean, by_scale = 0.0, 0.0, 0.0
        for j in range(reach[2], reach[3]):
            mass = one.mass[0, i] * two.mass[0, j]
            y = one.mass[3, i] + two.mass[3, j] + work.log_likelihood[i, j]
            work.share[i, j] = 0.0
            if mass > _LEAST_MASS and y < np.inf:
                start = place_of(max(y, least), origin, work.weight)
                gain, pull = 0.0, 0.0
                for k in range(SHARED):
                    gain += work.weight[k] * work.gain[start + k]
                    pull += work.weight[k] * work.pull[start + k]
                if y >= least:
                    work.share[i, j] = mass * pull * step
                slope = (gain - pull) * step
                by_mass += slope * two.mass[0, j]
                by_mean += slope * two.mass[1, j]
                by_scale += slope * two.mass[2, j]
        gradient[0] += one.mass[1, i] * by_mass
        gradient[2] += one.mass[2, i] * by_mass
        gradient[1] += one.mass[0, i] * by_mean
        gradient[3] += one.mass[0, i] * by_scale


@scalar_kernel
def plane_cell_iwae(
    q: Vector, samples: float, one: PlaneLine, two: PlaneLine, work: PlaneWork, sloped: bool,
    gradient: Vector,
) -> tuple[float, tuple[int, int, int, int]]:  # fmt: skip
    """Return L_S at q = (μ₁, μ₂, log s₁, log s₂), and which intervals of each latent q reaches.

    The likelihood is filled in. If `sloped`, `gradient` and the shares are filled as well.
    """
    first1, last1 = _fill_masses(one, q[0], math.exp(q[2]))
    first2, last2 = _fill_masses(two, q[1], math.exp(q[3]))
    reach = (first1, last1, first2, last2)
    log_mean, log_second, lowest, top = _reach_of_weights(one, two, reach, work)
    gradient[:] = 0.0
    if log_mean == -np.inf:
        return -np.inf, reach
    least = max(lowest, top - _FLOOR)
    # The steps are octaves from log E w on, as smooth in q as everything else.
    below = math.ceil((log_mean - least) / SPACING) + SHARED // 2
    origin = log_mean - below * SPACING
    places = int((top - origin) / SPACING) + SHARED
    _spread_cells(one, two, reach, least, origin, places, work)
    octaves = math.floor(first_step(samples, log_second, _TRUNCATION) / (PLACES * SPACING))
    start = int(octaves)
    offset = start * PLACES - int(below)
    value, steps = 0.0, 0
    while steps < _MOST_STEPS:
        log_tau = (start + steps) * PLACES * SPACING
        absent = absent_at(work.law, work.gone, places, offset + steps * PLACES, ABSENT)
        absent = min(max(absent, 0.0), 1.0)
        phi = 1.0 - absent
        value += integrand(absent, samples * math.exp(log_tau), samples)
        work.power[steps] = samples * phi ** (samples - 1.0)
        steps += 1
        if finished(phi, samples, log_tau, log_mean - least, _TRUNCATION):
            break
    if sloped:
        _back(steps, offset, places, work)
        _gathered(one, two, reach, least, origin, work, gradient)
    return log_mean + SPACING * PLACES * value, reach
