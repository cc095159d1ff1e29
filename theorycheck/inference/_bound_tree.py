"""Whether minima of −ELBO_x are global: a tree of lower bounds that serves every x.

Where :func:`theorycheck.inference.certify_optimal_q` bounds −ELBO_x for one x by
evaluations, here everything but x is evaluated once (see quadrature/kernels/_bound_tree.py), so
that a certified x costs microseconds. Nodes are made when an x first needs them.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Counts, Integers, PerPoint, Points
from theorycheck.quadrature import ORDER, LatentPanels, gauss_legendre, legendre_values
from theorycheck.quadrature.kernels import (
    DONE,
    LOW,
    MISSING,
    TOP,
    Rule,
    Runs,
    Tree,
    fill_roots,
    row_length,
    walk_batch,
)

#: Half-widths in μ, and largest s, of the roots: which serve an x with −ELBO_x up to about half
#: their square, so that what lies beyond is worse by the prior part alone.
_ROOTS = (8.0, 64.0, 4096.0)
#: Nodes visited for an x at most. The median is some 200.
_BUDGET = 10_000
#: Gap, relative, from which an x is looked at again, lowest bound first.
_OPEN = 1e-11
#: Nats above a floor known from elsewhere within which a minimum needs no other bound.
_KNOWN = 1e-10
#: x of a call that are looked at again, at most: those that may gain most.
_PATIENCE = 8
#: Nodes at first, and numbers in `rows` at most (256 MB); beyond, the tree begins anew.
_FIRST_NODES = 2_000
_LARGEST = 32_000_000
#: Nodes that there is room for in any case: more than one x can ask for, four a visit.
_FEWEST = 4 * _BUDGET + 100
#: x that grow the tree, one after the other, before the others are tried in parallel. Of 5,000 x
#: most still need a node of their own; of 50,000 few do.
_GROWERS = 2_048
#: Points a panel at which f is compared with its nearest node, beside those half-way between two
#: nodes, and the margin: f on the panels of seven decoders, at 4,001 points each, goes 0.91 as far.
_BETWEEN = 80
_MARGIN = 1.1
#: How close to half-way, on either side of it.
_ASIDE = 1e-9


class _Walks(NamedTuple):
    """What is known of every x and corrected by its walk: as :func:`walk_batch` takes it."""

    root: Integers
    minima: Array
    found: Integers
    gap: Array
    state: Integers


class BoundTree:
    """Lower bounds of −ELBO_x over all (μ, s), for one model and every x.

    Parameters
    ----------
    panels : LatentPanels
        Panels of the model.
    runs : Runs
        Runs of these panels.
    """

    def __init__(self, panels: LatentPanels, runs: Runs) -> None:
        self._panels = panels
        self._inverse_sigma = 1.0 / panels.model.sigma
        self._runs = runs
        self._row = row_length(panels.model.data_dim)
        self._most = max(_LARGEST // self._row, _FEWEST)

    @cached_property
    def slack(self) -> Float64[Array, " panels"]:
        """Return how far f goes on each panel from the nearest node's value, in σ: shape (P,)."""
        return _slack(self._panels)

    @cached_property
    def _tree(self) -> Tree:
        return self._planted(_FIRST_NODES)

    @property
    def size(self) -> int:
        """Return the number of nodes made so far."""
        return int(self._tree.size[0])

    @property
    def rows(self) -> Array:
        """Return the nodes made so far, a row each (see quadrature/kernels/_bound_tree.py)."""
        return self._tree.rows[: self.size]

    def settle(
        self,
        x: Points,
        minima: Float64[Array, "n 8 3"],
        found: Counts,
        floor: PerPoint | None = None,
        negligible: PerPoint | None = None,
    ) -> PerPoint:
        """Look for a lower minimum for every x, and return what cannot be excluded.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            Data points.
        minima : ndarray, shape (n, 8, 3)
            μ, log s and −ELBO_x (without its constant) of the minima known; corrected in place.
        found : ndarray of int, shape (n,)
            Their number; corrected in place.
        floor : ndarray, shape (n,), optional
            What −ELBO_x cannot fall below, from elsewhere, without its constant.
        negligible : ndarray, shape (n,), optional
            Nats above the floor up to which an x is left as it is.

        Returns
        -------
        ndarray, shape (n,)
            Nats by which −ELBO_x could be lower than the best minimum, rounding included.
        """
        gap = np.full(len(x), np.inf)
        state = np.full(len(x), DONE, dtype=np.int64)
        best = np.where(found > 0, minima[:, 0, 2], np.inf)
        limits = [0.5 * r**2 - math.log(r) - 1.0 for r in _ROOTS]
        root = np.searchsorted(limits, best)
        # −log p(x) bounds −ELBO_x: where the best q is the posterior there is nothing to look for.
        known = np.full(len(x), np.inf) if floor is None else np.maximum(best - floor, 0.0)
        wanted = known > (_KNOWN if negligible is None else np.maximum(negligible, _KNOWN))
        pending = np.flatnonzero((root < len(_ROOTS)) & wanted)
        walks = _Walks(root, minima, found, gap, state)
        self._grow(pending[:_GROWERS], x, walks)
        pending = pending[_GROWERS:]
        self._walk(pending, x, walks)
        pending = pending[state[pending] == MISSING]
        self._grow(pending, x, walks)
        # A well can hide among much that lies between it and the best minimum known.
        with np.errstate(invalid="ignore"):
            stubborn = np.flatnonzero(
                (gap > _OPEN * (1.0 + np.abs(best))) & np.isfinite(gap) & wanted
            )
        # Far from the curve thousands may be left open, and each takes a tenth of a second.
        stubborn = stubborn[np.argsort(-np.minimum(gap, known)[stubborn], kind="stable")]
        self._grow(stubborn[:_PATIENCE], x, walks, patient=True)
        if floor is not None:
            gap = np.minimum(gap, np.maximum(minima[:, 0, 2] - floor, 0.0))
        return gap

    def _planted(self, nodes: int) -> Tree:
        """Return arrays for so many nodes, with the roots in them."""
        rows = np.empty((nodes, self._row))
        panels = self._panels
        for k, reach in enumerate(_ROOTS):
            rows[k, LOW : TOP + 1] = (-reach, reach, 0.0, reach**2)
        fill_roots(
            len(_ROOTS),
            rows,
            self._inverse_sigma,
            panels.arrays,
            panels.balls,
        )
        return Tree(rows, np.array([len(_ROOTS)]))

    def _grow(self, index: Integers, x: Array, walks: _Walks, *, patient: bool = False) -> None:
        """Walk one x after the other, and make the nodes that are missing."""
        while index.size:
            done = self._on_tree(index, x, Rule(grow=True, patient=patient, budget=_BUDGET), walks)
            index = index[done:]
            if index.size:
                self._make_room()

    def _walk(self, index: Integers, x: Array, walks: _Walks) -> None:
        """Walk in parallel, on the tree as it is."""
        if index.size:
            self._on_tree(index, x, Rule(grow=False, patient=False, budget=_BUDGET), walks)

    def _on_tree(self, index: Integers, x: Array, rule: Rule, walks: _Walks) -> int:
        """Walk for the x of `index`; return how many are done: fewer where the tree is full."""
        panels = self._panels
        done = np.zeros(index.size, dtype=np.int64)
        walk_batch(
            index, x, rule, self._inverse_sigma, panels.arrays, self._runs, panels.balls,
            panels.blocks, self.slack, self._tree, *walks, done,
        )  # fmt: skip
        return int(done.sum())

    def _make_room(self) -> None:
        """Double the arrays, or begin anew where they are as large as they may be."""
        rows, size = self._tree.rows, self._tree.size
        nodes = 2 * len(rows)
        if nodes > self._most:
            self._tree = self._planted(len(rows))
            return
        larger = np.empty((nodes, self._row))
        larger[: len(rows)] = rows
        self._tree = Tree(larger, size)


def _slack(panels: LatentPanels) -> Array:
    """Return how far f goes on each panel from the nearest node's value, in σ: shape (P,)."""
    scaled = panels.coefficients / panels.model.sigma[:, None]
    nodes, _ = gauss_legendre(ORDER)
    # A monotone f is furthest off half-way between two nodes.
    half_way = 0.5 * (nodes[1:] + nodes[:-1])
    even = np.linspace(-1.0, 1.0, _BETWEEN)
    points = np.concatenate([even, half_way - _ASIDE, half_way + _ASIDE])
    nearest = np.abs(points[:, None] - nodes).argmin(axis=1)
    there = scaled @ legendre_values(points, ORDER - 1).T
    at_node = scaled @ legendre_values(nodes, ORDER - 1).T
    distance = np.linalg.norm(there - at_node[:, :, nearest], axis=1)
    result: Array = _MARGIN * distance.max(axis=1) + 1e-9
    return result
