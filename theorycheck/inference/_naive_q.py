"""The best q(y|x) q(z|x), both Gaussian, of a model with a continuous label: four numbers an x.

−ELBO_x(μ_y, μ_z, s_y, s_z) = KL_y + KL_z + E_q |x − f(y, z)|²/2σ² + const is affine in x up to
|x|²/2σ², as with one latent: a table of E_q f and E_q |f|² serves the scan of every x, and Newton's
method starts from the table's minima. It has no certificate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Integers, PerPoint, Points
from theorycheck.inference._descent import Local, descend, lowest_apart
from theorycheck.inference._label_pull import LabelPull
from theorycheck.inference._product_rule import local_of_moments
from theorycheck.models import ContinuousLabelModel
from theorycheck.quadrature.kernels import two_latent_moments_batch

#: |y|, |z| up to which f is tabled, and the finest and coarsest step of the grid: 2^-k.
_REACH = 10.0
_FINEST, _COARSEST = 6, 4
#: Nodes a scale in a search, and when its end is looked at again.
_A_SCALE, _CHECKED = 2.0, 4.0
#: Scales of the table of q, and means up to which it goes, a scale apart.
_SCALES = (1.0, 0.7, 0.45, 0.3, 0.2, 0.13)
_FURTHEST = 3.5
#: Starts of one x at most, nats above the best entry up to which one is followed, and values of the
#: table held at once.
_STARTS, _MARGIN = 6, 2.5
_BLOCK = 4_000_000


class NaiveQ(NamedTuple):
    """The best q(y|x) q(z|x) of every x.

    Parameters
    ----------
    mean, scale : ndarray, shape (n, 2)
        μ and s of y, then of z.
    negative_elbo : ndarray, shape (n,)
        Nats.
    error : ndarray, shape (n,)
        What a rule of half the step changes; inf where q would be narrower than can be followed.
    """

    mean: Float64[Array, "n 2"]
    scale: Float64[Array, "n 2"]
    negative_elbo: PerPoint
    error: PerPoint


@dataclass(frozen=True, eq=False)
class _Grid:
    """f/σ on a uniform grid of (y, z): f (N, D, N), its step in each, the coarsest that will do."""

    f: Array
    step: Array
    coarsest: Array


class NaiveQSearch:
    """Search for the best product of two Gaussians.

    Parameters
    ----------
    model : ContinuousLabelModel
        f(y, z) and σ².
    """

    def __init__(self, model: ContinuousLabelModel) -> None:
        self.model = model

    def run(self, x: Points, pull: LabelPull | None = None) -> NaiveQ:
        """Find the best q of every x.

        Parameters
        ----------
        x : ndarray, shape (n, D)
        pull : LabelPull, optional
            A label term that q(y|x) serves as well; it is not in the ELBO.

        Returns
        -------
        NaiveQ
        """
        scaled = np.ascontiguousarray(x / self.model.sigma)
        row, points = self._starts(scaled, pull)

        def evaluate(index: Integers, at: Array) -> Local:
            local = self.local(scaled[row[index]], at)
            if pull is None:
                return local
            return pull.at(row[index]).add(local, at[:, 0], np.exp(at[:, 2]), (0, 2))

        floor = math.log(_A_SCALE * float(self._grid.step.max()))
        points, value = descend(evaluate, points, floor)
        order = np.lexsort((value, row))
        first = order[np.r_[True, np.diff(row[order]) > 0]]
        best, value = points[first], value[first]
        if pull is not None:
            value = value - pull.cost(best[:, 0], np.exp(best[:, 2]))
        finer = self.local(scaled, best, _CHECKED).value
        constant = 0.5 * float(np.log(2.0 * np.pi * self.model.noise_variance).sum())
        # A q at the least scale could be narrower and better.
        narrow = (best[:, 2:] <= floor + 0.02).any(axis=1)
        error = np.where(narrow, np.inf, np.abs(finer - value))
        return NaiveQ(best[:, :2], np.exp(best[:, 2:]), finer + constant, error)

    def local(self, x: Points, points: Float64[Array, "n 4"], a_scale: float = _A_SCALE) -> Local:
        """Evaluate −ELBO_x, up to a constant, and its derivatives.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            In units of σ.
        points : ndarray, shape (n, 4)
            μ_y, μ_z, log s_y, log s_z.
        a_scale : float
            Nodes a scale, at least.

        Returns
        -------
        Local
        """
        x, grid = np.ascontiguousarray(x), self._grid

        def fill(mean: Array, scale: Array, moments: Array) -> None:
            widest = np.minimum(scale / a_scale, grid.coarsest * _A_SCALE / a_scale)
            stride = 2.0 ** np.maximum(np.floor(np.log2(widest / grid.step)), 0.0)
            two_latent_moments_batch(x, mean, scale, stride, grid.f, -_REACH, grid.step, moments)

        return local_of_moments(fill, points)

    @cached_property
    def _grid(self) -> _Grid:
        count = round(2.0 * _REACH) * 2**_COARSEST
        coarse = self._tabled(count)
        spacing = 2.0**-_COARSEST
        slopes = [
            float(np.linalg.norm(np.diff(coarse, axis=axis), axis=1).max()) / spacing
            for axis in (0, 2)
        ]
        # A q is hardly narrower than a quarter of 1/√(1 + |∂f|²/σ²), the width of a posterior.
        wanted = 0.125 / math.hypot(1.0, max(slopes))
        power = min(max(math.ceil(-math.log2(wanted)), _COARSEST), _FINEST)
        f = coarse if power == _COARSEST else self._tabled(count * 2 ** (power - _COARSEST))
        step = 2.0**-power
        # Between nodes f moves by a σ at most.
        coarsest = [max(step, min(0.5, 1.0 / max(slope, 1e-9))) for slope in slopes]
        return _Grid(f, np.array([step, step]), np.array(coarsest))

    def _tabled(self, count: int) -> Array:
        nodes = np.linspace(-_REACH, _REACH, count + 1)
        f = np.empty((nodes.size, self.model.data_dim, nodes.size))
        for row, y in enumerate(nodes):
            f[row] = (self.model.decoder(y, nodes) / self.model.sigma).T
        return f

    @cached_property
    def _table(self) -> tuple[Array, Array, Array, Array]:
        """Return means and scales (T, 2), offsets (T,) and slopes (T, D) of −ELBO_x."""
        stride = 2 ** round(math.log2(2.0**-_COARSEST / self._grid.step[0]))
        f = self._grid.f[::stride, :, ::stride]
        nodes = np.linspace(-_REACH, _REACH, f.shape[0])
        parts = [(m, s) for s in _SCALES for m in np.arange(-_FURTHEST, _FURTHEST + 1e-9, s)]
        mean, scale = np.array(parts).T
        weight = np.exp(-0.5 * ((nodes - mean[:, None]) / scale[:, None]) ** 2)
        weight /= weight.sum(axis=1, keepdims=True)
        first = np.einsum("iy,ydz,jz->ijd", weight, f, weight, optimize=True)
        squares = np.einsum("iy,yz,jz->ij", weight, (f**2).sum(axis=1), weight, optimize=True)
        kl = 0.5 * (scale**2 + mean**2 - 1.0) - np.log(scale)
        offset = 0.5 * squares + kl[:, None] + kl
        count = mean.size
        pairs = [np.stack([np.repeat(v, count), np.tile(v, count)], axis=1) for v in (mean, scale)]
        return pairs[0], pairs[1], offset.ravel(), first.reshape(count**2, -1)

    def _starts(self, x: Array, pull: LabelPull | None = None) -> tuple[Integers, Array]:
        """Return the x that each start is for, and the starts (k, 4)."""
        mean, scale, offset, slope = self._table
        rows, points = [], []
        block = max(1, _BLOCK // offset.size)
        for begin in range(0, len(x), block):
            part = slice(begin, begin + block)
            values = offset - x[part] @ slope.T
            if pull is not None:
                values += pull.at(part).cost(mean[:, :1], scale[:, :1]).T
            chosen = lowest_apart(values, mean, scale, _STARTS, _MARGIN)
            row, column = np.nonzero(chosen >= 0)
            picked = chosen[row, column]
            rows.append(begin + row)
            points.append(np.concatenate([mean[picked], np.log(scale[picked])], axis=1))
        return np.concatenate(rows), np.concatenate(points)
