"""How the optimum of each objective is searched for: its E-step, and how much a search does.

The ascent and the search know no objective: they ask here. Another objective is made known by
:func:`register_search`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from theorycheck.errors import SettingError
from theorycheck.models import IN_WORDS
from theorycheck.objectives import ELBO, Elbo, IwaeBound, Objective
from theorycheck.optimum._coordinate_ascent import AnyEStep
from theorycheck.optimum._e_step import EStep
from theorycheck.optimum._effort import (
    IWAE_QUICK,
    IWAE_THOROUGH,
    PLANE_IWAE_QUICK,
    PLANE_IWAE_THOROUGH,
    PLANE_QUICK,
    PLANE_THOROUGH,
    QUICK,
    SPACE_QUICK,
    SPACE_THOROUGH,
    THOROUGH,
    Effort,
)
from theorycheck.optimum._iwae_e_step import ImportanceEStep
from theorycheck.optimum._nodes import DataNodes
from theorycheck.optimum._plane_e_step import PlaneEStep
from theorycheck.optimum._plane_iwae_e_step import PlaneImportanceEStep
from theorycheck.optimum._search_cells import Cells
from theorycheck.quadrature import LatentCells, PlaneCells

_Kind = TypeVar("_Kind", bound=Objective)


@dataclass(frozen=True)
class SeveralSearch:
    """What a search over decoders of several latents needs to know of a kind of objective.

    Parameters
    ----------
    e_step : callable
        The objective, data nodes and cells to the E-step that finds the best q for it.
    quick, thorough : Effort
        What the efforts of these names mean for it.
    """

    e_step: Callable[[Objective, DataNodes, PlaneCells], PlaneEStep]
    quick: Effort
    thorough: Effort


@dataclass(frozen=True)
class ObjectiveSearch:
    """What a search needs to know of a kind of objective.

    Parameters
    ----------
    e_step : callable
        The objective, data nodes and cells to the E-step that finds the best q for it.
    quick, thorough : Effort
        What the efforts of these names mean for it: the dearer its E-step, the fewer starts.
    before : Objective or None
        An objective that is cheaper to search for and whose optimum is a start for this one; it is
        searched for first, with the effort that the effort itself names (`Effort.elbo`, and with
        two latents `Effort.plane_elbo`).
    several : mapping of int to SeveralSearch
        How decoders of more latents than one are searched, by their number.
    """

    e_step: Callable[[Objective, DataNodes, LatentCells], EStep]
    quick: Effort
    thorough: Effort
    before: Objective | None = None
    several: Mapping[int, SeveralSearch] = field(default_factory=dict)


_SEARCHES: dict[type[Objective], ObjectiveSearch] = {}


def register_search(
    kind: type[_Kind],
    e_step: Callable[[_Kind, DataNodes, LatentCells], EStep],
    *,
    quick: Effort = QUICK,
    thorough: Effort = THOROUGH,
    before: Objective | None = None,
    several: Mapping[int, SeveralSearch] | None = None,
) -> None:
    """Make known how a kind of objective is searched for.

    Parameters
    ----------
    kind : type
        The class of the objective.
    e_step, quick, thorough, before, several
        What :class:`ObjectiveSearch` holds.
    """
    _SEARCHES[kind] = ObjectiveSearch(e_step, quick, thorough, before, several or {})  # type: ignore[arg-type]


def search_of(objective: Objective) -> ObjectiveSearch:
    """Return how an objective is searched for.

    Parameters
    ----------
    objective : Objective
        The objective to be searched for.

    Returns
    -------
    ObjectiveSearch

    Raises
    ------
    SettingError
        If nobody has said how.
    """
    if type(objective) not in _SEARCHES:
        raise SettingError(
            f"nobody has said how the optimum of the {objective.name} is searched for"
        )
    return _SEARCHES[type(objective)]


def make_e_step(nodes: DataNodes, cells: Cells, objective: Objective = ELBO) -> AnyEStep:
    """Return the E-step of an objective.

    Parameters
    ----------
    nodes : DataNodes
        The data.
    cells : LatentCells or PlaneCells
        The cells that f is constant on.
    objective : Objective
        What q is the best for.

    Returns
    -------
    EStep or PlaneEStep

    Raises
    ------
    SettingError
        If the objective is searched for with one latent only, and these are cells of two.
    """
    if isinstance(cells, PlaneCells):
        return _several(objective, cells.latents).e_step(objective, nodes, cells)
    return search_of(objective).e_step(objective, nodes, cells)


def checked_latents_of_search(latents: int, objective: Objective) -> int:
    """Return a number of latents of the decoders searched, or say that it is not searched for.

    Parameters
    ----------
    latents : int
        K.
    objective : Objective
        What is searched for.

    Returns
    -------
    int

    Raises
    ------
    SettingError
        If K is not 1, 2 or 3, or one of which nobody has said how it is searched for.
    """
    if isinstance(latents, bool) or latents not in IN_WORDS:
        raise SettingError(
            f"the best decoder is searched for with 1, 2 or 3 latents, not {latents}"
        )
    if latents > 1:
        _several(objective, latents)
    return int(latents)


def _several(objective: Objective, latents: int) -> SeveralSearch:
    found = search_of(objective).several.get(latents)
    if found is None:
        raise SettingError(
            f"nobody has said how the best decoder of {IN_WORDS[latents]} latents is searched for "
            f"under the {objective.name}"
        )
    return found


def effort_named(name: str, objective: Objective = ELBO, latents: int = 1) -> Effort:
    """Return one of the efforts of an objective by its name.

    Parameters
    ----------
    name : {"quick", "thorough"}
        The name of the effort.
    objective : Objective
        What is searched for.
    latents : int
        Latents of the decoders searched.

    Returns
    -------
    Effort

    Raises
    ------
    SettingError
        If there is no effort of that name, or so many latents are not searched for.
    """
    checked = checked_latents_of_search(latents, objective)
    search = search_of(objective) if checked == 1 else _several(objective, checked)
    efforts = {"quick": search.quick, "thorough": search.thorough}
    if name not in efforts:
        raise SettingError(f"an effort is one of {', '.join(efforts)}, not '{name}'")
    return efforts[name]


def _elbo(_: Elbo, nodes: DataNodes, cells: LatentCells) -> EStep:
    return EStep(nodes, cells)


def _iwae(objective: IwaeBound, nodes: DataNodes, cells: LatentCells) -> EStep:
    return ImportanceEStep(nodes, cells, objective.samples)


def _elbo_of_several(_: Objective, nodes: DataNodes, cells: PlaneCells) -> PlaneEStep:
    return PlaneEStep(nodes, cells)


def _iwae_of_two(objective: Objective, nodes: DataNodes, cells: PlaneCells) -> PlaneEStep:
    return PlaneImportanceEStep(nodes, cells, objective.samples)


register_search(
    Elbo, _elbo,
    several={
        2: SeveralSearch(_elbo_of_several, PLANE_QUICK, PLANE_THOROUGH),
        3: SeveralSearch(_elbo_of_several, SPACE_QUICK, SPACE_THOROUGH),
    },
)  # fmt: skip
register_search(
    IwaeBound, _iwae, quick=IWAE_QUICK, thorough=IWAE_THOROUGH, before=ELBO,
    several={2: SeveralSearch(_iwae_of_two, PLANE_IWAE_QUICK, PLANE_IWAE_THOROUGH)},
)  # fmt: skip
