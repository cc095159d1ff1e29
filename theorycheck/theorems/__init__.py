"""What the paper says: the conditions of Theorem 1, the noise variance of Theorem 2."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
