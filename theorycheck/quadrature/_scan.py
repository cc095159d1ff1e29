"""A scan of f over the bulk of the prior, against which panels are verified.

The 16 nodes of a panel may all miss a narrow bump. So f is evaluated once on a lattice of latents
that no rule uses, and a panel counts as resolving f only if its series meets f at every lattice
point inside it: whatever is wider than the lattice's spacing holds a point and shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Booleans, Integers, Latents
from theorycheck.errors import SettingError
from theorycheck.models import GenerativeModel
from theorycheck.quadrature._rules import ORDER

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
    f : ndarray, shape (D, n)
        Decoder means, in σ.
    width : float
        Their distance: nothing wider, within |z| <= SCANNED, lies between two of them.
    """

    z: Latents
    f: Float64[Array, "D n"]
    width: float

    def misfit(
        self,
        left: Float64[Array, " panels"],
        right: Float64[Array, " panels"],
        series: Float64[Array, "panels D order"],
        told: Booleans,
    ) -> tuple[Float64[Array, " panels"], Float64[Array, "panels 2"]]:
        """Compare the series of panels with f, and say between which latents they part most.

        Parameters
        ----------
        left, right : ndarray, shape (P,)
            Edges of the panels.
        series : ndarray, shape (P, D, N)
            Legendre series in σ.
        told : ndarray of bool, shape (P,)
            Panels whose series are worth comparing; of others f itself is looked at.

        Returns
        -------
        worst : ndarray, shape (P,)
            Largest |f − series| over data dimensions and lattice points, in σ; 0 where there
            is no point.
        step : ndarray, shape (P, 2)
            Two neighbouring lattice points inside the panel, those between which f − series
            changes most; NaN where there are none.
        """
        worst, step = np.zeros(left.size), np.full((left.size, 2), np.nan)
        first = np.searchsorted(self.z, left, side="right")
        count = np.maximum(np.searchsorted(self.z, right, side="left") - first, 0)
        most = _CHUNK // (ORDER + series.shape[1])
        for which in (told, ~told):
            inside = np.flatnonzero(which & (count > 0))
            # Panels in groups that fit into memory; a single one may exceed that a little.
            group_of = (np.cumsum(count[inside]) - 1) // most
            for group in np.split(inside, np.flatnonzero(np.diff(group_of)) + 1):
                if group.size:
                    worst[group], step[group] = self._misfit(
                        first[group],
                        count[group],
                        0.5 * (left + right)[group],
                        0.5 * (right - left)[group],
                        series[group] if which is told else None,
                    )
        return worst, step

    def _misfit(
        self, first: Integers, count: Integers, centre: Array, half: Array, series: Array | None
    ) -> tuple[Array, Array]:
        stops = np.cumsum(count)
        starts = stops - count
        index = np.arange(stops[-1]) + np.repeat(first - starts, count)
        z, residual = self.z[index], np.take(self.f, index, axis=1)
        if series is not None:
            basis = _legendre_rows((z - np.repeat(centre, count)) / np.repeat(half, count))
            for begin, end, one in zip(starts, stops, series, strict=True):
                residual[:, begin:end] -= one @ basis[:, begin:end]
        worst = np.maximum.reduceat(np.abs(residual).max(axis=0), starts)
        change = np.full(index.size, -1.0)
        change[:-1] = np.abs(np.diff(residual, axis=1)).max(axis=0)
        change[stops - 1] = -1.0
        largest = np.maximum.reduceat(change, starts)
        # The first point of each panel at which its largest change begins.
        hit = np.flatnonzero(change == np.repeat(largest, count))
        at = hit[np.searchsorted(hit, starts)]
        pair = np.column_stack([z[at], z[np.minimum(at + 1, z.size - 1)]])
        return worst, np.where((largest > 0.0)[:, None], pair, np.nan)


def _legendre_rows(u: Array) -> Array:
    """Return P_0 … P_15 at u (n,), as rows: a third of the time of the columns that numpy makes."""
    rows = np.empty((ORDER, u.size))
    rows[0], rows[1] = 1.0, u
    for k in range(2, ORDER):
        np.multiply(u, rows[k - 1], out=rows[k])
        rows[k] *= 2.0 - 1.0 / k
        rows[k] -= (1.0 - 1.0 / k) * rows[k - 2]
    return rows


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
        return Scan(np.empty(0), np.empty((model.data_dim, 0)), math.inf)
    size = math.ceil(2.0 * reach / decoder.resolution)
    if size * model.data_dim > _MOST_VALUES:
        raise SettingError(
            f"{decoder.name}: a resolution of {decoder.resolution:g} takes {size:,} evaluations "
            f"of f in {model.data_dim} dimensions, more than {_MOST_VALUES:,} numbers; the finest "
            f"possible is {2.0 * reach * model.data_dim / _MOST_VALUES:.2g}"
        )
    width = 2.0 * reach / size
    z = np.asarray((np.arange(size) + _PLACE) * width - reach, dtype=np.float64)
    values = [decoder(z[i : i + _CALL]) / model.sigma for i in range(0, size, _CALL)]
    return Scan(z, np.concatenate(values).T.copy(), width)
