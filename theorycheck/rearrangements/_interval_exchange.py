"""Interval exchanges with flips of the latent, and the rotations of a closed curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from theorycheck.errors import SettingError
from theorycheck.rearrangements._measure_preserving import LatentMap, guarded


def exchange(
    name: str,
    edges: Sequence[float],
    order: Sequence[int],
    flipped: Sequence[bool],
    guard: float = 0.0,
) -> LatentMap:
    """Cut Φ(z) into intervals, permute and flip them.

    Parameters
    ----------
    name : str
        What reports call it.
    edges : sequence of float
        Ends of the n intervals that are cut out: 0 = edges[0] < … < edges[n] = 1.
    order : sequence of int
        Which interval is traced first, second, …
    flipped : sequence of bool
        Whether the first, second, … of these is traced backwards.
    guard : float
        Prior mass of either tail that stays where it is.

    Returns
    -------
    LatentMap

    Raises
    ------
    SettingError
        If the edges do not ascend from 0 to 1, or the order is no permutation.
    """
    pieces = len(edges) - 1
    if edges[0] != 0.0 or edges[-1] != 1.0 or np.any(np.diff(edges) <= 0.0):
        raise SettingError(f"the cuts must ascend from 0 to 1, not {list(edges)}")
    if sorted(order) != list(range(pieces)) or len(flipped) != pieces:
        raise SettingError(f"{list(order)} does not say in which order {pieces} pieces follow")
    scaled = guard + (1.0 - 2.0 * guard) * np.asarray(edges, dtype=float)
    targets = [(float(scaled[i]), float(scaled[i + 1])) for i in order]
    inner = np.concatenate([[guard], guard + np.cumsum([d - c for c, d in targets])])
    inner[-1] = 1.0 - guard
    return guarded(name, inner.tolist(), targets, list(flipped), "tear", guard)


def rotation(share: float, guard: float = 0.0) -> LatentMap:
    """Start at another place: T adds `share` to Φ(z), modulo 1; continuous on a closed curve.

    Parameters
    ----------
    share : float
        Share of the quantiles that goes to the other end, in (0, 1).
    guard : float
        Prior mass of either tail that stays where it is.

    Returns
    -------
    LatentMap

    Raises
    ------
    SettingError
        If the share is not between 0 and 1.
    """
    if not 0.0 < share < 1.0:
        raise SettingError(f"a rotation moves by a share between 0 and 1, not {share}")
    swapped = exchange("", (0.0, share, 1.0), (1, 0), (False, False), guard)
    return replace(swapped, name=f"rotation by {share:g}", kind="rotation")


def random_exchange(
    rng: np.random.Generator, pieces: int, guard: float = 0.0, *, trivial: bool = False
) -> LatentMap:
    """Draw an interval exchange of so many pieces; cuts uniform in Φ(z), order, flips at random.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    pieces : int
        Number of intervals, at least 2; 1 where the trivial ones may be drawn.
    guard : float
        Prior mass of either tail that stays where it is.
    trivial : bool
        Draw the identity and the reflection, too, which exchange nothing.

    Returns
    -------
    LatentMap

    Raises
    ------
    SettingError
        If there are too few pieces.
    """
    least = 1 if trivial else 2
    if pieces < least:
        raise SettingError(f"an interval exchange has at least {least} pieces, not {pieces}")
    edges = np.concatenate([[0.0], np.sort(rng.uniform(size=pieces - 1)), [1.0]])
    while True:
        order = rng.permutation(pieces).tolist()
        flipped = (rng.uniform(size=pieces) < 0.5).tolist()
        straight = order == sorted(order) and not any(flipped)
        turned = order == sorted(order, reverse=True) and all(flipped)
        if trivial or not (straight or turned):
            break
    text = " ".join(f"{i + 1}{'′' if flip else ''}" for i, flip in zip(order, flipped, strict=True))
    cuts = ", ".join(f"{edge:.3f}" for edge in edges[1:-1])
    return exchange(f"tear at Φ = {cuts} to {text}", edges.tolist(), order, flipped, guard)


def systematic_exchanges(guard: float = 0.0) -> list[LatentMap]:
    """Return two interval exchanges, no rotations: a half, and the middle half, reversed.

    Parameters
    ----------
    guard : float
        Prior mass of either tail that stays where it is.

    Returns
    -------
    list of LatentMap
    """
    halves, middle = (0.0, 0.5, 1.0), (0.0, 0.25, 0.75, 1.0)
    return [
        exchange("first half reversed", halves, (0, 1), (True, False), guard),
        exchange("middle half reversed", middle, (0, 1, 2), (False, True, False), guard),
    ]
