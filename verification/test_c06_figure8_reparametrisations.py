"""C06: on Figure-8 every continuous re-parametrisation of the curve has a high PMO.

Setting: the ground truth figure8, σ² = 0.02, whose image is a curve that f traces once; the
decoders f∘T with T preserving N(0, 1), all of which have MLEO = 0.
Statement: section 4.2 of the paper: every continuous re-parametrisation of the curve has high PMO,
so that condition (2) of Theorem 1 holds.
Kind: ∀; over continuous T that are z, −z, and folds whose branches each run over the whole curve:
two, three and four branches of equal mass, and two of which one holds 5 %.
Reference: section 4.2, Theorem 1, docs/theorem1.md.
Measured: the smallest PMO over that class; condition (1) for each member; and, since a smooth f can
come close to a discontinuous one, MLEO and J of tears that are joined by bridges of slope B.
Verdict: "high" is read as what the theorem needs, above the J of a decoder with MLEO > 0 (the
predicted optimum): the repaired condition (2′). Condition (2) as it stands is judged beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.models.benchmarks import benchmark
from theorycheck.optimum.result import PredictedOptimum
from theorycheck.report.evidence import Evidence, claim_verdict
from theorycheck.theorems.interval_exchange import systematic_tears
from theorycheck.theorems.smoothed_tears import smoothed_tears
from theorycheck.theorems.theorem1 import Theorem1Check, check_theorem1
from theorycheck.theorems.zero_mleo_class import ZeroMleoClass, survey_zero_mleo

#: Slopes of the bridges; the ground truth's own |f′| is at most 3.3.
_SLOPES = (5.0, 20.0, 80.0)
_UNTESTED = (
    "continuous T other than those of the class, of which there are many: T may turn back on any "
    "part of the curve"
)


@pytest.fixture(scope="module")
def surveyed() -> ZeroMleoClass:
    return survey_zero_mleo(benchmark("figure8"), folds=(2, 3, 4), tears=0, jobs=2)


@pytest.fixture(scope="module")
def theorem1(
    predicted_optimum: Callable[[str], PredictedOptimum], surveyed: ZeroMleoClass
) -> Theorem1Check:
    return check_theorem1(
        benchmark("figure8"),
        optimum=predicted_optimum("figure8"),
        zero_mleo=surveyed,
        tolerance=1e-5,
    )


def test_continuous_rearrangements_have_a_pmo_above_the_optimum(
    theorem1: Theorem1Check, surveyed: ZeroMleoClass, evidence: Callable[[Evidence], Evidence]
) -> None:
    optimum = theorem1.alternatives[0].decomposition
    members = surveyed.continuous
    smallest, second = members[0], members[1]
    margin = Estimate(min(m.pmo.lower for m in members), 0.0) - optimum.excess
    verdict = positive(margin)
    evidence(
        Evidence(
            claim="C06",
            where="4.2; repaired condition (2′)",
            statement="figure8: every continuous re-parametrisation has a PMO above the J of a "
            "decoder with MLEO > 0",
            kind="one-sided",
            measured={
                "smallest PMO of the class": smallest.pmo,
                "next smallest": second.pmo,
                "largest": members[-1].pmo,
                "J of the predicted optimum": optimum.excess,
                "MLEO of the predicted optimum": optimum.mleo,
                "largest MLEO of the class": max((m.mleo for m in members), key=lambda e: e.upper),
            },
            predicted="PMO above J",
            margin=margin,
            verdict=claim_verdict(verdict),
            witness=f"smallest PMO: {smallest.name}; next: {second.name}",
            over=f"{len(members)} continuous decoders with MLEO = 0 (identity and folds), and "
            "their mirror images",
            notes="The smallest is the ground truth itself, so “high” means no more than what the "
            "ground truth has. A fold of a small share of the curve is nearly as good.",
            untested=_UNTESTED,
        )
    )
    assert not surveyed.left_out
    assert smallest.member.kind == "ground truth"
    assert verdict is Verdict.HOLDS


def test_condition_2_as_it_stands(
    theorem1: Theorem1Check, evidence: Callable[[Evidence], Evidence]
) -> None:
    check = theorem1.condition_2_check
    closest = max(check.checks, key=lambda c: c.gain.value)
    # Condition (1) implies a gain, so a member without one violates it at every η.
    margin = closest.gain.scaled(-1.0)
    evidence(
        Evidence(
            claim="C06",
            where="4.2, condition (2) of Theorem 1",
            statement="figure8: no decoder of the class that meets the inequalities of condition "
            "(1) has MLEO = 0",
            kind="one-sided",
            measured={
                "members that meet condition (1)": sum(
                    c.verdict is Verdict.HOLDS for c in check.checks
                ),
                "least PMO of a member − PMO of the ground truth": margin,
            },
            predicted="none",
            margin=margin,
            verdict=claim_verdict(check.verdict),
            over=f"{len(check.checks)} rearrangements: the continuous ones, and three tears",
            notes="Each is worse than the ground truth, and then condition (1) fails at every η.",
            untested=_UNTESTED,
        )
    )
    assert check.verdict is Verdict.HOLDS
    assert theorem1.condition_2_repaired is Verdict.HOLDS


def test_tears_are_no_way_out_however_steep(
    theorem1: Theorem1Check, surveyed: ZeroMleoClass, evidence: Callable[[Evidence], Evidence]
) -> None:
    optimum = theorem1.alternatives[0].decomposition
    tears = [m for m in surveyed.members if m.member.kind == "tear"]
    best = tears[0]
    # All of these maps are made without a guard: figure8 settles in its tails.
    tear = next(t for t in systematic_tears() if best.name.startswith(t.name))
    rows = smoothed_tears(benchmark("figure8"), tear, _SLOPES)
    smallest = min((r.decomposition.excess for r in rows), key=lambda e: e.lower)
    margin = min((smallest, best.pmo), key=lambda e: e.lower) - optimum.excess
    verdict = positive(margin)
    measured = {f"MLEO, bridges of slope {r.slope:g}": r.mleo for r in rows}
    measured |= {f"J, bridges of slope {r.slope:g}": r.decomposition.excess for r in rows}
    evidence(
        Evidence(
            claim="C06",
            where="4.2; docs/theorem1.md",
            statement="figure8: the best of the tears, and smooth decoders close to it, have a J "
            "above that of the predicted optimum",
            kind="one-sided",
            measured={"PMO of the tear, MLEO = 0": best.pmo, **measured},
            predicted="J above that of the predicted optimum",
            margin=margin,
            verdict=claim_verdict(verdict),
            witness=f"smallest PMO: {best.name}",
            over=f"{len(tears)} tears, the best of them with bridges of slope "
            + ", ".join(f"{slope:g}" for slope in _SLOPES),
            notes="MLEO falls to 0 as the bridges get steeper: a class of decoders without a "
            "bound on |f′| has continuous members with MLEO as small as one likes.",
            untested="tears other than these three",
        )
    )
    assert [r.mleo.value for r in rows] == sorted((r.mleo.value for r in rows), reverse=True)
    assert verdict is Verdict.HOLDS
