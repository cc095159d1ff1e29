"""Set before numba is imported: one thread, so that test processes do not wait for each other."""

from __future__ import annotations

import os

# Spinning threads of several processes on the same cores made a small search ten times as slow.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
