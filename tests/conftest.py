"""Set before numba is imported: one thread, so that test processes do not wait for each other.

Results are cached in a folder of the run, never in the user's. Shapes that annotations name are
checked, which must be arranged before the package is imported.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from tests import shape_checks

# Spinning threads of several processes on the same cores made a small search ten times as slow.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

# One folder for all processes of the run: workers inherit the variable of the one that starts them.
if "THEORYCHECK_TEST_CACHE" not in os.environ:
    _folder = tempfile.mkdtemp(prefix="theorycheck-tests-")
    os.environ["THEORYCHECK_TEST_CACHE"] = _folder
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["THEORYCHECK_CACHE"] = os.environ["THEORYCHECK_TEST_CACHE"]

shape_checks.install()
