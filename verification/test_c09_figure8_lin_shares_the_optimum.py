"""C09: LIN does not repair Figure-8: it has the VAE's optimum, and not IWAE's.

Setting: the data of figure8, σ² = 0.02; VAE, LIN and IWAE (S = 20) trained on fresh draws from p(x)
with three seeds, the restart with the best objective of each; LIN (lagging inference networks) is
the VAE with another schedule of encoder steps. The optima of the ELBO and of L_20 over all f.
Statement: section 4.2 (C) of the paper: LIN shares the VAE's optimum, so that it is no remedy.
Kind: tight, to what training leaves.
Reference: section 4.2 (C).
Measured: J, MLEO and PMO of the trained decoders and of the two optima, exactly.
Verdict: the objective is the same by construction. J does not tell the methods apart, since an
IWAE's decoder has nearly LIN's J; its parts do: the optimum of L_20 has a lower MLEO and a higher
PMO than that of the ELBO. A decoder is on the ELBO's side where its MLEO and its PMO are both
nearer to those of the ELBO's optimum than to those of L_20's, beyond the radii, and on IWAE's side
where both are nearer to those of L_20's. Verified if every LIN and, as a control, every VAE is on
the ELBO's side, within 0.02 nats of its J, with MLEO > 0, and every IWAE, as the control that must
fail, is on the other. Where a control does not come out, the test has no power: inconclusive.
Refuted if every LIN is on IWAE's side. A network that ends above its own start says nothing.
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
