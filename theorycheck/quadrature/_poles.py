"""Poles of f: where the ELBO of every q is −∞, and where no refinement of panels ends.

With f ~ c/|z − z₀|^a, a ≥ ½, E_q f² is infinite for every Gaussian q. A pole between two latents of
the scan stands out of f's second differences, as kinks and jumps do; closing in on it tells which.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import DecoderError
from theorycheck.models import Decoder
from theorycheck.quadrature._scan import Scan

#: How far second differences must stand out of those so many scan points to either side. Those of
#: a pole of order ½ fall to a fortieth over that.
_STANDS_OUT, _AWAY = 8.0, 4
#: Rounding of a second difference, relative to f.
_ROUNDING = 64.0
#: Places that are looked at.
_MOST = 4_000
#: Samples of a bracket, and by how much it is narrowed around the largest.
_SAMPLES, _NARROWED = 33, 16.0
#: Narrowings: from 2e-3 down to 1e-10. In single precision latents end at 1e-7.
_ROUNDS, _ROUNDS_SINGLE = 6, 3
#: Order from which a growth counts as a pole, a little below ½ for what is between the samples.
_ORDER = 0.45


def refuse_poles(decoder: Decoder, scan: Scan) -> None:
    """Raise where f has a pole.

    Parameters
    ----------
    decoder : Decoder
        The decoder that may have a pole.
    scan : Scan
        f on a lattice of latents; without one nothing is looked for.

    Raises
    ------
    DecoderError
        One line that names the place, for a pole of order ½ or more in the scanned range, or a
        spike that nothing tells from it, narrower than 1e-10.
    """
    place, dimension = _candidates(scan)
    if place.size == 0:
        return
    low, high = scan.z[place - 2], scan.z[place + 2]
    rows = np.arange(place.size)
    ends = decoder(np.concatenate([low, high])).reshape(2, place.size, -1)
    background = ends[:, rows, dimension].mean(axis=0)
    rounds = _ROUNDS_SINGLE if decoder.single else _ROUNDS
    heights = np.empty((rounds, place.size))
    for number in range(rounds):
        # At no fraction of the bracket that a pole would favour.
        share = (np.arange(_SAMPLES) + 0.381966) / _SAMPLES
        z = low[:, None] + (high - low)[:, None] * share
        f = decoder(z.ravel()).reshape(*z.shape, -1)[
            rows[:, None], np.arange(_SAMPLES), dimension[:, None]
        ]
        size = np.abs(f - background[:, None])
        largest = np.argmax(size, axis=1)
        # The second largest: a sample may come to lie next to a pole by chance.
        heights[number] = np.partition(size, -2, axis=1)[:, -2]
        centre, half = z[rows, largest], 0.5 * (high - low) / _NARROWED
        low, high = centre - half, centre + half
    middle = rounds // 2
    growth = _NARROWED**_ORDER
    with np.errstate(divide="ignore", invalid="ignore"):
        early = heights[middle] >= heights[0] * growth**middle
        late = heights[-1] >= heights[middle] * growth ** (rounds - 1 - middle)
    poles = np.flatnonzero(early & late & (heights[0] > 0.0))
    if poles.size:
        worst = poles[np.argmin(np.abs(centre[poles]))]
        raise DecoderError(
            f"{decoder.name}: f has a pole at z = {centre[worst]:.6g}: |f| grows without end there "
            f"(past {heights[-1, worst]:.1g}), so that E_q |x − f(z)|² is infinite for every q; a "
            "decoder needs a finite f, for example maximum(-9, minimum(9, f))"
        )


def _candidates(scan: Scan) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return scan points at which second differences of f peak, and in which data dimension."""
    if scan.z.size < 4 * _AWAY or math.isinf(scan.width):
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    second = np.zeros_like(scan.f)
    second[:, 1:-1] = np.abs(np.diff(scan.f, n=2, axis=1))
    around = np.zeros_like(second)
    around[:, _AWAY:] = second[:, :-_AWAY]
    around[:, :-_AWAY] = np.maximum(around[:, :-_AWAY], second[:, _AWAY:])
    rounding = _ROUNDING * float(np.finfo(float).eps) * np.abs(scan.f)
    excess = np.where(second > _STANDS_OUT * around + rounding, second, 0.0)
    largest = excess.max(axis=0)
    # One of each run of points that stand out, the highest; the ends have no neighbours.
    largest[: 2 * _AWAY] = largest[-2 * _AWAY :] = 0.0
    peak = (largest > 0.0) & (largest >= np.roll(largest, 1)) & (largest > np.roll(largest, -1))
    place = np.flatnonzero(peak)
    if place.size > _MOST:
        place = np.sort(place[np.argsort(largest[place])[-_MOST:]])
    return place, np.argmax(excess[:, place], axis=0)
