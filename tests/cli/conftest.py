"""The command as a user runs it, and a user's files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from theorycheck.cli import main

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., "subprocess.CompletedProcess[str]"]

SOURCE = """
import math
import numpy as np
print("a user's file may print")
NOISE_VARIANCE = 0.5
def line(z):
    print("and a user's function too")
    return np.stack([z, 2.0 * z], axis=-1)
def scalar(z):
    return [math.atan(z), 1.0]
def not_a_number(z):
    return np.log(z)
def infinite(z):
    return 1.0 / z
def transposed(z):
    return np.stack([z, z, z])
def text(z):
    return np.array(["a"] * len(z))
def half(z):
    return z.astype(np.float16)
def complex_valued(z):
    return z + 1j
def raises(z):
    raise RuntimeError("two\\nlines")
def two_latents(z):
    return z[:, 0] + z[:, 1]
number = 3
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an empty cache: what it prints must not depend on other tests."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("THEORYCHECK_CACHE", str(folder))
    return folder


@pytest.fixture
def run_process(tmp_path: Path) -> Run:
    """Run ``python -m theorycheck`` in an empty folder and return what came of it."""

    def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "theorycheck", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONIOENCODING": "utf-8",
                **environment,
            },
            timeout=300,
            check=False,
        )

    return command


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process, in an empty folder, and return what came of it.

    A process of its own takes seconds to start; what only shows in one has `run_process`.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        code = main(list(arguments))
        out, errors = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, errors)

    return command


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Write a user's Python file into the folder."""
    file = tmp_path / "mine.py"
    file.write_text(SOURCE)
    return file
