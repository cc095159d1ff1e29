"""Gives the JSON schemas of what the verbs print with ``--json``, one a verb, with a version."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from theorycheck.errors import SettingError, nearest

_COMMON = "common"


def verbs_with_schema() -> list[str]:
    """Return the verbs whose JSON has a schema, sorted."""
    folder = resources.files(__package__) / "schemas"
    names = (entry.name.removesuffix(".json") for entry in folder.iterdir())
    return sorted(name for name in names if name != _COMMON and not name.startswith("__"))


def json_schema(verb: str) -> dict[str, Any]:
    """Return the schema of a verb's JSON, complete in itself.

    Parameters
    ----------
    verb : str
        A verb of the command line.

    Returns
    -------
    dict
        A JSON schema of the draft 2020-12; descriptions give units and what a number means.

    Raises
    ------
    SettingError
        If there is no such verb.
    """
    known = verbs_with_schema()
    if verb not in known:
        raise SettingError(f"there is no JSON schema '{verb}': {nearest(verb, known)}")
    text = json.dumps(_file(verb)).replace(f"{_COMMON}.json#", "#")
    schema: dict[str, Any] = json.loads(text)
    shared = json.loads(json.dumps(_file(_COMMON)["$defs"]).replace(f"{_COMMON}.json#", "#"))
    needed: dict[str, Any] = {}
    _collect(schema, shared, needed)
    return schema | {"$defs": dict(sorted(needed.items()))}


def schema_id(verb: str) -> str:
    """Return the name and version of a verb's schema, as the JSON says it under "schema"."""
    identity: str = _file(verb)["$id"]
    return identity


def _collect(node: object, shared: dict[str, Any], needed: dict[str, Any]) -> None:
    """Find the shared definitions that a schema refers to, directly or not."""
    if isinstance(node, list):
        for entry in node:
            _collect(entry, shared, needed)
    elif isinstance(node, dict):
        name = str(node.get("$ref", "")).removeprefix("#/$defs/")
        if name in shared and name not in needed:
            needed[name] = shared[name]
            _collect(shared[name], shared, needed)
        for entry in node.values():
            _collect(entry, shared, needed)


@cache
def _file(name: str) -> dict[str, Any]:
    text = (resources.files(__package__) / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content
