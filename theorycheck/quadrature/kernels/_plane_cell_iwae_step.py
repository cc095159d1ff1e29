"""The q of largest L_S on cells of two latents, and the sums of the M-step.

Quasi-Newton ascent from given starts in the four numbers of q, as on cells of one latent
(`_cell_iwae.py`); the bound and its slopes are those of `_plane_cell_iwae.py`.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._cells import BASIN
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Matrix, Vector
from theorycheck.quadrature.kernels._plane_cell_iwae import (
    PlaneLine,
    PlaneWork,
    fill_plane_likelihood,
    plane_cell_iwae,
    plane_line,
    plane_work,
)

_ITERATIONS = 40
#: Predicted gain of a step, nats, at which the ascent in q ends; longest step.
_CONVERGED, _LONGEST = 1e-9, 1.0
#: Starts whose value is further below the best, in nats, are not refined; optima that are kept.
_START_MARGIN = 0.1
KEPT = 2
_LOWEST_LOG_SCALE, _HIGHEST_LOG_SCALE = -12.0, 2.0


@scalar_kernel
def _climb(q: Vector, samples: float, one: PlaneLine, two: PlaneLine, work: PlaneWork) -> float:
    """Climb to a local maximum of L_S by quasi-Newton steps; change q, and return L_S there."""
    g, new_g, trial = np.empty(4), np.empty(4), np.empty(4)
    step, fall = np.empty(4), np.empty(4)
    inverse = np.zeros((4, 4))
    for k in range(4):
        # The inverse curvature of −ELBO at a Gaussian posterior, to begin with.
        inverse[k, k] = 1.0 if k < 2 else 0.5
    value = plane_cell_iwae(q, samples, one, two, work, True, g)[0]
    for _ in range(_ITERATIONS):
        longest, predicted = 0.0, 0.0
        for a in range(4):
            step[a] = 0.0
            for b in range(4):
                step[a] += inverse[a, b] * g[b]
            predicted += 0.5 * step[a] * g[a]
            longest = max(longest, abs(step[a]))
        if predicted < _CONVERGED:
            break
        fraction = min(1.0, _LONGEST / longest)
        better = False
        for _ in range(20):
            for k in range(2):
                trial[k] = q[k] + math.exp(q[2 + k]) * fraction * step[k]
                wider = q[2 + k] + fraction * step[2 + k]
                trial[2 + k] = min(max(wider, _LOWEST_LOG_SCALE), _HIGHEST_LOG_SCALE)
            here = plane_cell_iwae(trial, samples, one, two, work, True, new_g)[0]
            if here >= value + 2e-4 * fraction * predicted:
                better = True
                break
            fraction *= 0.4
        if not better:
            break
        for a in range(4):
            fall[a] = g[a] - new_g[a]
            step[a] *= fraction
            q[a], g[a] = trial[a], new_g[a]
        value = here
        _update(inverse, step, fall)
    return value


@scalar_kernel
def _update(inverse: Matrix, step: Vector, fall: Vector) -> None:
    """Update the inverse curvature by BFGS, from a step and the fall of the gradient over it."""
    along = 0.0
    for a in range(4):
        along += step[a] * fall[a]
    if along <= 1e-14:
        return
    moved = np.zeros(4)
    size = 0.0
    for a in range(4):
        for b in range(4):
            moved[a] += inverse[a, b] * fall[b]
        size += fall[a] * moved[a]
    c = (1.0 + size / along) / along
    for a in range(4):
        for b in range(4):
            cross = step[a] * moved[b] + moved[a] * step[b]
            inverse[a, b] += c * step[a] * step[b] - cross / along


@scalar_kernel
def _matched(
    one: PlaneLine, two: PlaneLine, z1: Vector, z2: Vector, work: PlaneWork, q: Vector
) -> None:
    """Write the q with the means and variances of the posterior over the cells."""
    likelihood = work.log_likelihood
    top = -np.inf
    for i in range(likelihood.shape[0]):
        for j in range(likelihood.shape[1]):
            top = max(top, likelihood[i, j])
    total, a1, a2, b1, b2 = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(likelihood.shape[0]):
        for j in range(likelihood.shape[1]):
            if likelihood[i, j] - top > -60.0:
                v = one.prior[i] * two.prior[j] * math.exp(likelihood[i, j] - top)
                total += v
                a1 += v * z1[i]
                a2 += v * z2[j]
                b1 += v * z1[i] * z1[i]
                b2 += v * z2[j] * z2[j]
    q[0], q[1] = a1 / total, a2 / total
    q[2] = 0.5 * math.log(max(b1 / total - q[0] * q[0], 1e-8))
    q[3] = 0.5 * math.log(max(b2 / total - q[1] * q[1], 1e-8))


@scalar_kernel
def _near(q: Vector, known: Matrix, count: int) -> bool:
    """Tell whether a q is in the basin of an optimum that is known."""
    for m in range(count):
        apart = 0.0
        for k in range(2):
            apart = max(apart, abs(q[k] - known[m, k]) / math.exp(known[m, 2 + k]))
            apart = max(apart, abs(q[2 + k] - known[m, 2 + k]))
        if apart < BASIN:
            return True
    return False


@scalar_kernel
def _best_of(
    starts: Matrix, values: Vector, count: int, samples: float, one: PlaneLine, two: PlaneLine,
    work: PlaneWork, found: Matrix,
) -> int:  # fmt: skip
    """Climb from the best starts; fill the best optima (KEPT, 5), best first; return how many."""
    kept = 0
    found[:, :] = np.nan
    while True:
        pick = -1
        for i in range(count):
            if values[i] > -np.inf and (pick < 0 or values[i] > values[pick]):
                pick = i
        if pick < 0:
            return kept
        value = values[pick]
        values[pick] = -np.inf
        if kept > 0 and (value < -found[0, 4] - _START_MARGIN or _near(starts[pick], found, kept)):
            continue
        value = _climb(starts[pick], samples, one, two, work)
        place = kept
        while place > 0 and -found[place - 1, 4] < value:
            place -= 1
        for m in range(KEPT - 1, place, -1):
            for k in range(5):
                found[m, k] = found[m - 1, k]
        if place < KEPT:
            for k in range(4):
                found[place, k] = starts[pick, k]
            found[place, 4] = -value
            kept = min(kept + 1, KEPT)


@batch_kernel
def plane_importance_step_batch(
    part: int,
    parts: int,
    mass: Vector,
    x: Matrix,
    samples: float,
    boundary: tuple[Vector, Vector],
    prior: tuple[Vector, Vector],
    z: tuple[Vector, Vector],
    f: Cube,
    look: bool,
    previous: Cube,
    optima: Cube,
    aggregate: Cube,
    moment: Cube,
) -> None:
    """Find the q of largest L_S for every x (n, D), and add up the responsibilities.

    x and f (M₁, D, M₂) are in units of σ. Starts are the `previous` (n, C, 4), NaN where unused,
    and, to `look` for others, the moments of the posterior over the cells. `optima` (n, KEPT, 5)
    receives μ, log s and −L_S, up to the constant of the normal density, best first; `aggregate`
    (chunks, M₁, M₂) the sums Σ mass r, and `moment` (chunks, M₁ M₂, 2D) those of r x and of r x².
    """
    x, f, previous, optima = borrowed((x, f, previous, optima))
    rows, data_dim, columns = f.shape
    one, two = plane_line(boundary[0], prior[0]), plane_line(boundary[1], prior[1])
    work = plane_work(rows, columns)
    most = previous.shape[1] + 1
    starts, values = np.empty((most, 4)), np.empty(most)
    found, gradient = np.empty((KEPT, 5)), np.empty(4)
    for chunk in range(part, aggregate.shape[0], parts):
        for n in range(chunk, x.shape[0], aggregate.shape[0]):
            fill_plane_likelihood(x[n], f, work.log_likelihood)
            count = 0
            if look:
                _matched(one, two, z[0], z[1], work, starts[0])
                count = 1
            for c in range(previous.shape[1]):
                if not math.isnan(previous[n, c, 0]):
                    for k in range(4):
                        starts[count, k] = previous[n, c, k]
                    count += 1
            for i in range(count):
                values[i] = plane_cell_iwae(starts[i], samples, one, two, work, False, gradient)[0]
            _best_of(starts, values, count, samples, one, two, work, found)
            for m in range(KEPT):
                for k in range(5):
                    optima[n, m, k] = found[m, k]
            _value, reach = plane_cell_iwae(found[0, :4], samples, one, two, work, True, gradient)
            for i in range(reach[0], reach[1]):
                for j in range(reach[2], reach[3]):
                    v = mass[n] * work.share[i, j]
                    aggregate[chunk, i, j] += v
                    for d in range(data_dim):
                        moment[chunk, i * columns + j, d] += v * x[n, d]
                        moment[chunk, i * columns + j, data_dim + d] += v * x[n, d] * x[n, d]
