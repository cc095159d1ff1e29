"""Digests the code that numbers come from, so that no result of other code is taken for ours."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from theorycheck.versions import package_versions

#: Rooms that only show what was computed.
_SHOWING = frozenset({"cli", "report", "claims", "citation", "export"})


@cache
def engine_digest() -> str:
    """Return a digest of this package's sources, but for what only shows numbers, and of others'.

    A version number would not do: between two releases numbers change, too. Reading all sources
    takes some tens of milliseconds, once a process.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(repr(sorted(package_versions().items())).encode())
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if name.parts[0] not in _SHOWING:
            digest.update(f"{name.as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
