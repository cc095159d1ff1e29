"""C11, networks: on Absolute-Value trained VAEs select an f near the monotone one, from any start.

Setting: the data of absolute_value, f(z) = (|z|, |z|), σ² = 0.01; VAEs trained on fresh draws from
p(x) with three seeds, started at random and at the ground truth; g is the monotone f with the same
p(x).
Statement: section 4.2 of the paper: the f with the same p(x) and simple posteriors is what the ELBO
selects from random and from ground-truth starts. The exact side is in the other file of C11.
Kind: one-sided.
Reference: section 4.2.
Measured: J and PMO, exactly, of the restart with the best objective of each seed among either kind
of starts; J(g), and the J predicted by a search over all f; the share of p(x) that is misplaced; J
by the networks' own encoder and at their own start.
Verdict: selected is read as J within 0.02 nats of the predicted one, which is 3 % of what selecting
it gains, and a PMO below a tenth of the ground truth's, beyond the radii, for every seed; the two
starts are judged one by one. A network that ends above its own start says nothing. What is misplaced
is recorded beside it, on the one scale: the f selected need not be g.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.models.benchmarks import benchmark
from theorycheck.objectives.decomposition import decompose
from theorycheck.optimum.result import PredictedOptimum
from theorycheck.report.evidence import Evidence, claim_verdict

if TYPE_CHECKING:
    from neural.claim_runs import ClaimRuns

#: Share of the ground truth's PMO that is still simple: as in the exact side.
_SIMPLE = 0.1


@pytest.mark.slow
@pytest.mark.parametrize("init", ["random", "ground_truth"])
def test_a_trained_vae_selects_the_simple_f(
    init: str,
    networks: ClaimRuns,
    predicted_optimum: Callable[..., PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural.claim_runs import best_from, figures, protocol
    from neural.judging import NEAR_OPTIMUM

    run = networks.run("absolute_value")
    truth = decompose(benchmark("absolute_value"), tolerance=1e-4)
    predicted = predicted_optimum("absolute_value")
    end = best_from(run, init)
    gap = end.excess - predicted.excess
    near = Estimate(NEAR_OPTIMUM, 0.0) - gap
    simple = truth.pmo.scaled(_SIMPLE) - end.pmo
    verdict = positive(near) & positive(simple)
    start = init.replace("_", " ")
    evidence(
        Evidence(
            claim="C11",
            where="4.2",
            statement=f"absolute_value: the best VAE from a {start} start ends within 0.02 nats of "
            "the predicted J, with a PMO below a tenth of the ground truth's",
            kind="one-sided",
            measured={
                f"J from a {start} start": end.excess,
                f"MLEO from a {start} start": end.mleo,
                f"PMO from a {start} start": end.pmo,
                "J − predicted J": gap,
                "J of the ground truth": truth.excess,
                **figures(run, "VAE"),
            },
            predicted="J as predicted",
            margin=near,
            verdict=claim_verdict(verdict),
            over=protocol(run.trained),
        )
    )
    assert verdict is Verdict.HOLDS
