"""J at the optimum against a Lipschitz bound: what a decoder that cannot jump has to pay.

The class of decoders with |f′| <= B grows with B, so that its smallest J falls. The search at each
bound starts, among others, from the optimum at the next larger one; and where it ended above the
optimum at a smaller bound, which its class contains, that one is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from theorycheck.errors import SettingError
from theorycheck.inference import ExactModel
from theorycheck.models import DescribedModel, GenerativeModel
from theorycheck.optimum._global_search import find_optimum
from theorycheck.optimum._result import PredictedOptimum
from theorycheck.optimum._settings import Execution, SearchSettings


def excess_against_steepness(
    data: DescribedModel | ExactModel,
    bounds: Sequence[float],
    settings: SearchSettings | None = None,
    *,
    given: Sequence[GenerativeModel] = (),
    execution: Execution | None = None,
    state_files: Mapping[float, Path] | None = None,
    resume: bool = False,
) -> tuple[PredictedOptimum, ...]:
    """Find the optimum under each of several bounds on |f′|.

    Parameters
    ----------
    data : GenerativeModel, LinearGaussianModel or ExactModel
        The model whose p(x) is the data.
    bounds : sequence of float
        Each positive, in data units per unit of z; ``inf``: no bound.
    settings : SearchSettings, optional
        As in :func:`~theorycheck.optimum.find_optimum`; its bound does not count.
    given, execution
        As in :func:`~theorycheck.optimum.find_optimum`, at every bound.
    state_files : mapping of float to Path, optional
        Where to keep what was found so far, by bound; the execution's does not count.
    resume : bool
        Go on from those files.

    Returns
    -------
    tuple of PredictedOptimum
        Optima in the order of `bounds`; J never rises with the bound. A result taken over from a
        smaller bound keeps the starts and the convergence of its own search.

    Raises
    ------
    SettingError
        If no bound is given or one is not positive; see also `find_optimum`.
    """
    if not bounds or any(not bound > 0.0 for bound in bounds):
        raise SettingError(f"the bounds on the steepness must be positive, not {list(bounds)}")
    settings, execution = settings or SearchSettings(), execution or Execution()
    found: dict[float, PredictedOptimum] = {}
    neighbour: list[GenerativeModel] = []
    for bound in sorted(set(bounds), reverse=True):
        state_file = (state_files or {}).get(bound)
        found[bound] = find_optimum(
            data,
            replace(settings, steepness=bound),
            given=[*given, *neighbour],
            execution=replace(
                execution, state_file=state_file, resume=resume and state_file is not None
            ),
        )
        neighbour = [found[bound].model]
    best: PredictedOptimum | None = None
    for bound in sorted(found):
        if best is not None and best.excess.value < found[bound].excess.value:
            found[bound] = replace(best, settings=replace(best.settings, steepness=bound))
        best = found[bound]
    return tuple(found[bound] for bound in bounds)
