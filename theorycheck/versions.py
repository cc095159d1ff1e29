"""Lists the versions of what makes the numbers, for cards, reports and result files."""

from __future__ import annotations

import platform
from importlib.metadata import version

import theorycheck

#: The packages that numbers depend on.
_PACKAGES = ("numpy", "scipy", "numba")


def package_versions() -> dict[str, str]:
    """Return the versions of theorycheck and of the packages that make the numbers."""
    return {"theorycheck": theorycheck.__version__} | {name: version(name) for name in _PACKAGES}


def versions() -> dict[str, str]:
    """Return the versions of theorycheck, of Python and of the packages that make the numbers."""
    packages = package_versions()
    own = {"theorycheck": packages["theorycheck"], "python": platform.python_version()}
    return own | packages
