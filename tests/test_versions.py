"""The versions that cards and reports print are those of the installed packages."""

from __future__ import annotations

import platform

import numba
import numpy
import scipy

import theorycheck
from theorycheck.versions import versions


def test_versions_are_those_of_what_runs() -> None:
    assert versions() == {
        "theorycheck": theorycheck.__version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
    }
