"""Multi-start descent in (μ, log s): the steps, and what is known of the minima found so far.

Four searches are made of these parts: of −ELBO on panels (_mean_field.py) and on cells (_cells.py),
and of −L_S on panels (_iwae_optimum.py) and on cells (_cell_iwae.py). Each brings its
own values and derivatives, takes :func:`next_start` until none is left, refines it, and hands the
end to :func:`keep`.

Rows of `starts` and `minima` are (μ, log s, value). Steps in μ are in units of s. Two q are near
each other when their μ differ by less than a `distance`, in units of the s of the one that is
known, and their log s by less than it. What distance is right depends on the search:

=================  ========  =========  ========  ==============================================
search             a start   on the     two ends  because
                   is known  way there  are one
=================  ========  =========  ========  ==============================================
−ELBO, panels      0.1       0.05       1e-3      ends are exact to 1e-6 s, and all minima are
                                                  wanted: some are 0.1 s apart
−ELBO, cells       0.3       0.3        never     only the best counts, and the exact engine
                                                  looks again where an ascent rests
−L_S, panels       0.2       0.2        0.03      where L_S is flat ends are found to 0.01
−L_S, cells        0.3       never      never     as on cells above; two ends are kept in all
=================  ========  =========  ========  ==============================================
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._jit import inlined_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Matrix

#: Columns of `starts` and `minima`.
MEAN, LOG_SCALE, VALUE = range(3)
#: log s is kept within these bounds.
LOWEST_LOG_SCALE = -30.0
HIGHEST_LOG_SCALE = 3.0
#: Least curvature assumed of −ELBO_x in (μ/s, log s), where it is about 1 at a minimum.
LEAST_CURVATURE = 1e-3
#: Share of the expected decrease that a step must bring, and what a step that does not is cut by.
_ARMIJO = 1e-4
SHORTER = 0.4


@inlined_kernel
def newton_step(
    g1: float, g2: float, h11: float, h12: float, h22: float, least_curvature: float
) -> tuple[float, float, float]:
    """Return the step (in s and in log s) and its decrement g·H⁻¹g, H made positive definite."""
    centre = 0.5 * (h11 + h22)
    gap = math.sqrt(0.25 * (h11 - h22) ** 2 + h12 * h12)
    big = max(abs(centre + gap), least_curvature)
    small = max(abs(centre - gap), least_curvature)
    angle = 0.5 * math.atan2(2.0 * h12, h11 - h22)
    c = math.cos(angle)
    n = math.sin(angle)
    a = -(c * g1 + n * g2) / big
    b = -(-n * g1 + c * g2) / small
    step1 = c * a - n * b
    step2 = n * a + c * b
    return step1, step2, -(g1 * step1 + g2 * step2)


@inlined_kernel
def first_fraction(step1: float, step2: float) -> float:
    """Return the share of a step that goes no further than one s and one in log s."""
    length = max(abs(step1), abs(step2))
    return 1.0 if length <= 1.0 else 1.0 / length


@inlined_kernel
def moved(
    mean: float, log_scale: float, fraction: float, step1: float, step2: float
) -> tuple[float, float]:
    """Return the (μ, log s) that a share of a step leads to."""
    return mean + math.exp(log_scale) * fraction * step1, min(
        max(log_scale + fraction * step2, LOWEST_LOG_SCALE), HIGHEST_LOG_SCALE
    )


@inlined_kernel
def enough(trial: float, value: float, fraction: float, decrement: float) -> bool:
    """Tell whether a share of a step has brought the decrease that it must (Armijo's rule)."""
    return trial <= value - _ARMIJO * fraction * decrement


@inlined_kernel
def known(mean: float, log_scale: float, minima: Matrix, kept: int, distance: float) -> bool:
    """Tell whether a q is near one of the `kept` minima."""
    for m in range(kept):
        if (
            abs(minima[m, LOG_SCALE] - log_scale) < distance
            and abs(minima[m, MEAN] - mean) < distance * math.exp(minima[m, LOG_SCALE])
        ):  # fmt: skip
            return True
    return False


@inlined_kernel
def arriving(
    mean: float, log_scale: float, value: float, minima: Matrix, kept: int, distance: float,
    rise: float,
) -> bool:  # fmt: skip
    """Tell whether a descent is near one of the minima, and above it by less than `rise`."""
    for m in range(kept):
        if (
            value >= minima[m, VALUE]
            and value < minima[m, VALUE] + rise
            and abs(minima[m, MEAN] - mean) < distance * math.exp(minima[m, LOG_SCALE])
            and abs(minima[m, LOG_SCALE] - log_scale) < distance
        ):
            return True
    return False


@scalar_kernel
def next_start(
    starts: Matrix, count: int, minima: Matrix, kept: int, margin: float, distance: float
) -> int:
    """Return the lowest start not yet taken, and take it; −1 where there is none worth a descent.

    Left out are those of value inf, those more than `margin` above the best minimum, and those
    near one that is known. The start taken gets the value inf.
    """
    for _ in range(count):
        pick = -1
        for i in range(count):
            if starts[i, VALUE] < np.inf and (pick < 0 or starts[i, VALUE] < starts[pick, VALUE]):
                pick = i
        if pick < 0 or (kept > 0 and starts[pick, VALUE] > minima[0, VALUE] + margin):
            return -1
        starts[pick, VALUE] = np.inf
        if not known(starts[pick, MEAN], starts[pick, LOG_SCALE], minima, kept, distance):
            return pick
    return -1


@scalar_kernel
def cleared(minima: Matrix) -> int:
    """Fill the list with NaN and return how many minima are in it: none.

    A bare 0 is a type of its own to numba, for which what takes it is compiled once more.
    """
    for m in range(minima.shape[0]):
        for i in range(3):
            minima[m, i] = np.nan
    return int(np.int64(0))


@scalar_kernel
def keep(
    mean: float, log_scale: float, value: float, minima: Matrix, kept: int, distance: float
) -> int:
    """Insert an end into the ascending list of distinct minima; return their number.

    Of two ends that are near each other the lower stands; `distance` 0 keeps them apart.
    """
    room = minima.shape[0]
    place = min(kept, room - 1)
    # How many there will be; 0 where this one is left out.
    number = min(kept + 1, room)
    if kept == room and value >= minima[place, VALUE]:
        number = 0
    for m in range(kept):
        if (
            abs(minima[m, LOG_SCALE] - log_scale) < distance
            and abs(minima[m, MEAN] - mean) < distance * math.exp(minima[m, LOG_SCALE])
        ):  # fmt: skip
            place = m
            number = kept if value < minima[m, VALUE] else 0
            break
    if number == 0:
        return kept
    while place > 0 and minima[place - 1, VALUE] > value:
        for i in range(3):
            minima[place, i] = minima[place - 1, i]
        place -= 1
    minima[place, MEAN] = mean
    minima[place, LOG_SCALE] = log_scale
    minima[place, VALUE] = value
    return number


@scalar_kernel
def put_best_first(minima: Matrix, kept: int, tie: float) -> None:
    """Swap the lowest minimum to the front; of those within `tie` of it, that of largest μ.

    Mirror images tie to rounding: so results do not hang on noise.
    """
    lowest = np.inf
    for m in range(kept):
        lowest = min(lowest, minima[m, VALUE])
    first = -1
    for m in range(kept):
        if minima[m, VALUE] < lowest + tie and (first < 0 or minima[m, MEAN] > minima[first, MEAN]):
            first = m
    if first > 0:
        for i in range(3):
            minima[0, i], minima[first, i] = minima[first, i], minima[0, i]
