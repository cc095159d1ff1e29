"""C14: σ² is biased even at the ground truth f when q is not the posterior; unbiased when it is.

Setting: f, and everything else but σ², at the ground truth; q either the best Gaussian for every
x, or the exact posterior p(z|x).
Statement: Theorem 2 of the paper and the text after it: E_p E_q (x_d − f_d)² differs from the true
σ_d² if q is not the posterior, and equals it if it is.
Kind: one-sided for the bias, tight for its absence.
Reference: Theorem 2.
Measured: both refits and their difference from σ_d², per data dimension and for one σ² shared by
all of them (the mean over dimensions).
Verdict rule: biased if |refit − σ_d²| exceeds the error radius in some dimension; unbiased if the
refit with the exact posterior is within 1e-9 of σ_d², relative. The sign is recorded, not judged:
the theorem does not give one.
Changed: the refit on spiral_dots was asked for to 2e-4 of σ_d² (bias 0.0297 ± 0.0016 in the second
dimension); it is to 1e-3 (0.0297 ± 0.0056). The verdict is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from theorycheck.claims import ClaimVerdict, Evidence, claim_verdict
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.models import benchmark
from theorycheck.objectives import Decomposition
from theorycheck.theorems import Theorem2Check, check_theorem2

BENCHMARKS = ["figure8", "circle", "absolute_value", "clusters", "spiral_dots"]
#: Relative radius of a claim of no bias.
_UNBIASED = 1e-9
#: Relative error radius asked for of spiral_dots' refit, whose bias is 2e-2. That of the others is
#: the session's: well below the smallest bias, 2e-3.
_TOLERANCE = 1e-3
Check = Callable[[str], Theorem2Check]


@pytest.fixture(scope="module")
def check_of(decomposed: Callable[[str], Decomposition]) -> Check:
    @cache
    def check(name: str) -> Theorem2Check:
        if name == "spiral_dots":
            return check_theorem2(benchmark(name), tolerance=_TOLERANCE)
        return check_theorem2(benchmark(name), decomposition=decomposed(name))

    return check


def _direction(bias: Estimate) -> str:
    """Say which way a bias goes, where its radius lets one say."""
    if bias.lower > 0.0:
        return "upwards"
    return "downwards" if bias.upper < 0.0 else "undecided"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_biased_when_q_is_gaussian(
    name: str, check_of: Check, evidence: Callable[[Evidence], Evidence]
) -> None:
    check = check_of(name)
    relative = [b.scaled(1.0 / t) for b, t in zip(check.bias, check.true, strict=True)]
    shared = (check.shared - Estimate(check.true[0], 0.0)).scaled(1.0 / check.true[0])
    margins = [Estimate(abs(b.value), b.error) for b in relative]
    margin = max(margins, key=lambda m: m.lower)
    verdict = positive(margin)
    evidence(
        Evidence(
            claim="C14",
            where="Theorem 2",
            statement=f"{name}: at the true f the refit of σ² with the best Gaussian q is biased",
            kind="one-sided",
            measured={
                "true σ²": check.true[0],
                **{f"refit, d = {d + 1}": e for d, e in enumerate(check.refit_at_ground_truth)},
                **{f"relative bias, d = {d + 1}": e for d, e in enumerate(relative)},
                "relative bias of a shared σ²": shared,
            },
            predicted="a bias other than 0",
            margin=margin,
            verdict=claim_verdict(verdict),
            witness={
                **{f"d = {d + 1}": _direction(b) for d, b in enumerate(relative)},
                "shared": _direction(shared),
            },
            over="the ground truth f, the optimal q for every x at the true σ²",
        )
    )
    assert verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_unbiased_when_q_is_the_posterior(
    name: str, check_of: Check, evidence: Callable[[Evidence], Evidence]
) -> None:
    check = check_of(name)
    relative = [
        (e - Estimate(t, 0.0)).scaled(1.0 / t)
        for e, t in zip(check.exact_posterior, check.true, strict=True)
    ]
    unbiased = all(abs(b.value) <= _UNBIASED for b in relative)
    sharp = all(b.error <= 1.01 * _UNBIASED for b in relative)
    verdict = ClaimVerdict.VERIFIED if sharp else ClaimVerdict.INCONCLUSIVE
    evidence(
        Evidence(
            claim="C14",
            where="Theorem 2",
            statement=f"{name}: with the exact posterior as q the refit of σ² is unbiased",
            kind="tight",
            measured={f"relative bias, d = {d + 1}": e for d, e in enumerate(relative)},
            predicted="0 within 1e-9",
            margin=None,
            verdict=verdict if unbiased else ClaimVerdict.REFUTED,
            over="the ground truth f, the exact posterior for every x",
        )
    )
    assert sharp
    assert unbiased
