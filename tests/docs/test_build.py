"""The documentation builds with warnings as errors."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_build(tmp_path: Path) -> None:
    for package in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "-q", "-b", "html"]
    result = subprocess.run(
        [*command, "-d", str(tmp_path / "doctrees"), str(ROOT / "docs"), str(tmp_path / "html")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    theory = (tmp_path / "html" / "theory.html").read_text(encoding="utf-8")
    assert theory.count("<math") > 40
    # Nothing is fetched when the page is read.
    assert not re.search(r"""<(script|img)[^>]*src=["'](https?:)?//""", theory)
    assert not re.search(r"""<link[^>]*rel=["']stylesheet["'][^>]*href=["'](https?:)?//""", theory)
    # What autodoc found: a name of each room.
    for page, anchor in (
        ("objectives", "theorycheck.objectives.decompose"),
        ("dataset", "theorycheck.dataset.score"),
        ("optimum", "theorycheck.optimum.find_optimum"),
    ):
        text = (tmp_path / "html" / "api" / f"{page}.html").read_text(encoding="utf-8")
        assert f'id="{anchor}"' in text
