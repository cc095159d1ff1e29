"""What a semi-supervised VAE with a continuous label minimises, exactly, and its parts.

With the labelled share ℓ and the weight γ of the labelled bound, per observation

    J = (1−ℓ)(MLEO_x + PMO_U) + ℓγ (MLEO_xy + PMO_L) + ℓα E KL[p(y|x) ‖ q(y|x)],

as for discrete labels (`_labelled_objective.py`); with α > 0 the q(y|x) of U serves the last term,
too. All families and all γ share one table of what every label offers at every x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np

from theorycheck.arrays import Array
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import (
    NAIVE_IWAE,
    ContinuousBound,
    DataRule,
    ExactContinuousLabel,
    Family,
    LabelOffers,
    LabelPull,
    LabelRule,
    LogDensity,
    data_rule,
)
from theorycheck.models import ContinuousLabelModel
from theorycheck.objectives._continuous_figures import ContinuousObjective, ContinuousValue
from theorycheck.progress import NO_PROGRESS, Progress

#: Grid step over x in σ, and mass of the lightest nodes that are left out.
_STEP, _IGNORED = 0.7, 1e-8
#: Nats that a divergence is taken to be at most where no node is.
_UNSEEN = 100.0
_NONE = Estimate(0.0, 0.0, Kind.EXACT)
#: Size, repetitions and seed of draws for D > 2.
_DRAWS = (256, 16, 0)
#: Step, and size, repetitions and seed of draws.
_Draws = tuple[float, int, int, int]


def continuous_label_values(
    model: ContinuousLabelModel | ExactContinuousLabel,
    data: ContinuousLabelModel | ExactContinuousLabel | None,
    objectives: Sequence[ContinuousObjective],
    *,
    step: float = _STEP,
    size: int = _DRAWS[0],
    repeats: int = _DRAWS[1],
    seed: int = _DRAWS[2],
    progress: Progress = NO_PROGRESS,
) -> list[ContinuousValue]:
    """Evaluate several objectives at one f, at the best q of each family.

    Parameters
    ----------
    model : ContinuousLabelModel or ExactContinuousLabel
        The f under test.
    data : ContinuousLabelModel or ExactContinuousLabel or None
        The ground truth; None for the model itself, so that MLEO = 0. One that is exact already
        keeps its rule over y, which should resolve the model as well (`common_rule`).
    objectives : sequence of ContinuousObjective
    step : float
        Grid step over x, in σ, for D <= 2: at half of it the work is four times as much in the
        plane, and what kinks of KL(x) cost the radii of the PMOs falls.
    size, repeats, seed : int
        Quasi-Monte Carlo for D > 2: points a repetition, repetitions, seed.
    progress : Progress
        What is told how far the work is.

    Returns
    -------
    list of ContinuousValue

    Raises
    ------
    ModelError
        If model and data differ in D.
    DecoderError
        If f misbehaves at a quadrature node.
    """
    exact, source = _exact_pair(model, model if data is None else data)
    draws = (step, size, repeats, seed)
    pulls = list(dict.fromkeys((one.family, one.label_weight) for one in objectives))
    with progress.task("labels of every x", len(pulls) + 2) as advance:
        side = _side(source, draws)
        # IWAE's limit asks for no q of z, which is most of the work.
        bounds = any(family != NAIVE_IWAE for family, _ in pulls)
        table = _Table(exact, side, bounds)
        advance(1)
        found = {}
        for pulled in pulls:
            found[pulled] = table.unlabelled(*pulled)
            advance(1)
        information = (side if exact is source else _side(exact, draws)).information
        advance(1)
    return [
        ContinuousValue(
            one, table.mleo_x(), table.mleo_xy(), pmo_u,
            _NONE if one.family == NAIVE_IWAE else table.labelled(),
            label_kl, information, side.information, exact.model, source.model,
        )
        for one in objectives
        for pmo_u, label_kl in [found[one.family, one.label_weight]]
    ]  # fmt: skip


def continuous_label_value(
    model: ContinuousLabelModel,
    data: ContinuousLabelModel | None = None,
    objective: ContinuousObjective | None = None,
    *,
    step: float = _STEP,
) -> ContinuousValue:
    """Evaluate an objective with a continuous label exactly, at the best q of its family.

    Parameters
    ----------
    model : ContinuousLabelModel
        The f under test.
    data : ContinuousLabelModel, optional
        The ground truth; by default the model itself.
    objective : ContinuousObjective, optional
        γ, the labelled share and the family; by default γ = 1, one in ten labelled, a Gaussian
        q(y|x) and a q(z|x, y) for each y.
    step : float
        As for :func:`continuous_label_values`, which evaluates several for hardly more.

    Returns
    -------
    ContinuousValue
    """
    chosen = ContinuousObjective() if objective is None else objective
    return continuous_label_values(model, data, [chosen], step=step)[0]


def continuous_entropies(
    data: ContinuousLabelModel | ExactContinuousLabel, *, step: float = _STEP
) -> tuple[Estimate, Estimate]:
    """Return the entropies of p(x) and of p(x, y), which J is counted from.

    Parameters
    ----------
    data : ContinuousLabelModel or ExactContinuousLabel
        The ground truth.
    step : float
        Grid step over x, in σ, for D <= 2.

    Returns
    -------
    of_x, of_both : Estimate
        H(x) and H(x, y) = H(x) + H(y) − I(x; y), nats.
    """
    exact = data if isinstance(data, ExactContinuousLabel) else ExactContinuousLabel(data)
    side = _side(exact, (step, *_DRAWS))
    of_label = Estimate(0.5 * math.log(2.0 * math.pi * math.e), 0.0, Kind.EXACT)
    return side.entropy, side.entropy + of_label - side.information


def common_rule(*models: ContinuousLabelModel) -> LabelRule:
    """Return a rule over y that resolves p(x | y) of all models.

    Parameters
    ----------
    *models : ContinuousLabelModel
        Those whose f does not depend on y ask for nothing.

    Returns
    -------
    LabelRule
    """
    asking = [one for one in dict.fromkeys(models) if one.shared is None] or [models[0]]
    edges = [ExactContinuousLabel(one).rule.edges for one in asking]
    return LabelRule(np.unique(np.concatenate(edges)))


def _exact_pair(
    model: ContinuousLabelModel | ExactContinuousLabel,
    data: ContinuousLabelModel | ExactContinuousLabel,
) -> tuple[ExactContinuousLabel, ExactContinuousLabel]:
    """Return both as exact models with one rule over y."""
    one, other = (
        each.model if isinstance(each, ExactContinuousLabel) else each for each in (model, data)
    )
    if one.data_dim != other.data_dim:
        raise ModelError(
            f"{one.name} has {one.data_dim} data dimensions, {other.name} has {other.data_dim}"
        )
    if isinstance(data, ExactContinuousLabel):
        source = data
    else:
        source = ExactContinuousLabel(other, common_rule(one, other))
    if isinstance(model, ExactContinuousLabel) and model.rule is source.rule:
        # What it has computed is kept.
        return model, source
    return source if one is other else ExactContinuousLabel(one, source.rule), source


class _Side:
    """What averages over p(x) of one model need: nodes, p(x), and p(x | y) of every label there."""

    def __init__(self, exact: ExactContinuousLabel, draws: _Draws) -> None:
        self.exact, self._draws = exact, draws

    @cached_property
    def nodes(self) -> DataRule:
        """The nodes x; a label that tells nothing asks for none."""
        step, size, repeats, seed = self._draws
        return data_rule(
            self.exact, step=step, ignored=_IGNORED, size=size, repeats=repeats, seed=seed
        )

    @cached_property
    def p(self) -> LogDensity:
        """Log p(x) at the nodes."""
        return self.exact.log_density(self.nodes.x)

    @cached_property
    def offers(self) -> LabelOffers:
        """Log p(x | y) at the nodes."""
        return self.exact.offers(self.nodes.x, bounds=False)

    @cached_property
    def share(self) -> Array:
        """p(y|x) at the nodes of the rule over y, its weights included, (Y, n)."""
        return _label_mass(self.exact.rule, self.offers, self.p.value)

    @cached_property
    def information(self) -> Estimate:
        """I(x; y) = E KL[p(x|y) ‖ p(x)]."""
        if self.exact.model.shared is not None:
            return _NONE
        values = self.offers.log_given - self.p.value
        errors = self.offers.log_given_error + self.p.error
        rule = self.exact.rule
        return _over_labels(self.nodes, rule, self.share, values, errors, smooth=True)

    @cached_property
    def entropy(self) -> Estimate:
        """H(x) = −E log p(x), nats."""
        error = self.p.error + np.abs(self.p.value) * self.p.relative_error
        return self.nodes.average(-self.p.value, error, unseen=_UNSEEN, smooth=True)


#: The sides of the data, which many models under test share; they go with their exact models.
_SIDES: WeakKeyDictionary[ExactContinuousLabel, dict[_Draws, _Side]] = WeakKeyDictionary()


def _side(source: ExactContinuousLabel, draws: _Draws) -> _Side:
    known = _SIDES.setdefault(source, {})
    if draws not in known:
        known[draws] = _Side(source, draws)
    return known[draws]


class _Table:
    """What every label offers at every node x, of the data and of the model under test."""

    def __init__(self, exact: ExactContinuousLabel, side: _Side, bounds: bool) -> None:
        self.exact, self.nodes, self.rule = exact, side.nodes, side.exact.rule
        self.same = exact is side.exact
        self.offers = exact.offers(self.nodes.x, bounds=bounds)
        if self.same:
            side.offers = self.offers
        self.truth, self.share = side.offers, side.share
        self.p = side.p
        self.p_f = self.p if self.same else exact.log_density(self.nodes.x)

    def mleo_x(self) -> Estimate:
        """KL[p(x) ‖ p_f(x)]."""
        if self.same:
            return _NONE
        value = self.p.value - self.p_f.value
        # log p is in the value, p(x) the weight that it has.
        error = self.p.error + self.p_f.error + np.abs(value) * self.p.relative_error
        return self.nodes.average(value, error, unseen=_UNSEEN, smooth=True)

    def mleo_xy(self) -> Estimate:
        """KL[p(x, y) ‖ p_f(x, y)]."""
        if self.same:
            return _NONE
        apart = self.truth.log_given - self.offers.log_given
        error = self.truth.log_given_error + self.offers.log_given_error
        return self._over_labels(apart, error, smooth=True)

    def labelled(self) -> Estimate:
        """E KL[q(z|x, y) ‖ p_f(z|x, y)]."""
        bound, gap = self.offers.bound, self.offers.gap
        assert bound is not None
        assert gap is not None
        error = self.offers.log_given_error + gap
        return self._over_labels(self.offers.log_given - bound, error, smooth=False)

    def unlabelled(self, family: Family, weight: float) -> tuple[Estimate, Estimate]:
        """E KL[q(y, z|x) ‖ p_f(y, z|x)] and E KL[p(y|x) ‖ q(y|x)], at the best q."""
        pull = LabelPull.of(weight, self.share, self.rule.y) if weight else None
        found = self.exact.bound(self.nodes.x, family, self.offers, pull)
        value = self.p_f.value - found.value
        error = self.p_f.error + found.error + np.abs(value) * self.p.relative_error
        return self.nodes.average(value, error, unseen=_UNSEEN), self._label_kl(found)

    def _label_kl(self, found: ContinuousBound) -> Estimate:
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.where(self.share > 0.0, np.log(self.share) - found.log_mass, 0.0)
        # log p(y|x) is off by what both densities are; d KL = Σ dp (log p/q + 1).
        known = self.truth.log_given_error + self.p.error
        error = known * (np.abs(apart) + 1.0)
        return self._over_labels(apart, error, smooth=False)

    def _over_labels(self, values: Array, errors: Array, *, smooth: bool) -> Estimate:
        return _over_labels(self.nodes, self.rule, self.share, values, errors, smooth=smooth)


def _label_mass(rule: LabelRule, offers: LabelOffers, log_p: Array) -> Array:
    mass: Array = np.exp(offers.log_given + rule.log_weight[:, None] - log_p)
    return mass


def _over_labels(
    nodes: DataRule, rule: LabelRule, share: Array, values: Array, errors: Array, *, smooth: bool
) -> Estimate:
    """Average values (Y, n) over p(y|x) and x; what the rule over y leaves is in the radius."""
    terms = share * values
    lost = np.abs(1.0 - share.sum(axis=0)) * np.abs(values).max(axis=0)
    error = rule.errors(terms).sum(axis=0) + (share * np.minimum(errors, _UNSEEN)).sum(axis=0)
    return nodes.average(terms.sum(axis=0), error + lost, unseen=_UNSEEN, smooth=smooth)
