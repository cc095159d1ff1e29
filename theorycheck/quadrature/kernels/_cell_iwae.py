"""The IWAE bound of a decoder that is constant on cells, with its gradient and responsibilities.

The latent is the cell: prior masses π_j, masses κ_j(μ, s) of q, weights w_j = π_j N(x; f_j)/κ_j.
Then L_S = E log (1/S) Σ w is the bound of a discrete latent, so that L_S <= log Σ π_j N(x; f_j)
holds exactly, and it lies above the bound of q itself by what the weights vary within cells.

    L_S = ∫ (e^{−t} − φ(t/S)^S) d log t,   φ(τ) = Σ_j κ_j e^{−τ w_j},   w scaled by Σ κ_j w_j

by the trapezoid rule at octaves of t, which leaves 1e-6 of log p − L_S. From one octave to the
next 1 − e^{−τw} =: δ becomes
δ(2 − δ), so no exponential is needed in the loop.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._cells import BASIN, reach_of_q
from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._iwae_steps import integrand, one_minus_exp
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Matrix, Vector
from theorycheck.quadrature.kernels._multistart import (
    LOG_SCALE,
    MEAN,
    SHORTER,
    VALUE,
    cleared,
    first_fraction,
    keep,
    next_start,
)
from theorycheck.quadrature.kernels._normal_tail import fill_tail_and_density

#: log t at which the rule begins: what is below is less than e^{−20}.
_LOWEST_LOG_T = -20.0
_OCTAVE = math.log(2.0)
_MOST_STEPS = 4_000
#: φ^S per nat still to come below which the rule ends.
_NEGLIGIBLE = 1e-11
#: Mass of q in a cell below which the cell is left out: it is hardly ever drawn.
_LEAST_MASS = 1e-12
#: Log-likelihood, below the best cell's, at which it is cut, nats: further down the weights would
#: leave the range of the numbers. A cell that is cut has no slope.
_FAINTEST = -600.0
_CUT = 1.0000001 * math.exp(_FAINTEST)
#: 1 − e^{−τw} above which it is set to 1.
_SATURATED = 1.0 - 1e-14
_ITERATIONS = 40
#: Predicted gain of a step, nats, at which the ascent in q ends.
_CONVERGED = 1e-9
#: Starts whose value is further below the best, in nats, are not refined.
_START_MARGIN = 0.1
#: Optima of an x that are kept: the second is a start of the next sweep.
_KEPT = 2
_LOWEST_LOG_SCALE = -12.0
_HIGHEST_LOG_SCALE = 2.0
#: Rows of the workspace.
(_T, _TAIL, _DENSITY, _KAPPA, _W, _DELTA, _GAIN, _SHARE, LIKELIHOOD) = range(9)
ROWS = 9


@scalar_kernel
def fill_likelihood(x: Vector, inverse_sigma: Vector, f: Matrix, work: Matrix) -> float:
    """Fill N(x; f_j) relative to its largest; return the log of that, without the constant."""
    row = work[LIKELIHOOD]
    count = f.shape[1]
    for j in range(count):
        row[j] = 0.0
    for d in range(x.shape[0]):
        for j in range(count):
            r = (x[d] - f[d, j]) * inverse_sigma[d]
            row[j] -= 0.5 * r * r
    top = -np.inf
    for j in range(count):
        top = max(top, row[j])
    for j in range(count):
        row[j] = exp_nonpositive(max(row[j] - top, _FAINTEST))
    return top


# Longer than 60 lines: the rows of the workspace serve the bound and then its slopes.
@scalar_kernel
def cell_iwae(
    mean: float, log_scale: float, samples: float, boundary: Vector, prior: Vector, top: float,
    work: Matrix, floor: float = -math.inf,
) -> tuple[float, float, float, int, int]:  # fmt: skip
    """Return L_S, s∂_μ L_S, ∂_{log s} L_S and the range of cells, the likelihood being filled in.

    Once L_S is known to be below `floor` it returns: some number below it, and no slopes. Row
    SHARE of `work` receives ∂L_S/∂log w_j, the responsibilities, which add up to one.
    """
    s = math.exp(log_scale)
    first, last = reach_of_q(boundary, mean, s)
    t, tail, density = work[_T], work[_TAIL], work[_DENSITY]
    kappa, w, gain, share = work[_KAPPA], work[_W], work[_GAIN], work[_SHARE]
    delta, likelihood = work[_DELTA], work[LIKELIHOOD]
    for b in range(first, last):
        t[b] = (boundary[b] - mean) / s
    fill_tail_and_density(t, first, last, tail, density)
    scale = 0.0
    above = 1.0
    for j in range(first, last + 1):
        below = tail[j] if j < last else 0.0
        mass = above - below
        above = below
        joint = prior[j] * likelihood[j]
        if mass > _LEAST_MASS:
            kappa[j] = mass
            w[j] = joint / mass
            scale += joint
        else:
            kappa[j] = 0.0
            w[j] = 0.0
        gain[j] = 0.0
        share[j] = 0.0
    if not scale > 0.0:
        return -np.inf, 0.0, 0.0, first, last + 1
    smallest = np.inf
    for j in range(first, last + 1):
        w[j] /= scale
        if kappa[j] > 0.0:
            smallest = min(smallest, w[j])
    start = math.exp(_LOWEST_LOG_T) / samples
    for j in range(first, last + 1):
        delta[j] = one_minus_exp(min(start * w[j], 700.0))
    # Where 1/w ends, φ has vanished.
    longest = 3.75 - math.log(max(smallest, 1e-300)) + math.log(samples)
    value = 0.0
    for k in range(_MOST_STEPS):
        log_t = _LOWEST_LOG_T + k * _OCTAVE
        now = math.exp(log_t)
        gone = 0.0
        for j in range(first, last + 1):
            gone += kappa[j] * delta[j]
        gone = min(gone, 1.0)
        value += integrand(gone, now, samples)
        left = 1.0 - gone
        power = left ** (samples - 1.0)
        factor = samples * power
        slope = factor * now / samples
        for j in range(first, last + 1):
            here = delta[j]
            gain[j] += factor * here
            share[j] += slope * w[j] * (1.0 - here)
            here *= 2.0 - here
            # Rounding would leave 1e-16 for ever, and t grows as far as the smallest w asks.
            delta[j] = here if here < _SATURATED else 1.0
        # From here on the integrand is nowhere positive.
        if now > 40.0 and top + math.log(scale) + value * _OCTAVE < floor:
            return top + math.log(scale) + value * _OCTAVE, 0.0, 0.0, first, last + 1
        if now > 40.0 and power * left * (longest - log_t) < _NEGLIGIBLE:
            break
    by_mean = 0.0
    by_scale = 0.0
    for j in range(first, last + 1):
        gain[j] = (gain[j] - share[j]) * _OCTAVE
        share[j] *= kappa[j] * _OCTAVE if likelihood[j] > _CUT else 0.0
        if kappa[j] == 0.0:
            continue
        left_density = density[j - 1] if j > first else 0.0
        right_density = density[j] if j < last else 0.0
        left_t = t[j - 1] if j > first else 0.0
        right_t = t[j] if j < last else 0.0
        by_mean += gain[j] * (left_density - right_density)
        by_scale += gain[j] * (left_t * left_density - right_t * right_density)
    return top + math.log(scale) + value * _OCTAVE, by_mean, by_scale, first, last + 1


@scalar_kernel
def _climb(
    mean: float, log_scale: float, samples: float, boundary: Vector, prior: Vector, top: float,
    work: Matrix,
) -> tuple[float, float, float]:  # fmt: skip
    """Climb to a local maximum of L_S over q by quasi-Newton steps; return μ, log s, L_S."""
    value, g1, g2, _first, _last = cell_iwae(mean, log_scale, samples, boundary, prior, top, work)
    # The inverse curvature of −ELBO at a Gaussian posterior of width s, to begin with.
    h11, h12, h22 = 1.0, 0.0, 0.5
    for _ in range(_ITERATIONS):
        step1 = h11 * g1 + h12 * g2
        step2 = h12 * g1 + h22 * g2
        predicted = 0.5 * (g1 * step1 + g2 * step2)
        if predicted < _CONVERGED:
            break
        fraction = first_fraction(step1, step2)
        better = False
        for _ in range(20):
            a = fraction * step1
            b = fraction * step2
            new_mean = mean + math.exp(log_scale) * a
            new_scale = min(max(log_scale + b, _LOWEST_LOG_SCALE), _HIGHEST_LOG_SCALE)
            trial, n1, n2, _first, _last = cell_iwae(
                new_mean, new_scale, samples, boundary, prior, top, work, value
            )
            if trial >= value + 2e-4 * fraction * predicted:
                # BFGS on the inverse curvature, with y the fall of the gradient.
                y1 = g1 - n1
                y2 = g2 - n2
                rho = a * y1 + b * y2
                if rho > 1e-14:
                    hy1 = h11 * y1 + h12 * y2
                    hy2 = h12 * y1 + h22 * y2
                    c = (1.0 + (y1 * hy1 + y2 * hy2) / rho) / rho
                    h11 += c * a * a - 2.0 * a * hy1 / rho
                    h12 += c * a * b - (a * hy2 + b * hy1) / rho
                    h22 += c * b * b - 2.0 * b * hy2 / rho
                mean, log_scale, value, g1, g2 = new_mean, new_scale, trial, n1, n2
                better = True
                break
            fraction *= SHORTER
        if not better:
            break
    return mean, log_scale, value


@scalar_kernel
def _starts(z: Vector, prior: Vector, work: Matrix, previous: Matrix, starts: Matrix) -> int:
    """Write the Gaussian with the moments of the posterior and the `previous` q; return how many.

    The likelihood is filled in.
    """
    m0 = 0.0
    m1 = 0.0
    m2 = 0.0
    for j in range(z.shape[0]):
        v = prior[j] * work[LIKELIHOOD, j]
        m0 += v
        m1 += v * z[j]
        m2 += v * z[j] * z[j]
    centre = m1 / m0
    starts[0, MEAN] = centre
    starts[0, LOG_SCALE] = 0.5 * math.log(max(m2 / m0 - centre * centre, 1e-8))
    count = 1
    for i in range(previous.shape[0]):
        if not math.isnan(previous[i, 0]):
            starts[count, MEAN] = previous[i, 0]
            starts[count, LOG_SCALE] = previous[i, 1]
            count += 1
    return count


@batch_kernel
def cell_importance_step_batch(
    part: int,
    parts: int,
    mass: Vector,
    x: Matrix,
    samples: float,
    inverse_sigma: Vector,
    boundary: Vector,
    z: Vector,
    prior: Vector,
    f: Matrix,
    previous: Cube,
    optima: Cube,
    aggregate: Matrix,
    moment: Cube,
    square: Cube,
) -> None:
    """Find the q of largest L_S for every x (n, D), and add up the responsibilities.

    Starts are the `previous` (n, C, 2) and the moments of the posterior over the cells. `optima`
    (n, C, 3) receives μ, log s and −L_S of the best two, best first, NaN beyond; `aggregate`
    (chunks, M), `moment` and `square` (chunks, M, D) the sums of the M-step, as in
    :func:`cell_m_step_batch`. `f` has shape (D, M).
    """
    x, inverse_sigma, boundary, z = borrowed((x, inverse_sigma, boundary, z))
    prior, f, previous = borrowed((prior, f, previous))
    total = x.shape[0]
    chunks = aggregate.shape[0]
    for chunk in range(part, chunks, parts):
        work = np.zeros((ROWS, f.shape[1]))
        starts = np.empty((previous.shape[1] + 1, 3))
        best = np.empty((_KEPT, 3))
        for k in range(chunk, total, chunks):
            top = fill_likelihood(x[k], inverse_sigma, f, work)
            count = _starts(z, prior, work, previous[k], starts)
            for i in range(count):
                starts[i, VALUE] = -cell_iwae(
                    starts[i, MEAN], starts[i, LOG_SCALE], samples, boundary, prior, top, work
                )[0]
            kept = cleared(best)
            while True:
                pick = next_start(starts, count, best, kept, _START_MARGIN, BASIN)
                if pick < 0:
                    break
                mean, log_scale, value = _climb(
                    starts[pick, MEAN], starts[pick, LOG_SCALE], samples, boundary, prior, top, work
                )
                kept = keep(mean, log_scale, -value, best, kept, 0.0)
            optima[k, :, :] = np.nan
            # Entry by entry: of an array that is assigned numba compiles the text of an error too.
            for i in range(_KEPT):
                for j in range(3):
                    optima[k, i, j] = best[i, j]
            _value, _g1, _g2, first, last = cell_iwae(
                optima[k, 0, 0], optima[k, 0, 1], samples, boundary, prior, top, work
            )
            for j in range(first, last):
                v = mass[k] * work[_SHARE, j]
                aggregate[chunk, j] += v
                for d in range(x.shape[1]):
                    moment[chunk, j, d] += v * x[k, d]
                    square[chunk, j, d] += v * x[k, d] * x[k, d]
