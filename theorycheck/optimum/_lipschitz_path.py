"""J at the optimum against a bound on |f′|: what a decoder that cannot tear has to pay.

The class of decoders with |f′| <= B grows with B, so that its smallest J falls. The search at each
bound starts, among others, from the optimum at the next larger one; and where it ended above the
optimum at a smaller bound, which its class contains, that one is taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from theorycheck.errors import SettingError
from theorycheck.models import GenerativeModel
from theorycheck.optimum._coordinate_ascent import NoiseFit
from theorycheck.optimum._effort import Effort
from theorycheck.optimum._global_search import find_optimum
from theorycheck.optimum._result import PredictedOptimum
from theorycheck.progress import NO_PROGRESS, Progress


def excess_against_steepness(
    data: GenerativeModel,
    bounds: Sequence[float],
    *,
    effort: Effort | None = None,
    given: Sequence[GenerativeModel] = (),
    samples: int = 1,
    fit_noise: NoiseFit = "no",
    seed: int = 0,
    jobs: int | None = None,
    state_files: Mapping[float, Path] | None = None,
    resume: bool = False,
    progress: Progress = NO_PROGRESS,
) -> tuple[PredictedOptimum, ...]:
    """Find the optimum under each of several bounds on |f′|.

    Parameters
    ----------
    data : GenerativeModel
        Whose p(x) is the data.
    bounds : sequence of float
        Each positive, in data units per unit of z; ``inf``: no bound.
    effort, given, samples, fit_noise, seed, jobs, resume, progress
        As in :func:`~theorycheck.optimum.find_optimum`, at every bound.
    state_files : mapping of float to Path, optional
        Where to keep what was found so far, by bound.

    Returns
    -------
    tuple of PredictedOptimum
        In the order of `bounds`; J never rises with the bound. A result taken over from a smaller
        bound keeps the starts and the convergence of its own search.

    Raises
    ------
    SettingError
        If no bound is given or one is not positive; see also `find_optimum`.
    """
    if not bounds or any(not bound > 0.0 for bound in bounds):
        raise SettingError(f"the bounds on the steepness must be positive, not {list(bounds)}")
    found: dict[float, PredictedOptimum] = {}
    neighbour: list[GenerativeModel] = []
    for bound in sorted(set(bounds), reverse=True):
        found[bound] = find_optimum(
            data,
            effort=effort,
            given=[*given, *neighbour],
            samples=samples,
            fit_noise=fit_noise,
            steepness=None if math.isinf(bound) else bound,
            seed=seed,
            jobs=jobs,
            state_file=None if state_files is None else state_files[bound],
            resume=resume,
            progress=progress,
        )
        neighbour = [found[bound].model]
    best: PredictedOptimum | None = None
    for bound in sorted(found):
        if best is not None and best.excess.value < found[bound].excess.value:
            held = None if math.isinf(bound) else bound
            found[bound] = replace(best, steepness=held)
        best = found[bound]
    return tuple(found[bound] for bound in bounds)
