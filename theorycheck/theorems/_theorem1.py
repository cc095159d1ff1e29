"""Theorem 1 at a ground truth: what holds, what fails, and over which class of decoders.

Whether an M-step moves the ground truth (_stationarity.py), condition (2) repaired over the
zero-MLEO class (_condition2.py), and the hypotheses as they stand: the premise (_premise.py),
condition (1) with a witness f (_condition1.py) and condition (2), each over all η and all three at
one η (_eta_scan.py), which is what the theorem asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from theorycheck.errors import ModelError
from theorycheck.estimate import Verdict
from theorycheck.inference import ExactModel, exact_model
from theorycheck.models import DescribedModel, same_model
from theorycheck.objectives import PMO_TOLERANCE, Decomposition, decompose
from theorycheck.optimum import check_stationarity
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.theorems._condition1 import (
    AlternativeCheck,
    Condition1At,
    check_condition_1,
    condition_1_at,
    some,
)
from theorycheck.theorems._condition2 import check_condition_2, check_repaired, has_zero_mleo
from theorycheck.theorems._eta_scan import check_one_eta
from theorycheck.theorems._premise import PremiseAt, premise_at
from theorycheck.theorems._theorem1_check import Theorem1Check

if TYPE_CHECKING:
    from theorycheck.optimum import PredictedOptimum
    from theorycheck.rearrangements import ZeroMleoClass

__all__ = [
    "AlternativeCheck",
    "Condition1At",
    "PremiseAt",
    "Theorem1Check",
    "check_theorem1",
    "condition_1_at",
]

#: Thresholds that a scan over the whole range of η looks at.
_SCAN = 200


def check_theorem1(
    ground_truth: DescribedModel | ExactModel,
    alternatives: Sequence[DescribedModel | ExactModel] = (),
    *,
    optimum: PredictedOptimum | None = None,
    zero_mleo: ZeroMleoClass | None = None,
    eta: Sequence[float] = (),
    tolerance: float = PMO_TOLERANCE,
    truth: Decomposition | None = None,
    progress: Progress = NO_PROGRESS,
) -> Theorem1Check:
    """Check Theorem 1's premise and conditions, and whether the ground truth is stationary.

    Parameters
    ----------
    ground_truth : GenerativeModel, LinearGaussianModel or ExactModel
        The model whose p(x) is the data distribution.
    alternatives : sequence of GenerativeModel or ExactModel
        Decoders f to try in condition (1). Those with MLEO = 0 count for condition (2) too.
    optimum : PredictedOptimum, optional
        On this p(x): one more alternative.
    zero_mleo : ZeroMleoClass, optional
        The class for condition (2), from ``survey_zero_mleo``. Without it conditions (2) and (2′)
        are judged over the ground truth and the alternatives.
    eta : sequence of float
        Thresholds, nats; by default the whole range of KL(x), and the intervals between them.
    tolerance : float
        Error radius wanted for every PMO, nats.
    truth : Decomposition, optional
        The decomposition of the ground truth on its own data, where there is one already.
    progress : Progress

    Returns
    -------
    Theorem1Check

    Raises
    ------
    SettingError
        If an η is not positive.
    ModelError
        If an alternative has another D, the optimum belongs to other data, or the ground truth has
        more latents than one and does not know what an M-step does to it.
    """
    ground_truth = exact_model(ground_truth)
    _check_data(ground_truth.model, optimum)
    if truth is None:
        truth = decompose(ground_truth, eta=eta, tolerance=tolerance, progress=progress)
    scan = np.asarray(eta, dtype=float) if eta else truth.kl_distribution.eta_range(_SCAN)
    parts = truth.kl_distribution.partitions(scan)
    premise = tuple(premise_at(part) for part in parts)
    premise_verdict = some(p.verdict for p in premise) if truth.resolved else Verdict.INCONCLUSIVE
    decomposed = [
        decompose(f, ground_truth, eta=eta, tolerance=tolerance, progress=progress)
        for f in alternatives
    ]
    if optimum is not None:
        decomposed.append(optimum.decomposition)
    checks = tuple(check_condition_1(truth, parts, d) for d in decomposed)
    members = () if zero_mleo is None else zero_mleo.members
    surveyed = [m.decomposition for m in members if m.member.kind != "ground truth"]
    same_law = tuple(check_condition_1(truth, parts, d) for d in surveyed)
    same_law += tuple(c for c in checks if has_zero_mleo(c.decomposition))
    names = ", ".join(a.name for a in checks)
    given = f"the alternatives given: {names}" if names else "no alternative was given"
    searched = given if zero_mleo is None else f"{zero_mleo.description}; {given}"
    found = any(a.verdict is Verdict.HOLDS for a in checks)
    stationarity = check_stationarity(ground_truth)
    joint = check_one_eta(
        truth,
        decomposed,
        [c.decomposition for c in same_law],
        searched,
        scan.tolist(),
        surveyed=zero_mleo is not None,
        between=not eta,
    )
    return Theorem1Check(
        ground_truth=truth,
        premise=premise,
        premise_verdict=premise_verdict,
        alternatives=checks,
        condition_1=Verdict.HOLDS if found else Verdict.INCONCLUSIVE,
        condition_2_check=check_condition_2(same_law, searched, surveyed=zero_mleo is not None),
        repaired=check_repaired(
            [truth, *(c.decomposition for c in same_law)],
            [d for d in decomposed if not has_zero_mleo(d)],
            searched,
            stationarity,
            surveyed=zero_mleo is not None,
        ),
        stationarity=stationarity,
        joint=joint,
        class_searched=searched,
        zero_mleo=zero_mleo,
    )


def _check_data(ground_truth: DescribedModel, optimum: PredictedOptimum | None) -> None:
    if optimum is None or same_model(optimum.data, ground_truth):
        return
    name = ground_truth.name
    other = f"{optimum.data.name}, not of {name}"
    if optimum.data.name == name:
        other = f"another {name}: of this name, but with another f or σ²"
    raise ModelError(f"the optimum is that of {other}")
