"""Defines the head of a result file: what the file is, and what made it.

It is plain JSON: the schema and its version, the layout of the result's classes, the versions of
the packages, the date, and what the result itself adds (settings, seed, fingerprint).
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from theorycheck.errors import LoadingError
from theorycheck.versions import package_versions

#: What every result file says of itself, and the version of the format of head and arrays.
FORMAT, FORMAT_VERSION = "theorycheck result", 1


@dataclass(frozen=True)
class Head:
    """Holds what a result file says of itself.

    Parameters
    ----------
    schema : str
        The kind of result: "optimum", "decomposition", "conditions", "noise" or "judged".
    version : int
        The version of the format.
    layout : str
        A digest of the names and types of all fields in the result: a file of another layout was
        written by another version of this package.
    versions : dict of str to str
        The packages that made it.
    created : str
        The date and time, UTC, as ISO 8601 has it.
    about : dict
        Entries that the result adds: settings, seed, the models' fingerprints.
    """

    schema: str
    version: int
    layout: str
    versions: dict[str, str]
    created: str
    about: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        return {
            "format": FORMAT,
            "version": self.version,
            "schema": self.schema,
            "layout": self.layout,
            "versions": self.versions,
            "created": self.created,
            "about": self.about,
        }

    @property
    def made_by(self) -> str:
        """Return which version of this package wrote the file, for a sentence."""
        return f"theorycheck {self.versions.get('theorycheck', '?')}"


def new_head(schema: str, layout: str, about: Mapping[str, Any]) -> Head:
    """Return the head of a result that is made now."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return Head(schema, FORMAT_VERSION, layout, package_versions(), now.isoformat(), dict(about))


def checked_head(entries: object, *, schema: str, layout: str, source: str) -> Head:
    """Return the head in a file, or say why the file is not the result that is wanted.

    Parameters
    ----------
    entries : object
        Head of the file, not checked yet.
    schema, layout : str
        Schema and layout that are wanted.
    source : str
        The file, for the error.

    Returns
    -------
    Head

    Raises
    ------
    LoadingError
        If it is no result file, one of another kind, or older or newer than this
        version can read.
    """
    if not isinstance(entries, Mapping) or entries.get("format") != FORMAT:
        raise LoadingError(f"{source}: not a result file of theorycheck")
    try:
        head = Head(
            schema=str(entries["schema"]),
            version=int(entries["version"]),
            layout=str(entries["layout"]),
            versions={str(k): str(v) for k, v in dict(entries["versions"]).items()},
            created=str(entries["created"]),
            about=dict(entries["about"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LoadingError(f"{source}: a damaged result file: its head lacks {error}") from error
    if head.version > FORMAT_VERSION:
        raise LoadingError(
            f"{source}: written by a newer version ({head.made_by}, format {head.version}); this "
            f"one reads format {FORMAT_VERSION}: update theorycheck, or make the result anew"
        )
    if head.schema != schema:
        raise LoadingError(f"{source}: holds {_kind(head.schema)}, not {_kind(schema)}")
    if head.version < FORMAT_VERSION or head.layout != layout:
        raise LoadingError(
            f"{source}: written by another version ({head.made_by}, {head.created[:10]}), whose "
            "results are laid out otherwise: make the result anew"
        )
    return head


def parsed_head(text: str, source: str) -> object:
    """Parse a head, or say that the file is damaged."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise LoadingError(f"{source}: a damaged result file: {error}") from error


def _kind(schema: str) -> str:
    names = {
        "optimum": "a predicted optimum",
        "decomposition": "a decomposition",
        "conditions": "a check of Theorem 1",
        "noise": "a check of Theorem 2",
        "noise_curve": "a curve over σ²",
        "judged": "a judged network",
    }
    return names.get(schema, f"a result of the kind '{schema}'")
