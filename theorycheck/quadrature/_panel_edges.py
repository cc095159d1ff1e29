"""What neighbouring panels say of f at the edge that they share: jumps, kinks, how far known."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.quadrature._breakpoints import SMALLEST_JUMP
from theorycheck.quadrature._panel_mesh import Mesh, inset
from theorycheck.quadrature._rules import ORDER
from theorycheck.quadrature._single_precision import SINGLE

#: Difference in σ, of values or of slopes times width, from which series part at a shared edge; in
#: slopes the rounding of f is amplified by degree², hence _BROKEN_ROUNDING of f/σ at least.
_BROKEN = 1e-6
_BROKEN_ROUNDING = 1e-5
#: The same for a decoder in single precision, in defects of the panels: degree² times their noise.
_BROKEN_SINGLE = 500.0


def edge_values(mesh: Mesh) -> tuple[Float64[Array, "panels D"], Float64[Array, "panels D"]]:
    """Continue the series of f to both edges of every panel: shapes (P, D), left and right."""
    signs = (-1.0) ** np.arange(ORDER)
    return mesh.coefficients @ signs, mesh.coefficients.sum(axis=2)


def broken_edges(mesh: Mesh, sigma: PerDimension, *, single: bool = False) -> set[float]:
    """Find shared edges at which the neighbours' series part, in value or slope.

    A panel's edge may lie on a jump by chance, as that of floor(z) at a whole number. In single
    precision, series part by their rounding everywhere: only what stands out of it counts.
    """
    first, last = edge_values(mesh)
    half = 0.5 * (mesh.right - mesh.left)[:, None]
    degrees = np.arange(ORDER)
    # P_k′(±1) = (±1)^(k+1) k(k+1)/2.
    slope = 0.5 * degrees * (degrees + 1.0)
    rise = (mesh.coefficients @ slope) / half
    fall = (mesh.coefficients @ (slope * (-1.0) ** (degrees + 1))) / half
    size = np.abs((first[1:] - last[:-1]) / sigma).max(axis=1)
    shorter = np.minimum(half[1:], half[:-1])
    turn = np.abs((fall[1:] - rise[:-1]) * shorter / sigma).max(axis=1)
    scale = 1.0 + np.abs(mesh.f / sigma[:, None]).max(axis=(1, 2))
    large = _BROKEN * np.maximum(1.0, _BROKEN_ROUNDING * np.maximum(scale[1:], scale[:-1]))
    if single:
        large = np.maximum(large, _BROKEN_SINGLE * np.maximum(mesh.defect[1:], mesh.defect[:-1]))
    seen = mesh.resolved[1:] & mesh.resolved[:-1]
    return set(mesh.left[1:][seen & ((size > large) | (turn > large))].tolist())


def place_masses(
    mesh: Mesh, breakpoints: tuple[float, ...], sigma: PerDimension, *, single: bool = False
) -> tuple[Float64[Array, " places"], Float64[Array, "D places"]]:
    """Return the log prior mass around each jump found, and f on its two sides.

    Panels were checked up to :func:`inset` from their edges; between, f has either side's value.

    Parameters
    ----------
    mesh : Mesh
        The panels of f.
    breakpoints : tuple of float
        The edges to look at: those that nobody declared.
    sigma : ndarray, shape (D,)
        Standard deviation σ of the noise, data units.
    single : bool
        Whether f takes its latents in single precision: its jump lies at the nearest such latent.

    Returns
    -------
    log_mass : ndarray, shape (2 J,)
        Twice over, for the two sides.
    f : ndarray, shape (D, 2 J)
        The decoder means on the left of each jump, then on the right of each.
    """
    found = np.isin(mesh.left[1:], breakpoints)
    first, last = edge_values(mesh)
    jumping = np.linalg.norm((first[1:] - last[:-1]) / sigma, axis=1) > SMALLEST_JUMP
    right = 1 + np.flatnonzero(found & jumping)
    left_gap, right_gap = inset(mesh.left, mesh.right)
    z, width = mesh.left[right], left_gap[right] + right_gap[right - 1]
    if single:
        width = np.maximum(width, 4.0 * SINGLE * np.maximum(np.abs(z), 1.0))
    logs = np.log(np.maximum(width, 1e-300)) - 0.5 * z**2 - 0.5 * math.log(2.0 * math.pi)
    return np.tile(logs, 2), np.concatenate([last[right - 1], first[right]]).T.copy()


def jump_steepness(mesh: Mesh, sigma: PerDimension) -> Float64[Array, " panels"]:
    """Jumps of f at the edges of each panel, over the panels' width: shape (P,), in σ.

    A decoder that is constant on many cells is flat inside each, yet its posteriors are as
    narrow as those of the curve that it follows.
    """
    first, last = edge_values(mesh)
    size = np.linalg.norm((first[1:] - last[:-1]) / sigma, axis=1)
    width = 0.5 * (mesh.right[1:] - mesh.left[:-1])
    # Of a continuous f the two values agree but for the error of its series.
    steep = np.where(size > 1e-6, size / width, 0.0)
    result: Array = np.maximum(np.append(steep, 0.0), np.insert(steep, 0, 0.0))
    return result
