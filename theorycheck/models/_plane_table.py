"""Decoders given as a table of f on a grid of two latents: bilinear between its points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Integers, Points
from theorycheck.errors import LoadingError
from theorycheck.models._decoder import Decoder

#: How f goes on between the points of a grid.
PLANE_KINDS = ("linear",)


@dataclass(frozen=True, eq=False)
class PlaneTable:
    """A table of f on a grid of two latents is held as it is stored.

    Parameters
    ----------
    z1, z2 : ndarray, shapes (n₁,) and (n₂,)
        The axes, ascending.
    values : ndarray, shape (n₁, n₂, D)
        Decoder means f(z1_i, z2_j).
    kind : {"linear"}
        How f goes on between the points: bilinearly.
    noise_variance : ndarray, shape (D,) or (1,), or None
        The noise variance σ², where the file has it.
    """

    z1: Float64[Array, " n1"]
    z2: Float64[Array, " n2"]
    values: Float64[Array, "n1 n2 D"]
    kind: str
    noise_variance: Float64[Array, " one_or_D"] | None = None

    def on_grid(
        self, z1: Float64[Array, " R"], z2: Float64[Array, " C"]
    ) -> Float64[Array, "R C D"]:
        """Return f at all pairs of some z₁ and some z₂: along one latent after the other.

        Parameters
        ----------
        z1, z2 : ndarray, shapes (R,) and (C,)
            Latents.

        Returns
        -------
        ndarray, shape (R, C, D)
        """
        (i, u), (j, v) = _between(self.z1, z1), _between(self.z2, z2)
        lines = (1.0 - u[:, :, None]) * self.values[i] + u[:, :, None] * self.values[i + 1]
        result: Float64[Array, "R C D"] = (1.0 - v) * lines[:, j] + v * lines[:, j + 1]
        return result


class _Bilinear:
    """f of a table."""

    def __init__(self, table: PlaneTable) -> None:
        self._table = table

    def __call__(self, z: Array) -> Array:
        return bilinear((self._table.z1, self._table.z2), self._table.values, z)


def bilinear(
    axes: tuple[Float64[Array, " n1"], Float64[Array, " n2"]],
    values: Float64[Array, "n1 n2 D"],
    z: Float64[Array, "n 2"],
) -> Points:
    """Interpolate values on a grid bilinearly, constant beyond its ends.

    Parameters
    ----------
    axes : (ndarray, ndarray), shapes (n₁,) and (n₂,)
        The grid, ascending.
    values : ndarray, shape (n₁, n₂, D)
        What is known at its points.
    z : ndarray, shape (n, 2)
        Where it is asked for.

    Returns
    -------
    ndarray, shape (n, D)
    """
    (i, u), (j, v) = (_between(axis, z[:, k]) for k, axis in enumerate(axes))
    low = (1.0 - v) * values[i, j] + v * values[i, j + 1]
    high = (1.0 - v) * values[i + 1, j] + v * values[i + 1, j + 1]
    result: Points = (1.0 - u) * low + u * high
    return result


def _between(axis: Array, z: Array) -> tuple[Integers, Array]:
    """Return the point before each z and the share of the way to the next, (n, 1)."""
    index = np.clip(np.searchsorted(axis, z, side="right") - 1, 0, axis.size - 2)
    share = np.clip((z - axis[index]) / (axis[index + 1] - axis[index]), 0.0, 1.0)
    return index, share[:, None]


def decoder_from_plane_table(
    z1: ArrayLike,
    z2: ArrayLike,
    values: ArrayLike,
    *,
    kind: str = "linear",
    name: str = "table",
) -> Decoder:
    """Make f_θ from a table on a grid of two latents.

    Parameters
    ----------
    z1, z2 : array_like, shapes (n₁,) and (n₂,)
        Distinct latents along each axis, in any order.
    values : array_like, shape (n₁, n₂, D) or (n₁, n₂)
        f at (z1_i, z2_j).
    kind : {"linear"}
        ``"linear"``: bilinear between the points, constant beyond the ends.
    name : str
        What reports call the decoder.

    Returns
    -------
    Decoder
        It has two latents.

    Raises
    ------
    LoadingError
        If the table is not finite, has repeated latents, too few of them or the wrong shape.
    """
    table = checked_plane_table(z1, z2, values, kind=kind, name=name)
    made = Decoder.from_function(_Bilinear(table), latent_dim=2, name=name)
    return replace(made, table=table)


def checked_plane_table(
    z1: ArrayLike,
    z2: ArrayLike,
    values: ArrayLike,
    *,
    kind: str,
    name: str,
    noise_variance: ArrayLike | None = None,
) -> PlaneTable:
    """Check a table on a grid and sort its axes; see :func:`decoder_from_plane_table`."""
    if kind not in PLANE_KINDS:
        raise LoadingError(
            f"{name}: a table on a grid of two latents is linear between its points, not {kind}"
        )
    try:
        axes = [np.array(axis, dtype=np.float64) for axis in (z1, z2)]
        means = np.array(values, dtype=np.float64)
        variance = None if noise_variance is None else np.array(noise_variance, float, ndmin=1)
    except (TypeError, ValueError) as error:
        raise LoadingError(f"{name}: the table must hold numbers on a grid") from error
    if means.ndim == 2:
        means = means[:, :, None]
    if any(axis.ndim != 1 for axis in axes) or means.ndim != 3 or means.shape[2] == 0:
        raise LoadingError(
            f"{name}: z1 and z2 must have shapes (n1,) and (n2,), and f (n1, n2, D), not "
            f"{axes[0].shape}, {axes[1].shape} and {means.shape}"
        )
    if means.shape[:2] != (axes[0].size, axes[1].size):
        raise LoadingError(
            f"{name}: {axes[0].size} z1 and {axes[1].size} z2 need f of shape "
            f"({axes[0].size}, {axes[1].size}, D), not {means.shape}"
        )
    if min(means.shape[:2]) < 2:
        raise LoadingError(f"{name}: a table on a grid needs at least 2 latents along either axis")
    if not all(np.isfinite(one).all() for one in (*axes, means)):
        raise LoadingError(f"{name}: the table has NaN or infinite entries")
    for k, axis in enumerate(axes):
        order = np.argsort(axis, kind="stable")
        axes[k], means = axis[order], np.take(means, order, axis=k)
        repeated = np.flatnonzero(np.diff(axes[k]) == 0.0)
        if repeated.size:
            raise LoadingError(
                f"{name}: z{k + 1} = {axes[k][repeated[0]]:.6g} occurs more than once"
            )
    return PlaneTable(axes[0], axes[1], np.ascontiguousarray(means), kind, variance)
