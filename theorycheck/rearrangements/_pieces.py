"""The pieces that a curve falls into by itself, in other orders and directions.

A curve is cut where it costs least: where f jumps or turns a corner, and where it runs fast, so
that little of the data comes from there (between the clusters of a curve that dwells). Of two
decoders that are mirror images of each other, f(z) and f(−z), one is listed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations, product

import numpy as np
from numpy.polynomial import legendre
from scipy.signal import find_peaks
from scipy.special import ndtr

from theorycheck.arrays import Array
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import NODES, latent_panels
from theorycheck.rearrangements._interval_exchange import exchange
from theorycheck.rearrangements._measure_preserving import LatentMap

#: The order in which pieces are traced, and which of them backwards.
Arrangement = tuple[tuple[int, ...], tuple[bool, ...]]

#: Factor by which |f′|/φ, the length traced per prior mass, must exceed the slowest stretch on
#: either side. Between clusters it is above 1e6; along figure8 it varies by a factor of 1.4.
_FAST = 4.0
#: Change of f′ at a corner, and of f at a jump over σ, as a share of the mean of |f′|/σ.
_CORNER = 0.5
#: Prior mass that a piece has at least.
_LEAST_MASS = 0.01
#: Pieces up to which all orders and directions are gone through: 1,919 of them for five.
_ALL = 5


def natural_cuts(model: GenerativeModel) -> tuple[float, ...]:
    """Return the prior masses Φ(z) at which a curve is naturally cut, ascending.

    Parameters
    ----------
    model : GenerativeModel
        K = 1.

    Returns
    -------
    tuple of float
        Pieces of less than 1 % of the mass are not cut off.
    """
    panels = latent_panels(model)
    half = 0.5 * (panels.right - panels.left)
    series = panels.coefficients / model.sigma[:, None]
    slopes = legendre.legder(series, axis=2) / half[:, None, None]
    speed = np.linalg.norm(legendre.legval(NODES, np.moveaxis(slopes, 2, 0)), axis=1)
    speed, weight = speed.reshape(-1), np.exp(panels.log_weight)
    mean = float(speed @ weight)
    if mean <= 0.0:
        return ()
    mass = ndtr(panels.z)
    inner = (mass > _LEAST_MASS) & (mass < 1.0 - _LEAST_MASS)
    z = panels.z[inner]
    traced = np.log(np.maximum(speed[inner], 1e-12 * mean)) + 0.5 * z**2
    peaks, _ = find_peaks(traced, prominence=math.log(_FAST))
    cuts = set(z[peaks].tolist())
    for at in panels.breakpoints:
        right = int(np.searchsorted(panels.left, at))
        if not 0 < right < panels.size:
            continue
        turn = _end(slopes[right], -1.0) - _end(slopes[right - 1], 1.0)
        jump = _end(series[right], -1.0) - _end(series[right - 1], 1.0)
        if max(np.linalg.norm(turn), np.linalg.norm(jump)) > _CORNER * mean:
            cuts.add(float(at))
    kept: list[float] = []
    for share in sorted(float(ndtr(cut)) for cut in cuts):
        if share - (kept[-1] if kept else 0.0) >= _LEAST_MASS and share <= 1.0 - _LEAST_MASS:
            kept.append(share)
    return tuple(kept)


def arranged_pieces(
    model: GenerativeModel, limit: int, guard: float = 0.0
) -> tuple[list[LatentMap], int]:
    """Return the natural pieces of a curve in other orders and directions.

    Those without a reversed piece come first, then those with one, and of these first the ones that
    cut the curve at the fewest places. Beyond five pieces only blocks are moved or reversed.

    Parameters
    ----------
    model : GenerativeModel
        The model whose decoder is cut.
    limit : int
        Largest number of decoders.
    guard : float
        Prior mass of either tail that stays where it is.

    Returns
    -------
    list of LatentMap
    int
        Number of arrangements that there are, n! 2ⁿ⁻¹ − 1 for n pieces.
    """
    cuts = natural_cuts(model)
    count = len(cuts) + 1
    if count < 2 or limit < 1:
        return [], 0 if count < 2 else _total(count)
    edges = (0.0, *cuts, 1.0)
    chosen = sorted(_arrangements(count), key=_order)[:limit]
    maps = [exchange(f"pieces {_words(one)}", edges, *one, guard) for one in chosen]
    return [replace(one, kind="pieces") for one in maps], _total(count)


def _total(count: int) -> int:
    return int(math.factorial(count) * 2 ** (count - 1) - 1)


def _arrangements(count: int) -> Iterator[Arrangement]:
    """Yield arrangements other than f itself, one of each mirrored pair."""
    straight = (tuple(range(count)), (False,) * count)
    every = _all(count) if count <= _ALL else _blocks(count)
    for one in every:
        order, flips = one
        mirror = (order[::-1], tuple(not flip for flip in flips[::-1]))
        if straight not in (one, mirror) and _order(one) <= _order(mirror):
            yield one


def _all(count: int) -> Iterator[Arrangement]:
    yield from product(permutations(range(count)), product((False, True), repeat=count))


def _blocks(count: int) -> Iterator[Arrangement]:
    """Yield exchanges of two neighbouring blocks of pieces, and reversals of one block."""
    pieces, straight = tuple(range(count)), (False,) * count
    for a in range(count):
        for b in range(a + 1, count + 1):
            flips = tuple(a <= i < b for i in range(count))
            yield pieces[:a] + pieces[a:b][::-1] + pieces[b:], flips
            for c in range(b + 1, count + 1):
                yield pieces[:a] + pieces[b:c] + pieces[a:b] + pieces[c:], straight


def _order(one: Arrangement) -> tuple[int, int, Arrangement]:
    """Reversed pieces, places where the curve is torn, and then as in a dictionary."""
    order, flips = one
    joined = 0
    for i in range(len(order) - 1):
        step = -1 if flips[i] else 1
        joined += flips[i] == flips[i + 1] and order[i + 1] == order[i] + step
    return sum(flips), len(order) - 1 - joined, one


def _words(one: Arrangement) -> str:
    return " ".join(f"{i + 1}{'′' if flip else ''}" for i, flip in zip(*one, strict=True))


def _end(series: Array, side: float) -> Array:
    """Evaluate a panel's Legendre series, shape (D, n), at one end, shape (D,)."""
    return np.asarray(legendre.legval(side, series.T), dtype=np.float64)
