"""Runs of latent panels along which the decoder's curve keeps to itself: strips.

At such a place an x = f(z) + σε belongs to one piece of the curve, so that log p(x) and the
optimal q change with (z, ε) as slowly as the curve bends, whatever σ is. Where two pieces come
within reach of each other's noise, or the curve turns back on itself, there are ridges of width
σ between them, and the panels concerned are left to boxes in data space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial import cKDTree

from theorycheck.arrays import Array, Booleans, Integers
from theorycheck.quadrature._latent_panels import LARGEST_MOVE, LARGEST_REACH, LatentPanels
from theorycheck.quadrature._rules import gauss_legendre
from theorycheck.quadrature.kernels import BLOCK

Mask = Booleans

#: Distance in σ at which another piece of the curve is out of reach: the ridge half-way is seen
#: by noise beyond 7 standard deviations only, a mass of 3e-12.
_REACH = 14.0
#: Two panels belong to one piece while the way along the curve is at most this much longer than
#: the straight one: a turn with a radius of 2.7 σ fails it, a gentler one has no second mode
#: within the noise that counts.
_WAY_SHARE, _WAY_OFFSET = 1.2, 2.0
#: Pairs of panels within reach at most; more means that the curve lies on itself.
_MOST_PAIRS = 4_000_000
#: |z| covered; the prior mass beyond is 1e-16.
_LATENT_REACH = 8.3
#: Widest strip in z, which φ(z) itself asks for.
_WIDEST = 1.0
#: A strip is at most this much longer than its neighbour, and at a kink or jump this long, in σ:
#: what happens there at the scale of the noise must not lie between two nodes of a long strip.
_GROWTH, _SHORTEST = 2.0, 8.0
#: Nodes of a strip in z.
STRIP_ORDER = 8
#: How far f between them may be from the polynomial through them, in σ: no structure is hidden.
_INTERPOLATION = 0.05


@dataclass(frozen=True, eq=False)
class Strips:
    """Strips of a model's curve, and the panels that belong to none.

    Parameters
    ----------
    first, last : ndarray of int, shape (S,)
        Strip s is made of the panels first[s] … last[s] − 1.
    apart : ndarray of bool, shape (P,)
        The panels that are left to other rules. What the panels do not resolve belongs neither
        here nor to a strip.
    """

    first: Int64[Integers, " strips"]
    last: Int64[Integers, " strips"]
    apart: Mask

    @property
    def size(self) -> int:
        """Return the number of strips."""
        return int(self.first.size)


def curve_strips(panels: LatentPanels) -> Strips:
    """Cut the curve into strips as long as its own shape allows.

    Parameters
    ----------
    panels : LatentPanels
        Panels of the model.

    Returns
    -------
    Strips
    """
    alone = keeps_to_itself(panels)
    middle = 0.5 * (panels.left + panels.right)
    used = (np.abs(middle) < _LATENT_REACH) & ~_unresolved(panels)
    breaks = np.isin(panels.left, np.asarray(panels.breakpoints))
    length = lengths(panels)
    first, last = [], []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], alone & used, [False]]).astype(int)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        cuts = [begin, *(begin + 1 + np.flatnonzero(breaks[begin + 1 : end])), end]
        for a, b in pairwise(cuts):
            for low, high in _graded(panels, length, int(a), int(b)):
                first.append(low)
                last.append(high)
    return Strips(np.array(first, dtype=np.int64), np.array(last, dtype=np.int64), ~alone & used)


def lengths(panels: LatentPanels) -> Float64[Array, " panels"]:
    """Return how far f moves on each panel, in σ: shape (P,)."""
    f = panels.f.reshape(panels.f.shape[0], panels.size, -1) / panels.model.sigma[:, None, None]
    steps: Array = np.sqrt((np.diff(f, axis=2) ** 2).sum(axis=0)).sum(axis=1)
    return steps


def keeps_to_itself(panels: LatentPanels) -> Mask:
    """Tell for each panel whether no other piece of the curve is within reach of its noise."""
    sigma = panels.model.sigma
    centre = panels.centre / sigma
    way = np.cumsum(lengths(panels)) - 0.5 * lengths(panels)
    alone = np.ones(panels.size, dtype=bool)
    # What comes with a prior mass of 1e-16 only is nobody's neighbour.
    inner = np.flatnonzero(np.abs(0.5 * (panels.left + panels.right)) < _LATENT_REACH)
    tree = cKDTree(centre[inner])
    if tree.count_neighbors(tree, _REACH) > 2 * _MOST_PAIRS:
        return np.zeros(panels.size, dtype=bool)
    pairs = inner[tree.query_pairs(_REACH, output_type="ndarray")]
    if pairs.size:
        chord = np.sqrt(((centre[pairs[:, 0]] - centre[pairs[:, 1]]) ** 2).sum(axis=1))
        arc = np.abs(way[pairs[:, 0]] - way[pairs[:, 1]])
        foreign = pairs[arc > _WAY_SHARE * chord + _WAY_OFFSET]
        alone[foreign.ravel()] = False
    # A jump is no way along the curve: what lies on its two sides is foreign to each other.
    signs = (-1.0) ** np.arange(panels.coefficients.shape[2])
    start, end = panels.coefficients @ signs, panels.coefficients.sum(axis=2)
    jump = np.linalg.norm((start[1:] - end[:-1]) / sigma, axis=1)
    for j in np.flatnonzero(jump > 1e-3):
        near = np.abs(way - 0.5 * (way[j] + way[j + 1])) < _REACH
        if jump[j] < _REACH:
            alone[near] = False
    return alone


def _unresolved(panels: LatentPanels) -> Mask:
    """Mark panels that do not resolve f: their mass is in every radius already."""
    result: Mask = lengths(panels) > 1.5 * LARGEST_MOVE
    # In single precision every panel has a defect, and each x its share of it in the radius.
    return result if panels.model.decoder.single else result | (panels.defect > 1e-6)


def _graded(panels: LatentPanels, length: Array, begin: int, end: int) -> list[tuple[int, int]]:
    """Halve a run of panels until f is a polynomial on each part, and no part dwarfs the next."""
    parts: list[tuple[int, int]] = []
    stack = [(begin, end)]
    while stack:
        low, high = stack.pop()
        wide = panels.right[high - 1] - panels.left[low] > _WIDEST
        if high - low > 1 and (wide or not _is_polynomial(panels, low, high)):
            middle = _middle(panels, low, high)
            stack += [(middle, high), (low, middle)]
        else:
            parts.append((low, high))
    while True:
        size = np.array([length[a:b].sum() for a, b in parts])
        around = np.minimum(np.append(size[1:], 0.0), np.insert(size[:-1], 0, 0.0))
        # The ends of the latent range are no neighbours.
        if begin == 0 or abs(panels.left[begin]) >= _LATENT_REACH - _WIDEST:
            around[0] = size[1] if size.size > 1 else np.inf
        if abs(panels.right[end - 1]) >= _LATENT_REACH - _WIDEST:
            around[-1] = size[-2] if size.size > 1 else np.inf
        allowed = _GROWTH * around + _SHORTEST
        split = [s > g and b - a > 1 for s, g, (a, b) in zip(size, allowed, parts, strict=True)]
        if not any(split):
            return parts
        parts = [
            piece
            for (a, b), cut in zip(parts, split, strict=True)
            for piece in (halves(panels, a, b) if cut else ((a, b),))
        ]


def halves(panels: LatentPanels, first: int, last: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Cut a strip of two panels or more where it is half as wide."""
    middle = _middle(panels, first, last)
    return (first, middle), (middle, last)


def _middle(panels: LatentPanels, first: int, last: int) -> int:
    half = 0.5 * (panels.left[first] + panels.right[last - 1])
    middle = first + int(np.searchsorted(panels.left[first:last], half))
    return min(max(middle, first + 1), last - 1)


def _is_polynomial(panels: LatentPanels, first: int, last: int) -> bool:
    """Tell whether f at the panels' own nodes is what the strip's nodes would interpolate."""
    left, right = float(panels.left[first]), float(panels.right[last - 1])
    order = panels.z.size // panels.size
    # A few nodes of every panel: the fit is least squares over them, of the degree of the rule.
    inner = slice(first * order, last * order)
    z, f = panels.z[inner][::3], panels.f[:, inner][:, ::3]
    u = (2.0 * z - left - right) / (right - left)
    if z.size > 512:
        chosen = np.linspace(0, z.size - 1, 512).astype(int)
        u, f = u[chosen], f[:, chosen]
    basis = np.polynomial.legendre.legvander(u, STRIP_ORDER - 1)
    weight = np.sqrt(np.maximum(1.0 - u**2, 1e-4))[:, None]
    fit = np.linalg.lstsq(basis * weight, (f.T / panels.model.sigma) * weight, rcond=None)[0]
    off = np.abs(basis @ fit - f.T / panels.model.sigma).max()
    return bool(off <= _INTERPOLATION)


def strip_nodes(panels: LatentPanels, first: Integers, last: Integers) -> tuple[Array, Array]:
    """Return the nodes z (S, 8) of strips and their weights, φ(z) included."""
    left, right = panels.left[first], panels.right[last - 1]
    nodes, weights = gauss_legendre(STRIP_ORDER)
    half = 0.5 * (right - left)[:, None]
    z = 0.5 * (left + right)[:, None] + half * nodes
    return z, half * weights * np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)


def only(panels: LatentPanels, chosen: Mask) -> LatentPanels:
    """Keep some of the panels: what ∫ φ(z) N(x; f(z), σ²) dz over these latents needs.

    Parameters
    ----------
    panels : LatentPanels
        Panels of the model.
    chosen : ndarray of bool, shape (P,)
        The panels to keep.

    Returns
    -------
    LatentPanels
        Its density is a part of p(x), of mass below one.
    """
    order = panels.z.size // panels.size
    nodes = np.repeat(chosen, order)
    centre, radius, log_mass = panels.centre[chosen], panels.radius[chosen], panels.log_mass[chosen]
    starts = np.arange(0, len(radius), BLOCK)
    block_of = np.arange(len(radius)) // BLOCK
    count = np.bincount(block_of)[:, None]
    block_centre = np.add.reduceat(centre, starts) / count
    off = np.linalg.norm((centre - block_centre[block_of]) / panels.model.sigma, axis=1) + radius
    return replace(
        panels,
        # Nothing is to be followed outwards: what lies beyond these latents is no part of it.
        reach=LARGEST_REACH,
        unresolved_mass=0.0,
        left=panels.left[chosen],
        right=panels.right[chosen],
        z=panels.z[nodes],
        rule_weight=panels.rule_weight[nodes],
        log_weight=panels.log_weight[nodes],
        f=np.ascontiguousarray(panels.f[:, nodes]),
        coefficients=panels.coefficients[chosen],
        log_width=panels.log_width[nodes],
        centre=centre,
        radius=radius,
        defect=panels.defect[chosen],
        log_mass=log_mass,
        block_centre=block_centre,
        block_radius=np.maximum.reduceat(off, starts),
        block_log_mass=np.logaddexp.reduceat(log_mass, starts),
    )
