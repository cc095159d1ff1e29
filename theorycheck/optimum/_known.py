"""Optima that are known already: handed over by the caller, or in the cache of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from theorycheck.errors import LoadingError, SettingError
from theorycheck.models import GenerativeModel, same_model
from theorycheck.optimum._result import PredictedOptimum
from theorycheck.optimum._settings import Execution, SearchSettings
from theorycheck.results import ResultCache, Saved, engine_digest

_T = TypeVar("_T", bound=Saved)


def known_optimum(
    data: GenerativeModel, settings: SearchSettings, execution: Execution
) -> PredictedOptimum | None:
    """Return an optimum that the caller has handed over, if it is the one that is wanted.

    Parameters
    ----------
    data : GenerativeModel
        The ground truth.
    settings : SearchSettings
        Resolved. Effort and seed do not count.
    execution : Execution
        Its progress is told, in one line each, what is taken and what is not.

    Returns
    -------
    PredictedOptimum or None
    """
    differing = []
    for name, optimum in execution.known.items():
        if not same_model(optimum.data, data):
            continue
        difference = optimum.settings.difference(settings)
        if difference is None:
            execution.progress.say(f"{name}: its optimum is taken, {_described(optimum.settings)}.")
            return optimum.with_data(data)
        differing.append(f"{name}: an optimum of {data.name} whose {difference}")
    for line in differing:
        execution.progress.say(f"{line}: not what is wanted now, which is searched for.")
    return None


class CachedResult(Generic[_T]):
    """One search's place in the cache, if there is a cache.

    Parameters
    ----------
    kind : type
        What the search returns.
    key : callable
        Returns the digest of all that it depends on; called where there is a cache.
    what : str
        The optimum in words.
    models : sequence of GenerativeModel
        Models at hand, which the file may refer to.
    execution : Execution
        How the search is run.
    """

    def __init__(
        self,
        kind: type[_T],
        key: Callable[[], str],
        what: str,
        models: Sequence[GenerativeModel],
        execution: Execution,
    ) -> None:
        self._kind, self._what, self._models = kind, what, models
        self._cache, self._progress = execution.cache, execution.progress
        self._key = "" if self._cache is None else key()

    def read(self) -> _T | None:
        """Return what an earlier search of the same found, and say so."""
        if self._cache is None:
            return None
        path = self._cache.path(self._kind.schema, self._key)
        try:
            found = self._cache.read(self._kind, self._key, self._models)
        except LoadingError as error:
            self._progress.say(f"The cache has an entry that cannot be used, {error}: searching.")
            return None
        if found is not None:
            self._progress.say(
                f"The optimum of {self._what}, is that of an earlier search, in {path} "
                "(--no-cache searches anew)."
            )
        return found

    def write(self, found: _T) -> None:
        """Keep what was found; where that fails, say so, and nothing else is lost."""
        if self._cache is None:
            return
        try:
            self._cache.write(found, self._key)
        except SettingError as error:
            self._progress.say(f"The cache was left as it was: {error}.")


def cached_search(
    data: GenerativeModel,
    settings: SearchSettings,
    given: Sequence[GenerativeModel],
    execution: Execution,
) -> CachedResult[PredictedOptimum]:
    """Return the place of a search in the cache.

    Parameters
    ----------
    data : GenerativeModel
        The ground truth.
    settings : SearchSettings
        Resolved.
    given : sequence of GenerativeModel
        Decoders that the search starts from.
    execution : Execution
        How the search is run.

    Returns
    -------
    CachedResult
    """
    return CachedResult(
        PredictedOptimum,
        lambda: cache_key(data, settings, given),
        f"{data.name}, {_described(settings)}",
        [data],
        execution,
    )


def cache_key(
    data: GenerativeModel, settings: SearchSettings, given: Sequence[GenerativeModel]
) -> str:
    """Return the key of a search: a digest of all that its result depends on.

    Parameters
    ----------
    data : GenerativeModel
        The ground truth: its fingerprint and how finely it is scanned count, its name does not.
    settings : SearchSettings
        Resolved.
    given : sequence of GenerativeModel
        Decoders that the search starts from, whose names are told with the starts.

    Returns
    -------
    str
    """
    return ResultCache.key(
        {
            "engine": engine_digest(),
            "data": [data.fingerprint, data.decoder.resolution],
            "given": [[one.name, one.fingerprint, one.decoder.resolution] for one in given],
            "settings": settings.to_dict(),
        }
    )


def _described(settings: SearchSettings) -> str:
    """Return the settings in a few words."""
    words = [f"of the {settings.objective.name}", f"seed {settings.seed}"]
    if settings.fit_noise != "no":
        words.append(f"σ² fitted ({settings.fit_noise})")
    if settings.steepness is not None:
        words.append(f"|f′| <= {settings.steepness:g}")
    return ", ".join(words)
