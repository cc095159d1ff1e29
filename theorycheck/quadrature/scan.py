"""A scan of f over the bulk of the prior, against which panels are verified.

The 16 nodes of a panel may all miss a narrow bump. So f is evaluated once on a lattice of latents
that no rule uses, and a panel counts as resolving f only if its series meets f at every lattice
point inside it: whatever is wider than the lattice's spacing holds a point and shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theorycheck.errors import SettingError
from theorycheck.models.generative import GenerativeModel
from theorycheck.quadrature.rules import ORDER, legendre_values

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

#: |z| up to which f is scanned; the prior mass beyond is 2e-19, below the rounding of any average.
SCANNED = 9.0
#: Where in its interval a lattice point lies: round latents are left to the panels' edges.
_PLACE = 0.381966
#: Values of f a scan may take: 0.8 GB.
_MOST_VALUES = 100_000_000
#: Latents evaluated, and values of basis functions held, at once.
_CALL = 1 << 18
_CHUNK = 1 << 22


@dataclass(frozen=True, eq=False)
class Scan:
    """f on a lattice of latents.

    Parameters
    ----------
    z : ndarray, shape (n,)
        Ascending; empty where nothing is to be scanned.
    f : ndarray, shape (n, D)
        In σ.
    width : float
        Their distance: nothing wider, within |z| <= SCANNED, lies between two of them.
    """

    z: Array
    f: Array
    width: float

    def misfit(self, left: Array, right: Array, coefficients: Array) -> tuple[Array, Array]:
        """Compare the series of panels with f, and say between which latents they part most.

        Parameters
        ----------
        left, right : ndarray, shape (P,)
        coefficients : ndarray, shape (P, D, N)
            Legendre series in σ; zero for f itself.

        Returns
        -------
        worst : ndarray, shape (P,)
            Largest |f − series| over data dimensions and lattice points, in σ; 0 where there
            is no point.
        step : ndarray, shape (P, 2)
            Of two lattice points next to each other inside the panel those between which f − series
            changes most; NaN where there are none.
        """
        worst, step = np.zeros(left.size), np.full((left.size, 2), np.nan)
        first = np.searchsorted(self.z, left, side="right")
        stop = np.searchsorted(self.z, right, side="left")
        count = np.maximum(stop - first, 0)
        most = max(1, _CHUNK // (ORDER * coefficients.shape[1]))
        begin = 0
        while begin < left.size:
            ahead = np.cumsum(count[begin:])
            end = begin + max(1, int(np.searchsorted(ahead, most, side="right")))
            group = np.arange(begin, end)[count[begin:end] > 0]
            if group.size:
                worst[group], step[group] = self._misfit(
                    first[group], count[group], left[group], right[group], coefficients[group]
                )
            begin = end
        return worst, step

    def _misfit(
        self, first: Ints, count: Ints, left: Array, right: Array, coefficients: Array
    ) -> tuple[Array, Array]:
        starts = np.cumsum(count) - count
        owner = np.repeat(np.arange(count.size), count)
        index = np.arange(owner.size) - starts[owner] + first[owner]
        u = (self.z[index] - 0.5 * (left + right)[owner]) / (0.5 * (right - left))[owner]
        residual = self.f[index]
        if coefficients.any():
            basis = legendre_values(u, ORDER - 1)
            parts = [
                basis[s : s + n] @ series.T
                for s, n, series in zip(starts, count, coefficients, strict=True)
            ]
            residual = residual - np.concatenate(parts)
        worst = np.maximum.reduceat(np.abs(residual).max(axis=1), starts)
        change = np.append(np.abs(np.diff(residual, axis=0)).max(axis=1), -1.0)
        change[starts + count - 1] = -1.0
        largest = np.maximum.reduceat(change, starts)
        # The first point of each panel at which its largest change begins.
        hit = np.flatnonzero(change == largest[owner])
        at = hit[np.searchsorted(owner[hit], np.arange(count.size))]
        low, high = self.z[index[at]], self.z[np.minimum(index[at] + 1, self.z.size - 1)]
        step = np.where((largest > 0.0)[:, None], np.column_stack([low, high]), np.nan)
        return worst, step


def scan_decoder(model: GenerativeModel, reach: float) -> Scan:
    """Evaluate f on the lattice that its resolution asks for.

    Parameters
    ----------
    model : GenerativeModel
        Its decoder's resolution is the largest spacing; inf asks for no scan.
    reach : float
        Scan [-reach, reach], at most SCANNED.

    Returns
    -------
    Scan

    Raises
    ------
    SettingError
        If that takes more than 1e8 values of f.
    DecoderError
        If f misbehaves at a latent.
    """
    decoder = model.decoder
    reach = min(reach, SCANNED)
    if math.isinf(decoder.resolution):
        return Scan(np.empty(0), np.empty((0, model.data_dim)), math.inf)
    size = math.ceil(2.0 * reach / decoder.resolution)
    if size * model.data_dim > _MOST_VALUES:
        raise SettingError(
            f"{decoder.name}: a resolution of {decoder.resolution:g} takes {size:,} evaluations "
            f"of f in {model.data_dim} dimensions, more than {_MOST_VALUES:,} numbers; the finest "
            f"possible is {2.0 * reach * model.data_dim / _MOST_VALUES:.2g}"
        )
    width = 2.0 * reach / size
    z = (np.arange(size) + _PLACE) * width - reach
    values = [decoder(z[i : i + _CALL]) / model.sigma for i in range(0, size, _CALL)]
    return Scan(z, np.concatenate(values), width)
