"""C19: manifold defences with the truth's σ², f and K, and with those that the ELBO selects.

Setting: two classes by thresholds of z; a classifier that is Bayes' where log p(x) is above its
0.1 % quantile and decides the opposite everywhere else, the least favourable of all that are right
where the data are; an attacker who moves x by up to ε = 1, 2 or 3 σ. Defences: projection on the
image of f, then classification; reconstruction E_q*[f(z)], then classification; refusal of x whose
log p(x) is below the 1 % quantile of clean x; refusal of x farther from the image than σ times the
root of the 99 % quantile of χ² with D − K degrees of freedom. A defence's figure is its attacked
accuracy: the share of (x, y) such that x is accepted and classified as y, and no x′ within ε is
accepted and classified otherwise. The worst x′ is found by distances to a map of all decisions
(theorycheck.downstream.decision_map), the projection by branch and bound: no attack or defence
depends on a gradient.
figure8: classes split at z = 0, the lobes. spiral_dots: split between the dots, which alternate.
circle, for K only: split at z = 0, the half circles.
Statement: section 5.1 of the paper: manifold defences against adversarial x need σ² and K, and fail
with those that the ELBO selects. The paper gives no number and no experiment. Read here as four
statements, each with its own verdict, since the claim mixes them:
(a) with the truth's σ², f and K the defence works;
(b) f held at the truth, σ² that of the ELBO at that f: it fails;
(c) f and σ² both those of the ELBO, K = 1: it fails;
(d) the ELBO prefers K = 2, and with a decoder of K = 2 that it prefers the defence fails.
Kind: one-sided.
Reference: section 5.1; Theorem 2; docs/defences.md.
Measured:
(a) for each defence what it gains on the attacked accuracy of the undefended classifier at ε*, the
    ε of 1, 2, 3 at which it gains most with the truth.
(b), (c) the fall of the attacked accuracy at ε* from (a), draw by draw on the same 4,096 draws
    (seed 0). (b): σ² is the fixed point of Theorem 2's fit at the true f, which moves no
    projection, so that one is left out. (c): figure8: the ascent over f, q and σ² that begins at
    the optimum with σ² held (the quick search, seed 0); spiral_dots: the ascent over f, q and σ²
    from the ground truth that C15 judges. Beside it the same f with the true σ², which says how
    much of the fall is σ²'s.
(d) on circle, f(z₁, z₂) = (1 + τ z₂)(cos 2πΦ(z₁), sin 2πΦ(z₁)), τ² = ¾ σ², with noise variance
    ¼ σ²: a ring as thick as the noise. Its J against that of the quick search's optimum with
    K = 1; and the fall at ε* of projection, refusal by log p and by distance. The reconstruction is
    left out: a best q of two latents at each point of a map takes minutes.
Verdict rule:
(a) verified if every defence gains more than 0.2 at its ε*, refuted if some gains less, each beyond
    its radius; else inconclusive.
(b), (c), (d) for the weakest reading, that some defence fails: verified if the largest fall among
    the defences is above 0.1 beyond its radius, refuted if every fall is below 0.1 beyond its
    radius, else inconclusive. Only defences that work in (a) by its rule count; where none does,
    inconclusive. (d) is inconclusive too unless J of the decoder with K = 2 is below that of the
    optimum with K = 1 beyond the radii.
Known before this rule was written: σ² at the optima (figure8 0.0183, and 0.0173 with f held, not
0.02; circle 0.0096, not 0.01; of spiral_dots C15), J of the ring, 0.0155 against 0.0236, and
what the defences do on circle with the truth. No defence had been run on figure8 or spiral_dots,
nor with any model but the truth.
Changed: the maps' last cells are σ/32 wide, not σ/16 as in the first run on figure8, whose radii
were mostly the maps' width. Beside (c) and (d) stand the falls where z with |z| > 4 (prior mass
6e-5) are cut off the image, which is that of all z with |z| <= 6: after the first run on figure8 a
figure showed that f of the ELBO leaves the data there. They do not enter the verdict. Nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from theorycheck.claims import ClaimVerdict, Evidence, LeftOpen, claim_verdict
from theorycheck.downstream import (
    HELD_F,
    REFITTED,
    REFITTED_F,
    TRUTH,
    UNDEFENDED,
    AttackSettings,
    DefenceReport,
    compare_defences,
    selected_models,
)
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.inference import MeanField, exact_model
from theorycheck.models import GenerativeModel, benchmark, load_model
from theorycheck.objectives import decompose
from theorycheck.optimum import EStep, PredictedOptimum, ascend, data_nodes, decoder_on_cells
from theorycheck.quadrature import LatentCells, adapted_cells, latent_cells

_GAIN, _FALL = 0.2, 0.1
_ALL = ("projection", "reconstruction", "density", "distance")
#: Without what needs a best q of two latents, and without what σ² does not move.
_PLANE, _BY_NOISE = ("projection", "density", "distance"), ("reconstruction", "density", "distance")
#: 4,096 draws; maps down to σ/32.
_TASK = {"size": 256, "repeats": 16, "levels": 4, "seed": 0}
_RING = "K = 2"
#: |z| up to which z belongs to the image of f, and where the image is cut besides, to see what
#: hangs on its tails: the prior mass beyond 4 is 6e-5.
_REACH, _CUT = 6.0, 4.0
#: Spacing of data nodes in σ and E-steps of the joint ascents; error radius of J, nats.
_STEP, _MOST, _TOLERANCE = 0.9, 40, 2e-3
#: Step, σ, of the grid over p(x) for J of the decoder with K = 2.
_GRID = 0.6
_UNTESTED = "defences with networks that were trained, and attacks on them"


def _dots() -> tuple[float, ...]:
    """The z at which the angle of spiral_dots is half-way between two dots."""
    return tuple(2.0 / math.pi * math.log(u / (4.0 * math.pi - u)) for u in range(1, 13, 2))


_SPLITS = {"figure8": (0.0,), "spiral_dots": _dots(), "circle": (0.0,)}


def _report(
    name: str,
    models: Mapping[str, GenerativeModel],
    defences: tuple[str, ...] = _ALL,
    reach: float = _REACH,
) -> DefenceReport:
    settings = AttackSettings(splits=_SPLITS[name], reach=reach, **_TASK)  # type: ignore[arg-type]
    return compare_defences(benchmark(name), models, defences=defences, settings=settings)


def _joint(name: str, cells: LatentCells, f: np.ndarray, most: int = _MOST) -> GenerativeModel:
    """Ascend over f, q and σ², from a decoder on cells and the true σ²."""
    data = benchmark(name)
    nodes = data_nodes(data, _STEP, tail=1e-5, shift=0.25)
    ended = ascend(EStep(nodes, cells), f, data.noise_variance, fit_noise="shared", most=most)
    return decoder_on_cells(cells, ended.f, ended.noise_variance, f"{name}, σ² free")


def _best(report: DefenceReport, defence: str) -> int:
    """Return which ε the defence gains most at, with the truth."""
    return int(np.argmax([gain.value for gain in report.outcome(TRUTH, defence).gain]))


def _works(report: DefenceReport, defence: str) -> Verdict:
    gain = report.outcome(TRUTH, defence).gain[_best(report, defence)]
    return positive(gain - Estimate(_GAIN, 0.0))


def _figures(report: DefenceReport, model: str, defences: tuple[str, ...]) -> dict[str, Estimate]:
    found = {}
    for defence in defences:
        at = _best(report, defence)
        one = report.outcome(model, defence)
        place = f"{defence}, ε = {report.settings.epsilons[at]:g}σ"
        found[f"attacked accuracy: {place}"] = one.attacked[at]
        if model != TRUTH:
            found[f"it falls by: {place}"] = one.fall[at]
        found[f"clean accuracy: {defence}"] = one.clean
        found[f"false rejections: {defence}"] = one.false_rejections
    return found


def works(report: DefenceReport) -> Evidence:
    """Judge (a)."""
    gains = {}
    verdict = Verdict.HOLDS
    defences = [one.defence for one in report.outcomes if one.model == TRUTH]
    defences.remove(UNDEFENDED)
    for defence in defences:
        at = _best(report, defence)
        gains[f"gain: {defence}, ε = {report.settings.epsilons[at]:g}σ"] = report.outcome(
            TRUTH, defence
        ).gain[at]
        verdict = verdict & _works(report, defence)
    undefended = report.outcome(TRUTH, UNDEFENDED)
    without = {
        f"undefended, ε = {epsilon:g}σ": value
        for epsilon, value in zip(report.settings.epsilons, undefended.attacked, strict=True)
    }
    least = min(gains.values(), key=lambda gain: gain.lower)
    return Evidence(
        claim="C19",
        where="5.1",
        statement=f"{report.truth.name}: with the truth's σ², f and K every manifold defence "
        f"raises the attacked accuracy by more than {_GAIN}",
        kind="one-sided",
        measured={**gains, **without, **_figures(report, TRUTH, tuple(defences))},
        predicted=f"above {_GAIN}",
        margin=least - Estimate(_GAIN, 0.0),
        verdict=claim_verdict(verdict),
        over="4,096 quasi-random draws, seed 0; every x′ of the ball, by a map of decisions whose "
        "last cells are σ/32 wide",
        left_open=LeftOpen.NETWORKS,
        untested=_UNTESTED,
    )


def fails(
    report: DefenceReport,
    model: str,
    defences: tuple[str, ...],
    statement: str,
    more: Mapping[str, Estimate | float | str],
    premise: Verdict = Verdict.HOLDS,
    notes: str = "",
) -> Evidence:
    """Judge (b), (c) or (d): that some defence which works with the truth fails with a model."""
    counted = [one for one in defences if _works(report, one) is Verdict.HOLDS]
    falls = [report.outcome(model, one).fall[_best(report, one)] for one in counted]
    verdict = Verdict.FAILS if falls else Verdict.INCONCLUSIVE
    for fall in falls:
        verdict = verdict | positive(fall - Estimate(_FALL, 0.0))
    if premise is not Verdict.HOLDS:
        verdict = Verdict.INCONCLUSIVE
    largest = max(falls, key=lambda fall: fall.lower, default=None)
    failing = [
        one
        for one, fall in zip(counted, falls, strict=True)
        if positive(fall - Estimate(_FALL, 0.0)) is Verdict.HOLDS
    ]
    return Evidence(
        claim="C19",
        where="5.1",
        statement=statement,
        kind="one-sided",
        measured={
            "σ²": float(np.mean(report.outcome(model, defences[0]).noise_variance)),
            "true σ²": float(report.truth.noise_variance.mean()),
            **more,
            "defences that fail": ", ".join(failing) or "none",
            "defences that work with the truth": ", ".join(counted) or "none",
            **_figures(report, model, defences),
        },
        predicted=f"a fall above {_FALL}",
        margin=None if largest is None else largest - Estimate(_FALL, 0.0),
        verdict=claim_verdict(verdict),
        over="4,096 quasi-random draws, seed 0; every x′ of the ball, by a map of decisions whose "
        "last cells are σ/32 wide",
        notes="The weakest reading: that one of these defences fails is enough." + notes,
        left_open=LeftOpen.NETWORKS,
        untested=_UNTESTED,
    )


def held(report: DefenceReport) -> Evidence:
    """Judge (b)."""
    return fails(
        report, HELD_F, _BY_NOISE,
        f"{report.truth.name}: f true, σ² that of the ELBO at that f: the attacked accuracy of "
        f"some defence falls by more than {_FALL}",
        {},
    )  # fmt: skip


def refitted(report: DefenceReport, more: Mapping[str, Estimate]) -> Evidence:
    """Judge (c)."""
    own = {
        f"falls with the true σ² put back: {one}": report.outcome(REFITTED_F, one).fall[
            _best(report, one)
        ]
        for one in _ALL
    }
    return fails(
        report, REFITTED, _ALL,
        f"{report.truth.name}: f and σ² those of the ELBO, K = 1: the attacked accuracy of some "
        f"defence falls by more than {_FALL}",
        {**more, **own},
        notes=" What falls with the image up to |z| = 6 and does not with |z| <= 4 hangs on f(z) "
        "where the data hardly say what f is: z of prior mass 6e-5, which nothing keeps an "
        "attacker from. A projection that heeds the prior does not have this weakness.",
    )  # fmt: skip


@pytest.fixture(scope="module")
def figure8(
    predicted_optimum: Callable[[str], PredictedOptimum],
) -> tuple[DefenceReport, GenerativeModel]:
    found = predicted_optimum("figure8")
    joint = _joint("figure8", found.cells, found.f)
    return _report("figure8", selected_models(benchmark("figure8"), joint)), joint


@pytest.fixture(scope="module")
def spiral_dots() -> tuple[DefenceReport, GenerativeModel]:
    data = benchmark("spiral_dots")
    plain = latent_cells(4000)
    cells = adapted_cells(500, plain, plain.average(data.decoder), data.noise_variance)
    joint = _joint("spiral_dots", cells, cells.average(data.decoder))
    return _report("spiral_dots", selected_models(data, joint)), joint


def _excess(joint: GenerativeModel, name: str) -> dict[str, Estimate]:
    return {"J of that decoder": decompose(joint, benchmark(name), tolerance=_TOLERANCE).excess}


def _cut(name: str, key: str, model: GenerativeModel, report: DefenceReport) -> dict[str, Estimate]:
    """Return the falls where z beyond 4 belong to no image, at the same ε."""
    defences = ("projection", "distance")
    cut = _report(name, {key: model}, defences, _CUT)
    return {
        f"falls with |z| <= {_CUT:g} only: {one}": cut.outcome(key, one).fall[_best(report, one)]
        for one in defences
    }


def test_figure8_defences_work_with_the_truth(
    figure8: tuple[DefenceReport, GenerativeModel], evidence: Callable[[Evidence], Evidence]
) -> None:
    found = evidence(works(figure8[0]))
    # Every defence gains, the reconstruction not surely by more than the threshold.
    assert found.verdict is ClaimVerdict.INCONCLUSIVE
    assert all(figure8[0].outcome(TRUTH, one).gain[-1].lower > 0.15 for one in _ALL)


def test_figure8_with_the_noise_of_the_elbo(
    figure8: tuple[DefenceReport, GenerativeModel], evidence: Callable[[Evidence], Evidence]
) -> None:
    found = evidence(held(figure8[0]))
    assert found.verdict is ClaimVerdict.REFUTED


def test_figure8_with_decoder_and_noise_of_the_elbo(
    figure8: tuple[DefenceReport, GenerativeModel], evidence: Callable[[Evidence], Evidence]
) -> None:
    report, joint = figure8
    found = evidence(
        refitted(report, _excess(joint, "figure8") | _cut("figure8", REFITTED, joint, report))
    )
    assert found.verdict is ClaimVerdict.VERIFIED
    # It is f, not σ²: with the true σ² put back the projection loses as much.
    own = report.outcome(REFITTED_F, "projection")
    assert own.fall[_best(report, "projection")].lower > _FALL


@pytest.mark.slow
def test_spiral_dots(
    spiral_dots: tuple[DefenceReport, GenerativeModel], evidence: Callable[[Evidence], Evidence]
) -> None:
    report, joint = spiral_dots
    assert evidence(works(report)).verdict is ClaimVerdict.VERIFIED
    assert evidence(held(report)).verdict is ClaimVerdict.REFUTED
    more = _excess(joint, "spiral_dots") | _cut("spiral_dots", REFITTED, joint, report)
    assert evidence(refitted(report, more)).verdict is ClaimVerdict.REFUTED
    # σ² of the ELBO, half the true one, makes up for its f: with the true one p(x) refuses less.
    density = report.outcome(REFITTED_F, "density")
    assert density.fall[_best(report, "density")].lower > _FALL


def _ring() -> GenerativeModel:
    """Return the decoder of two latents that is a ring as thick as the noise of circle."""
    thick = math.sqrt(0.75 * 0.01)
    ring = f"(1 + {thick!r}*z2)"
    return load_model(
        f"expr:[{ring}*cos(2*pi*Phi(z1)), {ring}*sin(2*pi*Phi(z1))]", noise_variance=0.25 * 0.01
    )


def _excess_of_ring(data: GenerativeModel, ring: GenerativeModel) -> Estimate:
    """Return J = −ELBO − H of the ring on a grid over p(x); twice the step says how well."""
    grid = MeanField(data).grid(_GRID)
    weight = np.exp(grid.log_density)
    best = exact_model(ring).best_q(grid.x)
    value, change = grid.integrate(weight * (best.negative_elbo + grid.log_density))
    # What the grid does not see has a −ELBO below some hundreds of nats.
    return Estimate(value, change + float(best.gap.max()) + 1e3 * grid.missing_mass)


@pytest.mark.slow
def test_two_latents_on_circle(
    predicted_optimum: Callable[[str], PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    data, ring = benchmark("circle"), _ring()
    found = predicted_optimum("circle")
    excess = _excess_of_ring(data, ring)
    preferred = positive(found.excess - excess)
    report = _report("circle", {_RING: ring}, _PLANE)
    assert evidence(works(report)).verdict is ClaimVerdict.VERIFIED
    found_so = evidence(
        fails(
            report, _RING, _PLANE,
            "circle: the ELBO prefers a decoder with K = 2, with which the attacked accuracy of "
            f"some defence falls by more than {_FALL}",
            {
                "J with K = 2": excess,
                "J of the optimum with K = 1": found.excess,
                **_cut("circle", _RING, ring, report),
            },
            preferred,
        )
    )  # fmt: skip
    assert preferred is Verdict.HOLDS
    assert found_so.verdict is ClaimVerdict.VERIFIED
    # A ring as thick as the noise takes every x' in; its p(x) still tells which are no data.
    density = report.outcome(_RING, "density").fall[_best(report, "density")]
    assert density.upper < _FALL
