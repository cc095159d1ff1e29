"""C09: LIN does not repair Figure-8: it has the VAE's optimum.

Setting: the data of figure8, σ² = 0.02; VAE and LIN trained on fresh draws from p(x), the restart
with the best objective of each; LIN (lagging inference networks) is the VAE with another schedule
of encoder steps.
Statement: section 4.2 (C) of the paper: LIN shares the VAE's optimum, so that it is no remedy.
Kind: tight, to what training leaves.
Reference: section 4.2 (C).
Measured: J of both trained decoders and of the decoder that a search over all f found, exactly.
Verdict: the objective is the same by construction. The trained ones share their optimum where both
end within 0.02 nats of the predicted J, the distance within which a trained network is expected
(docs/optimum.md), and MLEO of LIN is above zero beyond its radius.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.optimum.result import PredictedOptimum
from theorycheck.report.evidence import Evidence, claim_verdict

if TYPE_CHECKING:
    from neural.claim_runs import ClaimRuns


@pytest.mark.slow
def test_lin_ends_where_the_vae_ends(
    networks: ClaimRuns,
    predicted_optimum: Callable[..., PredictedOptimum],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    from neural.claim_runs import figures, protocol
    from neural.judging import NEAR_OPTIMUM

    lin, vae = networks.run("figure8", "lin"), networks.run("figure8", "vae")
    found = predicted_optimum("figure8")
    gaps = [run.selected.excess - found.excess for run in (lin, vae)]
    largest = max((Estimate(abs(gap.value), gap.error) for gap in gaps), key=lambda gap: gap.upper)
    margin = Estimate(NEAR_OPTIMUM, 0.0) - largest
    verdict = positive(margin) & positive(lin.selected.mleo)
    evidence(
        Evidence(
            claim="C09",
            where="4.2 (C)",
            statement="figure8: trained LIN and trained VAE both end within 0.02 nats of the "
            "predicted J, with MLEO > 0",
            kind="tight",
            measured={
                **figures(lin, "LIN"),
                **figures(vae, "VAE"),
                "predicted J": found.excess,
                "J of LIN − predicted J": gaps[0],
                "J of VAE − predicted J": gaps[1],
                "J of LIN − J of VAE": lin.selected.excess - vae.selected.excess,
            },
            predicted="within 0.02 nats",
            margin=margin,
            verdict=claim_verdict(verdict),
            over=f"{protocol(lin.trained)}; {protocol(vae.trained)}",
        )
    )
    assert verdict is Verdict.HOLDS
