"""The one place for jit options.

Every compiled function of the project goes through one of these two decorators, so that
caching, parallelism and floating-point freedom are decided here and nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

_F = TypeVar("_F", bound=Callable[..., Any])

#: Freedoms that let loops vectorise. No ``nnan``/``ninf``: a NaN must stay visible.
#: Not ``afn``: approximate functions would cost digits.
_FREEDOM = {"reassoc", "nsz", "arcp", "contract"}


def scalar_kernel(function: _F) -> _F:
    """Compile a function of one x (or one q), to be inlined into the batch kernels."""
    return numba.njit(cache=True, fastmath=_FREEDOM, error_model="numpy", nogil=True)(function)  # type: ignore[no-any-return]


def batch_kernel(function: _F) -> _F:
    """Compile a function that loops over many x in parallel."""
    return numba.njit(  # type: ignore[no-any-return]
        cache=True, fastmath=_FREEDOM, error_model="numpy", nogil=True, parallel=True
    )(function)


def exact_kernel(function: _F) -> _F:
    """Compile without re-association (fused multiply-add only), where rounding is the point."""
    return numba.njit(cache=True, fastmath={"contract"}, error_model="numpy", nogil=True)(function)  # type: ignore[no-any-return]


def _drop_stale_cache() -> None:
    """Delete compiled kernels if any kernel source has changed.

    Numba notices when a function's own file changes, but not when a function that it
    inlined from another file does; after an update of a checkout that would run old code.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted(here.glob("*.py")):
        digest.update(source.read_bytes())
    cache = here / "__pycache__"
    stamp = cache / "kernels.sha256"
    try:
        if stamp.is_file() and stamp.read_text() == digest.hexdigest():
            return
        for stale in [*cache.glob("*.nbi"), *cache.glob("*.nbc")]:
            stale.unlink(missing_ok=True)
        cache.mkdir(exist_ok=True)
        stamp.write_text(digest.hexdigest())
    except OSError:
        # An installation that we may not write to: its files change only all together,
        # and numba then caches in the user's own folder.
        return


_drop_stale_cache()
