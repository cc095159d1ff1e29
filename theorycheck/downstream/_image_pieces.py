"""The image of a decoder in pieces, with an affine enclosure of f on any part of a piece.

Panels (K = 1) and boxes (K = 2) already hold f as a Legendre series that resolves it. On a part of
a piece, of centre c and half-widths h in the piece's own coordinates [-1, 1]^K, f is its tangent at
c to within ½ Σ_ij M_ij h_i h_j, M_ij a bound on |∂_i ∂_j f| over the piece: the sum of the sizes of
the Legendre coefficients of that derivative, since |P_k| <= 1. So the enclosure is a theorem on the
series; that the series is f is known as well as panels and boxes know it (`defect`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float64, Int64
from numpy.polynomial import legendre

from theorycheck.arrays import Array, Integers
from theorycheck.errors import ModelError
from theorycheck.inference import MeanFieldBoxes
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import (
    gauss_legendre,
    latent_panels,
    legendre_transform,
    legendre_values,
)
from theorycheck.quadrature.kernels import BOX_RULE

#: Pieces whose series are held in one product of K = 2: 12 × 12 × D numbers each.
_AT_ONCE = 20_000


@dataclass(frozen=True, eq=False)
class ImagePieces:
    """f on pieces of the latent space, as series in units of σ.

    B pieces; L coefficients along each latent. Build with :func:`image_pieces`.

    Parameters
    ----------
    lower, upper : ndarray, shape (B, K)
        Corners of the pieces.
    series : ndarray, shape (B, D, L, …)
        Legendre coefficients of f/σ, one axis a latent.
    second : ndarray, shape (B, K, K)
        Bound on |∂_i ∂_j f|/σ over the piece, in its own coordinates.
    centre, radius : ndarray, shapes (B, D) and (B,)
        A ball that holds f/σ on the piece.
    defect : ndarray, shape (B,)
        What the series is known to miss of f, in σ.
    """

    lower: Float64[Array, "pieces K"]
    upper: Float64[Array, "pieces K"]
    series: Float64[Array, "pieces D ..."]
    second: Float64[Array, "pieces K K"]
    centre: Float64[Array, "pieces D"]
    radius: Float64[Array, " pieces"]
    defect: Float64[Array, " pieces"]

    @property
    def latent_dim(self) -> int:
        """Return the number of latents K."""
        return int(self.lower.shape[1])

    def tangent(
        self, piece: Int64[Integers, " parts"], t: Float64[Array, "parts K"]
    ) -> tuple[Float64[Array, "parts D"], Float64[Array, "parts D K"]]:
        """Return f/σ and its derivatives in the pieces' own coordinates.

        Parameters
        ----------
        piece : ndarray of int, shape (m,)
            Numbers of the pieces.
        t : ndarray, shape (m, K)
            Places in [-1, 1]^K.

        Returns
        -------
        value : ndarray, shape (m, D)
        derivative : ndarray, shape (m, D, K)
        """
        parts = [
            self._tangent(piece[k : k + _AT_ONCE], t[k : k + _AT_ONCE])
            for k in range(0, max(len(piece), 1), _AT_ONCE)
        ]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _tangent(self, piece: Integers, t: Array) -> tuple[Array, Array]:
        order = self.series.shape[2]
        series = self.series[piece]
        basis = [legendre_values(column, order - 1) for column in t.T]
        slopes = [_slope_values(column, order) for column in t.T]
        if self.latent_dim == 1:
            value = np.einsum("mdk,mk->md", series, basis[0])
            return value, np.einsum("mdk,mk->md", series, slopes[0])[:, :, None]
        along = np.einsum("mdkl,ml->mdk", series, basis[1])
        value = np.einsum("mdk,mk->md", along, basis[0])
        first = np.einsum("mdk,mk->md", along, slopes[0])
        along = np.einsum("mdkl,ml->mdk", series, slopes[1])
        return value, np.stack([first, np.einsum("mdk,mk->md", along, basis[0])], axis=2)

    def remainder(
        self, piece: Int64[Integers, " parts"], half: Float64[Array, "parts K"]
    ) -> Float64[Array, " parts"]:
        """Bound how far f is from its tangent at the centre of a part, in σ.

        Parameters
        ----------
        piece : ndarray of int, shape (m,)
            Numbers of the pieces.
        half : ndarray, shape (m, K)
            Half-widths of the parts, in the pieces' own coordinates.

        Returns
        -------
        ndarray, shape (m,)
        """
        bound: Array = 0.5 * np.einsum("mij,mi,mj->m", self.second[piece], half, half)
        return bound + self.defect[piece]

    def latents(
        self, piece: Int64[Integers, " parts"], t: Float64[Array, "parts K"]
    ) -> Float64[Array, "parts K"]:
        """Return z of places in pieces.

        Parameters
        ----------
        piece : ndarray of int, shape (m,)
            Numbers of the pieces.
        t : ndarray, shape (m, K)
            Places in [-1, 1]^K.

        Returns
        -------
        ndarray, shape (m, K)
        """
        low, high = self.lower[piece], self.upper[piece]
        inside: Array = np.clip(0.5 * (low + high) + 0.5 * (high - low) * t, low, high)
        return inside


def _slope_values(points: Array, order: int) -> Array:
    """Return P_k′ at the points, k < order, by P_k′ = (2k − 1) P_{k−1} + P_{k−2}′."""
    values = legendre_values(points, order - 1)
    slopes = np.zeros_like(values)
    for k in range(1, order):
        slopes[:, k] = (2 * k - 1) * values[:, k - 1] + (slopes[:, k - 2] if k > 1 else 0.0)
    return slopes


def image_pieces(model: GenerativeModel, reach: float) -> ImagePieces:
    """Cut the image of f, |z_k| <= reach, into pieces.

    Parameters
    ----------
    model : GenerativeModel
        A decoder of one latent, or of two.
    reach : float
        Latents beyond belong to no piece, at most 12: pieces that cross it are kept whole.

    Returns
    -------
    ImagePieces

    Raises
    ------
    ModelError
        If it has three latents.
    """
    if model.latent_dim == 1:
        return _of_line(model, reach)
    if model.latent_dim == 2:
        return _of_plane(model, reach)
    raise ModelError(
        f"{model.name}: projections are for one latent or two, and it has {model.latent_dim}"
    )


def _of_line(model: GenerativeModel, reach: float) -> ImagePieces:
    panels = latent_panels(model)
    inside = (panels.left < reach) & (panels.right > -reach)
    series = panels.coefficients[inside] / model.sigma[:, None]
    twice = legendre.legder(series, 2, axis=2)
    second = np.linalg.norm(np.abs(twice).sum(axis=2), axis=1)
    return ImagePieces(
        lower=panels.left[inside, None],
        upper=panels.right[inside, None],
        series=np.ascontiguousarray(series),
        second=second[:, None, None],
        centre=panels.centre[inside] / model.sigma,
        radius=panels.radius[inside],
        defect=panels.defect[inside],
    )


def _of_plane(model: GenerativeModel, reach: float) -> ImagePieces:
    boxes = MeanFieldBoxes(model).boxes
    inside = np.flatnonzero((boxes.lower < reach).all(axis=1) & (boxes.upper > -reach).all(axis=1))
    order = BOX_RULE
    transform = legendre_transform(order)
    values = boxes.values(inside.astype(np.int64)) / model.sigma
    grid = values.reshape(len(inside), order, order, -1)
    series = np.einsum("ka,lb,nabd->ndkl", transform, transform, grid, optimize=True)
    second = np.empty((len(inside), 2, 2))
    for i, j in product((0, 1), repeat=2):
        part = legendre.legder(legendre.legder(series, 1, axis=2 + i), 1, axis=2 + j)
        second[:, i, j] = np.linalg.norm(np.abs(part).sum(axis=(2, 3)), axis=1)
    return ImagePieces(
        lower=boxes.lower[inside],
        upper=boxes.upper[inside],
        series=np.ascontiguousarray(series),
        second=second,
        centre=boxes.centre[inside] / model.sigma,
        radius=boxes.radius[inside],
        defect=boxes.defect[inside],
    )


def piece_nodes(
    pieces: ImagePieces,
) -> tuple[Int64[Integers, " places"], Float64[Array, "places K"]]:
    """Return places at which f is looked at first: Gauss nodes and corners of every piece.

    Parameters
    ----------
    pieces : ImagePieces
        The pieces.

    Returns
    -------
    piece : ndarray of int, shape (m,)
    t : ndarray, shape (m, K)
    """
    nodes = np.concatenate([[-1.0], gauss_legendre(6)[0], [1.0]])
    places = np.array(list(product(nodes, repeat=pieces.latent_dim)))
    count = len(pieces.lower)
    piece = np.repeat(np.arange(count, dtype=np.int64), len(places))
    return piece, np.tile(places, (count, 1))
