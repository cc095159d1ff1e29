"""The lowest entries of a table that lie apart from each other, for many rows."""

from __future__ import annotations

import numpy as np

from theorycheck.quadrature.kernels._borrowed import borrowed
from theorycheck.quadrature.kernels._jit import batch_kernel, scalar_kernel
from theorycheck.quadrature.kernels._layouts import IntMatrix, IntVector, Matrix, Vector

#: Entries nearer to a chosen one than so many of the larger scale, in every latent, are the same.
_APART = 1.5


@scalar_kernel
def _lowest(own: Vector, near: IntVector, count: int) -> int:
    """Return which of the first `count` entries of `near` is the lowest; −1 where none is left."""
    best, chosen = np.inf, -1
    for k in range(count):
        if near[k] >= 0 and own[near[k]] < best:
            best, chosen = own[near[k]], k
    return chosen


@batch_kernel
def lowest_apart_batch(
    part: int,
    parts: int,
    values: Matrix,
    mean: Matrix,
    scale: Matrix,
    margin: float,
    chosen: IntMatrix,
) -> None:
    """Fill the numbers of the lowest entries (n, C) of values (n, T), −1 where there are fewer."""
    values, mean, scale = borrowed((values, mean, scale))
    entries, latents = mean.shape
    near = np.empty(entries, dtype=np.int64)
    for n in range(part, values.shape[0], parts):
        own = values[n]
        limit = np.inf
        for t in range(entries):
            limit = min(limit, own[t])
        limit += margin
        count = 0
        for t in range(entries):
            if own[t] <= limit:
                near[count] = t
                count += 1
        for c in range(chosen.shape[1]):
            first = _lowest(own, near, count)
            chosen[n, c] = -1 if first < 0 else near[first]
            if first < 0:
                continue
            one = near[first]
            for k in range(count):
                other = near[k]
                if other < 0:
                    continue
                same = True
                for d in range(latents):
                    width = _APART * max(scale[one, d], scale[other, d])
                    same = same and abs(mean[one, d] - mean[other, d]) < width
                if same:
                    near[k] = -1
