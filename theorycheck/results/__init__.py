"""Results that took a search or a training: written to files, read back, kept in a cache."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
