"""The verbs of the command line, those of two words by both."""

from __future__ import annotations

from functools import cache
from typing import Any

from theorycheck.cli.app import command


@cache
def verbs() -> dict[str, Any]:
    """Return the commands by name: ``decompose``, …, ``data fetch``."""
    found: dict[str, Any] = {}
    for name, entry in command().commands.items():
        inner = getattr(entry, "commands", None)
        found |= {name: entry} if inner is None else {f"{name} {k}": v for k, v in inner.items()}
    return found


def split_verb(words: list[str]) -> tuple[str, list[str]]:
    """Return the verb that a command line begins with, and the words after it."""
    two = " ".join(words[:2])
    return (two, words[2:]) if two in verbs() else (words[0], words[1:])
