"""Decoders given as a table of z and f(z): piecewise linear, cubic spline or piecewise constant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array
from theorycheck.errors import LoadingError, nearest
from theorycheck.models._decoder import Decoder

Kind = Literal["linear", "cubic", "cells"]
KINDS: tuple[str, ...] = get_args(Kind)
#: Fewest values for each kind; a not-a-knot cubic needs four points.
_FEWEST = {"linear": 2, "cubic": 4, "cells": 1}


@dataclass(frozen=True, eq=False)
class Table:
    """A table of z and f(z) is held as it is stored.

    Parameters
    ----------
    z : ndarray, shape (n,), or (n-1,) for cells
        Latents, ascending; for cells the inner edges.
    values : ndarray, shape (n, D)
        Decoder means f there, or in each cell.
    kind : {"linear", "cubic", "cells"}
        How f goes on between the points.
    noise_variance : ndarray, shape (D,) or (1,), or None
        The noise variance σ², where the file has it.
    """

    z: Float64[Array, " entries"]
    values: Float64[Array, "rows D"]
    kind: str
    noise_variance: Float64[Array, " one_or_D"] | None = None


def decoder_from_table(
    z: ArrayLike, values: ArrayLike, *, kind: str = "linear", name: str = "table"
) -> Decoder:
    """Make f_θ from a table.

    Parameters
    ----------
    z : array_like, shape (n,), or (n-1,) for cells
        Distinct latents in any order (the rows are sorted); for ``"cells"`` the inner edges.
    values : array_like, shape (n, D) or (n,)
        f at the latents, or in the cells from left to right.
    kind : {"linear", "cubic", "cells"}
        ``"linear"``: straight lines; ``"cubic"``: not-a-knot cubic spline; ``"cells"``:
        constant on each cell, closed on the left. Constant beyond the ends.
    name : str
        What reports call the decoder.

    Returns
    -------
    Decoder
        The decoder has a breakpoint at every entry of `z`; the outer ones too, since f is flat
        beyond them.

    Raises
    ------
    LoadingError
        If the table is not finite, has repeated latents, too few rows or the wrong shape.
    """
    table = checked_table(z, values, kind=kind, name=name)
    makers: dict[str, Callable[[Table], Callable[[Array], Array]]] = {
        "linear": _linear,
        "cubic": _cubic,
        "cells": _cells,
    }
    function = makers[table.kind](table)
    made = Decoder.from_function(function, name=name, breakpoints=tuple(table.z.tolist()))
    return replace(made, table=table)


def checked_table(
    z: ArrayLike,
    values: ArrayLike,
    *,
    kind: str,
    name: str,
    noise_variance: ArrayLike | None = None,
) -> Table:
    """Check a table and sort its rows; parameters and errors as in :func:`decoder_from_table`."""
    if kind not in KINDS:
        raise LoadingError(f"{name}: unknown kind of table '{kind}', {nearest(kind, KINDS)}")
    try:
        latents = np.array(z, dtype=np.float64)
        means = np.array(values, dtype=np.float64)
        variance = None if noise_variance is None else np.array(noise_variance, float, ndmin=1)
    except (TypeError, ValueError) as error:
        raise LoadingError(f"{name}: the table must hold numbers in rows of one length") from error
    if means.ndim == 1:
        means = means[:, None]
    if latents.ndim != 1 or means.ndim != 2 or means.shape[1] == 0:
        raise LoadingError(
            f"{name}: z must have shape (n,) and f (n, D), not {latents.shape} and {means.shape}"
        )
    if means.shape[0] < _FEWEST[kind]:
        raise LoadingError(
            f"{name}: a {kind} table needs at least {_FEWEST[kind]} rows, not {means.shape[0]}"
        )
    wanted = means.shape[0] - (kind == "cells")
    if latents.size != wanted:
        what = "inner cell edges" if kind == "cells" else "latents z"
        raise LoadingError(
            f"{name}: {means.shape[0]} rows of f need {wanted} {what}, not {latents.size}"
        )
    if not (np.isfinite(latents).all() and np.isfinite(means).all()):
        raise LoadingError(f"{name}: the table has NaN or infinite entries")
    order = np.argsort(latents, kind="stable")
    if kind == "cells":
        if np.any(np.diff(latents) < 0.0):
            raise LoadingError(f"{name}: the cell edges must ascend")
    else:
        latents, means = latents[order], means[order]
    repeated = np.flatnonzero(np.diff(latents) == 0.0)
    if repeated.size:
        raise LoadingError(f"{name}: z = {latents[repeated[0]]:.6g} occurs more than once")
    return Table(latents, means, kind, variance)


def _linear(table: Table) -> Callable[[Array], Array]:
    def function(z: Array) -> Array:
        return np.stack([np.interp(z, table.z, column) for column in table.values.T], axis=-1)

    return function


def _cubic(table: Table) -> Callable[[Array], Array]:
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(table.z, table.values, axis=0, bc_type="not-a-knot")
    first, last = table.z[0], table.z[-1]
    return lambda z: np.asarray(spline(np.clip(z, first, last)), dtype=np.float64)


def _cells(table: Table) -> Callable[[Array], Array]:
    return lambda z: table.values[np.searchsorted(table.z, z, side="right")]
