"""Times the engine, side by side with what one would use instead."""

from __future__ import annotations

import os

# Before numpy is imported: its matrix library starts a thread a core for the 2 x 2 systems of
# L-BFGS, which makes that peer ten times slower; no one who tuned it would leave that so.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
