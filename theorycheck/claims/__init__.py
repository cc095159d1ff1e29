"""Keeps the ledger of the paper's claims: evidence, verdicts, and their table."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
