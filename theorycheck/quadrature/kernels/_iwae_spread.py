"""L_S from the law of log w alone: nodes of any number of latents, spread over a grid of log w.

φ(τ) = E_q exp(−τw) asks of q for nothing but the law of y = log w. exp(−e^{y + u}) is analytic for
|Im y| < π/2, so that each node's mass is handed over to the ten nearest places of a grid in y by
Lagrange's weights, which errs by `SPREAD_ERROR` at most; there φ at all steps of log τ is a
correlation with one table. A node costs as much as its log w, whatever the steps.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammainc

from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._iwae_steps import LOG_2
from theorycheck.quadrature.kernels._jit import inlined_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Matrix, Vector

#: Places of the grid an octave of w, and places that share a node.
PLACES = 8
SPACING = LOG_2 / PLACES
SHARED = 10
#: max |e^{−v} − interpolant|: the derivative of order 10 over 10! is at most (2/π)^10, for a strip
#: of half-width π/2, and the product of the distances at most 873 spacings to the 10th.
SPREAD_ERROR = 873.0 * (2.0 * SPACING / math.pi) ** SHARED
#: log τw below which 1 − e^{−τw} is taken as 0, and above which e^{−τw} is.
_FAINT, _SATURATED = -34.0, 3.75
BEFORE = int(-_FAINT / SPACING)
BEHIND = int(_SATURATED / SPACING)
#: Widest range of log w, nats: what is further below the largest is raised to it.
RANGE = 690.0
#: Places that any range takes.
CAPACITY = int(RANGE / SPACING) + 2 * SHARED
#: Rows of the tables.
ABSENT, FIRST, SECOND = range(3)


def _tables() -> Matrix:
    """Return 1 − e^{−v}, 1 − (1 + v) e^{−v} and 1 − (1 + v + v²) e^{−v} at v = e^u on the grid."""
    v = np.exp(np.arange(-BEFORE, BEHIND + 1) * SPACING)
    first = gammainc(2.0, v)
    return np.ascontiguousarray(np.stack([-np.expm1(-v), first, first - v**2 * np.exp(-v)]))


#: The tables (3, BEFORE + 1 + BEHIND), u from −BEFORE to BEHIND spacings.
TABLES = _tables()
#: Places before a node, but for the one that it follows.
_MIDDLE = SHARED // 2 - 1
#: 1/Π (k − m): what Lagrange's products are divided by.
_OVER = np.array([1.0 / math.prod(k - m for m in range(SHARED) if m != k) for k in range(SHARED)])


@inlined_kernel
def shares(fraction: float, share: Vector) -> None:
    """Fill Lagrange's weights of a node so far (0 to 1) behind the place in the middle."""
    at = fraction + _MIDDLE
    product = 1.0
    for k in range(SHARED):
        share[k] = product * _OVER[k]
        product *= at - k
    product = 1.0
    for k in range(SHARED - 1, -1, -1):
        share[k] *= product
        product *= at - k


@inlined_kernel
def place_of(log_w: float, origin: float, share: Vector) -> int:
    """Fill the weights of a node; return the first of its places.

    `origin` is log w at place 0, half of `SHARED` places below any node.
    """
    at = (log_w - origin) * (1.0 / SPACING)
    whole = math.floor(at)
    shares(at - whole, share)
    return int(whole) - _MIDDLE


@scalar_kernel
def absent_at(law: Vector, gone: Vector, count: int, offset: int, kind: int) -> float:
    """Return Σ law_j T(j + offset) for one of the tables T, which is 1 behind its end.

    `gone` (count + 1,) is the sum of `law` from each place on.
    """
    first = max(0, -BEFORE - offset)
    last = min(count, BEHIND + 1 - offset)
    total = gone[max(last, 0)] if last < count else 0.0
    row = TABLES[kind]
    shift = offset + BEFORE
    for j in range(first, last):
        total += law[j] * row[j + shift]
    return total


@scalar_kernel
def summed_from_behind(law: Vector, count: int, gone: Vector) -> None:
    """Fill the sums of `law` from each place on."""
    gone[count] = 0.0
    for j in range(count - 1, -1, -1):
        gone[j] = gone[j + 1] + law[j]


@scalar_kernel
def law_of(mass: Vector, log_w: Vector, count: int) -> tuple[float, float, float, float, float]:
    """Return log E_q w, log E_q w²/(E_q w)², the least, the largest and the mean of log w."""
    top = -np.inf
    lowest = np.inf
    average = 0.0
    total = 0.0
    for i in range(count):
        top = max(top, log_w[i])
        lowest = min(lowest, log_w[i])
        average += mass[i] * log_w[i]
        total += mass[i]
    once = 0.0
    twice = 0.0
    for i in range(count):
        e = exp_nonpositive(log_w[i] - top)
        once += mass[i] * e
        twice += mass[i] * e * e
    once /= total
    return (
        top + math.log(once), math.log(twice / total) - 2.0 * math.log(once), lowest, top,
        average / total,
    )  # fmt: skip
