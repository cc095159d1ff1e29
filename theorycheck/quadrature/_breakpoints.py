"""The places of jumps and kinks of f that nobody declared.

A jump is bracketed by two latents at which f was evaluated and bisected on the values of f down to
neighbouring floats: across a jump the difference stays, of a continuous f it shrinks with the
bracket. A kink leaves a cluster of tiny panels behind, since bisection of panels closes in on it
geometrically; its place is where the two one-sided extrapolations meet. All brackets, and all
clusters, are worked on together.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.models import Decoder
from theorycheck.quadrature._single_precision import SINGLE

#: Smallest jump, in σ: f off by 1e-10 σ on all of a panel moves log p by 1e-10 of a distance in σ.
SMALLEST_JUMP = 1e-10
#: Halvings after which a bracket's difference must still be above _KEPT of what it was. That of a
#: smooth f falls to 1/16.
_TRIAL = 4
_KEPT = 0.5
#: A bracket is done when its ends are neighbouring floats, or as near to each other as those of
#: this latent: nearer to zero floats are closer than any prior mass can tell.
_NEAR_ZERO = 1e-3
_EPS = float(np.finfo(float).eps)
#: Brackets narrower than this many floats at the start hold no halvings to judge by.
_FEWEST_FLOATS = 1024.0
#: Panels narrower than this mark a candidate; smooth decoders of practical slope never get there.
_TINY = 1e-5
#: Tiny panels that a kink leaves at least: bisection from _TINY to 1e-10 takes two a halving.
_CLUSTER = 6
#: Length over which f is extrapolated on either side of a kink, where nothing else is nearer.
_SIDE = 2e-3
_SIDE_DEGREE = 5
#: More candidates than this are noise, not kinks.
_MOST = 2_000

_SIDE_NODES = 0.5 * (1.0 - np.cos(np.pi * (np.arange(12) + 0.5) / 12))
_SIDE_FIT = np.linalg.pinv(np.vander(_SIDE_NODES, _SIDE_DEGREE + 1, increasing=True))


def locate_jumps(
    decoder: Decoder,
    sigma: PerDimension,
    low: Float64[Array, " jumps"],
    high: Float64[Array, " jumps"],
) -> Float64[Array, " jumps"]:
    """Bisect every bracket on the values of f, down to neighbouring floats.

    Parameters
    ----------
    decoder : Decoder
        The decoder that jumps or bends.
    sigma : ndarray, shape (D,)
        The unit of differences of f.
    low, high : ndarray, shape (m,)
        Brackets, low < high.

    Returns
    -------
    ndarray, shape (m,)
        The first latent on the right of the jump; NaN where f does not jump, or where what jumps
        is less than half of what f moves over the bracket.
    """
    place = np.full(low.size, np.nan)
    if low.size == 0:
        return place
    ends = decoder(np.concatenate([low, high])) / sigma
    a, b, f_a, f_b = low.copy(), high.copy(), ends[: low.size], ends[low.size :]
    which = np.arange(low.size)
    size = _distance(f_b, f_a)
    rounding = 64.0 * (SINGLE if decoder.single else _EPS) * np.abs(ends).max(axis=1)
    least = np.maximum(SMALLEST_JUMP, np.maximum(rounding[: low.size], rounding[low.size :]))
    floats = np.spacing(np.maximum(np.maximum(np.abs(a), np.abs(b)), _NEAR_ZERO))
    going = (size > least) & (b - a > _FEWEST_FLOATS * floats)
    before, halvings = size, 0
    while True:
        which, a, b, f_a, f_b = which[going], a[going], b[going], f_a[going], f_b[going]
        size, before, least = size[going], before[going], least[going]
        if which.size == 0:
            return place
        middle = 0.5 * (a + b)
        f_middle = decoder(middle) / sigma
        first, second = _distance(f_middle, f_a), _distance(f_b, f_middle)
        leftwards = first > second
        b, f_b = np.where(leftwards, middle, b), np.where(leftwards[:, None], f_middle, f_b)
        a, f_a = np.where(leftwards, a, middle), np.where(leftwards[:, None], f_a, f_middle)
        size = np.where(leftwards, first, second)
        halvings += 1
        going = size > least
        if halvings % _TRIAL == 0:
            going &= size >= _KEPT * before
            before = size
        done = going & (b - a <= np.spacing(np.maximum(np.abs(a), _NEAR_ZERO)))
        # Floats next to zero are nearer to each other than the brackets get: call that place zero.
        place[which[done]] = np.where((a <= 0.0) & (b >= 0.0), 0.0, b)[done]
        going &= ~done


def _distance(one: Array, other: Array) -> Array:
    result: Array = np.sqrt(((one - other) ** 2).sum(axis=1))
    return result


def locate_kinks(
    decoder: Decoder,
    left: Float64[Array, " panels"],
    right: Float64[Array, " panels"],
    known: tuple[float, ...],
) -> tuple[float, ...]:
    """Locate kinks from a mesh that was refined without knowing them.

    Parameters
    ----------
    decoder : Decoder
        The decoder that jumps or bends.
    left, right : ndarray, shape (P,)
        Ascending panel edges after refinement.
    known : tuple of float
        Breakpoints that the mesh was split at: extrapolations stop short of them.

    Returns
    -------
    tuple of float
        Candidate latents, ascending; empty if the mesh shows none.
    """
    tiny = right - left < _TINY
    # A breakpoint parts two clusters, however near.
    starts = np.flatnonzero(tiny & ~(np.insert(tiny[:-1], 0, False) & ~np.isin(left, known)))
    stops = np.flatnonzero(tiny & ~(np.append(tiny[1:], False) & ~np.isin(right, known)))
    many = stops - starts + 1 >= _CLUSTER
    starts, stops = starts[many], stops[many]
    if not 0 < starts.size <= _MOST:
        return ()
    width = right - left
    cores = [s + int(np.argmin(width[s:e])) for s, e in zip(starts, stops + 1, strict=True)]
    centre = 0.5 * (left[cores] + right[cores])
    pad = 1e-9 + 4.0 * width[cores]
    # Neither side may reach the next kink.
    walls = np.sort(np.concatenate([np.array(known), centre, [-np.inf, np.inf]]))
    index = np.searchsorted(walls, centre)
    room = np.minimum(centre - walls[index - 1], walls[index + 1] - centre)
    side = np.minimum(_SIDE, 0.45 * room - pad)
    able = side > 8.0 * pad
    place = centre.copy()
    place[able] = _meeting_points(decoder, centre[able], pad[able], side[able])
    return tuple(sorted({float(z) for z in place} - set(known)))


def _meeting_points(decoder: Decoder, centre: Array, pad: Array, side: Array) -> Array:
    """Intersect the polynomials that continue f from the left and from the right."""
    if centre.size == 0:
        return centre
    offsets = pad[:, None] + side[:, None] * _SIDE_NODES
    latents = np.stack([centre[:, None] + offsets, centre[:, None] - offsets])
    values = decoder(latents.ravel()).reshape(2, centre.size, _SIDE_NODES.size, -1)
    # Series in the distance beyond the pad, in sides: (2, m, degree + 1, D).
    series = np.einsum("kn,smnd->smkd", _SIDE_FIT, values)
    steepest = np.argmax(np.abs(series[0, :, 1] + series[1, :, 1]), axis=1)
    after, before = np.take_along_axis(series, steepest[None, :, None, None], axis=3)[..., 0]
    shift = np.zeros(centre.size)
    for _ in range(30):
        value, slope = _series(after, (shift - pad) / side)
        other, other_slope = _series(before, (-shift - pad) / side)
        slope = (slope + other_slope) / side
        step = np.where(slope == 0.0, 0.0, (value - other) / np.where(slope == 0.0, 1.0, slope))
        shift = np.clip(shift - step, -2.0 * side, 2.0 * side)
        if np.abs(step).max() < 1e-17:
            break
    result: Array = centre + np.where(np.abs(shift) <= pad, shift, 0.0)
    return result


def _series(coefficients: Array, at: Array) -> tuple[Array, Array]:
    """Value and derivative of polynomials (m, degree + 1), lowest degree first, one place each."""
    value, slope = coefficients[:, -1], np.zeros(at.size)
    for k in range(coefficients.shape[1] - 2, -1, -1):
        slope = slope * at + value
        value = value * at + coefficients[:, k]
    return value, slope
