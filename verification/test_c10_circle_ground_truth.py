"""C10: on the Circle few posteriors are not Gaussian, and the VAE recovers p(x), as IWAE does.

Setting: the ground truth circle, σ² = 0.01; the two ends of z meet at (1, 0).
Statement: section 4.2 and figure 1 of the paper: few x have non-Gaussian posteriors; the VAE
recovers p(x) from random and from ground-truth starts; it learns p(x) as well as IWAE.
Kind: one-sided.
Reference: section 4.2, figure 1; theorycheck/claims/_recovery.py for "recovers" and "as well".
Measured: Pr_p[KL(x) > 0.1 nat], KL(x) = KL[q*(z|x) ‖ p(z|x)]; and, without q, the probability that
p(z|x) has a second mode of more than 5 % of the mass, on a sample. The share of p(x) that is
misplaced, ½ ∫ |p_f − p| dx by quadrature, and MLEO: at the predicted optima of the ELBO and of
L_20, where the ascent from the ground truth alone ends, and of VAEs and IWAEs (S = 20) trained with
three seeds. Of the networks also J with the optimal q, with their encoder, and at the start of
training.
Verdict rule: the paper does not say how few "few" is; this file takes less than 10 % of p(x), a
margin beyond the error radius. "Recovers" and "as well" are judged on the scale of
theorycheck/claims/_recovery.py, for the optimum and for networks apart, which is what the objective
does and what training does. Literally p(x) is not recovered: MLEO is above zero beyond its radius,
which is recorded. Of networks from either start the verdict is what all three seeds say, if the
optimum says so too: where it does not, their end is due to their encoder or to their training, is
not a verdict on the VAE, and is inconclusive. A network whose J ends above the J at the start of
its training is no evidence about the objective. For "as well" the three seeds of VAE and IWAE make
nine pairs, which must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from theorycheck.claims import (
    RECOVERED,
    SCALE,
    Evidence,
    LeftOpen,
    as_well_as,
    claim_verdict,
    in_words,
    recovers,
)
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.inference import count_modes
from theorycheck.models import benchmark
from theorycheck.objectives import Decomposition, decompose, total_variation
from theorycheck.optimum import QUICK, Execution, PredictedOptimum, SearchSettings, find_optimum
from theorycheck.quadrature import sample_mean

if TYPE_CHECKING:
    from neural import ClaimRuns

#: KL above which a posterior counts as non-Gaussian (nats), and the share that is still "few".
_NON_GAUSSIAN = 0.1
_FEW = Estimate(0.1, 0.0)
#: Mass from which a second mode counts; draws and their seed.
_SECOND_MODE = 0.05
_DRAWS, _SEED = 1500, 10
#: The threshold of the scale, for margins.
_RECOVERED = Estimate(RECOVERED, 0.0)
_SAMPLES = 20
#: The ascent from the ground truth alone, on the last cells and nodes of the quick search.
_FROM_TRUTH = replace(QUICK, starts=1, refined=1, rounds=0)
_UNTESTED = (
    "that trained networks recover p(x) from random and from ground-truth starts, as well as IWAE"
)
#: What the networks' evidence says of itself.
_NETWORKS = (
    "These networks misplace more than the optimum of what they descend: that is not the "
    "objective's doing but that of the encoder, which is continuous and cannot follow a best q "
    "that jumps where the ends of z meet, and of the training with it. The claim is not "
    "reproduced by them, and not refuted."
)


def test_few_posteriors_are_far_from_gaussian(
    decomposed: Callable[[str], Decomposition], evidence: Callable[[Evidence], Evidence]
) -> None:
    result = decomposed("circle")
    part = result.kl_distribution.partition(_NON_GAUSSIAN)
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
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS


def test_few_posteriors_have_two_modes(evidence: Callable[[Evidence], Evidence]) -> None:
    model = benchmark("circle")
    _, x = model.sample(_DRAWS, _SEED)
    several = count_modes(model, x, smallest_mass=_SECOND_MODE) > 1
    share = sample_mean(several.astype(float), one_draw=1.0)
    margin = _FEW - share
    verdict = positive(margin)
    evidence(
        Evidence(
            claim="C10",
            where="4.2",
            statement="circle: posteriors with a second mode of 5 % of the mass are below 10 %",
            kind="one-sided",
            measured={"share with two modes": share},
            predicted="below 0.1",
            margin=margin,
            verdict=claim_verdict(verdict),
            over=f"{_DRAWS} draws from p(x), seed {_SEED}; the radius is five standard errors",
            notes="Modes are counted as everywhere (docs/numbers.md): log p(z|x) falls by at least "
            "0.01 nats between two. By every local maximum, which is how this claim counted at "
            "first, the share is the same at these draws.",
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS


def test_the_optimum_recovers_p(
    predicted_optimum: Callable[[str], PredictedOptimum],
    decomposed: Callable[[str], Decomposition],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    model, truth = benchmark("circle"), decomposed("circle")
    best = predicted_optimum("circle")
    from_truth = find_optimum(
        model, SearchSettings(effort=_FROM_TRUTH), execution=Execution(jobs=1)
    )
    shares = [total_variation(found.model, model) for found in (best, from_truth)]
    margin = _RECOVERED - max(shares, key=lambda share: share.upper)
    verdict = recovers(shares[0]) & recovers(shares[1])
    random_starts = [start for start in best.starts if start.kind != "ground truth"]
    evidence(
        Evidence(
            claim="C10",
            where="4.2",
            statement="circle: the ELBO's optimum recovers p(x), from all starts and from the "
            "ground truth alone: less than 2 % is misplaced",
            kind="one-sided",
            measured={
                "share of p(x) misplaced, best of all starts": shares[0],
                "share of p(x) misplaced, from the ground truth": shares[1],
                "MLEO, best of all starts": best.mleo,
                "MLEO, from the ground truth": from_truth.mleo,
                "J, best of all starts": best.excess,
                "J, from the ground truth": from_truth.excess,
                "J of the ground truth itself": truth.excess,
                "best random start began as": random_starts[0].kind,
                "starts that found the best": f"{best.found} of {len(best.starts)}",
            },
            predicted="recovered: below 0.02",
            margin=margin,
            verdict=claim_verdict(verdict),
            over="all decoders, by the quick search with seed 0; coordinate ascent from the "
            "ground truth",
            notes=f"{SCALE} Exactly p(x) is not recovered: the optimum opens a gap in the circle, "
            "MLEO > 0 beyond its radius, and its J is below the ground truth's.",
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS
    assert positive(best.mleo) is Verdict.HOLDS
    assert positive(truth.excess - best.excess) is Verdict.HOLDS


@pytest.mark.slow
def test_the_optimum_is_as_good_as_that_of_iwae(
    predicted_optimum: Callable[..., PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    elbo, iwae = predicted_optimum("circle"), predicted_optimum("circle", samples=_SAMPLES)
    shares = [total_variation(found.model, found.data) for found in (elbo, iwae)]
    verdict = as_well_as(*shares)
    evidence(
        Evidence(
            claim="C10",
            where="figure 1",
            statement="circle: the ELBO's optimum learns p(x) as well as that of L_20: it "
            "misplaces less than 2 % more",
            kind="one-sided",
            measured={
                "share of p(x) misplaced, optimum of the ELBO": shares[0],
                "share of p(x) misplaced, best found for L_20": shares[1],
                "MLEO at the optimum of the ELBO": elbo.mleo,
                "MLEO of the best decoder found for L_20": iwae.mleo,
                "J_20 of the best decoder found for L_20": iwae.excess,
            },
            predicted="as well: less than 0.02 more",
            margin=_RECOVERED - (shares[0] - shares[1]),
            verdict=claim_verdict(verdict),
            over="all decoders, by the quick searches with seed 0",
            notes=SCALE,
        )
    )
    assert verdict is Verdict.HOLDS


@pytest.mark.slow
@pytest.mark.parametrize("init", ["random", "ground_truth"])
def test_trained_vaes_and_p(
    init: str,
    networks: ClaimRuns,
    predicted_optimum: Callable[[str], PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural import guarded, protocol, told_apart
    from theorycheck.evaluation import agreed

    start = init.replace("_", " ")
    ends, found = networks.seeds("circle", init=init), predicted_optimum("circle")
    optimum = total_variation(found.model, found.data)
    said = guarded(ends, [recovers(end.misplaced) for end in ends])
    verdict = agreed(said, recovers(optimum))
    worst = max((end.misplaced for end in ends), key=lambda share: share.upper)
    evidence(
        Evidence(
            claim="C10",
            where="4.2",
            statement=f"circle: VAEs trained from a {start} start recover p(x), as the ELBO's "
            "optimum does: less than 2 % is misplaced",
            kind="one-sided",
            measured={
                **told_apart(ends, f"VAE from a {start} start", found),
                "share of p(x) misplaced at the ELBO's optimum": optimum,
                "J of the ground truth": decompose(benchmark("circle"), tolerance=1e-5).excess,
                "what the networks alone would say": str(said),
            },
            predicted="recovered: below 0.02",
            margin=_RECOVERED - worst,
            verdict=claim_verdict(verdict),
            over=protocol(ends[0].trained),
            notes=f"{SCALE} {_NETWORKS}",
        )
    )
    assert verdict is Verdict.INCONCLUSIVE


@pytest.mark.slow
def test_trained_vaes_beside_iwaes(
    networks: ClaimRuns,
    predicted_optimum: Callable[..., PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural import guarded, protocol, told_apart
    from theorycheck.evaluation import agreed, unanimous

    vae, iwae = networks.seeds("circle"), networks.seeds("circle", "iwae")
    optima = [predicted_optimum("circle"), predicted_optimum("circle", samples=_SAMPLES)]
    exact = as_well_as(*(total_variation(found.model, found.data) for found in optima))
    pairs = [(one.misplaced, other.misplaced) for one in vae for other in iwae]
    order = unanimous(as_well_as(*pair) for pair in pairs)
    said = guarded([*vae, *iwae], [order] * (len(vae) + len(iwae)))
    verdict = agreed(said, exact)
    more = max((one - other for one, other in pairs), key=lambda share: share.upper)
    evidence(
        Evidence(
            claim="C10",
            where="figure 1",
            statement="circle: the trained VAEs learn p(x) as well as IWAEs, S = 20, as the "
            "optima do: they misplace less than 2 % more",
            kind="one-sided",
            measured={
                **told_apart(vae, "VAE", optima[0]),
                **told_apart(iwae, "IWAE", optima[1]),
                "IWAE recovers p(x)": ", ".join(in_words(each.misplaced) for each in iwae),
                "what the networks alone would say": str(said),
            },
            predicted="as well: less than 0.02 more in nine pairs of seeds",
            margin=_RECOVERED - more,
            verdict=claim_verdict(verdict),
            over=f"{protocol(vae[0].trained)}; {protocol(iwae[0].trained)}",
            notes=f"{SCALE} {_NETWORKS}",
        )
    )
    assert verdict is Verdict.INCONCLUSIVE
