"""The one place for jit options.

Every compiled function of the project goes through one of these decorators, so that
caching, parallelism and floating-point freedom are decided here and nowhere else.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Sized
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, cast

import numba

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Freedoms that let loops vectorise. No ``nnan``/``ninf``: a NaN must stay visible.
#: Not ``afn``: approximate functions would cost digits.
_FREEDOM = {"reassoc", "nsz", "arcp", "contract"}
#: x a thread at least: handing work to a thread takes 50 µs, an x 2 µs (log p) to 1 ms (L_S).
_FEWEST = 16


def scalar_kernel(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile a function of one x (or one q), to be inlined into the batch kernels."""
    return _compiled(function, _FREEDOM)


def inlined_kernel(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile a part of a hot loop, whose call would cost as much as its work (10 to 20 ns).

    An array is seven arguments in a call; the compiler alone leaves such calls standing.
    """
    return _compiled(function, _FREEDOM, forceinline=True)


def batch_kernel(function: Callable[Concatenate[int, int, _P], None]) -> Callable[_P, None]:
    """Compile a function that does one part of the work on many x; run its parts in threads.

    The function takes (part, parts) first, which its callers do not see: x number part,
    part + parts, … are its share. There is a thread for each of ``numba.get_num_threads()``, but
    none for fewer than 16 x: these are counted by the first array. Numba's own parallel loops do
    the same, but compile everything within three times over.
    """
    compiled = _compiled(function, _FREEDOM)

    @functools.wraps(function)
    def on_threads(*args: _P.args, **kwargs: _P.kwargs) -> None:
        count = len(cast("Sized", args[0]))
        parts = min(numba.get_num_threads(), max(count // _FEWEST, 1))
        others = [
            _threads(os.getpid(), parts).submit(compiled, part, parts, *args, **kwargs)
            for part in range(1, parts)
        ]
        compiled(0, parts, *args, **kwargs)
        for other in others:
            other.result()

    # As numba's dispatchers have it: the function as it stands in the source.
    on_threads.py_func = function  # type: ignore[attr-defined]
    return on_threads


@functools.cache
def _threads(_process: int, count: int) -> ThreadPoolExecutor:
    """Return threads that wait for work, made once in each process."""
    return ThreadPoolExecutor(count, thread_name_prefix="theorycheck")


def exact_kernel(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile without re-association (fused multiply-add only), where rounding is the point."""
    return _compiled(function, {"contract"})


def _compiled(function: Callable[_P, _R], freedom: set[str], **options: bool) -> Callable[_P, _R]:
    """Hand the function to numba, whose dispatcher has no type: it is called like the function."""
    compiled = numba.njit(cache=True, fastmath=freedom, error_model="numpy", nogil=True, **options)(
        function
    )
    return cast("Callable[_P, _R]", compiled)


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
