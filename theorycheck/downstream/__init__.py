"""What the learned model is used for: tasks whose answers hang on σ², K and the decoder."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
