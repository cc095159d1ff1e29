"""Makes the random streams of a run, one for each purpose, all from the run's seed."""

from __future__ import annotations

import enum

from neural._settings import TrainingSettings
from theorycheck.streams import spawned_seed


class Stream(enum.IntEnum):
    """Names what a stream of random numbers is for, by the number of the spawned stream."""

    WEIGHTS = 0
    STEPS = 1
    BOUNDS = 2
    INFORMATION = 3
    VALIDATION = 4
    TRUTH_FIT = 5
    TRUTH_POINTS = 6
    DATA = 7


def stream_seed(settings: TrainingSettings, stream: Stream) -> int:
    """Return the seed of one stream of a run.

    Parameters
    ----------
    settings : TrainingSettings
        Settings of the run. With ``streams = 1``, as runs of earlier versions have it, seed + 1,
        seed + 2, … are taken: runs with neighbouring seeds share streams then.
    stream : Stream

    Returns
    -------
    int
    """
    return seed_of(settings.seed, stream, settings.streams)


def seed_of(seed: int, stream: Stream, streams: int) -> int:
    """Return the same for a run whose settings are not made yet."""
    if streams == 1:
        return seed + (10_000 if stream is Stream.DATA else int(stream))
    return spawned_seed(seed, int(stream))
