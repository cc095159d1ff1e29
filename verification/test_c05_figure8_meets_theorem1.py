"""C05: on Figure-8 some f meets condition (1) of Theorem 1.

Setting: the ground truth figure8, σ² = 0.02; the decoder of smallest J that a search over all
decoders found.
Statement: section 4.2 of the paper: some f and η satisfy P_G (D_Hi,G − D_Lo,G) > P_f D_Hi,f +
MLEO(f) and D_Lo,G >= D_Lo,f.
Kind: a witness f and η.
Reference: section 4.2, Theorem 1.
Measured: both margins over the whole range of η; J of both decoders.
Verdict: verified by both margins at one η, beyond their radii; then J(f) < J(ground truth), which
is checked besides.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from theorycheck.estimate import Verdict, positive
from theorycheck.models.benchmarks import benchmark
from theorycheck.optimum.result import PredictedOptimum
from theorycheck.report.evidence import Evidence, claim_verdict
from theorycheck.theorems.theorem1 import Theorem1Check, check_theorem1

_SEARCH = "the quick search over all decoders, seed 0"


@pytest.fixture(scope="module")
def theorem1(predicted_optimum: Callable[[str], PredictedOptimum]) -> Theorem1Check:
    # The margins, 0.01 nats, ask for partitions that are known to a few thousandths.
    found = predicted_optimum("figure8")
    return check_theorem1(benchmark("figure8"), optimum=found, tolerance=1e-5)


def test_the_optimum_meets_condition_1(
    theorem1: Theorem1Check, evidence: Callable[[Evidence], Evidence]
) -> None:
    found = theorem1.alternatives[0]
    holding = [c for c in found.condition_1 if c.verdict is Verdict.HOLDS]
    best = max(holding or found.condition_1, key=lambda c: min(c.first.lower, c.second.lower))
    evidence(
        Evidence(
            claim="C05",
            where="4.2, Theorem 1",
            statement="figure8: some f and η satisfy both inequalities of condition (1)",
            kind="exists",
            measured={
                "first margin": best.first,
                "second margin": best.second,
                "thresholds η that serve": f"{len(holding)} of {len(found.condition_1)}",
                "MLEO(f)": found.decomposition.mleo,
                "PMO(f)": found.decomposition.pmo,
            },
            predicted="first margin above 0, second not below 0",
            margin=best.first,
            verdict=claim_verdict(found.verdict),
            witness={"f": "what `theorycheck optimum figure8` writes", "η": best.eta},
            over=_SEARCH,
        )
    )
    assert found.verdict is Verdict.HOLDS
    assert min(best.first.lower, best.second.lower) > 0.0


def test_so_the_elbo_prefers_it(
    theorem1: Theorem1Check, evidence: Callable[[Evidence], Evidence]
) -> None:
    """What condition (1) implies, looked at directly."""
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
