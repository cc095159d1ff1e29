"""Handles ``--optimum FILE`` and ``--no-cache``: optima that need not be searched for again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theorycheck.cli.search_options import chosen_jobs
from theorycheck.errors import LoadingError, SettingError

if TYPE_CHECKING:
    from theorycheck.models import GenerativeModel
    from theorycheck.optimum import Execution, PredictedOptimum
    from theorycheck.progress import Progress

OptimumFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--optimum",
        metavar="FILE.npz",
        help="Read the predicted optimum from a file of theorycheck optimum -o instead of "
        "searching for it; repeatable. A file that does not fit is named, and the search runs.",
    ),
]
NoCache = Annotated[
    bool,
    typer.Option(
        "--no-cache",
        help="Do not use the cache. Otherwise the result of a search is kept in the folder that "
        "THEORYCHECK_CACHE names, by default the user's cache folder, and used again.",
    ),
]


def checked_optimum_files(files: list[Path] | None, search: str | None = "quick") -> list[Path]:
    """Return the files of --optimum, or say before anything takes time that one is not there.

    Parameters
    ----------
    files : list of Path or None
    search : str, optional
        Value of --search; "none" has no use for an optimum.

    Returns
    -------
    list of Path

    Raises
    ------
    SettingError
        If there is no such file, or the verb is told not to look for an optimum at all.
    """
    found = list(files or ())
    if found and search == "none":
        raise SettingError(
            "--optimum is an optimum to compare with, which --search none leaves out"
        )
    for path in found:
        if not path.is_file():
            raise SettingError(f"--optimum {path}: no such file")
    return found


def chosen_execution(
    progress: Progress,
    *,
    jobs: int | None = None,
    no_cache: bool = False,
    files: Sequence[Path] = (),
    models: Sequence[GenerativeModel] = (),
) -> Execution:
    """Return how the searches of a command are carried out.

    Parameters
    ----------
    progress : Progress
        Told in one line of each file that cannot be used, and why: the search runs anew.
    jobs : int, optional
        Value of --jobs.
    no_cache : bool
    files : sequence of Path
        Values of --optimum.
    models : sequence of GenerativeModel
        The ground truths of the command.

    Returns
    -------
    Execution
    """
    from theorycheck.optimum import Execution
    from theorycheck.results import ResultCache

    return Execution(
        jobs=chosen_jobs(jobs),
        progress=progress,
        cache=None if no_cache else ResultCache.of_user(),
        known=_known(files, models, progress),
    )


def _known(
    files: Sequence[Path], models: Sequence[GenerativeModel], progress: Progress
) -> dict[str, PredictedOptimum]:
    """Read the files; those that are damaged or of other models are named and left alone."""
    from theorycheck.models import fingerprint_of, same_model
    from theorycheck.optimum import PredictedOptimum

    known: dict[str, PredictedOptimum] = {}
    for path in files:
        try:
            found = PredictedOptimum.load(path, models)
        except LoadingError as error:
            progress.say(f"--optimum {error}. It is searched for anew.")
            continue
        if any(same_model(found.data, model) for model in models):
            known[str(path)] = found
            continue
        names = [model.name for model in models]
        stored = found.data
        other = f"another {stored.name}" if stored.name in names else stored.name
        progress.say(
            f"--optimum {path}: an optimum of {other} (fingerprint {fingerprint_of(stored)[:12]}), "
            f"not of the {' or '.join(names)} given. It is searched for anew."
        )
    return known
