"""C15, networks: Spiral Dots, σ² refitted after training with it held, and σ² trained jointly.

Setting: the data of spiral_dots, true σ² = 0.01; VAEs trained on fresh draws from p(x), once with
σ² held at 0.01, once with σ² trained along, one for each data dimension; of the restarts the one
with the best objective.
Statement: section 4.2 of the paper: after training, the refit of σ² is 0.014 ± 0.001, and σ²
trained jointly is 0.020 ± 0.003. The exact side is in the other file of C15.
Kind: tight, for networks; the paper's were trained on finite data of a size that its main text does
not give, and its Spiral Dots is only in its appendix: ours is a formula of this project.
Reference: section 4.2, Spiral Dots; Theorem 2.
Measured: E_p E_q (x − f)² under the network's own q, averaged over dimensions (the paper has one
σ²), with five standard errors over draws of x; the trained σ², averaged likewise.
Verdict: each number on its own: verified where ours is within both radii of the paper's, refuted
where it is not. That σ² is overestimated is judged by itself, by the sign of the bias.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.report.evidence import ClaimVerdict, Evidence, claim_verdict

if TYPE_CHECKING:
    from neural.claim_runs import ClaimRuns

#: What the paper reports, by whether σ² is trained, and the true value.
_PAPER = {False: Estimate(0.014, 0.001), True: Estimate(0.020, 0.003)}
_WHAT = {False: "refit after training with σ² held", True: "σ² trained jointly"}
_TRUE = Estimate(0.01, 0.0)
#: A tenth of the default: at that one the steep f of the ground truth is lost in the first steps.
_RATE = 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("joint", [False, True])
def test_noise_of_trained_networks(
    joint: bool, networks: ClaimRuns, evidence: Callable[[Evidence], Evidence]
) -> None:
    from neural.claim_runs import protocol
    from neural.noise_refit import refit_of_restart

    given = {"learn_noise": True} if joint else {}
    trained = networks.trained("spiral_dots", learning_rate=_RATE, **given)
    refits = [refit_of_restart(trained, k) for k in range(trained.settings.restarts)]
    ours = refits[trained.selected]
    measured = {f"{_WHAT[False]}": ours}
    values = [refit.value for refit in refits]
    if joint:
        each = [float(np.mean(trained.noise_variance(k))) for k in range(len(refits))]
        # Trained σ² trails its own refit by what the last steps still move.
        ours = Estimate(each[trained.selected], abs(each[trained.selected] - ours.value))
        measured = {_WHAT[True]: each[trained.selected], "its refit": refits[trained.selected]}
        values = each
    distance = ours - _PAPER[joint]
    agrees = positive(Estimate(distance.error - abs(distance.value), 0.0))
    above = positive(ours - _TRUE)
    evidence(
        Evidence(
            claim="C15",
            where="4.2, Spiral Dots",
            statement=f"{_WHAT[joint]}, networks: {_PAPER[joint].value} ± {_PAPER[joint].error}",
            kind="tight",
            measured={
                **measured,
                "of all restarts": f"{min(values):.4f} to {max(values):.4f}",
                "true σ²": _TRUE.value,
                "start of the selected": trained.settings.inits[trained.selected],
                "−ELBO of the selected, on validation draws": float(trained.objective.min()),
            },
            predicted=_PAPER[joint],
            margin=None,
            verdict=claim_verdict(agrees),
            over=protocol(trained),
            notes="Such a number depends on the training: at ten times this rate, with σ² held, "
            "every restart ended more than 0.5 nats above the J of the ground truth. Within the "
            "radii is all that is said; a trained σ² still trails its refit, and the radius is "
            "their distance.",
        )
    )
    evidence(
        Evidence(
            claim="C15",
            where="4.2, Spiral Dots",
            statement=f"{_WHAT[joint]}, networks: above the true σ²",
            kind="one-sided",
            measured={**measured, "true σ²": _TRUE.value},
            predicted="above 0.01",
            margin=ours - _TRUE,
            verdict=claim_verdict(above),
            over=protocol(trained),
        )
    )
    assert above is Verdict.HOLDS
    assert claim_verdict(agrees) is not ClaimVerdict.INCONCLUSIVE
