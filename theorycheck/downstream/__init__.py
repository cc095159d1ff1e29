"""What the ELBO's preference among decoders does to the tasks that representations serve."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
