"""Detection of kinks and jumps of f that nobody declared.

Bisection of unresolved panels closes in on a kink or jump geometrically and leaves a cluster of
tiny panels there. Each cluster is a candidate; its place is then sharpened to float precision,
a jump by bisection on the values, a kink as the intersection of the two one-sided extrapolations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theorycheck.models.decoder import Decoder

Array = NDArray[np.float64]

#: Panels narrower than this mark a candidate; smooth decoders of practical slope never get there.
_TINY = 1e-5
#: Length over which f is extrapolated on either side of a kink.
_SIDE = 2e-3
_SIDE_DEGREE = 5
#: More candidates than this are noise, not kinks.
_MOST = 2_000


def find_breakpoints(decoder: Decoder, left: Array, right: Array) -> tuple[float, ...]:
    """Locate kinks and jumps from a mesh that was refined without knowing them.

    Parameters
    ----------
    decoder : Decoder
    left, right : ndarray, shape (P,)
        Ascending panel edges after refinement.

    Returns
    -------
    tuple of float
        Candidate latents, ascending; empty if the mesh shows none.
    """
    tiny = (right - left) < _TINY
    if not tiny.any():
        return ()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], tiny, [False]]).astype(int)))
    runs = edges.reshape(-1, 2)
    if len(runs) > _MOST:
        return ()
    found = []
    for first, last in runs:
        widths = right[first:last] - left[first:last]
        core = first + int(np.argmin(widths))
        found.append(_sharpen(decoder, float(left[core]), float(right[core])))
    return tuple(sorted(set(found)))


def _sharpen(decoder: Decoder, a: float, b: float) -> float:
    """Place a breakpoint inside or next to [a, b]."""
    pad = 1e-9 + 4.0 * (b - a)
    outer = decoder(np.array([a - pad, a, b, b + pad]))
    across = float(np.abs(outer[2] - outer[1]).max())
    around = float(np.abs(outer[3] - outer[0]).max())
    if across > 0.25 * around and across > 1e-12 and b - a < 1e-12:
        return _jump(decoder, a, b)
    return _kink(decoder, 0.5 * (a + b), pad)


def _jump(decoder: Decoder, a: float, b: float) -> float:
    """Bisect on the values down to adjacent floats; the right one is the breakpoint."""
    at_a, at_b = decoder(np.array([a, b]))
    while True:
        middle = 0.5 * (a + b)
        if not a < middle < b:
            return b
        at_middle = decoder(np.array([middle]))[0]
        if np.abs(at_middle - at_a).max() <= np.abs(at_b - at_middle).max():
            a, at_a = middle, at_middle
        else:
            b, at_b = middle, at_middle


def _kink(decoder: Decoder, start: float, pad: float) -> float:
    """Intersect the polynomials that continue f from the left and from the right."""
    nodes = 0.5 * _SIDE * (1.0 - np.cos(np.pi * (np.arange(12) + 0.5) / 12))
    fits = []
    for sign in (-1.0, 1.0):
        offsets = sign * (pad + nodes)
        values = decoder(start + offsets)
        fits.append(np.polynomial.polynomial.polyfit(offsets / _SIDE, values, _SIDE_DEGREE))
    difference = fits[1] - fits[0]
    dimension = int(np.argmax(np.abs(difference[1])))
    offset = 0.0
    derivative = np.polynomial.polynomial.polyder(difference[:, dimension])
    for _ in range(30):
        value = float(np.polynomial.polynomial.polyval(offset, difference[:, dimension]))
        slope = float(np.polynomial.polynomial.polyval(offset, derivative))
        if slope == 0.0:
            return start
        step = value / slope
        offset -= step
        if abs(step) < 1e-17:
            break
    return start + offset * _SIDE if abs(offset * _SIDE) <= pad else start
