"""What a search for the predicted optimum looks for, and how it is carried out.

`SearchSettings` decide what is found, to the last bit; `Execution` decides only how long it takes
and where it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import PerDimension
from theorycheck.errors import SettingError, nearest
from theorycheck.models import DescribedModel, checked_noise_variance
from theorycheck.objectives import ELBO, Objective
from theorycheck.optimum._coordinate_ascent import NoiseFit
from theorycheck.optimum._effort import Effort
from theorycheck.optimum._objective_search import (
    checked_latents_of_search,
    effort_named,
    search_of,
)
from theorycheck.progress import NO_PROGRESS, Progress

if TYPE_CHECKING:
    from theorycheck.optimum._result import PredictedOptimum
    from theorycheck.results import ResultCache


@dataclass(frozen=True)
class SearchSettings:
    """What the predicted optimum is an optimum of, and how hard it is searched for.

    Parameters
    ----------
    objective : Objective
        What is minimised: the ELBO, or for example ``IwaeBound(20)`` (docs/theory.md).
    effort : Effort, optional
        How much the search does; by default the objective's quick effort.
    seed : int
        Seed of all randomness, not negative.
    fit_noise : {"no", "shared", "each"}
        Optimise σ² along with f and q, or not: one for all data dimensions, or one for each.
    noise_variance : array_like, optional
        σ² of the decoder, one for all data dimensions or one each: held there, or where the fit
        begins; by default the data's. Stored as a tuple.
    steepness : float, optional
        Bound on |f′|, in data units per unit of z; ``inf`` means none.
    latents : {1, 2, 3}
        Latents of the decoders among which the best is searched for.

    Raises
    ------
    SettingError
        If a setting is out of range.
    """

    objective: Objective = ELBO
    effort: Effort | None = None
    seed: int = 0
    fit_noise: NoiseFit = "no"
    noise_variance: tuple[float, ...] | None = None
    steepness: float | None = None
    latents: int = 1

    def __init__(
        self,
        objective: Objective = ELBO,
        effort: Effort | None = None,
        seed: int = 0,
        fit_noise: NoiseFit = "no",
        noise_variance: ArrayLike | None = None,
        steepness: float | None = None,
        latents: int = 1,
    ) -> None:
        values: dict[str, object] = {
            "objective": _checked_objective(objective),
            "effort": effort,
            "seed": _checked_seed(seed),
            "fit_noise": fit_noise,
            "noise_variance": _as_tuple(noise_variance),
            "steepness": steepness,
            "latents": checked_latents_of_search(latents, objective),
        }
        if fit_noise not in get_args(NoiseFit):
            known = nearest(str(fit_noise), get_args(NoiseFit))
            raise SettingError(f"the fit of σ²: there is no '{fit_noise}': {known}")
        if steepness is not None:
            if not steepness > 0.0:
                raise SettingError(f"the bound on the steepness must be positive, not {steepness}")
            values["steepness"] = None if math.isinf(steepness) else float(steepness)
            if latents > 1 and values["steepness"] is not None:
                raise SettingError("a bound on the steepness of f is for decoders of one latent")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def chosen_effort(self) -> Effort:
        """The effort, or the quick one of the objective where none was given."""
        if self.effort is not None:
            return self.effort
        return effort_named("quick", self.objective, self.latents)

    def resolved(self, data: DescribedModel) -> SearchSettings:
        """Return the same settings with effort and σ² filled in.

        Parameters
        ----------
        data : DescribedModel
            The model whose p(x) is the data; its σ² is taken where none is set.

        Returns
        -------
        SearchSettings

        Raises
        ------
        ModelError
            If σ² is not positive and finite, or has the wrong length.
        """
        given = data.noise_variance if self.noise_variance is None else self.noise_variance
        checked = checked_noise_variance(given, data.data_dim, data.name)
        variance = tuple(checked.tolist())
        return replace(self, effort=self.chosen_effort, noise_variance=variance)

    @property
    def variance(self) -> PerDimension:
        """Return σ² of resolved settings, shape (D,)."""
        return np.array(self.noise_variance, dtype=np.float64)

    def difference(self, other: SearchSettings) -> str | None:
        """Say in what another search is for another optimum than this; None if it is not.

        Effort and seed do not count: they say how well the same optimum is searched for.

        Parameters
        ----------
        other : SearchSettings
            Both resolved.

        Returns
        -------
        str or None
            ``"fit_noise is no, not shared"``: this one's value first.
        """
        if self.objective != other.objective:
            return f"objective is the {self.objective.name}, not the {other.objective.name}"
        for name in ("latents", "fit_noise", "steepness", "noise_variance"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if name == "noise_variance" and self.fit_noise != "no":
                continue  # only where the fit began
            if mine != theirs:
                return f"{name} is {_told(mine)}, not {_told(theirs)}"
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        others = {field.name: getattr(self, field.name) for field in fields(self)}
        del others["objective"]
        effort = None if self.effort is None else asdict(self.effort)
        return {**self.objective.to_dict(), **others, "effort": effort}

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> SearchSettings:
        """Read what :meth:`to_dict` returned.

        Parameters
        ----------
        entries : Mapping
            What ``to_dict`` wrote.

        Returns
        -------
        SearchSettings

        Raises
        ------
        SettingError
            If an entry is unknown or out of range.
        """
        names = {field.name for field in fields(cls)} - {"objective"}
        objective = Objective.from_dict(entries)
        unknown = sorted({*entries} - names - {*objective.to_dict()})
        if unknown:
            raise SettingError(f"not the settings of a search: {', '.join(unknown)}")
        known = {name: entries[name] for name in names if name in entries}
        try:
            return cls(**{**known, "objective": objective, "effort": _effort(known.get("effort"))})
        except TypeError as error:
            raise SettingError(f"not the settings of a search: {error}") from error


@dataclass(frozen=True, eq=False)
class Execution:
    """How a search is carried out; none of it changes what is found.

    Parameters
    ----------
    jobs : int, optional
        Processes; by default what ``joblib.parallel_config`` says.
    progress : Progress
        What is told how far the work is.
    state_file : Path, optional
        Where to keep what was found so far.
    resume : bool
        Go on from that file.
    cache : ResultCache, optional
        Where finished searches are looked up and kept; by default nowhere.
    known : mapping of str to PredictedOptimum
        Optima that are there already, by the name that a reader is told, such as a file's: one of
        the same data and objective is taken in place of a search, whatever its effort and seed.

    Raises
    ------
    SettingError
        If `jobs` is 0, or there is no file to go on from.
    """

    jobs: int | None = None
    progress: Progress = NO_PROGRESS
    state_file: Path | None = None
    resume: bool = False
    cache: ResultCache | None = None
    known: Mapping[str, PredictedOptimum] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.jobs == 0:
            raise SettingError("the number of processes must not be 0")
        if self.resume and self.state_file is None:
            raise SettingError("a search can only go on from a state file, and none is given")

    def without_known(self) -> Execution:
        """Return the same for searches that must not know of any optimum."""
        return replace(self, known={})


def _checked_objective(objective: Objective) -> Objective:
    """Return an objective that somebody has said how to search for."""
    if not isinstance(objective, Objective):
        raise SettingError(
            f"the objective must be an Objective, such as objective_of(20), not {objective!r}"
        )
    search_of(objective)
    return objective


def _checked_seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise SettingError(f"the seed must be an integer, not {seed!r}")
    if seed < 0:
        raise SettingError(f"the seed must not be negative, not {seed}")
    return int(seed)


def _as_tuple(noise_variance: ArrayLike | None) -> tuple[float, ...] | None:
    if noise_variance is None:
        return None
    values = np.atleast_1d(np.asarray(noise_variance, dtype=np.float64))
    return tuple(float(value) for value in values)


def _effort(entries: Mapping[str, Any] | Effort | None) -> Effort | None:
    if entries is None or isinstance(entries, Effort):
        return entries
    before = {name: _effort(entries.get(name)) for name in ("elbo", "plane_elbo")}
    return Effort(**{**entries, **before})


def _told(value: object) -> str:
    return "not bounded" if value is None else str(value)
