"""What a search has found so far, in a file from which it can go on.

Every piece of work has a name ("start 17", "hop 2.5") and is a function of the settings and of
what came before, so that a resumed search that looks results up instead of computing them ends at
the same values as an unbroken one.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.errors import SettingError
from theorycheck.files import replace_files
from theorycheck.optimum._search_cells import Cells, axes_of, cells_of_axes
from theorycheck.quadrature import LatentCells

_FORMAT = "theorycheck search state 1"
#: Seconds between two writings of the file.
_INTERVAL = 2.0
#: Names of the boundaries along each latent.
_BOUNDARIES = ("boundary", "boundary2", "boundary3")


@dataclass(frozen=True, eq=False)
class Outcome:
    """Where one piece of a search ended.

    Parameters
    ----------
    kind : str
        What it started from.
    value : float
        J on the data nodes of its level, nats; a guide, not a result.
    f : ndarray, shape (M, D)
        Decoder means on the cells.
    cells : LatentCells or PlaneCells
        The cells of f.
    noise_variance : ndarray, shape (D,)
        Noise variance σ², squared data units.
    evaluations : int
        E-steps taken.
    """

    kind: str
    value: float
    f: Float64[Array, "cells D"]
    cells: Cells
    noise_variance: PerDimension
    evaluations: int

    @property
    def line(self) -> LatentCells:
        """Return the cells of an f of one latent."""
        if not isinstance(self.cells, LatentCells):
            raise TypeError("an f of several latents has no cells of one")
        return self.cells


class SearchState:
    """The outcomes so far; kept in a file if there is one.

    Parameters
    ----------
    settings : mapping
        What the outcomes depend on. A file written under others is refused.
    path : Path, optional
        The file of the state.
    resume : bool
        Go on from the file if it exists; otherwise it is written anew.

    Raises
    ------
    SettingError
        If the file to resume from is damaged, or belongs to another search; it is left as it was.
    """

    def __init__(
        self, settings: Mapping[str, object], path: Path | None = None, *, resume: bool = False
    ) -> None:
        self._settings = json.dumps(dict(settings), sort_keys=True)
        self._path = path
        self._outcomes: dict[str, Outcome] = {}
        self._written = time.monotonic()
        if path is not None and resume and path.exists():
            self._outcomes = _read(path, self._settings)

    def get(self, name: str) -> Outcome | None:
        """Return an outcome that is there already."""
        return self._outcomes.get(name)

    def put(self, name: str, outcome: Outcome) -> None:
        """Keep an outcome, and write the file if the last writing is a while ago."""
        self._outcomes[name] = outcome
        if time.monotonic() - self._written > _INTERVAL:
            self.save()

    def save(self) -> None:
        """Write the file, whole or not at all.

        Raises
        ------
        SettingError
            If it cannot be written.
        """
        self._written = time.monotonic()
        if self._path is None:
            return
        header: dict[str, object] = {"format": _FORMAT, "settings": self._settings}
        header["outcomes"] = {
            name: {"kind": o.kind, "value": o.value, "evaluations": o.evaluations}
            for name, o in self._outcomes.items()
        }
        arrays: dict[str, Array] = {}
        for name, outcome in self._outcomes.items():
            arrays[f"{name}/f"] = outcome.f
            for k, axis in enumerate(axes_of(outcome.cells)):
                arrays[f"{name}/{_BOUNDARIES[k]}"] = axis.boundary
            arrays[f"{name}/noise_variance"] = outcome.noise_variance
        stream = io.BytesIO()
        np.savez(stream, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]
        try:
            replace_files({self._path: stream.getvalue()})
        except OSError as error:
            raise SettingError(
                f"{self._path}: cannot be written: {error.strerror or error}"
            ) from error

    def remove(self) -> None:
        """Delete the file: the search is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Seen:
    """What a state file says about an interrupted search.

    Parameters
    ----------
    starts : int
        Starts done.
    best : float or None
        The lowest J so far on the finest level reached, nats; a guide, not a result.
    """

    starts: int
    best: float | None


def peek(path: Path) -> Seen | None:
    """Look into a state file without going on from it; None if it is not one.

    Parameters
    ----------
    path : Path
        The file of the state.

    Returns
    -------
    Seen or None
    """
    try:
        outcomes, _ = _load(path)
    except SettingError:
        return None
    starts = [o.value for name, o in outcomes.items() if name.startswith("start ")]
    # The search of the ELBO that goes before one of the IWAE bound has values of its own.
    finer = [o.value for name, o in outcomes.items() if not name.startswith(("start ", "ELBO "))]
    return Seen(len(starts), min(finer or starts, default=None))


def _cells(archive: Mapping[str, Array], name: str) -> Cells:
    keys = [f"{name}/{key}" for key in _BOUNDARIES]
    return cells_of_axes(tuple(LatentCells(archive[key]) for key in keys if key in archive))


def _read(path: Path, settings: str) -> dict[str, Outcome]:
    outcomes, found = _load(path)
    if found != settings:
        differing = _difference(json.loads(found), json.loads(settings))
        raise SettingError(
            f"{path}: the state of another search ({differing}); nothing was changed"
        )
    return outcomes


def _load(path: Path) -> tuple[dict[str, Outcome], str]:
    """Return the outcomes in a file and the settings that they belong to."""
    try:
        # np.load would leave a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            header = json.loads(str(archive["header"].item()))
            if header["format"] != _FORMAT:
                raise KeyError
            outcomes = {
                name: Outcome(
                    kind=str(entry["kind"]),
                    value=float(entry["value"]),
                    f=archive[f"{name}/f"],
                    cells=_cells(archive, name),
                    noise_variance=archive[f"{name}/noise_variance"],
                    evaluations=int(entry["evaluations"]),
                )
                for name, entry in header["outcomes"].items()
            }
            found = str(header["settings"])
    except (
        ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile,
        # What zipfile says of a flag or version that damage has set: encrypted, not supported.
        RuntimeError,
    ) as error:  # fmt: skip
        raise SettingError(f"{path}: damaged, or not the state of a search") from error
    return outcomes, found


def _difference(found: dict[str, object], wanted: dict[str, object]) -> str:
    keys = sorted({*found, *wanted})
    return ", ".join(
        f"{key}: {found.get(key)} there, {wanted.get(key)} here"
        for key in keys
        if found.get(key) != wanted.get(key)
    )
