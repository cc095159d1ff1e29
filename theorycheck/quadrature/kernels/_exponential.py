"""exp(x) for x <= 0, written so that loops over it vectorise.

The C library's exp is a call per element; this one is a dozen multiply-adds that the
compiler turns into vector instructions. Cody-Waite reduction x = n ln 2 + r with
|r| <= ½ ln 2, then the Taylor polynomial of degree 12, whose remainder
(½ ln 2)^13 / 13! < 2e-16 is below half a unit in the last place.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from theorycheck.quadrature.kernels._jit import exact_kernel

_LOG2_E = 1.0 / math.log(2.0)
#: ln 2 in two parts; the first has 32 trailing zero bits, so n * _LN2_HIGH is exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
#: Below this the result would be subnormal; it is returned as exp(-708) ~ 3e-308 instead.
_FLOOR = -708.0


# llvmlite's and numba's objects have no types: here alone in the kernels Any stands.
@intrinsic  # type: ignore[untyped-decorator]
def _power_of_two(typing_context: Any, exponent: Any) -> Any:  # noqa: ARG001
    """Build 2**n from its bits."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        (value,) = args
        biased = builder.add(value, ir.Constant(ir.IntType(64), 1023))
        return builder.bitcast(
            builder.shl(biased, ir.Constant(ir.IntType(64), 52)), ir.DoubleType()
        )

    return types.float64(types.int64), codegen


@exact_kernel
def exp_nonpositive(x: float) -> float:
    """Return exp(x) for x <= 0 (valid up to x = 709), to 1.1 units in the last place."""
    x = max(x, _FLOOR)
    n = np.rint(x * _LOG2_E)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * _power_of_two(np.int64(np.int32(n)))  # type: ignore[no-any-return]
