"""Which cells a search is on, for decoders of one latent and of more."""

from __future__ import annotations

from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.quadrature import (
    LatentCells,
    PlaneCells,
    adapted_cells,
    adapted_plane_cells,
    cells_of_used,
    latent_cells,
)

#: Cells of a decoder of one latent, or of more.
Cells = LatentCells | PlaneCells


def plain_cells(count: int, latents: int, used: int | None = None) -> Cells:
    """Lay cells for an f of which nothing is known but how many latents it uses.

    Parameters
    ----------
    count : int
        Cells in all.
    latents : int
        Number of latents K.
    used : int, optional
        How many of them f uses, the first ones; by default all.

    Returns
    -------
    LatentCells or PlaneCells
    """
    if latents == 1:
        return latent_cells(count)
    return cells_of_used(count, latents, latents if used is None else used)


def carried_over(
    count: int, old: Cells, f: Float64[Array, "cells D"], noise_variance: PerDimension
) -> tuple[Cells, Float64[Array, "others D"]]:
    """Lay cells where f needs them, and carry f over to them.

    Parameters
    ----------
    count : int
        Cells in all.
    old : LatentCells or PlaneCells
        The cells on which f is given.
    f : ndarray, shape (M, D)
    noise_variance : ndarray, shape (D,)
        σ².

    Returns
    -------
    LatentCells or PlaneCells, ndarray of shape (M', D)
    """
    if isinstance(old, LatentCells):
        line = adapted_cells(count, old, f, noise_variance)
        return line, old.interpolate(f, line.z)
    plane = adapted_plane_cells(count, old, f, noise_variance)
    return plane, old.interpolate(f, plane.z)


def interpolated(
    old: Cells, f: Float64[Array, "cells D"], new: Cells
) -> Float64[Array, "others D"]:
    """Carry f over from cells to others of as many latents."""
    if isinstance(old, LatentCells) and isinstance(new, LatentCells):
        return old.interpolate(f, new.z)
    if isinstance(old, PlaneCells) and isinstance(new, PlaneCells):
        return old.interpolate(f, new.z)
    raise TypeError("cells of different numbers of latents")


def cells_of_axes(axes: tuple[LatentCells, ...]) -> Cells:
    """Return the cells whose intervals along each latent these are."""
    return axes[0] if len(axes) == 1 else PlaneCells(axes)


def axes_of(cells: Cells) -> tuple[LatentCells, ...]:
    """Return the intervals along each latent."""
    return (cells,) if isinstance(cells, LatentCells) else cells.axes
