"""The density that a few weighted latents have at many x: what jumps of uncertain place may move.

Array names as in `kernels/_log_density.py`: `log_mass` (J,) of the latents, `f` (D, J) there.
"""

from __future__ import annotations

import math

from theorycheck.quadrature.kernels._jit import batch_kernel
from theorycheck.quadrature.kernels._layouts import Matrix, Vector

#: Relative to p(x) everything below exp(-_NOTHING) is below rounding.
_NOTHING = 60.0


@batch_kernel
def place_share_batch(
    part: int,
    parts: int,
    x: Matrix,
    inverse_sigma: Vector,
    log_mass: Vector,
    f: Matrix,
    log_density: Vector,
    share: Vector,
) -> None:
    """Fill Σ_j mass_j exp(-|x - f_j|²/2σ²) over p(x), for x (n, D).

    `log_density` (n,) is log p(x) in the same units: without the peak of N(x; f, σ²).
    """
    count, data_dim = x.shape
    for k in range(part, count, parts):
        total = 0.0
        for j in range(log_mass.size):
            exponent = log_mass[j] - log_density[k]
            for d in range(data_dim):
                t = (x[k, d] - f[d, j]) * inverse_sigma[d]
                exponent -= 0.5 * t * t
            if exponent > -_NOTHING:
                total += math.exp(min(exponent, 700.0))
        share[k] = total
