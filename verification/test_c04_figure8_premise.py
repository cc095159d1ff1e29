"""C04: Figure-8 meets the premise of Theorem 1, because of the crossing at (0, 0).

Setting: the ground truth figure8, σ² = 0.02: the curve passes (0, 0) at z = 0, and both of its
tails end near there.
Statement: section 4.2 of the paper: p(x) is high near (0, 0); true posteriors there have several
modes; Pr[X_Hi] D_Hi > Pr[X_Lo] D_Lo for some η.
Kind: one-sided for p(x) and the modes; a witness η for the premise.
Reference: section 4.2, Theorem 1.
Measured: the share of x ~ p(x) with a density below p(0, 0); the modes of p(z | x = (0, 0))
that hold more than 1 % of the mass; the margin of the premise.
Verdict rule: "high" means above the median of p(x), "several" at least two modes; the premise is
verified by a margin beyond its radius. For η → 0 it says no more than PMO > 0, so the largest η is
the witness. Along the curve itself p is nearly even: p(0, 0) is high, yet not higher there than at
the median of the curve, which is recorded too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from theorycheck.claims import ClaimVerdict, Evidence, claim_verdict
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.inference import MODE_MASS, MeanField, count_modes, log_density, posterior
from theorycheck.models import benchmark
from theorycheck.quadrature import latent_panels, sample_mean
from theorycheck.theorems import check_theorem1

_ORIGIN = np.zeros((1, 2))
#: Draws from p(x) that p(0, 0) is compared with.
_DRAWS = 50_000
#: Equally likely latents along the curve.
_LATENTS = 4000
#: Posterior mass from which a mode counts.
_COUNTS = 0.01


def test_density_is_high_at_the_crossing(evidence: Callable[[Evidence], Evidence]) -> None:
    model = benchmark("figure8")
    _, x = model.sample(_DRAWS, 4)
    drawn = log_density(model, x).value
    origin = float(log_density(model, _ORIGIN).value[0])
    along = log_density(model, model.decoder(ndtri((np.arange(_LATENTS) + 0.5) / _LATENTS))).value
    share = sample_mean((drawn < origin).astype(float), one_draw=1.0)
    margin = share - Estimate(0.5, 0.0)
    verdict = positive(margin)
    evidence(
        Evidence(
            claim="C04",
            where="4.2",
            statement="p(0, 0) is above the median of p(x) for x ~ p(x)",
            kind="one-sided",
            measured={
                "share of draws with lower p": share,
                "p(0, 0)": float(np.exp(origin)),
                "median p(x)": float(np.exp(np.median(drawn))),
                "largest p(x) drawn": float(np.exp(drawn.max())),
                # A share of equally likely latents is known to one of them at either end.
                "share of the curve with lower p": Estimate(
                    float(np.mean(along < origin)), 2.0 / _LATENTS
                ),
            },
            predicted="share above 0.5",
            margin=margin,
            verdict=claim_verdict(verdict),
            over=f"{_DRAWS:,} draws from p(x), seed 4",
            notes="p is nearly even along the curve: read as “higher than on most of the curve” "
            "the statement would be refuted for this project's formula of the benchmark.",
        )
    )
    assert verdict is Verdict.HOLDS


def test_posterior_at_the_crossing_has_several_modes(
    evidence: Callable[[Evidence], Evidence],
) -> None:
    panels = latent_panels(benchmark("figure8"))
    number, usual = (
        int(count_modes(panels, _ORIGIN, smallest_mass=m)[0]) for m in (_COUNTS, MODE_MASS)
    )
    modes = [mode for mode in posterior(panels, _ORIGIN[0]).modes if mode.mass >= _COUNTS]
    several = number >= 2
    evidence(
        Evidence(
            claim="C04",
            where="4.2",
            statement="p(z | x = (0, 0)) has at least two modes of more than 1 % of the mass",
            kind="one-sided",
            measured={
                "modes": number,
                "modes of at least 5 % of the mass": usual,
                "KL[q* ‖ p(z|x)]": float(MeanField(panels).kl(_ORIGIN)[0]),
            },
            predicted="at least 2 modes",
            margin=None,
            verdict=ClaimVerdict.VERIFIED if several else ClaimVerdict.REFUTED,
            witness={f"mode at z = {mode.z:.3f}": f"mass {mode.mass:.3f}" for mode in modes},
            over="the point x = (0, 0)",
            notes="The threshold of 1 % was set before the numbers. By the one of 5 %, which is "
            "used for shares of p(x) (docs/numbers.md), this posterior has a single mode: the two "
            "at the ends of the curve hold 3.9 % each.",
        )
    )
    assert several
    assert len(modes) == number
    assert usual == 1


def test_premise_holds_for_some_eta(evidence: Callable[[Evidence], Evidence]) -> None:
    check = check_theorem1(benchmark("figure8"))
    holding = [p for p in check.premise if p.verdict is Verdict.HOLDS]
    largest = max(holding or check.premise, key=lambda p: p.eta)
    part = check.ground_truth.kl_distribution.partition(largest.eta)
    evidence(
        Evidence(
            claim="C04",
            where="4.2, Theorem 1",
            statement="Pr[X_Hi] D_Hi > Pr[X_Lo] D_Lo for some η",
            kind="exists",
            measured={
                "Pr[X_Hi] D_Hi": largest.high,
                "Pr[X_Lo] D_Lo": largest.low,
                "Pr[X_Hi]": part.pr_hi,
                "PMO": check.ground_truth.pmo,
                "share of η where it holds": len(holding) / len(check.premise),
            },
            predicted="margin above 0",
            margin=largest.margin,
            verdict=claim_verdict(check.premise_verdict),
            witness={"largest η": largest.eta},
            over=f"{len(check.premise)} η over the whole range of KL(x)",
            notes="As η goes to 0 the premise holds wherever PMO > 0, so the largest η is shown: "
            "half of the PMO comes from the X_Hi there.",
        )
    )
    assert check.premise_verdict is Verdict.HOLDS
    # The telling part: half of the PMO sits on a minority of x.
    assert part.pr_hi.upper < 0.5
