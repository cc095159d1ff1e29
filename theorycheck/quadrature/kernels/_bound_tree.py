"""A tree of lower bounds of −ELBO_x over parts of the (μ, s) plane, made once for all x.

The plane in μ and τ = s² is cut into strips {μ in I, τ <= T} and boxes. What bounds −ELBO_x on one
is kept in the node's row as affine functions of x, so that none is evaluated twice:

* a strip: balls around what f can be where q has most of its mass;
* a wide box: q >= ρ q' for one narrow q' and every q of the box, so E_q[c − least] is at least
  ρ E_q'[c − least], where least <= c_x(z) for all z;
* a fine box: the Taylor expansion at its centre. With U(μ, τ) = E_q c, a = (μ − μ₀)/s₀ and
  β = τ/τ₀ − 1, the heat equation U_τ = ½U_μμ makes every derivative of U a moment E_q c He_k(t).
  What is beyond the third order is at least −C 16^{−l} E_w[c − least] after l bisections of a
  first fine box, w the normal 1.5 times as wide as that box's: C is the largest ratio of the
  fourth derivative of the normal density, over 4!, to w. The prior part −½ log(1 + β) lies above
  its own third-order expansion.

A row is: kind, first child (−1: none yet), low and high μ, low and high τ, the least prior part (a
fine box: that at its centre), and what comes with the kind, from the column REFERENCE on per
dimension.
"""

from __future__ import annotations

import math

from theorycheck.quadrature.kernels._affine_moments import DEGREES, affine_moments
from theorycheck.quadrature.kernels._gaussian_expectation import first_panel_after
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import Balls, Matrix, Panels, Runs, Tree, Vector

#: Kinds of nodes; a fine box that is not a first one inherits its remainder.
STRIP, WIDE, FIRST, FINE = 0.0, 1.0, 2.0, 3.0
#: Columns of a row.
(KIND, CHILD, LOW, HIGH, BOTTOM, TOP, PRIOR, S_MEAN, TAU, HALF_MEAN, HALF_TAU, FOURTH) = range(12)
RADIUS_WIDE, RADIUS_NARROW, RHO = 7, 8, 7
REFERENCE = 12
#: Half-width in μ, in s₀, of the first fine boxes; in τ, from T/2 to T, it is a third of τ₀.
FIRST_MEAN = 0.29
FIRST_TAU = 1.0 / 3.0
#: The normal, in s₀, that dominates every remainder of a box: near the width at which C E_w t² is
#: least (0.32; 0.39 at 1.7, 1.2 at 1.35).
WIDER = 1.5
#: C for first boxes of half-width 0.29 and 0.205. The largest ratios on a dense grid are 0.0693
#: and 0.0457 (tests/inference/test_bound_tree.py); 5 % are margin.
FOURTH_WIDE, FOURTH_NARROW, NARROW_MEAN = 0.0728, 0.048, 0.205
#: Mass of q within three s and within one, rounded down.
WITHIN_THREE, WITHIN_ONE = 0.9973, 0.6826


@scalar_kernel
def row_length(data_dim: int) -> int:
    """Return the length of a row, as a fine box needs it."""
    return REFERENCE + data_dim + (DEGREES + 1) * (data_dim + 1)


@scalar_kernel
def _ball(
    low: float, high: float, middle: Vector, inverse_sigma: Vector, panels: Panels, balls: Balls
) -> float:
    """Fill the `middle` of a ball that holds f on [low, high]; return its radius."""
    left, right = panels.left, panels.right
    centre, radius = balls.centre, balls.radius
    # f continues beyond the panels by its edge values.
    first = min(first_panel_after(right, low), left.shape[0] - 1)
    last = first
    while last + 1 < left.shape[0] and left[last + 1] < high:
        last += 1
    for d in range(inverse_sigma.shape[0]):
        least = math.inf
        most = -math.inf
        for j in range(first, last + 1):
            least = min(least, centre[j, d] - radius[j] / inverse_sigma[d])
            most = max(most, centre[j, d] + radius[j] / inverse_sigma[d])
        middle[d] = 0.5 * (least + most)
    furthest = 0.0
    for j in range(first, last + 1):
        total = 0.0
        for d in range(inverse_sigma.shape[0]):
            r = (centre[j, d] - middle[d]) * inverse_sigma[d]
            total += r * r
        furthest = max(furthest, math.sqrt(total) + radius[j])
    return furthest


@scalar_kernel
def _least_prior(low: float, high: float, bottom: float, top: float) -> float:
    """Return the least of ½(τ + μ² − 1 − log τ) on a box or, with bottom 0, on a strip."""
    tau = min(max(1.0, bottom), top)
    prior = 0.5 * (tau - math.log(tau) - 1.0)
    if low > 0.0:
        prior += 0.5 * low * low
    elif high < 0.0:
        prior += 0.5 * high * high
    return prior


@scalar_kernel
def fill_strip(row: Vector, inverse_sigma: Vector, panels: Panels, balls: Balls) -> None:
    """Fill the row of a strip whose extent is in it."""
    s = math.sqrt(row[TOP])
    data_dim = inverse_sigma.shape[0]
    row[KIND] = STRIP
    row[CHILD] = -1.0
    row[PRIOR] = _least_prior(row[LOW], row[HIGH], 0.0, row[TOP])
    wide = row[REFERENCE : REFERENCE + data_dim]
    narrow = row[REFERENCE + data_dim : REFERENCE + 2 * data_dim]
    low, high = row[LOW], row[HIGH]
    row[RADIUS_WIDE] = _ball(low - 3.0 * s, high + 3.0 * s, wide, inverse_sigma, panels, balls)
    row[RADIUS_NARROW] = _ball(low - s, high + s, narrow, inverse_sigma, panels, balls)


@scalar_kernel
def _fill_box(
    row: Vector, fine: bool, inverse_sigma: Vector, panels: Panels, runs: Runs, balls: Balls,
    work: Matrix, moments: Matrix,
) -> None:  # fmt: skip
    """Fill the row of a box whose extent is in it; `fine` for a part of a fine box."""
    row[CHILD] = -1.0
    mean = 0.5 * (row[LOW] + row[HIGH])
    panel = min(first_panel_after(panels.right, mean), balls.radius.shape[0] - 1)
    for d in range(inverse_sigma.shape[0]):
        row[REFERENCE + d] = balls.centre[panel, d]
    half = 0.5 * (row[HIGH] - row[LOW])
    s = math.sqrt(0.5 * (row[BOTTOM] + row[TOP]))
    if not fine and (half > FIRST_MEAN * s or row[TOP] > 2.001 * row[BOTTOM]):
        _fill_wide(row, inverse_sigma, panels, runs, work, moments)
    else:
        _fill_fine(row, fine, inverse_sigma, panels, runs, work, moments)


@scalar_kernel
def _fill_wide(
    row: Vector, inverse_sigma: Vector, panels: Panels, runs: Runs, work: Matrix, moments: Matrix
) -> None:
    """Fill the row of a wide box whose extent and reference are in it."""
    data_dim = inverse_sigma.shape[0]
    mean = 0.5 * (row[LOW] + row[HIGH])
    half = 0.5 * (row[HIGH] - row[LOW])
    row[KIND] = WIDE
    row[PRIOR] = _least_prior(row[LOW], row[HIGH], row[BOTTOM], row[TOP])
    row[RHO] = 0.0
    narrow = 0.0
    for k in range(8):
        # Of q over N(μ₀, (r s)²), s the narrowest of the box, the least is at a corner.
        variance = (0.15 + 0.1 * k) * row[BOTTOM]
        rho = math.inf
        for side in range(2):
            here = row[BOTTOM] if side == 0 else row[TOP]
            ratio = math.sqrt(variance / here)
            rho = min(rho, ratio * math.exp(-0.5 * half * half / (here - variance)))
        if rho > row[RHO]:
            row[RHO] = rho
            narrow = variance
    reference = row[REFERENCE : REFERENCE + data_dim]
    affine_moments(reference, mean, math.sqrt(narrow), inverse_sigma, panels, runs, work, moments)
    place = REFERENCE + data_dim
    for d in range(data_dim + 1):
        row[place + d] = moments[0, d]


@scalar_kernel
def _fill_fine(
    row: Vector, part: bool, inverse_sigma: Vector, panels: Panels, runs: Runs, work: Matrix,
    moments: Matrix,
) -> None:  # fmt: skip
    """Fill the row of a fine box, a first one or a `part` of one."""
    data_dim = inverse_sigma.shape[0]
    mean = 0.5 * (row[LOW] + row[HIGH])
    tau = 0.5 * (row[BOTTOM] + row[TOP])
    s = math.sqrt(tau)
    half = 0.5 * (row[HIGH] - row[LOW])
    row[KIND] = FINE if part else FIRST
    row[PRIOR] = 0.5 * (tau + mean * mean - 1.0 - math.log(tau))
    row[S_MEAN] = s * mean
    row[TAU] = tau
    row[HALF_MEAN] = half / s
    row[HALF_TAU] = 0.5 * (row[TOP] - row[BOTTOM]) / tau
    row[FOURTH] = FOURTH_NARROW if half <= NARROW_MEAN * s else FOURTH_WIDE
    reference = row[REFERENCE : REFERENCE + data_dim]
    affine_moments(reference, mean, s, inverse_sigma, panels, runs, work, moments)
    place = REFERENCE + data_dim
    stride = DEGREES + 1
    for d in range(data_dim + 1):
        for k in range(DEGREES):
            row[place + d * stride + k] = moments[k, d]
        row[place + d * stride + DEGREES] = 0.0
    if not part:
        affine_moments(reference, mean, WIDER * s, inverse_sigma, panels, runs, work, moments)
        for d in range(data_dim + 1):
            row[place + d * stride + DEGREES] = moments[0, d]


@scalar_kernel
def parts(row: Vector) -> int:
    """Return how many children a node has."""
    return 4 if row[KIND] >= FIRST or (row[BOTTOM] * 2.001 < row[TOP] and row[KIND] == WIDE) else 2


@scalar_kernel
def expand(
    node: int, tree: Tree, inverse_sigma: Vector, panels: Panels, runs: Runs, balls: Balls,
    work: Matrix, moments: Matrix,
) -> bool:  # fmt: skip
    """Make the children of a node; False where the arrays are full."""
    rows, size = tree.rows, tree.size
    begin = size[0]
    parent = rows[node]
    count = parts(parent)
    if begin + count > rows.shape[0]:
        return False
    strip = parent[KIND] == STRIP
    # A strip is cut in μ until it is as wide as its widest q; then a wide box is cut off.
    across = strip and parent[HIGH] - parent[LOW] <= 1.001 * math.sqrt(parent[TOP])
    middle = 0.5 * (parent[LOW] + parent[HIGH])
    half = 0.5 * (parent[BOTTOM] + parent[TOP])
    if parent[KIND] == WIDE:
        half = 0.5 * parent[TOP]
    for part in range(count):
        row = rows[begin + part]
        for k in range(LOW, PRIOR):
            row[k] = parent[k]
        if across:
            row[BOTTOM if part == 1 else TOP] = 0.25 * parent[TOP]
        else:
            row[HIGH if part % 2 == 0 else LOW] = middle
            if count == 4:
                row[TOP if part < 2 else BOTTOM] = half
        if row[BOTTOM] == 0.0:
            fill_strip(row, inverse_sigma, panels, balls)
        else:
            fine = parent[KIND] >= FIRST
            _fill_box(row, fine, inverse_sigma, panels, runs, balls, work, moments)
    size[0] = begin + count
    parent[CHILD] = begin
    return True


@scalar_kernel
def fill_roots(
    count: int, rows: Matrix, inverse_sigma: Vector, panels: Panels, balls: Balls
) -> None:
    """Fill the rows of the first `count` nodes, strips whose extent is in them."""
    for node in range(count):
        fill_strip(rows[node], inverse_sigma, panels, balls)
