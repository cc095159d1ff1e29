"""Radii of fits to a table: the mean of log p over rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.radii.table import Table, off, rewired
from theorycheck.advise import describe_strands, elbo_parts
from theorycheck.estimate import Estimate
from theorycheck.optimum import TableFit


def _rows(function: Callable[..., Any]) -> float:
    def error(errors: list[float]) -> float:
        found = SimpleNamespace(value=np.array([1.0, 2.0]), error=np.array(errors))
        bare = rewired(function, log_density=lambda *_: found)
        return float(bare(SimpleNamespace(model=None), np.zeros((2, 1))).error)

    return max(off(error([0.1, 0.3]), 0.2), off(error([0.1, math.inf]), math.inf))


def _parts(function: Callable[..., Any]) -> float:
    best = SimpleNamespace(negative_elbo=np.array([1.0, 2.0]), gap=np.array([0.02, 0.04]))
    field = SimpleNamespace(panels=None, optimal_q=lambda *_, **__: best)
    bare = rewired(function, MeanField=lambda _: field, log_density=lambda *_: None)
    fit = SimpleNamespace(model=None, log_density=lambda _: Estimate(-1.1, 0.5))
    found = bare(fit, np.zeros((2, 1)))
    return max(
        off(found.negative_elbo.error, 0.03),
        off(found.negative_log_density.error, 0.5),
        off(found.kl.error, 0.53),
    )


def _strands(function: Callable[..., Any]) -> float:
    """A point of the curve more or less; a row is counted, with no radius of its own."""
    fit = SimpleNamespace(
        cells=SimpleNamespace(interpolate=lambda *_: np.zeros((9, 1))), f=None, noise_variance=1.0
    )
    split = SimpleNamespace(pair=SimpleNamespace(exact_likelihood=fit), graph_share=0.25)
    bare = rewired(function, _NODES=8)
    found = bare(SimpleNamespace(over_splits=lambda value: value(split)))
    return max(off(found.on_curve.error, 0.125), off(found.on_graph.error, 0.0))


TABLES_OF_ROWS: Table = {
    "rows of a table: errors cancel": (
        _rows, TableFit.log_density, "float(found.error.mean())", "0.0",
    ),
    "rows of a table: one unknown is none": (
        _rows, TableFit.log_density, "else math.inf", "else 1.0",
    ),
    "strands on a curve: its points are all of it": (
        _strands, describe_strands, "1.0 / _NODES)\n", "0.0)\n",
    ),
    "parts of -ELBO on rows: q is known": (
        _parts, elbo_parts, "float(best.gap.mean())", "0.0",
    ),
}  # fmt: skip
