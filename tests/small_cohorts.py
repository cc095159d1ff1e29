"""Small files in the form of the published ones, under the names that commands know."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from theorycheck.cohorts import Source, _sources

ROOT = Path(__file__).resolve().parents[1]
#: The published files, where they are at hand; nothing of them is in the project.
SHARED = Path(os.environ.get("THEORYCHECK_DATA", ROOT.parent / "shared" / "data"))
needs_files = pytest.mark.skipif(
    not (SHARED / "titanic.dat").is_file(), reason="the published files are not at hand"
)

HEADER = """@relation titanic
@attribute Class real[-1.87,0.965]
@attribute Age real[-0.228,4.38]
@attribute Sex real[-1.92,0.521]
@attribute Survived {-1.0,1.0}
@inputs Class, Age, Sex
@outputs Survived
@data
"""
#: 120 rows of six distinct x.
ROWS = "".join(
    f"{(-1.87, -0.923, 0.965)[n % 3]},{-0.228 if n % 8 else 4.38},{0.521 if n % 2 else -1.92},"
    f"{'1.0' if (n * 7) % 5 < 2 else '-1.0'}\n"
    for n in range(120)
)
SMALL = (HEADER + ROWS).encode()


def small_titanic(
    folder: Path, patch: pytest.MonkeyPatch, content: bytes = SMALL, urls: tuple[str, ...] = ()
) -> Source:
    """Put a small titanic.dat into a folder, and make it the published one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "titanic.dat").write_bytes(content)
    known = _sources.SOURCES["titanic"]
    source = replace(known, sha256=hashlib.sha256(content).hexdigest(), urls=urls or known.urls)
    patch.setattr(_sources, "SOURCES", {**_sources.SOURCES, "titanic": source})
    return source
