"""What the shape of the rows is, with the spread over random parts of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theorycheck.advise._geometry import gride_dimension, kernel_company, mode_prominences
from theorycheck.advise._likeness import (
    PROMINENT,
    Likeness,
    ShapeMeasures,
    likeness,
    likeness_words,
)
from theorycheck.advise._loops import loop_prominences
from theorycheck.arrays import Array, Points
from theorycheck.cohorts import mean_over_splits
from theorycheck.estimate import Estimate
from theorycheck.streams import spawned_seed

#: Random parts of the rows, and the share that each leaves out.
_PARTS, _LEFT_OUT = 6, 0.25
#: Neighbours at which the dimension is estimated, as far as the rows go.
SCALES = (1, 4, 16, 64, 256)
#: A part of the neighbour graph that nothing joins to the rest counts with this prominence.
_APART = 20.0
#: Rows that the shape is measured on; of more so many are drawn.
MOST_SHAPE_ROWS = 10_000


@dataclass(frozen=True, eq=False)
class Shape:
    """Dimension over scales, modes, loops, and what they make the table like.

    Parameters
    ----------
    rows_used : int
        Rows that this was measured on.
    dimension : tuple of (int, Estimate)
        Gride's estimate at the n-th and 2n-th neighbour, by n; statistical.
    modes : Estimate
        Number of modes that fall by 0.65 nats or more; statistical.
    measures : ShapeMeasures
        What the verdicts are about.
    like : Likeness
        The verdicts.
    """

    rows_used: int
    dimension: tuple[tuple[int, Estimate], ...]
    modes: Estimate
    measures: ShapeMeasures
    like: Likeness

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        found, like = self.measures, self.like
        words = likeness_words(found)
        return {
            "rows_used": self.rows_used,
            "dimension": {
                "curve": like.curve.value,
                "scales": [
                    {"neighbour": neighbour, "dimension": value.to_dict_or_null()}
                    for neighbour, value in self.dimension
                ],
            },
            "modes": {
                "several": like.several_modes.value,
                "count": self.modes.to_dict_or_null(),
                "second_prominence": found.second_mode.to_dict_or_null(),
                "company": found.company,
            },
            "loops": {
                "some": like.a_loop.value,
                "two": like.two_loops.value,
                "first_prominence": found.first_loop.to_dict_or_null(),
                "second_prominence": found.second_loop.to_dict_or_null(),
                "plane_share": found.plane_share,
            },
            "leading_component": {
                "skewness": found.skewness.to_dict_or_null(),
                "variance_share": found.along_line.to_dict_or_null(),
            },
            "like": {
                name: {"verdict": verdict.value, "evidence": words[name]}
                for name, verdict in like.by_example.items()
            },
            "like_none": like.none_of_these.value,
        }


def describe_shape(x: Points, *, seed: int = 0) -> Shape:
    """Estimate dimension, modes and loops of a table, and decide what it is like.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Standardised rows; of more than 10,000 so many are drawn.
    seed : int
        Of the random parts of the rows.

    Returns
    -------
    Shape
    """
    x, parts = _parts_of(x, seed)
    dimension = []
    for neighbour in SCALES:
        found = [gride_dimension(part, neighbour) for part in parts]
        if all(math.isfinite(value) for value in found):
            dimension.append((neighbour, _over_parts(found)))
    falls = [mode_prominences(part) for part in parts]
    measures = _measures(x, parts, falls, dimension[-1][1] if dimension else None)
    return Shape(
        rows_used=len(x),
        dimension=tuple(dimension),
        modes=_over_parts([float((fall >= PROMINENT).sum()) for fall in falls]),
        measures=measures,
        like=likeness(measures),
    )


def measure_shape(x: Points, *, seed: int = 0) -> ShapeMeasures:
    """Measure what the rules look at, but for the dimension, which none of the likenesses needs.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Standardised rows; of more than 10,000 so many are drawn.
    seed : int
        Of the random parts of the rows.

    Returns
    -------
    ShapeMeasures
        The same as those of :func:`describe_shape`, without the largest scale.
    """
    x, parts = _parts_of(x, seed)
    return _measures(x, parts, [mode_prominences(part) for part in parts], None)


def _parts_of(x: Points, seed: int) -> tuple[Array, list[Array]]:
    """Return the rows that are looked at, and random parts of them."""
    order = np.random.default_rng(spawned_seed(seed, _PARTS)).permutation(len(x))
    x = x[np.sort(order[:MOST_SHAPE_ROWS])]
    parts = []
    for number in range(_PARTS):
        order = np.random.default_rng(spawned_seed(seed, number)).permutation(len(x))
        parts.append(x[order[round(_LEFT_OUT * len(x)) :]])
    return x, parts


def _measures(
    x: Array, parts: list[Array], falls: list[Array], largest_scale: Estimate | None
) -> ShapeMeasures:
    holes = [loop_prominences(part) for part in parts]
    lines = [_leading_component(part) for part in parts]
    spectrum = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    return ShapeMeasures(
        rows=len(x),
        second_mode=_over_parts([min(_at(fall, 1), _APART) for fall in falls]),
        first_loop=_over_parts([_at(hole, 0) for hole in holes]),
        second_loop=_over_parts([_at(hole, 1) for hole in holes]),
        skewness=_over_parts([skewness for skewness, _ in lines]),
        along_line=_over_parts([share for _, share in lines]),
        largest_scale=largest_scale,
        plane_share=float(spectrum[:2].sum() / spectrum.sum()),
        company=kernel_company(parts[0]),
    )


def _at(values: Array, place: int) -> float:
    return float(values[place]) if place < len(values) else 0.0


def _leading_component(x: Points) -> tuple[float, float]:
    """Return the skewness along the leading component, without its sign, and its share."""
    left, scale, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    scores = left[:, 0] / left[:, 0].std()
    return abs(float(np.mean(scores**3))), float(scale[0] ** 2 / (scale**2).sum())


def _over_parts(values: list[float]) -> Estimate:
    return mean_over_splits([Estimate(value, 0.0) for value in values], test_share=_LEFT_OUT)
