"""C12, exact side: Clusters and both conditions at one η; p(x) is learned poorly at the optimum.

Setting: the ground truth clusters, σ² = 0.2, whose four clusters are traced out of the order in
which they lie round the circle; the decoder of smallest J that a search over all decoders found.
Statement: figure 1c of the paper: both conditions of Theorem 1 hold; the VAE learns p(x) poorly.
Kind: a witness f and η for premise and condition (1); condition (2) at the same η, over a stated
class; one-sided for p(x).
Reference: figure 1c, Theorem 1, docs/theorem1.md.
Measured: premise and both margins of condition (1) for the decoder found, at one η; at which η they
hold and no decoder of the class, all with p_f = p, meets condition (1) too; the least PMO of the
class against the J found, which is the repaired condition (2′); MLEO and the total variation
distance at the optimum.
The class: the ground truth and its monotone rearrangement, folds with 2 and 3 branches and of the
first and last 5 % of both, rotations of both by a quarter, a half and three quarters, two
systematic and four random tears (seed 0), and the four clusters in other orders and directions: in
all 23 orders, or where marked slow in all 191 orders and directions.
Verdict rule: one η for all: the conditions are verified if at some η the premise and (1) hold and
no member of the class meets (1), refuted if at every η the premise fails or a member meets (1),
else inconclusive; each inequality beyond its radius. (2′) is verified over the class by its margin;
"poorly" is judged on the scale of theorycheck/claims/_recovery.py, ½ ∫ |p_f − p| dx beyond its
radius.
Changed: the PMOs of the class were known to 1e-5 nats, and (2) known to be broken from η = 0.2277
on; in the quick run they are to 1e-4, and it is from 0.2284 on. The verdicts are the same.
Changed: without --thorough, members that a few thousand draws tell from the ground truth are left
to draws (radii of five standard errors); all were evaluated by quadrature. The verdicts are the
same.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from theorycheck.claims import POOR, SCALE, Evidence, LeftOpen, claim_verdict, poorly
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.models import benchmark
from theorycheck.objectives import decompose, total_variation
from theorycheck.optimum import PredictedOptimum
from theorycheck.rearrangements import survey_zero_mleo
from theorycheck.theorems import EtaSpan, Theorem1Check, check_theorem1, premise_at, some

#: Error radius of every PMO, nats, and of the ground truth's: below η = 0.22 its X_Lo holds about
#: a hundredth of the mass, and D_Lo there is known to the PMO's radius over that mass at best.
_TOLERANCE, _TRUTH_TOLERANCE = 1e-5, 1e-6
#: The same of the members in the quick run: 1e-5 decides η from 0.2277 to 0.2284 besides.
_MEMBER_TOLERANCE = 1e-4
#: All orders of the four clusters, and all orders and directions.
_ORDERS, _DIRECTIONS = 23, 191
_UNTESTED = "that trained networks reach such a decoder, and that IWAE learns p(x) better"
_SEARCH = "the quick search over all decoders, seed 0"


def check(
    found: PredictedOptimum, pieces: int, tolerance: float, jobs: int, *, screened: bool = False
) -> Theorem1Check:
    data = benchmark("clusters")
    truth = decompose(data, tolerance=_TRUTH_TOLERANCE)
    members = survey_zero_mleo(
        data,
        truth=truth,
        tears=4,
        pieces=pieces,
        tolerance=tolerance,
        screened=screened,
        jobs=jobs,
    )
    return check_theorem1(
        data,
        [found.model],
        zero_mleo=members,
        truth=truth,
        tolerance=_TOLERANCE,
    )


@pytest.fixture(scope="module")
def theorem1(
    request: pytest.FixtureRequest,
    predicted_optimum: Callable[[str], PredictedOptimum],
    jobs: int,
) -> Theorem1Check:
    screened = not request.config.getoption("thorough")
    optimum = predicted_optimum("clusters")
    return check(optimum, _ORDERS, _MEMBER_TOLERANCE, jobs, screened=screened)


def test_premise_and_condition_1_hold_at_one_eta(
    theorem1: Theorem1Check, evidence: Callable[[Evidence], Evidence]
) -> None:
    found = theorem1.alternatives[0]
    premise = {p.eta for p in theorem1.premise if p.verdict is Verdict.HOLDS}
    holding = [c for c in found.condition_1 if c.verdict is Verdict.HOLDS and c.eta in premise]
    at = max(holding or found.condition_1, key=lambda c: min(c.first.lower, c.second.lower))
    verdict = some(span.premise_and_1 for span in theorem1.joint.spans)
    evidence(
        Evidence(
            claim="C12",
            where="figure 1c, Theorem 1",
            statement="clusters: some decoder meets condition (1) at an η at which the premise "
            "holds",
            kind="exists",
            measured={
                "margin of the premise": premise_at(
                    theorem1.ground_truth.kl_distribution.partition(at.eta)
                ).margin,
                "first margin of (1)": at.first,
                "second margin of (1)": at.second,
                "η at which premise and (1) hold": theorem1.joint.where("premise_and_1"),
                "J of the ground truth − J of the decoder": found.gain,
                "MLEO of the decoder": found.decomposition.mleo,
            },
            predicted="premise and first above 0, second not below 0",
            margin=at.first,
            verdict=claim_verdict(verdict),
            witness=f"the decoder that `theorycheck optimum clusters` writes, η = {at.eta:.4g}",
            over=_SEARCH,
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS


def _range(spans: list[EtaSpan]) -> str:
    return f"{spans[0].low:.4g} to {spans[-1].high:.4g}" if spans else "none"


def conditions(theorem1: Theorem1Check) -> Evidence:
    """Say at which η premise, (1) and (2) hold, and at which (2) is broken."""
    joint = theorem1.joint
    broken = [span for span in joint.merged if span.breaker]
    names = sorted({span.breaker for span in joint.spans if span.breaker})
    open_ = [
        span
        for span in joint.merged
        if span.premise_and_1 is Verdict.HOLDS and span.condition_2 is Verdict.INCONCLUSIVE
    ]
    widest = max(joint.intervals, key=lambda i: i.inner_high / i.inner_low, default=None)
    ends = {} if widest is None else {"from η": widest.low, "to η": widest.high}
    return Evidence(
        claim="C12",
        where="figure 1c, Theorem 1",
        statement="clusters: there is an η at which the premise, condition (1) and, over the "
        "class, condition (2) as it is stated hold",
        kind="exists",
        measured={
            "η at which all three hold": joint.where("verdict"),
            **ends,
            "η at which premise and (1) hold": joint.where("premise_and_1"),
            "η at which (2) holds over the class": joint.where("condition_2"),
            "η at which (2) is broken": _range(broken),
            "η at which premise and (1) hold and (2) is not decided": _range(open_),
        },
        predicted="some η",
        margin=None,
        verdict=claim_verdict(joint.verdict),
        witness=f"(2) is broken by {', '.join(names[:3])}" if names else None,
        over=theorem1.class_searched,
        notes="For this project's formula of the benchmark. Where (2) is not decided X_Lo holds "
        "about a hundredth of the data, at the ground truth as at the members that come near, and "
        "D_Lo is not known well enough to tell them apart. On a uniform grid of x of step 0.08σ, "
        "which has no radius, the nearest ones all miss an inequality at η = 0.2, by 0.012 nats at "
        "least; tears drawn at random and improved to that end came within 0.005. So (2) as it is "
        "stated hangs on rare x and on how much of the class is looked at. The conclusion of "
        "Theorem 1 does not: it stands by (2′).",
        left_open=LeftOpen.NETWORKS,
        untested=_UNTESTED,
    )


def test_conditions_at_one_eta(
    theorem1: Theorem1Check, evidence: Callable[[Evidence], Evidence]
) -> None:
    evidence(conditions(theorem1))
    joint = theorem1.joint
    assert joint.verdict is Verdict.INCONCLUSIVE
    # Where (2) is broken, premise and (1) hold, too: one η at which they do is not enough.
    at = next(span for span in joint.spans if span.low <= 0.4 <= span.high)
    assert at.premise_and_1 is Verdict.HOLDS
    assert at.condition_2 is Verdict.FAILS
    # At 0.2 premise and (1) hold, and no member is known to break (2).
    below = next(span for span in joint.spans if span.low <= 0.2 <= span.high)
    assert below.premise_and_1 is Verdict.HOLDS
    assert below.condition_2 is not Verdict.FAILS


@pytest.mark.slow
def test_conditions_over_all_orders_and_directions(
    predicted_optimum: Callable[[str], PredictedOptimum],
    jobs: int,
    evidence: Callable[[Evidence], Evidence],
) -> None:
    theorem1 = check(predicted_optimum("clusters"), _DIRECTIONS, _TOLERANCE, jobs)
    evidence(conditions(theorem1))
    assert theorem1.joint.verdict is not Verdict.HOLDS
    assert theorem1.condition_2_repaired is Verdict.HOLDS


def test_repaired_condition_2_holds(
    theorem1: Theorem1Check, evidence: Callable[[Evidence], Evidence]
) -> None:
    surveyed, optimum = theorem1.zero_mleo, theorem1.alternatives[0].decomposition
    moved = theorem1.repaired.stationarity
    assert surveyed is not None
    smallest = surveyed.smallest
    margin = Estimate(min(m.pmo.lower for m in surveyed.members), 0.0) - optimum.excess
    verdict = positive(margin)
    evidence(
        Evidence(
            claim="C12",
            where="figure 1c; repaired condition (2′) of docs/theorem1.md",
            statement="clusters: every decoder with p_f = p has a PMO above the J of a decoder "
            "with MLEO > 0",
            kind="one-sided",
            measured={
                "least PMO with p_f = p": smallest.pmo,
                "J of the decoder with MLEO > 0": optimum.excess,
                "MLEO of that decoder": optimum.mleo,
                "one M-step from the least lowers −ELBO by": moved.m_step_gain,
            },
            predicted="PMO above J",
            margin=margin,
            verdict=claim_verdict(verdict),
            witness=f"least PMO: {smallest.name}",
            over=surveyed.description,
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert not surveyed.left_out
    assert verdict is Verdict.HOLDS
    assert theorem1.condition_2_repaired is Verdict.HOLDS


def test_the_optimum_learns_p_poorly(
    predicted_optimum: Callable[[str], PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    found = predicted_optimum("clusters")
    misplaced = total_variation(found.model, found.data)
    verdict = poorly(misplaced) & positive(found.mleo)
    evidence(
        Evidence(
            claim="C12",
            where="figure 1c",
            statement="clusters: the predicted optimum learns p(x) poorly: more than 5 % of it is "
            "misplaced",
            kind="one-sided",
            measured={
                "share of p(x) misplaced": misplaced,
                "MLEO at the optimum": found.mleo,
                "PMO at the optimum": found.pmo,
                "J at the optimum": found.excess,
                "starts that found the best": f"{found.found} of {len(found.starts)}",
            },
            predicted="poorly: above 0.05",
            margin=misplaced - Estimate(POOR, 0.0),
            verdict=claim_verdict(verdict),
            over=_SEARCH,
            notes=SCALE,
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS
