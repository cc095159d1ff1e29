"""C08: on Figure-8 IWAE learns p(x) better than LIN, LIN better than VAE, and none perfectly.

Setting: the data of figure8, σ² = 0.02; networks trained by each method on fresh draws from p(x),
with three seeds, of each of which the restart with the best value of its objective counts; IWAE
with S = 20. Beside them the decoders that minimise −ELBO and −L_20 over all f, found without a
network.
Statement: section 4.2 (B) of the paper: IWAE learns p(x) better than LIN, LIN better than VAE; with
S = 20 IWAE still does not learn it perfectly.
Kind: one-sided.
Reference: section 4.2 (B); docs/theory.md.
Measured: MLEO = KL[p ‖ p_f] and the share of p(x) that is misplaced, of every decoder, exactly; J
with the optimal q, with the network's encoder, and at the start of training.
Verdict rule: "learns p(x) better" is read as a lower MLEO, beyond the error radii, in every one of
the nine pairs of seeds, and refuted where it is higher in every one; "not perfectly" as MLEO > 0
for every seed. Of IWAE against LIN and of "not perfectly" the optima of the two objectives must say
the same. LIN descends the VAE's own objective: in exact terms the two methods share one optimum and
one MLEO (C09), so that an order between them can only come from how training ends, and is judged by
the networks alone. A network whose J ends above the J at the start of its training is no evidence
about the objective.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from theorycheck.claims import SCALE, Evidence, claim_verdict
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.objectives import total_variation
from theorycheck.optimum import PredictedOptimum

if TYPE_CHECKING:
    from neural import ClaimRuns, SeedNetwork

_SAMPLES = 20


def _mleo(networks: tuple[SeedNetwork, ...]) -> list[Estimate]:
    return [network.judged.mleo for network in networks]


@pytest.mark.slow
def test_the_exact_optimum_of_iwae_has_a_lower_mleo_but_not_zero(
    predicted_optimum: Callable[..., PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    elbo = predicted_optimum("figure8")
    iwae = predicted_optimum("figure8", samples=_SAMPLES)
    margin = elbo.mleo - iwae.mleo
    verdict = positive(margin) & positive(iwae.mleo)
    evidence(
        Evidence(
            claim="C08",
            where="4.2 (B)",
            statement="figure8: at the optimum of L_20 MLEO is lower than at that of the ELBO, "
            "and above 0",
            kind="one-sided",
            measured={
                "MLEO at the optimum of the ELBO": elbo.mleo,
                "MLEO of the best decoder found for L_20": iwae.mleo,
                "share of p(x) misplaced, optimum of the ELBO": total_variation(
                    elbo.model, elbo.data
                ),
                "share of p(x) misplaced, best found for L_20": total_variation(
                    iwae.model, iwae.data
                ),
                "J at the optimum of the ELBO": elbo.excess,
                "J_20 of the best decoder found for L_20": iwae.excess,
            },
            predicted="lower, above 0",
            margin=margin,
            verdict=claim_verdict(verdict),
            over="all decoders, by the quick searches with seed 0: the best decoders found",
            notes="Neither is proved to be the optimum. The search of L_20 begins at the end of "
            f"that of the ELBO: without it, a trained network had come lower. {SCALE}",
        )
    )
    assert verdict is Verdict.HOLDS


@pytest.mark.slow
def test_trained_iwae_learns_p_better_than_lin(
    networks: ClaimRuns,
    predicted_optimum: Callable[..., PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural import guarded, protocol, told_apart
    from theorycheck.evaluation import agreed, all_below

    iwae, lin = networks.seeds("figure8", "iwae"), networks.seeds("figure8", "lin")
    elbo, importance = predicted_optimum("figure8"), predicted_optimum("figure8", _SAMPLES)
    order, margin = all_below(_mleo(iwae), _mleo(lin))
    said = guarded([*iwae, *lin], [order] * (len(iwae) + len(lin)))
    verdict = agreed(said, positive(elbo.mleo - importance.mleo))
    evidence(
        Evidence(
            claim="C08",
            where="4.2 (B)",
            statement="figure8: MLEO of every trained IWAE, S = 20, is below that of every trained "
            "LIN, and so at their optima",
            kind="one-sided",
            measured={
                **told_apart(iwae, "IWAE", importance),
                **told_apart(lin, "LIN", elbo),
                "MLEO of the best decoder found for L_20": importance.mleo,
                "MLEO at the optimum of the ELBO": elbo.mleo,
            },
            predicted="IWAE below LIN in nine pairs of seeds",
            margin=margin,
            verdict=claim_verdict(verdict),
            over=f"{protocol(iwae[0].trained)}; {protocol(lin[0].trained)}",
        )
    )
    assert verdict is Verdict.HOLDS


@pytest.mark.slow
def test_the_order_of_trained_lin_and_vae(
    networks: ClaimRuns,
    predicted_optimum: Callable[..., PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural import guarded, protocol, told_apart
    from theorycheck.evaluation import all_below

    lin, vae = networks.seeds("figure8", "lin"), networks.seeds("figure8", "vae")
    found = predicted_optimum("figure8")
    order, margin = all_below(_mleo(lin), _mleo(vae))
    verdict = guarded([*lin, *vae], [order] * (len(lin) + len(vae)))
    evidence(
        Evidence(
            claim="C08",
            where="4.2 (B)",
            statement="figure8: MLEO of every trained LIN is below that of every trained VAE",
            kind="one-sided",
            measured={
                **told_apart(lin, "LIN", found),
                **told_apart(vae, "VAE", found),
                "MLEO at the optimum of both": found.mleo,
            },
            predicted="LIN below VAE in nine pairs of seeds",
            margin=margin,
            verdict=claim_verdict(verdict),
            over=f"{protocol(lin[0].trained)}; {protocol(vae[0].trained)}",
            notes="Both descend the same objective, whose optimum has one MLEO: an order can only "
            "come from where training ends. By the protocol first chosen, with two restarts a "
            "seed, this was inconclusive, since one of three VAEs ended above its own start.",
        )
    )
    assert verdict is Verdict.INCONCLUSIVE


@pytest.mark.slow
def test_trained_iwae_does_not_learn_p_perfectly(
    networks: ClaimRuns,
    predicted_optimum: Callable[..., PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural import guarded, protocol, told_apart
    from theorycheck.evaluation import agreed

    iwae, found = networks.seeds("figure8", "iwae"), predicted_optimum("figure8", _SAMPLES)
    said = guarded(iwae, [positive(mleo) for mleo in _mleo(iwae)])
    verdict = agreed(said, positive(found.mleo))
    evidence(
        Evidence(
            claim="C08",
            where="4.2 (B)",
            statement="figure8: MLEO of every trained IWAE, S = 20, is above 0, and so of the best "
            "decoder found for L_20",
            kind="one-sided",
            measured={
                **told_apart(iwae, "IWAE", found),
                "MLEO of the best decoder found for L_20": found.mleo,
            },
            predicted="above 0",
            margin=min(_mleo(iwae), key=lambda mleo: mleo.lower),
            verdict=claim_verdict(verdict),
            over=protocol(iwae[0].trained),
            notes="No trained network has exactly MLEO = 0; that it is not for want of training "
            "alone is what the decoder beside it says, found over all f.",
        )
    )
    assert verdict is Verdict.HOLDS
