"""The best q(y|x) for given bounds of the classes, for one x (what it is: `_label_weights.py`).

It maximises Σ_y r_y a_y − Σ_y r_y log r_y + Σ_y c_y log r_y over distributions r, c_y = c p(y|x)
the weights of a label term. Stationarity gives r_y = c_y / W₀(c_y e^{t_y}), t_y = λ + 1 − a_y, or
e^{−t_y} where c_y = 0; λ is the number for which Σ r_y = 1. From λ = log Σ e^{a_y} − 1, where the
sum is not below 1, Newton's method rises to it, for the sum is convex and falls in λ.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Matrix, Vector

#: Newton steps at most, and the error of Σ r_y, or relative change of λ, that ends them.
_STEPS = 200
_CLOSE = 1e-15
#: W₀(e^u) = e^u to rounding below.
_SMALL = -37.0


@scalar_kernel
def wright_omega(u: float) -> float:
    """Return ω(u) = W₀(e^u), the solution of ω + log ω = u, for real u.

    Two steps of the fourth-order method of Fritsch, Shafer and Crowley (1973).
    """
    if u < 0.0:
        w = math.exp(u)
        w = w / (1.0 + w)
    elif u < 2.0:
        # Around ω(1) = 1, where the derivatives are ½ and 1/16.
        w = 1.0 + (u - 1.0) * (0.5 + 0.0625 * (u - 1.0))
    else:
        w = u - math.log(u)
    for _ in range(2):
        rest = u - w - math.log(w)
        one = w + 1.0
        double = 2.0 * one * (one + 2.0 / 3.0 * rest)
        w *= 1.0 + rest / one * (double - rest) / (double - 2.0 * rest)
    return w


@scalar_kernel
def class_weights(offer: Vector, share: Vector, log_r: Vector, bend: Vector) -> float:
    """Fill log r (C,) and its bend (C,) for what every class offers; return what r maximises.

    `share` is c_y, 0 for all y where there is no label term. With the bend w the derivatives are
    ∂r_y/∂a_y' = w_y δ_yy' − w_y w_y' / Σ w.
    """
    count = offer.shape[0]
    highest = -np.inf
    labelled = False
    for y in range(count):
        highest = max(highest, offer[y])
        labelled |= share[y] > 0.0
    total = 0.0
    for y in range(count):
        total += math.exp(offer[y] - highest)
    top = highest + math.log(total)
    multiplier = top - 1.0
    if labelled:
        multiplier = _multiplier(offer, share, multiplier)
    total = 0.0
    for y in range(count):
        log_r[y] = _log_weight(offer[y], share[y], multiplier)
        total += math.exp(log_r[y])
    off = math.log(total)
    value = 0.0
    for y in range(count):
        log_r[y] -= off
        r = math.exp(log_r[y])
        bend[y] = r * r / (r + share[y]) if r > 0.0 else 0.0
        if r > 0.0:
            value += r * (offer[y] - log_r[y])
        if share[y] > 0.0:
            value += share[y] * log_r[y]
    return value if labelled else top


@scalar_kernel
def _multiplier(offer: Vector, share: Vector, multiplier: float) -> float:
    """Raise λ until Σ r_y = 1."""
    for _ in range(_STEPS):
        over = -1.0
        slope = 0.0
        for y in range(offer.shape[0]):
            r = math.exp(_log_weight(offer[y], share[y], multiplier))
            over += r
            if r > 0.0:
                slope += r * r / (r + share[y])
        step = over / slope
        if abs(over) < _CLOSE or not abs(step) > _CLOSE * (1.0 + abs(multiplier)):
            break
        multiplier += step
    return multiplier


@scalar_kernel
def _log_weight(offer: float, share: float, multiplier: float) -> float:
    """Return log r_y at λ."""
    exponent = multiplier + 1.0 - offer
    if share > 0.0:
        log_share = math.log(share)
        argument = log_share + exponent
        if argument > _SMALL:
            return log_share - math.log(wright_omega(argument))
    return -exponent


@batch_kernel
def class_weights_batch(
    part: int, parts: int, offer: Matrix, share: Matrix, log_r: Matrix, bend: Matrix, value: Vector
) -> None:
    """Fill log r (n, C), its bend (n, C) and what r maximises (n,) for offers and shares (n, C)."""
    for k in range(part, offer.shape[0], parts):
        value[k] = class_weights(offer[k], share[k], log_r[k], bend[k])
