"""Trains networks in PyTorch; no other package imports torch.

`theorycheck` reaches it through registered readers and the command line only.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
