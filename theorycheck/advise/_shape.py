"""What the shape of the rows is, with the spread over random parts of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theorycheck.advise._geometry import gride_dimension, mode_prominences
from theorycheck.arrays import Points
from theorycheck.cohorts import paired_difference
from theorycheck.estimate import Estimate, Verdict
from theorycheck.streams import spawned_seed

#: Random parts of the rows, and the share that each leaves out.
_PARTS, _LEFT_OUT = 6, 0.25
#: Neighbours at which the dimension is estimated, as far as the rows go.
SCALES = (1, 4, 16, 64, 256)
#: Fall of log density, nats, that makes a mode. Of 2,000 draws of the benchmarks the modes of
#: Clusters have 0.6, those of Spiral Dots 2.5 to 4; noise alone has up to 0.35.
PROMINENT = 0.45
#: A part of the neighbour graph that nothing joins to the rest counts with this prominence.
_APART = 20.0


@dataclass(frozen=True, eq=False)
class Shape:
    """Dimension over scales, and modes.

    Parameters
    ----------
    dimension : tuple of (int, Estimate)
        Gride's estimate at the n-th and 2n-th neighbour, by n; statistical.
    prominence : Estimate
        Fall of log density to the second mode, nats; statistical.
    modes : Estimate
        Number of modes that fall by 0.45 nats or more; statistical.
    several_modes : Verdict
        Whether every part of the rows has two or more; fails if none has.
    """

    dimension: tuple[tuple[int, Estimate], ...]
    prominence: Estimate
    modes: Estimate
    several_modes: Verdict

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON; loops are not looked for."""
        return {
            "dimension": [
                {"neighbour": neighbour, "dimension": value.to_dict_or_null()}
                for neighbour, value in self.dimension
            ],
            "second_mode_prominence": self.prominence.to_dict_or_null(),
            "modes": self.modes.to_dict_or_null(),
            "several_modes": self.several_modes.value,
            "loops": "not computed",
        }


def describe_shape(x: Points, *, seed: int = 0) -> Shape:
    """Estimate the dimension over scales and the modes of a table.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Standardised rows.
    seed : int
        Of the random parts of the rows.

    Returns
    -------
    Shape
    """
    parts = []
    for number in range(_PARTS):
        order = np.random.default_rng(spawned_seed(seed, number)).permutation(len(x))
        parts.append(x[order[round(_LEFT_OUT * len(x)) :]])
    falls = [np.minimum(mode_prominences(part), _APART) for part in parts]
    counts = [int((fall >= PROMINENT).sum()) for fall in falls]
    several = [count >= 2 for count in counts]
    dimension = []
    for neighbour in SCALES:
        found = [gride_dimension(part, neighbour) for part in parts]
        if all(math.isfinite(value) for value in found):
            dimension.append((neighbour, _over_parts(found)))
    verdict = Verdict.HOLDS if all(several) else Verdict.INCONCLUSIVE
    return Shape(
        dimension=tuple(dimension),
        prominence=_over_parts([float(fall[1]) for fall in falls]),
        modes=_over_parts([float(count) for count in counts]),
        several_modes=verdict if any(several) else Verdict.FAILS,
    )


def _over_parts(values: list[float]) -> Estimate:
    one: Callable[[float], Estimate] = lambda value: Estimate(value, 0.0)  # noqa: E731
    return paired_difference(
        [one(value) for value in values], [one(0.0)] * len(values), test_share=_LEFT_OUT
    )
