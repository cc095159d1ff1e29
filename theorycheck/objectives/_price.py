"""What an average over p(x) will cost, said before it begins."""

from __future__ import annotations

import time

from theorycheck.inference import ExactModel
from theorycheck.progress import Progress

#: Nodes x at most to average over, unless the caller says otherwise: some two minutes.
MAX_NODES = 3_000_000
#: Seconds from which a price is said.
_WORTH_SAYING = 20.0
#: Draws from p(x) that are timed, after a few that compile and fill tables.
_WARM, _TIMED = 8, 128
#: What everything at an x takes, in times of its optimal q.
_ALL = 1.5


def say_price(model: ExactModel, data: ExactModel, nodes: float, progress: Progress) -> None:
    """Time the optimal q at a few draws, and say what all nodes will take where that is long.

    Parameters
    ----------
    model : ExactModel
        Whose posterior is approximated.
    data : ExactModel
        Whose p(x) it is.
    nodes : float
        How many x there will be.
    progress : Progress
        Told the price.
    """
    # No x takes 0.1 ms any more, so below this there is nothing to say and nothing to time.
    if nodes * 1e-4 < _WORTH_SAYING:
        return
    _, x = data.model.sample(_WARM + _TIMED, 0)
    for part in (x[:_WARM], x[_WARM:]):
        began = time.perf_counter()
        model.best_q(part)
        each = (time.perf_counter() - began) / len(part)
    seconds = _ALL * each * nodes
    if seconds >= _WORTH_SAYING:
        progress.say(
            f"About {nodes:,.0f} x to average over: some {_duration(seconds)}; "
            "a larger tolerance needs fewer. Ctrl-C ends it."
        )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100.0 else f"{seconds / 60.0:.0f} minutes"
