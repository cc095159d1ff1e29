"""Writes files whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write all files under other names first, then put each in its place in one step.

    Parameters
    ----------
    contents : mapping of Path to bytes
        Contents to write, by file; existing files are replaced, and left as they were if anything
        fails before.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    mark = uuid.uuid4().hex
    # In the same folder, so that the replacement is one step on one file system.
    waiting = {path.with_name(f".{path.name}.{mark}.tmp"): path for path in contents}
    try:
        for temporary, path in waiting.items():
            temporary.write_bytes(contents[path])
        for temporary, path in waiting.items():
            os.replace(temporary, path)
    finally:
        for temporary in waiting:
            temporary.unlink(missing_ok=True)
