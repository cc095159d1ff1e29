"""Decoders given as a table of f on a grid of two or three latents: linear in each between points.

Between neighbouring points f is bilinear, or trilinear, and beyond the outermost it is constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Integers, Points
from theorycheck.errors import LoadingError
from theorycheck.models._decoder import IN_WORDS, MOST_LATENTS, Decoder

#: How f goes on between the points of a grid.
GRID_KINDS = ("linear",)


@dataclass(frozen=True, eq=False)
class GridTable:
    """A table of f on a grid of two or three latents is held as it is stored.

    Parameters
    ----------
    axes : tuple of ndarray, shapes (n₁,), (n₂,) …
        Latents along each axis, ascending.
    values : ndarray, shape (n₁, n₂, …, D)
        Decoder means at the points of the grid.
    kind : {"linear"}
        How f goes on between the points: linearly in each latent.
    noise_variance : ndarray, shape (D,) or (1,), or None
        The noise variance σ², where the file has it.
    """

    axes: tuple[Float64[Array, " _"], ...]
    values: Float64[Array, "*grid D"]
    kind: str
    noise_variance: Float64[Array, " one_or_D"] | None = None

    @property
    def used(self) -> tuple[int, ...]:
        """Return the numbers of the latents, from 0, along which f is not constant."""
        return tuple(k for k in range(len(self.axes)) if np.diff(self.values, axis=k).any())

    def on_plane(
        self, z1: Float64[Array, " R"], z2: Float64[Array, " C"]
    ) -> Float64[Array, "R C D"]:
        """Return f of two latents at all pairs of some z₁ and some z₂: along one after the other.

        Parameters
        ----------
        z1, z2 : ndarray, shapes (R,) and (C,)
            Latents.

        Returns
        -------
        ndarray, shape (R, C, D)
        """
        (i, u), (j, v) = _between(self.axes[0], z1), _between(self.axes[1], z2)
        lines = (1.0 - u[:, :, None]) * self.values[i] + u[:, :, None] * self.values[i + 1]
        result: Float64[Array, "R C D"] = (1.0 - v) * lines[:, j] + v * lines[:, j + 1]
        return result


class _Multilinear:
    """f of a table."""

    def __init__(self, table: GridTable) -> None:
        self._table = table

    def __call__(self, z: Array) -> Array:
        return multilinear(self._table.axes, self._table.values, z)


def multilinear(
    axes: tuple[Float64[Array, " _"], ...],
    values: Float64[Array, "*grid D"],
    z: Float64[Array, "n K"],
) -> Points:
    """Interpolate values on a grid linearly in each latent, constant beyond its ends.

    Parameters
    ----------
    axes : tuple of ndarray, shapes (n₁,), (n₂,) …
        The grid, each axis ascending.
    values : ndarray, shape (n₁, n₂, …, D)
        What is known at its points.
    z : ndarray, shape (n, K)
        Where it is asked for.

    Returns
    -------
    ndarray, shape (n, D)
    """
    places = [_between(axis, z[:, k]) for k, axis in enumerate(axes)]

    def along(k: int, at: tuple[Integers, ...]) -> Points:
        """Interpolate along latents k, k + 1 … where those before are at grid points."""
        if k == len(places):
            corner: Points = values[at]
            return corner
        index, share = places[k]
        low, high = along(k + 1, (*at, index)), along(k + 1, (*at, index + 1))
        between: Points = (1.0 - share) * low + share * high
        return between

    return along(0, ())


def _between(axis: Array, z: Array) -> tuple[Integers, Array]:
    """Return the point before each z and the share of the way to the next, (n, 1)."""
    index = np.clip(np.searchsorted(axis, z, side="right") - 1, 0, axis.size - 2)
    share = np.clip((z - axis[index]) / (axis[index + 1] - axis[index]), 0.0, 1.0)
    return index, share[:, None]


def decoder_from_grid_table(
    axes: Sequence[ArrayLike],
    values: ArrayLike,
    *,
    kind: str = "linear",
    name: str = "table",
) -> Decoder:
    """Make f_θ from a table on a grid of two or three latents.

    Parameters
    ----------
    axes : sequence of array_like, shapes (n₁,), (n₂,) …
        Distinct latents along each axis, in any order.
    values : array_like, shape (n₁, n₂, …, D) or (n₁, n₂, …)
        f at the points of the grid.
    kind : {"linear"}
        ``"linear"``: linear in each latent between the points, constant beyond the ends.
    name : str
        What reports call the decoder.

    Returns
    -------
    Decoder
        It has as many latents as there are axes.

    Raises
    ------
    LoadingError
        If the table is not finite, has repeated latents, too few of them or the wrong shape.
    """
    table = checked_grid_table(axes, values, kind=kind, name=name)
    made = Decoder.from_function(_Multilinear(table), latent_dim=len(table.axes), name=name)
    return replace(made, table=table)


def checked_grid_table(
    axes: Sequence[ArrayLike],
    values: ArrayLike,
    *,
    kind: str,
    name: str,
    noise_variance: ArrayLike | None = None,
) -> GridTable:
    """Check a table on a grid and sort its axes; see :func:`decoder_from_grid_table`."""
    latents = len(axes)
    if not 2 <= latents <= MOST_LATENTS:
        raise LoadingError(f"{name}: a table on a grid is of two or three latents, not {latents}")
    if kind not in GRID_KINDS:
        raise LoadingError(
            f"{name}: a table on a grid of {IN_WORDS[latents]} latents is linear between its "
            f"points, not {kind}"
        )
    try:
        lines = [np.array(axis, dtype=np.float64) for axis in axes]
        means = np.array(values, dtype=np.float64)
        variance = None if noise_variance is None else np.array(noise_variance, float, ndmin=1)
    except (TypeError, ValueError) as error:
        raise LoadingError(f"{name}: the table must hold numbers on a grid") from error
    if means.ndim == latents:
        means = means[..., None]
    _check_shapes(lines, means, name)
    if not all(np.isfinite(one).all() for one in (*lines, means)):
        raise LoadingError(f"{name}: the table has NaN or infinite entries")
    for k, line in enumerate(lines):
        order = np.argsort(line, kind="stable")
        lines[k], means = line[order], np.take(means, order, axis=k)
        repeated = np.flatnonzero(np.diff(lines[k]) == 0.0)
        if repeated.size:
            raise LoadingError(
                f"{name}: z{k + 1} = {lines[k][repeated[0]]:.6g} occurs more than once"
            )
    return GridTable(tuple(lines), np.ascontiguousarray(means), kind, variance)


def _check_shapes(lines: list[Array], means: Array, name: str) -> None:
    """Say in one line what is wrong with the shapes of a table, if anything is."""
    latents = len(lines)
    names = [f"z{k + 1}" for k in range(latents)]
    sizes = [f"n{k + 1}" for k in range(latents)]
    if any(line.ndim != 1 for line in lines) or means.ndim != latents + 1 or means.shape[-1] == 0:
        raise LoadingError(
            f"{name}: {_listed(names)} must have shapes {_listed([f'({n},)' for n in sizes])}, and "
            f"f ({', '.join(sizes)}, D), not {', '.join(str(line.shape) for line in lines)} and "
            f"{means.shape}"
        )
    counts = tuple(line.size for line in lines)
    if means.shape[:-1] != counts:
        having = _listed([f"{n} {axis}" for n, axis in zip(counts, names, strict=True)])
        raise LoadingError(
            f"{name}: {having} need f of shape ({', '.join(map(str, counts))}, D), "
            f"not {means.shape}"
        )
    if min(counts) < 2:
        raise LoadingError(f"{name}: a table on a grid needs at least 2 latents along every axis")


def _listed(parts: list[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
