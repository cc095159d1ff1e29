"""The versions of what makes the numbers, for cards, reports and result files."""

from __future__ import annotations

import platform
from importlib.metadata import version

import theorycheck

#: The packages that numbers depend on.
_PACKAGES = ("numpy", "scipy", "numba")


def versions() -> dict[str, str]:
    """Return the versions of theorycheck, of Python and of the packages that make the numbers."""
    found = {"theorycheck": theorycheck.__version__, "python": platform.python_version()}
    return found | {name: version(name) for name in _PACKAGES}
