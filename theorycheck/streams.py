"""Makes independent random streams from one seed."""

from __future__ import annotations

from numpy.random import SeedSequence


def spawned_seed(seed: int, *path: int) -> int:
    """Return the seed of a stream that is independent of those of all other seeds and paths.

    ``seed + 1`` is not: the runs with seeds 0 and 1 would share streams.

    Parameters
    ----------
    seed : int
        Not negative.
    *path : int
        Numbers of the stream from 0, as ``SeedSequence.spawn`` counts them.

    Returns
    -------
    int
        From 0 to 2⁶³ − 1, so that NumPy and PyTorch take it.
    """
    low, high = SeedSequence(seed, spawn_key=path).generate_state(2).tolist()
    return int((high << 32 | low) >> 1)
