"""The optimal q = Π N(μ_k, s_k²) of a model of several latents, for every x.

−ELBO_x(μ, s) = KL[q ‖ prior] + E_q |x − f|²/2σ² + const is minimised by Newton's method from many
starts (`_product_starts.py`), with E_q by Gauss-Hermite product rules. Each minimum is checked by a
rule of a higher order; where the two differ it is followed anew with that one, up to a last rule.
So the value is that of a q which exists, and that no other is better is as sure as the starts are
many: it is estimated, not proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Booleans, Flags, Integers, PerPoint, Points
from theorycheck.inference._descent import STEPS, Local, descend
from theorycheck.inference._minima import Minima, distinct, lowest
from theorycheck.inference._product_rule import product_rule, with_prior
from theorycheck.inference._product_starts import OnBoxes, ProductStarts
from theorycheck.models import GenerativeModel

#: Orders of the rules, by K: each pair follows minima with the first and checks with the second.
_ORDERS = {2: ((8, 16), (16, 28), (28, 48)), 3: ((6, 10), (10, 16), (16, 24))}
#: Nats, relative to the value, that two rules may differ by.
_SAME = 1e-11
#: Nats above the best up to which a start is followed, and up to which a minimum is checked.
_MARGIN, _CHECKED = 1.5, 0.2
#: Steps after which starts that have come as near as this, in scales, are one, and those that are
#: more than so many nats above the best are given up.
_FEW_STEPS, _TOGETHER, _LEFT = 4, 0.2, 0.7
#: Least log scale, minima of one x that are kept, and how near two count as one, in scales.
_FLOOR, _MINIMA = -16.0, 4
#: Numbers f(z) held at once.
_AT_ONCE = 4_000_000
_ROUNDING = 64.0 * float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class OptimalProductQ:
    """The best q(z|x) = Π N(mean_k, scale_k²) for many x.

    Parameters
    ----------
    mean, scale : ndarray, shape (n, K)
        Means μ_k and standard deviations s_k of q, in z.
    negative_elbo : ndarray, shape (n,)
        The value −ELBO_x there, nats.
    gap : ndarray, shape (n,)
        Nats that the rules leave open, and that a further step would gain: an estimate. That no
        other minimum is lower rests on the starts.
    minima : ndarray, shape (n, 4, 2K + 1)
        μ, log s and −ELBO_x of the distinct minima found, lowest first; NaN beyond.
    """

    mean: Float64[Array, "n K"]
    scale: Float64[Array, "n K"]
    negative_elbo: PerPoint
    gap: PerPoint
    minima: Float64[Array, "n 4 width"]

    @property
    def ambiguous(self) -> Flags:
        """Tell for each x whether a second minimum lies within 1e-9 nats of the best."""
        apart = self.minima[:, 1, -1] - self.minima[:, 0, -1]
        result: Booleans = np.nan_to_num(apart, nan=np.inf) < 1e-9
        return result


class ProductQSearch:
    """Search for the best product of Gaussians.

    Parameters
    ----------
    model : GenerativeModel
        A model of two or three latents.
    boxes : OnBoxes or None
        f on boxes, whose middles are starts.
    """

    def __init__(self, model: GenerativeModel, boxes: OnBoxes | None = None) -> None:
        self.model = model
        self._boxes = boxes
        self._constant = 0.5 * float(np.log(2.0 * np.pi * model.noise_variance).sum())

    @cached_property
    def _starts(self) -> ProductStarts:
        return ProductStarts(self.model, self._boxes)

    def run(
        self,
        x: Points,
        *,
        given: Float64[Array, "groups candidates width"] | None = None,
        fresh: bool = True,
        negligible: PerPoint | None = None,
    ) -> OptimalProductQ:
        """Find the best q of every x.

        Parameters
        ----------
        x : ndarray, shape (n, D)
        given : ndarray, shape (G, C, 2K), optional
            Candidates (μ, log s) for each of G groups of neighbours, NaN where unused.
        fresh : bool
            Look beyond the candidates as well.
        negligible : ndarray, shape (n,), optional
            Nats that do not matter.

        Returns
        -------
        OptimalProductQ
        """
        scaled = np.ascontiguousarray(x / self.model.sigma)
        row, points = self._starts.of(scaled, given, fresh)
        value = self.local(scaled[row], points, self._orders[0][0], derivatives=False).value
        # Of many starts most are far above the best one.
        kept = value <= lowest(row, value, len(x))[row] + _MARGIN
        row, points = row[kept], points[kept]
        order, none = self._orders[0][0], np.full(row.size, np.inf)
        # After a few steps most starts have come together, or stay behind.
        points, value = self._followed(scaled, row, points, order, _FEW_STEPS)
        found = distinct(Minima(row, points, value, none), _TOGETHER)
        found = found.only(found.value <= lowest(found.row, found.value, len(x))[found.row] + _LEFT)
        found.points[:], found.value[:] = self._followed(scaled, found.row, found.points, order)
        found = distinct(found)
        tolerance = np.zeros(len(x)) if negligible is None else 0.1 * negligible
        self._refine(scaled, found, tolerance)
        result = self._assembled(len(x), distinct(found))
        result.gap[:] += self._left_out(scaled, result.scale)
        return result

    def _left_out(
        self,
        x: Points,
        scale: Float64[Array, "n K"],  # noqa: ARG002
    ) -> PerPoint:
        """Return what −ELBO_x may be off by for what no rule sees of some q: nothing here."""
        return np.zeros(len(x))

    @property
    def _orders(self) -> tuple[tuple[int, int], ...]:
        return _ORDERS[self.model.latent_dim]

    def _refine(self, x: Array, found: Minima, tolerance: Array) -> None:
        """Check the minima that may be the best; follow anew, in place, where rules differ."""
        row, points, value, error = found
        level = np.zeros(row.size, dtype=np.int64)
        while True:
            near = value <= lowest(row, value, len(x))[row] + _CHECKED
            allowed = np.maximum(_SAME * (1.0 + np.abs(value)), tolerance[row])
            waiting = near & (error > allowed) & (level < len(self._orders))
            if not waiting.any():
                return
            for k in np.unique(level[waiting]):
                chosen = np.flatnonzero(waiting & (level == k))
                first, second = self._orders[k]
                below = value[chosen]
                if k:
                    points[chosen], below = self._followed(x, row[chosen], points[chosen], first)
                value[chosen], error[chosen] = self._checked(
                    x[row[chosen]], points[chosen], below, second
                )
                level[chosen] += 1

    def _followed(
        self, x: Array, row: Integers, points: Array, order: int, steps: int = STEPS
    ) -> tuple[Array, Array]:
        """Follow starts to their minima."""

        def evaluate(index: Integers, at: Array) -> Local:
            return self.local(x[row[index]], at, order)

        return descend(evaluate, points, _FLOOR, steps)

    def _checked(self, x: Array, points: Array, below: Array, order: int) -> tuple[Array, Array]:
        """Return the value by a rule of a higher order, and how far both may be off."""
        there = self.local(x, points, order)
        value = there.value
        size, axes = np.linalg.eigh(there.hessian)
        # The step that this rule would take, and its gain, where it has a minimum nearby.
        along = np.einsum("nij,ni->nj", axes, there.gradient)
        gain = 0.5 * (along**2 / np.maximum(np.abs(size), 1e-6)).sum(axis=1)
        at_floor = (points[:, points.shape[1] // 2 :] <= _FLOOR).any(axis=1)
        error = np.abs(value - below) + gain + self._rounding(value)
        return value, np.where(at_floor, np.inf, error)

    def _rounding(self, value: Array) -> Array:
        result: Array = _ROUNDING * (1.0 + np.abs(value))
        return result

    def local(
        self,
        x: Points,
        points: Float64[Array, "n width"],
        order: int,
        *,
        derivatives: bool = True,
    ) -> Local:
        """Evaluate −ELBO_x, up to a constant of the model, and its derivatives.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            In units of σ.
        points : ndarray, shape (n, 2K)
            μ, then log s.
        order : int
            Nodes a latent.
        derivatives : bool
            Without them gradient and Hessian are of no use.

        Returns
        -------
        Local
        """
        dim = self.model.latent_dim
        rule = product_rule(order, dim)
        mean, scale = points[:, :dim], np.exp(points[:, dim:])
        moments = np.zeros((len(x), rule.basis.shape[1]))
        basis = rule.basis if derivatives else rule.basis[:, :1]
        for part, f in self._values(mean, scale, order):
            apart = x[part, None, :] - f
            cost = 0.5 * np.einsum("nkd,nkd->nk", apart, apart)
            moments[part, : basis.shape[1]] = cost @ basis
        return with_prior(moments, rule.columns, mean, scale)

    def _values(self, mean: Array, scale: Array, order: int) -> Iterator[tuple[slice, Array]]:
        """Yield f/σ at the nodes of some q at a time."""
        t = product_rule(order, self.model.latent_dim).t
        each = max(1, _AT_ONCE // (len(t) * self.model.data_dim))
        for start in range(0, len(mean), each):
            part = slice(start, start + each)
            z = mean[part, None, :] + scale[part, None, :] * t
            f = self.model.decoder(z.reshape(-1, z.shape[2])) / self.model.sigma
            yield part, f.reshape(*z.shape[:2], -1)

    def negative_elbo(
        self, x: Points, mean: Float64[Array, "n K"], scale: Float64[Array, "n K"]
    ) -> PerPoint:
        """Return −ELBO_x at given q, nats, by the second of the first rules.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            Data units.
        mean, scale : ndarray, shape (n, K)
            μ and s.

        Returns
        -------
        ndarray, shape (n,)
        """
        points = np.concatenate([mean, np.log(scale)], axis=1)
        found = self.local(x / self.model.sigma, points, self._orders[0][1], derivatives=False)
        return found.value + self._constant

    def expectations(
        self, x: Points, mean: Float64[Array, "n K"], scale: Float64[Array, "n K"]
    ) -> tuple[Points, Points]:
        """Return E_q f (n, D) and E_q (x_d − f_d)² (n, D).

        Parameters
        ----------
        x : ndarray, shape (n, D)
            Data units.
        mean, scale : ndarray, shape (n, K)
            μ and s of the q of each x.
        """
        order = _ORDERS[self.model.latent_dim][0][1]
        weight = product_rule(order, self.model.latent_dim).weight
        first, squares = np.empty_like(x), np.empty_like(x)
        sigma = self.model.sigma
        for part, f in self._values(mean, scale, order):
            apart = (x[part] / sigma)[:, None, :] - f
            first[part] = np.einsum("k,nkd->nd", weight, f) * sigma
            squares[part] = np.einsum("k,nkd->nd", weight, apart**2) * sigma**2
        return first, squares

    def _assembled(self, count: int, found: Minima) -> OptimalProductQ:
        dim = self.model.latent_dim
        minima = found.best(count, _MINIMA)
        minima[:, :, -1] += self._constant
        gap = np.full(count, np.inf)
        first = np.diff(found.row, prepend=-1) > 0
        gap[found.row[first]] = found.error[first]
        mean, scale = minima[:, 0, :dim].copy(), np.exp(minima[:, 0, dim:-1])
        return OptimalProductQ(mean, scale, minima[:, 0, -1].copy(), gap, minima)
