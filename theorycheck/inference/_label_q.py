"""One q(z|x) for all classes: the best (μ, s) of the factorised family, for every x.

At (μ, s) class y offers a_y = log π_y − KL[q ‖ N(0, 1)] − E_q c_y, its own ELBO; q(y|x) makes
V(a) of them (`_label_weights.py`; for no label term their log-sum-exp). −V is minimised over
(μ, log s) from the lowest entries of a table of q, by quadrature/kernels/_shared_q.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Integers, PerClass, PerDimension, PerPoint, Points
from theorycheck.inference._affine_table import table_entries
from theorycheck.inference._label_weights import LabelWeights, label_weights
from theorycheck.inference._mean_field import MeanField
from theorycheck.quadrature.kernels import (
    MINIMA,
    Candidates,
    ClassCells,
    ClassPanels,
    ClassTable,
    distinct_candidates_batch,
    shared_q_batch,
)

#: Candidates for the neighbours of a group of x, and nats within which a minimum is one.
_CANDIDATES = 12
_CANDIDATE_MARGIN = 0.5


class SharedQ(NamedTuple):
    """The best q(z|x) and q(y|x) of every x.

    Parameters
    ----------
    mean, scale : ndarray, shape (n,)
        μ and s.
    value : ndarray, shape (n,)
        V, nats: the label term included where there is one.
    bound : ndarray, shape (n,)
        U, nats.
    class_posterior, log_class_posterior : ndarray, shape (C, n)
        q(y|x) and its logarithm.
    minima : ndarray, shape (n, MINIMA, 3)
        μ, log s and −V of the local minima found, best first, NaN where unused.
    candidates : ndarray, shape (G, C, 2)
        (μ, log s) for the neighbours of each group of x; NaN where unused.
    """

    mean: PerPoint
    scale: PerPoint
    value: PerPoint
    bound: PerPoint
    class_posterior: PerClass
    log_class_posterior: PerClass
    minima: Float64[Array, "n minima 3"]
    candidates: Float64[Array, "groups candidates 2"]


class SharedQSearch:
    """Search for the q(z|x) that serves all classes.

    Parameters
    ----------
    classes : ClassCells or ClassPanels
        The decoders, as the kernels take them.
    log_prior : ndarray, shape (C,)
        log π, nats.
    noise_variance : ndarray, shape (D,)
        σ².
    table : callable
        Makes the table that the search begins at; called when it is first needed.
    label_weight : float
        c, the weight of the label term against U; 0 where there is none.
    """

    def __init__(
        self,
        classes: ClassCells | ClassPanels,
        log_prior: Float64[Array, " C"],
        noise_variance: PerDimension,
        table: Callable[[], ClassTable],
        label_weight: float = 0.0,
    ) -> None:
        self._classes, self._log_prior = classes, np.ascontiguousarray(log_prior)
        self._inverse_sigma = 1.0 / np.sqrt(noise_variance)
        self._constant = 0.5 * float(np.sum(np.log(2.0 * math.pi * noise_variance)))
        self._make_table, self._label_weight = table, label_weight

    def run(
        self,
        x: Points,
        p: PerClass | None = None,
        *,
        groups: int = 0,
        hint: Float64[Array, "groups candidates 2"] | None = None,
        fresh: bool = True,
    ) -> SharedQ:
        """Find the best q of every x.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            G groups of n/G neighbours, one after the other, where there are groups.
        p : ndarray, shape (C, n), optional
            p(y|x) of the data, which a label term asks for.
        groups : int
            G; 0 asks for no candidates.
        hint : ndarray, shape (G, C, 2), optional
            Candidates that an earlier call returned for neighbours of each group.
        fresh : bool
            Look at the table as well.

        Returns
        -------
        SharedQ
        """
        size, count = len(x), len(self._log_prior)
        share = label_shares(size, count, p, self._label_weight)
        given = Candidates(np.empty((1, 0, 2)), np.zeros(size, dtype=np.int64))
        if hint is not None:
            row = np.arange(size) // (size // max(groups, 1))
            given = Candidates(np.ascontiguousarray(hint), row)
        minima = np.empty((size, MINIMA, 3))
        offer = np.empty((size, count))
        shared_q_batch(
            np.ascontiguousarray(x), share, self._log_prior, self._inverse_sigma, self._classes,
            self._table if fresh or hint is None else self._no_table, given, minima,
            np.zeros(size, dtype=np.int64), offer,
        )  # fmt: skip
        minima[:, :, 2] += self._constant
        candidates = np.empty((groups, _CANDIDATES, 2))
        if groups:
            stacked = minima.reshape(groups, -1, MINIMA, 3)
            distinct_candidates_batch(stacked, _CANDIDATE_MARGIN, candidates)
        weights = self._weigh(offer.T - self._constant, p)
        return SharedQ(
            minima[:, 0, 0].copy(), np.exp(minima[:, 0, 1]), weights.value, weights.bound,
            weights.r, weights.log_r, minima, candidates,
        )  # fmt: skip

    def _weigh(self, a: Array, p: Array | None) -> LabelWeights:
        return label_weights(a, p, self._label_weight)

    @cached_property
    def _table(self) -> ClassTable:
        return self._make_table()

    @cached_property
    def _no_table(self) -> ClassTable:
        count, dim = len(self._log_prior), self._inverse_sigma.size
        none = np.empty(0)
        return ClassTable(none, none, np.empty((count, 0)), np.empty((count, dim, 0)))


def label_shares(size: int, count: int, p: PerClass | None, weight: float) -> Float64[Array, "n C"]:
    """Return c p(y|x) for n x and C classes, as the kernels take it: 0 without a label term.

    Parameters
    ----------
    size, count : int
        n and C.
    p : ndarray, shape (C, n), optional
        p(y|x) of the data.
    weight : float
        c.

    Returns
    -------
    ndarray, shape (n, C)
    """
    if p is None or weight == 0.0:
        return np.zeros((size, count))
    return np.ascontiguousarray(weight * p.T)


def class_panels(fields: Sequence[MeanField]) -> ClassPanels:
    """Put the panels and runs of all classes one behind the other, as the kernels take them.

    Parameters
    ----------
    fields : sequence of MeanField
        One for each class, of one D.

    Returns
    -------
    ClassPanels
    """
    panels, runs = zip(*[field.arrays for field in fields], strict=True)

    def starts(sizes: Sequence[int]) -> Integers:
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def joined(parts: Sequence[Array]) -> Array:
        return np.ascontiguousarray(np.concatenate(parts))

    return ClassPanels(
        panel=starts([len(one.left) for one in panels]),
        run=starts([len(one.left) for one in runs]),
        level=starts([len(one.level_start) for one in runs]),
        left=joined([one.left for one in panels]),
        right=joined([one.right for one in panels]),
        z=joined([one.z for one in panels]),
        weight=joined([one.weight for one in panels]),
        f=joined([one.f.ravel() for one in panels]),
        series=joined([one.series for one in panels]),
        level_start=np.concatenate([one.level_start for one in runs]),
        run_left=joined([one.left for one in runs]),
        run_right=joined([one.right for one in runs]),
        run_z=joined([one.z for one in runs]),
        run_weight=joined([one.weight for one in runs]),
        centre=joined([one.centre for one in runs]),
        first=joined([one.first for one in runs]),
        square=joined([one.square for one in runs]),
    )


def class_table(fields: Sequence[MeanField]) -> ClassTable:
    """Make the table of all classes at the entries that any of them asks for.

    Parameters
    ----------
    fields : sequence of MeanField
        One for each class, of one σ².

    Returns
    -------
    ClassTable
    """
    entries = [table_entries(field.panels)[:2] for field in fields]
    both = np.stack([np.concatenate(part) for part in zip(*entries, strict=True)])
    mean, log_scale = np.ascontiguousarray(np.unique(both, axis=1))
    inverse_variance = 1.0 / fields[0].model.noise_variance
    prior = 0.5 * (np.exp(2.0 * log_scale) + mean**2 - 1.0) - log_scale
    nowhere = np.zeros((mean.size, inverse_variance.size))
    offset, slope = [], []
    for field in fields:
        first, squares = field.expectations(nowhere, mean, np.exp(log_scale))
        offset.append(prior + 0.5 * squares @ inverse_variance)
        slope.append((first * inverse_variance).T)
    return ClassTable(mean, log_scale, np.stack(offset), np.stack(slope))
