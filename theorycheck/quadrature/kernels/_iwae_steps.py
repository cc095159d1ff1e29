"""The steps of the integral over log t that gives L_S: where it begins and ends, and what changes.

exp(−τw) is 1 below τw = e^{−40} and 0 above e^{3.75}, to 1e-17. So a node is worked on in a window
of log τ only; the steps come in blocks, and nodes are let in and out between them.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import IntegralBuffers, Vector

#: log τw below which 1 − e^{−τw} is taken as 0, and above which e^{−τw} is: both below 1e-17.
FAINT = -40.0
SATURATED = 3.75
#: Octaves between two looks at which nodes are in between.
BLOCK = 16
#: Steps of the rule at most; with three a octave they reach over 15,000 nats. What lies beyond is
#: bounded.
STEPS = 65_536
LOG_2 = 0.6931471805599453


@scalar_kernel
def integral_buffers(capacity: int) -> IntegralBuffers:
    """Allocate what one thread needs for up to `capacity` nodes."""
    return IntegralBuffers(
        np.empty(capacity, dtype=np.int64),
        np.empty(capacity, dtype=np.int64),
        np.empty((9, capacity)),
        np.empty(STEPS),
        np.empty(STEPS // BLOCK + 2, dtype=np.int64),
    )


@scalar_kernel
def one_minus_exp(v: float) -> float:
    """Return 1 − e^{−v} for 0 ≤ v ≤ 700 to full relative accuracy."""
    p = -1.0 / 6227020800.0
    p = p * v + 1.0 / 479001600.0
    p = p * v - 1.0 / 39916800.0
    p = p * v + 1.0 / 3628800.0
    p = p * v - 1.0 / 362880.0
    p = p * v + 1.0 / 40320.0
    p = p * v - 1.0 / 5040.0
    p = p * v + 1.0 / 720.0
    p = p * v - 1.0 / 120.0
    p = p * v + 1.0 / 24.0
    p = p * v - 1.0 / 6.0
    p = p * v + 0.5
    p = p * v - 1.0
    return -p * v if v < 0.5 else 1.0 - exp_nonpositive(-v)


@scalar_kernel
def evidence(mass: Vector, log_w: Vector, count: int) -> tuple[float, float, float, float]:
    """Return log E_q w, log (E_q w² / (E_q w)²), and the least and mean of log w."""
    top = -np.inf
    lowest = np.inf
    for i in range(count):
        top = max(top, log_w[i])
        lowest = min(lowest, log_w[i])
    first = 0.0
    second = 0.0
    average = 0.0
    for i in range(count):
        e = exp_nonpositive(log_w[i] - top)
        first += mass[i] * e
        second += mass[i] * e * e
        average += mass[i] * log_w[i]
    log_first = math.log(first)
    return top + log_first, math.log(second) - 2.0 * log_first, lowest, average


@scalar_kernel
def first_step(samples: float, log_second: float, truncation: float) -> float:
    """Return log τ from which on the integral counts.

    Below t the integral is at most t, and at most t² E w²/(2 S (E w)²).
    """
    by_second = 0.5 * (math.log(2.0 * samples * truncation) - log_second)
    return min(max(math.log(truncation), by_second), -3.0) - math.log(samples)


@scalar_kernel
def finished(phi: float, samples: float, log_tau: float, largest: float, truncation: float) -> bool:
    """Tell whether the integral from log τ on is negligible; `largest` is that of −log w.

    φ falls, and has vanished beyond the largest 1/w.
    """
    left = largest + SATURATED - log_tau
    return left <= 0.0 or phi**samples * (left + 1.0) < truncation


@scalar_kernel
def _first_block(y: float, last: int) -> int:
    """Return the block, at most `last`, in which a node with log τw = y at the start changes."""
    return int(min(max((FAINT - y) / (BLOCK * LOG_2), 0.0), float(last)))


@scalar_kernel
def schedule(
    log_w: Vector, count: int, lowest: float, log_tau: float, buffers: IntegralBuffers
) -> None:
    """Sort the nodes by the block of steps, from log τ on, in which exp(−τw) begins to fall.

    `lowest` is the least of log w.
    """
    order, heads = buffers.order, buffers.heads
    last = _first_block(lowest + log_tau, heads.shape[0] - 3)
    # The last entry says how many are in use.
    heads[heads.shape[0] - 1] = last
    for b in range(last + 2):
        heads[b] = 0
    for i in range(count):
        heads[_first_block(log_w[i] + log_tau, last) + 1] += 1
    for b in range(last + 1):
        heads[b + 1] += heads[b]
    for i in range(count):
        b = _first_block(log_w[i] + log_tau, last)
        order[heads[b]] = i
        heads[b] += 1
    # Each head has moved to the next one's place.
    for b in range(last + 1, 0, -1):
        heads[b] = heads[b - 1]
    heads[0] = 0


@scalar_kernel
def advance(
    log_w: Vector, log_tau: float, block: int, active: int, buffers: IntegralBuffers
) -> tuple[int, int]:
    """Let nodes in and out of the list on which exp(−τw) changes, at the start of a block.

    In `buffers.chosen` are the active nodes, and behind them those that have just vanished.
    Returned are the numbers of both.
    """
    chosen, order, heads = buffers.chosen, buffers.order, buffers.heads
    if block <= heads[heads.shape[0] - 1]:
        for k in range(heads[block], heads[block + 1]):
            chosen[active] = order[k]
            active += 1
    vanished = 0
    k = 0
    while k < active:
        c = chosen[k]
        if log_w[c] + log_tau > SATURATED:
            active -= 1
            chosen[k] = chosen[active]
            chosen[active] = c
            vanished += 1
        else:
            k += 1
    return active, vanished


@scalar_kernel
def integrand(a: float, t: float, samples: float) -> float:
    """Return e^{−t} − (1 − a)^S, for a = 1 − φ."""
    if a >= 1.0:
        return math.exp(-t)
    y = samples * math.log1p(-a)
    return -math.exp(-t) * math.expm1(y + t) if t < 30.0 else math.exp(-t) - math.exp(y)
