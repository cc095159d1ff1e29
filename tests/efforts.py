"""Searches for the predicted optimum that are as small as they can be and still are searches."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from theorycheck.advise import _fits
from theorycheck.objectives import Elbo, IwaeBound
from theorycheck.optimum import TableEffort
from theorycheck.optimum import _objective_search as searches
from theorycheck.optimum._effort import Effort
from theorycheck.theorems import ClassSettings

#: A second, and J within some hundredths of a nat of the quick search's on smooth curves.
TINY = Effort(
    starts=2, coarse_cells=24, middle_cells=32, fine_cells=48, most_nodes=100, refined=1, hops=1,
    most=8, fine_step=0.9, tolerance=1e-3,
)  # fmt: skip
#: The same for the IWAE bound, whose E-step is about twenty times dearer.
IWAE_TINY = Effort(
    starts=2, coarse_cells=24, middle_cells=24, fine_cells=24, most_nodes=60, refined=1, rounds=0,
    most=4, fine_step=0.9, tolerance=1e-3,
)  # fmt: skip
#: The same for decoders of two latents, cells of both together.
PLANE_TINY = Effort(
    starts=2, coarse_cells=64, middle_cells=100, fine_cells=144, most_nodes=60, refined=1, rounds=0,
    most=4, fine_step=0.9, tolerance=1e-2, elbo=TINY,
)  # fmt: skip
#: Of three latents.
SPACE_TINY = Effort(
    starts=2, coarse_cells=64, middle_cells=100, fine_cells=125, most_nodes=40, refined=1, rounds=0,
    most=4, fine_step=0.9, tolerance=2e-2, elbo=PLANE_TINY,
)  # fmt: skip
#: The same under the IWAE bound.
PLANE_IWAE_TINY = replace(PLANE_TINY, elbo=IWAE_TINY, plane_elbo=PLANE_TINY)
#: Of a table's decoders.
TABLE_TINY = TableEffort(starts=1, cells=24, most=6)
#: Of the zero-MLEO class two folds: what is found there is tested elsewhere.
SMALL_CLASS = ClassSettings(folds=(2,), tears=-1, pieces=0)


def make_class_small(patch: pytest.MonkeyPatch) -> None:
    """Let the zero-MLEO class be the small one wherever nothing else is asked for."""
    values = tuple(getattr(SMALL_CLASS, one.name) for one in fields(ClassSettings))
    patch.setattr(ClassSettings.__init__, "__defaults__", values)


def make_searches_tiny(patch: pytest.MonkeyPatch) -> None:
    """Let a quick search be a tiny one; what it finds is tested elsewhere."""
    for kind, tiny, several in (
        (Elbo, TINY, {2: PLANE_TINY, 3: SPACE_TINY}),
        (IwaeBound, IWAE_TINY, {2: PLANE_IWAE_TINY}),
    ):
        search = searches._SEARCHES[kind]
        quick = {k: replace(search.several[k], quick=one) for k, one in several.items()}
        patch.setitem(searches._SEARCHES, kind, replace(search, quick=tiny, several=quick))
    patch.setattr(_fits, "EFFORT", TABLE_TINY)
