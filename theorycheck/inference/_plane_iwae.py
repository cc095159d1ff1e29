"""The IWAE bound L_S(x) of a model of two latents at any q = N(μ₁, s₁²) N(μ₂, s₂²), not sampled.

Nodes are a trapezoid rule in q's own coordinates (`_plane_rule.py`), halved along each latent until
the coarser rules within it agree; the integral over t is that of one latent (docs/theory.md).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int64

from theorycheck.arrays import Array, Integers, Points
from theorycheck.errors import ModelError
from theorycheck.inference._descent import Local
from theorycheck.inference._plane_rule import PlaneRule, plane_rule
from theorycheck.models import GenerativeModel, GridTable
from theorycheck.quadrature.kernels import (
    plane_iwae_bound_batch,
    plane_iwae_slopes_batch,
)

#: Halvings of the step 1 along a latent: those begun with, and the most.
FIRST_LEVEL, LAST_LEVEL = 2, 5
#: Nats that the rules may leave open before they are halved once more.
TOLERANCE = 1e-10
#: Columns of the kernel's results: the error, and what the rules along each latent say of it.
_ERROR, _BY_AXIS = 1, slice(5, 7)
#: Numbers f(z) held at once.
_AT_ONCE = 4_000_000


class PlaneIwae:
    """L_S of one model of two latents and one S, with derivatives by q.

    Parameters
    ----------
    model : GenerativeModel
        The model.
    samples : int
        S.

    Raises
    ------
    ModelError
        If it has another number of latents.
    """

    def __init__(self, model: GenerativeModel, samples: int) -> None:
        if model.latent_dim != 2:
            raise ModelError(
                f"{model.name}: the IWAE bound is computed for decoders of one latent and of two, "
                f"not of {model.latent_dim}"
            )
        self.model, self.samples = model, samples
        self._constant = -0.5 * float(np.log(2.0 * np.pi * model.noise_variance).sum())

    def bound(
        self, x: Points, points: Float64[Array, "n 4"], tolerance: float = TOLERANCE
    ) -> Float64[Array, "n 5"]:
        """Return L_S, its error, E_q log w, the error of that, and log E_q w, nats.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            Data units.
        points : ndarray, shape (n, 4)
            μ₁, μ₂, log s₁, log s₂.
        tolerance : float
            Nats that the rules may leave open.

        Returns
        -------
        ndarray, shape (n, 5)
            What the rules leave open after the last halving is in the errors.
        """
        return self.settled(x, points, tolerance)[0][:, :5]

    def settled(
        self, x: Points, points: Float64[Array, "n 4"], tolerance: float, last: int = LAST_LEVEL
    ) -> tuple[Float64[Array, "n 7"], Int64[Integers, "n 2"]]:
        """Return what :meth:`by_rule` says by the first rules that leave no more open.

        Parameters
        ----------
        x : ndarray, shape (n, D)
        points : ndarray, shape (n, 4)
        tolerance : float
            Nats that the rules may leave open.
        last : int
            Halvings of a step at most.

        Returns
        -------
        results : ndarray, shape (n, 7)
        levels : ndarray of int, shape (n, 2)
            Halvings along each latent.
        """
        results = np.empty((len(x), 7))
        levels = np.full((len(x), 2), FIRST_LEVEL)
        waiting = np.arange(len(x))
        while waiting.size:
            for pair, rows in by_levels(levels, waiting):
                results[rows] = self.by_rule(x[rows], points[rows], pair)
            waiting = waiting[results[waiting, _ERROR] > tolerance]
            waiting = waiting[self._halved(results, levels, waiting, tolerance, last)]
        return results, levels

    def _halved(
        self,
        results: Array,
        levels: Int64[Integers, "n 2"],
        rows: Integers,
        tolerance: float,
        last: int,
    ) -> Array:
        """Halve the steps of some x along what errs, and tell for which that could be done."""
        by_axis = results[rows][:, _BY_AXIS]
        wanted = (by_axis > 0.25 * tolerance) & (by_axis > 0.1 * by_axis.max(axis=1, keepdims=True))
        wanted &= levels[rows] < last
        levels[rows] += wanted
        moved: Array = wanted.any(axis=1)
        return moved

    def by_rule(
        self, x: Points, points: Float64[Array, "n 4"], levels: tuple[int, int]
    ) -> Float64[Array, "n 7"]:
        """Return what one rule says, and how its coarser ones differ along each latent.

        Parameters
        ----------
        x : ndarray, shape (n, D)
        points : ndarray, shape (n, 4)
        levels : tuple of int
            Halvings of the step along each latent.

        Returns
        -------
        ndarray, shape (n, 7)
        """
        rule = plane_rule(levels, self.samples)
        results = np.empty((len(x), 7))
        for part, f in self._values(points, rule):
            plane_iwae_bound_batch(
                x[part] / self.model.sigma, points[part], float(self.samples), rule.t, rule.mass,
                rule.parity, f, self._constant, results[part],
            )  # fmt: skip
        return results

    def local(self, x: Points, points: Float64[Array, "n 4"], levels: tuple[int, int]) -> Local:
        """Return −L_S and its derivatives by (μ_k/s_k, log s_k), by one rule.

        Parameters
        ----------
        x : ndarray, shape (n, D)
        points : ndarray, shape (n, 4)
        levels : tuple of int

        Returns
        -------
        Local
        """
        rule = plane_rule(levels, self.samples)
        count = len(x)
        found = Local(np.empty(count), np.empty((count, 4)), np.empty((count, 4, 4)))
        for part, f in self._values(points, rule):
            plane_iwae_slopes_batch(
                x[part] / self.model.sigma, points[part], float(self.samples), rule.t, rule.mass,
                f, self._constant, *(every[part] for every in found),
            )  # fmt: skip
        return found

    def _values(self, points: Array, rule: PlaneRule) -> Iterator[tuple[slice, Array]]:
        """Yield f/σ at the nodes of some q at a time, (m, N, D)."""
        each = max(1, _AT_ONCE // (rule.mass.size * self.model.data_dim))
        table = self.model.decoder.table
        if isinstance(table, GridTable):
            for start in range(0, len(points), each):
                part = slice(start, start + each)
                found = [_of_table(table, one, rule) for one in points[part]]
                yield part, np.stack(found) / self.model.sigma
            return
        nodes = rule.t.T
        for start in range(0, len(points), each):
            part = slice(start, start + each)
            z = points[part, None, :2] + np.exp(points[part, None, 2:]) * nodes
            f = self.model.decoder(z.reshape(-1, 2)) / self.model.sigma
            yield part, np.ascontiguousarray(f.reshape(*z.shape[:2], -1))


def _of_table(table: GridTable, point: Array, rule: PlaneRule) -> Points:
    """Return f at the nodes of one q, interpolated along one latent after the other."""
    scale = np.exp(point[2:])
    z1, z2 = point[0] + scale[0] * rule.rows, point[1] + scale[1] * rule.columns
    f = table.on_plane(z1, z2)
    result: Points = f.reshape(-1, f.shape[2])[rule.place]
    return result


def by_levels(
    levels: Int64[Integers, "n 2"], rows: Int64[Integers, " k"]
) -> Iterator[tuple[tuple[int, int], Int64[Integers, " m"]]]:
    """Yield the levels that occur among some rows, and which rows have them."""
    for pair in np.unique(levels[rows], axis=0):
        yield (int(pair[0]), int(pair[1])), rows[(levels[rows] == pair).all(axis=1)]
