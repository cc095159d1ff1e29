"""C07: at decoders of small J on Figure-8, found or trained, MLEO > 0, and posteriors are simpler.

Setting: the data of figure8, σ² = 0.02; the decoder of smallest J that a search over all decoders
found, without a network (docs/optimum.md); and a VAE trained on fresh draws from p(x), of whose
restarts the one with the best objective counts.
Statement: section 4.2 (A) of the paper: at the optimum of the ELBO the learned p_f(x) is not p(x),
and the learned posteriors are simpler than the ground truth's where p(x) is high.
Kind: one-sided, at the decoder found and at the trained one.
Reference: section 4.2 (A), figure 1.
Measured: J and MLEO of either decoder, exactly, beside the ground truth's J; mean KL(x) and the
share of posteriors with several modes, of all three decoders, on the regions of highest p(x) that
hold 10, 25 and 50 % of the data, at the same draws.
Verdict rule: MLEO > 0 beyond its radius for a decoder whose J is below the ground truth's beyond
the radius. "Simpler" on a region means a lower mean KL beyond five standard errors of the paired
difference, and no more modes; "where p(x) is high" means on each of the three regions. Networks are
trained with three seeds: every seed must say so, and a network whose J ends above the J at the
start of its training is no evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from theorycheck.claims import Evidence, LeftOpen, claim_verdict
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.models import benchmark
from theorycheck.objectives import HIGH, Decomposition, PosteriorComparison, compare_posteriors
from theorycheck.optimum import PredictedOptimum

if TYPE_CHECKING:
    from neural import ClaimRuns

#: Draws from p(x) at which posteriors are compared, and their seed.
_DRAWS, _SEED = 8_000, 7
_SEARCHED = (
    "all decoders, by the quick search with seed 0: the best of its starts and hops, an upper "
    "bound on the optimum"
)
_UNTESTED = "that trained networks reach such a decoder"


def test_the_optimum_has_another_density(
    predicted_optimum: Callable[[str], PredictedOptimum],
    decomposed: Callable[[str], Decomposition],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    truth = decomposed("figure8")
    found = predicted_optimum("figure8")
    gain = truth.excess - found.excess
    verdict = positive(found.mleo) & positive(gain)
    evidence(
        Evidence(
            claim="C07",
            where="4.2 (A)",
            statement="figure8: a decoder with MLEO > 0 has a smaller J than the ground truth",
            kind="one-sided",
            measured={
                "MLEO of the decoder found": found.mleo,
                "PMO of the decoder found": found.pmo,
                "J of the decoder found": found.excess,
                "J of the ground truth": truth.excess,
                "largest |f′| of the decoder found": found.largest_slope,
                "starts that found it": f"{found.found} of {len(found.starts)}",
            },
            predicted="MLEO above 0",
            margin=found.mleo,
            verdict=claim_verdict(verdict),
            witness="the decoder that `theorycheck optimum figure8` writes",
            over=_SEARCHED,
            notes="A decoder found, not known to be the optimum: few starts of the search reach "
            "it, and its J is an upper bound on the optimum's. J of any decoder with p_f = p is "
            "its PMO; that none of those is as low is what C06 is about.",
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS


def test_posteriors_are_simpler_where_p_is_high(
    predicted_optimum: Callable[[str], PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    found = predicted_optimum("figure8")
    comparison = compare_posteriors(benchmark("figure8"), found.model, draws=_DRAWS, seed=_SEED)
    verdict = comparison.simpler_where_high
    evidence(
        Evidence(
            claim="C07",
            where="4.2 (A)",
            statement="figure8: where p(x) is high, posteriors at the decoder found have a lower "
            "KL to the best Gaussian and no more modes than the ground truth's",
            kind="one-sided",
            measured=_by_region(comparison, "optimum"),
            predicted="lower on the densest 10, 25 and 50 % of the data",
            margin=_least_saved(comparison),
            verdict=claim_verdict(verdict),
            over=f"{_DRAWS:,} draws from p(x), seed {_SEED}; {_SEARCHED}",
            notes="Not everywhere: in the left loop, where the ends of the learned curve lie, "
            "posteriors have up to four modes, the ground truth's up to three.",
            left_open=LeftOpen.NETWORKS,
            untested=_UNTESTED,
        )
    )
    assert verdict is Verdict.HOLDS


@pytest.mark.slow
def test_the_trained_vae_leaves_the_ground_truth(
    networks: ClaimRuns,
    predicted_optimum: Callable[[str], PredictedOptimum],
    decomposed: Callable[[str], Decomposition],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural import guarded, protocol, told_apart

    vae, found = networks.seeds("figure8"), predicted_optimum("figure8")
    truth = decomposed("figure8")
    left = [
        positive(network.judged.mleo) & positive(truth.excess - network.judged.excess)
        for network in vae
    ]
    verdict = guarded(vae, left)
    evidence(
        Evidence(
            claim="C07",
            where="4.2 (A)",
            statement="figure8: every trained VAE has MLEO > 0 and a smaller J than the ground "
            "truth",
            kind="one-sided",
            measured={**told_apart(vae, "VAE", found), "J of the ground truth": truth.excess},
            predicted="MLEO above 0",
            margin=min((network.judged.mleo for network in vae), key=lambda mleo: mleo.lower),
            verdict=claim_verdict(verdict),
            over=protocol(vae[0].trained),
            notes="Figures are exact, for the trained decoders with the optimal q. Two of the "
            "three seeds leave the ground truth for a decoder with MLEO > 0 and a smaller J; the "
            "third has MLEO > 0 too, but its training, from a random start, ended above the "
            "ground truth's J. By the protocol first chosen, with two restarts a seed, this was "
            "inconclusive as well: one of three VAEs ended above its own start.",
        )
    )
    assert verdict is Verdict.INCONCLUSIVE


@pytest.mark.slow
def test_the_trained_posteriors_are_simpler_where_p_is_high(
    networks: ClaimRuns, evidence: Callable[[Evidence], Evidence]
) -> None:
    from neural import guarded, protocol

    vae = networks.seeds("figure8")
    truth = benchmark("figure8")
    compared = [compare_posteriors(truth, n.model, draws=_DRAWS, seed=_SEED) for n in vae]
    verdict = guarded(vae, [each.simpler_where_high for each in compared])
    measured = {
        f"{name}, seed {number}": value
        for number, comparison in enumerate(compared)
        for name, value in _by_region(comparison, "VAE").items()
    }
    evidence(
        Evidence(
            claim="C07",
            where="4.2 (A)",
            statement="figure8: where p(x) is high, every trained VAE's posteriors have a lower KL "
            "to the best Gaussian and no more modes than the ground truth's",
            kind="one-sided",
            measured=measured,
            predicted="lower on the densest 10, 25 and 50 % of the data",
            margin=min((_least_saved(each) for each in compared), key=lambda saved: saved.lower),
            verdict=claim_verdict(verdict),
            over=f"{_DRAWS:,} draws from p(x), seed {_SEED}; {protocol(vae[0].trained)}",
            notes="Every seed must say so. That of seed 0, which ended above the ground truth's J, "
            "is not decided on the densest 25 %.",
        )
    )
    assert verdict is Verdict.INCONCLUSIVE


def _least_saved(comparison: PosteriorComparison) -> Estimate:
    """Return the smallest fall of the mean KL over the regions where p(x) is high."""
    high = [region for region in comparison.regions if region.share <= HIGH]
    return min((region.kl_saved for region in high), key=lambda saved: saved.lower)


def _by_region(comparison: PosteriorComparison, other: str) -> dict[str, Estimate]:
    """Return the KL and the share of posteriors with several modes, by region."""
    measured = {}
    for region in comparison.regions:
        where = "everywhere" if region.share == 1.0 else f"on the densest {region.share:.0%}"
        measured[f"KL, ground truth, {where}"] = region.truth.kl
        measured[f"KL, {other}, {where}"] = region.other.kl
        measured[f"several modes, ground truth, {where}"] = region.truth.several
        measured[f"several modes, {other}, {where}"] = region.other.several
    return measured
