"""Half of what a first decomposition compiles, in another process at the same time.

numba compiles one function at a time. The bounds of −ELBO, which a decomposition needs last, take
as long as all that it needs before: 15 of 31 s of processor time after an installation. Another
process leaves them in numba's cache on disk, where this one finds them.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from theorycheck.inference._mean_field import MeanField
from theorycheck.models import benchmark


@contextlib.contextmanager
def bounds_compiled_meanwhile(jobs: int | None = None) -> Iterator[None]:
    """Let another process compile the bounds of −ELBO while the body of ``with`` runs here.

    Parameters
    ----------
    jobs : int, optional
        Processes, as joblib takes them: with one nothing is done. Where a search follows they are
        those of the search.
    """
    if effective_n_jobs(jobs) == 1:
        yield
        return
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
    under_way = parallel([delayed(compile_bounds)()])
    try:
        yield
    except BaseException:
        with warnings.catch_warnings():
            # joblib warns of what was under way: it is wanted by nobody any more.
            warnings.simplefilter("ignore", UserWarning)
            under_way.close()
        raise
    for _ in under_way:
        pass


def compile_bounds() -> None:
    """Ask for the bounds at one x, with a minimum that they surely reach below."""
    minima = np.zeros((1, 8, 3))
    minima[:, 0, 2] = 50.0
    bounds = MeanField(benchmark("circle")).bounds
    bounds.settle(np.array([[0.0, 0.0]]), minima, np.array([1], dtype=np.int64))
