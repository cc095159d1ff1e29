"""Checks theory about variational autoencoders with numerical ground truth.

    >>> import theorycheck
    >>> result = theorycheck.decompose(theorycheck.benchmark("circle"), tolerance=1e-3)
    >>> print(result.entropy, result.mleo, result.pmo)  # doctest: +SKIP

The names below are loaded when they are first used, so that importing the package stays quick.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

# The names are listed once, in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
