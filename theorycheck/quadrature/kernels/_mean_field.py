"""The optimal mean-field Gaussian q for many x: starts, Newton refinement, distinct minima.

All values are −ELBO_x(μ, s) without the constant (D/2) log 2π + Σ log σ_d, which the caller adds:
½(s² + μ² − 1) − log s + E_q |x − f|²/2σ².
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._gaussian_expectation import (
    cost_moments,
    expectations,
    workspace,
)
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import (
    AffineTable,
    Balls,
    Candidates,
    Cube,
    IntVector,
    Matrix,
    Panels,
    Runs,
    Vector,
)
from theorycheck.quadrature.kernels._multistart import (
    LEAST_CURVATURE,
    LOG_SCALE,
    MEAN,
    SHORTER,
    VALUE,
    arriving,
    cleared,
    enough,
    first_fraction,
    keep,
    moved,
    newton_step,
    next_start,
    put_best_first,
)
from theorycheck.quadrature.kernels._starts import mode_starts, table_starts

#: Distinct local minima kept for an x.
MINIMA = 8
#: Starts looked at for an x.
_STARTS = 24
_ITERATIONS = 100
#: Newton decrement (nats, relative to the value) below which one more full step, taken blindly,
#: ends at rounding level: convergence is quadratic, so the next decrement is about its square.
_CONVERGED = 1e-10
#: Nats above the best minimum at which a descent that has nearly arrived is given up.
_ABANDON_MARGIN = 0.6
#: When q are near each other (see `_multistart.py`): a start and a minimum; a descent and a
#: minimum that it is less than so many nats above; two ends.
_START_KNOWN, _ON_THE_WAY, _RISE = 0.1, 0.05, 1e-3
SAME = 1e-3
#: Nats within which two minima count as equally good.
TIE = 1e-11


@scalar_kernel
def negative_elbo(
    x: Vector,
    mean: float,
    log_scale: float,
    inverse_sigma: Vector,
    panels: Panels,
    runs: Runs,
    work: Matrix,
) -> tuple[float, float, float, float, float, float]:
    """Return −ELBO_x and its scaled derivatives: s∂_μ, ∂_λ, s²∂²_μ, s∂_μ∂_λ, ∂²_λ, λ = log s."""
    s = math.exp(log_scale)
    m0, m1, m2, m3, m4 = cost_moments(x, mean, s, inverse_sigma, panels, runs, work)
    s2 = s * s
    value = 0.5 * (s2 + mean * mean - 1.0) - log_scale + m0
    return (
        value,
        s * mean + m1,
        s2 - 1.0 + m2 - m0,
        s2 + m2 - m0,
        m3 - 3.0 * m1,
        2.0 * s2 + 2.0 * (m2 - m0) + m4 - 6.0 * m2 + 3.0 * m0,
    )


@scalar_kernel
def newton(
    x: Vector,
    mean: float,
    log_scale: float,
    inverse_sigma: Vector,
    panels: Panels,
    runs: Runs,
    work: Matrix,
    minima: Matrix,
    kept: int,
) -> tuple[float, float, float]:
    """Descend to a local minimum of −ELBO_x; return μ, log s and the value.

    Gives up, with value inf, once it is on its way into one of the `kept` known minima, or
    into one that cannot compete with the lowest of them.
    """
    value, g1, g2, h11, h12, h22 = negative_elbo(
        x, mean, log_scale, inverse_sigma, panels, runs, work
    )
    for _ in range(_ITERATIONS):
        step1, step2, decrement = newton_step(g1, g2, h11, h12, h22, LEAST_CURVATURE)
        if decrement < _CONVERGED * (1.0 + abs(value)):
            mean += math.exp(log_scale) * step1
            log_scale += step2
            value = negative_elbo(x, mean, log_scale, inverse_sigma, panels, runs, work)[0]
            return mean, log_scale, value
        hopeless = (
            kept > 0
            and decrement < 0.1
            and value - 2.0 * decrement > minima[0, VALUE] + _ABANDON_MARGIN
        )
        if hopeless or arriving(mean, log_scale, value, minima, kept, _ON_THE_WAY, _RISE):
            return mean, log_scale, np.inf
        fraction = first_fraction(step1, step2)
        better = False
        for _ in range(30):
            new_mean, new_scale = moved(mean, log_scale, fraction, step1, step2)
            trial = negative_elbo(x, new_mean, new_scale, inverse_sigma, panels, runs, work)
            if enough(trial[0], value, fraction, decrement):
                mean = new_mean
                log_scale = new_scale
                value, g1, g2, h11, h12, h22 = trial
                better = True
                break
            fraction *= SHORTER
        if not better:
            # No descent beyond rounding is left.
            break
    return mean, log_scale, value


@batch_kernel
def optimal_q_batch(
    part: int, parts: int, x: Matrix, inverse_sigma: Vector, panels: Panels, runs: Runs,
    log_width: Vector, blocks: Balls, table: AffineTable, given: Candidates, use_modes: bool,
    margin: float, minima: Cube, found: IntVector,
) -> None:  # fmt: skip
    """Find the global minimum over (μ, log s) for every x (n, D).

    Starts come from the table (empty: none), from the posterior modes if asked, for which there is
    `log_width` (P N,), and from those given; those more than `margin` nats above the best minimum
    found are given up. `minima` (n, MINIMA, 3) receives μ, log s and the value of the distinct
    minima, lowest first, NaN beyond; `found` (n,) their number.
    """
    x, inverse_sigma, panels, runs = borrowed((x, inverse_sigma, panels, runs))
    log_width, blocks, table, given = borrowed((log_width, blocks, table, given))
    minima = borrowed(minima)
    total = x.shape[0]
    work = workspace(x.shape[1])
    e = np.empty(log_width.shape[0])
    within_reach = np.empty(blocks.radius.shape[0], dtype=np.int64)
    scan = np.empty(table.mean.shape[0])
    starts = np.empty((_STARTS, 3))
    for k in range(part, total, parts):
        count = 0
        if use_modes:
            count = mode_starts(
                x[k], inverse_sigma, panels, log_width, blocks, e, within_reach, starts
            )
        for i in range(count):
            # A mode's mass is no value of −ELBO: evaluate there instead.
            starts[i, VALUE] = negative_elbo(
                x[k], starts[i, MEAN], starts[i, LOG_SCALE], inverse_sigma, panels, runs, work,
            )[0]  # fmt: skip
        if table.mean.shape[0] > 0:
            half_square = 0.0
            for d in range(x.shape[1]):
                half_square += 0.5 * (x[k, d] * inverse_sigma[d]) ** 2
            for i in range(count):
                starts[i, VALUE] -= half_square
            count = table_starts(x[k], table, inverse_sigma, scan, starts, count)
            for i in range(count):
                starts[i, VALUE] += half_square
        row = given.row[k]
        for i in range(given.q.shape[1]):
            mean, log_scale = given.q[row, i, 0], given.q[row, i, 1]
            if math.isnan(mean) or count >= _STARTS:
                continue
            starts[count, MEAN] = mean
            starts[count, LOG_SCALE] = log_scale
            starts[count, VALUE] = negative_elbo(
                x[k], mean, log_scale, inverse_sigma, panels, runs, work
            )[0]
            count += 1
        found[k] = _descend(
            x[k], starts, count, margin, inverse_sigma, panels, runs, work, minima[k]
        )


@scalar_kernel
def _descend(
    x: Vector,
    starts: Matrix,
    count: int,
    margin: float,
    inverse_sigma: Vector,
    panels: Panels,
    runs: Runs,
    work: Matrix,
    minima: Matrix,
) -> int:
    """Refine starts, lowest first, and keep the distinct minima; return their number."""
    kept = cleared(minima)
    while True:
        pick = next_start(starts, count, minima, kept, margin, _START_KNOWN)
        if pick < 0:
            break
        mean, log_scale, value = newton(
            x, starts[pick, MEAN], starts[pick, LOG_SCALE], inverse_sigma, panels, runs, work,
            minima, kept,
        )  # fmt: skip
        if value < np.inf:
            kept = keep(mean, log_scale, value, minima, kept, SAME)
    put_best_first(minima, kept, TIE)
    return kept


@batch_kernel
def negative_elbo_batch(
    part: int,
    parts: int,
    x: Matrix,
    mean: Vector,
    log_scale: Vector,
    inverse_sigma: Vector,
    panels: Panels,
    runs: Runs,
    values: Matrix,
) -> None:
    """Fill −ELBO and its five scaled derivatives (n, 6) for pairs of x (n, D) and q."""
    x, inverse_sigma, panels, runs = borrowed((x, inverse_sigma, panels, runs))
    total = mean.shape[0]
    work = workspace(x.shape[1])
    for k in range(part, total, parts):
        result = negative_elbo(
            x[k], mean[k], log_scale[k], inverse_sigma, panels, runs, work,
        )  # fmt: skip
        for i in range(6):
            values[k, i] = result[i]


@batch_kernel
def expectations_batch(
    part: int,
    parts: int,
    x: Matrix,
    mean: Vector,
    log_scale: Vector,
    panels: Panels,
    runs: Runs,
    first: Matrix,
    squares: Matrix,
) -> None:
    """Fill E_q f (n, D) and E_q (x_d − f_d)² (n, D) for pairs of x and q."""
    x, panels, runs, first, squares = borrowed((x, panels, runs, first, squares))
    total = mean.shape[0]
    work = workspace(x.shape[1])
    for k in range(part, total, parts):
        expectations(
            x[k], mean[k], math.exp(log_scale[k]), panels, runs, work,
            first[k], squares[k],
        )  # fmt: skip
