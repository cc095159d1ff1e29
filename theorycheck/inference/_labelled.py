"""A labelled model as an exact model: p(x), p(y|x), and U(x), L(x, y) at the best q of a family.

* *conditional*, q(y|x) q(z|x, y) (Kingma et al. 2014): every class has a q(z) of its own, so that
  U = log Σ_y exp L(x, y) with the labelled bounds L(x, y) = log π_y + max_q −KL − E_q c_y.
* *factorised*, q(y|x) q(z|x), of which section 5.2 of the paper speaks: one q(z) serves all
  classes, U = max_q −KL + log Σ_y π_y exp(−E_q c_y).

`decompose` then gives H(x), MLEO_x = KL[p(x) ‖ p_f(x)] and PMO_U = E_p[log p_f(x) − U] with their
radii. With a label term, q(y|x) serves it as well (`_label_weights.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike
from scipy.special import logsumexp, ndtri

from theorycheck.arrays import Array, Integers, PerClass, PerPoint, Points
from theorycheck.inference._exact_model import BestQ
from theorycheck.inference._family import CONDITIONAL, FACTORISED, Family, checked_family
from theorycheck.inference._label_q import (
    SharedQ,
    SharedQSearch,
    class_panels,
    class_table,
    label_shares,
)
from theorycheck.inference._label_weights import LabelWeights, label_weights
from theorycheck.inference._marginal import LogDensity, as_points
from theorycheck.inference._mean_field import MeanField
from theorycheck.models import LabelledModel
from theorycheck.quadrature import DataSample, TrapezoidGrid, sobol_points
from theorycheck.quadrature.kernels import ClassPanels

#: Errors beyond this say that nothing is known; sums of them must not overflow.
_UNKNOWN = 1e300


@dataclass(frozen=True, eq=False)
class UnlabelledBound:
    """U(x) at the best q of a family.

    Parameters
    ----------
    value : ndarray, shape (n,)
        U, nats: what the family's best q gives of log p(x).
    gap : ndarray, shape (n,)
        How much higher it may be, nats, as far as the search can tell.
    class_posterior, log_class_posterior : ndarray, shape (C, n)
        q(y|x) and its logarithm.
    mean, scale : ndarray, shape (C, n)
        μ and s of q(z|x, y); the same in every row where the family is factorised.
    """

    value: PerPoint
    gap: PerPoint
    class_posterior: PerClass
    log_class_posterior: PerClass
    mean: PerClass
    scale: PerClass


class ExactLabelled:
    """A labelled model with discrete labels, each class resolved by quadrature: an exact model.

    Parameters
    ----------
    model : LabelledModel
        The classes' decoders and the prior of the labels.
    truth : ExactLabelled, optional
        The data, whose p(y|x) a label term asks for; by default the model itself.
    label_weight : float
        c = ℓα/(1−ℓ): weight of E log q(y|x) against U. 0 where there is no label term.
    """

    families = (CONDITIONAL, FACTORISED)

    def __init__(
        self,
        model: LabelledModel,
        truth: ExactLabelled | None = None,
        label_weight: float = 0.0,
    ) -> None:
        self.model = model
        self.fields = tuple(MeanField(one) for one in model.classes)
        self._truth, self.label_weight = truth, label_weight

    @property
    def unresolved_mass(self) -> float:
        """Prior mass on which a class's f is not resolved against σ."""
        return self._averaged([field.unresolved_mass for field in self.fields])

    @property
    def missing_mass(self) -> float:
        """Prior mass that no latent of a class's rule stands for."""
        return self._averaged([field.missing_mass for field in self.fields])

    @property
    def verified_width(self) -> float:
        """Width in z from which on nothing of any class's f was missed."""
        return max(field.verified_width for field in self.fields)

    @property
    def covered(self) -> float:
        """Room in data space that the classes take up together, at most, in σ^D."""
        return sum(field.covered for field in self.fields)

    @property
    def latent_nodes(self) -> int:
        """How many latents stand for the priors of all classes together."""
        return sum(field.latent_nodes for field in self.fields)

    @cached_property
    def log_prior(self) -> Float64[Array, "C 1"]:
        """Log π as a column, shape (C, 1)."""
        return self.model.log_prior[:, None]

    def log_joint(self, x: ArrayLike) -> tuple[PerClass, PerClass, list[LogDensity]]:
        """Return log p(x, y), a bound on its relative error, and log p(x | y) of each class.

        Parameters
        ----------
        x : array_like, shape (n, D)

        Returns
        -------
        value : ndarray, shape (C, n)
            Nats.
        relative_error : ndarray, shape (C, n)
            Of p(x, y) itself.
        classes : list of LogDensity
        """
        points = as_points(x, self.model.data_dim)
        classes = [field.log_density(points) for field in self.fields]
        value = np.stack([p.value for p in classes]) + self.log_prior
        return value, np.stack([p.relative_error for p in classes]), classes

    def log_density(self, x: ArrayLike) -> LogDensity:
        """Return log p(x) = log Σ_y π_y p(x | y), with its radius and E[f_y(z) | x].

        Parameters
        ----------
        x : array_like, shape (n, D)

        Returns
        -------
        LogDensity
        """
        joint, relative, classes = self.log_joint(x)
        value = logsumexp(joint, axis=0)
        share = np.exp(joint - value)
        mean_f = np.einsum("cn,cnd->nd", share, np.stack([p.posterior_mean_f for p in classes]))
        off = (share * np.minimum(relative, _UNKNOWN)).sum(axis=0) + 4.0 * np.finfo(float).eps
        # |log(1 + e)| for |e| <= off.
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(off < 0.5, -np.log1p(-np.minimum(off, 0.5)), math.inf)
        return LogDensity(value, error + 1e-15 * (1.0 + np.abs(value)), off, mean_f)

    def class_posterior(self, x: ArrayLike) -> tuple[PerClass, PerClass]:
        """Return p(y | x) and its radius.

        Parameters
        ----------
        x : array_like, shape (n, D)

        Returns
        -------
        value, error : ndarray, shape (C, n)
        """
        joint, relative, _ = self.log_joint(x)
        share = np.exp(joint - logsumexp(joint, axis=0))
        known = np.minimum(relative, _UNKNOWN)
        # d p(y|x) = p(y|x) (own relative error − the mean of all).
        error = share * (known + (share * known).sum(axis=0))
        return share, np.minimum(error, 1.0) + 1e-15

    def posterior_squares(self, x: ArrayLike) -> Points:
        """Return E[(x_d − f_y,d(z))² | x] under the exact p(y, z | x), shape (n, D)."""
        share, _ = self.class_posterior(x)
        squares = np.stack([field.posterior_squares(x) for field in self.fields])
        result: Array = np.einsum("cn,cnd->nd", share, squares)
        return result

    def labelled_bound(self, x: ArrayLike) -> tuple[PerClass, PerClass]:
        """Return L(x, y) of every class, each with its own best q(z|x, y), and how far it may rise.

        Parameters
        ----------
        x : array_like, shape (n, D)

        Returns
        -------
        value, gap : ndarray, shape (C, n)
            Nats.
        """
        best = [field.optimal_q(x) for field in self.fields]
        value = self.log_prior - np.stack([one.negative_elbo for one in best])
        return value, np.stack([one.gap for one in best])

    def bound(self, x: ArrayLike, family: Family = CONDITIONAL) -> UnlabelledBound:
        """Return U(x) and its q.

        Parameters
        ----------
        x : array_like, shape (n, D)
        family : Family
            What q may be: one of `families`.

        Returns
        -------
        UnlabelledBound

        Raises
        ------
        ModelError
            If the model does not offer the family, or x has the wrong shape or is not finite.
        """
        checked_family(self, family)
        points = as_points(x, self.model.data_dim)
        if family == FACTORISED:
            found = self._shared.run(points, self._known(points))
            ones = np.ones((len(self.fields), 1))
            return UnlabelledBound(
                found.bound, np.zeros(len(points)), found.class_posterior,
                found.log_class_posterior,
                ones * found.mean, ones * found.scale,
            )  # fmt: skip
        best = [field.optimal_q(points) for field in self.fields]
        labelled = self.log_prior - np.stack([one.negative_elbo for one in best])
        weights = self._weights(labelled, points)
        return UnlabelledBound(
            value=weights.bound,
            gap=_weighted(weights.r, np.stack([one.gap for one in best])),
            class_posterior=weights.r,
            log_class_posterior=weights.log_r,
            mean=np.stack([one.mean for one in best]),
            scale=np.stack([one.scale for one in best]),
        )

    def optimal_q(self, x: ArrayLike) -> SharedQ:
        """Find the best q(z|x) q(y|x) of the factorised family for every x (n, D)."""
        points = as_points(x, self.model.data_dim)
        return self._shared.run(points, self._known(points))

    def best_q(
        self,
        x: ArrayLike,
        *,
        family: Family = CONDITIONAL,
        groups: int = 0,
        hint: Float64[Array, "groups candidates width"] | None = None,
        fresh: bool = True,
        evidence: LogDensity | None = None,  # noqa: ARG002
        negligible: PerPoint | None = None,  # noqa: ARG002
    ) -> BestQ:
        """Find the best q of every x; see :class:`theorycheck.inference.ExactModel`.

        What is called −ELBO_x there is −U(x) here. log p(x) of the mixture bounds no single class's
        bound, so that it is of no use to the search.
        """
        checked_family(self, family)
        points = as_points(x, self.model.data_dim)
        if family == FACTORISED:
            return self._best_shared(points, groups, hint, fresh)
        parts = [None] * len(self.fields) if hint is None else np.split(hint, len(self.fields), 2)
        best = [
            field.best_q(points, groups=groups, hint=_contiguous(part), fresh=fresh)
            for field, part in zip(self.fields, parts, strict=True)
        ]
        labelled = self.log_prior - np.stack([one.negative_elbo for one in best])
        weights = self._weights(labelled, points)
        return BestQ(
            negative_elbo=-weights.bound,
            gap=_weighted(weights.r, np.stack([one.gap for one in best])),
            mean_f=_mixed(weights.r, [one.mean_f for one in best]),
            squares=_mixed(weights.r, [one.squares for one in best]),
            hint=np.concatenate([one.hint for one in best], axis=2),
        )

    def _best_shared(self, points: Array, groups: int, hint: Array | None, fresh: bool) -> BestQ:
        found = self._shared.run(points, self._known(points), groups=groups, hint=hint, fresh=fresh)
        moments = [field.expectations(points, found.mean, found.scale) for field in self.fields]
        return BestQ(
            negative_elbo=-found.bound,
            gap=np.zeros(len(points)),
            mean_f=_mixed(found.class_posterior, [first for first, _ in moments]),
            squares=_mixed(found.class_posterior, [square for _, square in moments]),
            hint=found.candidates,
        )

    @cached_property
    def panels(self) -> ClassPanels:
        """Return the panels and runs of all classes, as the kernels take them."""
        return class_panels(self.fields)

    @cached_property
    def _shared(self) -> SharedQSearch:
        return SharedQSearch(
            self.panels, self.model.log_prior, self.model.noise_variance,
            lambda: class_table(self.fields), self.label_weight,
        )  # fmt: skip

    def _known(self, x: Array) -> Array | None:
        """Return p(y|x) of the data where a label term asks for it."""
        if self.label_weight == 0.0:
            return None
        truth = self if self._truth is None else self._truth
        return truth.class_posterior(x)[0]

    def shares(self, x: ArrayLike) -> Float64[Array, "n C"]:
        """Return c p(y|x) of the data, the weights of the label term: 0 where there is none."""
        points = as_points(x, self.model.data_dim)
        return label_shares(len(points), len(self.fields), self._known(points), self.label_weight)

    def _weights(self, a: Array, x: Array) -> LabelWeights:
        return label_weights(a, self._known(x), self.label_weight)

    def grid(self, step: float, shift: float = 0.0) -> TrapezoidGrid:
        """Return a trapezoid rule over p(x), D <= 2, of a step in σ: the classes' grids in one."""
        grids = [field.grid(step, shift) for field in self.fields]
        spacing = step * self.model.sigma
        index = [np.rint(grid.x / spacing - shift).astype(np.int64) for grid in grids]
        nodes, owner = np.unique(np.concatenate(index), axis=0, return_inverse=True)
        log_density = np.full((len(grids), len(nodes)), -np.inf)
        starts = np.cumsum([0, *map(len, index)])
        for y, grid in enumerate(grids):
            log_density[y, owner.ravel()[starts[y] : starts[y + 1]]] = grid.log_density
        missing = [grid.missing_mass for grid in grids]
        return TrapezoidGrid(
            x=(nodes + shift) * spacing,
            log_density=logsumexp(log_density + self.log_prior, axis=0),
            volume=float(spacing.prod()),
            coarse=np.all(nodes % 2 == 0, axis=1),
            missing_mass=self._averaged(missing),
        )

    def draws(self, *, size: int, repeats: int, seed: int) -> DataSample:
        """Return `repeats` independent sets of quasi-random draws from p(x)."""
        return DataSample(self.labelled_draws(size=size, repeats=repeats, seed=seed)[1])

    def labelled_draws(
        self, *, size: int, repeats: int, seed: int
    ) -> tuple[Int64[Integers, "repeats n"], Float64[Array, "repeats n D"]]:
        """Return quasi-random draws of y (R, n) and x (R, n, D) from p(x, y)."""
        points = sobol_points(self.model.data_dim + 2, size=size, repeats=repeats, seed=seed)
        edges = np.cumsum(self.model.prior)[:-1]
        y = np.searchsorted(edges, points[..., 0], side="right")
        z = ndtri(points[..., 1])
        x = ndtri(points[..., 2:]) * self.model.sigma
        for label, one in enumerate(self.model.classes):
            own = y == label
            if own.any():
                x[own] += one.decoder(z[own])
        return y, x

    def _averaged(self, values: list[float]) -> float:
        return float(self.model.prior @ np.array(values))


def _contiguous(part: Array | None) -> Array | None:
    return None if part is None else np.ascontiguousarray(part)


def _mixed(r: Array, values: list[Array]) -> Array:
    """Average the classes' values (n, D) by q(y|x)."""
    result: Array = np.einsum("cn,cnd->nd", r, np.stack(values))
    return result


def _weighted(r: Array, gap: Array) -> Array:
    """Average the classes' gaps by q(y|x): an unknown one counts only where it has weight."""
    with np.errstate(invalid="ignore"):
        result: Array = np.where(r > 0.0, r * gap, 0.0).sum(axis=0)
    return result
