"""The distinct near-optimal q of a box in data space, handed on to its parts."""

from __future__ import annotations

import math

import numpy as np

from theorycheck.quadrature.kernels._jit import batch_kernel
from theorycheck.quadrature.kernels._layouts import Cube, Stack


@batch_kernel
def distinct_candidates_batch(
    part: int, parts: int, minima: Stack, margin: float, candidates: Cube
) -> None:
    """Collect, per box, the distinct (μ, log s) that are near-optimal at any of its nodes.

    `minima` (B, N, MINIMA, 3) as from :func:`optimal_q_batch`; `candidates` (B, C, 2) is filled
    and padded with NaN. The best minimum of every node comes before any second one.
    """
    for b in range(part, minima.shape[0], parts):
        count = 0
        for i in range(candidates.shape[1]):
            candidates[b, i, 0] = np.nan
            candidates[b, i, 1] = np.nan
        for rank in range(minima.shape[2]):
            for n in range(minima.shape[1]):
                mean = minima[b, n, rank, 0]
                log_scale = minima[b, n, rank, 1]
                if math.isnan(mean) or minima[b, n, rank, 2] > minima[b, n, 0, 2] + margin:
                    continue
                s = math.exp(log_scale)
                known = False
                for i in range(count):
                    known |= (
                        abs(candidates[b, i, 0] - mean) < 0.25 * s
                        and abs(candidates[b, i, 1] - log_scale) < 0.25
                    )
                if not known and count < candidates.shape[1]:
                    candidates[b, count, 0] = mean
                    candidates[b, count, 1] = log_scale
                    count += 1
