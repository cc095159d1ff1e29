"""Theorem 1 at a ground truth: what holds, what fails, and over which class of decoders.

The premise (premise.py), condition (1) with a witness f and η (condition1.py), condition (2) as it
stands and repaired over the zero-MLEO class (condition2.py), and whether an M-step moves the ground
truth (stationarity.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from theorycheck.errors import ModelError
from theorycheck.estimate import Verdict
from theorycheck.models.generative import GenerativeModel
from theorycheck.objectives.decomposition import PMO_TOLERANCE, Decomposition, decompose
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.theorems.condition1 import (
    AlternativeCheck,
    Condition1At,
    check_condition_1,
    condition_1_at,
    some,
)
from theorycheck.theorems.condition2 import (
    Condition2Check,
    RepairedCheck,
    check_condition_2,
    check_repaired,
    has_zero_mleo,
    largest_gain,
)
from theorycheck.theorems.premise import PremiseAt, premise_at, premise_words
from theorycheck.theorems.stationarity import Stationarity, check_stationarity

if TYPE_CHECKING:
    from theorycheck.optimum.result import PredictedOptimum
    from theorycheck.theorems.zero_mleo_class import ZeroMleoClass

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


@dataclass(frozen=True)
class Theorem1Check:
    """What the numbers say about Theorem 1 at a ground truth.

    Parameters
    ----------
    ground_truth : Decomposition
    premise : tuple of PremiseAt
    premise_verdict : Verdict
        Whether some η satisfies the premise.
    alternatives : tuple of AlternativeCheck
        The given decoders, and the predicted optimum after them.
    condition_1 : Verdict
        Whether one of the alternatives satisfies condition (1). Without alternatives, or where
        they fail, nothing is said about decoders that were not looked at: INCONCLUSIVE.
    condition_2_check : Condition2Check
        As it stands, over the zero-MLEO class.
    repaired : RepairedCheck
        Condition (2′), over the same class.
    stationarity : Stationarity
        Whether an M-step moves the ground truth.
    class_searched : str
        The decoders that were looked at.
    zero_mleo : ZeroMleoClass or None
        The class that was surveyed.
    """

    ground_truth: Decomposition
    premise: tuple[PremiseAt, ...]
    premise_verdict: Verdict
    alternatives: tuple[AlternativeCheck, ...]
    condition_1: Verdict
    condition_2_check: Condition2Check
    repaired: RepairedCheck
    stationarity: Stationarity
    class_searched: str
    zero_mleo: ZeroMleoClass | None = None

    @property
    def condition_2(self) -> Verdict:
        """The verdict on condition (2) as it stands."""
        return self.condition_2_check.verdict

    @property
    def condition_2_repaired(self) -> Verdict:
        """The verdict on (2′): HOLDS means that the minimum is no decoder of the class."""
        return self.repaired.verdict

    @property
    def witness(self) -> dict[str, object] | None:
        """The alternative and η that satisfy condition (1), or else an η for the premise.

        Of the η that satisfy the premise the largest is the telling one: with η → 0 all of X is
        X_Hi, and the premise says no more than PMO > 0.
        """
        best = largest_gain(self.alternatives)
        if best is not None:
            return best.witness
        holding = [p for p in self.premise if p.verdict is Verdict.HOLDS]
        if not holding:
            return None
        widest = max(holding, key=lambda p: p.eta)
        return {"eta": widest.eta, "margin": widest.margin.to_dict()}

    @property
    def ground_truth_is_minimum(self) -> Verdict:
        """FAILS if a better decoder was found or an M-step lowers J; it is never proved here."""
        checks = (*self.alternatives, *self.condition_2_check.checks)
        better = any(a.prefers is Verdict.HOLDS for a in checks)
        if better or self.stationarity.verdict is Verdict.FAILS:
            return Verdict.FAILS
        return Verdict.INCONCLUSIVE

    @property
    def summary(self) -> str:
        """Say in plain words what holds, what fails and over which class."""
        return " ".join(self.findings)

    @property
    def findings(self) -> tuple[str, ...]:
        """The sentences of the summary."""
        holding = [p.eta for p in self.premise if p.verdict is Verdict.HOLDS]
        lines = [premise_words(self.premise_verdict, max(holding, default=0.0))]
        lines += [a.summary for a in self.alternatives]
        broken = self.condition_2_check.witness
        if broken is not None:
            lines.append(
                f"Condition (2) as it stands fails: {broken.name} satisfies the inequalities of "
                "(1) and has MLEO = 0."
            )
        elif self.condition_2 is Verdict.HOLDS:
            lines.append("Condition (2) as it stands holds over the class.")
        if self.zero_mleo is not None or self.condition_2_repaired is not Verdict.INCONCLUSIVE:
            lines.append(self.repaired.summary)
        moved = self.stationarity
        if moved.verdict is Verdict.FAILS:
            lines.append(
                f"One M-step lowers −ELBO by {moved.m_step_gain.value:.3g} nats, so the ground "
                "truth is no minimum of the ELBO."
            )
        elif moved.verdict is Verdict.HOLDS:
            lines.append("An M-step leaves the ground truth where it is: it is stationary.")
        lines.append(f"Looked at: {self.class_searched}.")
        return tuple(lines)

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck conditions --json`` prints."""
        return {
            "model": self.ground_truth.model.name,
            "premise": [p.to_dict() for p in self.premise],
            "premise_verdict": self.premise_verdict.value,
            "condition_1": {
                "verdict": self.condition_1.value,
                "alternatives": [a.to_dict() for a in self.alternatives],
            },
            "condition_2": self.condition_2_check.to_dict(),
            "condition_2_repaired": self.repaired.to_dict(),
            "zero_mleo_class": None if self.zero_mleo is None else self.zero_mleo.to_dict(),
            "stationarity": self.stationarity.to_dict(),
            "verdict": self.ground_truth_is_minimum.value,
            "summary": self.summary,
            "class_searched": self.class_searched,
            "witness": self.witness,
        }


def check_theorem1(
    ground_truth: GenerativeModel,
    alternatives: Sequence[GenerativeModel] = (),
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
    ground_truth : GenerativeModel
        Whose p(x) is the data distribution.
    alternatives : sequence of GenerativeModel
        Decoders f to try in condition (1). Those with MLEO = 0 count for condition (2) too.
    optimum : PredictedOptimum, optional
        On this p(x): one more alternative.
    zero_mleo : ZeroMleoClass, optional
        The class for condition (2), from ``survey_zero_mleo``. Without it conditions (2) and (2′)
        are judged over the ground truth and the alternatives.
    eta : sequence of float
        Thresholds, nats; by default the whole range of KL(x).
    tolerance : float
        Error radius wanted for every PMO, nats.
    truth : Decomposition, optional
        Of the ground truth against itself, where there is one already.
    progress : Progress

    Returns
    -------
    Theorem1Check

    Raises
    ------
    SettingError
        If an η is not positive.
    ModelError
        If an alternative has another D, or the optimum belongs to other data.
    """
    _check_data(ground_truth, optimum)
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
        ),
        stationarity=check_stationarity(ground_truth),
        class_searched=searched,
        zero_mleo=zero_mleo,
    )


def _check_data(ground_truth: GenerativeModel, optimum: PredictedOptimum | None) -> None:
    if optimum is None or optimum.data is ground_truth:
        return
    z = np.linspace(-4.0, 4.0, 33)
    same = np.array_equal(optimum.data.noise_variance, ground_truth.noise_variance)
    if not same or not np.array_equal(optimum.data.decoder(z), ground_truth.decoder(z)):
        raise ModelError(f"the optimum is that of {optimum.data.name}, not of {ground_truth.name}")
