"""Times the main job end to end."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from theorycheck.models import benchmark as model_of
from theorycheck.objectives import decompose


@pytest.mark.parametrize("name", ["figure8", "circle", "absolute_value", "clusters", "spiral_dots"])
def test_decompose(benchmark: Any, name: str) -> None:
    model = model_of(name)
    benchmark.pedantic(decompose, (model,), rounds=3, warmup_rounds=1)


def test_import(benchmark: Any) -> None:
    command = [sys.executable, "-c", "import theorycheck"]
    benchmark.pedantic(subprocess.run, (command,), {"check": True}, rounds=5)
