"""Theorem 1: its premise and condition (1), over all η, with what they imply.

For the ground truth G and an alternative f, with P = Pr[X_Hi], L = D_Lo, Hh = D_Hi and M = MLEO(f)
(section 4.1 of the paper, MATH.md section 4):

* premise: some η has P_G Hh_G > (1 − P_G) L_G. As η → 0 this says no more than PMO > 0, so
  the largest η for which it holds is the figure to look at;
* condition (1): P_G (Hh_G − L_G) > P Hh + M, and L_G >= L.

Together the inequalities of (1) imply J(f) < J(G), so that the ground truth is not optimal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from theorycheck.estimate import Estimate, Verdict, nonnegative, positive
from theorycheck.models.generative import GenerativeModel
from theorycheck.objectives.decomposition import PMO_TOLERANCE, Decomposition, decompose
from theorycheck.objectives.partition import Partition
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.theorems.stationarity import Stationarity, check_stationarity

#: Thresholds that a scan over the whole range of η looks at.
_SCAN = 200


@dataclass(frozen=True)
class PremiseAt:
    """The premise at one η: Pr[X_Hi] D_Hi > Pr[X_Lo] D_Lo.

    Parameters
    ----------
    eta : float
        Nats.
    low, high : Estimate
        The two sides, nats.
    margin : Estimate
        high − low.
    verdict : Verdict
    """

    eta: float
    low: Estimate
    high: Estimate
    margin: Estimate
    verdict: Verdict

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "eta": self.eta,
            "low": self.low.to_dict(),
            "high": self.high.to_dict(),
            "margin": self.margin.to_dict(),
            "verdict": self.verdict.value,
        }


@dataclass(frozen=True)
class Condition1At:
    """Condition (1) at one η.

    Parameters
    ----------
    eta : float
        Nats.
    first : Estimate
        P_G (Hh_G − L_G) − P Hh − M, which must be > 0; nats.
    second : Estimate
        L_G − L, which must be >= 0; nats.
    verdict : Verdict
    """

    eta: float
    first: Estimate
    second: Estimate
    verdict: Verdict

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON; a margin that is not defined is null."""
        return {
            "eta": self.eta,
            "first": self.first.to_dict_or_null(),
            "second": self.second.to_dict_or_null(),
            "verdict": self.verdict.value,
        }


@dataclass(frozen=True)
class AlternativeCheck:
    """Condition (1) for one alternative f.

    Parameters
    ----------
    decomposition : Decomposition
        Of f against the ground truth's p(x).
    condition_1 : tuple of Condition1At
        At every η looked at.
    verdict : Verdict
        HOLDS if some η satisfies both inequalities, FAILS if every η violates one.
    witness_eta : float or None
        An η that satisfies both, of largest first margin.
    gain : Estimate
        J(G) − J(f), nats.
    prefers : Verdict
        Whether the ELBO prefers f to the ground truth, gain > 0.
    """

    decomposition: Decomposition
    condition_1: tuple[Condition1At, ...]
    verdict: Verdict
    witness_eta: float | None
    gain: Estimate
    prefers: Verdict


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
    condition_1 : Verdict
        Whether one of the alternatives satisfies condition (1). Without alternatives, or where
        they fail, nothing is said about decoders that were not looked at: INCONCLUSIVE.
    condition_2 : Verdict
        FAILS if one of the alternatives is a counterexample (MLEO = 0 within the radius, condition
        (1) satisfied); it quantifies over all f, so it is never HOLDS from a finite list.
    stationarity : Stationarity
        Whether an M-step moves the ground truth.
    class_searched : str
        The decoders that were looked at.
    """

    ground_truth: Decomposition
    premise: tuple[PremiseAt, ...]
    premise_verdict: Verdict
    alternatives: tuple[AlternativeCheck, ...]
    condition_1: Verdict
    condition_2: Verdict
    stationarity: Stationarity
    class_searched: str

    @property
    def witness(self) -> dict[str, object] | None:
        """The alternative and η that satisfy condition (1), or else an η for the premise.

        Of the η that satisfy the premise the largest is the telling one: with η → 0 all of X is
        X_Hi, and the premise says no more than PMO > 0.
        """
        for alternative in self.alternatives:
            if alternative.verdict is Verdict.HOLDS:
                return {
                    "alternative": alternative.decomposition.model.name,
                    "eta": alternative.witness_eta,
                    "gain": alternative.gain.to_dict(),
                }
        holding = [p for p in self.premise if p.verdict is Verdict.HOLDS]
        if not holding:
            return None
        best = max(holding, key=lambda p: p.eta)
        return {"eta": best.eta, "margin": best.margin.to_dict()}

    @property
    def ground_truth_is_minimum(self) -> Verdict:
        """FAILS if a better decoder was found or an M-step lowers J; it is never proved here."""
        better = any(a.prefers is Verdict.HOLDS for a in self.alternatives)
        if better or self.stationarity.verdict is Verdict.FAILS:
            return Verdict.FAILS
        return Verdict.INCONCLUSIVE

    @property
    def summary(self) -> str:
        """Say in plain words what holds, what fails and over which class."""
        holding = [p.eta for p in self.premise if p.verdict is Verdict.HOLDS]
        lines = [_premise_words(self.premise_verdict, max(holding, default=0.0))]
        for a in self.alternatives:
            name = a.decomposition.model.name
            if a.verdict is Verdict.HOLDS:
                lines.append(
                    f"Condition (1) holds for {name} (η = {a.witness_eta:.4g}): the ELBO prefers "
                    f"it to the ground truth by {a.gain.value:.4g} nats."
                )
            elif a.prefers is Verdict.HOLDS:
                lines.append(
                    f"Condition (1) {a.verdict.value} for {name}, yet the ELBO prefers it by "
                    f"{a.gain.value:.4g} nats: the condition is sufficient, not necessary."
                )
            else:
                lines.append(f"Condition (1) {a.verdict.value} for {name}.")
        moved = self.stationarity
        if moved.verdict is Verdict.FAILS:
            lines.append(
                f"One M-step lowers −ELBO by {moved.m_step_gain.value:.3g} nats, so the ground "
                "truth is no minimum of the ELBO."
            )
        elif moved.verdict is Verdict.HOLDS:
            lines.append("An M-step leaves the ground truth where it is: it is stationary.")
        lines.append(f"Looked at: {self.class_searched}.")
        return " ".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck conditions --json`` prints."""
        return {
            "model": self.ground_truth.model.name,
            "premise": [p.to_dict() for p in self.premise],
            "premise_verdict": self.premise_verdict.value,
            "condition_1": {
                "verdict": self.condition_1.value,
                "alternatives": [
                    {
                        "name": a.decomposition.model.name,
                        "verdict": a.verdict.value,
                        "witness_eta": a.witness_eta,
                        "gain": a.gain.to_dict(),
                        "prefers": a.prefers.value,
                        "mleo": a.decomposition.mleo.to_dict(),
                        "pmo": a.decomposition.pmo.to_dict(),
                        "eta": [c.to_dict() for c in a.condition_1],
                    }
                    for a in self.alternatives
                ],
            },
            "condition_2": {"verdict": self.condition_2.value, "class": self.class_searched},
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
    eta: Sequence[float] = (),
    tolerance: float = PMO_TOLERANCE,
    progress: Progress = NO_PROGRESS,
) -> Theorem1Check:
    """Check Theorem 1's premise, condition (1) for given alternatives, and stationarity.

    Parameters
    ----------
    ground_truth : GenerativeModel
        Whose p(x) is the data distribution.
    alternatives : sequence of GenerativeModel
        Decoders f to try in condition (1).
    eta : sequence of float
        Thresholds, nats; by default the whole range of KL(x).
    tolerance : float
        Error radius wanted for every PMO, nats.
    progress : Progress

    Returns
    -------
    Theorem1Check

    Raises
    ------
    SettingError
        If an η is not positive.
    ModelError
        If an alternative has another D.
    """
    truth = decompose(ground_truth, eta=eta, tolerance=tolerance, progress=progress)
    scan = np.asarray(eta, dtype=float) if eta else truth.kl_distribution.eta_range(_SCAN)
    parts = truth.kl_distribution.partitions(scan)
    premise = tuple(_premise(part) for part in parts)
    premise_verdict = _some(p.verdict for p in premise) if truth.resolved else Verdict.INCONCLUSIVE
    checks = tuple(
        _check_alternative(
            truth,
            parts,
            decompose(f, ground_truth, eta=eta, tolerance=tolerance, progress=progress),
        )
        for f in alternatives
    )
    names = ", ".join(a.decomposition.model.name for a in checks)
    found = any(a.verdict is Verdict.HOLDS for a in checks)
    counterexample = any(
        a.verdict is Verdict.HOLDS
        and a.decomposition.mleo.error < 1e-6
        and a.decomposition.mleo.contains(0.0)
        for a in checks
    )
    return Theorem1Check(
        ground_truth=truth,
        premise=premise,
        premise_verdict=premise_verdict,
        alternatives=checks,
        condition_1=Verdict.HOLDS if found else Verdict.INCONCLUSIVE,
        condition_2=Verdict.FAILS if counterexample else Verdict.INCONCLUSIVE,
        stationarity=check_stationarity(ground_truth),
        class_searched=f"the alternatives given: {names}" if names else "no alternative was given",
    )


def _premise(part: Partition) -> PremiseAt:
    # Both sides share one threshold: what one loses the other gains.
    margin = part.high - part.low
    return PremiseAt(part.eta, part.low, part.high, margin, positive(margin))


def condition_1_at(truth: Partition, f: Partition, mleo: Estimate) -> Condition1At:
    """Evaluate both inequalities of condition (1) at one η.

    Parameters
    ----------
    truth, f : Partition
        Of the ground truth and of the alternative at the same η, both under the ground truth's
        p(x).
    mleo : Estimate
        MLEO(f), nats.

    Returns
    -------
    Condition1At
    """
    first = truth.high - truth.pr_hi * truth.d_lo - f.high - mleo
    second = truth.d_lo - f.d_lo
    return Condition1At(truth.eta, first, second, positive(first) & nonnegative(second))


def _check_alternative(
    truth: Decomposition, parts: Sequence[Partition], alternative: Decomposition
) -> AlternativeCheck:
    others = alternative.kl_distribution.partitions(np.array([part.eta for part in parts]))
    conditions = tuple(
        condition_1_at(part, other, alternative.mleo)
        for part, other in zip(parts, others, strict=True)
    )
    holding = [c for c in conditions if c.verdict is Verdict.HOLDS]
    gain = truth.excess - alternative.excess
    verdict = _some(c.verdict for c in conditions)
    if not (truth.resolved and alternative.resolved):
        verdict = Verdict.INCONCLUSIVE
    elif positive(gain) is Verdict.FAILS:
        # Condition (1) implies a gain, so where there is none it fails at every η.
        verdict = Verdict.FAILS
    return AlternativeCheck(
        decomposition=alternative,
        condition_1=conditions,
        verdict=verdict,
        witness_eta=max(holding, key=lambda c: c.first.value).eta if holding else None,
        gain=gain,
        prefers=positive(gain),
    )


def _premise_words(verdict: Verdict, largest_eta: float) -> str:
    if verdict is Verdict.HOLDS:
        return (
            f"The premise holds up to η = {largest_eta:.4g} nats: most of the PMO comes from x "
            "with a larger KL."
        )
    if verdict is Verdict.FAILS:
        return "The premise fails at every η looked at."
    return "The premise is inconclusive within the error radius."


def _some(verdicts: Iterable[Verdict]) -> Verdict:
    """∃: HOLDS if one does, FAILS if all fail, else INCONCLUSIVE."""
    result = Verdict.FAILS
    for verdict in verdicts:
        result = result | verdict
    return result
