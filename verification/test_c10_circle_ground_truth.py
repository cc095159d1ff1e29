"""C10: on the Circle few posteriors are not Gaussian, and the VAE recovers p(x), as IWAE does.

Setting: the ground truth circle, σ² = 0.01; the two ends of z meet at (1, 0).
Statement: section 4.2 and figure 1 of the paper: few x have non-Gaussian posteriors; the VAE
recovers p(x) from random and from ground-truth starts; it learns p(x) as well as IWAE.
Kind: one-sided.
Reference: section 4.2, figure 1; theorycheck/report/recovery.py for "recovers" and "as well".
Measured: Pr_p[KL(x) > 0.1 nat], KL(x) = KL[q*(z|x) ‖ p(z|x)]; and, without q, the probability
that p(z|x) has a second mode of more than 5 % of the mass, on a sample. The share of p(x) that is
misplaced, ½ ∫ |p_f − p| dx by quadrature, and MLEO: at the predicted optima of the ELBO and of
L_20, where the ascent from the ground truth alone ends, and of VAEs and IWAEs (S = 20) trained with
three seeds. Of the networks also J with the optimal q, by their own encoder and at their own start.
Verdict: the paper does not say how few "few" is; this file takes less than 10 % of p(x), a margin
beyond the error radius. "Recovers" and "as well" are judged on the one scale, for the optimum and
for networks apart, which is what the objective does and what training does. Literally p(x) is not
recovered: MLEO is above zero beyond its radius, which is recorded. Of networks from either start
the verdict is what all three seeds say, if the optimum says so too: where it does not, their end is
due to their encoder or to their training, is not a verdict on the VAE, and is inconclusive. A
network that ends above its own start says nothing. For "as well" the three seeds of VAE and IWAE
make nine pairs, which must agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.inference.posterior import posterior
from theorycheck.models.benchmarks import benchmark
from theorycheck.objectives.decomposition import decompose
from theorycheck.objectives.total_variation import total_variation
from theorycheck.optimum.global_search import QUICK, find_optimum
from theorycheck.optimum.result import PredictedOptimum
from theorycheck.quadrature.latent_panels import latent_panels
from theorycheck.report.evidence import ClaimVerdict, Evidence, claim_verdict

if TYPE_CHECKING:
    from neural.claim_runs import ClaimRuns

#: KL above which a posterior counts as non-Gaussian (nats), and the share that is still "few".
_NON_GAUSSIAN = 0.1
_FEW = Estimate(0.1, 0.0)
#: Mass from which a second mode counts; draws and their seed.
_SECOND_MODE = 0.05
_DRAWS, _SEED = 1500, 10
#: Share of p(x) that may be misplaced where it counts as recovered.
_RECOVERED = Estimate(0.02, 0.0)
#: The ascent from the ground truth alone, on the last cells and nodes of the quick search.
_FROM_TRUTH = replace(QUICK, starts=1, refined=1, rounds=0)
_UNTESTED = "that trained networks recover p(x) from random and from ground-truth starts"


def test_few_posteriors_are_far_from_gaussian(evidence: Callable[[Evidence], Evidence]) -> None:
    result = decompose(benchmark("circle"), eta=[_NON_GAUSSIAN])
    part = result.eta_partition[0]
    margin = _FEW - part.pr_hi
    verdict = positive(margin)
    evidence(
        Evidence(
            claim="C10",
            where="4.2",
            statement="circle: Pr[KL(x) > 0.1 nat] is below 10 %",
            kind="one-sided",
            measured={
                "Pr[KL > 0.1]": part.pr_hi,
                "PMO": result.pmo,
                "Pr[X_Hi] D_Hi at 0.1": part.high,
            },
            predicted="below 0.1",
            margin=margin,
            verdict=claim_verdict(verdict),
            over="all of p(x), at the ground truth",
            notes="The thresholds 0.1 nat and 10 % are this project's reading of “few”.",
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS


def test_few_posteriors_have_two_modes(evidence: Callable[[Evidence], Evidence]) -> None:
    model = benchmark("circle")
    panels = latent_panels(model)
    _, x = model.sample(_DRAWS, _SEED)
    several = sum(
        sum(mode.mass > _SECOND_MODE for mode in posterior(panels, point).modes) > 1 for point in x
    )
    share = several / _DRAWS
    radius = 5.0 * math.sqrt(max(share * (1.0 - share), 1.0 / _DRAWS) / _DRAWS)
    margin = _FEW - Estimate(share, radius)
    verdict = positive(margin)
    evidence(
        Evidence(
            claim="C10",
            where="4.2",
            statement="circle: posteriors with a second mode of 5 % of the mass are below 10 %",
            kind="one-sided",
            measured={"share with two modes": Estimate(share, radius)},
            predicted="below 0.1",
            margin=margin,
            verdict=claim_verdict(verdict),
            over=f"{_DRAWS} draws from p(x), seed {_SEED}; the radius is five standard errors",
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS


def test_the_optimum_recovers_p(
    predicted_optimum: Callable[[str], PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    model = benchmark("circle")
    truth = decompose(model, tolerance=1e-5)
    best = predicted_optimum("circle")
    from_truth = find_optimum(model, effort=_FROM_TRUTH, jobs=1)
    misplaced = total_variation(best.model, model)
    misplaced_from_truth = total_variation(from_truth.model, model)
    margin = _RECOVERED - max(misplaced, misplaced_from_truth, key=lambda share: share.upper)
    verdict = positive(margin)
    random_starts = [start for start in best.starts if start.kind != "ground truth"]
    evidence(
        Evidence(
            claim="C10",
            where="4.2",
            statement="circle: the optimum from all starts and the one from the ground truth "
            "alone misplace less than 2 % of the probability",
            kind="one-sided",
            measured={
                "misplaced, best of all starts": misplaced,
                "misplaced, from the ground truth": misplaced_from_truth,
                "MLEO, best of all starts": best.mleo,
                "MLEO, from the ground truth": from_truth.mleo,
                "J, best of all starts": best.excess,
                "J, from the ground truth": from_truth.excess,
                "J of the ground truth itself": truth.excess,
                "best random start began as": random_starts[0].kind,
                "starts that found the best": f"{best.found} of {len(best.starts)}",
            },
            predicted="below 0.02",
            margin=margin,
            verdict=claim_verdict(verdict),
            over="all decoders, by the quick search with seed 0; coordinate ascent from the "
            "ground truth",
            notes="The threshold of 2 % is this project's reading of “recovers”. Exactly p(x) is "
            "not recovered: the optimum opens a gap in the circle, MLEO > 0 beyond its radius, and "
            "its J is below the ground truth's.",
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS
    assert positive(best.mleo) is Verdict.HOLDS
    assert positive(truth.excess - best.excess) is Verdict.HOLDS


@pytest.mark.slow
def test_trained_vaes_come_near_p_from_either_start(
    networks: ClaimRuns,
    predicted_optimum: Callable[[str], PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural.claim_runs import best_from, figures, protocol

    run = networks.run("circle")
    measured: dict[str, Estimate | str] = {}
    margins = []
    for init in ("random", "ground_truth"):
        start, end = init.replace("_", " "), best_from(run, init)
        undone = max((end.excess - predicted_optimum("circle").excess).upper, 0.0)
        misplaced = total_variation(end.decomposition.model, run.trained.trainer.model)
        margins.append(_RECOVERED - misplaced - Estimate(0.0, math.sqrt(undone / 2.0)))
        measured[f"misplaced, best from a {start} start"] = misplaced
        measured[f"J − predicted J, best from a {start} start"] = Estimate(undone, 0.0)
    margin = min(margins, key=lambda each: each.value)
    verdict = positive(margin)
    evidence(
        Evidence(
            claim="C10",
            where="4.2",
            statement="circle: VAEs trained from random and from ground-truth starts misplace less "
            "than 2 % of the probability",
            kind="one-sided",
            measured={**measured, **figures(run, "VAE")},
            predicted="below 0.02",
            margin=margin,
            verdict=claim_verdict(verdict),
            over=protocol(run.trained),
            notes="The threshold of 2 % is this project's reading of “recovers”; these networks "
            "misplace more. They also end above the predicted J, so that what they misplace may be "
            "their training's: the best q jumps where the ends of z meet, which no continuous "
            "encoder does. The exact optimum misplaces less than 2 %.",
        )
    )
    assert claim_verdict(verdict) is not ClaimVerdict.VERIFIED
