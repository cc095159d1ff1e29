"""C20, networks on a sample: whether IWAE with labels overfits its few labels.

Setting: discrete_semi_circle, γ = 1, α = 0, 1,000 observations of which one in ten has a label;
factorised family q(y|x) q(z|x), of which section 5.2 of the paper speaks.
Statement: IWAE, S = 20, learns two functions, but overfits.
Kind: one-sided, about trained networks.
Reference: section 5.2; docs/networks.md for the two bounds called IWAE.
Protocol: three samples, four restarts each, half from the ground truth, 1,500 steps. --networks
full: ten restarts, twice the steps.
Measured: overfitting is the mean of log p_f(x, y)/p(x, y) over the 80 labelled observations that
were trained on, less its expectation −MLEO_xy, which is exact; the mean scatters by its standard
errors, five of which are the radius.
Verdict rule: verified if it is above 0 beyond the radius for all three samples, refuted if it is
below 0.1 nats beyond the radius for all three; else inconclusive. The rule was made before any
network had been trained on such a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from theorycheck.claims import ClaimVerdict, Evidence
from theorycheck.estimate import Estimate
from theorycheck.inference import FACTORISED, ExactLabelled
from theorycheck.models import LabelledModel, load_labelled_model
from theorycheck.objectives import LabelledObjective, LabelledValue, labelled_value
from theorycheck.quadrature import sample_mean
from theorycheck.streams import spawned_seed

if TYPE_CHECKING:
    from neural import ClaimRuns, LabelTrained

_NAME = "discrete_semi_circle"
_SEEDS = 3
_BOUND_WORDS = {
    "inside": "the average inside the sum over y",
    "summed": "y summed in every weight",
}
#: Observations of a sample, the share with a label, and steps.
_SAMPLE, _SHARE, _SAMPLE_STEPS = 1_000, 0.1, 1_500
_OVERFITTED = 0.1


def _data() -> LabelledModel:
    return load_labelled_model(_NAME)


def _overfitting(trained: LabelTrained, value: LabelledValue, sample: Any) -> Estimate:
    """Mean of log p_f(x, y)/p(x, y) over labelled training points, less its expectation."""
    known = sample.y >= 0
    x, y = sample.x[known], sample.y[known]
    rows = np.arange(len(y))
    learned = ExactLabelled(trained.model(trained.selected)).log_joint(x)[0][y, rows]
    truth = ExactLabelled(_data()).log_joint(x)[0][y, rows]
    return sample_mean(learned - truth) + value.mleo_xy


@pytest.mark.slow
@pytest.mark.parametrize("bound", ["inside", "summed"])
def test_iwae_overfits_the_few_labels(
    bound: str, networks: ClaimRuns, evidence: Callable[[Evidence], Evidence]
) -> None:
    from neural import (
        LabelledSample,
        LabelSettings,
        listed,
        protocol,
        split_labelled,
        train_labelled,
    )

    steps, each = (2 * _SAMPLE_STEPS, 10) if networks.full else (_SAMPLE_STEPS, 4)
    objective = LabelledObjective(1.0, 0.0, _SHARE, FACTORISED)
    values, gaps = [], []
    for seed in range(_SEEDS):
        sample = LabelledSample.drawn(_data(), _SAMPLE, _SHARE, spawned_seed(20, seed))
        settings: dict[str, Any] = {"steps": steps, "restarts": each, "seed": seed}
        chosen = LabelSettings.of("iwae", objective, bound=bound, **settings)
        trained = train_labelled(_data(), chosen, sample=sample)
        stepped, _ = split_labelled(sample, trained.settings.validation_share, seed)
        model = trained.model(trained.selected)
        value = labelled_value(model, _data(), objective, tolerance=1e-3)
        values.append(value)
        gaps.append(_overfitting(trained, value, stepped))
    verdict = ClaimVerdict.INCONCLUSIVE
    if all(gap.lower > 0.0 for gap in gaps):
        verdict = ClaimVerdict.VERIFIED
    elif all(gap.upper < _OVERFITTED for gap in gaps):
        verdict = ClaimVerdict.REFUTED
    evidence(
        Evidence(
            claim="C20",
            where="5.2",
            statement="discrete_semi_circle, q(y|x) q(z|x): IWAE, S = 20, "
            f"{_BOUND_WORDS[bound]}, overfits 100 labels among 1,000 observations",
            kind="one-sided",
            measured={
                "log p_f(x, y)/p(x, y), labelled training points less all of p(x, y)": listed(gaps),
                "MLEO_xy": listed([one.mleo_xy for one in values]),
                "MLEO_x": listed([one.mleo_x for one in values]),
                "collapse": listed([one.collapse for one in values]),
            },
            predicted="overfitting of IWAE",
            margin=None,
            verdict=verdict,
            over=f"{_SEEDS} samples; {protocol(trained)}",
            notes="A network for each sample; the steps are of the sample, not of fresh draws.",
        )
    )
    assert networks.full or verdict is ClaimVerdict.INCONCLUSIVE
