"""A model with a continuous label as an exact model: p(x), p(y|x), p(z|x), and the bounds L and U.

L(x, y) = log p(y) + max_q E_q log p(x, z | y)/q, a problem of one latent for each y. U(x) depends
on the family of q (section 5.2 of the paper calls a Gaussian q(y|x) naive):

* *naive*, q(y|x) q(z|x): a Gaussian in y times a Gaussian in z.
* *naive conditional*, q(y|x) q(z|x, y): U = max over Gaussians q(y) of E_q L(x, y) − E_q log q(y).
* *flexible*: q(y|x) is any density, U = log ∫ exp L(x, y) dy.
* *naive, IWAE over z*: L becomes log p(x, y), and U = log p(x) − min_q KL[q(y) ‖ p(y|x)].

With importance weights over (y, z) jointly, IWAE's bound tends to log p(x) in every family.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.special import ndtri

from theorycheck.arrays import Array, PerPoint
from theorycheck.errors import ModelError
from theorycheck.inference._boxed_marginal import grid_on_boxes, log_density_on_boxes
from theorycheck.inference._family import (
    FLEXIBLE,
    NAIVE,
    NAIVE_CONDITIONAL,
    NAIVE_IWAE,
    Family,
)
from theorycheck.inference._gaussian_label_q import GaussianLabelQSearch
from theorycheck.inference._label_pull import LabelPull
from theorycheck.inference._label_rule import LabelRule, label_rule
from theorycheck.inference._label_weights import label_weights
from theorycheck.inference._marginal import LogDensity, as_points
from theorycheck.inference._mean_field import MeanField
from theorycheck.inference._naive_q import NaiveQSearch
from theorycheck.models import ContinuousLabelModel
from theorycheck.quadrature import (
    DataSample,
    LatentBoxes,
    TrapezoidGrid,
    latent_boxes,
    sobol_points,
)

#: x at which the rule over y is refined, and their seed.
_PROBES, _SEED = 128, 0
#: Nats of U(x) that all labels together may leave open where no better q is excluded, over their
#: number.
_NEGLIGIBLE = 1e-9
#: Gaps beyond this say that nothing is known.
_UNKNOWN = 100.0


@dataclass(frozen=True, eq=False)
class LabelOffers:
    """What every label y of the rule offers at n points x.

    Parameters
    ----------
    log_given, log_given_error : ndarray, shape (Y, n)
        log p(x | y) and its radius, nats.
    bound, gap : ndarray, shape (Y, n)
        The best ELBO of p(x | y), L(x, y) without log p(y), and by how much it may be higher; None
        where it was not asked for.
    """

    log_given: Float64[Array, "labels n"]
    log_given_error: Float64[Array, "labels n"]
    bound: Float64[Array, "labels n"] | None = None
    gap: Float64[Array, "labels n"] | None = None


@dataclass(frozen=True, eq=False)
class ContinuousBound:
    """U(x) at the best q of a family.

    Parameters
    ----------
    family : Family
        What q is.
    value : ndarray, shape (n,)
        U, nats.
    error : ndarray, shape (n,)
        How far it may be off, as far as rules and searches can tell.
    mean, scale : ndarray, shape (n,)
        Mean and standard deviation of q(y|x).
    log_mass : ndarray, shape (Y, n)
        log q(y|x) at the nodes of the rule over y, its weights included.
    """

    family: Family
    value: PerPoint
    error: PerPoint
    mean: PerPoint
    scale: PerPoint
    log_mass: Float64[Array, "labels n"]


class ExactContinuousLabel:
    """A model with a label y ~ N(0, 1), resolved by quadrature over (y, z).

    Parameters
    ----------
    model : ContinuousLabelModel
        f(y, z) and σ².
    rule : LabelRule, optional
        The rule over y; by default one that resolves p(x | y) of this model.
    """

    families = (NAIVE, NAIVE_CONDITIONAL, FLEXIBLE, NAIVE_IWAE)

    def __init__(self, model: ContinuousLabelModel, rule: LabelRule | None = None) -> None:
        self.model = model
        self._rule = rule
        self._fields: dict[float, MeanField] = {}

    @cached_property
    def boxes(self) -> LatentBoxes:
        """Return f on boxes in (y, z)."""
        return latent_boxes(
            lambda latents: self.model.decoder(latents[:, 0], latents[:, 1]),
            self.model.sigma,
            name=self.model.name,
        )

    @cached_property
    def rule(self) -> LabelRule:
        """Return the rule over y."""
        if self._rule is not None:
            return self._rule
        _, x = self.model.sample(_PROBES, _SEED)
        return label_rule(lambda y: np.stack([self.given(v).log_density(x).value for v in y]))

    def given(self, y: float) -> MeanField:
        """Return p(x | y) as an exact model of z and x; it is kept.

        Parameters
        ----------
        y : float
            The label.
        """
        key = 0.0 if self.model.shared is not None else float(y)
        if key not in self._fields:
            self._fields[key] = MeanField(self.model.given_label(key))
        return self._fields[key]

    def log_density(self, x: ArrayLike) -> LogDensity:
        """Return log p(x), with its radius and E[f(y, z) | x], by boxes in (y, z).

        Parameters
        ----------
        x : array_like, shape (n, D)

        Returns
        -------
        LogDensity
        """
        if self.model.shared is not None:
            return self.given(0.0).log_density(x)
        return log_density_on_boxes(self.boxes, x)

    def log_joint(self, x: ArrayLike, y: ArrayLike) -> tuple[PerPoint, PerPoint]:
        """Return log p(x, y) of pairs, and its radius.

        Parameters
        ----------
        x : array_like, shape (n, D)
        y : array_like, shape (n,)

        Returns
        -------
        value, error : ndarray, shape (n,)
            Nats.
        """
        points = as_points(x, self.model.data_dim)
        labels = np.asarray(y, dtype=float)
        if labels.shape != (len(points),):
            raise ModelError(f"y has shape {labels.shape}, expected one label for each x")
        value, error = np.empty(labels.size), np.empty(labels.size)
        for label in np.unique(labels):
            own = labels == label
            found = MeanField(self.model.given_label(float(label))).log_density(points[own])
            value[own], error[own] = found.value, found.error
        return value - 0.5 * labels**2 - 0.5 * np.log(2.0 * np.pi), error

    def offers(self, x: ArrayLike, *, bounds: bool = True) -> LabelOffers:
        """Return log p(x | y), and the best ELBO of it, for every y of the rule.

        Parameters
        ----------
        x : array_like, shape (n, D)
        bounds : bool
            Find the best q(z|x, y), too.

        Returns
        -------
        LabelOffers
        """
        points = as_points(x, self.model.data_dim)
        # Where f does not depend on y, one label tells of all.
        labels = self.rule.y if self.model.shared is None else self.rule.y[:1]
        known = [self.given(y).log_density(points) for y in labels]
        given = np.stack([one.value for one in known]), np.stack([one.error for one in known])
        rows: tuple[Array, ...] = given
        if bounds:
            best = [
                self.given(y).optimal_q(points, evidence=one, negligible=hardly)
                for y, one, hardly in zip(labels, known, self._negligible(given[0]), strict=True)
            ]
            bound = -np.stack([one.negative_elbo for one in best])
            gap = np.stack([np.minimum(one.gap, _UNKNOWN) for one in best])
            rows = (*given, bound, gap)
        shape = (self.rule.y.size, len(points))
        return LabelOffers(*(np.broadcast_to(row, shape) for row in rows))

    def _negligible(self, log_given: Array) -> Array:
        """Return the KL that needs no bound: little of what a label's share of p(x) can add."""
        shape = (self.rule.y.size, log_given.shape[1])
        joint = np.broadcast_to(log_given, shape) + self.rule.log_weight[:, None]
        log_share = joint - np.logaddexp.reduce(joint, axis=0)
        result: Array = _NEGLIGIBLE * np.exp(np.minimum(-log_share, 600.0))
        return result[: len(log_given)] if len(log_given) > 1 else np.zeros_like(log_given)

    def label_density(self, x: ArrayLike) -> tuple[Float64[Array, "labels n"], PerPoint, PerPoint]:
        """Return p(y|x) at the nodes of the rule, and its mean and standard deviation.

        Parameters
        ----------
        x : array_like, shape (n, D)

        Returns
        -------
        density : ndarray, shape (Y, n)
            Of y.
        mean, scale : ndarray, shape (n,)
        """
        rule = self.rule
        value = self.offers(x, bounds=False).log_given
        total, _ = rule.log_integral(value)
        mass = np.exp(value + rule.log_weight[:, None] - total)
        return mass / rule.weight[:, None], *_moments(rule.y, mass)

    def latent_density(
        self, x: ArrayLike, z: Float64[Array, " latents"], y: float | None = None
    ) -> Float64[Array, "n latents"]:
        """Return p(z | x), or p(z | x, y) where a label is given, on a grid of z.

        Parameters
        ----------
        x : array_like, shape (n, D)
        z : ndarray, shape (Z,)
        y : float, optional

        Returns
        -------
        ndarray, shape (n, Z)
        """
        points = as_points(x, self.model.data_dim)
        labels = self.rule.y if y is None else np.array([float(y)])
        log_weight = self.rule.log_weight if y is None else np.zeros(1)
        total = (
            self.log_density(points) if y is None else self.given(float(y)).log_density(points)
        ).value
        sigma = self.model.sigma
        constant = -0.5 * z**2 - 0.5 * np.log(2.0 * np.pi) * (1 + sigma.size) - np.log(sigma).sum()
        result = np.zeros((len(points), z.size))
        for label, weight in zip(labels, log_weight, strict=True):
            apart = (points[:, None, :] - self.model.decoder(label, z)) / sigma
            exponent = weight + constant - 0.5 * (apart**2).sum(axis=2) - total[:, None]
            result += np.exp(exponent)
        return result

    def bound(
        self,
        x: ArrayLike,
        family: Family,
        offers: LabelOffers | None = None,
        pull: LabelPull | None = None,
    ) -> ContinuousBound:
        """Return U(x) and its q(y|x).

        Parameters
        ----------
        x : array_like, shape (n, D)
        family : Family
            What q may be: one of `families`.
        offers : LabelOffers, optional
            What `offers` returned for these x.
        pull : LabelPull, optional
            A label term that q(y|x) serves beside U; the value is U alone.

        Returns
        -------
        ContinuousBound

        Raises
        ------
        ModelError
            If the model does not offer the family, or x has the wrong shape or is not finite.
        """
        points = as_points(x, self.model.data_dim)
        if family not in self.families:
            offered = ", ".join(one.name for one in self.families)
            raise ModelError(f"{self.model.name}: there is no {family.name} here, but {offered}")
        if self.model.shared is not None:
            return self._of_shared(points, family, pull)
        if family == NAIVE:
            found = self._naive.run(points, pull)
            of_y = found.mean[:, 0], found.scale[:, 0]
            return self._of_gaussian(family, -found.negative_elbo, found.error, *of_y)
        given = self.offers(points, bounds=family != NAIVE_IWAE) if offers is None else offers
        if family == FLEXIBLE:
            return self._of_any(*_known(given), pull)
        bound, gap = (
            (given.log_given, given.log_given_error) if family == NAIVE_IWAE else _known(given)
        )
        best = self._gaussian.run(bound, np.minimum(gap, _UNKNOWN), pull)
        return self._of_gaussian(family, best.value, best.error, best.mean, best.scale)

    def _of_gaussian(
        self, family: Family, value: Array, error: Array, mean: Array, scale: Array
    ) -> ContinuousBound:
        apart = (self.rule.y[:, None] - mean) / scale
        log_q = -0.5 * apart**2 - np.log(scale) - 0.5 * np.log(2.0 * np.pi)
        log_mass = log_q + np.log(self.rule.weight)[:, None]
        return ContinuousBound(family, value, error, mean, scale, log_mass)

    def _of_any(self, bound: Array, gap: Array, pull: LabelPull | None) -> ContinuousBound:
        """Return U of a q(y|x) that may be any density: the best is so point by point."""
        rule = self.rule
        if pull is None:
            value, error = rule.log_integral(bound)
            log_mass = bound + rule.log_weight[:, None] - value
            mass = np.exp(log_mass)
        else:
            # A node is a class of the discrete problem; log weights of nodes are constants in it.
            found = label_weights(bound + rule.log_weight[:, None], pull.mass, pull.weight)
            mass, log_mass, value = found.r, found.log_r, found.bound
            error = rule.errors(mass * (bound + rule.log_weight[:, None] - log_mass)).sum(axis=0)
        mean, scale = _moments(rule.y, mass)
        error = error + (mass * gap).sum(axis=0)
        return ContinuousBound(FLEXIBLE, value, error, mean, scale, log_mass)

    def _of_shared(
        self, points: Array, family: Family, pull: LabelPull | None = None
    ) -> ContinuousBound:
        """Return U where f does not depend on y: p(y|x) is the prior, a Gaussian."""
        field = self.given(0.0)
        p = field.log_density(points)
        value, error = p.value, p.error
        if family != NAIVE_IWAE:
            best = field.optimal_q(points, evidence=p)
            value, error = -best.negative_elbo, np.minimum(best.gap, _UNKNOWN)
        ones = np.ones(len(points))
        if pull is None:
            return self._of_gaussian(family, value, error, 0.0 * ones, ones)
        # Every label offers the same: what q(y|x) loses, it loses to the label term alone.
        nothing = np.zeros((self.rule.y.size, len(points)))
        if family == FLEXIBLE:
            lost = self._of_any(nothing, nothing, pull)
            return replace(lost, value=value + lost.value, error=error + lost.error)
        best_y = self._gaussian.run(nothing, nothing, pull)
        value, error = value + best_y.value, error + best_y.error
        return self._of_gaussian(family, value, error, best_y.mean, best_y.scale)

    @cached_property
    def _naive(self) -> NaiveQSearch:
        return NaiveQSearch(self.model)

    @cached_property
    def _gaussian(self) -> GaussianLabelQSearch:
        return GaussianLabelQSearch(self.rule)

    def grid(self, step: float, shift: float = 0.0) -> TrapezoidGrid:
        """Return a trapezoid rule over p(x), D <= 2, of a step in σ.

        Raises
        ------
        ModelError
            If D > 2.
        """
        if self.model.shared is not None:
            return self.given(0.0).grid(step, shift)
        return grid_on_boxes(self.boxes, step, shift)

    def draws(self, *, size: int, repeats: int, seed: int) -> DataSample:
        """Return `repeats` independent sets of `size` quasi-random draws from p(x), any D."""
        dim = self.model.data_dim
        points = ndtri(sobol_points(dim + 2, size=size, repeats=repeats, seed=seed))
        x = [
            self.model.decoder(inner[:, 0], inner[:, 1]) + inner[:, 2:] * self.model.sigma
            for inner in points
        ]
        return DataSample(np.stack(x))


def _known(offers: LabelOffers) -> tuple[Array, Array]:
    if offers.bound is None or offers.gap is None:
        raise ModelError("this family of q asks for the bounds of every label")
    return offers.bound, offers.gap


def _moments(y: Array, mass: Array) -> tuple[Array, Array]:
    mean = y @ mass
    square = (y**2) @ mass
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))
