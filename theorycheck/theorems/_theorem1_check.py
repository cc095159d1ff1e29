"""The verdicts on Theorem 1, in numbers and in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from theorycheck.estimate import Verdict
from theorycheck.models import fingerprint_of
from theorycheck.objectives import Decomposition
from theorycheck.optimum import Stationarity
from theorycheck.rearrangements import ZeroMleoClass
from theorycheck.results import Saved
from theorycheck.ruling import Ruling
from theorycheck.theorems._condition1 import AlternativeCheck
from theorycheck.theorems._condition2 import Condition2Check, RepairedCheck, largest_gain
from theorycheck.theorems._one_eta import OneEtaCheck
from theorycheck.theorems._premise import PremiseAt, premise_words


@dataclass(frozen=True)
class Theorem1Check(Saved):
    """What the numbers say about Theorem 1 at a ground truth.

    Parameters
    ----------
    ground_truth : Decomposition
    premise : tuple of PremiseAt
    premise_verdict : Verdict
        HOLDS where some η satisfies the premise.
    alternatives : tuple of AlternativeCheck
        The given decoders, and the predicted optimum after them.
    condition_1 : Verdict
        HOLDS where one of the alternatives satisfies condition (1) at some η. Without alternatives,
        or where they fail, nothing is said about decoders that were not looked at: INCONCLUSIVE.
    condition_2_check : Condition2Check
        As it stands, over the zero-MLEO class, at every η.
    repaired : RepairedCheck
        Condition (2′), over the same class.
    stationarity : Stationarity
        How far an M-step moves the ground truth.
    joint : OneEtaCheck
        The verdict on the premise, (1) and (2) at one η, as the theorem asks.
    class_searched : str
        The decoders that were looked at.
    zero_mleo : ZeroMleoClass or None
        The class that was surveyed.
    """

    schema: ClassVar[str] = "conditions"

    ground_truth: Decomposition
    premise: tuple[PremiseAt, ...]
    premise_verdict: Verdict
    alternatives: tuple[AlternativeCheck, ...]
    condition_1: Verdict
    condition_2_check: Condition2Check
    repaired: RepairedCheck
    stationarity: Stationarity
    joint: OneEtaCheck
    class_searched: str
    zero_mleo: ZeroMleoClass | None = None

    def _about(self) -> dict[str, object]:
        data = self.ground_truth.data
        return {"data": data.name, "fingerprint": fingerprint_of(data)}

    @property
    def condition_2(self) -> Verdict:
        """The verdict on condition (2) at every η; :attr:`joint` has it at the η of (1)."""
        return self.condition_2_check.verdict

    @property
    def condition_2_repaired(self) -> Verdict:
        """The verdict on (2′): HOLDS means that the minimum is no decoder of the class."""
        return self.repaired.verdict

    @property
    def premise_ruling(self) -> Ruling:
        """The verdict on the premise, and the kind that it rests on."""
        found = Ruling.some(at.ruling for at in self.premise)
        return Ruling(self.premise_verdict, found.rests_on)

    @property
    def condition_1_ruling(self) -> Ruling:
        """The verdict on condition (1), and the kind that it rests on."""
        found = Ruling.some(check.ruling for check in self.alternatives)
        return Ruling(self.condition_1, found.rests_on)

    @property
    def minimum_ruling(self) -> Ruling:
        """Whether the ground truth is the minimum, and the kind that this rests on."""
        checks = (*self.alternatives, *self.condition_2_check.checks)
        against = [check.preferred for check in checks] + [~self.stationarity.ruling]
        return Ruling(self.ground_truth_is_minimum, Ruling.some(against).rests_on)

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
        lines = []
        moved = self.stationarity
        if moved.verdict is Verdict.FAILS:
            lines.append(
                f"One M-step lowers −ELBO by {moved.m_step_gain.value:.3g} nats, so the ground "
                "truth is no minimum of the ELBO."
            )
        elif moved.verdict is Verdict.HOLDS:
            lines.append("An M-step leaves the ground truth where it is: it is stationary.")
        if self.zero_mleo is not None or self.condition_2_repaired is not Verdict.INCONCLUSIVE:
            lines.append(self.repaired.summary)
        holding = [p.eta for p in self.premise if p.verdict is Verdict.HOLDS]
        lines.append(premise_words(self.premise_verdict, max(holding, default=0.0)))
        lines += [a.summary for a in self.alternatives]
        broken = self.condition_2_check.witness
        if broken is not None:
            lines.append(
                f"Condition (2) as it stands fails at η = {broken.witness_eta:.4g}: {broken.name} "
                "satisfies the inequalities of (1) and has MLEO = 0."
            )
        elif self.condition_2 is Verdict.HOLDS:
            lines.append("Condition (2) as it stands holds over the class, at every η.")
        lines.append(self.joint.summary)
        lines.append(f"Looked at: {self.class_searched}.")
        return tuple(lines)

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck conditions --json`` prints."""
        return {
            "model": self.ground_truth.model.name,
            "premise": [p.to_dict() for p in self.premise],
            "premise_verdict": self.premise_verdict.value,
            "premise_rests_on": self.premise_ruling.rests_on,
            "premise_asks": "whether some η meets it",
            "condition_1": {
                **self.condition_1_ruling.to_dict(),
                "asks": "whether an alternative meets it at some η",
                "alternatives": [a.to_dict() for a in self.alternatives],
            },
            "condition_2": self.condition_2_check.to_dict(),
            "condition_2_repaired": self.repaired.to_dict(),
            "zero_mleo_class": None if self.zero_mleo is None else self.zero_mleo.to_dict(),
            "stationarity": self.stationarity.to_dict(),
            "joint": self.joint.to_dict(),
            **self.minimum_ruling.to_dict(),
            "summary": self.summary,
            "class_searched": self.class_searched,
            "witness": self.witness,
        }
