"""Around a minimum of −ELBO_x: a box on which it is proved that −ELBO_x lies nowhere below it.

No bound of a part of the (μ, τ) plane, τ = s², can lie above the minimum that the part holds. But
the Taylor expansion at the minimum, with the remainder of `_bound_tree.py`, shows that −ELBO_x
only rises, on a box as large as the curvature allows.
"""

from __future__ import annotations

import math

from theorycheck.quadrature.kernels._affine_moments import cost_hermite
from theorycheck.quadrature.kernels._bound_tree import BOTTOM, HIGH, LOW, TOP, WIDER
from theorycheck.quadrature.kernels._gaussian_expectation import cost_moments
from theorycheck.quadrature.kernels._jit import inlined_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Matrix, Panels, Runs, Vector
from theorycheck.quadrature.kernels._multistart import LOG_SCALE, MEAN, VALUE

#: Half-widths, in μ and τ, of the largest box around a minimum, and the number of shares of it
#: that are tried, 0.8^k. The fourth-order remainder is at least −C E_w[c − least c]; the largest
#: ratios on a dense grid are 0.0545 for the box and 0.0275 for its inner half, 5 % are margin.
_BASIN_MEAN, _BASIN_TAU = 0.25, 1.0 / 3.0
_BASIN_FOURTH, _BASIN_FOURTH_HALF = 0.0573, 0.0289
_SHARES = 24
#: Nats above the best within which a minimum gets such a box; the others are bounded away.
_BASIN_MARGIN = 0.1


@scalar_kernel
def fill_basins(
    x: Vector, least: float, inverse_sigma: Vector, panels: Panels, runs: Runs, work: Matrix,
    moments: Matrix, minima: Matrix, kept: int, basins: Matrix,
) -> int:  # fmt: skip
    """Fill the boxes around the minima that compete with the best; return their number.

    A box (kept, 4) is low μ, high μ, low τ, high τ; `least` is a lower bound of the cost.
    """
    count = 0
    for m in range(kept):
        if minima[m, VALUE] < minima[0, VALUE] + _BASIN_MARGIN:
            _basin(x, least, inverse_sigma, panels, runs, work, moments, minima[m], basins[count])
            count += 1
    return count


@inlined_kernel
def box_in_basin(row: Vector, basins: Matrix, count: int) -> bool:
    """Tell whether the box of a node lies in one of the basins."""
    for k in range(count):
        if (
            row[LOW] >= basins[k, 0]
            and row[HIGH] <= basins[k, 1]
            and row[BOTTOM] >= basins[k, 2]
            and row[TOP] <= basins[k, 3]
        ):
            return True
    return False


@inlined_kernel
def point_in_basin(mean: float, tau: float, basins: Matrix, count: int) -> bool:
    """Tell whether a point lies in one of the basins."""
    for k in range(count):
        if basins[k, 0] < mean < basins[k, 1] and basins[k, 2] < tau < basins[k, 3]:
            return True
    return False


@scalar_kernel
def _least_on_edge(c0: float, c1: float, c2: float, c3: float) -> float:
    """Return the least of c₀ + c₁y + c₂y² + c₃y³ over |y| <= 1."""
    least = c0 + c2 - abs(c1 + c3)
    root = c2 * c2 - 3.0 * c3 * c1
    if root > 0.0:
        # The minimum is where c₁ + 2c₂y + 3c₃y² rises through zero.
        below = c2 + math.sqrt(root)
        if abs(c1) < abs(below):
            y = -c1 / below
            least = min(least, c0 + y * (c1 + y * (c2 + y * c3)))
    return least


@scalar_kernel
def _basin(
    x: Vector, least: float, inverse_sigma: Vector, panels: Panels, runs: Runs, work: Matrix,
    moments: Matrix, minimum: Vector, basin: Vector,
) -> None:  # fmt: skip
    """Fill the box, in μ and τ, on which −ELBO_x lies nowhere below this minimum."""
    mean, scale = minimum[MEAN], math.exp(minimum[LOG_SCALE])
    tau = scale * scale
    m2, m3, m4, m5, m6 = cost_hermite(x, mean, scale, inverse_sigma, panels, runs, work, moments)
    wide = cost_moments(x, mean, WIDER * scale, inverse_sigma, panels, runs, work)[0]
    excess = max(wide - least, 0.0)
    # The quadratic and cubic parts of the expansion, for |a| and |β| in units of the largest box.
    # What −½ log(1 + β) has beyond β³ is positive.
    q11 = 0.5 * (tau + m2) * _BASIN_MEAN**2
    q12 = 0.5 * m3 * _BASIN_MEAN * _BASIN_TAU
    q22 = 0.5 * (0.5 + 0.25 * m4) * _BASIN_TAU**2
    t111 = m3 / 6.0 * _BASIN_MEAN**3
    t112 = m4 / 4.0 * _BASIN_MEAN**2 * _BASIN_TAU
    t122 = m5 / 8.0 * _BASIN_MEAN * _BASIN_TAU**2
    t222 = (m6 / 48.0 - 1.0 / 6.0) * _BASIN_TAU**3
    share = 0.0
    if q11 > 0.0 and 4.0 * q11 * q22 > q12 * q12:
        u = 1.0
        for _ in range(_SHARES):
            fourth = _BASIN_FOURTH if u > 0.5 else _BASIN_FOURTH_HALF
            # Along a ray q + t u − r u² is positive up to u if it is at u. A hundredth of q is
            # left to pay for the slope at the minimum found.
            rest = fourth * excess * u * u
            good = True
            for side in range(2):
                v = u if side == 0 else -u
                good &= _least_on_edge(
                    0.99 * q11 + v * t111 - rest, 0.99 * q12 + v * t112, 0.99 * q22 + v * t122,
                    v * t222,
                ) > 0.0  # fmt: skip
                good &= _least_on_edge(
                    0.99 * q22 + v * t222 - rest, 0.99 * q12 + v * t122, 0.99 * q11 + v * t112,
                    v * t111,
                ) > 0.0  # fmt: skip
            if good:
                share = u
                break
            u *= 0.8
    basin[0] = mean - share * _BASIN_MEAN * scale
    basin[1] = mean + share * _BASIN_MEAN * scale
    basin[2] = tau * (1.0 - share * _BASIN_TAU)
    basin[3] = tau * (1.0 + share * _BASIN_TAU)
