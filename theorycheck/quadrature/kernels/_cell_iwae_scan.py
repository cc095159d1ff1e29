"""A scan of L_S over (μ, s) on cells: where the ascents in q did not begin.

S draws of q hardly ever fall beyond a few s, and by Jensen's inequality L_S is at most the log of
∫ p(x, z) dz over where they fall. An entry of the table is looked at only if that could make up for
the L_S that is known already: where log p − L_S is small, it must hold nearly all of the posterior.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._cell_iwae import LIKELIHOOD, ROWS, cell_iwae, fill_likelihood
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Matrix, Vector

#: Nats below the best known at which an entry is no start: what an ascent gains from one of the
#: table. And the distance between two starts, in the larger s and in log s.
_MARGIN = 0.3
_APART = 0.9


@scalar_kernel
def _choose(
    means: Vector, log_scales: Vector, values: Vector, least: float, starts: Matrix
) -> None:
    """Write the best entries (C, 2) that lie apart from one another, NaN beyond."""
    starts[:, :] = np.nan
    for kept in range(starts.shape[0]):
        pick = values.argmax()
        if values[pick] < least:
            return
        starts[kept, 0], starts[kept, 1] = means[pick], log_scales[pick]
        for i in range(values.shape[0]):
            width = math.exp(max(log_scales[i], log_scales[pick]))
            if (
                abs(means[i] - means[pick]) < _APART * width
                and abs(log_scales[i] - log_scales[pick]) < _APART
            ):
                values[i] = -np.inf


@batch_kernel
def cell_importance_scan_batch(
    part: int,
    parts: int,
    x: Matrix,
    samples: float,
    inverse_sigma: Vector,
    boundary: Vector,
    prior: Vector,
    f: Matrix,
    means: Vector,
    log_scales: Vector,
    reach: float,
    known: Vector,
    starts: Cube,
    evidence: Vector,
) -> None:
    """Fill the best entries of a table of q as `starts` (n, C, 2), and log p(x) of the cells (n,).

    `means` and `log_scales` (T,) are the table, `reach` how many s the draws of q go, `known` (n,)
    the L_S known; `f` has shape (D, M). `known` and `evidence` are without the constant
    (D/2) log 2π + Σ log σ_d.
    """
    x, inverse_sigma, boundary = borrowed((x, inverse_sigma, boundary))
    prior, f, means, log_scales = borrowed((prior, f, means, log_scales))
    total = x.shape[0]
    count = f.shape[1]
    work = np.zeros((ROWS, count))
    below = np.empty(count + 1)
    values = np.empty(means.shape[0])
    for k in range(part, total, parts):
        top = fill_likelihood(x[k], inverse_sigma, f, work)
        below[0] = 0.0
        for j in range(count):
            below[j + 1] = below[j] + prior[j] * work[LIKELIHOOD, j]
        evidence[k] = top + math.log(below[count])
        best = known[k]
        for i in range(means.shape[0]):
            s = math.exp(log_scales[i])
            first = np.searchsorted(boundary, means[i] - reach * s)
            last = np.searchsorted(boundary, means[i] + reach * s)
            values[i] = -np.inf
            seen = below[last + 1] - below[first]
            if seen > 0.0 and top + math.log(seen) > best - _MARGIN:
                values[i] = cell_iwae(
                    means[i], log_scales[i], samples, boundary, prior, top, work,
                    best - _MARGIN,
                )[0]  # fmt: skip
                best = max(best, values[i])
        _choose(means, log_scales, values, best - _MARGIN, starts[k])
