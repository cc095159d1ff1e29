"""C05: on Figure-8 some f meets condition (1) of Theorem 1.

Setting: the ground truth figure8, σ² = 0.02; the decoder of smallest J that a search over all
decoders found.
Statement: section 4.2 of the paper: some f and η satisfy P_G (D_Hi,G − D_Lo,G) > P_f D_Hi,f +
MLEO(f) and D_Lo,G >= D_Lo,f.
Kind: a witness f and η.
Reference: section 4.2, Theorem 1.
Measured: the premise and both margins over the whole range of η, at thresholds and between; J of
both decoders.
Verdict rule: verified by the premise and both margins at one η, beyond their radii, for the theorem
has one η for both; then J(f) < J(ground truth), which is checked besides.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from theorycheck.claims import Evidence, claim_verdict
from theorycheck.estimate import Verdict, positive
from theorycheck.models import benchmark
from theorycheck.objectives import Decomposition
from theorycheck.optimum import PredictedOptimum
from theorycheck.theorems import Theorem1Check, check_theorem1, premise_at, some

_SEARCH = "the quick search over all decoders, seed 0"


@pytest.fixture(scope="module")
def theorem1(
    predicted_optimum: Callable[[str], PredictedOptimum],
    decomposed: Callable[[str], Decomposition],
) -> Theorem1Check:
    # The margins, 0.01 nats, ask for partitions that are known to a few thousandths.
    found, truth = predicted_optimum("figure8"), decomposed("figure8")
    return check_theorem1(benchmark("figure8"), optimum=found, truth=truth, tolerance=1e-5)


def test_the_optimum_meets_condition_1(
    theorem1: Theorem1Check, evidence: Callable[[Evidence], Evidence]
) -> None:
    found = theorem1.alternatives[0]
    premise = {p.eta for p in theorem1.premise if p.verdict is Verdict.HOLDS}
    holding = [c for c in found.condition_1 if c.verdict is Verdict.HOLDS and c.eta in premise]
    best = max(holding or found.condition_1, key=lambda c: min(c.first.lower, c.second.lower))
    at = premise_at(theorem1.ground_truth.kl_distribution.partition(best.eta))
    verdict = some(span.premise_and_1 for span in theorem1.joint.spans)
    evidence(
        Evidence(
            claim="C05",
            where="4.2, Theorem 1",
            statement="figure8: some f and an η at which the premise holds satisfy both "
            "inequalities of condition (1)",
            kind="exists",
            measured={
                "margin of the premise": at.margin,
                "first margin": best.first,
                "second margin": best.second,
                "η at which premise and (1) hold": theorem1.joint.where("premise_and_1"),
                "η at which (1) holds": theorem1.joint.where("condition_1"),
                "MLEO(f)": found.decomposition.mleo,
                "PMO(f)": found.decomposition.pmo,
            },
            predicted="margin of the premise and first margin above 0, second not below 0",
            margin=best.first,
            verdict=claim_verdict(verdict),
            witness={"f": "what `theorycheck optimum figure8` writes", "η": best.eta},
            over=_SEARCH,
        )
    )
    assert verdict is Verdict.HOLDS
    assert min(best.first.lower, best.second.lower, at.margin.lower) > 0.0


def test_so_the_elbo_prefers_it(
    theorem1: Theorem1Check, evidence: Callable[[Evidence], Evidence]
) -> None:
    """What condition (1) implies holds: J of the decoder found is below the ground truth's."""
    found = theorem1.alternatives[0]
    evidence(
        Evidence(
            claim="C05",
            where="Theorem 1",
            statement="figure8: J(f) < J(ground truth), which condition (1) implies",
            kind="one-sided",
            measured={
                "J(ground truth)": theorem1.ground_truth.excess,
                "J(f)": found.decomposition.excess,
            },
            predicted="J(f) below J(ground truth)",
            margin=found.gain,
            verdict=claim_verdict(positive(found.gain)),
            over=_SEARCH,
        )
    )
    assert found.gain.lower > 0.0
