"""Tables of which it is known what they are like, and how often the rules say so.

The benchmarks, and controls that look like none of them. Every call is right, wrong or
inconclusive: an interval that covers its threshold is no wrong call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from theorycheck.advise._likeness import likeness
from theorycheck.advise._shape import measure_shape
from theorycheck.arrays import Points
from theorycheck.errors import DataError, nearest
from theorycheck.estimate import Verdict
from theorycheck.models import BENCHMARKS
from theorycheck.streams import spawned_seed

#: What is asked of a table.
QUESTIONS = ("figure8", "circle", "clusters", "absolute_value")


@dataclass(frozen=True)
class KnownTable:
    """A law of rows, and what they are like.

    Parameters
    ----------
    name : str
    draw : callable
        Number of rows and generator to rows (n, D).
    like : tuple of str
        The questions whose right answer is yes.
    open : tuple of str
        Those that have no right answer, and are not counted.
    """

    name: str
    draw: Callable[[int, np.random.Generator], Points]
    like: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


@dataclass(frozen=True)
class CallRate:
    """How often the rules were right on a table about a question.

    Parameters
    ----------
    table, question : str
    rows : int
    right, wrong, inconclusive : int
        Draws.
    """

    table: str
    question: str
    rows: int
    right: int
    wrong: int
    inconclusive: int


def call_rates(name: str, *, rows: int, seeds: Sequence[int]) -> tuple[CallRate, ...]:
    """Count right and wrong calls on draws of a known table.

    Parameters
    ----------
    name : str
        A key of ``KNOWN_TABLES``.
    rows : int
        Rows of each draw.
    seeds : sequence of int
        A draw each.

    Returns
    -------
    tuple of CallRate
        One a question that has a right answer.

    Raises
    ------
    DataError
        If there is no such table.
    """
    if name not in KNOWN_TABLES:
        raise DataError(f"there is no known table '{name}': {nearest(name, KNOWN_TABLES)}")
    table = KNOWN_TABLES[name]
    found = []
    for seed in seeds:
        x = table.draw(rows, np.random.default_rng(spawned_seed(seed, 0)))
        x = (x - x.mean(axis=0)) / x.std(axis=0)
        found.append(likeness(measure_shape(x, seed=spawned_seed(seed, 1))).by_example)
    rates = []
    for question in QUESTIONS:
        if question in table.open:
            continue
        truth = Verdict.HOLDS if question in table.like else Verdict.FAILS
        said = [one[question] for one in found]
        rates.append(
            CallRate(
                name, question, rows, said.count(truth), said.count(~truth),
                said.count(Verdict.INCONCLUSIVE),
            )
        )  # fmt: skip
    return tuple(rates)


def _benchmark(name: str) -> Callable[[int, np.random.Generator], Points]:
    entry = BENCHMARKS[name]

    def draw(rows: int, rng: np.random.Generator) -> Points:
        z = rng.normal(size=rows)
        if not entry.semi_supervised:
            means = entry.function(z)
        else:
            discrete = name == "discrete_semi_circle"
            y = rng.integers(0, 2, size=rows) if discrete else rng.normal(size=rows)
            means = entry.function(y, z)
        return means + math.sqrt(entry.noise_variance) * rng.normal(size=means.shape)

    return draw


def _gaussian(rows: int, rng: np.random.Generator) -> Points:
    """Correlation 0.6."""
    return np.asarray(rng.normal(size=(rows, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]]))


def _line(rows: int, rng: np.random.Generator) -> Points:
    """A line in three columns, z normal, noise of 0.2."""
    direction = np.array([1.0, -0.5, 0.8])
    return np.asarray(np.outer(rng.normal(size=rows), direction) + 0.2 * rng.normal(size=(rows, 3)))


def _s_curve(rows: int, rng: np.random.Generator) -> Points:
    """The letter S, noise of 0.1."""
    t = 3.0 * np.pi * (rng.uniform(size=rows) - 0.5)
    curve = np.stack([np.sin(t), np.sign(t) * (np.cos(t) - 1.0)], axis=1)
    return np.asarray(curve + 0.1 * rng.normal(size=(rows, 2)))


def _two_blobs(rows: int, rng: np.random.Generator) -> Points:
    """Two normal laws eight standard deviations apart."""
    return np.asarray(rng.normal(size=(rows, 2)) + 8.0 * rng.integers(0, 2, size=(rows, 1)))


def _square(rows: int, rng: np.random.Generator) -> Points:
    return rng.uniform(size=(rows, 2))


def _noise(rows: int, rng: np.random.Generator) -> Points:
    """Five independent normal columns."""
    return rng.normal(size=(rows, 5))


_TABLES = (
    KnownTable("figure8", _benchmark("figure8"), ("figure8",)),
    KnownTable("circle", _benchmark("circle"), ("circle",)),
    KnownTable("absolute_value", _benchmark("absolute_value"), ("absolute_value",)),
    KnownTable("clusters", _benchmark("clusters"), ("clusters",)),
    KnownTable("spiral_dots", _benchmark("spiral_dots"), ("clusters",)),
    # Its density has a second mode of 0.49 nats, at the other end of the curve.
    KnownTable("discrete_semi_circle", _benchmark("discrete_semi_circle"), (), ("clusters",)),
    KnownTable("continuous_semi_circle", _benchmark("continuous_semi_circle")),
    KnownTable("gaussian", _gaussian),
    KnownTable("line", _line),
    KnownTable("s_curve", _s_curve),
    KnownTable("two_blobs", _two_blobs, ("clusters",)),
    KnownTable("square", _square),
    KnownTable("noise", _noise),
)

#: Seven benchmarks and six controls, by name.
KNOWN_TABLES: Mapping[str, KnownTable] = MappingProxyType({entry.name: entry for entry in _TABLES})
