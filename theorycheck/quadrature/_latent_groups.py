"""Runs of latent panels seen from afar: f and f² projected to polynomials.

A q much wider than the panels does not need their thousands of nodes, which are dense where f is
steep. E_q g needs only the projection of g to polynomials of degree 31 on any run of panels that
is at most a few s wide, because q itself is such a polynomial there to rounding. Level l holds the
runs of 2^l panels; level 0 are the panels themselves.
"""

from __future__ import annotations

import numpy as np

from theorycheck.arrays import Array
from theorycheck.quadrature._latent_panels import LatentPanels
from theorycheck.quadrature._rules import ORDER, RUN_ORDER, gauss_legendre, legendre_values
from theorycheck.quadrature.kernels import Runs

#: Runs wider than this serve no q: s beyond 4 does not occur.
_WIDEST = 16.0
#: Pairs of runs merged at once.
_CHUNK = 4096
#: Different bases up to which pairs are taken by basis.
_FEW = 8


def latent_runs(panels: LatentPanels) -> Runs:
    """Project f and f² on runs of 2, 4, 8, … panels.

    Parameters
    ----------
    panels : LatentPanels
        Panels of the model.

    Returns
    -------
    Runs
        The runs of all levels from 1 up, as the kernels take them.
    """
    nodes, weights = gauss_legendre(RUN_ORDER)
    to_nodes = legendre_values(nodes, ORDER - 1).T
    # Level 0 on 32 nodes: the panel's own series, so nothing is lost.
    left, right = panels.left, panels.right
    centre = panels.centre
    first = panels.coefficients @ to_nodes - centre[:, :, None]
    square = first**2
    levels: list[tuple[Array, ...]] = []
    while left.size > 1:
        left, right, centre, first, square = _merge(
            left, right, centre, first, square, nodes, weights
        )
        levels.append((left, right, centre, first, square))
        if float((right - left).min()) > _WIDEST:
            break
    sizes = [level[0].size for level in levels]
    stacked = [np.concatenate([level[i] for level in levels]) for i in range(5)]
    half = 0.5 * (stacked[1] - stacked[0])
    return Runs(
        level_start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        left=stacked[0],
        right=stacked[1],
        z=0.5 * (stacked[0] + stacked[1])[:, None] + half[:, None] * nodes,
        weight=half[:, None] * weights,
        centre=stacked[2],
        first=np.ascontiguousarray(stacked[3]),
        square=np.ascontiguousarray(stacked[4]),
    )


def _merge(
    left: Array, right: Array, centre: Array, first: Array, square: Array,
    nodes: Array, weights: Array,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """Merge pairs of runs; a last one without partner is kept as it is."""
    pairs = left.size // 2
    a, b = slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)
    new_left, new_right = left[a], right[b]
    new_centre = 0.5 * (centre[a] + centre[b])
    span = new_right - new_left
    new_first = np.zeros_like(first[a])
    new_square = np.zeros_like(first[a])
    if pairs > _CHUNK:
        # A basis for every pair at once would take gigabytes for a very steep f.
        parts = []
        for k in range(0, pairs, _CHUNK):
            part = slice(2 * k, 2 * min(k + _CHUNK, pairs))
            parts.append(
                _merge(
                    left[part], right[part], centre[part], first[part], square[part],
                    nodes, weights,
                )
            )  # fmt: skip
        merged = [np.concatenate([part[i] for part in parts]) for i in range(5)]
        if left.size % 2:
            merged = [
                np.concatenate([array, last[-1:]])
                for array, last in zip(merged, (left, right, centre, first, square), strict=True)
            ]
        return (merged[0], merged[1], merged[2], merged[3], merged[4])
    for side in (a, b):
        # Values of the child about the new centre.
        shift = (centre[side] - new_centre)[:, :, None]
        moved = first[side] + shift
        moved_square = square[side] + 2.0 * shift * first[side] + shift**2
        # Legendre moments of the child on the parent's interval, exact: degree 31 + 31 < 64.
        share = (right[side] - left[side]) / span
        middle = (left[side] + right[side] - new_left - new_right) / span
        # Panels come from halving, so that nearly all pairs share one basis.
        places, which = np.unique(np.stack([middle, share]), axis=1, return_inverse=True)
        u = places[0][:, None] + places[1][:, None] * nodes
        basis = legendre_values(np.clip(u, -1.0, 1.0).ravel(), nodes.size - 1)
        basis = basis.reshape(-1, nodes.size, nodes.size)
        weighted = basis * (weights * places[1][:, None])[:, :, None]
        if len(weighted) > _FEW:
            new_first += moved @ weighted[which.ravel()]
            new_square += moved_square @ weighted[which.ravel()]
            continue
        for k, mix in enumerate(weighted):
            same = which.ravel() == k
            new_first[same] += moved[same] @ mix
            new_square[same] += moved_square[same] @ mix
    degrees = np.arange(nodes.size)
    back = legendre_values(nodes, nodes.size - 1).T * (degrees[:, None] + 0.5)
    new_first = new_first @ back
    new_square = new_square @ back
    if left.size % 2:
        new_left = np.append(new_left, left[-1])
        new_right = np.append(new_right, right[-1])
        new_centre = np.concatenate([new_centre, centre[-1:]])
        new_first = np.concatenate([new_first, first[-1:]])
        new_square = np.concatenate([new_square, square[-1:]])
    return new_left, new_right, new_centre, new_first, new_square
