"""The normal density and upper tail together, written so that loops over them vectorise.

P(Z > t) = φ(t) R(t) for t >= 0 with Mills' ratio R. R(t)(t + 4) is a polynomial of degree 18 in
(t − 4)/(t + 4) on 0 <= t <= 9, to 2e-15 relative; P(Z > −t) = 1 − P(Z > t).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import erfcx

from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import Vector

#: |t| beyond which the tail, 1e-19, is no longer told from 0 and 1.
REACH = 9.0
_POLE = 4.0
_DEGREE = 18
_HIGHEST = (REACH - _POLE) / (REACH + _POLE)
_INVERSE_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)


def _mills_coefficients() -> Vector:
    """Interpolate R(t)(t + pole) in the mapped variable, in powers, lowest first."""
    u = np.cos(np.pi * (np.arange(200) + 0.5) / 200)
    y = 0.5 * (u * (_HIGHEST + 1.0) + _HIGHEST - 1.0)
    t = _POLE * (1.0 + y) / (1.0 - y)
    mills = math.sqrt(math.pi / 2.0) * erfcx(t / math.sqrt(2.0))
    fit = chebyshev.chebfit(u, mills * (t + _POLE), _DEGREE)
    return np.asarray(chebyshev.cheb2poly(fit), dtype=np.float64)


_COEFFICIENTS = tuple(float(c) for c in _mills_coefficients())
(
    _C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9,
    _C10, _C11, _C12, _C13, _C14, _C15, _C16, _C17, _C18,
) = _COEFFICIENTS  # fmt: skip
_SCALE = 2.0 / (_HIGHEST + 1.0)
_SHIFT = (_HIGHEST - 1.0) / (_HIGHEST + 1.0)


@scalar_kernel
def fill_tail_and_density(t: Vector, first: int, last: int, tail: Vector, density: Vector) -> None:
    """Fill P(Z > t) and φ(t) for the entries first…last−1 of `t`."""
    for i in range(first, last):
        a = min(abs(t[i]), REACH)
        phi = _INVERSE_ROOT_TWO_PI * exp_nonpositive(-0.5 * a * a)
        u = (a - _POLE) / (a + _POLE) * _SCALE - _SHIFT
        p = _C18
        p = p * u + _C17
        p = p * u + _C16
        p = p * u + _C15
        p = p * u + _C14
        p = p * u + _C13
        p = p * u + _C12
        p = p * u + _C11
        p = p * u + _C10
        p = p * u + _C9
        p = p * u + _C8
        p = p * u + _C7
        p = p * u + _C6
        p = p * u + _C5
        p = p * u + _C4
        p = p * u + _C3
        p = p * u + _C2
        p = p * u + _C1
        p = p * u + _C0
        upper = phi * p / (a + _POLE)
        density[i] = phi
        tail[i] = upper if t[i] >= 0.0 else 1.0 - upper
