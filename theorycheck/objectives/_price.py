"""What an average over p(x) will cost, and how to make it cheaper, said before it begins."""

from __future__ import annotations

import time

import numpy as np

from theorycheck.arrays import Array, Points
from theorycheck.inference import MOST_BOXES, ExactModel, MeanField, MeanFieldBoxes
from theorycheck.models import GenerativeModel
from theorycheck.progress import Progress
from theorycheck.quadrature import LatentPanels
from theorycheck.quadrature.kernels import BOX_RULE

#: Nodes x at most to average over, unless the caller says otherwise: some two minutes.
MAX_NODES = 3_000_000
#: Seconds from which a price is said.
_WORTH_SAYING = 10.0
#: Panels from which f is steep, so that an x may take a second, where others take 0.1 ms.
_STEEP = 5_000
#: Seconds that the timing itself may take, and draws at most: the first compiles and fills tables.
_TIMING, _TIMED, _GROUP = 1.0, 256, 32
#: Latents at which f is timed before boxes in three are made, and seconds that judging one takes.
_TIMED_LATENTS, _JUDGED = 20_000, 3e-7
#: KL, nats, up to which the averages ask for no bound, about.
_NEGLIGIBLE = 5e-9
#: Unresolved prior mass from which nothing is said.
_UNRESOLVED = 0.1
#: What everything at an x takes, in times of its optimal q.
_ALL = 1.5


def say_price(
    model: ExactModel,
    data: ExactModel,
    nodes: float,
    progress: Progress,
    points: Points | None = None,
) -> None:
    """Time the optimal q at a few x, and say what all nodes will take where that is long.

    Parameters
    ----------
    model : ExactModel
        The model whose posterior is approximated.
    data : ExactModel
        The model whose p(x) it is.
    nodes : float
        How many x there will be.
    progress : Progress
        Told the price.
    points : ndarray, shape (n, D), optional
        What to time; by default draws from p(x).
    """
    panels = _panels(model, data)
    steep = max((part.size for part in panels), default=0) >= _STEEP
    # No x takes 0.1 ms where f is not steep: below this there is nothing to say or to time. Of
    # several latents, f says how long: a network may take 0.1 s.
    several = isinstance(model, MeanFieldBoxes) and nodes > _TIMED
    if nodes * 1e-4 < _WORTH_SAYING and not steep and not several:
        return
    # Where hardly anything of f is resolved the rules give up early.
    if max(model.unresolved_mass, data.unresolved_mass) > _UNRESOLVED:
        return
    if isinstance(model, MeanFieldBoxes) and not model.asked_often:
        seconds = _time_of_boxes(model)
        if seconds > _WORTH_SAYING:
            progress.say(
                f"f is asked for on boxes of all three latents first: up to some "
                f"{_duration(seconds)}, once."
            )
    x = _neighbours(data) if points is None else points[:_TIMED]
    cheaper = "a larger tolerance needs fewer, a smaller max_nodes samples them"
    if points is not None:
        cheaper = "a part of the sample takes its part of that"
    if steep:
        sigma = max(_way(part) for part in panels)
        cheaper = (
            f"f moves by {sigma:,.0f} σ in all: a larger σ², or an f that stays bounded, makes "
            f"each x cheaper; {cheaper}"
        )
    say_time(nodes, _ALL * _time_of_one(model, x), cheaper, progress)


def say_time(nodes: float, each: float, cheaper: str, progress: Progress) -> None:
    """Say how long an average will take, where that is long.

    Parameters
    ----------
    nodes : float
        How many x there will be.
    each : float
        Seconds that one x takes.
    cheaper : str
        What would make it cheaper, as the end of a sentence.
    progress : Progress
        Told the price.
    """
    if nodes * each < _WORTH_SAYING:
        return
    progress.say(
        f"About {nodes:,.0f} x to average over: up to some {_duration(nodes * each)}; {cheaper}. "
        "Ctrl-C ends it."
    )


def _panels(*models: ExactModel) -> list[LatentPanels]:
    """Return the panels of those models that have some: steepness is a matter of one latent."""
    return [model.panels for model in models if isinstance(model, MeanField)]


def _neighbours(data: ExactModel) -> Array:
    """Draw x in groups that share their z: as near to each other as the nodes of a rule are."""
    model = data.model
    if not isinstance(model, GenerativeModel):
        return model.sample(_TIMED, 0)[1]
    rng = np.random.default_rng(0)
    count, latents = _TIMED // _GROUP, model.latent_dim
    z = rng.standard_normal(count if latents == 1 else (count, latents))
    f = model.decoder(z).repeat(_GROUP, axis=0)
    x: Array = f + rng.standard_normal(f.shape) * model.sigma
    return x


def _time_of_one(model: ExactModel, x: Array) -> float:
    """Return the seconds that log p and the optimal q take at an x, in the largest batch timed.

    Many x share much of the work: in the averages an x takes no longer, and often less.
    """
    _both(model, x[:1])
    began, each, done, batch = time.perf_counter(), 0.0, 1, _GROUP - 1
    while done < len(x) and time.perf_counter() - began < _TIMING:
        start, part = time.perf_counter(), x[done : done + batch]
        _both(model, part)
        each = (time.perf_counter() - start) / len(part)
        done, batch = done + len(part), 2 * _GROUP
    return each


def _time_of_boxes(model: MeanFieldBoxes) -> float:
    """Return the seconds that f takes where boxes spend their budget, and as much again to judge.

    Boxes that are cut are evaluated too, about as many.
    """
    z = np.random.default_rng(0).standard_normal((_TIMED_LATENTS, model.model.latent_dim))
    model.model.decoder(z[:2])
    start = time.perf_counter()
    model.model.decoder(z)
    each = (time.perf_counter() - start) / len(z)
    return 2.0 * MOST_BOXES * BOX_RULE**3 * (each + _JUDGED)


def _both(model: ExactModel, x: Array) -> None:
    p = model.log_density(x)
    model.best_q(x, evidence=p, negligible=np.full(len(x), _NEGLIGIBLE))


def _way(panels: LatentPanels) -> float:
    """Return how far f goes, in σ, where the prior is."""
    bulk = np.abs(panels.z) < 6.0
    steps = np.diff(panels.f[:, bulk], axis=1) / panels.model.sigma[:, None]
    return float(np.sqrt((steps**2).sum(axis=0)).sum())


def _duration(seconds: float) -> str:
    if seconds < 100.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} minutes" if seconds < 6000.0 else f"{seconds / 3600.0:.0f} hours"
