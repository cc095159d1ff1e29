"""The best Gaussian q(y|x) for what each label offers: max_q E_q G(y) − KL[q ‖ N(0, 1)].

With a label term q serves that, too: `_label_pull.py`.

G(y) is a bound on log p(x | y), or log p(x | y) itself: then what the best q leaves of log p(x) is
its KL from the posterior p(y | x).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Integers, PerPoint
from theorycheck.inference._descent import Local, descend, lowest_apart
from theorycheck.inference._label_pull import LabelPull
from theorycheck.inference._label_rule import LABEL_ORDER, LabelRule

#: Scales of the table of q, and means up to which it goes, three quarters of a scale apart.
_SCALES = (1.0, 0.75, 0.55, 0.4, 0.3, 0.22, 0.16, 0.12, 0.08, 0.05, 0.03, 0.018)
_FURTHEST = 4.5
#: Starts of one x at most, and nats above the best entry up to which one is followed.
_STARTS, _MARGIN = 6, 2.0
#: Parts that panels are cut into where q is narrow, one after the other; and how near to the least
#: scale that the nodes resolve it counts as narrow.
_FINER = (4, 4)
_AT_FLOOR = 1.02
#: x worked through together: arrays of labels × starts are held.
_BLOCK = 512


class GaussianLabelQ(NamedTuple):
    """The best Gaussian q(y|x) of every x.

    Parameters
    ----------
    mean, scale : ndarray, shape (n,)
        μ and s of q(y|x).
    value : ndarray, shape (n,)
        E_q G − KL[q ‖ N(0, 1)], nats.
    error : ndarray, shape (n,)
        How far that may be off: by the rule over y, by what G leaves open, and without bound where
        q would be narrower than can be followed.
    """

    mean: PerPoint
    scale: PerPoint
    value: PerPoint
    error: PerPoint


class GaussianLabelQSearch:
    """Search for the best Gaussian q(y|x).

    Parameters
    ----------
    rule : LabelRule
        The nodes y at which G is known.
    """

    def __init__(self, rule: LabelRule, _depth: int = 0) -> None:
        self.rule, self._depth = rule, _depth

    def run(
        self,
        offers: Float64[Array, "labels n"],
        gap: Float64[Array, "labels n"],
        pull: LabelPull | None = None,
    ) -> GaussianLabelQ:
        """Find the best q of every x.

        Parameters
        ----------
        offers, gap : ndarray, shape (Y, n)
            G at the nodes, nats, and how far it may be off.
        pull : LabelPull, optional
            A label term that q serves as well; it is not in the value.

        Returns
        -------
        GaussianLabelQ
        """
        parts = [
            self._run(
                offers[:, start : start + _BLOCK],
                gap[:, start : start + _BLOCK],
                None if pull is None else pull.at(slice(start, start + _BLOCK)),
            )
            for start in range(0, offers.shape[1], _BLOCK)
        ]
        return GaussianLabelQ(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _run(self, offers: Array, gap: Array, pull: LabelPull | None = None) -> GaussianLabelQ:
        """Search on the nodes, then on finer ones where q is as narrow as these resolve."""
        found = self._on_nodes(offers, gap, pull)
        narrow = found.scale < _AT_FLOOR * self.rule.finest
        if not narrow.any():
            return found
        if self._depth == len(_FINER):
            return found._replace(error=np.where(narrow, np.inf, found.error))
        parts = _FINER[self._depth]
        finer = GaussianLabelQSearch(self.rule.split(parts), self._depth + 1)
        value, off = self.rule.interpolated(offers[:, narrow], parts)
        most = gap[:, narrow].reshape(-1, LABEL_ORDER, int(narrow.sum())).max(axis=1)
        open_ = np.repeat(most + off, LABEL_ORDER * parts, axis=0)
        again = finer._run(value, open_, None if pull is None else pull.at(narrow))
        for mine, theirs in zip(found, again, strict=True):
            mine[narrow] = theirs
        return found

    def _on_nodes(self, offers: Array, gap: Array, pull: LabelPull | None = None) -> GaussianLabelQ:
        top = offers.max(axis=0)
        below = offers - top
        row, points = self._starts(below, pull)
        floor = math.log(self.rule.finest)

        def evaluate(index: Integers, at: Array) -> Local:
            local = self._local(below[:, row[index]], at)
            if pull is None:
                return local
            return pull.at(row[index]).add(local, at[:, 0], np.exp(at[:, 1]), (0, 1))

        points, value = descend(evaluate, points, floor)
        order = np.lexsort((value, row))
        first = order[np.r_[True, np.diff(row[order]) > 0]]
        best, value = points[first], value[first]
        if pull is not None:
            value = value - pull.cost(best[:, 0], np.exp(best[:, 1]))
        weight = self._density(best)[0] * self.rule.weight[:, None]
        error = self.rule.errors(weight * below).sum(axis=0) + (weight * gap).sum(axis=0)
        return GaussianLabelQ(best[:, 0], np.exp(best[:, 1]), top - value, error)

    def _density(self, points: Array) -> tuple[Array, Array]:
        """Return q(y) and t = (y − μ)/s at the nodes, (Y, n) each."""
        scale = np.exp(points[:, 1])
        t = (self.rule.y[:, None] - points[:, 0]) / scale
        return np.exp(-0.5 * t**2) / (scale * math.sqrt(2.0 * math.pi)), t

    def _local(self, below: Array, points: Array) -> Local:
        density, t = self._density(points)
        terms = density * self.rule.weight[:, None] * below
        square = t**2
        he = [
            -np.einsum("yn,yn->n", terms, polynomial)
            for polynomial in (
                np.ones_like(t), t, square - 1.0, t * (square - 3.0),
                square * (square - 6.0) + 3.0,
            )
        ]  # fmt: skip
        mean, scale = points[:, 0], np.exp(points[:, 1])
        kl = 0.5 * (scale**2 + mean**2 - 1.0) - points[:, 1]
        gradient = np.stack([he[1] + scale * mean, he[2] + scale**2 - 1.0], axis=1)
        hessian = np.empty((len(points), 2, 2))
        hessian[:, 0, 0] = he[2] + scale**2
        hessian[:, 0, 1] = hessian[:, 1, 0] = he[3]
        hessian[:, 1, 1] = 2.0 * (he[2] + scale**2) + he[4]
        return Local(he[0] + kl, gradient, hessian)

    @cached_property
    def _table(self) -> tuple[Array, Array, Array, Array]:
        """Return means and scales (T, 1), KL (T,) and the weights of G at the nodes (T, Y)."""
        finest = self.rule.finest
        parts = [
            (m, s)
            for s in (*(one for one in _SCALES if one > finest), finest)
            for m in np.arange(-_FURTHEST, _FURTHEST + 1e-9, 0.75 * s)
        ]
        mean, scale = np.array(parts).T
        density, _ = self._density(np.stack([mean, np.log(scale)], axis=1))
        kl = 0.5 * (scale**2 + mean**2 - 1.0) - np.log(scale)
        return mean[:, None], scale[:, None], kl, (density * self.rule.weight[:, None]).T

    def _starts(self, below: Array, pull: LabelPull | None = None) -> tuple[Integers, Array]:
        mean, scale, kl, weight = self._table
        values = (kl[:, None] - weight @ below).T.copy()
        if pull is not None:
            values += pull.cost(mean, scale).T
        chosen = lowest_apart(values, mean, scale, _STARTS, _MARGIN)
        row, column = np.nonzero(chosen >= 0)
        picked = chosen[row, column]
        return row, np.concatenate([mean[picked], np.log(scale[picked])], axis=1)
