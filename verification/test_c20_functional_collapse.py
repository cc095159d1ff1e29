"""C20, exact side: which f_y the semi-supervised objective prefers on the Discrete Semi-Circle.

Setting: discrete_semi_circle, two classes of equal share, σ² = 0.01; one x in ten has a label
(ℓ = 0.1), α = 0.
Statement: section 5.2 of the paper: a semi-supervised VAE, and LIN, which shares its objective,
suffer functional collapse, p_f(x|0) ≈ p_f(x|1); IWAE does not; γ trades the quality of p(x) against
that of p(x|y).
Kind: one-sided.
Reference: section 5.2; docs/labels.md for the two families of q, for J and for the information.
Reading: the paper's argument is that p(z|x) has a mode for each label, which one Gaussian cannot
follow. That is the family q(y|x) q(z|x), "factorised"; the M2 of Kingma et al. 2014 has
q(y|x) q(z|x, y), "conditional". Both are judged, each by itself. Collapse is a loss of more than
90 % of I(x; y), and none a loss of less than 50 %.
Protocol: the plain run evaluates the stored f_y of theorycheck.dataset (a quick search from nine
starts, seed 0, γ = 1); --thorough searches anew, and at γ = 0.1 and 10. J, its parts and I(x; y)
are exact at the f_y found.
Verdict rules:
(a) for each family at γ = 1, "the objective prefers collapsed f_y to the ground truth": verified if
    the f_y of least J found are collapsed and their J is below the ground truth's beyond the radii;
    refuted if they keep more than half of I(x; y) and their J, like the ground truth's, is below
    that of the best collapsed f_y found by more than 10 % (searches give upper bounds on both
    sides, and this is no proof that no collapsed f_y is better); else inconclusive.
(b) IWAE: as S grows the bounds of both families tend to log p(x) and log p(x, y), and J to
    (1−ℓ) MLEO_x + ℓγ MLEO_xy: 0 at the ground truth and at least ℓγ I(x; y) for collapsed f_y.
    Verified if that is positive beyond the radius.
(c) γ, under --thorough: "a larger γ makes p(x|y) better and p(x) worse" from γ = 0.1 to 10 at the
    optima of one family: verified if MLEO_xy falls and MLEO_x rises by more than 10 % of the larger
    value and the radii; refuted if MLEO_xy does not fall so; inconclusive if only MLEO_x does not
    rise: p(x) may be traded beyond what a search can see. Beside it, with A = MLEO_x + PMO_U and
    B = MLEO_xy + PMO_L: that B does not rise and A does not fall follows from J = (1−ℓ)A + ℓγB.
(d) IWAE at S = 20, factorised, under --thorough: "the ground truth is preferred to one decoder for
    all classes with the same p(x)": verified or refuted as the difference of the two J_S, each at
    the q that is best for S draws, is negative or positive beyond the radius.
These rules were written when the figures of docs/labels.md (a quick search, nine starts) were known
already; the thresholds 90 %, 50 % and 10 % are this file's. At first the plain run searched from
three starts (the ground truth, one f for all classes, one line), which took two minutes; its
verdicts were the same (verified for the factorised family, refuted for the conditional). That
networks reach these optima is for
the other files of C20.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from theorycheck.claims import ClaimVerdict, Evidence, LeftOpen, claim_verdict
from theorycheck.dataset import labelled_optimum
from theorycheck.estimate import Estimate, Kind, Verdict, positive
from theorycheck.inference import CONDITIONAL, FACTORISED, Family
from theorycheck.models import LabelledModel, load_labelled_model
from theorycheck.objectives import LabelledObjective, LabelledValue, labelled_value
from theorycheck.optimum import LABELS_QUICK, Execution, find_labelled_optimum
from theorycheck.results import ResultCache
from theorycheck.theorems import collapse_threshold

_SHARE, _GAMMA = 0.1, 1.0
_COLLAPSED, _KEPT, _MARGIN = 0.9, 0.5, 0.1
_TOLERANCE = 1e-3
_MERGED: dict[tuple[str, float], LabelledValue] = {}
_NETWORKS = "that trained networks, VAE, LIN and IWAE, end where their objectives lead"


@cache
def _data() -> LabelledModel:
    return load_labelled_model("discrete_semi_circle")


class _Found(NamedTuple):
    """The f_y of least J, the ground truth beside them, and how they were found."""

    value: LabelledValue
    truth: LabelledValue
    how: str


@cache
def _searched(family: Family, gamma: float, jobs: int) -> _Found:
    found = find_labelled_optimum(
        _data(),
        LabelledObjective(gamma, 0.0, _SHARE, family),
        effort=replace(LABELS_QUICK, tolerance=_TOLERANCE),
        execution=Execution(jobs=jobs, cache=ResultCache.of_user()),
    )
    how = f"{len(found.starts)} starts, seed {found.seed}; best: {found.start}"
    return _Found(found.value, found.ground_truth, how)


@cache
def _stored(family: Family) -> _Found:
    objective = LabelledObjective(_GAMMA, 0.0, _SHARE, family)
    truth = _truth(family)
    value = _value(labelled_optimum(_data().name, family), objective, truth)
    return _Found(value, truth, "the stored f_y (theorycheck.dataset)")


def _value(
    model: LabelledModel, objective: LabelledObjective, known: LabelledValue | None = None
) -> LabelledValue:
    return labelled_value(model, _data(), objective, tolerance=_TOLERANCE, known=known)


@cache
def _truth(family: Family) -> LabelledValue:
    """Return the ground truth's value; what no q changes is computed once."""
    known = None if family == FACTORISED else _truth(FACTORISED)
    return _value(_data(), LabelledObjective(_GAMMA, 0.0, _SHARE, family), known)


def _collapsed(found: LabelledValue, objective: LabelledObjective) -> LabelledValue:
    """One f for all classes: that of the collapsed factorised optimum, for either family."""
    one = [found.model.classes[0]] * found.model.count
    # The same for both families, for q(y|x) is the prior.
    key = found.model.classes[0].fingerprint, objective.gamma
    if key not in _MERGED:
        factorised = replace(objective, family=FACTORISED)
        merged = LabelledModel(one, found.model.prior, "collapsed")
        _MERGED[key] = _value(merged, factorised, _truth(FACTORISED))
    return replace(_MERGED[key], objective=objective)


def _preference(
    found: _Found, factorised: _Found, evidence: Callable[[Evidence], Evidence]
) -> ClaimVerdict:
    """Judge (a) for one family and record it."""
    value, truth, how = found
    family = value.objective.family
    collapsed = _collapsed(factorised.value, value.objective)
    lost = value.collapse - Estimate(_COLLAPSED, 0.0, Kind.EXACT)
    better = truth.excess - value.excess
    verdict = positive(lost) & positive(better)
    said = ClaimVerdict.INCONCLUSIVE
    if verdict is Verdict.HOLDS:
        said = ClaimVerdict.VERIFIED
    elif value.collapse.upper < _KEPT:
        limit = collapsed.excess.scaled(1.0 - _MARGIN)
        ahead = positive(limit - value.excess) & positive(limit - truth.excess)
        if ahead is Verdict.HOLDS:
            said = ClaimVerdict.REFUTED
    evidence(
        Evidence(
            claim="C20",
            where="5.2",
            statement=f"discrete_semi_circle, {family.name}, γ = {_GAMMA:g}, ℓ = {_SHARE}: the "
            "objective prefers f_y that have lost more than 90 % of I(x; y) to the ground truth",
            kind="one-sided",
            measured={
                "collapse at the optimum found": value.collapse,
                "I(x; y) of the data": value.data_information,
                "total variation of the classes at the optimum": value.total_variation,
                "J of the optimum": value.excess,
                "J of the ground truth": truth.excess,
                "J of the best f for all classes": collapsed.excess,
                "MLEO_x of the optimum": value.mleo_x,
                "MLEO_xy of the optimum": value.mleo_xy,
            },
            predicted="collapse, p_f(x|0) ≈ p_f(x|1)",
            margin=min(lost, better.scaled(1.0 / truth.excess.value), key=lambda m: m.lower),
            verdict=said,
            over=how,
            notes="Optima are upper bounds on the least J. LIN has this objective too.",
            left_open=LeftOpen.NETWORKS,
            untested=_NETWORKS,
        )
    )
    return said


def test_the_factorised_family_prefers_collapse(evidence: Callable[[Evidence], Evidence]) -> None:
    found = _stored(FACTORISED)
    assert _preference(found, found, evidence) is ClaimVerdict.VERIFIED


def test_the_conditional_family(evidence: Callable[[Evidence], Evidence]) -> None:
    said = _preference(_stored(CONDITIONAL), _stored(FACTORISED), evidence)
    assert said is ClaimVerdict.REFUTED


@pytest.mark.slow
@pytest.mark.parametrize("family", [CONDITIONAL, FACTORISED], ids=lambda one: one.key)
def test_a_new_search(family: Family, jobs: int, evidence: Callable[[Evidence], Evidence]) -> None:
    found, factorised = (_searched(one, _GAMMA, jobs) for one in (family, FACTORISED))
    said = _preference(found, factorised, evidence)
    assert said is (ClaimVerdict.VERIFIED if family == FACTORISED else ClaimVerdict.REFUTED)


def test_the_limit_of_iwae_keeps_the_classes_apart(
    evidence: Callable[[Evidence], Evidence],
) -> None:
    # I(x; y) is the data's, whatever q may be.
    value = _truth(FACTORISED)
    least = value.data_information.scaled(_SHARE * _GAMMA)
    verdict = positive(least)
    evidence(
        Evidence(
            claim="C20",
            where="5.2",
            statement="discrete_semi_circle: in the limit of many importance samples the ground "
            "truth is preferred to all collapsed f_y, for either family of q",
            kind="one-sided",
            measured={
                "ℓγ I(x; y), what collapsed f_y cost at least": least,
                "I(x; y) of the data": value.data_information,
            },
            predicted="above 0, what the ground truth costs",
            margin=least,
            verdict=claim_verdict(verdict),
            over=f"γ = {_GAMMA:g}, ℓ = {_SHARE}; S → ∞ only",
            notes="MLEO_xy of collapsed f_y is MLEO_x + I(x; y). That IWAE overfits the few "
            "labels is about samples and not about this limit.",
            left_open=LeftOpen.NETWORKS,
            untested=_NETWORKS,
        )
    )
    assert verdict is Verdict.HOLDS


@pytest.mark.slow
def test_twenty_draws_with_one_q_for_all_classes(evidence: Callable[[Evidence], Evidence]) -> None:
    found = collapse_threshold(_data(), family=FACTORISED, labelled_share=_SHARE, samples=20)
    margin = found.margin(_GAMMA).scaled(-1.0)
    verdict = positive(margin)
    evidence(
        Evidence(
            claim="C20",
            where="5.2",
            statement="discrete_semi_circle, q(y|x) q(z|x), IWAE with S = 20: the ground truth is "
            "preferred to one decoder for all classes with the same p(x)",
            kind="one-sided",
            measured={
                "J_20 of the merged decoder, as a plain VAE on p(x)": found.merged_excess,
                "γ below which the merged decoder is better": found.threshold,
            },
            predicted="IWAE does not collapse",
            margin=margin,
            verdict=claim_verdict(verdict),
            over=f"γ = {_GAMMA:g}, ℓ = {_SHARE}, all of p(x), q best for S draws",
            notes="One Gaussian must reach both places that the classes put z; until S is near a "
            "hundred it does better to leave one out.",
            left_open=LeftOpen.NETWORKS,
            untested=_NETWORKS,
        )
    )
    assert verdict is Verdict.FAILS


@pytest.mark.slow
@pytest.mark.parametrize("family", [CONDITIONAL, FACTORISED], ids=lambda one: one.key)
def test_gamma_trades_p_of_x_for_p_of_x_given_y(
    family: Family, jobs: int, evidence: Callable[[Evidence], Evidence]
) -> None:
    optima = [_searched(family, gamma, jobs).value for gamma in (0.1, 1.0, 10.0)]
    values = [
        min(
            (one.reweighted(optimum.objective) for one in optima),
            key=lambda value: value.excess.value,
        )
        for optimum in optima
    ]
    low, high = values[0], values[-1]

    def beyond(rise: Estimate, larger: Estimate) -> Verdict:
        return positive(rise - larger.scaled(_MARGIN))

    better = beyond(low.mleo_xy - high.mleo_xy, low.mleo_xy)
    worse = beyond(high.mleo_x - low.mleo_x, high.mleo_x)
    said = claim_verdict(better & worse)
    if better is Verdict.HOLDS and worse is not Verdict.HOLDS:
        said = ClaimVerdict.INCONCLUSIVE
    labelled = np.array([(one.mleo_xy + one.pmo_l).value for one in values])
    unlabelled = np.array([(one.mleo_x + one.pmo_u).value for one in values])
    slack = 2.0 * max((one.mleo_x + one.pmo_u).error for one in values)
    evidence(
        Evidence(
            claim="C20",
            where="5.2",
            statement=f"discrete_semi_circle, {family.name}: from γ = 0.1 to 10 the optimum's "
            "p(x|y) gets better and its p(x) worse, by more than 10 %",
            kind="one-sided",
            measured={
                **{
                    f"{name} at γ = {one.objective.gamma:g}": getattr(one, attribute)
                    for one in values
                    for name, attribute in (
                        ("MLEO_x", "mleo_x"), ("MLEO_xy", "mleo_xy"), ("PMO_U", "pmo_u"),
                    )
                },
                "p(x|y) better": better.value,
                "p(x) worse": worse.value,
            },
            predicted="MLEO_xy falls, MLEO_x rises",
            margin=None,
            verdict=said,
            over="γ = 0.1, 1, 10, ℓ = 0.1; at each γ the best of the optima found at any",
            notes="What always holds: MLEO_xy + PMO_L falls and MLEO_x + PMO_U rises with γ.",
            left_open=LeftOpen.NETWORKS,
            untested=_NETWORKS,
        )
    )  # fmt: skip
    assert (np.diff(labelled) <= slack).all()
    assert (np.diff(unlabelled) >= -slack).all()
