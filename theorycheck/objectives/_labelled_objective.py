"""What a semi-supervised VAE minimises, exactly: MLEO and PMO with and without labels, and more.

With the labelled share ℓ, the weight γ of the labelled bound and the weight α of the
classification term, per observation

    −objective = (1−ℓ) E_p(x) U + ℓγ E_p(x,y) L + ℓα E_p(x,y) log q(y|x),

and everything beyond entropies of the data is a divergence:

    J = (1−ℓ)(MLEO_x + PMO_U) + ℓγ (MLEO_xy + PMO_L) + ℓα E_p KL[p(y|x) ‖ q(y|x)].

Functional collapse is a number of nats: the information I_f(x; y) = Σ_y π_y KL[p_f(x|y) ‖ p_f(x)]
that the learned model keeps, against the data's (docs/labels.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from theorycheck.arrays import Array
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import (
    CONDITIONAL,
    FACTORISED,
    DrawRule,
    ExactLabelled,
    Family,
    MeanField,
    data_rule,
)
from theorycheck.models import LabelledModel
from theorycheck.objectives._averaging import PMO_TOLERANCE, divergence
from theorycheck.objectives._decomposition import CertifiedPoints, certified_points, decompose
from theorycheck.objectives._total_variation import total_variation
from theorycheck.objectives._weighed_bounds import WeighedBounds, collapse_of
from theorycheck.progress import NO_PROGRESS, Progress

#: What q(y, z | x) may be.
LABEL_FAMILIES = (CONDITIONAL, FACTORISED)
#: Grid step, in σ, of the average of KL[p(y|x) ‖ q(y|x)].
_STEP = 1.0 / 3.0


class _Draws(NamedTuple):
    """Quasi-Monte Carlo for D > 2."""

    size: int
    repeats: int
    seed: int


@dataclass(frozen=True)
class LabelledObjective(WeighedBounds):
    """The objective of a semi-supervised VAE: γ, α, the labelled share and the family of q.

    Parameters
    ----------
    gamma : float
        γ >= 0, weight of the labelled bound; the bound is one on the likelihood of what is
        observed for γ = 1, α = 0 only.
    alpha : float
        α >= 0, weight of E log q(y|x) on labelled x.
    labelled_share : float
        ℓ in [0, 1], the share of observations that have a label.
    family : Family
        CONDITIONAL, q(y|x) q(z|x, y), or FACTORISED, q(y|x) q(z|x).

    Raises
    ------
    SettingError
        If a weight is negative or not finite, the share is not in [0, 1], or the family is not
        one of labelled models.
    """

    gamma: float = 1.0
    alpha: float = 0.0
    labelled_share: float = 0.1
    family: Family = CONDITIONAL

    def __post_init__(self) -> None:
        self._check(LABEL_FAMILIES, "a labelled model")

    def exact(self, model: LabelledModel, truth: ExactLabelled | None = None) -> ExactLabelled:
        """Return a model whose q(y|x) serves the label term of this objective too.

        Parameters
        ----------
        model : LabelledModel
            The f_y under test.
        truth : ExactLabelled, optional
            The data, whose p(y|x) a label term asks for; by default the model itself.

        Returns
        -------
        ExactLabelled
        """
        return ExactLabelled(model, truth, self.label_weight)


@dataclass(frozen=True, eq=False)
class LabelledValue:
    """The exact value of a semi-supervised objective at given f_y, and its parts, in nats.

    Parameters
    ----------
    objective : LabelledObjective
    model, data : LabelledModel
        The f_y under test, and the ground truth.
    mleo_x, mleo_xy : Estimate
        KL[p(x) ‖ p_f(x)] and KL[p(x, y) ‖ p_f(x, y)].
    pmo_u, pmo_l : Estimate
        E_p KL[q(y, z|x) ‖ p_f(y, z|x)] and E_p KL[q(z|x, y) ‖ p_f(z|x, y)].
    label_kl : Estimate
        E_p KL[p(y|x) ‖ q(y|x)].
    information, data_information : Estimate
        I(x; y) of the model and of the data.
    total_variation : Estimate
        ½ ∫ |p_f(x|0) − p_f(x|1)| dx; the mean over pairs for more than two classes.
    certificate : CertifiedPoints or None
        By how much any q of the family can raise U, where that was asked for.
    """

    objective: LabelledObjective
    model: LabelledModel
    data: LabelledModel
    mleo_x: Estimate
    mleo_xy: Estimate
    pmo_u: Estimate
    pmo_l: Estimate
    label_kl: Estimate
    information: Estimate
    data_information: Estimate
    total_variation: Estimate
    certificate: CertifiedPoints | None = None

    @property
    def excess(self) -> Estimate:
        """J: the objective less the entropies of the data."""
        unlabelled, labelled, label = self.objective.weights
        total = (self.mleo_x + self.pmo_u).scaled(unlabelled)
        total = total + (self.mleo_xy + self.pmo_l).scaled(labelled)
        return total + self.label_kl.scaled(label) if label else total

    def reweighted(self, objective: LabelledObjective) -> LabelledValue:
        """Return the value of the same f_y at another γ or labelled share, which weigh its parts.

        Parameters
        ----------
        objective : LabelledObjective
            Of the same family, and the same c = ℓα/(1−ℓ) for q(y|x).

        Returns
        -------
        LabelledValue

        Raises
        ------
        SettingError
            If the family or c differs: the parts would be others.
        """
        mine = self.objective
        if mine.family != objective.family or mine.label_weight != objective.label_weight:
            raise SettingError(
                "the parts of J are for one family of q and one weight of the label term"
            )
        return replace(self, objective=objective)

    def certified(self, points: int, seed: int = 0) -> LabelledValue:
        """Return the same with a bound on what any q of the family can add to U.

        Parameters
        ----------
        points : int
            How many draws from p(x) are certified, by branch and bound; 15 to 80 ms each.
        seed : int
            Of the draws.

        Returns
        -------
        LabelledValue

        Raises
        ------
        SettingError
            If there is not one point.
        """
        if points < 1:
            raise SettingError(f"the number of points to certify must be positive, not {points}")
        source = self.objective.exact(self.data)
        exact = self.objective.exact(self.model, source)
        certificate = certified_points(exact, source, None, self.objective.family, points, seed)
        return replace(self, certificate=certificate)

    @property
    def collapse(self) -> Estimate:
        """1 − I_f(x; y)/I(x; y); see :func:`collapse_of`."""
        return collapse_of(self.information, self.data_information)

    def to_dict(self) -> dict[str, object]:
        """Return the excess, its parts and the information for JSON."""
        return {
            "excess": self.excess.to_dict(),
            "mleo_x": self.mleo_x.to_dict(),
            "mleo_xy": self.mleo_xy.to_dict(),
            "pmo_u": self.pmo_u.to_dict(),
            "pmo_l": self.pmo_l.to_dict(),
            "label_kl": self.label_kl.to_dict(),
            "information": self.information.to_dict(),
            "total_variation": self.total_variation.to_dict(),
            "certificate": None if self.certificate is None else self.certificate.to_dict(),
        }


def labelled_value(
    model: LabelledModel,
    data: LabelledModel | None = None,
    objective: LabelledObjective | None = None,
    *,
    tolerance: float = PMO_TOLERANCE,
    known: LabelledValue | None = None,
    size: int = 1024,
    repeats: int = 16,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> LabelledValue:
    """Evaluate a semi-supervised objective exactly, at the best q of its family.

    Parameters
    ----------
    model : LabelledModel
        The f_y under test.
    data : LabelledModel, optional
        The ground truth; by default the model itself, so that MLEO = 0. Its prior of the labels
        must be the model's.
    objective : LabelledObjective, optional
        γ, α, the labelled share and the family; by default γ = 1, α = 0, one in ten labelled, the
        conditional family.
    tolerance : float
        Error radius wanted for each PMO, nats.
    known : LabelledValue, optional
        A value on the same data, asked for with the same settings: its parts that do not depend
        on what differs (the family of q, or the f_y) are taken and not computed again.
    size, repeats, seed : int
        Quasi-Monte Carlo for D > 2: points a repetition, repetitions, seed.
    progress : Progress
        What is told how far the work is.

    Returns
    -------
    LabelledValue

    Raises
    ------
    ModelError
        If model and data differ in D, the number of classes, or the prior of the labels.
    DecoderError
        If an f misbehaves at a quadrature node.
    """
    truth = model if data is None else data
    chosen = LabelledObjective() if objective is None else objective
    check_same_labels(model, truth)
    draws = _Draws(size, repeats, seed)
    source = chosen.exact(truth)
    exact = source if truth is model else chosen.exact(model, source)
    whole = decompose(
        exact, source, tolerance=tolerance, family=chosen.family, progress=progress,
        **draws._asdict(),
    )  # fmt: skip
    on_data = known is not None and known.data.fingerprint == truth.fingerprint
    if known is not None and on_data and known.model.fingerprint == model.fingerprint:
        return replace(
            known, objective=chosen, model=model, data=truth, pmo_u=whole.pmo,
            label_kl=_label_kl(exact, source, chosen.family, draws), certificate=None,
        )  # fmt: skip
    parts = [
        decompose(
            one, one if exact is source else other, tolerance=tolerance, progress=progress,
            **draws._asdict(),
        )
        for one, other in zip(exact.fields, source.fields, strict=True)
    ]  # fmt: skip
    information = _information(exact, draws)
    of_data = information
    if known is not None and on_data:
        of_data = known.data_information
    elif truth is not model:
        of_data = _information(source, draws)
    return LabelledValue(
        objective=chosen,
        model=model,
        data=truth,
        mleo_x=whole.mleo,
        mleo_xy=_mean([part.mleo for part in parts], truth.prior),
        pmo_u=whole.pmo,
        pmo_l=_mean([part.pmo for part in parts], truth.prior),
        label_kl=_label_kl(exact, source, chosen.family, draws),
        information=information,
        data_information=of_data,
        total_variation=_mean_variation(exact, draws),
    )


def check_same_labels(model: LabelledModel, data: LabelledModel) -> None:
    """Refuse a model of other classes than the data's.

    Raises
    ------
    ModelError
        If they differ in D, the number of classes, or the prior of the labels.
    """
    if model.data_dim != data.data_dim:
        raise ModelError(
            f"{model.name} has {model.data_dim} data dimensions, {data.name} has {data.data_dim}"
        )
    if model.count != data.count:
        raise ModelError(f"{model.name} has {model.count} classes, {data.name} has {data.count}")
    if not np.allclose(model.prior, data.prior, rtol=0.0, atol=1e-12):
        raise ModelError(
            f"{model.name}: the prior of the labels is {model.prior.tolist()}, that of the data "
            f"{data.prior.tolist()}"
        )


def _mean(values: list[Estimate], prior: Array) -> Estimate:
    total = values[0].scaled(float(prior[0]))
    for value, share in zip(values[1:], prior[1:], strict=True):
        total = total + value.scaled(float(share))
    return total


def _information(mixture: ExactLabelled, draws: _Draws) -> Estimate:
    """I(x; y) = Σ_y π_y KL[p(x|y) ‖ p(x)]: where little is left of it, its radius is small too."""
    parts = [divergence(field, mixture, **draws._asdict()) for field in mixture.fields]
    return _mean(parts, mixture.model.prior)


def _mean_variation(exact: ExactLabelled, draws: _Draws) -> Estimate:
    pairs = list(combinations(exact.fields, 2))
    by_grid = exact.model.data_dim <= 2
    values = [
        total_variation(one.panels, other.panels) if by_grid else _variation(one, other, draws)
        for one, other in pairs
    ]
    return _mean(values, np.full(len(pairs), 1.0 / len(pairs)))


def _variation(one: MeanField, other: MeanField, draws: _Draws) -> Estimate:
    """½ ∫ |p − p'| dx as an average of |p − p'|/(p + p') over draws from both."""
    total = Estimate(0.0, 0.0, Kind.EXACT)
    for field in (one, other):
        rule = DrawRule(field.draws(**draws._asdict()))
        apart = one.log_density(rule.x).value - other.log_density(rule.x).value
        total = total + rule.average(np.abs(np.tanh(0.5 * apart))).scaled(0.5)
    return total


def _label_kl(
    exact: ExactLabelled, source: ExactLabelled, family: Family, draws: _Draws
) -> Estimate:
    """E_p KL[p(y|x) ‖ q(y|x)]; q(y|x) jumps where the best q(z|x) does."""
    rule = data_rule(source, step=_STEP, **draws._asdict())
    p, error = source.class_posterior(rule.x)
    found = exact.bound(rule.x, family)
    log_q = found.log_class_posterior
    values = (xlogy(p, p) - np.where(p > 0.0, p * log_q, 0.0)).sum(axis=0)
    # d KL = Σ dp (log p/q + 1); log q moves with the bounds, whose rounding is far below.
    slope = np.abs(np.log(np.maximum(p, 1e-300)) - log_q) + 1.0
    return rule.average(values, (error * slope).sum(axis=0), unseen=math.log(len(p)) + 40.0)
