"""The E-step of a labelled model on cells: q(y|x), and the best q(z|x, y) or q(z|x).

The decoders of the classes stand one above the other on the same cells, as one f of C·M rows, so
that :func:`theorycheck.optimum.ascend` raises a labelled objective as it raises the ELBO: its
M-step is the same weighted mean, with the weights of docs/labels.md,

    f_y(z) ∝ Σ_x [(1−ℓ) p(x) q(y|x) q_U(z|x, y) + ℓγ p(x, y) q_L(z|x, y)] x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerClass, PerDimension
from theorycheck.inference import (
    FACTORISED,
    ExactLabelled,
    SharedQ,
    SharedQSearch,
    label_weights,
)
from theorycheck.objectives import LabelledObjective
from theorycheck.optimum._e_step import EStep, Responsibilities
from theorycheck.optimum._nodes import DataNodes, data_nodes
from theorycheck.quadrature import LatentCells
from theorycheck.quadrature.kernels import CARRIED, ClassTable

#: Mass of a cell from which it has a say.
_SEEN = 1e-14
#: Offset and slope of the scan table, where it is looked at.
_Affine = tuple[Array, Array] | None


@dataclass(frozen=True, eq=False)
class LabelledNodes:
    """Weighted points that stand for p(x), with p(y|x) of the data.

    Parameters
    ----------
    nodes : DataNodes
    class_posterior : ndarray, shape (C, n)
        p(y|x).
    log_prior : ndarray, shape (C,)
        log π, nats.
    """

    nodes: DataNodes
    class_posterior: PerClass
    log_prior: Float64[Array, " C"]

    @property
    def class_entropy(self) -> float:
        """H(y|x) on these nodes, nats."""
        p = self.class_posterior
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(p > 0.0, p * np.log(p), 0.0).sum(axis=0)
        return -float(self.nodes.mass @ each)


def labelled_nodes(
    data: ExactLabelled,
    step: float,
    *,
    shift: float = 0.0,
    tail: float = 1e-6,
    most: int | None = None,
    seed: int = 0,
) -> LabelledNodes:
    """Lay data nodes for a labelled model; see :func:`theorycheck.optimum.data_nodes`."""
    nodes = data_nodes(data, step, shift=shift, tail=tail, most=most, seed=seed)
    return LabelledNodes(nodes, data.class_posterior(nodes.x)[0], data.model.log_prior)


@dataclass(frozen=True, eq=False)
class LabelResponsibilities(Responsibilities):
    """The q of every data node, and the sums of the M-step for the classes' f, stacked.

    Parameters
    ----------
    minima : ndarray, shape (C or C + 1, n, CARRIED, 3)
        Those of every class, and of the q(z|x) that all share.
    weight : float
        What the weights of all nodes and classes add up to: (1−ℓ) + ℓγ.
    """

    minima: Float64[Array, "families n carried 3"]
    weight: float = 1.0

    def residual_variance(self, f: Float64[Array, "cells D"]) -> PerDimension:
        """Return the weighted mean of (x_d − f_y,d)², Theorem 2's σ² for this objective."""
        return super().residual_variance(f) / self.weight


class LabelEStep(EStep):
    """The E-step of one labelled objective.

    Parameters
    ----------
    labelled : LabelledNodes
    cells : LatentCells
        The cells that every f_y is constant on.
    objective : LabelledObjective
    """

    def __init__(
        self, labelled: LabelledNodes, cells: LatentCells, objective: LabelledObjective
    ) -> None:
        super().__init__(labelled.nodes, cells)
        self.labelled, self.objective = labelled, objective
        self._classes = len(labelled.log_prior)

    def look_again(self) -> None:
        """Do nothing: with a table for each class a look is dear, in annealing too."""

    def split(self, f: Float64[Array, "rows D"]) -> list[Float64[Array, "cells D"]]:
        """Return f_y (M, D) of every class from the stacked f (C·M, D)."""
        return np.split(f, self._classes)

    def __call__(
        self,
        f: Float64[Array, "rows D"],
        noise_variance: PerDimension,
        previous: Float64[Array, "families n carried 3"] | None = None,
    ) -> LabelResponsibilities:
        """Find the best q for every data node.

        Parameters
        ----------
        f : ndarray, shape (C·M, D)
            The classes' decoders, one above the other.
        noise_variance : ndarray, shape (D,)
        previous : ndarray, shape (C or C + 1, n, CARRIED, 3), optional
            The minima of the last sweep.

        Returns
        -------
        LabelResponsibilities
            Its `negative_elbo` is the objective, entropies of the data included.
        """
        fresh = self._looks(previous)
        parts = self.split(f)
        tables = [self.affine(part, noise_variance) if fresh else None for part in parts]
        own = [
            self.minima(
                part, noise_variance, None if previous is None else previous[y], table, look=fresh
            )
            for y, (part, table) in enumerate(zip(parts, tables, strict=True))
        ]
        narrowest = min(float(minima[:, 0, 1].min()) for minima in own)
        shared = None
        if self.objective.family == FACTORISED:
            hint = None if previous is None else previous[self._classes]
            shared = self._shared(parts, noise_variance, hint, tables)
            narrowest = min(narrowest, float(np.log(shared.scale).min()))
        self._lay_table(math.exp(narrowest))
        return self._put_together(parts, own, shared)

    def certified(
        self, f: Float64[Array, "rows D"], noise_variance: PerDimension, found: Responsibilities
    ) -> LabelResponsibilities:
        """Look for lower minima of the classes through their bounds, and on the table."""
        own, gap = [], 0.0
        unlabelled, labelled, _ = self.objective.weights
        parts = self.split(f)
        for y, part in enumerate(parts):
            old = self.sums(found.minima[y], part)
            best = super().certified(part, noise_variance, old)
            own.append(best.minima)
            gap += best.gap * (unlabelled + labelled)
        shared = None
        if self.objective.family == FACTORISED:
            tables: list[_Affine] = [self.affine(part, noise_variance) for part in parts]
            shared = self._shared(parts, noise_variance, found.minima[self._classes], tables)
        return replace(self._put_together(parts, own, shared), gap=gap)

    def _shared(
        self, parts: list[Array], noise_variance: Array, hint: Array | None, tables: list[_Affine]
    ) -> SharedQ:
        """Find the best q(z|x) that serves all classes; `tables` of None are not looked at."""

        def table() -> ClassTable:
            known = [one for one in tables if one is not None]
            return ClassTable(
                *self.entries,
                np.stack([offset for offset, _ in known]),
                np.stack([slope.T for _, slope in known]),
            )

        search = SharedQSearch(
            self.cells.class_arrays(parts), self.labelled.log_prior, noise_variance, table,
            self.objective.label_weight,
        )  # fmt: skip
        return search.run(
            self.nodes.x,
            self.labelled.class_posterior,
            groups=len(self.nodes.x),
            hint=None if hint is None else hint[:, :, :2],
            fresh=tables[0] is not None,
        )

    def _put_together(
        self, f: list[Array], own: list[Array], shared: SharedQ | None
    ) -> LabelResponsibilities:
        mass, p = self.nodes.mass, self.labelled.class_posterior
        unlabelled, labelled, _ = self.objective.weights
        log_prior = self.labelled.log_prior[:, None]
        bounds = log_prior - np.stack([minima[:, 0, 2] for minima in own])
        if shared is None:
            weights = label_weights(bounds, p, self.objective.label_weight)
            r, best = weights.r, weights.value
            minima = own
        else:
            r, best = shared.class_posterior, shared.value
            minima = [*own, _carried(shared.minima)]
        value = -unlabelled * float(mass @ best)
        value -= labelled * float(mass @ (p * bounds).sum(axis=0))
        parts = []
        for y, part in enumerate(f):
            q_mass = unlabelled * mass * r[y]
            l_mass = labelled * mass * p[y]
            if shared is None:
                parts.append(self.sums(own[y], part, q_mass + l_mass))
            else:
                unseen = self.sums(minima[-1], part, q_mass)
                parts.append(_joined(unseen, self.sums(own[y], part, l_mass), part))
        return LabelResponsibilities(
            minima=np.stack(minima),
            negative_elbo=value,
            aggregate=np.concatenate([one.aggregate for one in parts]),
            target=np.concatenate([one.target for one in parts]),
            square=np.concatenate([one.square for one in parts]),
            weight=unlabelled + labelled,
        )


def _carried(minima: Array) -> Array:
    """Return the best of the minima, as many as an E-step carries."""
    return np.ascontiguousarray(minima[:, :CARRIED])


def _joined(one: Responsibilities, other: Responsibilities, f: Array) -> Responsibilities:
    """Add the sums of the unlabelled and the labelled x of a class."""
    aggregate = one.aggregate + other.aggregate
    moment = one.aggregate[:, None] * one.target + other.aggregate[:, None] * other.target
    target = f.copy()
    seen = aggregate > _SEEN
    target[seen] = moment[seen] / aggregate[seen, None]
    return replace(one, aggregate=aggregate, target=target, square=one.square + other.square)
