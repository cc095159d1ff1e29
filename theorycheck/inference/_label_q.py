"""One q(z|x) for all classes: the best (μ, s) of the factorised family, for every x.

At (μ, s) class y offers a_y = log π_y − KL[q ‖ N(0, 1)] − E_q c_y, its own ELBO; q(y|x) makes
V(a) of them (`_label_weights.py`; for no label term their log-sum-exp). −V is minimised over
(μ, log s) by Newton's method from the minima of a table of q, a few for each x. With
r = ∂V/∂a and M = ∂²V/∂a², its gradient is Σ r_y g_y and its Hessian
Σ r_y H_y − Σ M_yy' g_y g_y'ᵀ, g_y and H_y those of −ELBO_y, which the kernels give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from theorycheck.arrays import Array, PerClass, PerPoint, Points
from theorycheck.inference._affine_table import table_entries
from theorycheck.inference._label_weights import LabelWeights, label_weights
from theorycheck.inference._mean_field import MeanField
from theorycheck.quadrature.kernels import distinct_candidates_batch

#: Starts of one x at most, nats above the best table entry up to which one is followed, and how
#: far apart in μ, in s, two starts are.
_STARTS = 8
_MARGIN = 1.5
_APART = 1.5
#: Values of the table held at once.
_BLOCK = 4_000_000
#: Newton steps at most, the longest step in (μ/s, log s), and the gain in nats that ends them.
_STEPS = 60
_LONGEST = 1.0
_GAIN = 1e-15
#: Halvings of a step that does not go down.
_HALVINGS = 30
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
    minima : ndarray, shape (n, S, 3)
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
    minima: Float64[Array, "n starts 3"]
    candidates: Float64[Array, "groups candidates 2"]


class ClassCost(Protocol):
    """−ELBO of one class, at any q: what the search asks of a class."""

    def derivatives(self, x: ArrayLike, mean: ArrayLike, scale: ArrayLike) -> Float64[Array, "n 6"]:
        """Return −ELBO_x, s∂_μ, ∂_{log s}, s²∂²_μ, s∂_μ∂_{log s}, ∂²_{log s}: shape (n, 6)."""
        ...


class ClassTable(NamedTuple):
    """−ELBO_x of every class at entries (μ, log s): offset − x·slope, up to |x|²/2σ².

    Parameters
    ----------
    mean, log_scale : ndarray, shape (T,)
    offset : ndarray, shape (C, T)
        Nats, up to what is the same for all entries and classes.
    slope : ndarray, shape (C, T, D)
    """

    mean: Float64[Array, " T"]
    log_scale: Float64[Array, " T"]
    offset: Float64[Array, "C T"]
    slope: Float64[Array, "C T D"]


class _At(NamedTuple):
    """−V with its gradient and Hessian in (μ/s, log s), at n points."""

    value: Array
    g1: Array
    g2: Array
    h11: Array
    h12: Array
    h22: Array


class SharedQSearch:
    """Search for the q(z|x) that serves all classes.

    Parameters
    ----------
    costs : sequence of ClassCost
        One for each class.
    log_prior : ndarray, shape (C,)
        log π, nats.
    table : callable
        Makes the table that the search begins at; called when it is first needed.
    label_weight : float
        c, the weight of the label term against U; 0 where there is none.
    """

    def __init__(
        self,
        costs: Sequence[ClassCost],
        log_prior: Float64[Array, " C"],
        table: Callable[[], ClassTable],
        label_weight: float = 0.0,
    ) -> None:
        self._costs, self._log_prior = costs, log_prior[:, None]
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
        starts = []
        if hint is not None:
            starts.append(np.repeat(hint, len(x) // max(groups, 1), axis=0))
        if fresh or hint is None:
            starts.append(self._table_starts(x, p))
        minima = self._descend(x, p, np.concatenate(starts, axis=1))
        candidates = np.empty((groups, _CANDIDATES, 2))
        if groups:
            stacked = np.ascontiguousarray(minima.reshape(groups, -1, minima.shape[1], 3))
            distinct_candidates_batch(stacked, _CANDIDATE_MARGIN, candidates)
        mean, scale = minima[:, 0, 0].copy(), np.exp(minima[:, 0, 1])
        weights = self._weigh(self._offers(x, mean, scale), p)
        return SharedQ(
            mean, scale, weights.value, weights.bound, weights.r, weights.log_r, minima, candidates
        )

    def _weigh(self, a: Array, p: Array | None) -> LabelWeights:
        return label_weights(a, p, self._label_weight)

    def _offers(self, x: Array, mean: Array, scale: Array) -> Array:
        """Return a_y = log π_y − KL − E_q c_y at one q for every x, shape (C, n)."""
        costs = [cost.derivatives(x, mean, scale)[:, 0] for cost in self._costs]
        result: Array = self._log_prior - np.stack(costs)
        return result

    @cached_property
    def _table(self) -> ClassTable:
        return self._make_table()

    def _table_starts(self, x: Array, p: Array | None) -> Array:
        """Return the lowest entries of the table that are apart, (n, S, 2), NaN where unused."""
        mean, log_scale, offset, slope = self._table
        scale = np.exp(log_scale)
        starts = np.full((len(x), _STARTS, 2), np.nan)
        block = max(1, _BLOCK // mean.size)
        for begin in range(0, len(x), block):
            part = x[begin : begin + block]
            rows = np.arange(len(part))
            offers = self._log_prior[:, :, None] - offset[:, None, :]
            offers = offers + np.einsum("nd,ctd->cnt", part, slope, optimize=True)
            # |x|²/2σ², the same for all entries, only shifts V.
            flat = offers.reshape(len(offers), -1)
            known = None if p is None else p[:, begin : begin + block].repeat(mean.size, axis=1)
            values = -self._weigh(flat, known).value.reshape(len(part), -1)
            limit = values.min(axis=1) + _MARGIN
            for k in range(_STARTS):
                pick = values.argmin(axis=1)
                open_ = values[rows, pick] <= limit
                if not open_.any():
                    break
                found = np.stack([mean[pick], log_scale[pick]], axis=1)
                starts[begin : begin + block, k] = np.where(open_[:, None], found, np.nan)
                width = _APART * np.maximum(scale[pick][:, None], scale)
                values[np.abs(mean - mean[pick][:, None]) < width] = np.inf
        return starts

    def _at(self, x: Array, p: Array | None, mean: Array, log_scale: Array) -> _At:
        """Evaluate −V and its derivatives at one (μ, log s) for each x."""
        scale = np.exp(log_scale)
        each = np.stack([cost.derivatives(x, mean, scale) for cost in self._costs])
        weights = self._weigh(self._log_prior - each[:, :, 0], p)
        r, w = weights.r, weights.bend
        mixed = np.einsum("cn,cnk->nk", r, each)
        g1, g2 = each[:, :, 1], each[:, :, 2]
        total = w.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(total > 0.0, w / total, 0.0)
        m1, m2 = (share * g1).sum(axis=0), (share * g2).sum(axis=0)
        return _At(
            value=-weights.value,
            g1=mixed[:, 1],
            g2=mixed[:, 2],
            h11=mixed[:, 3] - (w * (g1 - m1) ** 2).sum(axis=0),
            h12=mixed[:, 4] - (w * (g1 - m1) * (g2 - m2)).sum(axis=0),
            h22=mixed[:, 5] - (w * (g2 - m2) ** 2).sum(axis=0),
        )

    def _descend(self, x: Array, p: Array | None, starts: Array) -> Array:
        """Follow every start to a local minimum; return them best first, (n, S, 3)."""
        count, width, _ = starts.shape
        minima = np.full((count, width, 3), np.nan)
        row, column = np.nonzero(~np.isnan(starts[:, :, 0]))
        mean, log_scale = starts[row, column].T

        def evaluate(index: NDArray[np.int64], m: Array, t: Array) -> _At:
            here = row[index]
            return self._at(x[here], None if p is None else p[:, here], m, t)

        ended = _newton(evaluate, mean, log_scale)
        minima[row, column] = np.stack(ended, axis=1)
        order = np.argsort(np.where(np.isnan(minima[:, :, 2]), np.inf, minima[:, :, 2]), axis=1)
        result: Array = np.take_along_axis(minima, order[:, :, None], axis=1)
        return result


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
    mean, log_scale = np.unique(both, axis=1)
    inverse_variance = 1.0 / fields[0].model.noise_variance
    prior = 0.5 * (np.exp(2.0 * log_scale) + mean**2 - 1.0) - log_scale
    nowhere = np.zeros((mean.size, inverse_variance.size))
    offset, slope = [], []
    for field in fields:
        first, squares = field.expectations(nowhere, mean, np.exp(log_scale))
        offset.append(prior + 0.5 * squares @ inverse_variance)
        slope.append(first * inverse_variance)
    return ClassTable(mean, log_scale, np.stack(offset), np.stack(slope))


def _newton(
    evaluate: Callable[[NDArray[np.int64], Array, Array], _At], mean: Array, log_scale: Array
) -> tuple[Array, Array, Array]:
    """Minimise from many starts at once; return μ, log s and the value where each ended."""
    mean, log_scale = mean.copy(), log_scale.copy()
    value = np.empty(mean.size)
    active = np.arange(mean.size)
    if not active.size:
        return mean, log_scale, value
    here = evaluate(active, mean, log_scale)
    value[:] = here.value
    for _ in range(_STEPS):
        a, b = _step(here)
        promised = -(here.g1 * a + here.g2 * b)
        going = promised > _GAIN * (1.0 + np.abs(value[active]))
        active, a, b, promised = active[going], a[going], b[going], promised[going]
        if not active.size:
            break
        length = np.ones(active.size)
        waiting = np.arange(active.size)
        moved = np.zeros(active.size, dtype=bool)
        parts = [np.empty(active.size) for _ in _At._fields]
        for _ in range(_HALVINGS):
            index = active[waiting]
            m = mean[index] + np.exp(log_scale[index]) * length[waiting] * a[waiting]
            t = log_scale[index] + length[waiting] * b[waiting]
            there = evaluate(index, m, t)
            better = there.value < value[index]
            done, index = waiting[better], index[better]
            mean[index], log_scale[index] = m[better], t[better]
            value[index] = there.value[better]
            moved[done] = True
            for mine, theirs in zip(parts, there, strict=True):
                mine[done] = theirs[better]
            waiting = waiting[~better]
            if not waiting.size:
                break
            length[waiting] *= 0.5
        # Whoever cannot go down by any part of a step is at a minimum to rounding.
        active = active[moved]
        here = _At(*[part[moved] for part in parts])
        if not active.size:
            break
    return mean, log_scale, value


def _step(here: _At) -> tuple[Array, Array]:
    """Return Newton's step, made a descent where the Hessian is not positive, and not too long."""
    middle = 0.5 * (here.h11 + here.h22)
    spread = np.hypot(0.5 * (here.h11 - here.h22), here.h12)
    floor = 1e-3 * (1.0 + np.abs(middle) + spread)
    shift = np.maximum(floor - (middle - spread), 0.0)
    shift = np.where(middle - spread > 1e-6 * (np.abs(middle) + spread), 0.0, shift)
    h11, h22 = here.h11 + shift, here.h22 + shift
    determinant = h11 * h22 - here.h12**2
    a = -(h22 * here.g1 - here.h12 * here.g2) / determinant
    b = -(h11 * here.g2 - here.h12 * here.g1) / determinant
    long = np.maximum(np.hypot(a, b) / _LONGEST, 1.0)
    return a / long, b / long
