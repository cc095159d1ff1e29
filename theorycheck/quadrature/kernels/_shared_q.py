"""One q(z|x) for all classes: the local minima of −V over (μ, log s), for every x.

At (μ, s) class y offers a_y = log π_y − KL[q ‖ N(0, 1)] − E_q c_y, its own ELBO; q(y|x) makes V(a)
of the offers (`_class_weights.py`). With r = ∂V/∂a and M = ∂²V/∂a², the gradient of −V is Σ r_y g_y
and its Hessian Σ r_y H_y − Σ M_yy' g_y g_y'ᵀ, where g_y and H_y are those of −ELBO_y.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._class_costs import class_costs, class_workspace
from theorycheck.quadrature.kernels._class_weights import class_weights
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import (
    Candidates,
    ClassCells,
    ClassPanels,
    ClassTable,
    Cube,
    IntVector,
    Matrix,
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

#: Table entries that one x begins at, at most; nats above the best entry up to which one counts;
#: and how far apart in μ, in s, two of them are.
_FROM_TABLE = 8
_MARGIN = 1.5
_APART = 1.5
#: Starts of one x, the given ones among them.
_STARTS = 24
_ITERATIONS = 100
#: As in the search of one class (`_mean_field.py`).
_CONVERGED = 1e-10
_ABANDON_MARGIN = 0.6
_START_KNOWN, _ON_THE_WAY, _RISE, _SAME, _TIE = 0.1, 0.05, 1e-3, 1e-3, 1e-11


@scalar_kernel
def shared_value(
    x: Vector, mean: float, log_scale: float, share: Vector, log_prior: Vector,
    inverse_sigma: Vector, classes: ClassCells | ClassPanels, work: Matrix, each: Matrix,
    offers: Matrix,
) -> tuple[float, float, float, float, float, float]:  # fmt: skip
    """Return −V and its scaled derivatives: s∂_μ, ∂_λ, s²∂²_μ, s∂_μ∂_λ, ∂²_λ, λ = log s.

    `each` (C, 6) is filled with the classes' own; rows of `offers` (3, C) with a_y, log r_y and the
    bend of r_y.
    """
    class_costs(x, mean, log_scale, inverse_sigma, classes, work, each)
    return weighed(each, share, log_prior, offers)


@scalar_kernel
def weighed(
    each: Matrix, share: Vector, log_prior: Vector, offers: Matrix
) -> tuple[float, float, float, float, float, float]:
    """Return −V and its scaled derivatives from those of the classes, `each` (C, 6).

    Rows of `offers` (3, C) are filled with a_y, log r_y and the bend of r_y.
    """
    offer, log_r, bend = offers[0], offers[1], offers[2]
    count = log_prior.shape[0]
    for y in range(count):
        offer[y] = log_prior[y] - each[y, 0]
    value = -class_weights(offer, share, log_r, bend)
    g1 = 0.0
    g2 = 0.0
    h11 = 0.0
    h12 = 0.0
    h22 = 0.0
    total = 0.0
    middle1 = 0.0
    middle2 = 0.0
    for y in range(count):
        r = math.exp(log_r[y])
        g1 += r * each[y, 1]
        g2 += r * each[y, 2]
        h11 += r * each[y, 3]
        h12 += r * each[y, 4]
        h22 += r * each[y, 5]
        total += bend[y]
        middle1 += bend[y] * each[y, 1]
        middle2 += bend[y] * each[y, 2]
    if total > 0.0:
        middle1 /= total
        middle2 /= total
        for y in range(count):
            off1 = each[y, 1] - middle1
            off2 = each[y, 2] - middle2
            h11 -= bend[y] * off1 * off1
            h12 -= bend[y] * off1 * off2
            h22 -= bend[y] * off2 * off2
    return value, g1, g2, h11, h12, h22


@scalar_kernel
def _newton(
    x: Vector, mean: float, log_scale: float, share: Vector, log_prior: Vector,
    inverse_sigma: Vector, classes: ClassCells | ClassPanels, work: Matrix, each: Matrix,
    offers: Matrix, minima: Matrix, kept: int,
) -> tuple[float, float, float]:  # fmt: skip
    """Descend to a local minimum of −V; return μ, log s and the value.

    Gives up, with value inf, on the way into one of the `kept` minima, or into one that cannot
    compete with the lowest of them.
    """
    value, g1, g2, h11, h12, h22 = shared_value(
        x, mean, log_scale, share, log_prior, inverse_sigma, classes, work, each, offers
    )
    for _ in range(_ITERATIONS):
        step1, step2, decrement = newton_step(g1, g2, h11, h12, h22, LEAST_CURVATURE)
        if decrement < _CONVERGED * (1.0 + abs(value)):
            mean, log_scale = moved(mean, log_scale, 1.0, step1, step2)
            value = shared_value(
                x, mean, log_scale, share, log_prior, inverse_sigma, classes, work, each, offers
            )[0]
            break
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
            trial = shared_value(
                x, new_mean, new_scale, share, log_prior, inverse_sigma, classes, work, each, offers
            )
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


# Longer than 60 lines: three passes over a table whose entries are looked at no more than needed.
@scalar_kernel
def _table_starts(
    x: Vector, share: Vector, log_prior: Vector, table: ClassTable, scan: Matrix, offers: Matrix,
    starts: Matrix,
) -> int:  # fmt: skip
    """Fill `starts` with the lowest entries of the table that are apart; return their number.

    Their values are −V up to |x|²/2σ². `scan` (C + 2, T) receives the offers, the highest of them,
    and −V.
    """
    count, size = table.offset.shape
    highest, value = scan[count], scan[count + 1]
    for i in range(size):
        highest[i] = -np.inf
    for y in range(count):
        row = scan[y]
        for i in range(size):
            row[i] = log_prior[y] - table.offset[y, i]
        for d in range(x.shape[0]):
            here = x[d]
            for i in range(size):
                row[i] += here * table.slope[y, d, i]
        for i in range(size):
            highest[i] = max(highest[i], row[i])
    weight = 0.0
    for y in range(count):
        weight += share[y]
    # V <= highest + log C + Σ c_y log p_y, and at r = p it is at least Σ p_y a_y + Σ c_y log p_y;
    # without a label term it is at least the highest.
    floor = -np.inf
    for i in range(size):
        least = highest[i]
        if weight > 0.0:
            least = 0.0
            for y in range(count):
                if share[y] > 0.0:
                    least += share[y] / weight * scan[y, i]
        floor = max(floor, least)
    floor -= _MARGIN + math.log(count)
    best = np.inf
    for i in range(size):
        value[i] = np.inf
        if highest[i] < floor:
            continue
        for y in range(count):
            offers[0, y] = scan[y, i]
        value[i] = -class_weights(offers[0], share, offers[1], offers[2])
        best = min(best, value[i])
    found = 0
    for _ in range(_FROM_TABLE):
        pick = 0
        for i in range(size):
            if value[i] < value[pick]:
                pick = i
        if not value[pick] <= best + _MARGIN:
            break
        mean, s = table.mean[pick], math.exp(table.log_scale[pick])
        starts[found, MEAN] = mean
        starts[found, LOG_SCALE] = table.log_scale[pick]
        starts[found, VALUE] = value[pick]
        found += 1
        for i in range(size):
            if value[i] < np.inf and abs(table.mean[i] - mean) < _APART * max(
                s, math.exp(table.log_scale[i])
            ):
                value[i] = np.inf
    return found


# Longer than 60 lines: it hands on its twelve arguments again and again.
@batch_kernel
def shared_q_batch(
    part: int, parts: int, x: Matrix, share: Matrix, log_prior: Vector, inverse_sigma: Vector,
    classes: ClassCells | ClassPanels, table: ClassTable, given: Candidates, minima: Cube,
    found: IntVector, offer: Matrix,
) -> None:  # fmt: skip
    """Find the best (μ, log s) that serves all classes, for every x (n, D).

    Starts come from the table (empty: none) and from those given. `share` (n, C) is c p(y|x).
    `minima` (n, MINIMA, 3) receives μ, log s and −V of the distinct minima, lowest first, NaN
    beyond; `found` (n,) their number; `offer` (n, C) what every class offers at the lowest.
    """
    x, share, log_prior, inverse_sigma = borrowed((x, share, log_prior, inverse_sigma))
    classes, table, given = borrowed((classes, table, given))
    minima, offer = borrowed((minima, offer))
    count = log_prior.shape[0]
    work = class_workspace(x.shape[1], classes)
    each = np.empty((count, 6))
    offers = np.empty((3, count))
    scan = np.empty((count + 2, table.mean.shape[0]))
    starts = np.empty((_STARTS, 3))
    for k in range(part, x.shape[0], parts):
        size = 0
        if table.mean.shape[0] > 0:
            half_square = 0.0
            for d in range(x.shape[1]):
                half_square += 0.5 * (x[k, d] * inverse_sigma[d]) ** 2
            size = _table_starts(x[k], share[k], log_prior, table, scan, offers, starts)
            for i in range(size):
                starts[i, VALUE] += half_square
        row = given.row[k]
        for i in range(given.q.shape[1]):
            mean, log_scale = given.q[row, i, 0], given.q[row, i, 1]
            if math.isnan(mean) or size >= _STARTS:
                continue
            starts[size, MEAN] = mean
            starts[size, LOG_SCALE] = log_scale
            starts[size, VALUE] = shared_value(
                x[k], mean, log_scale, share[k], log_prior, inverse_sigma, classes, work, each,
                offers,
            )[0]  # fmt: skip
            size += 1
        kept = cleared(minima[k])
        while True:
            pick = next_start(starts, size, minima[k], kept, _MARGIN, _START_KNOWN)
            if pick < 0:
                break
            mean, log_scale, value = _newton(
                x[k], starts[pick, MEAN], starts[pick, LOG_SCALE], share[k], log_prior,
                inverse_sigma, classes, work, each, offers, minima[k], kept,
            )  # fmt: skip
            if value < np.inf:
                kept = keep(mean, log_scale, value, minima[k], kept, _SAME)
        put_best_first(minima[k], kept, _TIE)
        found[k] = kept
        shared_value(
            x[k], minima[k, 0, MEAN], minima[k, 0, LOG_SCALE], share[k], log_prior, inverse_sigma,
            classes, work, each, offers,
        )  # fmt: skip
        for y in range(count):
            offer[k, y] = offers[0, y]
