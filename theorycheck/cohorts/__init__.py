"""Public tables of people with a partly observed label: read, split, and models measured on them.

    >>> from theorycheck import cohorts
    >>> cohort = cohorts.load_cohort("titanic", folder="data")  # doctest: +SKIP
    >>> split = cohorts.split_cohort(cohort)[0]  # doctest: +SKIP

A cohort is a sample of (x, y). A decoder f(y, z) with σ² and a prior of y generates another, and
:func:`held_out` measures how it explains a real one that it was not fitted to.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
