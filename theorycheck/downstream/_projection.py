"""The projection of x on the image of a decoder: the global minimum, by branch and bound.

min_z |x − f(z)|/σ over |z_k| <= 6. On a part of a piece f lies within its remainder of an affine
function (`_image_pieces.py`), whose least distance from x is a small quadratic programme; what is
left of it is a lower bound for the part. Parts that cannot hold the minimum are dropped, the others
halved; the bound's slack falls by four at each halving, so that about as many parts are left at
every width. What the dropped parts leave open is the error radius.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from theorycheck.arrays import Array, Booleans, Integers, LatentsOfAnyK, PerPoint, Points
from theorycheck.downstream._affine_distance import nearest_in_box
from theorycheck.downstream._image_pieces import ImagePieces, image_pieces, piece_nodes
from theorycheck.errors import SettingError
from theorycheck.inference import as_points
from theorycheck.models import GenerativeModel

#: |z_k| up to which z is searched: the prior mass beyond is 2e-9 a latent.
REACH = 6.0
#: Largest reach: panels and boxes go no farther.
FARTHEST = 12.0
#: σ that the distance may be left open by where nothing else is asked for.
TOLERANCE = 1e-9
#: Halvings at most: 2⁻⁴⁰ of a piece is rounding.
_ROUNDS = 40
#: Parts of one x at most: about 2 to 20 are left where the nearest points are single ones; an x as
#: far from all of an arc would keep every part of it, and its radius says what that leaves open.
_MOST_PARTS = 256
#: Pairs of x and piece looked at together.
_PAIRS = 2_000_000
_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Projection:
    """The points of the image that are nearest to x.

    Parameters
    ----------
    z : ndarray, shape (n,) for K = 1, else (n, K)
        Latents; where several are as near, one of them.
    f : ndarray, shape (n, D)
        f(z), data units.
    distance : ndarray, shape (n,)
        |x − f(z)|/σ, the root of Σ_d (x_d − f_d(z))²/σ_d².
    error : ndarray, shape (n,)
        σ by which a nearer point of the image could be nearer.
    """

    z: LatentsOfAnyK
    f: Points
    distance: PerPoint
    error: PerPoint


class _Parts(NamedTuple):
    """Parts of pieces that may hold the minimum of some x."""

    row: Integers
    piece: Integers
    middle: Array
    half: Array

    def taken(self, index: Booleans) -> _Parts:
        return _Parts(self.row[index], self.piece[index], self.middle[index], self.half[index])

    def halved(self, pieces: ImagePieces) -> _Parts:
        """Cut every part in two across the direction in which it bends most."""
        bends = np.einsum("mii,mi,mi->mi", pieces.second[self.piece], self.half, self.half)
        axis = np.argmax(bends + 1e-12 * self.half**2, axis=1)
        rows = np.arange(len(axis))
        half = self.half.copy()
        half[rows, axis] *= 0.5
        step = np.zeros_like(half)
        step[rows, axis] = half[rows, axis]
        return _Parts(
            np.tile(self.row, 2), np.tile(self.piece, 2),
            np.concatenate([self.middle - step, self.middle + step]), np.tile(half, (2, 1)),
        )  # fmt: skip


def checked_reach(reach: float) -> float:
    """Return how far an image goes, or say that it cannot.

    Parameters
    ----------
    reach : float
        |z_k| up to which z belongs to it.

    Returns
    -------
    float

    Raises
    ------
    SettingError
        If it is not above 0 and at most 12.
    """
    if not 0.0 < reach <= FARTHEST:
        raise SettingError(f"the reach of an image must be above 0, at most {FARTHEST:g}: {reach}")
    return reach


class DecoderImage:
    """The image of a decoder of one latent or two: build once, project many x.

    Parameters
    ----------
    model : GenerativeModel
        The decoder, and the σ that distances are measured in.
    reach : float
        |z_k| up to which z belongs to the image, at most 12.

    Raises
    ------
    ModelError
        If it has three latents.
    SettingError
        If the reach is out of range.
    """

    def __init__(self, model: GenerativeModel, *, reach: float = REACH) -> None:
        self.model = model
        self.reach = checked_reach(reach)
        self.pieces = image_pieces(model, reach)

    @cached_property
    def _limits(self) -> tuple[Array, Array]:
        """The part of each piece within reach, in its own coordinates: middles, half-widths."""
        width = 0.5 * (self.pieces.upper - self.pieces.lower)
        centre = 0.5 * (self.pieces.upper + self.pieces.lower)
        low = np.clip((-self.reach - centre) / width, -1.0, 1.0)
        high = np.clip((self.reach - centre) / width, -1.0, 1.0)
        return 0.5 * (low + high), 0.5 * (high - low)

    @cached_property
    def _seen(self) -> tuple[Integers, Array, cKDTree]:
        """Places looked at first, and a tree of f there."""
        piece, unit = piece_nodes(self.pieces)
        middle, half = self._limits
        t = middle[piece] + half[piece] * unit
        return piece, t, cKDTree(self.pieces.tangent(piece, t)[0])

    def project(self, x: ArrayLike, *, tolerance: float = TOLERANCE) -> Projection:
        """Find the nearest point of the image for every x.

        Parameters
        ----------
        x : array_like, shape (n, D)
            Data points.
        tolerance : float
            σ that the distance may be left open by.

        Returns
        -------
        Projection

        Raises
        ------
        ModelError
            If x has the wrong shape or is not finite.
        """
        points = as_points(x, self.model.data_dim)
        at_once = max(1, _PAIRS // len(self.pieces.lower))
        found = [
            self._projected(points[k : k + at_once], tolerance)
            for k in range(0, max(len(points), 1), at_once)
        ]
        z, f, distance, error = (np.concatenate(part) for part in zip(*found, strict=True))
        return Projection(z[:, 0] if self.model.latent_dim == 1 else z, f, distance, error)

    def _projected(self, points: Array, tolerance: float) -> tuple[Array, Array, Array, Array]:
        scaled = points / self.model.sigma
        piece, t, tree = self._seen
        best, index = tree.query(scaled)
        best, place = np.array(best, float), np.array(index, np.int64)
        where, at = piece[place], t[place].copy()
        floor = np.full(len(points), np.inf)
        parts = self._near(scaled, best, floor)
        most = np.maximum(_MOST_PARTS, 4 * np.bincount(parts.row, minlength=len(points)))
        for _ in range(_ROUNDS):
            if not parts.row.size:
                break
            lower, reached, places = self._bounded(scaled, parts)
            self._improve(parts, reached, places, best, where, at)
            # Parts that may still hold something nearer, as far as the tolerance cares.
            open_ = lower < best[parts.row] - tolerance
            crowd = np.bincount(parts.row, open_, minlength=len(points)) > most
            open_ &= ~crowd[parts.row]
            np.minimum.at(floor, parts.row[~open_], lower[~open_])
            parts = parts.taken(open_).halved(self.pieces)
        else:
            np.minimum.at(floor, parts.row, 0.0)
        z = self.pieces.latents(where, at)
        f = self.model.decoder(z if self.model.latent_dim > 1 else z[:, 0])
        distance = np.linalg.norm((points - f) / self.model.sigma, axis=1)
        rounding = 8.0 * _EPS * (1.0 + np.abs(scaled).max(axis=1, initial=0.0))
        return z, f, distance, np.maximum(distance - floor, 0.0) + rounding

    def _near(self, scaled: Array, best: Array, floor: Array) -> _Parts:
        """Return the pieces whose ball comes nearer than what is known; note what the others do."""
        ball = self.pieces.radius + self.pieces.defect
        apart = np.linalg.norm(scaled[:, None, :] - self.pieces.centre, axis=2) - ball
        near = apart < best[:, None]
        floor[:] = np.where(near, np.inf, apart).min(axis=1, initial=np.inf)
        row, piece = np.nonzero(near)
        middle, half = self._limits
        return _Parts(row.astype(np.int64), piece.astype(np.int64), middle[piece], half[piece])

    def _bounded(self, scaled: Array, parts: _Parts) -> tuple[Array, Array, Array]:
        """Return lower bounds on the distance in each part, a distance in it, and where that is."""
        value, slope = self.pieces.tangent(parts.piece, parts.middle)
        apart = scaled[parts.row] - value
        step = nearest_in_box(apart, slope, parts.half)
        affine = np.linalg.norm(apart - np.einsum("mdk,mk->md", slope, step), axis=1)
        lower = np.maximum(affine - self.pieces.remainder(parts.piece, parts.half), 0.0)
        places = parts.middle + step
        there, _ = self.pieces.tangent(parts.piece, places)
        return lower, np.linalg.norm(scaled[parts.row] - there, axis=1), places

    def _improve(
        self, parts: _Parts, reached: Array, places: Array, best: Array, where: Integers, at: Array
    ) -> None:
        """Keep the nearest place of each x."""
        order = np.argsort(reached, kind="stable")
        rows, first = np.unique(parts.row[order], return_index=True)
        chosen = order[first]
        better = reached[chosen] < best[rows]
        rows, chosen = rows[better], chosen[better]
        best[rows], where[rows], at[rows] = reached[chosen], parts.piece[chosen], places[chosen]


def project(
    model: GenerativeModel | DecoderImage, x: ArrayLike, *, tolerance: float = TOLERANCE
) -> Projection:
    """Project x on the image of a decoder of one latent or two: the global minimum over z.

    Parameters
    ----------
    model : GenerativeModel or DecoderImage
        The decoder; pass its image to use it for many calls.
    x : array_like, shape (n, D)
        Data points.
    tolerance : float
        σ that the distance may be left open by.

    Returns
    -------
    Projection

    Raises
    ------
    ModelError
        If x does not fit, or the model has three latents.
    """
    image = model if isinstance(model, DecoderImage) else DecoderImage(model)
    return image.project(x, tolerance=tolerance)
