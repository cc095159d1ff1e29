"""Defines and checks the options of all verbs that search for a predicted optimum."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from theorycheck.errors import SettingError, nearest

if TYPE_CHECKING:
    from theorycheck.models import GenerativeModel
    from theorycheck.objectives import Objective
    from theorycheck.optimum import (
        Effort,
        Execution,
        NoiseFit,
        PredictedOptimum,
        SearchSettings,
    )

_SEARCHES = ("quick", "thorough", "none")
_EFFORTS = ("quick", "thorough")
_OBJECTIVES = ("elbo", "iwae")
_FITS = ("no", "shared", "each")
#: S where --objective iwae is given without it: the paper's, and that of ``train``.
_IWAE_SAMPLES = 20


EffortName = Annotated[
    str,
    typer.Option(
        "--effort",
        metavar="HOW",
        help="Search quick (half a minute) or thorough (minutes).",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="K", help="Seed of the random numbers, 0 or more.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        help="Number of processes. By default it is the environment variable THEORYCHECK_JOBS, or "
        "else one for each processor core.",
    ),
]
ObjectiveName = Annotated[
    str,
    typer.Option(
        "--objective", metavar="O", help="Maximise elbo, or iwae: the bound of S samples."
    ),
]
ObjectiveSamples = Annotated[
    int | None,
    typer.Option("--samples", metavar="S", help="Samples S of the IWAE bound; by default 20."),
]
FitNoise = Annotated[
    str,
    typer.Option(
        "--fit-noise",
        metavar="F",
        help="Optimise σ² too: no (keep that of MODEL), shared (one for all data dimensions) "
        "or each (one for each).",
    ),
]
NetworkSearch = Annotated[
    str | None,
    typer.Option(
        "--search",
        metavar="HOW",
        help="Search for the predicted optimum to compare with: quick, thorough or none. By "
        "default quick (half a minute) for networks of one latent, and none for those of more, "
        "where a search takes minutes.",
    ),
]


def chosen_jobs(jobs: int | None = None) -> int:
    """Return how many processes to take where the user may not have said.

    Parameters
    ----------
    jobs : int, optional
        Value of --jobs; negative numbers count from all cores, as joblib has it.

    Returns
    -------
    int
        That number; without it ``THEORYCHECK_JOBS`` of the environment, else −1.

    Raises
    ------
    SettingError
        If that is no such number.
    """
    if jobs is not None:
        return jobs
    text = os.environ.get("THEORYCHECK_JOBS", "-1")
    try:
        found = int(text)
    except ValueError:
        found = 0
    if found == 0:
        raise SettingError(f"THEORYCHECK_JOBS: '{text}' is not a number of processes")
    return found


def checked_search(effort: str, seed: int, jobs: int | None) -> None:
    """Refuse settings of a search that cannot be, before anything takes time."""
    if effort not in _EFFORTS:
        raise SettingError(f"--effort: there is no '{effort}': {nearest(effort, _EFFORTS)}")
    if seed < 0:
        raise SettingError(f"--seed must not be negative, not {seed}")
    if jobs == 0:
        raise SettingError("--jobs must not be 0")
    chosen_jobs(jobs)


def checked_fit_noise(fit_noise: str) -> NoiseFit:
    """Return what --fit-noise says, or say that there is no such way."""
    if fit_noise not in _FITS:
        raise SettingError(f"--fit-noise: there is no '{fit_noise}': {nearest(fit_noise, _FITS)}")
    return cast("NoiseFit", fit_noise)


def checked_search_name(search: str | None) -> None:
    """Say that there is no such search, where --search names none of them."""
    if search is not None and search not in _SEARCHES:
        raise SettingError(f"--search: there is no '{search}': {nearest(search, _SEARCHES)}")


def checked_objective(objective: str, samples: int | None) -> int:
    """Return S of the objective, 1 for the ELBO.

    Parameters
    ----------
    objective : {"elbo", "iwae"}
    samples : int or None
        Value of --samples.

    Returns
    -------
    int

    Raises
    ------
    SettingError
        If there is no such objective, S is below 1, or the ELBO is asked for S samples.
    """
    if objective not in _OBJECTIVES:
        known = nearest(objective, _OBJECTIVES)
        raise SettingError(f"--objective: there is no '{objective}': {known}")
    if samples is not None and samples < 1:
        raise SettingError(f"--samples must be at least 1, not {samples}")
    if objective == "iwae":
        return _IWAE_SAMPLES if samples is None else samples
    if samples not in (None, 1):
        raise SettingError(f"--samples {samples} is for --objective iwae; the ELBO has S = 1")
    return 1


def chosen_effort(
    name: str,
    starts: int | None = None,
    hops: int | None = None,
    *,
    objective: Objective | None = None,
    latents: int = 1,
) -> Effort:
    """Return the named effort with the numbers that the user changed.

    Parameters
    ----------
    name : {"quick", "thorough"}
    starts, hops : int, optional
        Ascents, and basin hops in all; hops come in rounds of the effort's number.
    objective : Objective, optional
        What is searched for; by default the ELBO.
    latents : int
        Latents of the decoders searched.

    Returns
    -------
    Effort

    Raises
    ------
    SettingError
        If one of them is out of range.
    """
    from dataclasses import replace

    from theorycheck.objectives import ELBO
    from theorycheck.optimum import effort_named

    effort = effort_named(name, objective or ELBO, latents)
    if starts is not None:
        if starts < 1:
            raise SettingError(f"--starts must be at least 1, not {starts}")
        effort = replace(effort, starts=starts)
    if hops is not None:
        if hops < 0:
            raise SettingError(f"--hops must not be negative, not {hops}")
        rounds = math.ceil(hops / effort.hops)
        effort = replace(effort, rounds=rounds, hops=math.ceil(hops / max(1, rounds)) or 1)
    return effort


def chosen_settings(
    search: str, seed: int, *, objective: Objective | None = None, latents: int = 1
) -> SearchSettings:
    """Return what --search (or --effort) and --seed ask for.

    Parameters
    ----------
    search : {"quick", "thorough"}
    seed : int
    objective : Objective, optional
        What is searched for; by default the ELBO.
    latents : int
        Latents of the decoders searched.

    Returns
    -------
    SearchSettings
    """
    from theorycheck.objectives import ELBO
    from theorycheck.optimum import SearchSettings

    effort = chosen_effort(search, objective=objective, latents=latents)
    return SearchSettings(objective or ELBO, effort=effort, seed=seed, latents=latents)


def network_search(search: str | None, latents: int, files: Sequence[Path]) -> str:
    """Return how the optimum beside a trained network is searched for.

    Parameters
    ----------
    search : {"quick", "thorough", "none"}, optional
        Value of --search.
    latents : int
        K of the network.
    files : sequence of Path
        Values of --optimum.

    Returns
    -------
    {"quick", "thorough", "none"}
        Without --search quick for one latent, and for more where an optimum is handed over.
    """
    if search is not None:
        return search
    return "quick" if latents == 1 or files else "none"


def searched_optima(
    search: str,
    network: GenerativeModel,
    truth: GenerativeModel,
    objective: Objective,
    seed: int,
    execution: Execution,
) -> dict[str, PredictedOptimum]:
    """Search, as --search says, for what a trained network is to be compared with.

    Parameters
    ----------
    search : {"quick", "thorough", "none"}
    network, truth : GenerativeModel
    objective : Objective
        What the network was trained on.
    seed : int
    execution : Execution

    Returns
    -------
    dict of str to PredictedOptimum
        What :func:`theorycheck.evaluation.predicted_optima` returns; empty for "none".
    """
    if search == "none":
        return {}
    from theorycheck.evaluation import predicted_optima

    settings = chosen_settings(search, seed, objective=objective, latents=network.latent_dim)
    return predicted_optima(network, truth, settings, execution=execution)
